"""Python values that a file gives back as they were: what msgpack does not know becomes an extension of it.

Plain values (None, truth values, numbers, texts, bytes, lists, and dicts whose keys are texts) are msgpack's own.
Any other is an extension, whose code says what it is and whose content is msgpack again. Objects are the matter
of `frontier.serialization.records`: reading them runs no code that a file names.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec.msgpack import Ext

from scraper.frontier.serialization import records

_PLAIN = frozenset((type(None), bool, float, bytes))
_WORD = range(-(2**63), 2**64)  # the whole numbers that msgpack has
_BASES: tuple[Any, ...] = (str, int, float, bytes)
_PAIRS, _RECORD = 0, 1

_encode = msgspec.msgpack.Encoder().encode


class CannotKeep(Exception):  # noqa: N818 -- says what is the matter
    """A value that no file can hold: `value` is it, `place` where it stands within what was to be kept."""

    def __init__(self, value: object) -> None:
        super().__init__(value)
        self.value = value
        self.place = ""

    def within(self, key: object) -> "CannotKeep":
        """The same, found under `key` of something larger."""
        self.place = f"[{key!r:.40}]{self.place}"
        return self


def kept(value: Any) -> Any:
    """`value` as msgpack can write it. Raises `CannotKeep` if nothing can."""
    kind = type(value)
    if kind in _PLAIN or (kind is int and value in _WORD) or (kind is str and _is_text(value)):
        return value
    if kind is dict:
        return _dict(value)
    if kind is list:
        return _list(value)
    if kind in _KINDS:
        code, apart = _KINDS[kind]
        return _extension(code, kept(apart(value)))
    parts = records.apart(value)
    if parts is not None:
        return _extension(_RECORD, kept(parts))
    for plain in _BASES:
        if isinstance(value, plain):
            return kept(plain.__new__(plain, value))  # equal to it, whatever its class adds
    raise CannotKeep(value)


def restored(code: int, data: memoryview) -> Any:
    """The value that an extension stands for: msgspec's `ext_hook`. Raises `ValueError` if there is none."""
    if code not in _MADE:
        raise ValueError(f"a value of an unknown kind ({code})")
    try:
        return _MADE[code](_decode(data))
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


_decode = msgspec.msgpack.Decoder(ext_hook=restored).decode


def _extension(code: int, content: Any) -> Ext:
    return Ext(code, _encode(content))


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _list(values: Iterable[Any]) -> list[Any]:
    return [_under(index, value) for index, value in enumerate(values)]


def _dict(value: dict[Any, Any]) -> Any:
    for key, each in value.items():  # nearly all are as msgpack has them: a third of the time
        kind = type(each)
        if type(key) is not str or not key.isascii():
            break
        if not ((kind is str and each.isascii()) or kind in _PLAIN or (kind is int and each in _WORD)):
            break
    else:
        return value
    if all(type(key) is str and _is_text(key) for key in value):
        return {key: _under(key, each) for key, each in value.items()}
    return _extension(_PAIRS, [(kept(key), _under(key, each)) for key, each in value.items()])


def _under(key: object, value: Any) -> Any:
    try:
        return kept(value)
    except CannotKeep as error:
        raise error.within(key) from None


# Moments keep their zone: by its name, or by its distance from UTC in seconds.


def _moment(value: datetime | time) -> list[Any]:
    zone, distance = value.tzinfo, value.utcoffset()
    place: str | float | None = None if distance is None else distance.total_seconds()
    if isinstance(zone, ZoneInfo) and zone.key:
        place = zone.key
    return [value.replace(tzinfo=None).isoformat(), value.fold, place]


def _datetime(parts: list[Any]) -> datetime:
    return datetime.fromisoformat(parts[0]).replace(fold=parts[1], tzinfo=_zone(parts[2]))


def _time(parts: list[Any]) -> time:
    return time.fromisoformat(parts[0]).replace(fold=parts[1], tzinfo=_zone(parts[2]))


def _zone(zone: str | float | None) -> tzinfo | None:
    if isinstance(zone, str):
        return ZoneInfo(zone)
    return None if zone is None else timezone(timedelta(seconds=zone))


def _pair(value: complex | Fraction) -> list[Any]:
    return [value.real, value.imag] if isinstance(value, complex) else [value.numerator, value.denominator]


_Apart: TypeAlias = Callable[[Any], Any]
_Make: TypeAlias = Callable[[Any], Any]

_TABLE: dict[int, tuple[type, _Apart, _Make]] = {
    2: (str, lambda value: value.encode("utf-8", "surrogatepass"), lambda data: data.decode("utf-8", "surrogatepass")),
    3: (int, hex, lambda text: int(text, 16)),
    10: (tuple, list, tuple),
    11: (set, list, set),
    12: (frozenset, list, frozenset),
    13: (bytearray, bytes, bytearray),
    14: (complex, _pair, lambda parts: complex(*parts)),
    15: (Decimal, str, Decimal),
    16: (Fraction, _pair, lambda parts: Fraction(*parts)),
    17: (UUID, lambda value: value.bytes, lambda data: UUID(bytes=data)),
    18: (date, date.isoformat, date.fromisoformat),
    19: (datetime, _moment, _datetime),
    20: (time, _moment, _time),
    21: (timedelta, lambda value: [value.days, value.seconds, value.microseconds], lambda parts: timedelta(*parts)),
    22: (deque, lambda value: [value.maxlen, list(value)], lambda parts: deque(parts[1], parts[0])),
    23: (Counter, dict, Counter),
    24: (OrderedDict, lambda value: list(value.items()), OrderedDict),
    25: (PosixPath, str, PosixPath),
    26: (PurePosixPath, str, PurePosixPath),
    27: (range, lambda value: [value.start, value.stop, value.step], lambda parts: range(*parts)),
}
"""By code: a type, what of plainer values stands for one of it, and how it is made of that again.

The codes stand in files: they are never given to another type.
"""

_KINDS: dict[type, tuple[int, _Apart]] = {kind: (code, apart) for code, (kind, apart, _) in _TABLE.items()}
_MADE: dict[int, _Make] = {code: make for code, (_, _, make) in _TABLE.items()} | {
    _PAIRS: dict,
    _RECORD: records.together,
}
