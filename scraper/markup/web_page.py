"""A web page: what can be read in the bytes that stand at an address, as text, elements and data."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from scraper import urls
from scraper.errors import FetchError, Reason
from scraper.markup.document.content_type import content_type
from scraper.markup.document.encoding import as_utf8, decode, from_byte_order_mark
from scraper.markup.document.encoding_labels import codec_of
from scraper.markup.document.sandbox import TooComplexError
from scraper.markup.document.tree import NOWHERE, Tree, is_quick, vet
from scraper.markup.links.base import base_href
from scraper.markup.selectors.query import Query, compile_query
from scraper.markup.selectors.selector import Selector, SelectorList, asked
from scraper.markup.structured_data import lenient_json

if TYPE_CHECKING:  # what few spiders ask for is loaded when one does
    from scraper.markup.structured_data.metadata import Metadata


class WebPage:
    """The content of a page, `body`, and what it says. Everything is read on first use and remembered.

    `headers` ignore case; of them, Content-Type helps to read the body. `encoding` is what the body is read in if
    the caller knows better, and what a `body` given as text becomes bytes in (UTF-8 if it is not given).
    """

    __slots__ = (
        "_base", "_compile", "_encoding", "_json", "_named", "_selector", "_text", "_verdict", "_xml",
        "body", "headers", "url",
    )  # fmt: skip

    def __init__(
        self, url: str, *, headers: Mapping[str, str], body: bytes | str = b"", encoding: str | None = None
    ) -> None:
        if isinstance(body, str):
            encoding = encoding or "utf-8"
            body = body.encode(codec_of(encoding) or "utf-8")
        self.url = url
        self.headers = headers
        self.body = body
        self._named = encoding
        self._encoding: str | None = None
        self._text: str | None = None
        self._selector: Selector | None = None
        self._compile: Callable[[str], Query] = compile_query
        self._base: str | None = None
        self._xml: Selector | None = None
        self._json: Any = msgspec.UNSET
        self._verdict: str | None = None  # why it cannot be parsed, or "", once that is known

    # As text.

    @property
    def text(self) -> str:
        """The body as text. Never raises: bytes that mean nothing in `encoding` become U+FFFD."""
        if self._text is None:
            self._text, self._encoding = decode(self.body, content_type(self.headers), self._named)
        return self._text

    @property
    def encoding(self) -> str:
        """The Python codec that `text` was read with; `scraper.markup.document.encoding` tells how it is found."""
        self.text  # noqa: B018 -- reading the text finds the encoding
        assert self._encoding is not None
        return self._encoding

    def re(self, regex: Any, replace_entities: bool = True) -> list[str]:
        """All that `regex` finds in the page's source; see `Selector.re`."""
        return self.selector.re(regex, replace_entities)

    # As elements.

    @property
    def selector(self) -> Selector:
        """The page's root, parsed as HTML.

        Raises `FetchError`, as PARSE_TOO_COMPLEX, for a page that would take too long to parse, or too much memory.
        """
        if self._selector is None:
            source = self._source()
            self._vet(source)
            self._selector = Selector.from_text(source, self.url, is_vetted=True)
            tree = self._selector.node.parser
            assert isinstance(tree, Tree)
            self._compile = tree.compiled
        return self._selector

    def needs_trial(self) -> bool:
        """Whether it takes a trial to know if the page can be parsed: neither its source nor an earlier trial tells."""
        if self._verdict is None and is_quick(self._source()):
            self._verdict = ""
        return self._verdict is None

    def vet(self) -> float:
        """See whether the page can be parsed: how many seconds a trial took, 0 if there was no need of one.

        Raises what `selector` raises if it cannot.
        """
        return self._vet(self._source() if self._verdict is None else b"")

    def _vet(self, source: str | bytes) -> float:
        seconds = 0.0
        if self._verdict is None:
            try:
                seconds = vet(source)
                self._verdict = ""
            except TooComplexError as error:
                self._verdict = str(error)
        if self._verdict:
            raise FetchError(Reason.PARSE_TOO_COMPLEX, urls.without_credentials(self.url), self._verdict)
        return seconds

    def _source(self) -> str | bytes:
        return as_utf8(self.body, self.text, self.encoding)

    def css(self, query: str) -> SelectorList:
        """What the CSS selector `query` finds in the page; see `scraper.markup.selectors.selector`."""
        selector = self._selector
        if selector is None:
            selector = self.selector
        return asked(selector, self._compile(query))

    def xpath(self, query: str, **variables: Any) -> SelectorList:
        """What the XPath 1.0 expression `query` finds in the page (extra `xpath`).

        Raises `FetchError`, as PARSE_TOO_COMPLEX, for a page whose elements are nested too deeply.
        """
        try:
            return self.selector.xpath(query, **variables)
        except TooComplexError as error:
            raise FetchError(Reason.PARSE_TOO_COMPLEX, urls.without_credentials(self.url), str(error)) from None

    def xml(self) -> Selector:
        """The root element of a body that is XML, for `xpath()` and `css()` as XML has them (extra `xpath`).

        Raises `ValueError`, which names the page, if it is not XML: see `scraper.markup.selectors.xml_nodes.root`.
        """
        from scraper.markup.selectors.xml_nodes import root

        if self._xml is None:
            try:
                self._xml = Selector.at(NOWHERE, root(self.body, content_type(self.headers)))
            except ValueError as error:
                raise ValueError(f"{self!r} cannot be read as XML: {error}") from None
        return self._xml

    # As data.

    def json(self) -> Any:
        """The body read as JSON. Raises `ValueError` if it is not JSON."""
        if self._json is msgspec.UNSET:
            try:
                self._json = self._read_json()
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{self!r} is not JSON: {error}") from None
        return self._json

    def _read_json(self) -> Any:
        """JSON is UTF-8 (RFC 8259, 8.1) unless something says otherwise; what is nearly JSON is read as Python does."""
        if self._named is None and not from_byte_order_mark(self.body):
            try:
                return msgspec.json.decode(self.body)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                pass
        return lenient_json.read(self.text)

    def jmespath(self, expression: str, options: Any = None) -> SelectorList:
        """What the JMESPath `expression` finds in `json()`; see `Selector.jmespath` (extra `jmespath`).

        Raises `ValueError`, which names the page, if it is not JSON.
        """
        return Selector(root=self.json(), type="json").jmespath(expression, options)

    def json_ld(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The objects of the page's JSON-LD scripts, or those of a `kind`, `Product` say; see `Selector.json_ld`."""
        return self.selector.json_ld(kind)

    def microdata(self) -> list[dict[str, Any]]:
        """The items that the page marks by `itemscope`; see `scraper.markup.structured_data.microdata`.

        Raises `ValueError`, which names the page, for items that are nested too deeply or refer to too much.
        """
        from scraper.markup.structured_data.microdata import MicrodataError, read_microdata

        try:
            return read_microdata(self.selector.node, self.urljoin)
        except MicrodataError as error:
            raise ValueError(f"{self!r} {error}") from None

    def metadata(self) -> "Metadata":
        """Title, description, canonical address, Open Graph and Twitter's card; `meta` is the request's."""
        from scraper.markup.structured_data.metadata import read_metadata

        return read_metadata(self.selector.node, self.urljoin)

    # As a place: what its references mean.

    @property
    def base_url(self) -> str:
        """What relative references start from: `<base href>` if the page has one, else `url` (HTML, 4.2.3)."""
        if self._base is None:
            href = self._base_href()
            base = urls.join(self.url, href) if href is not None else None
            self._base = base if base is not None and urls.is_web(base) else self.url
        return self._base

    def _base_href(self) -> str | None:
        """The href of the first `<base>` that has one. Most pages have none, and need not be parsed to see it."""
        if self._selector is None:
            body = self.body
            if b"<base" not in body and b"<base" not in body.lower() and b"\0" not in body:  # as UTF-16 has it
                return None
        return base_href(self._source(), self.selector.node)

    def urljoin(self, reference: str) -> str:
        """`reference` as an absolute URL, resolved against `base_url`; unchanged if it cannot be a URL."""
        return self._joined([reference])[0]

    def _joined(self, references: list[str], encoding: str | None = None) -> list[str]:
        """The URLs of references; `encoding` is that of their queries, if it is another than the page's."""
        if not "".join(references).isascii():
            codec = encoding or self.encoding
            references = [urls.in_encoding(reference, codec) for reference in references]
        return [url or own for url, own in zip(urls.join_all(self.base_url, references), references, strict=True)]

    def forget(self) -> None:
        """Let go of what was parsed, which takes twenty times the page's own size; it can be parsed again."""
        self._text = self._selector = self._xml = None
        self._json = msgspec.UNSET

    def __repr__(self) -> str:
        return f"<{urls.without_credentials(self.url)}>"
