"""Selectors have parsel's names and meanings: unless one says otherwise, parsel 1.12 gives these very answers."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.markup import Selector, SelectorError, SelectorList
from scraper.markup.selectors.query import compile_query

SHOP = """<!doctype html><html><head><title>Shop &amp; Co</title>
<meta name="description" content="Best &quot;tea&quot;">
<link rel="canonical" href="/p/1"></head><body class="product page"><h1 class="title">  Green <em>tea</em> </h1>
<div class="price" data-cents="1999">£19.99 <s>£25.00</s></div>
<ul class="crumbs"><li><a href="/">Home</a></li><li><a href="/tea">Tea</a></li><li class="here">Green</li></ul>
<div class="facts"><span class="sku">A-1</span><span class="ean"></span></div>
<div class="rev"><div class="rev inner"><p>Good</p> tail</div> after</div>
<img src="a.png" alt=""><img src="b.png"></body></html>"""
NESTED = """<html><body><div id="o" class="box"><section id="s"><div id="i"><p id="p1">a<!-- note -->b</p></div>
<p id="p2">z</p><h2>h</h2><p id="p3">y</p></section></div><section id="t"><p id="p4">q</p></section></body></html>"""
MIXED = """<html><body><div>a<div>b<p>c</p>d</div>e</div><div><p title="t1" lang="en">f<b>g</b>h</p></div>
<a href="1" title="x">one</a> <a>two</a></body></html>"""
LISTS = (
    "<dl><dt>A</dt><dd>1</dd><dt>B</dt><dd>2</dd><dd>3</dd></dl><ol><li class=n>x<ol><li class=n>y</li></ol></li></ol>"
)
PAGES = {"shop": SHOP, "nested": NESTED, "mixed": MIXED, "lists": LISTS}


def page(name: str) -> Selector:
    return Selector(text=PAGES[name])


@pytest.mark.parametrize(
    ("name", "query", "expected"),
    [
        ("shop", "title::text", ["Shop & Co"]),
        ("shop", "h1::text", ["  Green ", " "]),
        ("shop", "h1 ::text", ["  Green ", "tea", " "]),
        ("shop", ".price::text", ["£19.99 "]),
        ("shop", ".price *::text", ["£19.99 ", "£25.00"]),
        ("shop", ".price > *::text", ["£25.00"]),
        ("shop", ".price::attr(data-cents)", ["1999"]),
        ("shop", "meta[name=description]::attr(content)", ['Best "tea"']),
        ("shop", "a::attr(href)", ["/", "/tea"]),
        ("shop", "a::attr('href')", ["/", "/tea"]),
        ("shop", "a::attr( href )", ["/", "/tea"]),
        ("shop", "ul ::attr(href)", ["/", "/tea"]),
        ("shop", "div ::attr(class)", ["price", "facts", "sku", "ean", "rev", "rev inner"]),
        ("shop", "img::attr(alt)", [""]),
        ("shop", "li:first-child a::text", ["Home"]),
        ("shop", "li:nth-child(2) ::text", ["Tea"]),
        ("shop", "li:not(.here) > a::text", ["Home", "Tea"]),
        ("shop", "ul.crumbs>li>a::attr(href)", ["/", "/tea"]),
        ("shop", "a[href^='/t']::text", ["Tea"]),
        ("shop", ".rev::text", [" tail", " after"]),
        ("shop", ".rev ::text", ["Good", " tail", " after"]),
        ("shop", ".rev > p::text", ["Good"]),
        ("shop", "p > ::text", []),
        ("shop", ".ean::text", []),
        ("shop", ".missing::text", []),
        ("shop", "missing", []),
        ("nested", "h2 + p::text", ["y"]),
        ("nested", "div ~ p::text", ["z", "y"]),
        ("nested", "#p1::text", ["a", "b"]),
        ("mixed", "div::text", ["a", "b", "d", "e"]),
        ("mixed", "div ::text", ["a", "b", "c", "d", "e", "f", "g", "h"]),
        ("mixed", "div::text, p::text", ["a", "b", "c", "d", "e", "f", "h"]),
        ("mixed", "p ::text, b::text", ["c", "f", "g", "h"]),
        ("mixed", "a::attr(title), p::text", ["c", "f", "h", "x"]),
        ("mixed", "p::attr(lang), p ::text, p::attr(title)", ["c", "t1", "en", "f", "g", "h"]),
        ("mixed", "a::text, a::attr(href)", ["1", "one", "two"]),
        ("mixed", "a::attr(href), a::attr(title)", ["1", "x"]),
        ("mixed", "b, a::attr(href)", ["<b>g</b>", "1"]),
        ("mixed", "b, p b, b", ["<b>g</b>"]),
        ("mixed", "a[title='x,y']::text, b::text", ["g"]),
        ("lists", "dt + dd::text", ["1", "2"]),
        ("lists", "dt ~ dd::text", ["1", "2", "3"]),
        ("lists", ".n::text", ["x", "y"]),
        ("lists", ".n ::text", ["x", "y"]),
    ],
)  # fmt: skip
def test_queries(name: str, query: str, expected: list[str]) -> None:
    """A query gives all its matches in document order, each once; `get()` gives the first of them."""
    assert page(name).css(query).getall() == expected
    assert page(name).css(query).get() == (expected[0] if expected else None)
    assert bool(page(name).css(query)) is bool(expected)
    assert [each.get() for each in page(name).css(query)] == expected
    assert page(name).css(query)[:1].getall() == expected[:1]
    assert [page(name).css(query)[0].get() for _ in expected[:1]] == expected[:1]
    assert len(page(name).css(query)) == len(expected)


@pytest.mark.parametrize(
    ("name", "scope", "query", "expected"),
    [
        ("nested", "section", "div p::text", [["a", "b"], []]),
        ("nested", "section", "section p::text", [["a", "b", "z", "y"], ["q"]]),
        ("nested", "section", "body p::text", [[], []]),
        ("nested", "section", ".box p::text", [[], []]),
        ("nested", "section", "#o p::text", [[], []]),
        ("nested", "section", "div > p::text", [["a", "b"], []]),
        ("nested", "section", "section > p::text", [["z", "y"], ["q"]]),
        ("nested", "section", "html p::text", [[], []]),
        ("nested", "section", "section div p::text", [["a", "b"], []]),
        ("nested", "section", "div p::text, h2::text", [["a", "b", "h"], []]),
        ("nested", "section", "h2 + p::text", [["y"], []]),
        ("nested", "section", "p, div p", [3, 1]),
        ("nested", "p", "h2 + p::text", [[], [], [], []]),
        ("nested", "p", "section ::attr(id)", [[], [], [], []]),
        ("nested", "div", "section ::attr(id)", [["s", "i", "p1", "p2", "p3"], []]),
        ("nested", "div", "div div::attr(id)", [["i"], []]),
        ("nested", "div", "div::attr(id)", [["o", "i"], ["i"]]),
        ("nested", "section", ":scope > p::text", [["z", "y"], ["q"]]),
        ("nested", "section", ":scope p::text", [["a", "b", "z", "y"], ["q"]]),
        ("nested", "section", ":scope::attr(id)", [["s"], ["t"]]),
        ("nested", "section", "::attr(id)", [["s", "i", "p1", "p2", "p3"], ["t", "p4"]]),
        ("nested", "p", "::text", [["a", "b"], ["z"], ["y"], ["q"]]),
        ("shop", ".rev", ".rev > p::text", [["Good"], ["Good"]]),
        ("shop", ".rev", ".rev .rev::text", [[" tail"], []]),
        ("shop", "li", "ul a::text", [[], [], []]),
        ("shop", "li", "li a::text", [["Home"], ["Tea"], []]),
        ("lists", "dd", "dt + dd::text", [[], [], []]),
        ("lists", "li", "ol li::text", [["y"], []]),
    ],
)
def test_nested_queries_are_relative(name: str, scope: str, query: str, expected: list[Any]) -> None:
    """Asked of an element, all of a selector is looked for in that element: what is around it does not count."""
    for element, answer in zip(page(name).css(scope), expected, strict=True):
        found = element.css(query)
        if isinstance(answer, int):
            assert len(found) == answer
            continue
        assert found.getall() == answer
        assert element.css(query).get() == (answer[0] if answer else None)
        assert element.css(query)[:1].getall() == answer[:1]
        assert len(element.css(query)) == len(answer)


def test_a_list_is_asked_one_by_one() -> None:
    """Asked of a list, a query gives what it finds from each match on, also twice."""
    assert page("nested").css("div").css("p::text").getall() == ["a", "b", "z", "y", "a", "b"]
    assert page("nested").css("#p1, #p4").css("::text").getall() == ["a", "b", "q"]
    assert Selector(text="<p>a<br>a</p><p>a</p>").css("p").css("::text").getall() == ["a", "a", "a"]
    assert page("shop").css("a::text").css("a").getall() == []


def test_siblings_of_the_element_asked() -> None:
    """`+` and `~` lead out of the element that is asked to those beside it, and to nothing else."""
    assert page("nested").css("#i")[0].css("div ~ p::text").getall() == ["z", "y"]
    assert page("nested").css("h2")[0].css("h2 + p, :scope ~ p").getall() == ['<p id="p3">y</p>']
    assert page("nested").css("#p1")[0].css("div ~ p::text").getall() == []


def test_get_and_its_default() -> None:
    """`get()` is None, or the default, where nothing is found; an empty text is found."""
    found = page("shop").css(".missing::text")
    assert (found.get(), found.get("x"), found.get(default="x"), found.extract_first("y")) == (None, "x", "x", "y")
    assert page("shop").css("img::attr(alt)").get("x") == ""
    assert page("shop").css("a::text").extract() == page("shop").css("a::text").getall()


def test_elements_are_html() -> None:
    """An element is given as HTML."""
    assert page("shop").css("h1").get() == '<h1 class="title">  Green <em>tea</em> </h1>'
    assert page("shop").css("ul a").getall() == ['<a href="/">Home</a>', '<a href="/tea">Tea</a>']
    assert page("shop").css("em")[0].getall() == ["<em>tea</em>"]


def test_attributes() -> None:
    """`attrib` has an element's attributes, and for a list those of its first match."""
    shop = page("shop")
    assert shop.css("img").attrib == {"src": "a.png", "alt": ""}
    assert [each.attrib["src"] for each in shop.css("img")] == ["a.png", "b.png"]
    assert shop.css(".missing").attrib == {}
    assert Selector(text="<DIV DATA-A=1 b>").css("div").attrib == {"data-a": "1", "b": ""}


def test_lists_are_sequences() -> None:
    """What was found can be counted, indexed, cut and iterated, and knows whether it is empty."""
    found = page("shop").css("li")
    assert (len(found), bool(found), bool(page("shop").css("x"))) == (3, True, False)
    assert found[-1].css("::text").get() == "Green"
    assert isinstance(found[:2], SelectorList)
    assert found[:2].css("::text").getall() == ["Home", "Tea"]
    assert [each.attrib for each in found][2] == {"class": "here"}
    with pytest.raises(IndexError):
        page("shop").css("x")[0]


@pytest.mark.parametrize(
    ("query", "regex", "expected"),
    [
        ("div::text", r"\d+", ["19", "99"]),
        ("div::text", r"(\d+)\.(\d+)", ["19", "99"]),
        ("div::text", r"(?P<extract>\d)(\d)", ["1"]),
        ("a::text", r"(H)|(T)", ["H", "", "", "T"]),
        ("a", r'href="([^"]*)"', ["/", "/tea"]),
        ("a::text", r"x", []),
        ("a::text", r"(?P<extract>x)?", []),
        ("a::text", re.compile("E", re.IGNORECASE), ["e", "e"]),
        (".missing", r".", []),
    ],
)
def test_regular_expressions(query: str, regex: Any, expected: list[str]) -> None:
    """`re` gives the groups of all matches, or the matches, or the first match's group named `extract`."""
    found = page("shop").css(query)
    assert found.re(regex) == expected
    assert found.re_first(regex) == (expected[0] if expected else None)
    assert found.re_first(regex, "x") == (expected[0] if expected else "x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&lt;b&gt; &amp; &pound;5", "&lt;b> &amp; £5"), ("&#8364;&#x20AC;", "€€"), ("&euro", "€"), ("&#65x", "Ax"),
        ("&#153;", "™"), ("&LT;&AMP;", "&LT;&AMP;"), ("&Aacute!", "Á!"), ("a & b", "a & b"), ("&sup3!", "³!"),
        ("&nosuch;", "&nosuch;"), ("R&D;", "R&D;"), ("&notit;", "&notit;"),
    ],
)  # fmt: skip
def test_entities_in_what_was_matched(text: str, expected: str) -> None:
    """Character references are replaced unless told otherwise, except `&lt;` and `&amp;`; parsel drops unknown ones."""
    found = Selector(text=f"<script>{text}</script>").css("script::text")
    assert found.re("(?s).+") == [expected]
    assert found.re("(?s).+", replace_entities=False) == [text]
    assert found[0].re_first("(?s).+", replace_entities=False) == text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "the CSS selector '' has an empty part"),
        ("a,", "the CSS selector 'a,' has an empty part"),
        ("a::before", "the CSS selector 'a::before' has a pseudo-element other than ::text and ::attr(name)"),
        ("a::text b", "the CSS selector 'a::text b' has a pseudo-element other than"),
        ("a::attr()", "the CSS selector 'a::attr()' has a pseudo-element other than"),
        ("a[", "the CSS selector 'a[' has a bracket that is not closed: '[' (character 2)"),
        ("a >", "the CSS selector 'a >' is not understood at '>': nothing follows it (character 3)"),
        ("> a", "the CSS selector '> a' is not understood at '>' (character 1)"),
        ("b, a:nosuch::text", "the CSS selector 'b, a:nosuch::text' is not understood at ':nosuch' (character 5)"),
        ("/* b */ a:not(b, c[d e])", "not understood at '[d e]' (character 19)"),
        ("a:nth-child(2x)", "not understood at ':nth-child(2x)' (character 2)"),
        ("a:contains(1)", "has no text in quotes at '1', which :contains() needs (character 12)"),
        ("p a:scope", "has a ':scope' that is not at its start (character 4)"),
        ("x|a", "has a namespace that is not known, 'x' (character 1)"),
        ("a[b='c]", "has a bracket that is not closed"),
        ("a" + ":not(a" * 40 + ")" * 40, "has more than 32 brackets in each other"),
        ("a" * 400 + "[", f"the CSS selector '{'a' * 299}… has a bracket that is not closed: '[' (character 401)"),
    ],
)
def test_errors_name_the_query(query: str, expected: str) -> None:
    """A query that is not understood is a SelectorError, which is a ValueError, that names it."""
    for look in (SelectorList.get, SelectorList.getall, len, bool, SelectorList.references, lambda found: found.attrib):
        with pytest.raises(SelectorError, match=re.escape(expected)):
            look(page("shop").css(query))
        with pytest.raises(SelectorError, match=re.escape(expected)):
            look(page("shop").css("body").css(query))


@pytest.mark.parametrize("value", ["a::b", "::", "x, y", "a > b", "(", "'::text"])
def test_quoted_values_are_left_alone(value: str) -> None:
    """What stands in quotes or brackets is no part of a query's own grammar."""
    selector = Selector(text=f'<p><b title="{value}">1</b></p>')
    assert selector.css(f'[title="{value}"]').css("::text").getall() == ["1"]
    assert selector.css(f'p [title="{value}"]::text').getall() == ["1"]
    assert selector.css("p")[0].css(f'p > b[title="{value}"]::text, i').getall() == ["1"]


def test_visible_text() -> None:
    """`text` is what a reader sees: blocks and cells apart, inline elements together, no scripts, no styles."""
    table = "<table><tr><td>5</td><td>6</td></tr></table>"
    html = f"<div>One<p>two <b>th</b>ree</p><br>four{table}<script>x</script><style>y</style></div>"
    selector = Selector(text=html)
    assert selector.css("div").text == "One two three four 5 6"
    assert selector.css("p")[0].text == "two three"
    assert selector.css("script")[0].text == "x"
    assert selector.css("b::text")[0].text == "th"
    assert (selector.css("x").text, selector.css("br").text) == ("", "")
    assert Selector(text="<title>t</title><p>a</p>").text == "a"


def test_references() -> None:
    """An element refers to something by its href or its src; a text or an attribute is a reference itself."""
    selector = Selector(text='<a href="1">x</a><img src="2"><b>3</b><a href="">y</a>')
    assert selector.css("a, img, b").references() == ["1", "2", ""]
    assert selector.css("a::attr(href), b::text").references() == ["1", "3", ""]


def test_json_of_a_script() -> None:
    """A script's text can be read as JSON."""
    selector = Selector(text='<script type="x">{"a": [1, "</b>"]}</script><script>nope</script>')
    assert selector.css("script")[0].json() == {"a": [1, "</b>"]}
    assert selector.css("script::text")[0].json() == {"a": [1, "</b>"]}
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        selector.css("script")[1].json()


def test_html_as_browsers_read_it() -> None:
    """The tree is that of the HTML standard, not libxml2's: tables have bodies, `<pre>` has no first newline."""
    selector = Selector(text="<table><tr><td>1</table><pre>\n a</pre><input disabled><p>1<div>2</div>")
    assert selector.css("table > tr").getall() == []
    assert selector.css("table > tbody > tr > td::text").getall() == ["1"]
    assert selector.css("pre::text").get() == " a"
    assert selector.css("input::attr(disabled)").get() == ""
    assert selector.css("p::text").getall() == ["1"]


def test_odd_pages() -> None:
    """An empty page has nothing, a broken one what can be made of it, and a deep one is read to its ground."""
    assert Selector(text="").css("::text").getall() == []
    assert Selector(text="\0<<p").css("x").get() is None
    assert Selector(text="<b>" * 400 + "x").css("b ::text").getall() == ["x"]
    assert Selector(text="<i>" * 3000 + "x").text == "x"


def test_selectors_of_pieces_of_text() -> None:
    """A text and an attribute are selectors without content or attributes, and false if empty."""
    text, empty = page("shop").css("h1::text")[0], page("shop").css("img::attr(alt)")[0]
    assert (text.get(), text.attrib, text.css("x").getall()) == ("  Green ", {}, [])
    assert (bool(text), bool(empty)) == (True, False)


def test_repr() -> None:
    """What is printed of a selector is how it begins."""
    assert repr(page("shop").css("em")) == "[<Selector '<em>tea</em>'>]"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("b:has-text('green TEA')", ["1"]),
        ("b:has-text(' tea\\9 ')", ["1", "2"]),
        ("b:has-text('')", ["1", "2", "3"]),
        ("div:has-text('tea tea')", ["a"]),
        ("div:has-text('teatea')", []),
        ("div:has-text('black')", ["a", "b"]),
    ],
)
def test_text_in_any_case(query: str, expected: list[str]) -> None:
    """`:has-text()` ignores case and folds white space, also where elements with that text are in each other."""
    html = "<div id=a><b id=1>Green\n <i>tea</i> </b> <b id=2>TEA</b><div id=b><b id=3>Black</b></div></div>"
    assert [each.attrib["id"] for each in Selector(text=html).css(query)] == expected


@given(
    st.recursive(
        st.sampled_from(("Foo", " foo", "o  b", "\n", "x")),
        lambda inner: st.lists(inner, max_size=4).map(lambda each: f"<div>{''.join(each)}</div>"),
    ),
    st.sampled_from(("foo", "o b", "x foo", "oo", "foo foo", "of")),
)
def test_texts_of_elements_in_each_other(html: str, text: str) -> None:
    """An element is found if its own text, folded, has the text; exactly so, if that is asked."""
    page = Selector(text=html)
    every = [(each.node.mem_id, each.node.text()) for each in page.css("*")]
    folded = [place for place, own in every if text in " ".join(own.casefold().split())]
    assert [each.node.mem_id for each in page.css(f":has-text('{text}')")] == folded
    exact = [place for place, own in every if text in own]
    assert [each.node.mem_id for each in page.css(f":contains('{text}')")] == exact


def test_a_doctype_is_no_sibling() -> None:
    """`<html>` is the first and only child, whatever stands before it, and quirks stay what they are."""
    for start in ("", "<!doctype html>", "<!-- a --><!doctype html public 'x'><!-- b -->"):
        page = Selector(text=f"{start}<p>x")
        for query in ("html:first-child", "html:nth-child(1)", "html:only-child", "html:nth-last-child(odd)"):
            assert len(page.css(query)) == 1
        assert len(page.css("html:nth-child(2)")) == 0


def test_tags_of_svg() -> None:
    """A tag with capitals, as SVG has them, is found in any case, and what is around an element does not count."""
    page = Selector(text="<!doctype html><svg><linearGradient><stop id=1></linearGradient></svg>")
    assert [len(page.css(query)) for query in ("lineargradient stop", "linearGradient > stop")] == [1, 1]
    assert page.css("stop")[0].css("lineargradient stop").getall() == []


def test_classes_and_ids_are_as_they_are_written() -> None:
    """A page without a doctype would have browsers ignore the case of classes and ids; here it counts, as in parsel."""
    for start in ("", "<!doctype html>"):
        page = Selector(text=f"{start}<p class='A b' id=C>x</p>")
        assert [len(page.css(query)) for query in (".A", ".a", "#C", "#c", "p.b.A", "P.b")] == [1, 0, 1, 0, 1, 1]


def test_selectors_are_read_once() -> None:
    """A selector that was read is remembered."""
    assert compile_query("ul > li:not(.x)::text") is compile_query("ul > li:not(.x)::text")
