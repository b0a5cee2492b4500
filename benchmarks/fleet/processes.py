"""Processes that end with the command that started them, whatever ends it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_DEATH_SIGNAL = 1  # Linux, PR_SET_PDEATHSIG
_C = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _C.prctl(_DEATH_SIGNAL, signal.SIGKILL)


def begin(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` as the leader of a process group, so that a signal reaches all that it starts."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 (there is only one thread here)
    )


def send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the group of `process`, if it is still there."""
    if process.returncode is None:
        os.killpg(process.pid, number)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the group of `process`, and wait until it is gone."""
    send(process, signal.SIGKILL)
    process.wait()


@contextmanager
def run(command: Sequence[str], *, stdout: int | IO[Any] = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends."""
    with begin(command, stdout=stdout) as process:
        try:
            yield process
        finally:
            end(process)


def raise_on_termination() -> None:
    """Have SIGTERM and SIGHUP leave through all blocks, as Ctrl-C does."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell has it ignored
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
