"""A body that is XML, read as XML."""

import pickle

import pytest

from scraper import Response
from scraper.markup.selectors.query import SelectorError

STOCK = """<?xml version="1.0"?>
<stock xmlns="urn:shop" xmlns:m="urn:money">
  <tea id="1" m:unit="kg"><link>/sencha</link><Name><![CDATA[Sencha & Co]]></Name><m:price>4.50</m:price></tea>
  <tea id="2"><link>/assam</link><Name>Assam &amp; <i>more</i></Name><m:price>3.90</m:price></tea>
</stock>"""


def xml(body: str | bytes, content_type: str = "application/xml") -> Response:
    return Response("http://a.example/stock.xml", headers={"Content-Type": content_type}, body=body)


def test_what_html_has_no_word_for() -> None:
    """CDATA, elements that are void in HTML, upper case and attributes of a namespace are there."""
    root = xml(STOCK).xml()
    root.remove_namespaces()
    assert root.xpath("/stock/tea/Name").getall() == [
        "<Name>Sencha &amp; Co</Name>",
        "<Name>Assam &amp; <i>more</i></Name>",
    ]
    assert root.css("tea > link::text").getall() == ["/sencha", "/assam"]
    assert root.css("tea").attrib == {"id": "1", "unit": "kg"}
    assert [tea.css("Name").text for tea in root.css("tea")] == ["Sencha & Co", "Assam & more"]
    assert root.css("price").re_first(r"(\d+)\.") == "4"


def test_prefixes() -> None:
    """Those that the root declares are known; a query may bring others, for itself or for good."""
    root = xml(STOCK).xml()
    assert root.xpath("//m:price/text()").getall() == root.css("m|price::text").getall() == ["4.50", "3.90"]
    assert root.xpath("//s:tea/@id", namespaces={"s": "urn:shop"}).getall() == ["1", "2"]
    assert root.xpath("//s:tea[@id = $id]/m:price", namespaces={"s": "urn:shop"}, id="2").text == "3.90"
    with pytest.raises(SelectorError, match="'//s:tea' is not understood: Undefined namespace prefix"):
        root.xpath("//s:tea")
    root.register_namespace("s", "urn:shop")
    assert len(root.xpath("//s:tea").xpath("s:Name")) == 2


def test_queries_are_those_of_pages() -> None:
    """What `xpath()` of a page knows, that of an element of XML does; a broken expression is one error."""
    root = xml("<r><a class='b c'>1</a><a>2</a></r>").xml()
    assert root.xpath("//a[has-class('c')]").text == "1"
    assert root.xpath("count(//a)").get() == "2.0"
    assert root.xpath("boolean(//b)").get() == "0"
    assert root.xpath(r"//a[re:test(., '^2$')]").text == "2"
    for query in ("//a[", "//a[re:test(., '(')]", "//a[has-class()]", "$none"):
        with pytest.raises(SelectorError, match="is not understood"):
            root.xpath(query)


def test_it_is_read_once() -> None:
    """What was done to it stays, until the page is let go of."""
    page = xml(STOCK)
    page.xml().remove_namespaces()
    assert len(page.xml().xpath("//tea")) == 2
    page.forget()
    assert len(page.xml().xpath("//tea")) == 0
    assert len(pickle.loads(pickle.dumps(page)).xml().xpath("//m:price")) == 2


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("<r>é</r>".encode("latin-1"), "text/xml; charset=iso-8859-1", "é"),
        ("<?xml version='1.0' encoding='koi8-r'?><r>Чай</r>".encode("koi8-r"), "text/xml", "Чай"),
        ("<r>é</r>".encode("utf-16"), "", "é"),
        ("<r>tea&nbsp;&eacute;&unknown;</r>", "", "tea é&unknown;"),
        ("<r>\x00</r>", "", "\ufffd"),
        ("  <r>1</r> and more", "", "1"),
        ("<r>a=1&b=2 <i>&nbsp;</r>", "", "a=1&b=2"),
        ("<r><a></r>", "", ""),
    ],
)
def test_bodies(body: str | bytes, content_type: str, text: str) -> None:
    """Encodings are found as XML has it (RFC 7303), and what is merely wrong is let pass."""
    assert xml(body, content_type).xml().text == text


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "it is empty"),
        ("{}", "it is not XML"),
        ("<!DOCTYPE html><p>Tea", "it is an HTML page"),
        ("<r><a>", "it is cut short"),
        ("<html><p>Tea</html>", "it is an HTML page"),
        ("<r>&<a>", "its XML is broken: not well-formed (invalid token): line 1, column 4, and it is cut short"),
        ("<!DOCTYPE r [<!ENTITY a 'b'>]><r>&a;</r>", "its DOCTYPE declares entities or the like, which is refused"),
        ("<a>" * 300, "its elements are nested more than 200 deep"),
        ("<r>" + "<a/>" * 700_000 + "</r>", "it has an element of more than 67,108,864 characters"),
        (b"\x1f\x8b\x08", "it is cut short: its gzip does not end"),
    ],
)
def test_what_is_no_xml(body: str | bytes, why: str) -> None:
    """One error names the page, and says why."""
    with pytest.raises(ValueError, match="cannot be read as XML") as caught:
        xml(body).xml()
    assert str(caught.value) == f"<200 http://a.example/stock.xml> cannot be read as XML: {why}"
