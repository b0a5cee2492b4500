"""The cache: answers that were kept take the place of asking again.

With `mode = "rfc"` it is a private cache by RFC 9111: what is fresh is not asked for, what is stale is asked for with
its ETag and Last-Modified, and a 304 makes it fresh again. What may be kept, and for whom, is decided by hishel
(extra `cache`), which does no I/O. With `mode = "always"` an answer is kept for good, whatever it says of itself: for
work on a spider, which is then run twenty times on the same pages.

Sessions share nothing. Errors that may pass are never kept with "always", nor streams with either; a request with
`meta["dont_cache"]`, Scrapy's word, goes by the cache. A cache that breaks is one that has nothing.
"""

import logging
import sqlite3
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from uuid import UUID

from multidict import CIMultiDict

from scraper.errors import SettingsError
from scraper.http.headers import own_headers
from scraper.http.request import Request
from scraper.http.response import CACHED, TRUNCATED, Response
from scraper.network.cache.counts import Counts
from scraper.network.cache.store import Kept, Pairs, Store
from scraper.protocols import Fetch, identity
from scraper.urls import without_credentials, without_fragment

if TYPE_CHECKING:
    import hishel

logger = logging.getLogger("scraper")

LASTING = frozenset({200, 203, 204, 300, 301, 302, 303, 304, 307, 308, 404, 410, 414, 501})  # what "always" keeps


class _Cache:
    """What both modes have in common."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_broken = False
        self.counts = Counts()

    async def __call__(self, request: Request, fetch: Fetch) -> Response:
        if request.stream or request.files or request.body_file or (request.meta and request.meta.get("dont_cache")):
            return await fetch(request)
        response = await self._answer(request, fetch)
        response.request = request
        return response

    async def _answer(self, request: Request, fetch: Fetch) -> Response:
        raise NotImplementedError

    async def _find(self, key: str) -> list[Kept]:
        try:
            return await self._store.find(key)
        except (sqlite3.Error, ValueError) as error:
            self._complain(error)
            return []

    async def _add(self, key: str, kept: Kept) -> None:
        try:
            await self._store.add(key, kept)
        except sqlite3.Error as error:
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        """Say once what is wrong with the store."""
        if not self._is_broken:
            self._is_broken = True
            logger.warning("the cache cannot be used: %s", error)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.counts.hits} hits, {self.counts.misses} misses>"


class AlwaysCache(_Cache):
    """Keeps what it is given for good."""

    async def _answer(self, request: Request, fetch: Fetch) -> Response:
        key = identity(request)
        for kept in await self._find(key):
            if kept.method == request.method:
                self.counts.hits += 1
                return _response(kept.url, kept.status, kept.headers, kept.body)
        self.counts.misses += 1
        response = await fetch(request)
        if response.status in LASTING:
            pairs = [(str(name), _text(value)) for name, value in response.headers.items()]
            await self._add(key, Kept(request.method, response.url, [], response.status, pairs, response.body))
        return response


def require() -> Any:
    """The library that decides by RFC 9111. Raises `SettingsError` if it is not installed."""
    try:
        import hishel
    except ImportError:
        raise SettingsError("mode = \"rfc\" needs the extra: pip install 'scraper[cache]'") from None
    return hishel


class RfcCache(_Cache):
    """A private cache by RFC 9111; `defaults` are headers that requests without them are sent with.

    Raises `SettingsError` if hishel is not there to decide.
    """

    def __init__(self, store: Store, *, defaults: Mapping[str, str]) -> None:
        super().__init__(store)
        self._defaults = defaults
        self._hishel = hishel = require()
        self._options = hishel.CacheOptions(shared=False, supported_methods=["GET", "HEAD"], allow_stale=False)

    async def _answer(self, request: Request, fetch: Fetch) -> Response:
        hishel = self._hishel
        key = f"{request.session} {_name(request)}"
        found = await self._find(key)
        bodies = {UUID(int=kept.id): kept.body for kept in found}
        asked = hishel.Request(request.method, _name(request), _headers(self._sent(request)))
        state: Any = hishel.IdleClient(options=self._options).next(asked, list(map(_entry, found)))
        response, is_check = None, False
        while True:
            if isinstance(state, hishel.FromCache):
                self._count(is_check=is_check)
                entry = state.entry
                pairs = _pairs(entry.response.headers)
                return _response(request.url, entry.response.status_code, pairs, bodies[entry.id])
            if isinstance(state, hishel.StoreAndUse):
                assert response is not None
                if TRUNCATED not in response.flags:  # RFC 9111, 3.3
                    await self._add(key, self._kept(request, response, _pairs(state.response.headers)))
                return response
            if isinstance(state, hishel.CouldNotBeStored):
                assert response is not None
                return response
            if isinstance(state, hishel.CacheMiss | hishel.NeedRevalidation):
                is_check = isinstance(state, hishel.NeedRevalidation)
                if response is None or response.status == 304:
                    response = await self._ask(request, state.request.headers if is_check else None, fetch)
                state = state.next(hishel.Response(response.status, _headers(response.headers.items())))
            elif isinstance(state, hishel.NeedToBeUpdated):
                for entry in state.updating_entries:
                    await self._refresh(entry)
                state = state.next()
            else:
                assert isinstance(state, hishel.InvalidateEntries)
                await self._remove(state.entry_ids)
                state = state.next()

    async def _ask(self, request: Request, conditions: Any, fetch: Fetch) -> Response:
        """The server's answer, under `conditions` if something is kept that could still be right."""
        wanted = {name.lower(): value or "" for name, value in request.headers.items()}
        if "only-if-cached" in wanted.get("cache-control", "").lower():
            return Response(request.url, status=504, request=request)  # RFC 9111, 5.2.1.7
        if conditions is None:
            self.counts.misses += 1
            return await fetch(request)
        added = {name: value for name, value in _pairs(conditions) if name not in wanted}
        response = await fetch(request.replace(headers={**request.headers, **added}))
        if response.status != 304:
            self.counts.misses += 1
        return response

    def _sent(self, request: Request) -> Pairs:
        """The headers that `request` is sent with."""
        given = {name.lower() for name in request.headers}
        return [
            *own_headers(request.headers).items(),
            *((n, v) for n, v in self._defaults.items() if n.lower() not in given),
        ]

    def _kept(self, request: Request, response: Response, headers: Pairs) -> Kept:
        """`response` as it is kept, with those headers of its request that its Vary names."""
        named = {name.strip().lower() for field in response.headers.getall("Vary", ()) for name in field.split(",")}
        asked = [(name, value) for name, value in self._sent(request) if name.lower() in named]
        if "Date" not in response.headers:
            headers = [*headers, ("Date", formatdate(usegmt=True))]  # RFC 9110, 6.6.1
        return Kept(request.method, _name(request), asked, response.status, _storable(headers), response.body)

    def _count(self, *, is_check: bool) -> None:
        if is_check:
            self.counts.revalidated += 1
        else:
            self.counts.hits += 1

    async def _refresh(self, entry: "hishel.Entry") -> None:
        try:
            await self._store.refresh(entry.id.int, _storable(_pairs(entry.response.headers)))
        except sqlite3.Error as error:
            self._complain(error)

    async def _remove(self, ids: Iterable[UUID]) -> None:
        try:
            await self._store.remove([each.int for each in ids])
        except sqlite3.Error as error:
            self._complain(error)


Cache = AlwaysCache | RfcCache


def _name(request: Request) -> str:
    """The URL by which an answer to `request` is known."""
    return without_fragment(without_credentials(request.url))


def _storable(headers: Pairs) -> Pairs:
    """`headers` that may be given again: a cookie that was set once is not set once more, over a newer one."""
    return [(str(name), _text(value)) for name, value in headers if name.lower() != "set-cookie"]


def _text(value: str) -> str:
    return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="replace")


def _response(url: str, status: int, headers: Pairs, body: bytes) -> Response:
    return Response(url, status=status, headers=CIMultiDict(headers), body=body, flags=(CACHED,))


def _headers(pairs: Iterable[tuple[str, str]]) -> "hishel.Headers":
    import hishel

    found: dict[str, str | list[str]] = {}
    for name, value in pairs:
        values = found.setdefault(name.lower(), [])
        assert isinstance(values, list)
        values.append(value)
    return hishel.Headers(found)


def _pairs(headers: "hishel.Headers") -> Pairs:
    return [(name, value) for name in headers for value in headers.get_list(name) or ()]


def _entry(kept: Kept) -> "hishel.Entry":
    import hishel

    request = hishel.Request(kept.method, kept.url, _headers(kept.asked))
    return hishel.Entry(UUID(int=kept.id), request, hishel.Response(kept.status, _headers(kept.headers)))
