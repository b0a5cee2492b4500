"""MessagePack as `cmsgpack` in Redis reads it: bytes are written as `str`, since it knows no `bin`.

See https://github.com/msgpack/msgpack/blob/master/spec.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from struct import pack
from typing import Any


def packed(values: Mapping[str, Any]) -> bytes:
    """A map of texts, bytes, whole numbers of 64 bits, booleans, sequences and maps."""
    pieces: list[bytes] = []
    _put(values, pieces.append)
    return b"".join(pieces)


def _put(value: Any, put: Callable[[bytes], None]) -> None:
    match value:
        case bytes():
            _put_bytes(value, put)
        case str():
            _put_bytes(value.encode(), put)
        case bool():
            put(b"\xc3" if value else b"\xc2")
        case int():
            put(bytes((value,)) if 0 <= value < 0x80 else pack(">Bq", 0xD3, value))
        case Mapping():
            put(pack(">BI", 0xDF, len(value)))
            for key, each in value.items():
                _put_bytes(key.encode(), put)
                _put(each, put)
        case Sequence():
            put(pack(">BI", 0xDD, len(value)))
            _put_all(value, put)
        case _:
            raise TypeError(f"{value!r} cannot be packed")


def _put_all(values: Iterable[Any], put: Callable[[bytes], None]) -> None:
    for each in values:
        if type(each) is bytes:  # nearly all are
            _put_bytes(each, put)
        else:
            _put(each, put)


def _put_bytes(value: bytes, put: Callable[[bytes], None]) -> None:
    size = len(value)
    put(pack(">BH", 0xDA, size) if size < 0x10000 else pack(">BI", 0xDB, size))
    put(value)
