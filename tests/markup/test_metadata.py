"""What pages say for machines: JSON-LD, microdata, Open Graph and the like."""

from typing import Any

import pytest

from scraper import Response
from scraper.markup.structured_data.metadata import Metadata

URL = "http://a.example/b/c"


def page(html: str) -> Response:
    return Response(URL, body=f"<!doctype html>{html}")


def script(text: str, kind: str = "application/ld+json") -> str:
    return f'<script type="{kind}">{text}</script>'


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (script('{"@type": "A"}'), ["A"]),
        (script('[{"@type": "A"}, [{"@type": "B"}], 5]') + script('{"@type": "C"}'), ["A", "B", "C"]),
        (script('{"@context": "x", "@graph": [{"@type": "A"}, {"@type": "B"}]}'), ["A", "B"]),
        (script('{"@type": "A", "@graph": {"@type": "B"}}'), ["A", "B"]),
        (script('{"@type": "A"'), []),
        (script('{"@type": "A"') + script('{"@type": "B"}'), ["B"]),
        (script(""), []),
        (script('\ufeff{"@type": "A"}'), ["A"]),
        (script('<!-- {"@type": "A"} -->') + script('//<![CDATA[\n{"@type": "B"}\n//]]>'), ["A", "B"]),
        (script('/*<![CDATA[*/{"@type": "A"}/*]]>*/') + script('{"@type": "B"};\n'), ["A", "B"]),
        (script('{"@type": "A"}', "Application/LD+JSON; charset=utf-8"), ["A"]),
        (script('{"@type": "A"}', "application/json"), []),
        (script("[" * 100_000), []),
        (script(f'{{"@type":{" " * 200_000}"A"}}'), ["A"]),
        ("", []),
    ],
)  # fmt: skip
def test_json_ld(html: str, expected: list[str]) -> None:
    """The objects of all scripts are found, those in lists and graphs as well; what is no JSON is passed over."""
    assert [each["@type"] for each in page(html).json_ld()] == expected


def test_json_ld_of_a_kind() -> None:
    """One can ask for a type, by its last part."""
    types = ('"Product"', '"https://schema.org/Product"', '["Thing", "schema:Product"]', '"Offer"', "5")
    response = page(script("[" + ", ".join(f'{{"@type": {each}}}' for each in types) + "]"))
    assert len(response.json_ld("Product")) == 3
    assert response.css("head")[0].json_ld("Offer") == [{"@type": "Offer"}]
    assert response.css("title::text, script::text")[0].json_ld() == []


def test_metadata() -> None:
    """Title, description, language, canonical address, Open Graph and Twitter's card are read, addresses absolute."""
    found = page(
        '<html lang="en"><title> Green\n tea </title><base href="/x/"><meta name="Description" content=" Leaves. ">'
        '<link rel="alternate" href="n"><link rel="Canonical" href="tea"><meta property="og:image" content="a.png">'
        '<meta property="og:image" content="b.png"><meta property="og:title" content="Tea"><meta property="og:url" '
        'content=""><meta name="twitter:card" content="summary"><meta property="twitter:image" content="/t.png">'
        '<meta name="og:type" content="product"><meta property="product:price" content="5"><meta name="empty">'
    ).metadata()
    assert found == Metadata(
        title="Green tea",
        description="Leaves.",
        language="en",
        canonical="http://a.example/x/tea",
        open_graph={"image": "http://a.example/x/a.png", "title": "Tea", "url": "", "type": "product"},
        twitter={"card": "summary", "image": "http://a.example/t.png"},
        names={"description": "Leaves.", "twitter:card": "summary", "twitter:image": "/t.png", "product:price": "5"},
    )
    assert page("<p>x").metadata() == Metadata()


ITEM = '<div itemscope itemtype="http://s.example/Tea http://s.example/B" itemid="#t">{}</div>'


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<b itemprop="a b">x <i>y</i></b>', {"a": ["x y"], "b": ["x y"]}),
        ('<b itemprop="a">x</b><p><b itemprop="a">y</b></p>', {"a": ["x", "y"]}),
        ('<meta itemprop="a" content="x"><link itemprop="b" href="d">', {"a": ["x"], "b": ["http://a.example/b/d"]}),
        ('<a itemprop="a" href="/d">x</a>', {"a": ["http://a.example/d"]}),
        ('<img itemprop="a" src="e"><object itemprop="a">x</object>', {"a": ["http://a.example/b/e", ""]}),
        ('<data itemprop="a" value="5">x</data>', {"a": ["5"]}),
        ('<time itemprop="a" datetime="2024">x</time>', {"a": ["2024"]}),
        ('<time itemprop="a">2025</time><span itemprop="b" content="5">€5</span>', {"a": ["2025"], "b": ["5"]}),
        ('<b itemprop="a" itemscope><i itemprop="c">x</i></b>', {"a": [{"properties": {"c": ["x"]}}]}),
        ('<b itemscope><i itemprop="c">x</i></b><i itemprop="d">y</i>', {"d": ["y"]}),
        ("<b>x</b>", {}),
    ],
)  # fmt: skip
def test_microdata(html: str, expected: dict[str, Any]) -> None:
    """An item has the values of its properties: texts, addresses, and items (HTML, 5.2.4)."""
    item = page(ITEM.format(html)).microdata()[0]
    assert item == {
        "type": ["http://s.example/Tea", "http://s.example/B"],
        "id": f"{URL}#t",
        "properties": expected,
    }


def test_items_refer_to_other_parts_of_a_page() -> None:
    """`itemref` adds what it names, which is no property of what is around it, and an item in itself is "ERROR"."""
    found = page('<p id="x"><b itemprop="a">1</b></p><b itemprop="z">2</b><div itemscope itemref="x nosuch"></div>')
    assert found.microdata() == [{"properties": {"a": ["1"]}}]
    loop = page(
        '<div itemscope itemref="x"></div><p id="x" itemprop="a" itemscope itemref="y">'
        '<i id="y"><b itemprop="b" itemscope itemref="x">'
    )
    (item,) = loop.microdata()
    assert item["properties"]["a"][0]["properties"]["b"][0]["properties"] == {"a": ["ERROR"]}


def test_microdata_is_bounded() -> None:
    """Items that refer to much of the page again and again, or are in each other without end, are an error."""
    shared = '<p id="x">' + '<b itemprop="a">1</b>' * 3000 + "</p>" + '<i itemscope itemref="x"></i>' * 3000
    for html in (shared, "<div itemscope>" + '<div itemscope itemprop="a">' * 3000):
        with pytest.raises(ValueError, match=r"^<200 http://a.example/b/c> has microdata whose items are too deep"):
            page(html).microdata()
