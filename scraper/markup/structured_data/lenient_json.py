"""JSON as pages have it: read fast if it keeps to the standard, and as Python does if it is nearly JSON."""

import json
from typing import Any

import msgspec


def read(text: str | bytes) -> Any:
    """`text` read as JSON; NaN, lone surrogates and huge numbers are let pass. Raises `ValueError` if it is none."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(str(error)) from None
