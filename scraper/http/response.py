"""A response: what a server answered, and the requests that it leads to. `WebPage` reads what is in it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict, CIMultiDictProxy

from scraper import urls
from scraper.errors import SpiderError
from scraper.http import values
from scraper.http.body import StreamedBody, in_one_piece
from scraper.http.filenames import filename
from scraper.http.headers import response_headers
from scraper.http.request import Links, Request, inherit, unasked
from scraper.markup.selectors.selector import Selector, reference_of
from scraper.markup.web_page import WebPage
from scraper.urls import with_params

if TYPE_CHECKING:  # what few spiders ask for is loaded when one does
    from scraper.http.form import Form
    from scraper.markup.links.link_extractor import Link

Headers = CIMultiDict[str] | CIMultiDictProxy[str]
_MANY = CIMultiDict, CIMultiDictProxy
CACHED, TRUNCATED = "cached", "truncated_possible"  # flags


class Response(WebPage):
    """What a server answered to `request`. Never changed after it was made; `replace()` makes another.

    `url` is the canonical address that answered, after redirects, without a fragment, which no server is told
    (`request.url` may have one); `history` holds the addresses asked before it. `headers` ignore case, and
    `headers.getall(name)` gives repeated ones. `body` is the content in bytes, decompressed; for a request with
    `stream=True` it is empty, and read by `stream()`. All that reads the page (`text`, `css()`, `json()`, …) is done
    on first use and remembered. A part that means nothing, such as a `status` that is not a number, raises
    `SpiderError`.
    """

    __slots__ = ("_flags", "_followed", "_stream", "history", "request", "status")

    url: str
    """The address that answered, after redirects: canonical, and without a fragment."""
    status: int
    """The HTTP status."""
    headers: Headers
    """The headers; case does not matter, and `getall(name)` gives repeated ones."""
    body: bytes
    """The content, decompressed."""
    request: Request
    """The request that was answered; after redirects, the one that was sent last."""
    history: tuple[str, ...]
    """The addresses that redirected here, the first one first."""

    def __init__(  # noqa: PLR0913 -- so many parts an answer has
        self,
        url: str,
        *,
        status: int = 200,
        headers: Headers | Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        body: bytes | str | StreamedBody = b"",
        request: Request | None = None,
        encoding: str | None = None,
        history: tuple[str, ...] = (),
        flags: tuple[str, ...] = (),
    ) -> None:
        if not isinstance(url, str):
            raise SpiderError(f"a response needs a URL, not {url!r:.80}")
        page = url if request is not None and url == request.url else urls.canonical(url) or url
        self.url = urls.without_fragment(page) if "#" in page else page
        self._stream: StreamedBody | None = None
        if type(body) is not bytes and not isinstance(body, str):
            if isinstance(body, StreamedBody):
                self._stream, body = body, b""
            else:
                body = values.content(self, body)
        headers = headers if isinstance(headers, _MANY) else CIMultiDict(response_headers(self, headers))
        super().__init__(self.url, headers=headers, body=body, encoding=encoding)
        self.status = status if type(status) is int else values.status(self, status)
        self.request = request if request is not None else unasked(page)
        self.history = history
        self._flags = flags
        self._followed: tuple[Any, Request] | None = None  # a callback, and the request that was last made for it

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
    def size(self) -> int:
        """How many bytes the body has; 0 for one that is read by `stream()`."""
        return len(self.body)

    @property
    def flags(self) -> tuple[str, ...]:
        """What else is known of the answer.

        `cached`: the body comes from the cache. `truncated_possible`: the body ended with its connection, which was not
        closed as TLS demands, so that anybody on the way may have cut it short (RFC 9112, 9.8). Of a body that is read
        by `stream()`, this is known after the last piece.
        """
        return self._flags if self._stream is None else (*self._flags, *self._stream.flags)

    def stream(self) -> AsyncIterator[bytes]:
        """The body in pieces, decompressed, as they arrive: `async for piece in response.stream()`.

        For a request with `stream=True`, whose response has no `body`; the body of any other is one piece. Can be
        read once, and by `async def` callbacks only. A body that is broken or cut short raises `FetchError` from the
        loop, after the pieces before: what was made of those is incomplete.
        """
        if self._stream is None:
            if self.request.stream and not self.body and self.status < 300:
                raise SpiderError(f"the body of {self!r} is a stream: read it in an `async def` callback")
            return in_one_piece(self.body)
        self._stream.begin()
        return self._stream

    async def aclose(self) -> None:
        """Stop receiving a body that is read by `stream()`. Does nothing for any other response."""
        if self._stream is not None:
            await self._stream.aclose()

    @property
    def filename(self) -> str:
        """What to call a file with the body: as Content-Disposition says (RFC 6266), or by the end of the URL.

        It is safe below any folder, on every system: see `scraper.http.filenames.safe`. Other pages may have the same.
        """
        return filename(self.url, self.headers.get("Content-Disposition", ""))

    # Where it leads.

    def links(self, **options: Any) -> "list[Link]":
        """The links of the page; `options` are those of `LinkExtractor`."""
        from scraper.markup.links.link_extractor import LinkExtractor

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
        from scraper.http.form import Form, find_form

        return Form(self, self.request, find_form(self, css=css, xpath=xpath, name=name, id=id, number=number))

    def follow(self, url: "str | Selector | Link", callback: Any = None, **fields: Any) -> Request:
        """A request for a reference found in this page: text, an `<a>` or `<link>`, an attribute, or a `Link`.

        `fields` are those of `Request`. Raises `ValueError` for an element without href or src, and for a list.
        """
        reference = url if type(url) is str else reference_of(url)
        if reference is None:
            raise ValueError(f"nothing to follow: {url!r} has neither href nor src")
        if not fields and reference.isascii() and (target := urls.join(self._base or self.base_url, reference)):
            return self._model(callback).at(target)
        return next(self.follow_all([reference], callback, **fields))

    def _model(self, callback: Any) -> Request:
        """The request that follows this page with `callback`, but for its URL: links of a page have most in common.

        A request that is copied from it takes a tenth of the time of one that is made and checked anew.
        """
        if self._followed is None or self._followed[0] != callback:
            self._followed = callback, Request(self.url, callback, **inherit(self.request, {}))
        return self._followed[1]

    def follow_all(
        self,
        urls: "Iterable[str | Selector | Link] | None" = None,
        callback: Any = None,
        *,
        css: str | None = None,
        xpath: str | None = None,
        **fields: Any,
    ) -> Links:
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
        model = Request(self.url, callback, **inherit(self.request, fields))
        found = self._joined(references, model.encoding if fields.get("encoding") else None)
        if params is not None:
            pairs = values.encoded_fields(model, "params", params, model.encoding)
            found = [with_params(url, pairs) for url in found]
        return Links(model, list(dict.fromkeys(found)))

    def replace(self, **changes: Any) -> "Response":
        """This response with some fields changed."""
        return Response(**(self._fields() | changes))

    copy = replace

    def __reduce__(self) -> Any:
        kept = {"headers": CIMultiDict(self.headers), "body": self.body}
        return partial(Response, **(self._fields() | kept)), ()

    def _fields(self) -> dict[str, Any]:
        return {
            "url": self.url,
            "status": self.status,
            "headers": self.headers,
            "body": self.body if self._stream is None else self._stream,
            "request": self.request,
            "encoding": self._named,
            "history": self.history,
            "flags": self._flags,
        }

    def __repr__(self) -> str:
        return f"<{self.status} {urls.without_credentials(self.url)}>"
