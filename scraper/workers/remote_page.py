"""A page that a worker process has fetched, as the owner sees it: status and headers, and the body only if needed."""

from typing import TYPE_CHECKING, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy

from scraper.http.request import Request
from scraper.http.response import Response
from scraper.verdict import Permits

if TYPE_CHECKING:
    from scraper.workers.order import Order


class Head(NamedTuple):
    """What a worker tells of an answer. The body of `size` bytes is there if the owner needs it.

    Its callback `is_called` already, or the worker has kept the page for one.
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]
    size: int
    body: bytes
    permits: Permits | None
    is_called: bool
    is_kept: bool


class RemotePage(Response):
    """An answer to `order`. `permits` is what the page asks of crawlers, if the worker was to find out."""

    __slots__ = ("_head", "_order", "_size", "is_called", "is_kept", "permits")

    def __init__(self, head: Head, request: Request, order: "Order") -> None:
        super().__init__(
            head.url,
            status=head.status,
            headers=CIMultiDictProxy(CIMultiDict(head.headers)),
            body=head.body,
            request=request,
            flags=head.flags,
        )
        self._head = head
        self._size = head.size
        self._order = order
        self.permits = head.permits
        self.is_called = head.is_called
        self.is_kept = head.is_kept

    @property
    def size(self) -> int:
        """How many bytes the body has, wherever it is."""
        return self._size

    @property
    def order(self) -> "Order":
        """What the worker was told to do."""
        return self._order

    @property
    def is_as_told(self) -> bool:
        """Whether it still is what the worker has: a middleware may have changed it."""
        head = self._head
        return self.url == head.url and self.status == head.status and self.body == head.body

    async def aclose(self) -> None:
        """Nothing: the worker closes a body that is read by `stream()`."""

    def __del__(self) -> None:
        if self.is_kept:
            self._order.forget()
