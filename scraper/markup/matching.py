"""What a query matches below an element: elements, texts and attributes, in document order.

Lexbor answers fast, but from the page: `section.css("div p")` would find a `<p>` of that section whose `<div>` is
around it. Here, as in parsel, all of a selector is looked for from the element on. That makes a difference only
if something around the element may match the selector's first step, which is cheap to rule out; if not, the
selector is followed step by step.
"""

from collections.abc import Iterable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from scraper.markup.query import SCOPE, Part, Query, SelectorError, Step
from scraper.markup.texts import deep_texts, own_texts

Taken = tuple[LexborNode, str | None]
"""An element, or a text or an attribute's value and the element it is of."""


def empty_root() -> LexborNode:
    """The root of a page without content."""
    root = LexborHTMLParser("").root
    assert root is not None
    return root


_HTML = empty_root().tag_id


def first_node(scope: LexborNode, query: Query) -> LexborNode | None:
    """The first of `nodes`."""
    if query.is_chain and _may_reach_out(scope, query):
        return next(iter(nodes(scope, query)), None)
    try:
        return scope.css_first(query.css)
    except SelectolaxError:
        raise not_understood(query.text) from None


def nodes(scope: LexborNode, query: Query) -> list[LexborNode]:
    """The elements below (or equal to) `scope` that a part of the query's list matches, each once."""
    found = _search(scope, query.css, query.text)
    if "," in query.css and len(found) > 1:
        found = list({node.mem_id: node for node in found}.values())
    if found and query.is_chain and _may_reach_out(scope, query):
        places = {node.mem_id for part in query.parts for node in _matched(scope, part, query.text)}
        found = [node for node in found if node.mem_id in places]
    return found


def taken(scope: LexborNode, query: Query) -> Iterator[Taken]:
    """What the query takes of the elements it matches."""
    match query.kind:
        case None:
            yield from _mixed(scope, query)
        case "element":
            for node in nodes(scope, query):
                yield node, None
        case "text":
            yield from own_texts(scope, nodes(scope, query))
        case "deep text":
            yield from deep_texts([scope] if query.is_whole else nodes(scope, query))
        case "attribute":
            for node in nodes(scope, query):
                attributes = node.attributes
                if query.attribute in attributes:
                    yield node, attributes[query.attribute] or ""


def _mixed(scope: LexborNode, query: Query) -> Iterator[Taken]:
    """What a list takes whose parts take different things: all of it in one walk through the tree."""
    places = [({node.mem_id for node in _matched(scope, part, query.text)}, part) for part in query.parts]
    elements = {place for found, part in places if part.kind == "element" for place in found}
    texts = {place for found, part in places if part.kind == "text" for place in found}
    deep = {place for found, part in places if part.kind == "deep text" for place in found}
    attributes = [(found, part.attribute) for found, part in places if part.kind == "attribute"]
    for node in scope.traverse(include_text=True):
        parent = node.parent
        around = parent.mem_id if parent is not None else 0
        if node.is_text_node:
            if parent is not None and (around in texts or around in deep):
                yield parent, node.text_content or ""
            continue
        place = node.mem_id
        if around in deep:
            deep.add(place)
        if place in elements:
            yield node, None
        wanted = {name for found, name in attributes if place in found}
        if wanted:
            yield from ((node, value or "") for name, value in node.attributes.items() if name in wanted)


def _search(scope: LexborNode, css: str, query: str) -> list[LexborNode]:
    try:
        return scope.css(css)
    except SelectolaxError:
        raise not_understood(query) from None


def not_understood(query: str) -> SelectorError:
    """The error that says so."""
    return SelectorError(f"the CSS selector {query!r} is not understood")


# Selectors with several steps.


def _may_reach_out(scope: LexborNode, query: Query) -> bool:
    """Whether a selector of several steps may match in part what is outside of `scope`; yes, if in doubt."""
    if scope.tag_id != _HTML:
        above = scope.parent
        while above is not None and not above.is_document_node:
            for part in query.parts:
                if part.is_chain and _may_match(above, part.steps[0]):
                    return True
            above = above.parent
        return query.is_sideways or query.has_scope
    return query.has_scope


def _may_match(node: LexborNode, step: Step) -> bool:
    if step.tag:
        return node.tag == step.tag
    if step.word_of:
        return step.word in (node.attributes.get(step.word_of) or "").lower()
    return True


def _matched(scope: LexborNode, part: Part, query: str) -> Iterable[LexborNode]:
    """The elements that a part matches with all of its steps in `scope`."""
    found = _step(scope, part.steps[0], query)
    for step in part.steps[1:]:
        places = {node.mem_id for node in found}
        found = [node for node in _step(scope, step, query) if _follows(node, step.combinator, places, scope.mem_id)]
    if part.is_deep:
        return {inner.mem_id: inner for node in found for inner in _search(node, "*", query)}.values()
    return found


def _step(scope: LexborNode, step: Step, query: str) -> list[LexborNode]:
    return [scope] if step.css == SCOPE else _search(scope, step.css, query)


def _follows(node: LexborNode, combinator: str, places: set[int], limit: int) -> bool:
    """Whether `node` stands in a combinator's relation to one of `places`, without leaving the element `limit`."""
    if node.mem_id == limit:
        return False
    match combinator:
        case "+":
            before = next(_elements_before(node), None)
            return before is not None and before.mem_id in places
        case "~":
            return any(before.mem_id in places for before in _elements_before(node))
        case ">":
            parent = node.parent
            return parent is not None and parent.mem_id in places
    above = node.parent
    while above is not None:
        if above.mem_id in places:
            return True
        above = above.parent if above.mem_id != limit else None
    return False


def _elements_before(node: LexborNode) -> Iterator[LexborNode]:
    before = node.prev
    while before is not None:
        if before.is_element_node:
            yield before
        before = before.prev
