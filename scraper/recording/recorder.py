"""Records a crawl: every exchange with the network, robots.txt, redirects and retries among them, as it ended."""

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from scraper.engine.stages import Tap
from scraper.errors import FetchError, StorageError
from scraper.events import Event, Failed, Fetched, Refused
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Fetch
from scraper.recording.request_labels import label
from scraper.recording.warc import Writer, require
from scraper.views.formatting import told


class Recorder(Tap):
    """What a crawl is handed (as its `tap`) to be recorded in the file at `path`, which is written anew.

    The file holds no `secrets` unless they are wanted; `secret_headers` are names of headers that are secret besides.
    One thread writes, in the order in which answers came. Handed to the crawl as an observer too, it notes in `ended`
    the labels of requests that came to their end, with the network or without. Opening raises `StorageError` if the
    file cannot be written, and `SettingsError` without the library for it.
    """

    wants = (Failed, Fetched, Refused)

    def __init__(
        self, path: Path, *, about: Mapping[str, str], secrets: bool = False, secret_headers: Iterable[str] = ()
    ) -> None:
        self._path = path
        self._about = about
        self._secrets = secrets
        self._secret_headers = frozenset(name.lower() for name in secret_headers)
        self._file: BinaryIO | None = None
        self._writer: Writer | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="record")
        self._error: Exception | None = None
        self.ended: set[str] = set()

    async def __aenter__(self) -> Self:
        await self._in_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._in_thread(self._close)
        finally:
            self._pool.shutdown(wait=False)

    async def wire(self, request: Request, fetch: Fetch) -> Response:
        """What `fetch` makes of `request`, once it is written."""
        try:
            response = await fetch(request)
        except FetchError as error:
            await self._in_thread(partial(self._write, request, error))
            raise
        await self._in_thread(partial(self._write, request, response))
        return response

    def __call__(self, event: Event) -> None:
        """Note that a request came to its end."""
        match event:
            case Fetched(response, _):
                self.ended.add(label(response.request))
            case Failed(request, _) | Refused(request, _):
                self.ended.add(label(request))

    def check(self) -> None:
        """Raises `StorageError` if not all was written."""
        if self._error is not None:
            raise StorageError(f"{self._path} cannot be written: {told(self._error)}")

    async def _in_thread(self, work: "partial[None] | object") -> None:
        assert callable(work)
        await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _open(self) -> None:
        require()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written: {error.strerror}") from None
        self._writer = Writer(self._file, about=self._about, secrets=self._secrets, secret_headers=self._secret_headers)

    def _write(self, request: Request, outcome: Response | FetchError) -> None:
        assert self._writer is not None
        try:
            if self._error is None:
                self._writer.write(request, outcome)
        except Exception as error:  # told by `check`: the crawl itself is none the worse for it
            self._error = error

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __repr__(self) -> str:
        return f"<Recorder {self._path}: {self._writer.number if self._writer is not None else 0} exchanges>"
