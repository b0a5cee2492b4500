"""The command `scraper shell`: a prompt with a page at hand."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Shop

# Code without a prompt.


def test_code_is_evaluated_and_printed(shop: Shop) -> None:
    """-c prints what its code evaluates to, and exits."""
    result = shop.invoke("shell", shop.url, "-c", 'response.css("title::text").get()')
    assert result.exit_code == 0
    assert result.output == "Café\n"


def test_what_is_at_hand(shop: Shop) -> None:
    """The page, its request, the spider and its settings."""
    code = "response.status, request.url, spider.name, spider.shelf, settings.network.headers, scraper.__name__"
    result = shop.invoke("shell", shop.url, "--spider", "shop.py", "-a", "shelf=new", "-c", code)
    assert result.output == f"(200, '{shop.url}', 'shop', 'new', {{'X-Shop': 'yes'}}, 'scraper')\n"


def test_code_may_await(shop: Shop) -> None:
    """`await fetch()` gives the answer, and has it as `response`; the spider's own `fetch()` works as in a callback."""
    code = (
        "r = await fetch('{url}book/1'); print(r is response, request.url, (await spider.fetch('{url}book/2')).status)"
    )
    result = shop.invoke("shell", shop.url, "-c", code.format(url=shop.url))
    assert result.output == f"True {shop.url}book/1 200\n"


def test_code_that_awaits_nothing_need_not_await_fetch(shop: Shop) -> None:
    """`fetch()` takes a URL, a request or a file; redirects are followed unless they are what is asked for."""
    (shop.folder / "page.html").write_text("<p>on disk")
    code = """
fetch("{url}moved"); print(response.url, response.history)
fetch("{url}moved", redirect=False); print(response.status)
fetch(Request("{url}gone")); print(response.status, response.text)
fetch("./page.html"); print(response.text, response.url == "{file}")
class Note: "a class can be made"
"""
    file = (shop.folder / "page.html").as_uri()
    result = shop.invoke("shell", "-c", code.format(url=shop.url, file=file))
    assert result.exit_code == 0
    assert result.output == f"{shop.url}book/1 ('{shop.url}moved',)\n302\n410 it was here\n<p>on disk True\n"


def test_callbacks_can_be_tried(shop: Shop) -> None:
    """What a spider's method gives for the page at hand."""
    code = "[each.url for each in spider.parse_list(response) if isinstance(each, Request)]"
    result = shop.invoke("shell", shop.url, "--spider", "shop.py", "-c", code)
    assert result.output == f"['{shop.url}book/1', '{shop.url}book/2', 'http://elsewhere.example/']\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("1 +", "SyntaxError: invalid syntax"),
        ("view(response)", "view() takes a response, not None: fetch one first"),
        ("fetch('example.com')", "'example.com': not a URL"),
        ("fetch(Request('file:///etc/hostname'))", "scheme_not_allowed: file:///etc/hostname"),
    ],
)
def test_code_that_fails_is_one_line(shop: Shop, code: str, told: str) -> None:
    """The line says what was raised; the exit status is not 0."""
    result = shop.invoke("shell", "-c", code)
    assert result.exit_code != 0
    assert result.stderr.startswith(f"scraper: error: {told}")
    assert len(result.stderr.splitlines()) == 1


def test_a_page_that_cannot_be_had_ends_code_without_a_prompt(shop: Shop, nobody: str) -> None:
    """Nothing is run then."""
    result = shop.invoke("shell", nobody, "-s", "network.retries=0", "-c", "print('never')")
    assert result.exit_code == 1
    assert result.output == f"scraper: error: robots_unreachable: {nobody} (its robots.txt: refused)\n"


@pytest.mark.parametrize(("before", "after"), [("raise OSError('no key')", ""), ("", "raise OSError('no key')")])
def test_a_spider_that_cannot_be_opened_or_closed_is_one_line(shop: Shop, before: str, after: str) -> None:
    """What its `lifespan()` raises is told with its line, and the exit status is 2."""
    text = f"""
from contextlib import asynccontextmanager
from scraper import Spider
class Locked(Spider):
    name = "locked"
    @asynccontextmanager
    async def lifespan(self):
        {before or "pass"}
        yield
        {after or "pass"}
"""
    (shop.folder / "locked.py").write_text(text)
    result = shop.invoke("shell", "--spider", "locked.py", "-c", "print('in')")
    assert result.exit_code == 2
    assert result.stdout == ("" if before else "in\n")
    assert result.stderr.startswith("scraper: error: Locked.lifespan raised OSError: no key (")
    assert len(result.stderr.splitlines()) == 1


def test_without_a_terminal_code_is_read(shop: Shop) -> None:
    """Standard input is run as a program."""
    result = shop.invoke("shell", shop.url, stdin="for each in range(2):\n    print(each, response.status)\n")
    assert result.output == "0 200\n1 200\n"
    assert shop.invoke("shell", shop.url, stdin="\ufeffresponse.status\r\n").output == "200\n"


def test_the_exit_status_may_be_chosen(shop: Shop) -> None:
    """`exit(3)` ends with 3."""
    assert shop.invoke("shell", "-c", "raise SystemExit(3)").exit_code == 3


# At a prompt.


class Terminal:
    """A process at a terminal of its own, and somebody who types."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process = process
        self._master = master
        self._seen = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):
            while piece := os.read(self._master, 4096):
                self._seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", piece.decode("utf-8", "replace"))

    def type(self, text: str, *, until: str) -> str:
        """Type `text`; what is on the screen since then, once `until` is there."""
        before = len(self._seen)
        os.write(self._master, text.encode())
        return self.wait(until, since=before)

    def wait(self, until: str, *, since: int = 0) -> str:
        deadline = time.monotonic() + 30
        while until not in self._seen[since:]:
            assert time.monotonic() < deadline, self._seen
            assert self.process.poll() is None or until in self._seen[since:], self._seen
            time.sleep(0.01)
        return self._seen[since:]

    def leave(self) -> int:
        """Press Ctrl-D; the exit status."""
        os.write(self._master, b"\x04")
        return self.process.wait(30)


@contextmanager
def terminal(shop: Shop, *arguments: str, **environ: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "scraper", "shell", *arguments],
        cwd=shop.folder,
        env={**os.environ, "XDG_STATE_HOME": str(shop.folder), "TERM": "xterm", "COLUMNS": "200", **environ},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    opened = Terminal(process, master)
    try:
        yield opened
    finally:
        process.kill()
        process.wait()
        opened._reader.join(10)
        os.close(master)


@pytest.fixture
def plain(shop: Shop) -> str:
    """A path for modules in which IPython is not installed."""
    folder = shop.folder / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['IPython'] = None\n")
    return os.pathsep.join([str(folder), str(Path(__file__).parent.parent.parent)])


def test_a_session_at_pythons_own_prompt(shop: Shop, plain: str) -> None:
    """It tells what is at hand, awaits, completes names, survives errors and Ctrl-C, and keeps what was typed."""
    with terminal(shop, shop.url, "--spider", "shop.py", PYTHONPATH=plain) as screen:
        assert "fetch(url)" in screen.wait(">>> ")
        assert "'Café'" in screen.type("response.css('title::text').get()\n", until="'Café'\r\n>>> ")
        assert "<200" in screen.type(f"await fetch('{shop.url}book/1')\n", until="book/1>\r\n>>> ")
        screen.type("response.sta\t\n", until="200\r\n>>> ")
        failed = screen.type(f"fetch('{shop.url}secret')\n", until="(refused)\r\n>>> ")
        assert "Traceback" not in failed
        assert f"\r\nrobots: {shop.url}secret (refused)\r\n" in failed
        broken = screen.type("1/0\n", until="ZeroDivisionError: division by zero\r\n>>> ")
        assert "prompt.py" not in broken
        screen.type("print(6 * 7); await asyncio.sleep(60)\n", until="42\r\n")
        screen.process.send_signal(signal.SIGINT)
        screen.wait("interrupted\r\n>>> ")
        screen.type("shelp()\n", until="await works at the prompt\r\n>>> ")
        assert screen.leave() == 0
    with terminal(shop, PYTHONPATH=plain) as screen:
        screen.wait(">>> ")
        screen.type("\x1b[A", until="shelp()")


def test_a_prompt_is_there_even_if_its_page_is_not(shop: Shop, plain: str, nobody: str) -> None:
    """One line tells what is wrong, and there is no response."""
    with terminal(shop, nobody, "-s", "network.retries=0", PYTHONPATH=plain) as screen:
        assert f"scraper: error: robots_unreachable: {nobody}" in screen.wait(">>> ")
        screen.type("print(response)\n", until="None\r\n>>> ")
        assert screen.leave() == 0


def test_a_session_in_ipython(shop: Shop) -> None:
    """Where IPython is installed, its prompt is used: awaiting and errors are as at the plain one."""
    pytest.importorskip("IPython")
    environ = {"IPYTHONDIR": str(shop.folder / "ipython"), "IPY_TEST_SIMPLE_PROMPT": "1"}
    with terminal(shop, shop.url, **environ) as screen:
        assert "fetch(url)" in screen.wait("In [1]: ")
        screen.type("response.css('title::text').get()\n", until="Out[1]: 'Café'")
        screen.type(f"(await fetch('{shop.url}book/1')).status + 1\n", until="Out[2]: 201")
        failed = screen.type(f"fetch('{shop.url}secret')\n", until="(refused)")
        assert "Traceback" not in failed
        assert "book/1'" in screen.type("response.url\n", until="In [5]: ")
        screen.type("exit\n", until="exit")
        assert screen.process.wait(30) == 0
