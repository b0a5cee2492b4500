"""Workers of one job as processes, each started by the same command as often as need be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet import processes

BENCHMARKS = Path(__file__).resolve().parent.parent
CONFIG = '[spiders]\nsource = "fleet.spider"\n'
OUTPUT = "items.jsonl"


@dataclass
class Exit:
    """How a process of a worker ended: its status, whether somebody sent it a signal, its last line, and its errors."""

    machine: str
    status: int
    sent: str  # the name of the signal, or ""
    said: str
    errors: list[str]
    summary: dict[str, Any] | None
    cpu: float  # seconds

    @property
    def is_expected(self) -> bool:
        """Did it end as it should: well, or by what it was sent?"""
        return self.status == 0 or (self.sent == "KILL" and self.status < 0) or (self.sent == "TERM")


@dataclass
class Worker:
    """One machine's worker; it is started again by the same command."""

    name: str
    folder: Path
    logs: Path
    command: Sequence[str]
    signed: bool
    exits: list[Exit] = field(default_factory=list)
    starts: int = 0
    started: float = 0.0  # on the monotonic clock
    is_stopped: bool = False
    _process: subprocess.Popen[bytes] | None = None
    _sent: str = ""

    @property
    def runs(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start the command, with its output in files of its own."""
        self.starts += 1
        self.started = time.monotonic()
        self._sent = ""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.toml").write_text(CONFIG, encoding="utf-8")
        paths = os.pathsep.join(
            filter(None, (str(BENCHMARKS), str(BENCHMARKS.parent), os.environ.get("PYTHONPATH", "")))
        )
        env = {**os.environ, "PYTHONPATH": paths, "MACHINE": self.name if self.signed else ""}
        env["PYTHONFAULTHANDLER"] = "1"
        with self._log("out").open("wb") as out, self._log("err").open("wb") as err:
            self._process = processes.begin(self.command, folder=self.folder, env=env, stdout=out, stderr=err)

    def send(self, name: str) -> None:
        """Send SIGKILL, SIGSTOP, SIGCONT or SIGABRT to all processes of the worker, or SIGTERM to its first."""
        assert self._process is not None
        if name in ("KILL", "TERM"):
            self._sent = name
        self.is_stopped = name == "STOP" or (self.is_stopped and name not in ("CONT", "KILL"))
        if name == "TERM":  # as a service manager does it: the others hear of it from the first
            self._process.send_signal(signal.SIGTERM)
        else:
            processes.send(self._process, signal.Signals[f"SIG{name}"])

    def look(self) -> Exit | None:
        """How the process ended, if it has just been found out that it did."""
        if self._process is None:
            return None
        number, status, usage = os.wait4(self._process.pid, os.WNOHANG)
        if not number:
            return None
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._kill_group()
        said = self._log("err").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        ended = Exit(
            self.name,
            self._process.returncode,
            self._sent,
            said[-1] if said else "",
            [line for line in said if " ERROR " in line or line.startswith("Traceback")],
            _summary(self._log("out")),
            usage.ru_utime + usage.ru_stime,
        )
        self.exits.append(ended)
        self._process = None
        self.is_stopped = False
        return ended

    def end(self) -> None:
        """Kill what is left of the worker."""
        if self._process is not None:
            processes.end(self._process)
            self._process = None

    def _kill_group(self) -> None:
        """Kill what the process has left behind: a machine that is lost is lost as a whole."""
        assert self._process is not None
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _log(self, kind: str) -> Path:
        return self.logs / f"{self.name}.{self.starts}.{kind}"


def _summary(path: Path) -> dict[str, Any] | None:
    for line in reversed(path.read_text(encoding="utf-8", errors="replace").splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                return None
            return found if isinstance(found, dict) else None
    return None


def command(arguments: Sequence[str], settings: Sequence[str], within: Sequence[str] = ()) -> list[str]:
    """The command that every worker of a job is started by."""
    given = [word for each in arguments for word in ("-a", each)]
    chosen = [word for each in settings for word in ("-s", each)]
    crawl = ["-m", "scraper", "crawl", "machines", "-o", OUTPUT, "--json"]
    return [*within, sys.executable, *crawl, *given, *chosen]
