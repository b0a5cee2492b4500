"""How each type of value is written: one JSON form for all formats, and the text of a CSV cell made from it.

Numbers, text, booleans and null are themselves; NaN and the infinities are null. Dates and times are ISO 8601,
a Decimal is its exact text, a UUID its text, bytes are base64, an enum is its value. Lists and tuples are
arrays, sets are sorted arrays, and whatever has fields (a mapping, dataclass, attrs, pydantic, msgspec) is an object
whose keys are text. A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD.

Most items hold nothing but plain values, which msgspec writes as they are. Only where a value is of another type
is a tidy copy made, and only where the encoder refuses text is a copy with clean text made.
"""

from collections import deque
from collections.abc import Collection, ItemsView, Iterator, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec

from scraper.items.item_types import fields, is_item, is_model, plain
from scraper.items.serializers import serialized, unfilled

# Exactly these types are written by msgspec in the form that is promised above.
PLAIN = frozenset({str, int, float, bool, type(None), Decimal, datetime, date, time, timedelta, UUID, bytes, bytearray})

_TEXT = frozenset({str})

_encoder = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical")


def record(item: Any, names: tuple[str, ...] = ()) -> dict[Any, Any]:
    """An item's fields — those of `names`, or all — and their values, in a form that the encoder takes.

    Raises `TypeError` if `item` has no fields, or one of its values cannot be written, and `ValueError` if the
    `serializer` of a field raises.
    """
    values = serialized(item)
    if names:
        values = {name: values[name] for name in names if name in values}
    return values if _are_plain(values.values()) else _object(values.items())


def json_object(item: Any, names: tuple[str, ...] = ()) -> dict[Any, Any]:
    """What `record` gives, without the fields that are not written to JSON since nothing was put into them."""
    if type(item) is dict:
        return record(item, names)
    values, left = record(item, names), unfilled(item)
    return {name: value for name, value in values.items() if name not in left} if left else values


def _is_plain(value: Any) -> bool:
    """Whether `value` is of plain values, lists and dicts with text keys alone: nothing that must be tidied."""
    kind = type(value)
    if kind is dict:
        return _TEXT.issuperset(map(type, value)) and _are_plain(value.values())
    return _are_plain(value) if kind is list or kind is tuple else kind in PLAIN


def _are_plain(values: Collection[Any]) -> bool:
    """Whether all `values` are plain, which is seen at once where none of them is a list or a dict."""
    return PLAIN.issuperset(map(type, values)) or all(_is_plain(each) for each in values if type(each) not in PLAIN)


def json_lines(records: Sequence[dict[Any, Any]]) -> bytes:
    """The JSON of each record, and a line feed after each."""
    try:
        return _encoder.encode_lines(records)
    except (TypeError, UnicodeEncodeError):  # an unusual key, or a lone surrogate
        return _encoder.encode_lines([_clean(_object(each.items())) for each in records])


def cell(value: Any) -> str | int | float | None:
    """What a CSV cell holds: text as it is, nothing for null, and else the JSON form as text."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return value if isfinite(value) else None
    written = _json(value)
    return None if written == b"null" else _unquoted(written)


def text(value: Any) -> str:
    """The JSON form of a value as text, without the quotation marks if it is a string."""
    return _unquoted(_json(value))


def _json(value: Any) -> bytes:
    tidied = _tidy(value)
    try:
        return _encoder.encode(tidied)
    except UnicodeEncodeError:
        return _encoder.encode(_clean(tidied))


def _unquoted(written: bytes) -> str:
    return msgspec.json.decode(written, type=str) if written.startswith(b'"') else written.decode()


def utf8(written: str) -> bytes:
    """UTF-8, whatever `written` holds."""
    try:
        return written.encode()
    except UnicodeEncodeError:
        return _clean_text(written).encode()


def problem(item: Any, error: Exception) -> str:
    """Why `item`, which raised `error`, cannot be written: its class, the field, and what is wrong with it."""
    name = type(item).__name__
    try:
        values = fields(item)
    except Exception:  # it has none, or its own code raises: `error` tells
        values = {}
    for field, value in values.items():
        try:
            text(value)
        except Exception as cause:  # whatever code of the user's may raise
            return f"{name}.{field}: {_told(cause)}"
    return f"{name}: {_told(error)}"


def _told(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply, or contains itself"
    return " ".join(str(error).split()) or type(error).__name__


def _tidy(value: Any) -> Any:  # noqa: PLR0911 -- a table of types
    """A copy of `value` made of plain values, lists and dicts with text keys alone."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if (kind is list or kind is tuple) and PLAIN.issuperset(map(type, value)):
        return value
    match value:
        case Enum():
            return _tidy(value.value)
        case _ if is_model(kind):
            return json_object(value)
        case Mapping():
            return _object(value.items())
        case list() | tuple() | deque():
            return [_tidy(each) for each in value]
        case Set():
            return _sorted([_tidy(each) for each in value])
    return _object(fields(value).items()) if is_item(value) else _single(value)


def _single(value: Any) -> Any:  # noqa: PLR0911 -- a table of types
    """The plain value that an instance of a subclass, or of a type from elsewhere, is worth."""
    match value:
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case Decimal() | UUID():
            return str(value)
        case bytes():
            return bytes(value)
        case date() | time():
            return value.isoformat()
    return _tidy(_foreign(value))


def _sorted(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except (TypeError, InvalidOperation):  # of several types; with a Decimal that is no number
        return sorted(values, key=text)


def _object(pairs: ItemsView[Any, Any]) -> dict[str, Any]:
    result = {_key(key): _tidy(value) for key, value in pairs if value is not msgspec.UNSET}
    if len(result) < len(pairs) and len(result) < sum(value is not msgspec.UNSET for _, value in pairs):
        raise TypeError(f"two of its keys are the same as text: {list(dict(pairs))!r:.80}")
    return result


def _key(key: Any) -> str:
    return key if type(key) is str else text(key)


def _foreign(value: Any) -> Any:
    """What a value of a type from elsewhere is worth: a path, an array, a URL, a network address, …"""
    try:
        return plain(value)
    except TypeError as error:
        if isinstance(value, Iterator):  # would be used up
            raise
        from pydantic_core import PydanticSerializationError, to_jsonable_python  # few values need it

        try:
            return to_jsonable_python(value)
        except PydanticSerializationError:
            raise error from None


def _clean(value: Any) -> Any:
    """A copy of what `_tidy` made, without lone surrogates."""
    match value:
        case str():
            return _clean_text(value)
        case dict():
            return {_clean_text(key): _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
    return value


def _clean_text(written: str) -> str:
    """`written` with surrogate pairs joined and lone surrogates replaced."""
    return written.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
