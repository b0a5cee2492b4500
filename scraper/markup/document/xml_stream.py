"""XML read as a stream: of a document of any size, one record (a `<url>`, an `<item>`) is held at a time.

What a stranger's XML may do is bounded (https://docs.python.org/3/library/xml.html#xml-vulnerabilities). A DOCTYPE
may be there, but nothing may be declared in it, and nothing it refers to is fetched: so there are no entities to
expand. Entities of HTML, which feeds use without declaring them, are known. Depth, tags, names and records are
limited, each far above what honest documents have.

What is merely wrong is let pass where its meaning is plain: anything before the XML declaration, characters that XML
forbids, prefixes that no xmlns declares (they are their own namespace then). Where a document is not well-formed, the
rest of it is read as `TagSoup`: one bare ampersand does not lose what follows.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from html.entities import html5
from typing import Any, Protocol
from xml.etree import ElementTree  # its elements alone: what is parsed, expat parses below
from xml.parsers import expat

from scraper import urls
from scraper.markup.document.tag_soup import LONGEST, TagSoup
from scraper.markup.document.text_stream import MARK, DocumentError
from scraper.markup.document.xml_namespaces import (
    BASE,
    XML,
    Namespaces,
    declared_namespaces,
    qualified_attributes,
    split_tag,
)

DEEPEST = 200  # elements in each other; libxml2, which some records are handed to, takes 256
LARGEST = 16 * 1024 * 1024  # characters of one record
NAMES = 20_000  # different names of elements and attributes
ATTRIBUTES = 1000  # of one element; libxml2 looks through all of them for each
PREFIXES = 256  # of namespaces that are declared at once
ELEMENT = 100  # characters that an element counts for, besides its text

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_DECLARATION = re.compile(r"<\?xml\s+version")
_HTML = re.compile(r"<(?:b|br|div|font|h\d|p|pre|script|span|strong|style)[\s/>]", re.IGNORECASE)
_NEAR = 1024  # characters before the XML declaration that may be something else
_CUT_SHORT = {
    expat.errors.codes[error]
    for error in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
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


def beginning(text: str) -> str:
    """The beginning of a document without what its server printed before it: blanks, marks, warnings."""
    text = text.lstrip().lstrip(MARK).lstrip()
    if text.startswith("<") and not _HTML.match(text):
        return text
    found = _DECLARATION.search(text, 0, _NEAR)
    return text if found is None else text[found.start() :]


class Records:
    """Reads XML that is fed piece by piece, and gives the elements that `is_record(root, namespace, name)` wants.

    `root` is the local name of the document's first element. A record within a record is part of it. `is_record`
    may raise `DocumentError` for a root that it does not know. A record has what it inherits: the prefixes that are
    declared for it, and the xml:base of the elements around it, resolved against `url`.

    `flaw` says what is wrong with a document that is not well-formed, or is "". Such a document is read nevertheless,
    and an error only if there is no record in it.
    """

    def __init__(
        self,
        is_record: Callable[[str, str, str], bool],
        builder: Callable[[], Builder] = ElementBuilder,
        *,
        most: int = LARGEST,
        url: str = "",
    ) -> None:
        self.root = ""
        self.flaw = ""
        self._is_whole = False
        self._has_records = False
        self._is_record = is_record
        self._new_builder = builder
        self._most = most
        self._builder: Builder | None = None
        self._done: list[Any] = []
        self._open: list[str] = []
        self._scopes: list[Namespaces] = []
        self._url = url
        self._bases: list[tuple[int, str]] = []  # of the elements around that have an xml:base, how deep they are
        self._outside = 0  # elements that are open around the record at hand
        self._size = 0
        self._fed = 0
        self._begins_as_xml = False
        self._tail = b""  # what the parser has not come to the end of, and whether it begins in a CDATA section
        self._tail_is_cdata = self._is_in_cdata = False
        self._names: dict[str, str] = {}
        self._parser = self._new_parser()
        self._soup: TagSoup | None = None

    def _new_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("utf-8", intern=self._names)  # whatever the document says: it is text by now
        parser.buffer_text = True
        parser.UseForeignDTD(True)  # so that an unknown entity is skipped, and no error
        parser.StartDoctypeDeclHandler = self._declared_type
        parser.EntityDeclHandler = self._entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartCdataSectionHandler = partial(self._cdata, True)
        parser.EndCdataSectionHandler = partial(self._cdata, False)
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
            text = beginning(text)
            self._begins_as_xml = text.startswith("<")
        text = _FORBIDDEN.sub("\ufffd", text)
        error: DocumentError | None = None
        try:
            if self._soup is None:
                self._parse(text.encode(), is_last=is_last)
            else:
                self._read_on(self._soup, text, is_last=is_last)
        except DocumentError as raised:
            error = raised
        done, self._done = self._done, []
        yield from done
        if error is not None:
            raise error

    def _parse(self, data: bytes, *, is_last: bool) -> None:
        if self._is_whole:
            return  # what comes after the end is not looked at
        start = self._fed - len(self._tail)
        self._fed += len(data)
        self._tail += data
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            if not self._is_whole:
                self._mend(error, self._parser.ErrorByteIndex - start, is_last=is_last)
            return
        read = max(self._parser.CurrentByteIndex - start, 0)
        self._tail, self._tail_is_cdata = self._tail[read:], self._is_in_cdata
        if len(self._tail) > LONGEST:
            raise DocumentError(f"it has a tag or comment of more than {LONGEST:,} bytes")
        if len(self._names) > NAMES:
            raise DocumentError(f"it has more than {NAMES:,} different names of elements")

    def _mend(self, error: expat.ExpatError, place: int, *, is_last: bool) -> None:
        """Read on as tag soup, from the token on in which the parser met an error at a `place` of the tail."""
        if not self._fed:
            raise DocumentError("it is empty")
        if error.code in _CUT_SHORT:
            raise DocumentError("it is cut short")
        if not self.root and not self._begins_as_xml:
            raise DocumentError("it is not XML")
        self.flaw = str(error)
        self._parser.buffer_text = False  # which tells the text that it has kept
        known, rest = self._tail[:place].decode(), self._tail.decode()
        self._tail = b""
        self._soup = TagSoup(
            start=self._start_in_soup,
            end=self._end_in_soup,
            text=self._text,
            doctype=self._doctype,
            known=known,
            is_in_cdata=self._tail_is_cdata,
        )
        self._read_on(self._soup, rest, is_last=is_last)

    def _read_on(self, soup: TagSoup, text: str, *, is_last: bool) -> None:
        if self._open or not self._is_whole:
            soup.feed(text, is_last=is_last)
        if is_last and not (self._is_whole and self._has_records and self._builder is None):
            end = "" if self._is_whole and self._builder is None else ", and it is cut short"
            raise DocumentError(f"its XML is broken: {self.flaw}{end}")

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

    # What expat or the tag soup reports of the document.

    def _declared_type(self, name: str, _system: object, _public: object, has_declarations: int) -> None:
        self._doctype(name, bool(has_declarations))

    def _doctype(self, name: str, has_declarations: bool) -> None:
        if name.lower() == "html":
            raise DocumentError("it is an HTML page")
        if has_declarations:
            raise DocumentError("its DOCTYPE declares entities or the like, which is refused")

    def _entity(self, *_: object) -> None:
        raise DocumentError("it declares entities, which is refused")

    def _skipped(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self._text(html5.get(f"{name};", f"&{name};"))

    def _cdata(self, is_inside: bool) -> None:
        self._is_in_cdata = is_inside

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
        kept = qualified_attributes(attributes, scope) if attributes else {}
        if self._builder is None and self._begins_record(space, local, kept):
            declared = scope
        if self._builder is not None:
            self._grow(ELEMENT + sum(map(len, attributes.values())))
            prefixes = {each: uri for each, uri in declared.items() if uri and each != "xml"} if declared else None
            try:
                self._builder.start(tag, kept, prefixes)
            except ValueError as error:
                raise DocumentError(f"its <{local}> is no element: {error}") from None
        self._open.append(tag)
        self._scopes.append(scope)

    def _begins_record(self, space: str, name: str, attributes: dict[str, str]) -> bool:
        """Whether a record begins with this element, which has the xml:base of those around it then."""
        if own := attributes.get(BASE):
            around = self._bases[-1][1] if self._bases else self._url
            attributes[BASE] = urls.join(around, own) or own
        if not self._is_record(self.root, space, name):
            if own:
                self._bases.append((len(self._open), attributes[BASE]))
            return False
        self._builder, self._size, self._outside = self._new_builder(), 0, len(self._open)
        self._has_records = True
        if self._bases:
            attributes.setdefault(BASE, self._bases[-1][1])
        return True

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
        elif self._bases and self._bases[-1][0] == len(self._open):
            self._bases.pop()
        self._is_whole = not self._open

    def _start_in_soup(self, name: str, attributes: dict[str, str]) -> None:
        if self._open or not self._is_whole:
            self._start(name, attributes)

    def _end_in_soup(self, name: str) -> None:
        """End the nearest element of that name, and those in it; the root stays open, as its end may be a slip, too."""
        wanted = name.rpartition(":")[2].lower()
        place = len(self._open) - 1
        while place >= 0 and split_tag(self._open[place])[1].lower() != wanted:
            place -= 1
        if place < 0:
            return
        is_whole = self._is_whole or place == 0
        while len(self._open) > max(place, 1):
            self._end(name)
        if place == 0 and self._builder is not None:
            self._end(name)
        self._is_whole = is_whole
