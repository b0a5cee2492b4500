"""Which characters a page's bytes are, by the HTML standard's order.

A byte order mark wins, then the charset of the Content-Type header, then what the page declares in its first
1,024 bytes (`<meta charset>`, `<meta http-equiv>`, an XML declaration), then UTF-8 if the bytes are valid
UTF-8, then a guess by charset-normalizer, and at last windows-1252 (HTML, 13.2.3.2). Labels mean what the
Encoding standard says they mean: `iso-8859-1` and `ascii` are windows-1252, and a page that declares itself
to be UTF-16 in ASCII letters is UTF-8. Text never fails to decode: bytes that mean nothing become U+FFFD.
"""

import codecs
import re

FALLBACK = "windows-1252"

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CHARSET = re.compile(r"""(?:^|;)\s*charset\s*=\s*(?:"([^"]*)"|([^\s;"]+))""", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_META = re.compile(rb"<meta[\s/]([^>]*)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([a-z0-9_:.()-]+)""", re.IGNORECASE)
_XML = re.compile(rb"""\A\s*<\?xml\s[^>]*?encoding\s*=\s*["']([a-z0-9_:.-]+)["']""", re.IGNORECASE)

# Labels of the Encoding standard that Python knows by another name or takes for something narrower.
_LABELS = {
    "ascii": FALLBACK, "us-ascii": FALLBACK, "ansi_x3.4-1968": FALLBACK, "iso-8859-1": FALLBACK,
    "iso8859-1": FALLBACK, "iso88591": FALLBACK, "latin1": FALLBACK, "latin-1": FALLBACK, "l1": FALLBACK,
    "cp819": FALLBACK, "ibm819": FALLBACK, "x-cp1252": FALLBACK, "iso-8859-9": "windows-1254",
    "latin5": "windows-1254", "iso-8859-11": "windows-874", "tis-620": "windows-874", "dos-874": "windows-874",
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "chinese": "gb18030",
    "big5": "big5hkscs", "x-x-big5": "big5hkscs", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932",
    "x-sjis": "cp932", "windows-31j": "cp932", "ms_kanji": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949",
    "korean": "cp949", "ksc5601": "cp949", "x-user-defined": FALLBACK, "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman", "x-mac-cyrillic": "mac-cyrillic", "utf-16": "utf-16-le", "unicode-1-1-utf-8": "utf-8",
    "utf8": "utf-8", "x-unicode20utf8": "utf-8", "iso-8859-8-i": "iso-8859-8", "windows-874": "cp874",
}  # fmt: skip


def resolve(label: str) -> str | None:
    """The Python codec that an encoding label stands for, or None if it stands for none."""
    name = label.strip().lower()
    name = _LABELS.get(name, name)
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return found.name if found._is_text_encoding else None


def from_content_type(header: str) -> str | None:
    """The charset that a Content-Type header names, as a Python codec."""
    found = _CHARSET.search(header)
    return resolve(found[1] or found[2] or "") if found else None


def from_mark(body: bytes) -> str | None:
    """The encoding of a byte order mark."""
    return next((name for mark, name in _BYTE_ORDER_MARKS if body.startswith(mark)), None)


def from_declaration(body: bytes) -> str | None:
    """What the first 1,024 bytes of a page or an XML document declare (HTML, 13.2.3.2, prescan)."""
    head = body[:1024]
    if b"charset" not in head.lower() and b"<?xml" not in head:
        return None
    found = _XML.match(head)
    if found is None:
        head = _COMMENT.sub(b"", head)
        found = next((hit for meta in _META.finditer(head) if (hit := _META_CHARSET.search(meta[1]))), None)
    name = resolve(found[1].decode("ascii")) if found else None
    return "utf-8" if name and name.startswith("utf-16") else name


def decode(body: bytes, content_type: str = "", hint: str | None = None) -> tuple[str, str]:
    """`body` as text, and the Python codec it was read with. Never raises.

    `hint` is the encoding a user has named; it comes right after a byte order mark.
    """
    mark = from_mark(body)
    if mark:
        return codecs.decode(body, mark, "replace").removeprefix("\ufeff"), mark
    named = (resolve(hint) if hint else None) or from_content_type(content_type) or from_declaration(body)
    if named:
        return codecs.decode(body, named, "replace"), named
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if len(body) - error.start < 4 and error.reason == "unexpected end of data":
            return body.decode("utf-8", "replace"), "utf-8"
    guess = _guess(body)
    return codecs.decode(body, guess, "replace"), guess


def _guess(body: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(body[:8192]).best()
    return (resolve(best.encoding) if best else None) or FALLBACK
