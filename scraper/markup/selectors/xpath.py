"""XPath 1.0 expressions, asked of lxml's elements (extra `xpath`)."""

import re
from collections.abc import Mapping
from typing import Any

from scraper.markup.selectors.css_parser import SelectorError, shortened

NAMESPACES = {"re": "http://exslt.org/regular-expressions", "set": "http://exslt.org/sets"}
"""Prefixes that every expression may use."""


def _has_class(context: Any, *names: str) -> bool:
    """Whether the element has all the classes `names`: parsel's addition to XPath."""
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("has-class() takes one text or more")
    return set(names) <= set((context.context_node.get("class") or "").split())


_EXTENSIONS = {(None, "has-class"): _has_class}


def asked(element: Any, query: str, variables: dict[str, Any], prefixes: Mapping[str, str] = NAMESPACES) -> list[Any]:
    """What lxml finds from `element` on: elements and texts, or one number, truth or text.

    `namespaces` among the `variables` adds to `prefixes`. Raises `SelectorError` for an expression that is not
    understood.
    """
    from lxml import etree

    namespaces = {**prefixes, **(variables.pop("namespaces", None) or {})}
    try:
        found = element.xpath(query, namespaces=namespaces, extensions=_EXTENSIONS, **variables)
    except (etree.XPathError, re.error, ValueError, TypeError) as error:
        raise SelectorError(f"the XPath expression {shortened(query)} is not understood: {error}") from None
    return found if isinstance(found, list) else [found]


def is_itself(query: object) -> bool:
    """Whether an expression asks for the very thing that is asked, which is all that a text can answer."""
    return isinstance(query, str) and query.strip() == "."
