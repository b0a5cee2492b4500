"""What a `Selector` can be made of, and what it stands at."""

import re
import weakref
from typing import Any

import pytest
from itemloaders import ItemLoader
from lxml import etree

from scraper import Response
from scraper.markup import Selector, SelectorError, SelectorList

PAGE = "<!doctype html><title>t</title><p class=a>é <b>x</b></p>"


@pytest.mark.parametrize(
    "page",
    [
        Selector(PAGE),
        Selector(text=PAGE),
        Selector(PAGE, "html"),
        Selector(body=PAGE.encode()),
        Selector(body=bytearray(PAGE.encode("koi8-r", "replace").replace(b"?", b"\xe9")), encoding="windows-1252"),
        Selector(body=PAGE.encode("utf-16"), encoding="utf_16"),
        Selector(root=Selector(PAGE).root),
        Selector(root=Selector(PAGE).root, type="html", namespaces={"a": "urn:a"}),
        Selector(root=PAGE, type="text").css("html")[0],
    ],
)
def test_pages(page: Selector) -> None:
    """A page comes as text, also by position, as bytes in an encoding, or as an element that was parsed before."""
    assert (page.type, page.root.tag) == ("html", "html")
    assert page.css("p::text").get() == page.xpath("//p/text()").get() == "é "
    assert page.css("b")[0].root.tag == "b"
    assert (page.css("b::text")[0].root, page.css("b::text")[0].type) == ("x", "html")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "ValueError: a Selector needs one of text, body and root"),
        ({"text": "x", "root": "x"}, "ValueError: a Selector needs one of text, body and root"),
        ({"text": "x", "body": b""}, "ValueError: a Selector needs one of text, body and root"),
        ({"text": b"<p>"}, "TypeError: a Selector is made of text, not of b'<p>': give bytes as body=…"),
        ({"text": Selector("<i>").root}, "TypeError: .* not of <LexborNode html>: give an element as root=…"),
        (
            {"text": Response("http://a.example/")},
            r"TypeError: .* not of <200 http://a\.example/>: its root is \.selector, and it has css\(\) and xpath\(\)",
        ),
        ({"text": 5}, "TypeError: a Selector is made of text, not of 5$"),
        ({"body": "<p>"}, "TypeError: a Selector's body is bytes, not '<p>': give text as text=…"),
        ({"body": 5}, "TypeError: a Selector's body is bytes, not 5$"),
        ({"body": b"", "encoding": "nope"}, "ValueError: a Selector's encoding is the name of one, not 'nope'"),
        ({"body": b"", "encoding": None}, "ValueError: a Selector's encoding is the name of one, not None"),
        ({"text": "", "type": "xhtml"}, "ValueError: a Selector is of the type html, xml, json, text, not 'xhtml'"),
        ({"root": {"a": 1}, "type": "html"}, "ValueError: .* as its root is of the type json, not 'html'"),
        ({"root": Selector("<i>").root, "type": "xml"}, "ValueError: .* as its root is of the type html, not 'xml'"),
        ({"root": "x", "type": "nope"}, "ValueError: .* as its root is of the type html, not 'nope'"),
        ({"root": object()}, "TypeError: a Selector's root is an element, a text or data, not <object"),
        ({"text": "{", "type": "json"}, "ValueError: the text of the Selector is not JSON: "),
        (
            {"text": "<a>", "type": "xml", "base_url": "http://u:p@a.example/b"},
            "ValueError: http://a.example/b cannot be read as XML: it is cut short",
        ),
    ],
)
def test_what_no_selector_is_made_of(arguments: dict[str, Any], error: str) -> None:
    """Anything else is one error, which says what was given and, where it is known, what to give."""
    with pytest.raises((ValueError, TypeError)) as raised:
        Selector(**arguments)
    assert re.match(error, f"{type(raised.value).__name__}: {raised.value}")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<p>x", "html"),
        ("", "html"),
        ("<a/>", "html"),
        ("[1] <p>x", "html"),
        ("5", "html"),
        ('"x"', "html"),
        ("<?xml-stylesheet?><a/>", "html"),
        ('<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><p>x</p></html>', "html"),
        ('<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN"><html><p>x', "html"),
        ('\ufeff <?xml version="1.0"?><a/>', "xml"),
        ('<?xml version="1.0"?><htmlx/>', "xml"),
        ('\n {"a": 1}', "json"),
        ("[]", "json"),
    ],
)
def test_what_a_text_is(text: str, kind: str) -> None:
    """Nobody has to say that a text is JSON or XML, if it begins as no page does; a page of XHTML is a page."""
    assert Selector(text).type == Selector(body=text.encode()).type == kind


def test_xml() -> None:
    """XML has its own names, in any case and with prefixes; `root` is lxml's element."""
    text = '<r xmlns:m="urn:m"><Tea id="1"><m:price>4</m:price><link href="/a"/></Tea></r>'
    page = Selector(text, type="xml", namespaces={"n": "urn:m"})
    assert page.xpath("//n:price/text()").get() == page.css("Tea > m|price::text").get() == "4"
    page.register_namespace("o", "urn:m")
    assert page.xpath("Tea").xpath("o:price").get() == page.css("Tea").css("o|price").get()
    assert page.css("link").references() == ["/a"]
    assert [each.type for each in page.css("Tea, Tea::attr(id)")] == ["xml", "xml"]
    assert page.root.tag == "r"
    assert Selector(root=etree.fromstring(text)).css("Tea").attrib == {"id": "1"}
    assert Selector(root="4", type="xml").xpath(".").getall() == ["4"]
    assert page.css("Tea::attr(id)").json() == 1
    page.remove_namespaces()
    assert page.xpath("//price").get() == "<price>4</price>"
    assert page.css("price").number() == 4
    assert (page.table(), page.json_ld()) == ([], [])


def test_namespaces_of_a_page() -> None:
    """An expression may use the prefixes that a page was given, at once or later."""
    page = Selector("<p>a b</p>", namespaces={"str": "http://exslt.org/strings"})
    assert page.css("p").xpath("str:padding(2, 'x')").get() == "xx"
    other = Selector("<p>a b</p>")
    with pytest.raises(SelectorError, match="Undefined namespace prefix"):
        other.xpath("str:padding(2, 'x')")
    other.register_namespace("str", "http://exslt.org/strings")
    other.remove_namespaces()
    assert other.xpath("str:padding(2, 'x')").get() == "xx"


JSON = '{"teas": [{"name": "Sencha", "price": 5}, {"name": "Assam"}], "html": "<p>1</p><p>2</p>", "none": null}'


def test_json() -> None:
    """Data is asked by JMESPath, one match for each element of a list; a text in it can be asked as a page."""
    data = Selector(JSON)
    assert data.jmespath("teas[*].name").getall() == ["Sencha", "Assam"]
    assert data.jmespath("teas").jmespath("name").re("a.") == ["am"]
    assert data.jmespath("teas[0].price").get() == 5
    assert data.jmespath("teas[0]").get() == {"name": "Sencha", "price": 5}
    assert (data.jmespath("none").getall(), data.jmespath("nowhere").get("x")) == ([], "x")
    assert [each.type for each in data.jmespath("[html, teas[0].price]")] == ["text", "json"]
    assert data.jmespath("html").css("p::text").getall() == data.jmespath("html").xpath("//p/text()").getall()
    assert data.jmespath("html").css("p").xpath("..").css("p + p::text").get() == "2"
    assert (data.json(), data.get(), data.root) == (data.root,) * 3
    assert (data.attrib, data.is_text, str(data)) == ({}, True, str(data.root))
    assert Selector(root=[1, None]).jmespath("@").getall() == [1, None]
    assert (Selector("0", type="json").get(), Selector('"x"', type="json").root) == (0, "x")
    assert (bool(Selector(root=0)), bool(Selector(root="")), bool(data)) == (False, False, True)
    assert (Selector(root=None).text, Selector(root=1.5).number()) == ("", Selector("1.5").number())


def test_json_in_a_page() -> None:
    """What JMESPath finds in each element or text that is JSON; what is not JSON has nothing, but `json()` says so."""
    page = Selector('<script>var a</script><script>{"a": [1]}</script><script>{"a": [2, 3]}</script>')
    assert page.css("script").jmespath("a").getall() == [1, 2, 3]
    assert page.css("script::text").jmespath("a[0]").getall() == [1, 2]
    assert page.css("script").jmespath("nothing").re_first("x") is None
    assert page.jmespath("a") == []
    with pytest.raises(ValueError, match=r"^what is in <script> is not JSON: "):
        page.css("script")[0].json()
    for text in (Selector("nope", type="text"), Selector(root="nope")):
        with pytest.raises(ValueError, match=r"^what is in <Selector 'nope'> is not JSON: "):
            text.json()


def test_jmespath_and_its_options() -> None:
    """Functions of one's own may be used; an expression that is broken or not answered is an error that names it."""
    import jmespath

    class Functions(jmespath.functions.Functions):  # type: ignore[misc]
        @jmespath.functions.signature({"types": ["number"]})  # type: ignore[untyped-decorator]
        def _func_twice(self, number: int) -> int:
            return number * 2

    data = Selector('{"a": 4, "b": "x"}')
    assert data.jmespath("twice(a)", options=jmespath.Options(custom_functions=Functions())).get() == 8
    for expression in ("a[", "nosuch(a)", "abs(b)", "abs(a, a)", "", 5):
        with pytest.raises(SelectorError, match=r"JMESPath expression .* (is not (understood|answered)|not 5)"):
            data.jmespath(expression)  # type: ignore[arg-type]


def test_what_data_cannot_be_asked() -> None:
    """Data is no page, and no text to be searched."""
    data = Selector(root={"a": 1})
    for ask in (data.css, data.xpath):
        with pytest.raises(SelectorError, match=r"cannot be asked of data, \{'a': 1\}: jmespath\(\) can"):
            ask("p")
    for search in (data.re, data.re_first, data.jmespath("a").re):
        with pytest.raises(TypeError, match="a regular expression is looked for in text, not in "):
            search("a")


@pytest.mark.parametrize(
    "found",
    [
        Selector(PAGE).css("b::text"),
        Selector(PAGE).css("p::attr(class)"),
        Selector(PAGE).xpath("//b/text()"),
        Selector(PAGE).xpath("string(//b)"),
        Selector("<r>x</r>", type="xml").xpath("text()"),
    ],
)
def test_a_text_is_itself(found: SelectorList) -> None:
    """To `xpath(".")`, a text or an attribute is itself; there is nothing else in it."""
    assert found.xpath(" . ").getall() == found.getall() == [found[0].get()]
    assert found[0].xpath(".").xpath(".").get() == found.get()
    assert (found.xpath(".//text()").getall(), found.css("*").getall()) == ([], [])


def test_queries_of_texts_are_read() -> None:
    """A broken selector is an error, though a text has nothing to be found."""
    with pytest.raises(SelectorError):
        Selector(PAGE).css("b::text")[0].css("[")


class Teas(SelectorList):
    """A list of one's own."""

    def names(self) -> list[str]:
        return [each.text for each in self]


class Tea(Selector):
    """A selector of one's own."""

    selectorlist_cls = Teas

    def name(self) -> str:
        return f"tea {self.text}"


@pytest.mark.parametrize(
    ("page", "query"),
    [(Tea("<i>1</i><i>2</i>"), "i"), (Tea("<r><i>1</i><i>2</i></r>", type="xml"), "i")],
    ids=["html", "xml"],
)
def test_selectors_of_ones_own(page: Tea, query: str) -> None:
    """What is found by a subclass is of that class, and in the list that `selectorlist_cls` names."""
    for found in (page.css(query), page.xpath(f"//{query}"), page.css(query)[:], page.css("*").css(query)[-2:]):
        assert type(found) is Teas
        assert found.names() == ["1", "2"]
        assert [type(each) for each in found] == [Tea, Tea]
    first: Any = page.css(query)[0]
    assert first.name() == "tea 1"
    assert repr(first) == "<Tea '<i>1</i>'>"
    assert type(Tea(JSON).jmespath("teas")[0]) is Tea


def test_item_loaders() -> None:
    """The loader of the package itemloaders takes what CSS, XPath and JMESPath find in a page, an element or data."""
    page = Selector(f"<h1>t</h1><script>{JSON}</script>")
    loader = ItemLoader(selector=page)
    loader.add_css("title", "h1::text")
    loader.add_xpath("title", "//h1/text()")
    loader.nested_css("script").add_jmes("name", "teas[*].name")
    assert loader.load_item() == {"title": ["t", "t"], "name": ["Sencha", "Assam"]}
    for data in (Response("http://a.example/", body=JSON), Selector(JSON)):
        loader = ItemLoader(selector=data)
        loader.add_jmes("name", "teas[*].name", re="^S(.*)")
        assert loader.load_item() == {"name": ["encha"]}


def test_selectors_may_be_referred_to_weakly() -> None:
    """A cache may hold selectors without keeping them."""
    page = Selector(PAGE)
    assert weakref.ref(page)() is page
