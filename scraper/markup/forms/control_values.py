"""The values of a form's controls, as they are before anybody touches them (HTML, 4.10.5 to 4.10.11).

Attributes may make no sense. A value that is not a number counts as missing; where one choice is allowed and two are
marked, the last one counts.
"""

import re
from collections.abc import Callable
from datetime import date
from math import floor, inf, isfinite
from unicodedata import bidirectional

from selectolax.lexbor import LexborNode

from scraper.markup.forms.controls import Control

WHITE = "\t\n\f\r "


def value_of(control: Control) -> str:
    """The value of a control that has one, as the standard has it for its kind."""
    if control.kind == "textarea":
        return re.sub("\r\n?", "\n", control.node.text())
    value = control.attribute("value")
    match control.kind:
        case "checkbox" | "radio":
            value = value if "value" in control.attributes else "on"
        case "email" if "multiple" in control.attributes:
            value = ",".join(each.strip(WHITE) for each in _line(value).split(","))
        case "email" | "url":
            value = _line(value).strip(WHITE)
        case "range":
            value = _in_range(control, value)
        case "color":
            value = value.lower() if _is_color(value) else "#000000"
        case kind if kind in ONE_LINE_KINDS:
            value = _line(value)
        case kind if kind in _FORMATS:
            value = value.replace(" ", "T") if _FORMATS[kind](value) else ""
    return value


def _line(value: str) -> str:
    return re.sub("[\r\n]", "", value)


ONE_LINE_KINDS = frozenset(("text", "search", "tel", "url", "email", "password"))
DIRECTIONAL_KINDS = ONE_LINE_KINDS | {"textarea", "hidden", "submit"}
_NUMBER = r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
_MONTH = r"\d{4,}-(?:0[1-9]|1[0-2])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?"


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


_is_number, _is_month, _is_time = _matches(_NUMBER), _matches(_MONTH), _matches(_TIME)
_is_color = _matches("#[0-9A-Fa-f]{6}")
_is_week = _matches(r"\d{4,}-W(?:0[1-9]|[1-4]\d|5[0-3])")


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_moment(value: str) -> bool:
    return _is_date(value[:10]) and value[10:11] in {"T", " "} and _is_time(value[11:])


_FORMATS = {
    "number": _is_number,
    "month": _is_month,
    "week": _is_week,
    "time": _is_time,
    "date": _is_date,
    "datetime-local": _is_moment,
}


def _in_range(control: Control, value: str) -> str:
    """A slider's value: between its ends, on one of its steps, and in the middle if it has none (HTML, 4.10.5.1.13)."""
    least = _number(control.attribute("min"), 0)
    most = max(least, _number(control.attribute("max"), 100))
    step = _number(control.attribute("step"), 1)
    wanted = min(max(_number(value, least / 2 + most / 2), least), most)
    steps = (wanted - least) / step if step > 0 and control.attribute("step").lower() != "any" else inf
    if isfinite(steps):
        wanted = least + floor(steps + 0.5) * step
        if wanted > most:
            wanted -= step
    return f"{wanted:.12g}"


def _number(text: str, default: float) -> float:
    number = float(text) if _is_number(text) else default
    return number if isfinite(number) else default


def text_direction(control: Control, value: str) -> str:
    """The direction of a text, `ltr` or `rtl` (HTML, 3.2.6.4)."""
    node: LexborNode | None = control.node
    while node is not None and node.is_element_node:
        match (node.attributes.get("dir") or "").lower():
            case ("ltr" | "rtl") as said:
                return said
            case "auto":
                strong = next((kind for char in value if (kind := bidirectional(char)) in {"L", "R", "AL"}), "L")
                return "ltr" if strong == "L" else "rtl"
        node = node.parent
    return "ltr"


# Selects.


def selected_values(control: Control) -> list[str]:
    """The values that a select gives: of its options that are selected and not disabled.

    Where one option can be chosen, the last that is selected counts; a list that shows one line has its first
    enabled option selected if no other is (HTML, 4.10.7).
    """
    options = control.node.css("option")
    chosen = [option for option in options if "selected" in option.attributes]
    if "multiple" not in control.attributes:
        if not chosen and control.attribute("size").strip(WHITE) in {"", "0", "1"}:
            chosen = [option for option in options if not _is_off(option)][:1]
        chosen = chosen[-1:]
    return [_option_value(option) for option in chosen if not _is_off(option)]


def _option_value(option: LexborNode) -> str:
    attributes = option.attributes
    return attributes["value"] or "" if "value" in attributes else " ".join(option.text().split())


def _is_off(option: LexborNode) -> bool:
    """Whether an option is disabled, by itself or with its group."""
    group = option.parent
    in_group = group is not None and group.tag == "optgroup" and "disabled" in group.attributes
    return in_group or "disabled" in option.attributes
