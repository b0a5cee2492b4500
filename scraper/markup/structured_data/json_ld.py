"""What a page says of itself for machines in JSON-LD: the objects of its scripts of that type."""

import re
from collections.abc import Iterator
from typing import Any

from selectolax.lexbor import LexborNode

from scraper.markup.structured_data import lenient_json

_START = re.compile(r"\A\s*+(?:<!--|(?://|/\*)?\s*+<!\[CDATA\[\s*+(?:\*/)?)")
_ENDS = ("//-->", "-->", "/*]]>*/", "//]]>", "]]>")


def json_ld(root: LexborNode, kind: str | None = None) -> list[dict[str, Any]]:
    """The objects of all `<script type="application/ld+json">` below `root`, in the order of the page.

    Lists and `@graph` are opened. With `kind`, those whose `@type` it is, by its last part: `Product` is also
    `https://schema.org/Product`. A script that is no JSON is passed over.
    """
    found: list[dict[str, Any]] = []
    for script in root.css("script[type]"):
        if (script.attributes["type"] or "").partition(";")[0].strip().lower() == "application/ld+json":
            try:
                data = lenient_json.read(_unwrapped(script.text()))
            except ValueError:
                continue
            found += (each for each in _objects(data) if kind is None or kind in _types(each))
    return found


def _unwrapped(text: str) -> str:
    """The text of a script without the comments that hid it from old browsers, and without a semicolon."""
    start = _START.match(text)
    text = (text[start.end() :] if start else text).rstrip(" \t\n\f\r;")
    end = next((end for end in _ENDS if text.endswith(end)), "")
    return text.removesuffix(end)


def _objects(data: object) -> Iterator[dict[str, Any]]:
    pending = [data]
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending += reversed(each)
        elif isinstance(each, dict):
            graph = each.get("@graph")
            if not isinstance(graph, list | dict):
                yield each
            else:
                if each.keys() - {"@context", "@graph", "@id"}:
                    yield each
                pending.append(graph)


def _types(each: dict[str, Any]) -> set[str]:
    types = each.get("@type")
    return {
        re.split("[/#:]", name)[-1] for name in (types if isinstance(types, list) else [types]) if isinstance(name, str)
    }
