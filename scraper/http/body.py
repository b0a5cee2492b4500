"""A body that is read as it arrives: what a response needs of the network that receives it."""

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable


@runtime_checkable
class StreamedBody(Protocol):
    """The pieces of a body, decompressed: an asynchronous iterator that can be read once."""

    @property
    def flags(self) -> tuple[str, ...]:
        """What is known of the body after its last piece: see `Response.flags`."""
        ...

    def begin(self) -> None:
        """Say that the body is about to be read. Raises `SpiderError` if it was read before."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes:
        """The next piece, which is not empty. Raises `FetchError` for what is wrong with the body."""
        ...

    async def aclose(self) -> None:
        """Read no more, and let go of the connection."""
        ...


async def in_one_piece(body: bytes) -> AsyncIterator[bytes]:
    """The pieces of a body that is there already."""
    if body:
        yield body
