"""The controls of a page's forms: which belong to which form, and which are disabled (HTML, 4.10.17 and 4.10.18).

A control belongs to the form its `form` attribute names, or else to the one it is in. A `<form>` right inside a table
ends where it begins, as the standard has it, and yet its controls are meant to be what follows in that table: of
these, what the tree no longer tells, a control's table is taken to be.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from selectolax.lexbor import LexborNode

_CONTROLS = "form, button, input, select, textarea"
_TABLE_PARTS = frozenset(("table", "tbody", "thead", "tfoot", "tr"))
_BUTTON_TYPES = frozenset(("submit", "reset", "button"))
_TYPES = (
    "button checkbox color date datetime-local email file hidden image month number password radio range reset search "
    "submit tel text time url week"
)
_INPUT_TYPES = frozenset(_TYPES.split())


class Control(msgspec.Struct, frozen=True):
    """A control, its kind, and whether it may be part of what is sent.

    `kind` is the type of an input, `submit`, `reset` or `button` of a button, and otherwise the tag. What is in a
    `<datalist>` is no part of a form's data either.
    """

    node: LexborNode
    kind: str
    attributes: dict[str, str | None]
    is_disabled: bool
    is_suggestion: bool

    def attribute(self, name: str) -> str:
        """The value of an attribute; "" if there is none."""
        return self.attributes.get(name) or ""

    @property
    def name(self) -> str:
        """By which its value is sent; "" if it is not."""
        return self.attribute("name")

    @property
    def is_button(self) -> bool:
        """Whether it is clicked to send the form."""
        return self.kind in {"submit", "image"}


def forms_of(root: LexborNode) -> list[LexborNode]:
    """The forms of a page, in its order."""
    return root.css("form")


def controls_of(form: LexborNode, root: LexborNode) -> list[Control]:
    """The controls of one form of the page `root`, in the page's order (the standard's tree order)."""
    return [control for control, owner in _with_forms(root) if owner is not None and owner.mem_id == form.mem_id]


def _with_forms(root: LexborNode) -> Iterator[tuple[Control, LexborNode | None]]:
    """Every control of a page, and the form it belongs to."""
    named: dict[str, LexborNode] | None = None
    open_form: LexborNode | None = None  # of a table
    open_table: int | None = None
    ancestors = _Ancestors()
    for node in root.css(_CONTROLS):
        tag = node.tag
        if tag == "form":
            open_form = node if _is_cut_short(node) else None
            open_table = ancestors.of(node).table if open_form is not None else None
            continue
        attributes = node.attributes
        around = ancestors.of(node)
        owner = around.form
        if "form" in attributes:
            named = _forms_by_id(root) if named is None else named
            owner = named.get(attributes["form"] or "")
        elif owner is None and open_table is not None and around.table == open_table:
            owner = open_form
        is_disabled = "disabled" in attributes or around.is_disabled
        yield Control(node, _kind(tag or "", attributes), attributes, is_disabled, around.is_datalist), owner


def _kind(tag: str, attributes: dict[str, str | None]) -> str:
    kind = (attributes.get("type") or "").lower()
    if tag == "input":
        return kind if kind in _INPUT_TYPES else "text"
    if tag == "button":
        return kind if kind in _BUTTON_TYPES else "submit"
    return tag


def _is_cut_short(form: LexborNode) -> bool:
    parent = form.parent
    return form.first_child is None and parent is not None and parent.tag in _TABLE_PARTS


def _forms_by_id(root: LexborNode) -> dict[str, LexborNode]:
    """The elements that are the first of their id, if they are forms."""
    first: dict[str, LexborNode] = {}
    for node in root.css("[id]"):
        first.setdefault(node.attributes["id"] or "", node)
    return {name: node for name, node in first.items() if name and node.tag == "form"}


class _Context(NamedTuple):
    """What the ancestors of an element say of it."""

    form: LexborNode | None = None
    is_disabled: bool = False
    is_datalist: bool = False
    table: int | None = None  # the outermost: who shares any table with it shares that


class _Ancestors:
    """Asks the ancestors of elements what they say, each of them once."""

    def __init__(self) -> None:
        self._known: dict[int, _Context] = {}
        self._legends: dict[int, int | None] = {}

    def of(self, node: LexborNode) -> _Context:
        path: list[LexborNode] = []
        above: LexborNode | None = node
        while above is not None and above.is_element_node and above.mem_id not in self._known:
            path.append(above)
            above = above.parent
        found = self._known.get(above.mem_id, _Context()) if above is not None else _Context()
        for inner in reversed(path):
            if above is not None:
                found = self._within(above, inner, found)
            self._known[inner.mem_id] = found
            above = inner
        return self._known[node.mem_id]

    def _within(self, outer: LexborNode, inner: LexborNode, found: _Context) -> _Context:
        """What is said of `inner`, if `found` is said of the element `outer` that it is in."""
        match outer.tag:
            case "form":
                return found._replace(form=outer)
            case "fieldset" if "disabled" in outer.attributes and inner.mem_id != self._legend(outer):
                return found._replace(is_disabled=True)
            case "datalist":
                return found._replace(is_datalist=True)
            case "table" if found.table is None:
                return found._replace(table=outer.mem_id)
        return found

    def _legend(self, fieldset: LexborNode) -> int | None:
        """The first legend of a fieldset, in which controls stay enabled (HTML, 4.10.15)."""
        if fieldset.mem_id not in self._legends:
            child = fieldset.first_child
            while child is not None and child.tag != "legend":
                child = child.next
            self._legends[fieldset.mem_id] = child.mem_id if child is not None else None
        return self._legends[fieldset.mem_id]
