"""Records and replays a spider as the command does."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scraper import Crawl, Result, Spider
from scraper.crawling.recordings.folder import Recording, open_recording
from scraper.crawling.recordings.record import limited, recorder, settle
from scraper.crawling.recordings.replay import replay
from scraper.recording.accepted import Header
from scraper.recording.replay import Replay
from scraper.settings.load import laid_over
from scraper.settings.schema import Settings
from scraper.settings.tables import from_tables
from scraper.sinks.memory import Collect

QUICK: dict[str, Any] = {"network": {"backoff": 0.02}, "limits": {"adapt": False}}


@dataclass(frozen=True)
class Recorded:
    """A spider's crawl that was recorded, and the recording."""

    spider: type[Spider]
    settings: Settings
    arguments: dict[str, Any]
    live: Result
    recording: Recording

    async def replay(self, spider: type[Spider] | None = None) -> tuple[Result, Replay]:
        """Replay it, with another version of its spider if one is given; no socket can be opened."""
        recording = self.recording
        with without_sockets():
            tap = recording.tap()
            return await replay(spider or self.spider, self.settings, tap, self.arguments), tap


async def record(
    spider: type[Spider],
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    *,
    pages: int = 1000,
    secrets: bool = False,
    ignored: tuple[str, ...] = (),
    **arguments: Any,
) -> Recorded:
    """Record a crawl of `spider` in `folder`."""
    whole = from_tables(laid_over(QUICK, settings or {}))
    told = limited(whole, pages)
    tap = recorder(folder, spider.name, told, secrets=secrets)
    live = await Crawl(spider, told, arguments=arguments, sinks=[Collect()], observers=[tap], tap=tap).run()
    tap.check()
    with without_sockets():
        await settle(folder, spider, whole, arguments, Header(spider.name, ignored=list(ignored)), tap.ended)
    return Recorded(spider, whole, arguments, live, open_recording(folder, spider.name))


@contextmanager
def without_sockets() -> Iterator[None]:
    """Whoever opens a socket fails."""

    class Forbidden(socket.socket):
        def __init__(self, *_: Any, **__: Any) -> None:
            raise AssertionError("a socket was opened")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", Forbidden)
        yield
