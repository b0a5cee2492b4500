"""XML read as a stream: of a document of any size, one record (a `<url>`, an `<item>`) is held at a time.

What a stranger's XML may do is bounded (https://docs.python.org/3/library/xml.html#xml-vulnerabilities). A DOCTYPE
may be there, but nothing may be declared in it, and nothing it refers to is fetched: so there are no entities to
expand. Entities of HTML, which feeds use without declaring them, are known. Depth, tags, names and records are
limited, each far above what honest documents have.

What is merely wrong is let pass where its meaning is plain: white space before the XML declaration, characters that
XML forbids, prefixes that no xmlns declares (they are their own namespace then).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from html.entities import html5
from typing import Any, Protocol
from xml.etree import ElementTree  # its elements alone: what is parsed, expat parses below
from xml.parsers import expat

from scraper.markup.document.text_stream import DocumentError
from scraper.markup.document.xml_namespaces import XML, Namespaces, declared_namespaces, qualified_attributes

DEEPEST = 200  # elements in each other; libxml2, which some records are handed to, takes 256
LONGEST = 1024 * 1024  # bytes of one tag or comment
LARGEST = 16 * 1024 * 1024  # characters of one record
NAMES = 20_000  # different names of elements and attributes
ATTRIBUTES = 1000  # of one element; libxml2 looks through all of them for each
PREFIXES = 256  # of namespaces that are declared at once
ELEMENT = 100  # characters that an element counts for, besides its text

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_WHY = {
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]: "it is cut short",
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]: "it is cut short",
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION]: "it is cut short",
}

Element = ElementTree.Element


class Builder(Protocol):
    """Makes an element of what is read, as the tree builders of ElementTree and lxml do."""

    def start(self, tag: str, attrs: dict[Any, Any], nsmap: Any = None, /) -> Any: ...
    def data(self, data: str, /) -> Any: ...
    def end(self, tag: str, /) -> Any: ...
    def close(self) -> Any: ...


class ElementBuilder(ElementTree.TreeBuilder):
    """Makes elements of the standard library."""

    def start(self, tag: str, attrs: dict[Any, Any], nsmap: object = None, /) -> Element:
        """Begin an element; which prefixes stand for its namespaces is not kept."""
        return super().start(tag, attrs)


class Records:
    """Reads XML that is fed piece by piece, and gives the elements that `is_record(root, namespace, name)` wants.

    `root` is the local name of the document's first element. A record within a record is part of it. `is_record`
    may raise `DocumentError` for a root that it does not know.
    """

    def __init__(
        self,
        is_record: Callable[[str, str, str], bool],
        builder: Callable[[], Builder] = ElementBuilder,
        *,
        most: int = LARGEST,
    ) -> None:
        self.root = ""
        self.is_whole = False
        self._is_record = is_record
        self._new_builder = builder
        self._most = most
        self._builder: Builder | None = None
        self._done: list[Any] = []
        self._open: list[str] = []
        self._scopes: list[Namespaces] = []
        self._outside = 0  # elements that are open around the record at hand
        self._size = 0
        self._fed = 0
        self._names: dict[str, str] = {}
        self._parser = self._new_parser()

    def _new_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("utf-8", intern=self._names)  # whatever the document says: it is text by now
        parser.buffer_text = True
        parser.UseForeignDTD(True)  # so that an unknown entity is skipped, and no error
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.SkippedEntityHandler = self._skipped
        return parser

    def read(self, texts: Iterable[str]) -> Iterator[Any]:
        """The records of a whole document, which comes in pieces. Raises as `feed` does, and if it is cut short."""
        for text in texts:
            yield from self.feed(text)
        yield from self.feed("", is_last=True)

    def feed(self, text: str, *, is_last: bool = False) -> Iterator[Any]:
        """Read on; the records that have ended. Raises `DocumentError`, after those, where there is no going on."""
        if not self._fed:
            text = text.lstrip().lstrip("\ufeff").lstrip()
        data = _FORBIDDEN.sub("\ufffd", text).encode()
        self._fed += len(data)
        error: DocumentError | None = None
        try:
            self._parser.Parse(data, is_last)
            self._check()
        except expat.ExpatError as raised:
            error = None if self.is_whole else DocumentError(self._why(raised))
        except DocumentError as raised:
            error = raised
        done, self._done = self._done, []
        yield from done
        if error is not None:
            raise error

    def _why(self, error: expat.ExpatError) -> str:
        if not self._fed:
            return "it is empty"
        if cut := _WHY.get(error.code):
            return cut
        return f"its XML is broken: {error}" if self.root else "it is no XML"

    def _check(self) -> None:
        """expat reads an unfinished tag anew with every piece, and remembers every name."""
        if self._fed - self._parser.CurrentByteIndex > LONGEST and not self.is_whole:
            raise DocumentError(f"it has a tag or comment of more than {LONGEST:,} bytes")
        if len(self._names) > NAMES:
            raise DocumentError(f"it has more than {NAMES:,} different names of elements")

    def unfinished(self) -> Any:
        """The record that was begun when reading ended, without the part of it that is not whole; None if none was."""
        builder, self._builder = self._builder, None
        if builder is None:
            return None
        is_inside = len(self._open) > self._outside + 1
        while len(self._open) > self._outside:
            builder.end(self._open.pop())
        record = builder.close()
        if is_inside:
            record.remove(record[-1])
        else:
            (record[-1] if len(record) else record).tail = None
            record.text = record.text if len(record) else None
        return record

    # What expat tells.

    def _doctype(self, name: str, _system: object, _public: object, has_declarations: int) -> None:
        if name.lower() == "html":
            raise DocumentError("it is an HTML page")
        if has_declarations:
            raise DocumentError("its DOCTYPE declares entities or the like, which is refused")

    def _entity(self, *_: object) -> None:
        raise DocumentError("it declares entities, which is refused")

    def _skipped(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self._text(html5.get(f"{name};", f"&{name};"))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= DEEPEST:
            raise DocumentError(f"its elements are nested more than {DEEPEST} deep")
        if len(attributes) > ATTRIBUTES:
            raise DocumentError(f"its <{name:.80}> has more than {ATTRIBUTES:,} attributes")
        scope: Namespaces = self._scopes[-1] if self._scopes else {"xml": XML}
        if declared := declared_namespaces(attributes) if attributes else None:
            scope = scope | declared
            if len(scope) > PREFIXES:
                raise DocumentError(f"it declares more than {PREFIXES} prefixes of namespaces")
        prefix, _, local = name.rpartition(":")
        space = scope.get(prefix or None, prefix)
        tag = f"{{{space}}}{local}" if space else local
        if not self._open:
            self.root = local
        if self._builder is None and self._is_record(self.root, space, local):
            self._builder, self._size, self._outside = self._new_builder(), 0, len(self._open)
            declared = scope
        if self._builder is not None:
            self._grow(ELEMENT + sum(map(len, attributes.values())))
            kept = qualified_attributes(attributes, scope) if attributes else {}
            prefixes = {each: uri for each, uri in declared.items() if uri and each != "xml"} if declared else None
            try:
                self._builder.start(tag, kept, prefixes)
            except ValueError as error:
                raise DocumentError(f"its <{local}> is no element: {error}") from None
        self._open.append(tag)
        self._scopes.append(scope)

    def _text(self, text: str) -> None:
        if self._builder is not None:
            self._grow(len(text))
            self._builder.data(text)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._most:
            raise DocumentError(f"it has an element of more than {self._most:,} characters")

    def _end(self, _: str) -> None:
        self._scopes.pop()
        tag = self._open.pop()
        if self._builder is not None:
            self._builder.end(tag)
            if len(self._open) == self._outside:
                self._done.append(self._builder.close())
                self._builder = None
        self.is_whole = not self._open
