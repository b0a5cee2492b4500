"""Simple selectors in words that Lexbor knows, each with the meaning that cssselect gives it.

Names and values are said in plain ASCII, as Lexbor's idea of a letter is not CSS's. Values of attributes are compared
exactly unless a flag says otherwise. `:not(*)` is what nothing matches.
"""

import re

from scraper.markup.selectors.css_text import NAME, STRING, WHITE, literal, unescaped

NOTHING = ":not(*)"


def as_name(meaning: str) -> str:
    """A name of CSS that means `meaning`."""
    first = rf"\{ord(meaning[0]):x} " if re.match(r"-?\d|-$|--", meaning, re.ASCII) else ""
    return first + _escaped(meaning[1:] if first else meaning)


def as_text(meaning: str) -> str:
    """A string of CSS that means `meaning`, with its quotes."""
    return f'"{_escaped(meaning, " ")}"'


def _escaped(meaning: str, others: str = "") -> str:
    return re.sub(rf"[^a-zA-Z0-9_{others}-]", lambda found: rf"\{ord(found[0]):x} ", meaning)


# Attributes.

# Attributes of HTML whose values Lexbor compares without regard to case (HTML, 4.17.2), unless told not to.
_LAX_WORDS = (
    "accept accept-charset align alink axis bgcolor charset checked clear codetype color compact declare defer "
    "dir direction disabled enctype face frame hreflang http-equiv lang language link media method multiple "
    "nohref noresize noshade nowrap readonly rel rev rules scope scrolling selected shape target text type valign "
    "valuetype vlink"
)
_LAX = frozenset(_LAX_WORDS.split())
_ATTRIBUTE = re.compile(
    rf"\[\s*(?:(?P<prefix>\*|{NAME})?\|(?!=))?(?P<name>{NAME})\s*"
    rf"(?:(?P<operator>[~|^$*!]?=)\s*(?P<value>{STRING}|{NAME})\s*(?P<flag>[iIsS])?\s*)?\]",
    re.DOTALL,
)


def attribute(simple: str) -> str | None:
    """An attribute selector; None if it is not understood.

    `!=`, which is cssselect's own, is said by `:not()`.
    """
    found = _ATTRIBUTE.fullmatch(simple)
    meaning = literal(found["name"]) if found else None
    if found is None or meaning is None:
        return None
    prefix, name, operator = found["prefix"], as_name(meaning), found["operator"]
    if prefix not in (None, "*"):
        return NOTHING if prefix.lower() == "xml" else None
    if operator is None:
        return f"[{name}]"
    value = literal(found["value"])
    if value is None:
        return None
    flag = found["flag"] or ("s" if meaning.lower() in _LAX else "")
    said = f"[{name}{operator.lstrip('!')}{as_text(value)}{' ' * bool(flag)}{flag}]"
    if operator == "!=":
        return f":not({said})" if value else f"[{name}]:not({said})"
    is_empty_word = operator == "~=" and (not value or set(value) & set(WHITE))
    return NOTHING if is_empty_word else said


# Pseudo-classes.

_SERIES = re.compile(r"(?:(?P<step>[+-]?\d*)n)?(?P<start>[+-]?\d+)?", re.ASCII)
_FAR = 1_000_000_000


def series(inner: str) -> str | None:
    """What stands in the brackets of `:nth-child()` and its like; None if it is not understood."""
    said = "".join(unescaped(inner).split()).lower()
    said = {"odd": "2n+1", "even": "2n"}.get(said, said)
    found = _SERIES.fullmatch(said)
    if found is None or not said:
        return None
    step, start = found["step"], _number(found["start"] or "0")
    if step is None:
        return str(start)
    return f"{_number(step + '1' if step in ('', '+', '-') else step)}n{start:+}"


def _number(digits: str) -> int:
    """A number of the series; no page has as many elements as a number of ten digits says."""
    sign = -1 if digits.startswith("-") else 1
    return sign * (int(digits.lstrip("+-")) if len(digits) < 10 else _FAR)


_FIELDS = ":is(input, button, select, textarea)"
_BY_FIELDSET = ":is(fieldset[disabled] *):not(fieldset[disabled] > legend:first-of-type *)"
_DISABLED = (
    f":is({_FIELDS}[disabled], :is(fieldset, optgroup, option)[disabled], {_FIELDS}{_BY_FIELDSET}, "
    "optgroup[disabled] option)"
)

# What cssselect takes these for: a page that nobody uses has no pointer, no focus and no history.
PSEUDO_CLASSES = dict.fromkeys((":active", ":focus", ":hover", ":target", ":visited"), NOTHING) | {
    ":checked": ":is(option[selected], :is(input, command)[checked]:is([type=checkbox s], [type=radio s]))",
    ":disabled": _DISABLED,
    ":enabled": f":is(input, button, select, textarea, fieldset, optgroup, option):not({_DISABLED})",
    ":link": ":is(a, link, area)[href]",
}
