"""Spiders for pages that are data already: XML, CSV, JSON, RSS and Atom.

Each reads a page of `start_urls` record by record, and calls one method, which is the user's, for each. It gives items
and requests as any callback does. A page that is not what it should be, or breaks off, is an error of that page
which says why, after all records that could be read.
"""

import csv
import io
from collections.abc import AsyncIterable, Awaitable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from scraper import urls
from scraper.errors import SpiderError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.items.item_types import is_item
from scraper.markup.document.content_type import content_type, mime_type
from scraper.markup.document.text_stream import GZIP, DocumentError, texts
from scraper.markup.document.tree import NOWHERE
from scraper.markup.selectors.jmespath import search
from scraper.markup.selectors.selector import Selector
from scraper.markup.selectors.xml_nodes import builder, nodes
from scraper.markup.structured_data import lenient_json
from scraper.parsing.feed import FeedError, entries
from scraper.spider import Spider

TOLD = 5  # bad lines of a page that are told one by one


class _RecordSpider(Spider):
    """What the spiders of this module have in common: `parse` is theirs, records are their users'.

    `_needs` is the method that a spider must have for them, if that does not give items as it is.
    """

    _needs: ClassVar[str] = ""

    def check_start(self) -> None:
        """Raises `SpiderError` as `Spider` does, and without a method for records."""
        super().check_start()
        method = getattr(type(self), self._needs.partition("(")[0], None)
        is_ours = type(self).start is Spider.start and type(self).parse is _RecordSpider.parse
        if is_ours and getattr(method, "__module__", "") == __name__:
            raise self._missing(self._needs)

    def adapt_response(self, response: Response) -> Response:
        """The response to read, before it is read: the place to mend what a site does wrong."""
        return response

    def process_results(self, response: Response, results: Iterable[Any]) -> Iterable[Any]:
        """What becomes of the items and requests that one record gave."""
        return results

    def parse(self, response: Response) -> Iterator[Any]:
        """Read a page, record by record."""
        response = self.adapt_response(response)
        try:
            for record in self._records(response):
                yield from self.process_results(response, _each(self._parse_record(response, record), self))
        except DocumentError as error:
            url = urls.without_credentials(response.url)
            raise FeedError(f"{url} was not read to its end: {error}") from None

    def _records(self, response: Response) -> Iterator[Any]:
        raise NotImplementedError

    def _parse_record(self, response: Response, record: Any) -> Any:
        raise NotImplementedError


def _each(given: Any, spider: Spider) -> Iterable[Any]:
    """What a method gave: nothing, one item or request, or several."""
    if given is None:
        return ()
    if isinstance(given, AsyncIterable | Awaitable):
        if isinstance(given, Coroutine):
            given.close()
        raise SpiderError(f"spider {spider.name!r}: methods that are called for each record are plain, not async")
    is_one = isinstance(given, Request | str | bytes) or is_item(given) or not isinstance(given, Iterable)
    return [given] if is_one else given


class XMLFeedSpider(_RecordSpider):
    """Calls `parse_node(response, node)` for each element `itertag` of an XML document (extra `xpath`).

    A node has `xpath()` and `css()` (see `selectors.xml_nodes`). `itertag` alone means elements of that name in any
    namespace; with a prefix, those of the one that `namespaces`, pairs of a prefix and a URI, gives for it. One node
    is held at a time, whatever `iterator` says, which only tells XML ("iternodes", "xml") from HTML ("html"): there
    the nodes are selectors of the page.
    """

    _needs = "parse_node(self, response, node)"

    iterator: str = "iternodes"
    itertag: str = "item"
    namespaces: Sequence[tuple[str, str]] = ()

    def check_start(self) -> None:
        """Raises `SpiderError` for an attribute that means nothing, `SettingsError` if lxml is not there."""
        super().check_start()
        if self.iterator not in {"iternodes", "xml", "html"}:
            raise SpiderError(f"spider {self.name!r}: iterator is iternodes, xml or html, not {self.iterator!r}")
        prefix = self.itertag.rpartition(":")[0]
        if prefix and prefix not in dict(self.namespaces):
            raise SpiderError(f"spider {self.name!r}: namespaces has no prefix {prefix!r}, which itertag uses")
        if self.iterator != "html":
            builder()

    def parse_node(self, response: Response, node: Any) -> Any:
        """What is made of one element: items, requests, or nothing."""
        raise self._missing(self._needs)

    def _records(self, response: Response) -> Iterator[Any]:
        if self.iterator == "html":
            yield from response.css(self.itertag)
            return
        yield from self._nodes(response)

    def _nodes(self, response: Response) -> Iterator[Selector]:
        prefixes = dict(self.namespaces)
        prefix, _, wanted = self.itertag.rpartition(":")
        space = prefixes.get(prefix)

        def is_record(root: str, own: str, name: str) -> bool:
            if root.lower() == "html":
                raise DocumentError("it is an HTML page")
            return name == wanted and space in (None, own)

        pieces = texts(response.body, content_type(response.headers))
        for node in nodes(pieces, is_record, prefixes, response.url):
            yield Selector.at(NOWHERE, node)

    def _parse_record(self, response: Response, record: Any) -> Any:
        return self.parse_node(response, record)


class FeedSpider(_RecordSpider):
    """Calls `parse_entry(response, entry)` for each entry of an RSS or Atom feed.

    An entry is a dict of `id`, `title`, `link`, `published`, `updated`, `summary`, `content`, `author` and
    `enclosures` (see `scraper.parsing.feed.entries`). As it comes, each entry is an item.
    """

    def parse_entry(self, response: Response, entry: dict[str, Any]) -> Any:
        """What is made of one entry: items, requests, or nothing; here, it is an item itself."""
        return entry

    def _records(self, response: Response) -> Iterator[Any]:
        return entries(response.body, response.url, content_type(response.headers))

    def _parse_record(self, response: Response, record: Any) -> Any:
        return self.parse_entry(response, record)


class CSVFeedSpider(_RecordSpider):
    """Calls `parse_row(response, row)` for each row of a CSV table (RFC 4180); `row` is a dict of texts by column.

    `headers` are the columns' names; if there are none, the first row has them. Rows that have more or fewer fields
    are left out, and the page's error names their lines.
    """

    _needs = "parse_row(self, response, row)"

    delimiter: str = ","
    quotechar: str = '"'
    headers: Sequence[str] | None = None

    def check_start(self) -> None:
        """Raises `SpiderError` for a delimiter or a quotechar that is not valid."""
        super().check_start()
        try:
            csv.reader([], delimiter=self.delimiter, quotechar=self.quotechar)
        except (TypeError, ValueError) as error:
            raise SpiderError(f"spider {self.name!r}: {error}") from None

    def parse_row(self, response: Response, row: dict[str, str]) -> Any:
        """What is made of one row: items, requests, or nothing."""
        raise self._missing(self._needs)

    def _records(self, response: Response) -> Iterator[Any]:
        text = _not_html(response)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, quotechar=self.quotechar)
        headers = list(self.headers) if self.headers else None
        bad = _BadLines()
        while True:
            line = rows.line_num + 1
            try:
                row = next(rows, None)
            except csv.Error as error:
                bad.note(line, str(error))
                continue
            if row is None:
                break
            if not row:
                continue
            if headers is None:
                headers = [name.strip() for name in row]
            elif len(row) != len(headers):
                bad.note(line, f"{len(row)} fields, not {len(headers)}")
            else:
                yield dict(zip(headers, row, strict=True))
        bad.check()

    def _parse_record(self, response: Response, record: Any) -> Any:
        return self.parse_row(response, record)


class JSONFeedSpider(_RecordSpider):
    """Calls `parse_item(response, item)` for each element of a JSON array, or each line of JSON Lines.

    `itempath` is a JMESPath expression (extra `jmespath`) that finds the array in the document; without one, the
    document is the array, or the one item. JSON Lines are told by the Content-Type, by the URL's ending (.jsonl,
    .ndjson), or by a document that is no JSON while its first line is. Lines that are no JSON are left out, and the
    page's error names them; `itempath` is looked for in each of the others.
    """

    _needs = "parse_item(self, response, item)"

    itempath: str = ""

    def check_start(self) -> None:
        """Raises `SelectorError` for an itempath that is not understood, `SettingsError` if jmespath is not there."""
        super().check_start()
        if self.itempath:
            search(self.itempath, None)

    def parse_item(self, response: Response, item: Any) -> Any:
        """What is made of one element: items, requests, or nothing."""
        raise self._missing(self._needs)

    def _records(self, response: Response) -> Iterator[Any]:
        text = _not_html(response)
        if _names_lines(response):
            yield from self._lines(text)
            return
        try:
            document = _json(text)
        except DocumentError as error:
            if not _is_json(text.lstrip().partition("\n")[0]):
                raise error from None
            yield from self._lines(text)
            return
        yield from self._found(document)

    def _lines(self, text: str) -> Iterator[Any]:
        bad = _BadLines()
        for number, line in enumerate(io.StringIO(text), 1):
            if not line.strip():
                continue
            try:
                found = self._found(_json(line))
            except DocumentError as error:
                bad.note(number, str(error))
            else:
                yield from found
        bad.check()

    def _found(self, document: Any) -> list[Any]:
        found = search(self.itempath, document) if self.itempath else document
        if found is None and self.itempath:
            raise DocumentError(f"nothing is at the itempath {self.itempath!r}")
        return found if isinstance(found, list) else [found]

    def _parse_record(self, response: Response, record: Any) -> Any:
        return self.parse_item(response, record)


def _not_html(response: Response) -> str:
    """The text of a page, its gzip undone. Raises `DocumentError` if there is none, or it is one for people."""
    if response.body.startswith(GZIP):
        text = "".join(texts(response.body, content_type(response.headers)))
    else:
        text = response.text
    head = text[:1024].lstrip().lower()
    if not head and not text.strip():
        raise DocumentError("it is empty")
    if head.startswith(("<!doctype html", "<html")):
        raise DocumentError("it is an HTML page")
    return text


def _names_lines(response: Response) -> bool:
    """Whether a response is said to be JSON Lines, by its type or its name."""
    kind = mime_type(content_type(response.headers)).essence
    path = response.url.partition("#")[0].partition("?")[0].lower()
    return kind.endswith(("jsonl", "ndjson", "jsonlines")) or path.endswith((".jsonl", ".ndjson"))


def _json(text: str) -> Any:
    try:
        return lenient_json.read(text)
    except ValueError as error:
        raise DocumentError(f"it is not JSON: {error}") from None


def _is_json(text: str) -> bool:
    try:
        lenient_json.read(text)
    except ValueError:
        return False
    return bool(text.strip())


class _BadLines:
    """The lines of a page that could not be read."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._count = 0

    def note(self, line: int, why: str) -> None:
        """`line` is not read."""
        self._count += 1
        if self._count <= TOLD:
            self._told.append(f"line {line}: {why}")

    def check(self) -> None:
        """Raises `DocumentError` if there was a line that was not read."""
        if self._count:
            more = f"; and {self._count - TOLD} more" if self._count > TOLD else ""
            raise DocumentError("; ".join(self._told) + more)
