"""Cutting CSS text where it may be cut: not in quotes, not in brackets, not after a backslash."""

import re
from collections.abc import Iterator

WHITE = " \t\n\f\r"
FILLER = "\0"
"""What stands for a character of a comment, so that everything else stays where it was."""
_ESCAPE = r"\\(?:[0-9a-fA-F]{1,6}[ \t\n\f\r]?|[^\n\f\r])"
_UNIT = re.compile(rf"""{_ESCAPE}|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|.""", re.DOTALL)
_COMMENT = re.compile(rf"""({_ESCAPE}|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|/\*.*?(?:\*/|$)""", re.DOTALL)
_NO_CHARACTERS = re.compile("[\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n\f\r]?|(\r\n|.))", re.DOTALL)

NAME = rf"(?:[a-zA-Z0-9_-]|[^\x00-\x7f]|{_ESCAPE})+"
"""A name as CSS has it, as a part of a regular expression."""
STRING = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
"""A string, likewise; the expression must be one whose dot matches line breaks."""


def cut(text: str, separators: str, keep: bool = False) -> Iterator[tuple[int, str]]:
    """The pieces of `text` between `separators`, each with its place; with `keep`, separators are pieces as well."""
    start, depth = 0, 0
    for unit in _UNIT.finditer(text):
        char = unit[0]
        if char in ("(", "["):
            depth += 1
        elif char in (")", "]"):
            depth -= 1
        elif char in separators and depth == 0:
            yield start, text[start : unit.start()]
            if keep:
                yield unit.start(), char
            start = unit.end()
    yield start, text[start:]


def end_of_brackets(text: str, start: int) -> int | None:
    """Where the brackets that open at `start` have closed; None if they never do."""
    depth = 0
    for unit in _UNIT.finditer(text, start):
        if unit[0] in ("(", "["):
            depth += 1
        elif unit[0] in (")", "]"):
            depth -= 1
            if depth == 0:
                return unit.end()
    return None


def clean(css: str) -> str:
    """`css` with U+FFFD for what is no character (CSS Syntax, 3.3), and its comments filled with `FILLER`."""
    css = _NO_CHARACTERS.sub("\ufffd", css)
    return _COMMENT.sub(lambda found: found[1] or FILLER * len(found[0]), css) if "/*" in css else css


def literal(text: str) -> str | None:
    """What a string or a name of CSS means; None if `text` is neither."""
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        return unescaped(text[1:-1])
    return unescaped(text) if re.fullmatch(rf"(?!-?\d){NAME}", text) else None


def unescaped(text: str) -> str:
    """`text` with its escapes replaced by what they stand for."""
    return _ESCAPED.sub(_meant, text) if "\\" in text else text


def _meant(escape: re.Match[str]) -> str:
    """The character that an escape stands for (CSS Syntax, 4.3.7); an escaped line break in a string is nothing."""
    if escape[1]:
        code = int(escape[1], 16)
        return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return "" if escape[2] in ("\n", "\r", "\r\n", "\f") else escape[2]
