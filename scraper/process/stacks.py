"""Whose line it is: of all that an exception or a thread went through, the line that its user wrote."""

import asyncio
import sys
import sysconfig
from pathlib import Path
from traceback import walk_tb

_LIBRARIES = (str(Path(__file__).parent.parent), sysconfig.get_path("stdlib"), sys.base_prefix, "<")


def is_library(file: str) -> bool:
    """Whether a source file is part of this framework, of Python, or of an installed package."""
    return "site-packages" in file or file.startswith(_LIBRARIES)


def line_of(error: BaseException) -> str:
    """`file:line` where `error` was raised: the innermost line of the user's, or else the innermost; "" if unknown."""
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    users = [place for place in places if not is_library(place[0])]
    if not places:
        return ""
    file, line = (users or places)[-1]
    return f"{file}:{line}"


def is_cancelled(error: BaseException) -> bool:
    """Whether `error` is the cancellation of the task at hand, rather than something that its user's code let out."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
