"""The controls of a page's forms: which belong to which form, and which are disabled (HTML, 4.10.17 and 4.10.18).

A control belongs to the form its `form` attribute names, or else to the one it is in. A `<form>` right inside a table
ends where it begins, as the standard has it, and yet its controls are meant to be what follows in that table: of
these, what the tree no longer tells, a control's table is taken to be.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

_CONTROLS = "form, button, input, select, textarea"
_TABLE_PARTS = frozenset(("table", "tbody", "thead", "tfoot", "tr"))
_BUTTON_TYPES = frozenset(("submit", "reset", "button"))
_TYPES = (
    "button checkbox color date datetime-local email file hidden image month number password radio range reset search "
    "submit tel text time url week"
)
_INPUT_TYPES = frozenset(_TYPES.split())


@dataclass(frozen=True, slots=True)
class Control:
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
    return [control for control, owner in _owned(root) if owner is not None and owner.mem_id == form.mem_id]


def _owned(root: LexborNode) -> Iterator[tuple[Control, LexborNode | None]]:
    """Every control of a page, and the form it belongs to."""
    named: dict[str, LexborNode] | None = None
    open_form: LexborNode | None = None  # of a table
    open_tables: set[int] = set()
    for node in root.css(_CONTROLS):
        tag = node.tag
        if tag == "form":
            open_form = node if _is_cut_short(node) else None
            open_tables = _around(node).tables if open_form is not None else set()
            continue
        attributes = node.attributes
        around = _around(node)
        owner = around.form
        if "form" in attributes:
            named = _forms_by_id(root) if named is None else named
            owner = named.get(attributes["form"] or "")
        elif owner is None and not around.tables.isdisjoint(open_tables):
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


@dataclass(slots=True)
class _Around:
    """What the ancestors of a control say of it."""

    form: LexborNode | None
    is_disabled: bool
    is_datalist: bool
    tables: set[int]


def _around(node: LexborNode) -> _Around:
    found = _Around(None, False, False, set())
    inner, outer = node, node.parent
    while outer is not None and outer.is_element_node:
        match outer.tag:
            case "form" if found.form is None:
                found.form = outer
            case "fieldset" if "disabled" in outer.attributes and not _is_first_legend(inner, outer):
                found.is_disabled = True
            case "datalist":
                found.is_datalist = True
            case "table":
                found.tables.add(outer.mem_id)
        inner, outer = outer, outer.parent
    return found


def _is_first_legend(node: LexborNode, fieldset: LexborNode) -> bool:
    """Whether `node` is the legend of a fieldset, in which controls stay enabled (HTML, 4.10.15)."""
    child = fieldset.first_child
    while child is not None and child.tag != "legend":
        child = child.next
    return child is not None and child.mem_id == node.mem_id
