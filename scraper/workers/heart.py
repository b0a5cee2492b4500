"""A worker process that is held up for longer than a callback may take, as by an endless regular expression, ends.

It ends itself, since nothing else could end that.
"""

import asyncio
import faulthandler
import os
from pathlib import Path

from scraper.parsing.deadline import LAST

BEAT = 1.0  # seconds between two signs that the loop is alive


class Heart:
    """Beats once a second; where it does not for the time that a callback has, and a little more, the process ends."""

    def __init__(self, timeout: float) -> None:
        self._seconds = timeout + LAST
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if self._seconds > LAST:
            self._nowhere = Path(os.devnull).open("w")
            self._beat()

    def _beat(self) -> None:
        faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._nowhere)
        self._timer = asyncio.get_running_loop().call_later(BEAT, self._beat)

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            faulthandler.cancel_dump_traceback_later()
            self._nowhere.close()
