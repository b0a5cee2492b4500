"""XML that is not well-formed, read as well as it can be: what a parser refuses is taken for what its author meant.

An ampersand or `<` that begins nothing stands for itself. Attributes may lack quotes or a value, and the first of two
with one name counts. Declarations and instructions are passed over, wherever they stand. Which elements an end tag ends
is not decided here. The references that HTML knows are known.

Every character is looked at a few times, however broken the document is, and how it is cut into pieces changes nothing.
"""

import re
from collections.abc import Callable
from html.entities import html5

from scraper.markup.document.text_stream import DocumentError

LONGEST = 1024 * 1024  # characters of one tag or comment

_CDATA = "<![CDATA["
_START = r"[A-Za-z_\x80-\U0010ffff]"
_NAME = rf"{_START}[\w.\-]*+(?::{_START}[\w.\-]*+)?"
_BEGINS_TAG = re.compile(rf"</?(?:{_START}|\Z)")
_TAG = rf"""<(?P<end>/?)(?P<tag>{_NAME})(?P<rest>(?:[\s/](?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+)?)>"""
_LOOSE_TAG = re.compile(rf"""<(?P<end>/?)(?P<tag>{_NAME})(?P<rest>(?:[^\w.\-<>][^<>]*+)?)>""")
_ATTRIBUTE = re.compile(rf"""({_NAME})(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+)))?|\S""")
_REFERENCE = re.compile("&(?:#([0-9]{1,8})|#[xX]([0-9a-fA-F]{1,8})|([A-Za-z][A-Za-z0-9]{0,31}));")
_TOKEN = re.compile(rf"(?P<text>[^<&]++)|{_TAG}|(?P<reference>{_REFERENCE.pattern})")
_HALF_REFERENCE = re.compile(r"&(?:#[xX]?)?[A-Za-z0-9]{0,32}\Z")
_DECLARATION = re.compile(r"<\?xml\s")
_DOCTYPE = re.compile(r"<!doctype\s+([^\s\[>]+)", re.IGNORECASE)
_LEGAL = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class TagSoup:
    """Reads a document from where a parser gave up, and tells what is there, in its order.

    `start` is told the name and the attributes of each element that begins, `end` the name in each end tag, `text` each
    piece of text, `doctype` the name in a document type declaration and whether more is declared in it. The `known`
    first characters were read by the parser, except for the token that they end in. `is_in_cdata` if the first of them
    are in a CDATA section.
    """

    def __init__(
        self,
        *,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None],
        text: Callable[[str], None],
        doctype: Callable[[str, bool], None],
        known: str = "",
        is_in_cdata: bool = False,
    ) -> None:
        self._start = start
        self._end = end
        self._text = text
        self._doctype = doctype
        self._known = len(_with_lines(known))
        self._is_in_cdata = is_in_cdata
        self._rest = ""
        self._held = ""

    def feed(self, text: str, *, is_last: bool = False) -> None:
        """Read on. Raises `DocumentError` for a tag or comment without end, and what those raise that are told."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") and not is_last else ""
        data = self._rest + _with_lines(text.removesuffix(self._held))
        at = 0
        while at < len(data):
            found = None if self._is_in_cdata else _TOKEN.match(data, at)
            if found is not None:
                if found.end() > self._known:
                    self._tell(found)
                at = found.end()
            elif (after := self._other(data, at, is_last=is_last)) is not None:
                at = after
            else:
                break
        self._rest = data[at:]
        self._known -= at
        if len(self._rest) > LONGEST:
            raise DocumentError(f"it has a tag or comment of more than {LONGEST:,} characters")

    def _tell(self, found: re.Match[str]) -> None:
        """Tell a tag, a reference or a text."""
        name = found["tag"]
        if name is None:
            if found[0][0] == "&":
                self._text(_REFERENCE.sub(_meaning, found[0]))
            elif found.start() < self._known:
                self._text(found.string[self._untold(found.string, found.start()) : found.end()])
            else:
                self._text(found[0])
        elif found["end"]:
            self._end(name)
        else:
            rest = found["rest"].rstrip()
            self._start(name, _attributes(rest) if rest else {})
            if rest.endswith("/"):
                self._end(name)

    def _untold(self, data: str, at: int) -> int:
        """Where in a text the parser stopped telling it: of a line with `]]>` in it, it told nothing."""
        if data[max(at, self._known - 2) : self._known + 1] == "]]>":
            return data.rfind("\n", at, self._known) + 1 or at
        return self._known

    def _other(self, data: str, at: int, *, is_last: bool) -> int | None:
        """Where what is no plain token ends, which is told; None if that cannot be seen yet."""
        if self._is_in_cdata:
            return self._cdata(data, at, is_last=is_last)
        if data[at] == "&":
            if not is_last and _HALF_REFERENCE.match(data, at):
                return None
            return self._tell_mistake(at)
        return self._markup(data, at, is_last=is_last)

    def _cdata(self, data: str, at: int, *, is_last: bool) -> int | None:
        end = data.find("]]>", at)
        self._is_in_cdata = end < 0
        if end < 0:
            end = after = len(data) if is_last else max(at, len(data) - 2)
        else:
            after = end + 3
        if after > self._known:
            self._text(data[at:end])
        return after if after > at else None

    def _markup(self, data: str, at: int, *, is_last: bool) -> int | None:
        if data.startswith(_CDATA, at):
            self._is_in_cdata = True
            return at + len(_CDATA)
        if not is_last and len(data) - at < len(_CDATA) and _CDATA.startswith(data[at:]):
            return None
        if data.startswith("<!--", at):
            return _end(data, at, "-->", is_last=is_last)
        if data.startswith("<!", at):
            return self._declaration(data, at, is_last=is_last)
        if data.startswith("<?", at):
            return _end(data, at, ">" if _DECLARATION.match(data, at) else "?>", is_last=is_last)
        return self._tag(data, at, is_last=is_last)

    def _declaration(self, data: str, at: int, *, is_last: bool) -> int | None:
        end = _end(data, at, ">", is_last=is_last)
        if end is None:
            return None
        if (found := _DOCTYPE.match(data, at, end)) and end > self._known:
            self._doctype(found[1], "[" in data[at:end])
        return end

    def _tag(self, data: str, at: int, *, is_last: bool) -> int | None:
        """The end of a tag whose attributes are not what they should be, or of a `<` that begins none."""
        found = None
        if _BEGINS_TAG.match(data, at):
            stop = data.find("<", at + 1)
            if stop < 0 and not is_last:
                return None
            found = _LOOSE_TAG.match(data, at, len(data) if stop < 0 else stop)
        if found is None:
            return self._tell_mistake(at, "<")
        self._known = 0
        self._tell(found)
        return found.end()

    def _tell_mistake(self, at: int, character: str = "&") -> int:
        """Tell a character that begins nothing. It is what the parser stopped at, and so is all that follows it."""
        self._known = 0
        self._text(character)
        return at + 1


def _end(data: str, at: int, mark: str, *, is_last: bool) -> int | None:
    """Where what begins `at` and ends in a `mark` ends; None if that cannot be seen yet."""
    end = data.find(mark, at + 2)
    return end + len(mark) if end >= 0 else len(data) if is_last else None


def _attributes(rest: str) -> dict[str, str]:
    """The attributes in a tag."""
    attributes: dict[str, str] = {}
    for found in _ATTRIBUTE.finditer(rest.removesuffix("/")):
        if found[1]:
            attributes.setdefault(found[1], _REFERENCE.sub(_meaning, found[2] or found[3] or found[4] or ""))
    return attributes


def _with_lines(text: str) -> str:
    """`text` with its lines ended as XML has them (XML 1.0, 2.11)."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _meaning(found: re.Match[str]) -> str:
    """What a reference stands for; itself, if nobody knows it."""
    decimal, hexadecimal, name = found.groups()
    if name:
        return html5.get(f"{name};", found[0])
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return char if code < 0x110000 and _LEGAL.match(char := chr(code)) else "\ufffd"
