"""`css()` gives what parsel gives: by a table of selectors, and by selectors and pages that are made up.

Pages are of elements that both parsers nest alike; where the trees differ, docs/extraction.md says how. Three accidents
of parsel are left out: `* > ::text`, which gives the text beside (not in) the elements; a backslash escaped in a string
or an id, which it unescapes twice; and prefixes of unknown namespaces, which it reports if something gets that far.
"""

from typing import Any

import parsel
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scraper.markup import Selector, SelectorError
from tests.examples import examples

ODD = """<!doctype html><html><head><title>t &amp; u</title></head><body>
<div id="a.b" class="md:flex 2col é" data-x="[x]" data-y='say "hi"' title="it's"><span id="1st" class="a-b -c _e">foo
(bar) [baz]</span><b id="A" class="A a" data-x="a,b" lang="en-US" title="">x,y > z + w ~ v</b><em id="e" class="w-1/2
 u\u00a0v" data-1="1" data_x="2" hreflang="DE">&lt;p&gt; &nbsp;k</em></div><section id="section" title="a]b" rel="A B"
type="Text"><a href="/x?y=1&amp;z=2#f" id="link" rel="NoFollow">::text</a><input id="i" value="a b" type="TEXT"
disabled="disabled"><br id="br"><ul id="\U0001f600"><li id="l1" class="item first">One</li><li id="l2" class="item">two
</li><li id="l3">three<!-- c --></li></ul></section><fieldset id="f" disabled="disabled"><legend><input id="g"></legend>
<input id="h" type="checkbox" checked="checked"><select id="s"><option id="o" selected="selected">1</option></select>
</fieldset></body></html>"""


class Both:
    """A page as both read it. What is found is told by its number among all elements, or as text."""

    def __init__(self, html: str) -> None:
        self.ours, self.theirs = list(Selector(text=html).css("*")), list(parsel.Selector(text=html).css("*"))
        self._ours = {each.node.mem_id: number for number, each in enumerate(self.ours)}
        self._theirs = {each.root: number for number, each in enumerate(self.theirs)}

    def is_alike(self) -> bool:
        """Whether both made the same tree of it."""
        ours = [(each.node.tag, each.attrib) for each in self.ours]
        return ours == [(each.root.tag, dict(each.root.attrib)) for each in self.theirs]

    def ask(self, query: str, number: int = 0) -> tuple[list[Any], list[Any]]:
        """What we find from an element on, and what parsel finds."""
        theirs = [
            each.root if isinstance(each.root, str) else self._theirs[each.root]
            for each in self.theirs[number].css(query)
        ]
        element = self.ours[number]
        found = element.css(query)
        ours = [each.get() if each.is_text else self._ours[each.node.mem_id] for each in found]
        texts = found.getall()
        assert element.css(query).get() == (texts[0] if texts else None)
        assert element.css(query).getall() == texts
        return ours, theirs


BOTH = Both(ODD)


@pytest.mark.parametrize(
    "query",
    [
        "*", "DIV", "div, b, div", "*|*", "*|div", "|div", "xml|div", "[*|title]", "[|title]", "[xml|lang]",
        r".md\:flex", r".\32 col", ".é", ".a-b", ".-c", "._e", ".A", ".a", r".w-1\/2", ".u", "\t.item\n",
        ".item.first", r"#a\.b", r"#\31 st", "#1st", "#A", "#a", r"#\41", r"#\000041 ", "#😀", "div#section",
        "section#section", "[data-x]", "[DATA-X]", "[data-x='[x]']", '[data-x="[x]"]', "[data-y='say \"hi\"']",
        r'[data-y="say \"hi\""]', '[title="it\'s"]', r"[title='it\'s']", "[data-x='a,b']", "[data-1]",
        '[data_x="2"]', "[title='a]b']", r"[title=a\]b]", "[ title ]", "[title = '' ]", "[title^='']", "[title$='']",
        "[title*='']", "[title~='']", "[title|='']", "[title!='']", "[title!=x]", "[rel='a b' i]", '[rel="A B" s]',
        "[rel~=B]", "[rel~='A B']", "[type=text]", "[type=TEXT]", "[type=Text i]", "[lang|=en]", "[lang|='EN' i]",
        "[hreflang=de]", "[hreflang='de'I]", "[class|=a-b]", "[href$='#f']", "[href*='&']", "[value='a b']",
        "[href^='/x'][rel]", "[data-x='\\5b x]']", ":not(*)", ":not(.item)", ":NOT( .item )", ":not(li.item > b)",
        ":not(ul li)", "li:not(.first):not(:last-child)", ":has(li)", ":has( > ul)", ":has(>ul,>b)", ":Has(+ b)",
        ":has(~ li)", "div:has(span + b ~ em)", ":has(:contains('One'))", ":is(li,a)", ":IS( li , a )",
        ":where(.item)", ":matches(b)", "section :is(ul, a) ", ":is(ul) li", "li ~ :is(li)", ":nth-child(2n+1)",
        ":nth-child( 2n + 1 )", ":nth-child(+3)", ":nth-child(-n+3)", ":nth-child(- n + 3)", ":nth-child(2N)",
        ":nth-child(ODD)", "li:nth-of-type(1)", "li:nth-last-of-type(2)", ":nth-child(01)", ":nth-child(0)",
        ":nth-child(99999999999999999999)", ":nth-child(2 n)", ":nth-child(2n 1)", r":nth-child(\32)",
        ":nth-last-child(2)", "li:first-of-type", "li:only-of-type", ":only-child", ":first-child", ":LAST-CHILD",
        ":root", ":empty", ":link", ":visited", ":hover", ":checked", ":disabled", ":enabled", ":scope",
        "body:scope", ":contains(foo)", ":contains('(bar) [baz]')", ':contains("x,y > z")', ":contains('&lt;')",
        ":contains('<p>')", ":contains( 'One' )", ":CONTAINS(two)", ":contains('')", r":contains('\66oo')",
        ":contains('\u00a0k')", ":lang(en)", ":lang(EN-us)", ":lang('en')", ":lang(fr)", "div b:lang(en)::text",
        "::text", "b::text", "div ::text", "div *::text", "div > *::text", "div > ::text", "::TEXT", r"::\74 ext",
        "::attr(id)", "::attr('id')", '::attr( "id" )', "::attr(data-x)", "::attr(data_x)", "::attr('data-1')",
        "div ::attr(id)", "ul *::attr(id)", r"::attr(\69 d)", r"em.w-1\/2::text", r".\32 col ::text", r"#\31 ::text",
        "b::text, a::attr(href), li", "li, ::text", "li::text, li::attr(class), li, em ::text",
        "a::attr(id), a::attr(id)", "div /* , */ b", "/* ' */b", "[title/* c */]", "b/* */::text", "div>b+em",
        "span~em", "b , em", ":scope > body", ":scope * > li", ":scope::attr(id)", "div > b, :scope li::text",
        "li + li ~ li",
    ],
)  # fmt: skip
def test_selectors_of_the_table(query: str) -> None:
    """Every kind of selector that parsel knows is answered as parsel answers it, whichever element is asked."""
    for number in range(len(BOTH.ours)):
        ours, theirs = BOTH.ask(query, number)
        assert ours == theirs, number


@pytest.mark.parametrize(
    "query",
    [
        "", ",", "a,", "a,,b", "a >", "> a", "a > > b", "a b >", "a[", "a]", "a(", "a)", "[a=]", "[a=b c]", "[a=1]",
        "[=b]", "[a b]", "a.", "a#", "..a", ".1a", "a..b", ".a b.", ":", "a:", "a::", ":::text", "a::text b",
        "a::text::text", "a::attr()", "a::attr", "a::attr(a b)", "a::before", "a::text(x)", ":not()", ":not(a, ",
        ":is()", ":has()", ":not", ":nth-child()", ":nth-child(x)", ":nth-child('2')", ":nth-child(1.5)",
        ":nth-child(n+-1)", ":contains()", ":contains(a b)", ":nosuch", ":nosuch(x)", "a:scope b:scope",
        "div :scope", ":not(:scope)", "!", "@a", "a{}", "a;", "a|", "|", "a|b|c", "'a'", "a'b'", "[a='b]", "div*",
        ".a*", ".adiv[x]b", "1a", "a:not(::text)", "div/* c */b", "a & b", "$a", "a/b", "a\\",
    ],
)  # fmt: skip
def test_what_parsel_does_not_understand(query: str) -> None:
    """What is an error to parsel is one to us, and says which selector and where."""
    with pytest.raises(Exception, match=r".*"):
        parsel.Selector(text=ODD).css(query)
    with pytest.raises(SelectorError, match=r"^the CSS selector .*"):
        Selector(text=ODD).css(query).getall()


WORDS = ("foo", "Foo bar", "x", "en", "en-GB", "", "a b", "a-b", "é")
TAGS = ("div", "section", "span", "b", "ul", "article", "em")
CLASSES = ("x", "y", "X", "x-y", "a1")
words, tags, classes = st.sampled_from(WORDS), st.sampled_from(TAGS), st.sampled_from(CLASSES)
ids = st.sampled_from(("n1", "N1", "n2", "x"))
texts = st.sampled_from(("foo", " bar ", "x &amp; y", "Foo", "\n", "é", "<!-- c -->", '<br id="z">', '<img title="x">'))


@st.composite
def elements(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """An element with some attributes."""
    names = draw(st.lists(st.sampled_from(("title", "lang", "rel", "data-k", "type", "HREF")), max_size=3, unique=True))
    said = "".join(f' {name}="{draw(words)}"' for name in names)
    named = (
        draw(st.sampled_from(("", f' id="{draw(ids)}"'))) + f' class="{" ".join(draw(st.lists(classes, max_size=2)))}"'
    )
    tag = draw(tags)
    return f"<{tag}{said}{named}>{''.join(draw(st.lists(texts | inner, max_size=4)))}</{tag}>"


pages = st.builds(
    lambda start, inner: f"{start}<html><head><title>t</title></head><body>{''.join(inner)}</body></html>",
    st.sampled_from(("<!doctype html>", "")),
    st.lists(st.recursive(elements(texts), elements, max_leaves=12), min_size=1, max_size=3),
)


@st.composite
def attributes(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(("title", "lang", "rel", "data-k", "type", "href", "TITLE", "class", "id")))
    operator = draw(st.sampled_from(("", "=", "~=", "|=", "^=", "$=", "*=", "!=")))
    value = "" if not operator else "'" + draw(words) + "'" + draw(st.sampled_from(("", "", " i", " s")))
    return f"[{name}{operator}{value}]"


PLAIN = """:first-child :last-child :only-child :empty :root :link :enabled :nth-child(2) :nth-child(2n+1)
:nth-last-child(-n+2) :contains('foo') :contains("x") :lang(en) :lang('en-gb')"""
plain = st.sampled_from(PLAIN.split())
simples = st.one_of(classes.map(".{}".format), ids.map("#{}".format), attributes(), plain)


def compounds(more: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A tag and some simple selectors."""
    some = st.lists(simples | more, max_size=2).map("".join)
    return st.builds(lambda tag, rest: tag + rest or "*", st.sampled_from((*TAGS, "*", "DIV", "")), some)


def chains(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Compounds with combinators."""
    more = st.lists(st.tuples(st.sampled_from((" ", ">", " + ", "~")), of).map("".join), max_size=2).map("".join)
    return st.builds(str.__add__, of, more)


inner = chains(compounds(st.nothing()))
relative = st.builds(str.__add__, st.sampled_from(("", "> ", "+ ", "~ ")), inner)
functional = st.one_of(
    inner.map(":not({})".format),
    st.lists(relative, min_size=1, max_size=2).map(lambda each: f":has({', '.join(each)})"),
    st.lists(compounds(st.nothing()), min_size=1, max_size=2).map(lambda each: f":is({', '.join(each)})"),
)
selectors = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(("", "", "", ":scope > ", ":scope ~ ", ":scope ")),
        chains(compounds(functional)),
        st.sampled_from(("", "", "::text", " ::text", "::attr(id)", " ::attr(title)")),
    ),
)
queries = st.lists(selectors, min_size=1, max_size=3).map(", ".join)


@given(page=pages, asked=st.lists(st.tuples(queries, st.integers(0, 40)), min_size=1, max_size=6))
@settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_selectors_that_are_made_up(page: str, asked: list[tuple[str, int]]) -> None:
    """Any selectors, of any element of any page, are answered as parsel answers them."""
    both = Both(page)
    assume(both.is_alike())
    for query, number in asked:
        ours, theirs = both.ask(query, number % len(both.ours))
        assert ours == theirs, query


@given(
    st.lists(st.sampled_from((*"ab*.#:[]()='\"\\>+~, |\n\0\ud800é1-/", "::text", ":not(", ":has(", "/*", "*/", "<!--")))
)
@settings(max_examples=examples(300), deadline=None)
def test_any_text_is_a_selector_or_an_error(pieces: list[str]) -> None:
    """Whatever a selector's text, it finds something, or nothing, or is a `SelectorError`."""
    try:
        found = BOTH.ours[0].css("".join(pieces)).getall()
    except SelectorError as error:
        assert str(error).startswith("the CSS selector ")  # noqa: PT017 -- it need not be raised
    else:
        assert isinstance(found, list)
