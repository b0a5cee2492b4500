"""The command `scraper fetch`: what a server answers."""

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from werkzeug import Request, Response

from tests.cli.conftest import Shop


def test_the_body_is_printed_as_it_is(shop: Shop) -> None:
    """Bytes go to standard output unchanged, and nothing else does."""
    result = shop.invoke("fetch", shop.url + "logo")
    assert result.exit_code == 0
    assert result.stdout_bytes == b"\x89PNG\r\n\x1a\n\0\0"
    assert result.stderr == ""


def test_redirects_are_followed_unless_they_are_what_is_asked_for(shop: Shop) -> None:
    """--no-redirect shows the answer that redirects."""
    assert "<h1>Book 1</h1>" in shop.invoke("fetch", shop.url + "moved").stdout
    result = shop.invoke("fetch", shop.url + "moved", "--no-redirect", "--headers")
    assert result.exit_code == 0
    assert "< 302\n" in result.stdout
    assert "< Location: /book/1\n" in result.stdout


def test_an_error_status_is_told_and_its_page_is_printed(shop: Shop) -> None:
    """What the server had to say goes to standard output, one line to standard error, and the exit status is 1."""
    result = shop.invoke("fetch", shop.url + "gone")
    assert result.exit_code == 1
    assert result.stdout == "it was here"
    assert result.stderr == f"scraper: error: http_410: {shop.url}gone\n"


def test_headers_are_printed_without_their_secrets(shop: Shop) -> None:
    """--headers prints what was sent and what came back; cookies, passwords and secret headers are not shown."""

    def answer(request: Request) -> Response:
        assert request.headers["X-Token"] == "t0ken"
        assert request.headers["Authorization"].startswith("Basic ")
        return Response("", headers={"Set-Cookie": "sid=c00kie", "X-Answer": "yes"})

    shop.server.expect_request("/login").respond_with_handler(answer)
    secret = ["-s", 'network.headers={"X-Token" = "t0ken"}', "-s", 'network.secret_headers=["X-Token"]']
    url = shop.url.replace("://", "://me:w0rd@") + "login"
    result = shop.invoke("fetch", url, "--headers", *secret)
    assert result.exit_code == 0
    assert f"> GET {shop.url}login\n" in result.stdout
    assert "> User-Agent: scraper/" in result.stdout
    assert "> X-Token: ***\n" in result.stdout
    assert "< 200\n" in result.stdout
    assert "< Set-Cookie: ***\n" in result.stdout
    assert "< X-Answer: yes\n" in result.stdout
    assert not [each for each in ("t0ken", "w0rd", "c00kie") if each in result.output]


def test_a_spiders_settings_and_limits_hold(shop: Shop) -> None:
    """--spider asks as that spider would: with its headers, and where it may go."""
    result = shop.invoke("fetch", shop.url, "--headers", "--spider", "shop.py")
    assert "> X-Shop: yes\n" in result.stdout
    result = shop.invoke("fetch", "http://elsewhere.example/", "--spider", "shop.py")
    assert result.exit_code == 1
    assert result.stderr == "scraper: error: offsite: http://elsewhere.example/ (refused)\n"


def test_robots_txt_is_obeyed(shop: Shop) -> None:
    """What robots.txt forbids is not asked for, unless settings say so."""
    result = shop.invoke("fetch", shop.url + "secret")
    assert result.exit_code == 1
    assert result.stderr == f"scraper: error: robots: {shop.url}secret (refused)\n"
    shop.server.expect_request("/secret").respond_with_data("told")
    assert shop.invoke("fetch", shop.url + "secret", "-s", "limits.robots=false").stdout == "told"


def test_an_unreachable_host_is_one_line(shop: Shop, nobody: str) -> None:
    """The line says what happened, also if robots.txt was what could not be had."""
    result = shop.invoke("fetch", nobody, "-s", "network.retries=0")
    assert result.exit_code == 1
    assert result.stderr == f"scraper: error: robots_unreachable: {nobody} (its robots.txt: refused)\n"
    result = shop.invoke("fetch", nobody, "-s", "network.retries=0", "-s", "limits.robots=false")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"scraper: error: refused: {nobody}")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("example.com", "'example.com': not a URL, as it begins with neither http:// nor https://; did you mean "),
        (
            "shop.py",
            "'shop.py': not a URL, as it begins with neither http:// nor https://; write ./shop.py for the file",
        ),
        ("ftp://example.com/", "'ftp://example.com/': neither http:// nor https://"),
        ("http://[::1", "'http://[::1': not a URL"),
        ("./none.html", "none.html: no such file"),
        ("/", "/: a folder, and no file"),
    ],
)
def test_what_is_no_address_is_one_line(shop: Shop, url: str, told: str) -> None:
    """Nothing is asked for, the culprit is named, and the exit status is 2."""
    for command in ("fetch", "view", "parse", "shell"):
        result = shop.invoke(command, url)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"scraper: error: {told}")
        assert len(result.stderr.splitlines()) == 1
    assert not shop.server.log


def test_an_unknown_spider_is_answered_with_the_nearest(shop: Shop) -> None:
    """So are several where one is needed, and arguments of none."""
    (shop.folder / "config.toml").write_text('spiders = "."')
    result = shop.invoke("fetch", shop.url, "--spider", "shob")
    assert result.exit_code == 2
    assert result.stderr == "scraper: error: no spider 'shob'; did you mean shop?\n"
    assert "of which spider? Name it with --spider" in shop.invoke("fetch", shop.url, "-a", "shelf=new").stderr
    (shop.folder / "both.py").write_text(
        "from scraper import Spider\nclass A(Spider): name = 'a'\nclass B(A): name = 'b'"
    )
    told = "several spiders match (a, b), and this is for one: name it with --spider"
    assert told in shop.invoke("fetch", shop.url, "--spider", "both.py").stderr


@pytest.mark.parametrize("path", ["", "logo"])
def test_a_binary_body_is_kept_from_a_terminal(shop: Shop, path: str) -> None:
    """Where standard output is a terminal, a page is printed, and bytes that would steer it are an error."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "scraper", "fetch", shop.url + path]
    with os.fdopen(master, "rb", buffering=0) as screen:
        with os.fdopen(slave, "w") as terminal:
            done = subprocess.run(command, stdout=terminal, stderr=subprocess.PIPE, text=True, timeout=50, check=False)
            terminal.write("the end")
        seen = screen.read(10_000)
    if path == "logo":
        assert seen == b"the end"
        assert done.returncode == 1
        assert "not text for a terminal (image/png, 10 bytes): send it to a file, with > FILE" in done.stderr
    else:
        assert "<title>Café</title>" in seen.decode()
        assert done.returncode == 0


def test_a_reader_that_leaves_is_no_traceback(shop: Shop) -> None:
    """`scraper fetch URL | head` ends quietly."""
    shop.server.expect_request("/long").respond_with_data("x" * 1_000_000)
    command = f"{sys.executable} -m scraper fetch {shop.url}long | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout, done.stderr) == ("x" * 10, "")


@pytest.mark.parametrize("command", ["fetch", "parse"])
def test_ctrl_c_ends_it_at_once(shop: Shop, command: str) -> None:
    """Whether a server does not answer or a callback does not return, one line is all; the exit status is 130."""
    is_there, may_end = threading.Event(), threading.Event()

    def answer(request: Request) -> Response:
        is_there.set()
        if command == "fetch":
            may_end.wait(20)
        return Response("")

    shop.server.expect_request("/slow").respond_with_handler(answer)
    text = "from scraper import Spider\nclass Slow(Spider):\n    name = 'slow'\n    def parse(self, response):\n"
    (shop.folder / "slow.py").write_text(f"{text}        print('parsing', flush=True)\n        while True: pass\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "scraper", command, f"{shop.url}slow", "--spider", "slow.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert is_there.wait(20)
        if command == "parse":
            assert process.stdout is not None
            assert process.stdout.readline() == "parsing\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[1] == "scraper: interrupted\n"
        assert process.returncode == 130
    finally:
        may_end.set()
        process.kill()
        process.wait()


def test_a_file_is_fetched_by_its_path(shop: Shop) -> None:
    """So are `file:` URLs; a file needs no server."""
    file = shop.folder / "a page.html"
    file.write_text("<p>Hello")
    for each in (str(file), "./a page.html", Path(file).as_uri()):
        assert shop.invoke("fetch", each).stdout == "<p>Hello"
