"""How much memory do pages take that have tens of thousands of links each, none of which was seen before?

    python benchmarks/many_links.py                  # twenty pages of 50,000 links, in both idioms
    python benchmarks/many_links.py --pages 5 --json

The pages come from a server on loopback. The crawl ends once they are crawled, with all of their links waiting in the
frontier. `peak` is the largest resident memory of the whole process, of which some 75 MiB are Python and what it loads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import ours
from run import last_report

LINKS = 50_000
SPIDER = """
from scraper import Request, Spider


class Base(Spider):
    url = ""
    pages = "1"

    async def start(self):
        for number in range(int(self.pages)):
            yield Request(f"{self.url}{number}/")

    def item(self, response):
        yield {"url": response.url}


class FollowAll(Base):
    name = "follow_all"

    def parse(self, response):
        yield from response.follow_all(css="a", callback=self.item)


class Follow(Base):
    name = "follow"

    def parse(self, response):
        for href in response.css("a::attr(href)").getall():
            yield response.follow(href, self.item)
"""


class Page(BaseHTTPRequestHandler):
    """Answers with a page of links that no other page has."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        links = "".join(f'<a href="item/{number}/as-long-as-names-usually-are">{number}</a>' for number in range(LINKS))
        body = f"<!doctype html><title>{self.path}</title>{links}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        """Nothing is logged."""


@contextmanager
def served() -> Iterator[str]:
    """The URL of a server of such pages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def crawl(spider: str, url: str, pages: int) -> dict[str, float]:
    """Crawl so many pages: seconds on the clock, on the processors, and MiB at the peak."""
    with tempfile.TemporaryDirectory(prefix="links-") as temporary:
        folder = Path(temporary)
        environment = dict(ours.project(folder))
        environment["PYTHONPATH"] += f"{os.pathsep}{folder}"
        Path(folder, "config.toml").write_text('[spiders]\nsource = "lists"\n', encoding="utf-8")
        Path(folder, "lists.py").write_text(SPIDER, encoding="utf-8")
        arguments = ["-a", f"url={url}", "-a", f"pages={pages}", "-s", "limits.robots=false"]
        arguments += ["-s", f"engine.stop_after.pages={pages}", "-s", f"limits.per_host={pages}", "-o", "items.jsonl"]
        command = [sys.executable, "-m", "scraper", "crawl", spider, "--json", *arguments]
        begun = time.perf_counter()
        with Path(folder, "log").open("wb") as log:
            child = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(Path(folder, "log").read_text(errors="replace")[-4_000:])
        report = last_report(Path(folder, "log").read_text(errors="replace"))
    if report["waiting"] != pages * LINKS:
        raise SystemExit(f"{spider}: {report['waiting']} links wait, and the pages have {pages * LINKS}")
    return {
        "seconds": round(time.perf_counter() - begun, 2),
        "cpu": round(usage.ru_utime + usage.ru_stime, 2),
        "peak": round(usage.ru_maxrss / 1024),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description="Measure the memory of pages with very many links.")
    arguments.add_argument("--pages", type=int, default=20)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with served() as url:
        found = {spider: crawl(spider, url, options.pages) for spider in ("follow_all", "follow")}
    if options.json:
        print(json.dumps(found))
        return
    for spider, cost in found.items():
        print(f"{spider:<12} peak {cost['peak']:>6.0f} MiB   CPU {cost['cpu']:>7.2f} s   {cost['seconds']:>7.2f} s")


if __name__ == "__main__":
    main()
