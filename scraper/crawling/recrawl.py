"""Recrawl: a crawl that came to its end is run again, asking only for what has changed since.

Of each page it is kept what its answer said of its version, a digest of its body, the requests it led to and the items
that were written. The next run asks on condition (RFC 9110, 13). A page that has not changed is not handed to its
callback: its requests are followed and its items are written as they were. Every item gets one more field, `change`:
new, changed, unchanged or gone. See docs/recrawl.md.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from scraper.errors import FetchError, SpiderError, StorageError
from scraper.frontier import SqliteFrontier
from scraper.frontier.serialization.requests import decoded, encoded, packed, unpacked
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.items.serializers import serialized
from scraper.protocols import Attempts, Results, identity
from scraper.verdict import DELIVER, Sequel

NEW, CHANGED, UNCHANGED, GONE = "new", "changed", "unchanged", "gone"

_Record = tuple[str, bytes]  # the name of an item's class, and its fields


class Page(msgspec.Struct, array_like=True, frozen=True):
    """What is kept of a page. `fetched` is the time of day in seconds since 1970, of the last answer.

    A page whose callback failed has no digest and no validators: it is asked for as if it were new.
    """

    etag: str
    modified: str
    fetched: float
    digest: bytes
    requests: tuple[tuple[bytes, list[str]], ...]  # each with the URLs that it stands for
    items: tuple[_Record, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Page).decode


class Revisits:
    """The pages of earlier runs, as `frontier` keeps them, and those of this one.

    Items of a page are taken for the same if they are equal in the fields `unique`; without any, equal ones are
    the same first, and what is left on both sides then, in order. `wall` is the time of day in seconds since 1970.
    Requests are for the same page if `identity` says the same of them.
    """

    def __init__(
        self,
        frontier: SqliteFrontier,
        unique: Sequence[str],
        *,
        wall: Callable[[], float],
        identity: Callable[[Request], str] = identity,
    ) -> None:
        self._frontier = frontier
        self._unique = tuple(unique)
        self._wall = wall
        self._identity = identity

    def ask(self, request: Request) -> Request | Response:
        """`request` on condition that its page has changed; the answer, if it is known already that it has not."""
        page = self._page(request) if request.method == "GET" else None
        if page is None:
            return request
        if _is_older(request.meta.get("lastmod"), page.fetched):
            return Response(request.url, status=304, request=request)
        given = {name.lower() for name in request.headers}
        conditions = {"If-None-Match": page.etag, "If-Modified-Since": page.modified}
        if not page.digest or given & {name.lower() for name in conditions}:
            return request
        return request.replace(headers={**request.headers, **{name: text for name, text in conditions.items() if text}})

    def visit(self, request: Request, response: Response) -> "Visit":
        """The page that `response` is, compared with what it was."""
        before = self._page(request)
        digest = _digest(response.body)
        is_same = before is not None and (response.status == 304 or (bool(before.digest) and digest == before.digest))
        page = Page(
            etag=response.headers.get("ETag", before.etag if is_same and before else ""),
            modified=response.headers.get("Last-Modified", before.modified if is_same and before else ""),
            fetched=self._wall(),
            digest=before.digest if is_same and before else digest,
            requests=before.requests if is_same and before else (),
            items=before.items if is_same and before else (),
        )
        return Visit(self, self._key(request), before, page, is_same=is_same)

    def sequel(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel | None:
        """The policy that takes 304 for an answer, if it was asked on a condition of ours."""
        is_304 = isinstance(outcome, Response) and outcome.status == 304
        return DELIVER if is_304 and self._page(request) is not None else None

    def carried(self, request: Request) -> "Visit | None":
        """A page that could not be had this time, and is taken for what it was; None if it was not known."""
        before = self._page(request)
        return None if before is None else Visit(self, self._key(request), before, before, is_same=True)

    def left(self) -> Iterator[tuple[bytes, list[Any]]]:
        """The pages that this run did not come to: the key of each, and its items, which are gone."""
        for key, value in self._frontier.pages_left():
            yield key, [_marked(*record, GONE) for record in _read(value).items]

    def bury(self, key: bytes) -> None:
        """What was kept as `key` is of no use any more."""
        self._frontier.forget(key)

    def keep(self, key: bytes, page: Page) -> None:
        """Have the next run know `page`."""
        self._frontier.keep(key, _encode(page))

    def _key(self, request: Request) -> bytes:
        return _digest(self._identity(request).encode("utf-8", "surrogatepass"))

    def _page(self, request: Request) -> Page | None:
        value = self._frontier.page(self._key(request))
        return None if value is None else _read(value)

    def same(self, fields: dict[str, Any]) -> bytes | None:
        """What items that are the same have in common; None if that is not said."""
        return packed([fields.get(name) for name in self._unique]) if self._unique else None


class Visit(msgspec.Struct, eq=False):
    """One page in this run: `again` is what it gave before, if it has not changed, and is applied in place of a call.

    `changes` counts the items, by their marks, once they are `marked()`.
    """

    revisits: Revisits
    key: bytes
    before: Page | None
    page: Page
    is_same: bool
    changes: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def again(self) -> Results | None:
        """What the page gave before; None if it is new, or has changed."""
        if not self.is_same:
            return None
        requests: list[Request | Links] = [Links(decoded(data), urls) for data, urls in self.page.requests]
        return Results(items=[_made(*record) for record in self.page.items], requests=requests)

    def marked(self, found: Sequence[Results], items: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The items of each of `found` with their marks, and with the last those that are gone; all are noted."""
        records = [[_record(each) for each in batch] for batch in items]
        marks = iter(self._compare([each for batch in records for each in batch]))
        batches = [[_marked(*each, next(marks)) for each in batch] for batch in records]
        gone = [_marked(*each, GONE) for each in self._gone]
        if batches:
            batches[-1] += gone
        self.changes.update(each["change"] for batch in batches for each in batch)
        if not self.is_same:
            requests = [_kept(request) for results in found for request in results.requests]
            failed = None in requests or any(results.problems for results in found)
            self.page = msgspec.structs.replace(
                self.page,
                digest=b"" if failed else self.page.digest,
                requests=tuple(each for each in requests if each is not None),
                items=tuple(each for batch in records for each in batch),
            )
        return batches

    _gone: Sequence[_Record] = ()

    def _compare(self, now: Sequence[_Record]) -> list[str]:
        """The mark of each item; what was there before and has no counterpart now is gone."""
        before = list(self.before.items) if self.before is not None else []
        marks: list[str | None] = [None] * len(now)
        for number, each in enumerate(now):
            if each in before:
                before.remove(each)
                marks[number] = UNCHANGED
        for number, each in enumerate(now):
            if marks[number] is None and (counterpart := self._counterpart(each, before)) is not None:
                before.remove(counterpart)
                marks[number] = CHANGED
        self._gone = before
        return [mark or NEW for mark in marks]

    def _counterpart(self, record: _Record, before: Sequence[_Record]) -> _Record | None:
        """Which of the items before, that are equal to none now, `record` is in another state."""
        same = self.revisits.same(unpacked(record[1]))
        if same is None:
            return before[0] if before else None
        return next((each for each in before if self.revisits.same(unpacked(each[1])) == same), None)

    def settle(self) -> None:
        """The page is done: keep what it is now."""
        self.revisits.keep(self.key, self.page)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _read(value: bytes) -> Page:
    try:
        return _decode(value)
    except msgspec.MsgspecError as error:
        raise StorageError(f"what was kept of a page cannot be read: {error}") from None


def _is_older(lastmod: object, fetched: float) -> bool:
    """Whether a sitemap's date (ISO 8601) is before a page was fetched; a day counts until its end."""
    try:
        moment = datetime.fromisoformat(str(lastmod))
    except ValueError:
        return False
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        moment += timedelta(days=1)
    return moment.timestamp() <= fetched


def _kept(found: Request | Links) -> tuple[bytes, list[str]] | None:
    """A request, or a bunch, as a file holds it; None if it cannot: then it is not crawled either."""
    model, urls = (found, [found.url]) if isinstance(found, Request) else (found.model, found.urls)
    try:
        return encoded(model), urls
    except SpiderError:
        return None


def _record(item: Any) -> _Record:
    return type(item).__name__, packed(dict(serialized(item)))


def _made(name: str, content: bytes) -> Any:
    return _class(name)(unpacked(content))


def _marked(name: str, content: bytes, mark: str) -> Any:
    return _class(name)({**unpacked(content), "change": mark})


@lru_cache(maxsize=1024)
def _class(name: str) -> type[dict[Any, Any]]:
    """A dict that goes by the name of the item's class, as sinks choose items by it."""
    return dict if name == "dict" else type(name, (dict,), {})
