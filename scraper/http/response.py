"""A response: what a server answered, and what can be read from it and followed."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from scraper import urls
from scraper.errors import FetchError, Reason, SpiderError
from scraper.http.filenames import filename
from scraper.http.request import Links, Request
from scraper.markup.document.encoding import as_utf8, decode, from_mark
from scraper.markup.document.encoding_labels import resolve
from scraper.markup.document.sandbox import TooComplexError
from scraper.markup.document.tree import Tree, is_quick, vet
from scraper.markup.selectors.query import Query, compile_query
from scraper.markup.selectors.selector import Selector, SelectorList, reference_of
from scraper.markup.structured_data import lenient_json
from scraper.urls import with_params

if TYPE_CHECKING:  # what few spiders ask for is loaded when one does
    from scraper.http.form import Form
    from scraper.markup.links.links import Link
    from scraper.markup.selectors.xml_nodes import Node
    from scraper.markup.structured_data.metadata import Metadata

Headers = CIMultiDict[str] | CIMultiDictProxy[str]
_MANY = CIMultiDict, CIMultiDictProxy
CACHED, TRUNCATED = "cached", "truncated_possible"  # flags


class Response:
    """What a server answered to `request`. Never changed after it was made; `replace()` makes another.

    `url` is the canonical address that answered, after redirects; `history` holds the addresses asked before
    it. `headers` ignore case, and `headers.getall(name)` gives repeated ones. `body` is the content in bytes,
    decompressed. All that reads the page (`text`, `css()`, `json()`, …) is done on first use and remembered.
    """

    __slots__ = (
        "_base", "_compile", "_encoding", "_flags", "_json", "_named", "_selector", "_stream", "_text", "_verdict",
        "_xml", "body", "headers", "history", "request", "status", "url",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 -- so many parts an answer has
        self,
        url: str,
        *,
        status: int = 200,
        headers: Headers | Mapping[str, str] | None = None,
        body: bytes | str = b"",
        request: Request | None = None,
        encoding: str | None = None,
        history: tuple[str, ...] = (),
        flags: tuple[str, ...] = (),
        stream: "Body | None" = None,
    ) -> None:
        self.url = url if request is not None and url == request.url else urls.canonical(url) or url
        self.status = status
        self.headers: Headers = headers if isinstance(headers, _MANY) else CIMultiDict(headers or ())
        if isinstance(body, str):
            encoding = encoding or "utf-8"
            body = body.encode(resolve(encoding) or "utf-8")
        self.body = body
        self.request = request if request is not None else Request(url)
        self.history = history
        self._flags = flags
        self._named = encoding
        self._encoding: str | None = None
        self._text: str | None = None
        self._selector: Selector | None = None
        self._compile: Callable[[str], Query] = compile_query
        self._base: str | None = None
        self._xml: Node | None = None
        self._json: Any = msgspec.UNSET
        self._stream = stream
        self._verdict: str | None = None  # why it cannot be parsed, or "", once that is known

    # What was asked.

    @property
    def meta(self) -> dict[str, Any]:
        """The request's `meta`."""
        return self.request.meta

    @property
    def cb_kwargs(self) -> dict[str, Any]:
        """The request's `cb_kwargs`."""
        return self.request.cb_kwargs

    # What was answered.

    @property
    def flags(self) -> tuple[str, ...]:
        """What else is known of the answer.

        `cached` is said of one whose body comes from the cache; `truncated_possible` of one whose body has no other
        end than its connection's, which was not closed as TLS demands: anybody on the way may have cut it short
        (RFC 9112, 9.8). Of a body that is read by `stream()`, the latter is known after the last piece.
        """
        return self._flags if self._stream is None else (*self._flags, *self._stream.flags)

    def stream(self) -> AsyncIterator[bytes]:
        """The body in pieces, decompressed, as they arrive: `async for piece in response.stream()`.

        For a request with `stream=True`, whose response has no `body`; the body of any other is one piece. Can be
        read once, and by `async def` callbacks only. What is wrong with the body raises `FetchError` from the loop,
        after the pieces before it: what was made of them is not whole then.
        """
        if self._stream is None:
            if self.request.stream and not self.body and self.status < 300:
                raise SpiderError(f"the body of {self!r} is a stream: read it in an `async def` callback")
            return _one(self.body)
        self._stream.begin()
        return self._stream

    async def aclose(self) -> None:
        """Let go of a body that is not read to its end. Does nothing for a response that has its body."""
        if self._stream is not None:
            await self._stream.aclose()

    @property
    def filename(self) -> str:
        """What to call a file with the body: as Content-Disposition says (RFC 6266), or by the end of the URL.

        It is safe below any folder, on every system: see `scraper.http.filenames.safe`. Other pages may have the same.
        """
        return filename(self.url, self.headers.get("Content-Disposition", ""))

    @property
    def text(self) -> str:
        """The body as text. Never raises: bytes that mean nothing in `encoding` become U+FFFD."""
        if self._text is None:
            self._text, self._encoding = decode(self.body, self.headers.get("Content-Type", ""), self._named)
        return self._text

    @property
    def encoding(self) -> str:
        """The Python codec that `text` was read with; `scraper.markup.document.encoding` tells how it is found."""
        self.text  # noqa: B018 -- reading the text finds the encoding
        assert self._encoding is not None
        return self._encoding

    def json(self) -> Any:
        """The body read as JSON. Raises `ValueError` if it is none."""
        if self._json is msgspec.UNSET:
            try:
                self._json = self._read_json()
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{self!r} is not JSON: {error}") from None
        return self._json

    def _read_json(self) -> Any:
        """JSON is UTF-8 (RFC 8259, 8.1) unless something says otherwise; what is nearly JSON is read as Python does."""
        if self._named is None and not from_mark(self.body):
            try:
                return msgspec.json.decode(self.body)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                pass
        return lenient_json.read(self.text)

    def jmespath(self, expression: str) -> Any:
        """What the JMESPath `expression` finds in `json()` (extra `jmespath`)."""
        from scraper.markup.selectors.jmespath import search

        return search(expression, self.json())

    # What is in the page.

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

    def needs_vetting(self) -> bool:
        """Whether it is not known that the page can be parsed, nor that it cannot, and its source does not tell."""
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
        return SelectorList(selector.node, self._compile(query))

    def xpath(self, query: str, **variables: Any) -> SelectorList:
        """What the XPath 1.0 expression `query` finds in the page (extra `xpath`).

        Raises `FetchError`, as PARSE_TOO_COMPLEX, for a page in which elements stand too deep in each other.
        """
        try:
            return self.selector.xpath(query, **variables)
        except TooComplexError as error:
            raise FetchError(Reason.PARSE_TOO_COMPLEX, urls.without_credentials(self.url), str(error)) from None

    def re(self, regex: Any, replace_entities: bool = True) -> list[str]:
        """All that `regex` finds in the page's source; see `Selector.re`."""
        return self.selector.re(regex, replace_entities)

    def json_ld(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The objects of the page's JSON-LD scripts, or those of a `kind`, `Product` say; see `Selector.json_ld`."""
        return self.selector.json_ld(kind)

    def xml(self) -> "Node":
        """The root element of a body that is XML, which has `xpath()` and `css()` of its own (extra `xpath`).

        Raises `ValueError`, which names the page, if it is none: see `scraper.markup.selectors.xml_nodes.root`.
        """
        from scraper.markup.selectors.xml_nodes import root

        if self._xml is None:
            try:
                self._xml = root(self.body, self.headers.get("Content-Type", ""))
            except ValueError as error:
                raise ValueError(f"{self!r} cannot be read as XML: {error}") from None
        return self._xml

    def microdata(self) -> list[dict[str, Any]]:
        """The items that the page marks by `itemscope`; see `scraper.markup.structured_data.microdata`.

        Raises `ValueError`, which names the page, for items that are too deep in each other or refer to too much.
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

    # Where it leads.

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
        if self._selector is None and b"<base" not in self.body and b"<base" not in self.body.lower():
            return None
        bases = self.selector.node.parser.tags("base")
        return next((href for base in bases if (href := base.attributes.get("href")) is not None), None)

    def urljoin(self, reference: str) -> str:
        """`reference` as an absolute URL, resolved against `base_url`; unchanged if it is no URL at all."""
        return self._joined([reference])[0]

    def _joined(self, references: list[str]) -> list[str]:
        if not "".join(references).isascii():
            references = [urls.in_encoding(reference, self.encoding) for reference in references]
        return [url or own for url, own in zip(urls.join_all(self.base_url, references), references, strict=True)]

    def links(self, **options: Any) -> "list[Link]":
        """The links of the page; `options` are those of `LinkExtractor`."""
        from scraper.markup.links.links import LinkExtractor

        return LinkExtractor(**options).extract_links(self)

    def form(
        self,
        *,
        css: str | None = None,
        xpath: str | None = None,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 -- the attribute's name
        number: int | None = None,
    ) -> "Form":
        """A form of the page: the first, or the one that has a name, an id or a number (from 0 on, -1 the last).

        `css` and `xpath` select it, or anything in it. Raises `FormError` if there is none, and for two criteria.
        """
        from scraper.http.form import find_form

        return find_form(self, css=css, xpath=xpath, name=name, id=id, number=number)

    def follow(self, url: "str | Selector", callback: Any = None, **fields: Any) -> Request:
        """A request for a reference found in this page: text, an `<a>` or `<link>`, or an attribute.

        `fields` are those of `Request`. Raises `ValueError` for an element without href or src, and for a list.
        """
        reference = reference_of(url)
        if reference is None:
            raise ValueError(f"nothing to follow: {url!r} has neither href nor src")
        return Request(self.urljoin(reference), callback, **self._inherit(fields))

    def follow_all(
        self,
        urls: "Iterable[str | Selector] | None" = None,
        callback: Any = None,
        *,
        css: str | None = None,
        xpath: str | None = None,
        **fields: Any,
    ) -> "Links":
        """Requests for many references, each once: those given, or those that `css` or `xpath` finds.

        A query may select elements (their href or src is taken, those without are passed over) or attributes.
        `fields` are those of `Request`. Raises `ValueError` unless exactly one of the three sources is given.
        """
        if (urls is not None) + (css is not None) + (xpath is not None) != 1 or isinstance(urls, str):
            raise ValueError("follow_all() takes one of urls (a list), css and xpath")
        if css is not None:
            references = self.css(css).references()
        else:
            given = self.xpath(xpath) if xpath is not None else urls
            assert given is not None
            references = [reference for each in given if (reference := reference_of(each)) is not None]
        params = fields.pop("params", None)
        model = Request(self.url, callback, **self._inherit(fields))
        found = self._joined(references)
        if params is not None:
            found = [with_params(url, params) for url in found]
        return Links(model, list(dict.fromkeys(found)))

    def _inherit(self, fields: dict[str, Any]) -> dict[str, Any]:
        """A followed link is one step deeper, and stays in the session of the page it was found on."""
        fields.setdefault("depth", self.request.depth + 1)
        if self.request.session:
            fields.setdefault("session", self.request.session)
        return fields

    def forget(self) -> None:
        """Let go of what was parsed, which takes twenty times the page's own size; it can be parsed again."""
        self._text = self._selector = self._xml = None
        self._json = msgspec.UNSET

    def replace(self, **changes: Any) -> "Response":
        """This response with some fields changed."""
        kept = self._fields()
        if "body" not in changes:
            kept["stream"] = self._stream
        return Response(**(kept | changes))

    def __reduce__(self) -> Any:
        return partial(Response, **self._fields() | {"headers": CIMultiDict(self.headers)}), ()

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"url": self.url, "status": self.status, "headers": self.headers, "body": self.body}
        fields |= {"request": self.request, "encoding": self._named, "history": self.history, "flags": self._flags}
        return fields

    def __repr__(self) -> str:
        return f"<{self.status} {urls.without_credentials(self.url)}>"


class Body(Protocol):
    """A body that is read as it arrives."""

    @property
    def flags(self) -> tuple[str, ...]: ...
    def begin(self) -> None: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def __anext__(self) -> bytes: ...
    async def aclose(self) -> None: ...


async def _one(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body
