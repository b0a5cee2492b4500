"""What a selector is made of: text, bytes, or what was read before; and whether that is HTML, XML, JSON or plain text.

If nobody says which it is, text that begins with an XML declaration is XML, unless it is a page of XHTML; an object or
array of JSON is JSON; all else is HTML, since HTML is what any text can be read as.
"""

import codecs
import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from selectolax.lexbor import LexborNode

from scraper.markup.document.encoding import decode
from scraper.markup.document.encoding_labels import codec_of
from scraper.markup.document.text_stream import DocumentError
from scraper.markup.document.tree import NOWHERE, Tree, parse
from scraper.markup.selectors.jmespath import Data
from scraper.markup.selectors.xml_nodes import XmlNode, node_of, root
from scraper.markup.structured_data import lenient_json
from scraper.urls import without_credentials

Kind = Literal["html", "xml", "json", "text"]
Other: TypeAlias = str | XmlNode | Data
"""Where a selector stands if not at an element of a page: at a text or an attribute of the page, in XML, or in data."""
Place: TypeAlias = tuple[LexborNode, Other | None]
"""An element of a page and None; or something else, and the element it is of (`NOWHERE` if it is in no page)."""

_XML = re.compile(r"[\s\ufeff]*<\?xml\s")
_XHTML = re.compile(r"[\s\ufeff]*<\?xml\s[^>]{0,500}>\s*<(?:!doctype\s+)?html\b", re.IGNORECASE)
_JSON = re.compile(r"[\s\ufeff]*[\[{]")


def read(text: Any, kind: Kind | None = None, prefixes: Mapping[str, str] | None = None, url: str = "") -> Place:
    """The root of `text`. Errors name its `url`.

    Raises `TypeError` for what is not text, `ValueError` for what cannot be read as the `kind` that is named, or would
    take too long to be parsed (`TooComplexError`).
    """
    if not isinstance(text, str):
        raise TypeError(f"a Selector is made of text, not of {text!r:.80}{_advice(text)}")
    match kind:
        case "text":
            return NOWHERE, Data(text, "text")
        case "json":
            return NOWHERE, Data(_json(text, url), "json")
        case "xml":
            return NOWHERE, _xml(text, prefixes, url)
        case "html":
            return _html(text, prefixes, url), None
        case None:
            return _seen(text, prefixes, url)
    raise ValueError(f"a Selector is of the type {', '.join(get_args(Kind))}, not {kind!r:.80}")


def _advice(given: Any) -> str:
    """What to write instead."""
    if isinstance(given, bytes | bytearray):
        return ": give bytes as body=…"
    if isinstance(given, LexborNode):
        return ": give an element as root=…"
    return ": its root is .selector, and it has css() and xpath() itself" if hasattr(given, "selector") else ""


def _seen(text: str, prefixes: Mapping[str, str] | None, url: str) -> Place:
    """The root of a text of which nobody said what it is."""
    if _JSON.match(text):
        try:
            value = lenient_json.read(text.lstrip("\ufeff"))
        except ValueError:
            pass
        else:
            if isinstance(value, dict | list):
                return NOWHERE, Data(value, "json")
    if _XML.match(text) and not _XHTML.match(text):
        return NOWHERE, _xml(text, prefixes, url)
    return _html(text, prefixes, url), None


def _html(text: str, prefixes: Mapping[str, str] | None, url: str) -> LexborNode:
    page = parse(text, url)
    if prefixes:
        register(page, None, prefixes)
    return page


def _xml(text: str, prefixes: Mapping[str, str] | None, url: str) -> XmlNode:
    try:
        return root(text, prefixes=prefixes)
    except DocumentError as error:
        raise ValueError(f"{_named(url)} cannot be read as XML: {error}") from None


def _json(text: str, url: str) -> Any:
    try:
        return lenient_json.read(text)
    except ValueError as error:
        raise ValueError(f"{_named(url)} is not JSON: {error}") from None


def _named(url: str) -> str:
    return without_credentials(url) if url else "the text of the Selector"


def decoded(body: Any, encoding: str) -> str:
    """`body` as text; bytes that mean nothing in `encoding`, a label of the web or of Python, become U+FFFD."""
    if not isinstance(body, bytes | bytearray):
        raise TypeError(
            f"a Selector's body is bytes, not {body!r:.80}{': give text as text=…' * isinstance(body, str)}"
        )
    return decode(bytes(body), hint=_codec(encoding))[0]


def _codec(encoding: Any) -> str:
    """The codec of a label of the web or of Python."""
    try:
        return codec_of(encoding) or codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError, AttributeError):
        raise ValueError(f"a Selector's encoding is the name of one, not {encoding!r:.80}") from None


def found(value: Any, kind: Kind | None = None, prefixes: Mapping[str, str] | None = None) -> Place:
    """What was read before: an element of Lexbor's or lxml's, a text, or data as JSON has it.

    Raises `TypeError` for anything else, and `ValueError` for what cannot be of the `kind` that is named.
    """
    place, kinds = _place(value, kind, prefixes)
    if kind not in kinds:
        raise ValueError(f"a Selector with {value!r:.80} as its root is of the type {kinds[0]}, not {kind!r:.80}")
    return place


def _place(value: Any, kind: Kind | None, prefixes: Mapping[str, str] | None) -> tuple[Place, tuple[Kind | None, ...]]:
    """Where a selector stands, and of what kinds it may be."""
    if isinstance(value, LexborNode):
        if prefixes:
            register(value, None, prefixes)
        return (value, None), ("html", None)
    if hasattr(value, "nsmap") and hasattr(value, "itertext"):
        return (NOWHERE, node_of(value, prefixes)), ("xml", None)
    if isinstance(value, str):
        other: Other = value if kind == "html" else XmlNode(value) if kind == "xml" else Data(value, kind)
        return (NOWHERE, other), (*get_args(Kind), None)
    if value is None or isinstance(value, dict | list | int | float):
        return (NOWHERE, Data(value, "json")), ("json", None)
    raise TypeError(f"a Selector's root is an element, a text or data, not {value!r:.80}")


def register(node: LexborNode, other: Other | None, prefixes: Mapping[str, str]) -> None:
    """Let XPath expressions use more prefixes of namespaces: those asked of a page, or of what is found in XML."""
    if isinstance(other, XmlNode):
        other.prefixes = {**other.prefixes, **prefixes}
    elif isinstance(tree := node.parser, Tree) and node is not NOWHERE:
        tree.namespaces = {**tree.namespaces, **prefixes}
