"""What a page says about its own encoding, read before it can be parsed (HTML, 13.2.3.2, *prescan*).

The standard reads tags and their attributes byte by byte, so that a `charset=` in a comment, in the title of a
paragraph or in a tag that never ends means nothing. The first tag that says something valid wins; an XML
declaration counts if no tag does.
"""

import re
from collections.abc import Iterator

from scraper.markup.document.encoding_labels import codec_of

_SPACE = rb"\t\n\f\r "
_TAG = re.compile(rb"<(?:(meta)(?=[" + _SPACE + rb"/])|/?[a-z][^>" + _SPACE + rb"]*)", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    rb"[" + _SPACE + rb"/]*(?P<name>[^>/" + _SPACE + rb"][^=>/" + _SPACE + rb"]*)"
    rb"(?:[" + _SPACE + rb"]*=[" + _SPACE + rb"]*"
    rb"(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<open>[\"'])|(?P<bare>[^>" + _SPACE + rb"]*)))?"
)
_END = re.compile(rb"[" + _SPACE + rb"/]*(>?)")
_CONTENT_CHARSET = re.compile(
    r"charset[\t\n\f\r ]*=[\t\n\f\r ]*(?:\"([^\"]*)\"|'([^']*)'|([\"'])|([^\t\n\f\r ;]+))", re.IGNORECASE
)
_XML = re.compile(rb"\s*<\?xml\s[^>]*?\bencoding\s*=\s*(?:\"([^\"\s]*)\"|'([^'\s]*)')", re.IGNORECASE)


def declared_encoding(head: bytes) -> str | None:
    """The Python codec that the beginning of a page declares, or None."""
    return _in_tags(head) or _in_xml(head)


def _in_xml(head: bytes) -> str | None:
    found = _XML.match(head)
    return _declarable((found[1] or found[2] or b"").decode("latin-1")) if found else None


def _in_tags(head: bytes) -> str | None:
    return next((name for attributes in meta_tags(head) if (name := _in_meta(attributes))), None)


def meta_tags(head: bytes) -> Iterator[dict[str, str]]:
    """The attributes of each `<meta>` of a page's head, as Latin-1, without parsing the page. Takes linear time."""
    place = head.find(b"<")
    while place >= 0:
        tag = _TAG.match(head, place)
        if tag is not None:
            attributes, end = _attributes(head, tag.end())
            if end < 0:  # the tag does not end here, and so says nothing
                return
            if tag[1]:
                yield attributes
        elif head.startswith(b"<!--", place):
            end = head.find(b"-->", place + 2)  # the dashes that begin a comment may end it
            if end < 0:
                return
        elif head[place + 1 : place + 2] in (b"!", b"/", b"?"):
            end = head.find(b">", place)
        else:
            end = place + 1
        place = head.find(b"<", end)


def _attributes(head: bytes, place: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag from `place` on, and where it ends; -1 if it does not."""
    attributes: dict[str, str] = {}
    while found := _ATTRIBUTE.match(head, place):
        place = found.end()
        if found["open"]:
            return attributes, -1
        value = found["double"] or found["single"] or found["bare"] or b""
        attributes.setdefault(found["name"].decode("latin-1").lower(), value.decode("latin-1"))
    end = _END.match(head, place)
    return attributes, end.end() if end and end[1] else -1


def _in_meta(attributes: dict[str, str]) -> str | None:
    if "charset" in attributes:
        return _declarable(attributes["charset"])
    if attributes.get("http-equiv", "").lower() != "content-type":
        return None
    found = _CONTENT_CHARSET.search(attributes.get("content", ""))
    return _declarable(found[1] or found[2] or found[4] or "") if found else None


def _declarable(label: str) -> str | None:
    """What `label` stands for in a page; one that declares itself to be UTF-16 in ASCII letters is UTF-8."""
    name = codec_of(label)
    return "utf-8" if name and name.startswith("utf-16") else name
