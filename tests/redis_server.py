"""A real Redis of a test, on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pytest

PATIENCE = 20.0  # seconds for a server to start or to end
TRIES = 5  # since another process may take the port that was free

Fsync = Literal["", "no", "everysec", "always"]


def needs_redis() -> None:
    """Skip a test, or all of a module, where there is no Redis."""
    if shutil.which("redis-server") is None:
        pytest.skip("needs a Redis server: apt-get install redis-server", allow_module_level=True)
    pytest.importorskip("redis", reason="needs the extra: pip install 'scraper[redis]'")


@contextmanager
def starting(folder: Path) -> Iterator[Callable[..., "RedisServer"]]:
    """Starts servers in `folder`, which are killed at the end."""
    needs_redis()
    servers: list[RedisServer] = []

    def start(*options: str, **chosen: Any) -> RedisServer:
        servers.append(RedisServer(folder / f"redis-{len(servers)}", *options, **chosen))
        servers[-1].start()
        return servers[-1]

    try:
        yield start
    finally:
        for server in servers:
            server.kill()


class RedisServer:
    """Runs redis-server in `folder`, on a free port that stays the same when it is started again.

    With `fsync` it keeps an append-only file, as `appendfsync` says, and has its data again after a restart; without,
    it keeps nothing. `options` are as on its command line. It is stopped at the end of a `with`.
    """

    def __init__(self, folder: Path, *options: str, fsync: Fsync = "", port: int = 0) -> None:
        self.folder = folder
        self.port = port
        self._options = options
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Run it, until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        is_free_to_choose = self.port == 0
        for _ in range(TRIES):
            self.port = self.port or _free_port()
            self._process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if self._wait_for_answer():
                return
            self.kill()
            if is_free_to_choose:
                self.port = 0
        raise RuntimeError(f"redis-server does not start:\n{self.log}")

    def kill(self) -> None:
        """End it at once, as a machine that fails."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Let it answer nothing, until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def cut_aof(self, size: int) -> None:
        """Cut `size` bytes off the end of the append-only file of a server that was killed."""
        logs = [*self.folder.glob("appendonlydir/*.incr.aof"), *self.folder.glob("appendonly.aof")]
        newest = max(logs, key=lambda each: (each.stat().st_mtime_ns, each.name))
        os.truncate(newest, max(0, newest.stat().st_size - size))

    @property
    def log(self) -> str:
        path = self.folder / "redis.log"
        return path.read_text() if path.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _command(self) -> list[str]:
        kept = ["--appendonly", "yes", "--appendfsync", self._fsync] if self._fsync else ["--appendonly", "no"]
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--logfile", "redis.log"]
        return ["redis-server", "--save", "", *where, *kept, *self._options]

    def _wait_for_answer(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            if _is_answering(self.port):
                return True
            time.sleep(0.01)
        return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)
            process.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _is_answering(port: int) -> bool:
    """Whether there is a server that has loaded its data; a refusal is an answer, too."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            answer = connection.recv(100)
    except OSError:
        return False
    return answer != b"" and not answer.startswith(b"-LOADING")
