"""The jars of all sessions, which share a bounded room.

A crawl may name any number of sessions, one for each request even. The jars of those that were not used for longest are
given up first; who uses such a session again starts without cookies. The jar of requests that name no session stays.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from scraper.http.public_suffixes import is_public_suffix
from scraper.network.cookies.jar import Jar

MOST_SESSIONS = 10_000  # named sessions that have a jar
MOST_BYTES = 64 * 1024 * 1024  # of memory that their jars take

logger = logging.getLogger("scraper")


class Jars:
    """A jar for each session that has met a cookie. What they hold outlives the process: see `protocols.Remembers`."""

    def __init__(self) -> None:
        self._unnamed = Jar(is_public_suffix=is_public_suffix)
        self._named: OrderedDict[str, Jar] = OrderedDict()  # those used last come last
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._filled: set[str] = set()  # since the changes were asked for
        self._gone: dict[str, Any] = {}
        self._has_told = False

    def find(self, session: str) -> Jar | None:
        """The jar of `session`, which uses it now; None if there is none, or nothing in it."""
        if not session:
            return self._unnamed if len(self._unnamed) else None
        jar = self._named.get(session)
        if jar is not None:
            self._named.move_to_end(session)
        return jar

    def open(self, session: str) -> Jar:
        """The same, and a new one if there is none. Whoever fills it calls `filled` afterwards."""
        if not session:
            return self._unnamed
        jar = self.find(session)
        if jar is None:
            jar = self._named[session] = Jar(is_public_suffix=is_public_suffix)
        return jar

    def filled(self, session: str) -> None:
        """Something was put into the jar of `session`: others may have to make room."""
        self._filled.add(session)
        if not session:
            return
        size = self._named[session].size
        self._size += size - self._sizes.get(session, 0)
        self._sizes[session] = size
        while len(self._named) > MOST_SESSIONS or (self._size > MOST_BYTES and len(self._named) > 1):
            self._give_up(next(iter(self._named)))

    def _give_up(self, session: str) -> None:
        jar = self._named.pop(session)
        self._size -= self._sizes.pop(session)
        self._filled.discard(session)
        jar.clear()
        self._gone.update(jar.changes(session))
        if not self._has_told:
            self._has_told = True
            logger.warning(
                "cookies are kept of the %s sessions used last, and %d MiB of them: others start again without",
                f"{MOST_SESSIONS:,}",
                MOST_BYTES >> 20,
            )

    # What outlives the crawl.

    def changes(self) -> dict[str, Any]:
        """The cookies that were set since this was last asked, and None for those that are gone."""
        changed, self._gone = self._gone, {}
        for session in self._filled:
            changed.update((self._named[session] if session else self._unnamed).changes(session))
        self._filled.clear()
        return changed

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Take back what `changes()` gave, in an earlier run."""
        filled, sessions = set(self._filled), dict[str, list[Any]]()
        for cookie in kept.values():
            sessions.setdefault(cookie[0], []).append(cookie)
        for session, cookies in sessions.items():
            self.open(session).recall(cookies)
            self.filled(session)
        self._filled &= filled

    def __len__(self) -> int:
        return len(self._named) + bool(len(self._unnamed))
