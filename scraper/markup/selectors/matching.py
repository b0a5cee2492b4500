"""What a query matches below an element: elements, texts and attributes, in document order.

Lexbor answers fast, but from the page: `section.css("div p")` would find a `<p>` of that section whose `<div>` is
around it. Here, as in parsel, all of a selector is looked for from the element on. That makes a difference only
if something around the element may match the selector's first step, which is cheap to rule out; if not, the
selector is followed step by step.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from selectolax.lexbor import LexborNode

from scraper.markup.document.tree import empty_root
from scraper.markup.selectors.combinators import Relation, origins
from scraper.markup.selectors.contains import containing
from scraper.markup.selectors.css_parser import Among, Chain, Contains, Has, Language, Step, Test
from scraper.markup.selectors.element_text import deep_texts, own_texts
from scraper.markup.selectors.query import Part, Query

Taken = tuple[LexborNode, str | None]
"""An element, or a text or an attribute's value and the element it is of."""


_HTML = empty_root().tag_id


def leading(scope: LexborNode, query: Query) -> Taken | None:
    """The first of `taken`, found without looking for the rest where that can be told."""
    if query.is_quick:
        node = _first_node(scope, query) if query.is_chain else scope.css_first(query.css)
        if node is None:
            return None
        if query.kind == "element":
            return node, None
        if query.kind == "text":
            child = node.first_child
            if child is not None and child.is_text_node:
                return node, child.text_content or ""
        else:
            attributes = node.attributes
            if query.attribute in attributes:
                return node, attributes[query.attribute] or ""
    return next(iter(taken(scope, query)), None)


def _first_node(scope: LexborNode, query: Query) -> LexborNode | None:
    """The first of `nodes`."""
    if query.needs_steps or _may_reach_out(scope, query):
        return next(iter(nodes(scope, query)), None)
    return scope.css_first(query.css)


def all_texts(scope: LexborNode, query: Query) -> list[str]:
    """What the query takes, as text: elements as HTML."""
    if query.kind == "attribute":
        name = query.attribute
        return [attributes[name] or "" for node in nodes(scope, query) if name in (attributes := node.attributes)]
    if query.kind == "text":
        return [text for _, text in own_texts(nodes(scope, query))]
    return [(node.html or "") if text is None else text for node, text in taken(scope, query)]


def nodes(scope: LexborNode, query: Query) -> list[LexborNode]:
    """The elements below (or equal to) `scope` that a part of the query's list matches, each once.

    Siblings of `scope` are among them if a part leads there.
    """
    if not (query.needs_steps or (query.is_chain and _may_reach_out(scope, query))):
        return _search(scope, query.css)
    places = {node.mem_id for part in query.parts for node in _matched(scope, part)}
    return [node for node in _search(_region(scope, query.is_sideways), query.last_css) if node.mem_id in places]


def taken(scope: LexborNode, query: Query) -> Iterator[Taken]:
    """What the query takes of the elements it matches."""
    match query.kind:
        case None:
            yield from _mixed(scope, query)
        case "element":
            for node in nodes(scope, query):
                yield node, None
        case "text":
            yield from own_texts(nodes(scope, query))
        case "deep text":
            yield from deep_texts([scope] if query.is_whole else nodes(scope, query))
        case "attribute":
            for node in nodes(scope, query):
                attributes = node.attributes
                if query.attribute in attributes:
                    yield node, attributes[query.attribute] or ""


def _mixed(scope: LexborNode, query: Query) -> Iterator[Taken]:
    """What a list takes whose parts take different things: all of it in one walk through the tree."""
    places = [({node.mem_id for node in _matched(scope, part)}, part) for part in query.parts]
    elements = {place for found, part in places if part.kind == "element" for place in found}
    texts = {place for found, part in places if part.kind == "text" for place in found}
    deep = {place for found, part in places if part.kind == "deep text" for place in found}
    attributes = [(found, part.attribute) for found, part in places if part.kind == "attribute"]
    for node in _region(scope, query.is_sideways).traverse(include_text=True):
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


def _search(scope: LexborNode, css: str) -> list[LexborNode]:
    """What Lexbor finds, each element once: of a list it gives those twice that two parts match."""
    found = scope.css(css)
    if "," in css and len(found) > 1:
        return list({node.mem_id: node for node in found}.values())
    return found


# Selectors with several steps.


def _may_reach_out(scope: LexborNode, query: Query) -> bool:
    """Whether a selector of several steps may match in part what is outside of `scope`; yes, if in doubt."""
    if scope.tag_id == _HTML:
        return False
    above = scope.parent
    while above is not None and not above.is_document_node:
        for part in query.parts:
            if part.is_chain and _may_match(above, part.chain.steps[0]):
                return True
        above = above.parent
    return query.is_sideways


def _may_match(node: LexborNode, step: Step) -> bool:
    if step.tag:
        return (node.tag or "").lower() == step.tag  # SVG has tags in two cases
    if step.word_of:
        return step.word in (node.attributes.get(step.word_of) or "").lower()
    return True


def _matched(scope: LexborNode, part: Part) -> Iterable[LexborNode]:
    """The elements that a part matches with all of its steps in `scope`, or beside it."""
    first, *others = part.chain.steps
    found = _follow(_region(scope, part.chain.is_sideways), _step(scope, scope, first), others)
    if part.is_deep:
        return {inner.mem_id: inner for node in found for inner in _search(node, "*")}.values()
    return found


def _region(scope: LexborNode, is_sideways: bool) -> LexborNode:
    """Where a selector may lead from `scope`: siblings are below its parent."""
    around = scope.parent if is_sideways else None
    return around if around is not None and around.is_element_node else scope


def _follow(region: LexborNode, found: list[LexborNode], steps: Sequence[Step]) -> list[LexborNode]:
    """The elements of `region` to which `steps` lead from those `found`."""
    for step in steps:
        if not found:
            break
        relation = Relation(step.combinator, {node.mem_id for node in found})
        found = [node for node in _step(region, region, step) if relation.holds(node)]
    return found


def _step(region: LexborNode, scope: LexborNode, step: Step) -> list[LexborNode]:
    """The elements of `region` that a step alone matches."""
    found = _search(region, step.any_css)
    if step.is_scope:
        found = [node for node in found if node.mem_id == scope.mem_id]
    for test in step.tests:
        found = _passing(found, test)
    return found


def _passing(found: list[LexborNode], test: Test) -> list[LexborNode]:
    """Those of the elements `found` that pass a test."""
    root = found[0].parser.root if found else None
    if root is None:
        return []
    match test:
        case Contains(text, is_folded):
            return containing(found, text, is_folded)
        case Language(tag):
            languages: dict[int, str] = {}
            return [node for node in found if f"{_language(node, languages)}-".startswith(f"{tag}-")]
        case Has(chains):
            places = {place for chain in chains for place in _origins(root, chain)}
            return [node for node in found if node.mem_id in places]
        case Among(chains, is_wanted):
            places = {node.mem_id for chain in chains for node in _matched(root, Part(chain))}
            return [node for node in found if (node.mem_id in places) is is_wanted]
    assert_never(test)


def _origins(root: LexborNode, chain: Chain) -> set[int]:
    """The places of the elements from which a chain leads to something, found by going it backwards."""
    *others, last = chain.steps
    places = origins(last.combinator, _step(root, root, last))
    for step in reversed(others):
        places = origins(step.combinator, [node for node in _step(root, root, step) if node.mem_id in places])
    return places


def _language(node: LexborNode, known: dict[int, str]) -> str:
    """The value of the nearest `lang`, in lower case; `known` remembers what was found for others."""
    passed: list[int] = []
    near: LexborNode | None = node
    language = "\0"  # which is no language
    while near is not None and near.is_element_node:
        place = near.mem_id
        if place in known:
            language = known[place]
            break
        passed.append(place)
        attributes = near.attributes
        if "lang" in attributes:
            language = (attributes["lang"] or "").lower()
            break
        near = near.parent
    known.update(dict.fromkeys(passed, language))
    return language
