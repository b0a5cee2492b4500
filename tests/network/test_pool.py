"""Connections: how many are kept, and when one is given up."""

import asyncio
import socket
import subprocess
import sys
from contextlib import nullcontext
from random import Random
from typing import Any

import pytest

from scraper import FetchError, Request
from scraper.errors import Reason
from scraper.network import open_network
from scraper.network.connection import pool as pools
from scraper.network.connection.pool import Pool, room
from scraper.network.connection.resolver import Resolver
from scraper.network.connection.session import check_version
from scraper.settings.schema import NetworkSettings
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, answer, open_sockets, raw, repeating


async def test_what_comes_after_an_answer_is_nobodys_answer(network: Open) -> None:
    """A second answer that nobody asked for is thrown away, whether it comes with the first or later."""
    stolen = answer(b"stolen")

    async def together(talk: Talk) -> None:
        path = (await talk.hear()).split()[1]
        await talk.say(answer(path) + stolen)
        await talk.wait_closed()

    async def later(talk: Talk) -> None:
        while True:
            path = (await talk.hear()).split()[1]
            await talk.say(answer(path))
            await asyncio.sleep(0.02)
            await talk.say(stolen)

    for script in (together, later):
        async with raw(script) as server:
            net = await network()
            for number in range(3):
                assert (await net.fetch(Request(f"{server.url}{number}"))).body == b"/%d" % number
                await asyncio.sleep(0.05)
            assert server.connections == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (answer(b"hello") + b"extra", (200, b"hello")),
        (answer(b"hello", headers="Connection: close\r\n") + b"\r\n\r\nextra", (200, b"hello")),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", (204, b"")),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", (304, b"")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nhello", (200, b"")),
    ],
)
@pytest.mark.parametrize("cut", [None, 7, -3])
async def test_bytes_after_an_answer(network: Open, text: bytes, expected: tuple[int, bytes], cut: int | None) -> None:
    """Bytes after an answer are ignored, in however many pieces it comes, and its connection is not used again."""

    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(text[:cut] if cut is not None else text)
        await asyncio.sleep(0.02)
        await talk.say(text[cut:] if cut is not None else b"")
        await talk.wait_closed()

    async with raw(script) as server:
        net = await network()
        for _ in range(2):
            response = await net.fetch(Request(server.url))
            assert (response.status, response.body) == expected
            await asyncio.sleep(0.05)
        assert server.connections == 2


@pytest.mark.parametrize("text", [b"3\r\nabc\r\nzz\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"-3\r\nabc\r\n"])
async def test_chunks_that_are_none(network: Open, text: bytes) -> None:
    """Chunks that are wrong in the middle of a body make a bad response, not a short one."""

    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        await asyncio.sleep(0.02)
        await talk.say(text)

    async with raw(script) as server:
        with pytest.raises(FetchError) as caught:
            await (await network()).fetch(Request(server.url))
    assert caught.value.reason == Reason.BAD_RESPONSE


async def test_unused_connections_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the connections that nobody uses, those that were used last are kept, and no more than so many."""
    monkeypatch.setattr("scraper.network.room", lambda: (100, 3))
    before = open_sockets()
    async with open_network(NetworkSettings(), rng=Random(0)) as net:
        for number in range(2, 22):
            async with raw(repeating(OK)) as server:
                # Many addresses of one machine are many hosts.
                await net.fetch(Request(server.url))
                if number == 21:
                    assert open_sockets() - before <= 2 * 3 + 2
    await asyncio.sleep(0)


async def test_so_many_requests_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more requests are on the wire than there are file descriptors for; the others wait."""
    monkeypatch.setattr("scraper.network.room", lambda: (5, 1))
    most = now = 0

    async def script(talk: Talk) -> None:
        nonlocal most, now
        while True:
            await talk.hear()
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.005)
            now -= 1
            await talk.say(OK)

    async with raw(script) as server, open_network(NetworkSettings(), rng=Random(0)) as net:
        answers = await asyncio.gather(*(net.fetch(Request(f"{server.url}{each}")) for each in range(50)))
    assert [each.body for each in answers] == [b"ok"] * 50
    assert most == 5


def test_how_much_room_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections in use and kept leave some descriptors to others, however few there are."""
    resource = pytest.importorskip("resource")
    for files in (20, 64, 256, 1024, 1 << 20, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        used, kept = room()
        assert used >= 5
        assert 1 <= kept <= pools.MOST_IDLE
        if files >= 64:
            assert used + kept <= files - pools.OTHER_FILES or files == resource.RLIM_INFINITY


SHORT_OF_FILES = """
import asyncio, resource
from random import Random
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from scraper import Request
from scraper.network import open_network
from scraper.settings.schema import NetworkSettings

async def main(url):
    async with open_network(NetworkSettings(), rng=Random(0)) as net:
        done = await asyncio.gather(*(net.fetch(Request(f"{url}{n}")) for n in range(200)))
        open("/dev/null").close()
        print(sum(each.body == b"ok" for each in done))

asyncio.run(main(%r))
"""


async def test_few_file_descriptors() -> None:
    """With 64 file descriptors, 200 requests at once are all answered."""

    async def script(talk: Talk) -> None:
        while True:
            await talk.hear()
            await asyncio.sleep(0.01)
            await talk.say(OK)

    async with raw(script) as server:
        done: subprocess.CompletedProcess[str] = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", SHORT_OF_FILES % server.url],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (done.stdout, done.stderr) == ("200\n", "")


async def test_cancelled_requests_leave_nothing_behind(network: Open) -> None:
    """Beside a thousand requests that are cancelled, wherever they were, a thousand get their own bodies each."""
    lot = Random(0)
    reached: dict[str, tuple[int, asyncio.Event]] = {}

    async def script(talk: Talk) -> None:
        while True:
            path = (await talk.hear()).split(b" ")[1].decode()
            head, body = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4000 * len(path)), path.encode() * 4000
            last, is_reached = reached.get(path, (-1, asyncio.Event()))
            for number, part in enumerate((b"", head[:20], head[20:], body[:9], body[9:-1], body[-1:])):
                if number == last:
                    is_reached.set()
                    await talk.wait_closed()
                await talk.say(part)

    async with raw(script) as server:
        net = await network()

        async def is_whole(number: int) -> bool:
            response = await net.fetch(Request(f"{server.url}{number}"))
            return response.body == f"/{number}".encode() * 4000

        async def is_cancelled(number: int) -> bool:
            last = lot.randrange(-1, 6)
            reached[f"/{number}"] = last, asyncio.Event()
            task = asyncio.ensure_future(is_whole(number))
            if last >= 0:
                await reached[f"/{number}"][1].wait()
            for _ in range(lot.randrange(8)):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            return task.cancelled()

        for start in range(0, 1000, 10):
            some = range(start, start + 10)
            assert all(await asyncio.gather(*map(is_cancelled, some), *(is_whole(1000 + number) for number in some)))


async def test_remembered_addresses_are_bounded() -> None:
    """Of however many hosts, the addresses of those used last are remembered."""
    asked = 0

    def lookup(host: str, port: int, **_: Any) -> Any:
        nonlocal asked
        asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async with Pool(most_idle=1, resolver=Resolver(None, lookup=lookup)) as pool:
        for number in range(5000):
            await pool._resolve_host(f"{number}.example", 80)
        await pool._resolve_host("4999.example", 80)
        assert asked == 5000
        await pool._resolve_host("0.example", 80)
        assert asked == 5001


@pytest.mark.parametrize(
    ("version", "is_safe"), [("3.14.2", False), ("3.9.5", False), ("3.14.3", True), ("4.0.0a1", True)]
)
def test_an_old_aiohttp_is_refused(version: str, is_safe: bool) -> None:
    """What has known holes is not crawled with, however it came to be installed."""
    with nullcontext() if is_safe else pytest.raises(ImportError, match=f"aiohttp {version} has known holes"):
        check_version(version)
