"""Requests as bytes: msgpack with a CRC-32 in front, which tells what was written from what is found.

`FormRequest` and `JsonRequest` are kept as the plain requests that they became. No byte of it is code: see
`frontier.serialization.values` and `records` for what `meta` and `cb_kwargs` may hold.
"""

from typing import Any
from zlib import crc32

import msgspec

from scraper.errors import SpiderError, StorageError
from scraper.frontier.serialization.records import REQUESTS
from scraper.frontier.serialization.values import CannotKeep, kept, restored
from scraper.http.request import Request
from scraper.items.item_types import plain

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Request, ext_hook=restored).decode
_decode_value = msgspec.msgpack.Decoder(ext_hook=restored).decode
_ADVICE = 'keep plain values: its text or URL; or crawl in memory, with frontier.store = "memory"'


def sealed(data: bytes) -> bytes:
    """`data` behind its CRC-32."""
    return crc32(data).to_bytes(4) + data


def unsealed(data: bytes) -> bytes:
    """What was sealed. Raises `StorageError` if it is not as it was, or, from a damaged file, not bytes at all."""
    if not isinstance(data, bytes) or len(data) < 4 or crc32(data[4:]) != int.from_bytes(data[:4]):
        raise StorageError("what was written is not what is there (its checksum is wrong)")
    return data[4:]


def encoded(request: Request) -> bytes:
    """`request` as bytes. Raises `SpiderError` if it holds what cannot be kept, naming request, key and type."""
    if type(request) not in REQUESTS:
        _check_kind(request)
    try:
        if request.meta or request.cb_kwargs:
            data = _encode(request.replace(meta=_kept(request, "meta"), cb_kwargs=_kept(request, "cb_kwargs")))
            _decode(data)
        else:
            data = _encode(request)
            if request.headers or request.cookies:
                _decode(data)
    except SpiderError:
        raise
    except RecursionError:
        raise SpiderError(f"{request!r} cannot be kept: what it holds is nested too deeply, or holds itself") from None
    except (OverflowError, TypeError, ValueError) as error:
        raise SpiderError(f"{request!r} cannot be kept: {error}") from None
    return sealed(data)


def decoded(data: bytes) -> Request:
    """The request that `data` was made of. Raises `StorageError` if it is none."""
    try:
        return _decode(unsealed(data))
    except (RecursionError, ValueError, SpiderError) as error:
        raise StorageError(f"a request cannot be read: {error}") from None


def packed(value: Any) -> bytes:
    """A value as bytes: an item's fields as plain values, where they cannot be kept as they are.

    Equal values give equal bytes, as long as their dicts are in one order.
    """
    try:
        return _encode(kept(value))
    except (CannotKeep, OverflowError):
        return _encode(kept(msgspec.to_builtins(value, enc_hook=plain, str_keys=True)))


def unpacked(data: bytes) -> Any:
    """The value that `data` was made of. Raises `StorageError` if it is none."""
    try:
        return _decode_value(data)
    except (RecursionError, ValueError) as error:
        raise StorageError(f"an item cannot be read: {error}") from None


def _kept(request: Request, field: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = kept(getattr(request, field))
    except CannotKeep as error:
        what = f"{field}{error.place} is a {type(error.value).__qualname__}"
        raise SpiderError(f"{request!r} cannot be kept: {what}; {_ADVICE}") from None
    return values


def _check_kind(request: Request) -> None:
    """Fields that a class of the spider's adds to a request would be lost."""
    known = {name for kind in REQUESTS for name in kind.__struct_fields__}
    for name in set(request.__struct_fields__) - known:
        raise SpiderError(
            f"{request!r} cannot be kept: {type(request).__name__}.{name} is no field of a Request; "
            "hand it over in meta"
        )
