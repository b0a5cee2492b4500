"""Requests as a shared store has them: with the addresses that redirects led by on another machine."""

from typing import Any

import msgspec

from scraper.errors import StorageError
from scraper.frontier.serialization.requests import decoded, encoded
from scraper.http.request import Request


class Found(msgspec.Struct, frozen=True, array_like=True):
    """A request that was found for a unit, perhaps by another machine.

    With `hops` it is on its way already: it counts as discovered, and no other one like it makes it a duplicate.
    """

    request: Request
    is_start: bool = False
    hops: tuple[str, ...] = ()


class _Written(msgspec.Struct, frozen=True, array_like=True):
    request: bytes
    is_start: bool
    hops: tuple[str, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Written).decode


def written(request: Request, *, is_start: bool, hops: tuple[str, ...] = ()) -> bytes:
    """A request as bytes. Raises `SpiderError` if it holds what cannot be kept."""
    return _encode(_Written(encoded(request), is_start, hops))


def read(data: Any) -> Found:
    """What was written. Raises `StorageError` if it is not that."""
    try:
        found = _decode(data)
    except msgspec.MsgspecError as error:
        raise StorageError(f"a request cannot be read: {error}") from None
    return Found(decoded(found.request), found.is_start, found.hops)
