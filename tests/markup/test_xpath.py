"""XPath sees the tree that CSS sees."""

import pytest

from scraper import Response
from scraper.errors import FetchError, SettingsError
from scraper.markup import Selector, SelectorError
from scraper.markup.document.sandbox import TooComplexError
from scraper.markup.selectors.mirror import DEEPEST

PAGE = """<html><head><title>T</title></head><body>
<div class="a x" id="d1"><p>one <b>two</b> three</p><!-- note --><p lang="en">four</p>
</div><div id="d2"><a href="/1" title="l">1</a><a href="/2">2</a><g:plus @click="go" v-on:x="y">g</g:plus></div>
<table><tr><td>5</td></tr></table></body></html>"""


def page() -> Selector:
    return Selector(text=PAGE)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("//a/@href", ["/1", "/2"]),
        ("//a/text()", ["1", "2"]),
        ("//p[1]//text()", ["one ", "two", " three"]),
        ("//p/text()", ["one ", " three", "four"]),
        ("/html/body/div/@id", ["d1", "d2"]),
        ("//a", ['<a href="/1" title="l">1</a>', '<a href="/2">2</a>']),
        ("//comment()", ["<!-- note -->"]),
        ("//a/@href | //b/text()", ["two", "/1", "/2"]),
        ("//*[@lang]/@*", ["en"]),
        ("//p[re:test(text(), '^f')]/text()", ["four"]),
        ("//*[has-class('x')]/@id", ["d1"]),
        ("//*[has-class('x', 'a')]/@id", ["d1"]),
        ("//*[has-class('x', 'b')]/@id", []),
        ("//b/following-sibling::text()", [" three"]),
        ("//table/tbody/tr/td/text()", ["5"]),
        ("//*[name()='g:plus']/text()", ["g"]),
        ("string(//p)", ["one two three"]),
        ("count(//a)", ["2.0"]),
        ("1 div 4", ["0.25"]),
        ("1234567 * 2", ["2469134.0"]),
        ("boolean(//a)", ["1"]),
        ("boolean(//x)", ["0"]),
        ("//x", []),
    ],
)
def test_queries(query: str, expected: list[str]) -> None:
    """XPath gives elements, texts, attributes, comments, numbers and truth values as parsel does."""
    assert page().xpath(query).getall() == expected
    assert page().xpath(query).get("none") == (expected[0] if expected else "none")


def test_css_and_xpath_mix() -> None:
    """What one finds can be asked by the other."""
    assert page().css("#d2").xpath("./a/@href").getall() == ["/1", "/2"]
    assert page().xpath("//div").css("p::text").getall() == ["one ", " three", "four"]
    assert page().xpath("//div")[1].css("a")[0].xpath("@title").get() == "l"
    assert page().xpath("//a").attrib == {"href": "/1", "title": "l"}
    assert page().xpath("//a").re(r"/(\d)") == ["1", "2"]
    assert page().xpath("//div/p").xpath("./b").css("::text").getall() == ["two"]


def test_relative_and_absolute() -> None:
    """`.//` starts from the element, `//` from the page, and `..` leads out of the element."""
    second = page().css("#d2")[0]
    assert second.xpath(".//text()").getall() == ["1", "2", "g"]
    assert len(second.xpath("//p")) == 2
    assert second.xpath("../div[1]/@id").get() == "d1"
    assert second.xpath("a[1]/text()").get() == "1"
    assert page().css("a::text").xpath(".//x").getall() == []


def test_variables_and_namespaces() -> None:
    """Values are handed over as variables, without quoting; prefixes can be given."""
    assert page().xpath("//a[@href=$which]/text()", which="/2").getall() == ["2"]
    assert page().xpath("//a[$n]/text()", n=1).getall() == ["1"]
    assert page().xpath(
        "//p[e:test(., 'four')]", namespaces={"e": "http://exslt.org/regular-expressions"}
    ).getall() == ['<p lang="en">four</p>']


def test_regular_expressions_of_exslt() -> None:
    """`re:test`, `re:match` and `re:replace` are EXSLT's."""
    assert page().xpath("//a[re:test(@href, '^/[2-9]$')]/text()").getall() == ["2"]
    assert page().xpath("re:replace(string(//b), 't', 'g', 'T')").get() == "Two"
    assert page().xpath("//p[re:test(., 'FOUR', 'i')]/@lang").get() == "en"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (r"re:match(//a/@href, '(/)(\d)', 'g')", ["<match>/1</match>"]),
        (r"re:match(//a/@href, '(/)(\d)')/text()", ["/1", "/", "1"]),
        (r"re:match(//a/@href, '(/)(\d)')[2]", ["<match>/</match>"]),
        (
            r"re:match(//a/@href, '(/)(\d)') | //b",
            ["<b>two</b>", "<match>/1</match>", "<match>/</match>", "<match>1</match>"],
        ),
        (
            r"re:match(//a/@href, '(/)(\d)')/..",
            ["<matches><match>/1</match><match>/</match><match>1</match></matches>"],
        ),
        ("set:difference(//p, //p[1])", ['<p lang="en">four</p>']),
        ("math:highest(//a)", ['<a href="/2">2</a>']),
    ],
)
def test_functions_that_give_nodes(query: str, expected: list[str]) -> None:
    """What a function makes is found as what stands in the page is."""
    assert sorted(page().xpath(query, {"math": "http://exslt.org/math"}).getall()) == sorted(expected)


def test_nodes_that_a_function_made() -> None:
    """They are XML, which can be asked further, and belong to no page."""
    made = page().xpath(r"re:match(//a/@href, '(/)(\d)')")
    assert made.xpath("text()").getall() == made.css("match::text").getall() == ["/1", "/", "1"]
    assert (made[0].text, made.attrib, made[0].type, made[0].root.tag) == ("/1", {}, "xml", "match")


def test_values_are_no_part_of_an_expression() -> None:
    """A variable's value is compared as it is, whatever quotes and brackets are in it."""
    title = """']|//a["or"1"""
    selector = Selector(text="<p></p>")
    selector.css("p")[0].node.attrs["title"] = title
    assert len(selector.xpath("//p[@title=$title]", title=title)) == 1


@pytest.mark.parametrize(
    "query",
    [
        "(" * 100_000,
        "//p" * 10_000,
        "//p" + "[p" * 6_000 + "]" * 6_000,
        "|".join(["//p"] * 10_000),
        " or ".join("1" * 10**5),
    ],
)
def test_expressions_that_are_too_much(query: str) -> None:
    """An expression that is nested too deep, or has too many steps, is an error of one short line."""
    with pytest.raises(SelectorError, match=r"the XPath expression .{1,320} is not understood: ") as raised:
        page().xpath(query)
    assert len(str(raised.value)) < 500


def test_expressions_read_no_files() -> None:
    """No function of an expression leads out of the page."""
    with pytest.raises(SelectorError, match="Unregistered function"):
        page().xpath("document('/etc/hostname')")


@pytest.mark.parametrize(
    "query", ["//a[re:test(., '(')]", "//a[", "//a[@href=$unknown]", "nosuch()", "//z:a", "//*[has-class()]", "", "\0"]
)
def test_errors_name_the_expression(query: str) -> None:
    """An expression that is not understood is a SelectorError that names it."""
    with pytest.raises(SelectorError, match=r"the XPath expression .* is not understood"):
        page().xpath(query)


def test_names_that_xml_does_not_know() -> None:
    """A page may have any tags, attributes and characters: the rest of it can be asked nevertheless."""
    selector = Selector(text='<a"b c"d=1 e=2>x</a"b><p \x01q=\x02>y\x01z\x0c</p><!-- a--b- --><svg><path d="m"/></svg>')
    assert selector.xpath("//@e").get() == "2"
    assert selector.xpath("//p/text()").get() == "yz"
    assert selector.xpath("//*[name()='path']/@d").get() == "m"
    assert len(selector.xpath("//comment()")) == 1


def test_deep_pages() -> None:
    """A page is asked if it is no deeper than is reasonable; XPath would take hours for others."""
    assert Selector(text="<div>" * (DEEPEST - 10) + "<p>x").xpath("//div//div//p/text()").getall() == ["x"]
    deep = "<div>" * 4_000 + "<p>x"
    with pytest.raises(
        TooComplexError, match=r"xpath\(\) cannot be asked of a page with 1,000 elements within each other"
    ):
        Selector(text=deep).xpath("//div//div//p")
    with pytest.raises(FetchError, match=r"^parse_too_complex: https://a\.example/ \(xpath"):
        Response("https://a.example/", body=deep).xpath("//div//div//p")
    assert Selector(text=deep).css("p::text").get() == "x"


def test_without_lxml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where lxml is missing, the error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "lxml", None)
    with pytest.raises(SettingsError, match=r"xpath\(\) needs lxml: pip install 'scraper\[xpath\]'"):
        page().xpath("//a")
