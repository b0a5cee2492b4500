"""JSON as pages have it: read fast if it keeps to the standard, and as Python does if it is nearly JSON."""

import json
from typing import Any

import msgspec


def read(text: str | bytes) -> Any:
    """`text` read as JSON; NaN, lone surrogates, huge numbers and a byte order mark are let pass.

    Raises `ValueError` if it is not JSON.
    """
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(text.removeprefix("\ufeff") if isinstance(text, str) else text)
    except RecursionError as error:
        raise ValueError(str(error)) from None
