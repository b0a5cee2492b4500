"""How long does the command take to start: beside the import of the libraries that it stands on, in the same rounds.

    python benchmarks/startup.py                  # three rows, eleven rounds, half a minute
    python benchmarks/startup.py --rounds 31 --json
    python benchmarks/startup.py --only list

Each row is a whole process: `scraper list` in a project of ten spiders, a crawl that is refused for a mistake in its
settings, and a crawl of one page over HTTP. Rounds are interleaved; of each row the best CPU time counts, user and
system, since what a busy machine adds is no part of a start. Bytecode is compiled before, in a folder that is removed
at the end, so that nothing is measured that happens once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

HERE = Path(__file__).resolve().parent
BASE = "libraries"
"""The row that the others are divided by."""
ROUNDS = 11

_PAGE = b"<!doctype html><html><head><meta charset=utf-8><title>One</title></head><body><h1>One</h1></body></html>"
_SPIDER = '''from scraper import Spider


class Number{number}(Spider):
    """Takes the heading of a page."""

    name = "number{number}"
    start_urls = ["{url}"]

    def parse(self, response):
        yield {{"title": response.css("h1::text").get()}}
'''
_MISTAKE = 'spiders = "spiders"\n\n[limits]\ndelai = 1\n'


def commands() -> dict[str, tuple[list[str], int]]:
    """What is run, by name, and the exit status that it ends with."""
    scraper = [sys.executable, "-m", "scraper"]
    return {
        BASE: ([sys.executable, "-c", "import aiohttp, selectolax, pydantic"], 0),
        "list": ([*scraper, "list"], 0),
        "mistake": ([*scraper, "crawl", "number0", "--config", "mistake.toml"], 2),
        "crawl": ([*scraper, "crawl", "number0", "-o", "items.jsonl"], 0),
    }


class _Page(BaseHTTPRequestHandler):
    """Answers with one page, and has no robots.txt."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, body = (200, _PAGE) if self.path == "/" else (404, b"")
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is to be printed among the numbers."""


@contextmanager
def serve() -> Iterator[str]:
    """The address of the page, which is served while the context is open."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def project(folder: Path, url: str) -> Mapping[str, str]:
    """Make `folder` a project with ten spiders; the environment to run its commands in."""
    spiders = folder / "spiders"
    spiders.mkdir()
    for number in range(10):
        (spiders / f"number{number}.py").write_text(_SPIDER.format(number=number, url=url), encoding="utf-8")
    (folder / "config.toml").write_text('spiders = "spiders"\n', encoding="utf-8")
    (folder / "mistake.toml").write_text(_MISTAKE, encoding="utf-8")
    paths = [os.environ.get("PYTHONPATH", ""), str(HERE.parent)]  # the first names another version to measure
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }


def run(name: str, folder: Path, environment: Mapping[str, str]) -> float:
    """The seconds of CPU time that a command takes from its first moment to its last."""
    command, expected = commands()[name]
    (folder / "items.jsonl").unlink(missing_ok=True)
    shutil.rmtree(folder / ".scraper", ignore_errors=True)
    with (folder / "printed").open("wb") as printed:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != expected:
        text = (folder / "printed").read_text(errors="replace")[-4_000:]
        raise SystemExit(f"{name} ended with status {child.returncode} and not {expected}\n{text}")
    return usage.ru_utime + usage.ru_stime


def measure(names: list[str], rounds: int) -> dict[str, float]:
    """The best CPU time of each command, after one run that does not count."""
    with tempfile.TemporaryDirectory(prefix="startup-") as temporary, serve() as url:
        folder = Path(temporary)
        environment = project(folder, url)
        for name in names:
            run(name, folder, environment)
        taken = [{name: run(name, folder, environment) for name in names} for _ in range(rounds)]
    return {name: min(each[name] for each in taken) for name in names}


def main() -> None:
    rows = [name for name in commands() if name != BASE]
    arguments = argparse.ArgumentParser(description="Measure how long the command takes to start.")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--only", choices=rows, action="append", help="a row to measure; repeatable")
    arguments.add_argument("--json", action="store_true", help="print one JSON object")
    options = arguments.parse_args()
    best = measure([BASE, *(options.only or rows)], options.rounds)
    if options.json:
        numbers = {name: {"cpu": cpu, "ratio": cpu / best[BASE]} for name, cpu in best.items()}
        print(json.dumps(numbers, indent=2))
        return
    print(f"{'best of ' + str(options.rounds):<12} {'CPU s':>8} {'÷ ' + BASE:>12}")
    for name, cpu in best.items():
        print(f"{name:<12} {cpu:>8.3f} {cpu / best[BASE]:>12.2f}")


if __name__ == "__main__":
    main()
