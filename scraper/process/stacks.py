"""Whose line it is: of all that an exception or a thread went through, the line that its user wrote."""

import asyncio
import inspect
import os
import sysconfig
from functools import lru_cache
from pathlib import Path
from traceback import walk_tb
from types import CodeType, FrameType
from typing import Any

_OURS = os.path.join(Path(__file__).parent.parent, "")  # noqa: PTH118 -- with a separator at the end
_LIBRARIES = (_OURS, os.path.join(sysconfig.get_path("stdlib"), ""), "<")  # noqa: PTH118


def is_library(file: str) -> bool:
    """Whether a source file is part of this framework, of Python, or of an installed package."""
    return "site-packages" in file or "dist-packages" in file or file.startswith(_LIBRARIES)


def line_of(error: BaseException) -> str:
    """`file:line` where `error` was raised: the innermost line of the user's, or else the innermost; "" if unknown."""
    places = _places(error)
    return _written([place for place in places if not is_library(place[0])] or places)


def users_line_of(error: BaseException, kind: type) -> str:
    """`file:line` of the innermost line that the user wrote; "" if there is none. The file of `kind` is the user's."""
    own = _users_file(kind)
    return _written([place for place in _places(error) if place[0] == own or not is_library(place[0])])


def definition_of(kind: type, name: str) -> str:
    """`file:line` where a class of the user's defines its method `name`, or that of the class if it inherits ours.

    It is "" for a class of ours.
    """
    method = inspect.unwrap(getattr(kind, name, None) or kind)
    code = getattr(method, "__code__", None)
    if isinstance(code, CodeType) and (code.co_filename == _users_file(kind) or not is_library(code.co_filename)):
        return f"{code.co_filename}:{code.co_firstlineno}"
    return _class_line(kind)


def line_at(suspended: Any) -> str:
    """`file:line` where a generator or coroutine of the user's, or what it delegates to, has stopped; "" if unknown."""
    found = ""
    while suspended is not None:
        frame = _attribute(suspended, "frame")
        if isinstance(frame, FrameType) and not is_library(frame.f_code.co_filename):
            found = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        suspended = getattr(suspended, "gi_yieldfrom", None) or getattr(suspended, "cr_await", None)
    return found


def is_cancelled(error: BaseException) -> bool:
    """Whether `error` is the cancellation of the task at hand, rather than something that its user's code let out."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _places(error: BaseException) -> list[tuple[str, int]]:
    return [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]


def _written(places: list[tuple[str, int]]) -> str:
    return f"{places[-1][0]}:{places[-1][1]}" if places else ""


def _attribute(suspended: Any, name: str) -> Any:
    """What a generator calls `gi_…`, an asynchronous one `ag_…` and a coroutine `cr_…`."""
    return next((found for kind in ("gi", "ag", "cr") if (found := getattr(suspended, f"{kind}_{name}", None))), None)


def _users_file(kind: type) -> str:
    """The file that a class is defined in, wherever it is installed; "" if it is one of ours, or not in a file."""
    try:
        file = inspect.getsourcefile(kind) or ""
    except (OSError, TypeError):  # typed at a prompt
        return ""
    return "" if file.startswith(_OURS) else file


@lru_cache(maxsize=256)
def _class_line(kind: type) -> str:
    file = _users_file(kind)
    try:
        return f"{file}:{inspect.findsource(kind)[1] + 1}" if file else ""
    except OSError:
        return file
