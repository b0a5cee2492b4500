"""One request on the wire, one response back."""

import asyncio
import gzip
import time
import zlib
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from scraper import FetchError, Request
from scraper.errors import Reason
from scraper.network.body.content_coding import Limits, decoded
from scraper.network.fetcher import IN_ONE
from scraper.network.response_reader import SMALL
from tests.network.conftest import Open, longest_turn
from tests.network.raw import OK, Talk, answer, raw, repeating


@pytest.fixture
def site(httpserver: HTTPServer) -> Iterator[HTTPServer]:
    yield httpserver
    httpserver.clear()


# What is answered.


async def test_a_response_holds_what_was_answered(network: Open, site: HTTPServer) -> None:
    """A response has status, headers, body, address and request of what was asked."""
    site.expect_request("/page").respond_with_data(b"<p>hello", 203, {"X-A": "b"}, content_type="text/html")
    request = Request(site.url_for("/page"), meta={"a": 1})
    response = await (await network()).fetch(request)
    assert (response.status, response.body, response.url) == (203, b"<p>hello", request.url)
    assert response.headers["x-a"] == "b"
    assert response.request is request


async def test_an_error_status_is_an_answer(network: Open) -> None:
    """Answers of every status, known or not, are returned: policies decide about them."""
    net = await network()
    for status in (404, 500, 999):
        async with raw(answer(b"sorry", status=status)) as server:
            response = await net.fetch(Request(server.url))
            assert (response.status, response.body) == (status, b"sorry")


async def test_redirects_are_not_followed(network: Open) -> None:
    """A redirect is returned; its body, which nobody reads, is left out."""
    async with raw(answer(b"moved", status=302, headers="Location: /b\r\n")) as server:
        response = await (await network()).fetch(Request(server.url))
        assert (response.status, response.headers["Location"], response.body) == (302, "/b", b"")
        assert len(server.heard) == 1


async def test_a_redirect_that_is_wanted_has_its_body(network: Open) -> None:
    """With `dont_redirect`, a redirect is an answer like any other."""
    async with raw(
        answer(gzip.compress(b"moved"), status=302, headers="Location: /b\r\nContent-Encoding: gzip\r\n")
    ) as server:
        response = await (await network()).fetch(Request(server.url, meta={"dont_redirect": True}))
        assert response.body == b"moved"


async def test_the_body_of_a_redirect_does_no_harm(network: Open) -> None:
    """A redirect is one whether its body is endless, too large, cut short or a bomb."""
    net = await network(max_body=1000)
    bomb = gzip.compress(bytes(10_000_000))

    async def endless(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 301 Moved\r\nLocation: /b\r\n\r\n")
        while True:
            await talk.say(bytes(10_000))

    for script in (
        endless,
        b"HTTP/1.1 301 Moved\r\nLocation: /b\r\nContent-Length: 1000000\r\n\r\nshort",
        answer(bomb, status=301, headers="Location: /b\r\nContent-Encoding: gzip\r\n"),
    ):
        async with raw(script) as server:
            assert (await net.fetch(Request(server.url))).headers["Location"] == "/b"


async def test_answers_without_a_body(network: Open) -> None:
    """HEAD, 204 and 304 have no body, whatever length or coding they announce."""
    net = await network()
    headers = b"Content-Length: 100\r\nContent-Encoding: gzip\r\n\r\n"
    for method, status in (("HEAD", b"200"), ("GET", b"304"), ("GET", b"204")):
        head = b"HTTP/1.1 " + status + b" Whatever\r\n" + (b"\r\n" if status == b"204" else headers)
        async with raw(repeating(head)) as server:
            for _ in range(2):
                assert (await net.fetch(Request(server.url, method=method))).body == b""
            assert server.connections == 1


async def test_a_body_without_a_length(network: Open) -> None:
    """A body that ends with its connection, and one in chunks, are read to their end."""
    net = await network()
    for text in (b"\r\nabcdef", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"):
        async with raw(b"HTTP/1.1 200 OK\r\n" + text) as server:
            assert (await net.fetch(Request(server.url))).body == b"abcdef"


async def test_a_body_in_pieces(network: Open) -> None:
    """A body that comes bit by bit is whole in the end, and the connection can be used again."""

    async def slowly(talk: Talk) -> None:
        while True:
            await talk.hear()
            for piece in (b"HTTP/1.1 200 OK\r\nContent-", b"Length: 6\r\n\r\n", b"abc", b"def"):
                await talk.say(piece)
                await asyncio.sleep(0.005)

    net = await network()
    async with raw(slowly) as server:
        for _ in range(2):
            assert (await net.fetch(Request(server.url))).body == b"abcdef"
        assert server.connections == 1


async def test_a_large_body(network: Open, site: HTTPServer) -> None:
    """A body of megabytes is read as it is."""
    body = bytes(range(256)) * 20_000
    site.expect_request("/").respond_with_data(body)
    assert (await (await network()).fetch(Request(site.url_for("/")))).body == body


async def test_bytes_that_are_not_utf_8_in_a_header(network: Open) -> None:
    """A header of odd bytes is kept, and breaks nothing."""
    async with raw(b"HTTP/1.1 200 OK\r\nX-A: \xe4\xff\r\nContent-Length: 0\r\n\r\n") as server:
        response = await (await network()).fetch(Request(server.url))
        assert response.headers["X-A"].encode("utf-8", "surrogateescape") == b"\xe4\xff"


# What is asked.


async def test_method_headers_and_content_reach_the_server(network: Open) -> None:
    """A request is sent with its method, its headers and its content, and with no type that nobody gave."""
    async with raw(repeating(OK)) as server:
        net = await network()
        await net.fetch(Request(server.url, method="PUT", headers={"X-A": "b"}, body=b"content"))
        await net.fetch(Request(server.url, json={"a": 1}))
        put, post = server.heard
    assert put.startswith(b"PUT / HTTP/1.1\r\n")
    assert b"\r\nX-A: b\r\n" in put
    assert put.endswith(b"\r\n\r\ncontent")
    assert b"content-type" not in put.lower()
    assert post.startswith(b"POST / ")
    assert b"\r\nContent-Type: application/json\r\n" in post
    assert post.endswith(b'{"a":1}')


async def test_a_large_content_is_sent_in_pieces(network: Open) -> None:
    """Megabytes can be sent, too."""
    body = b"0123456789abcdef" * (IN_ONE // 8)

    async with raw(repeating(OK)) as server:
        await (await network()).fetch(Request(server.url, method="POST", body=body))
        assert server.heard[0].endswith(body)


async def test_framing_is_not_asked_for(network: Open) -> None:
    """A Content-Length or Transfer-Encoding given by hand is left out: both follow from the content."""
    async with raw(repeating(OK)) as server:
        headers = {"content-length": "3", "Transfer-Encoding": "chunked"}
        await (await network()).fetch(Request(server.url, method="POST", body=b"content", headers=headers))
        assert server.heard[0].endswith(b"\r\n\r\ncontent")
        assert server.heard[0].lower().count(b"content-length: 7\r\n") == 1
        assert b"chunked" not in server.heard[0]


async def test_the_address_is_sent_as_it_is(network: Open) -> None:
    """Path and query go out letter by letter, without the fragment, which only the request keeps."""
    async with raw(repeating(OK)) as server:
        response = await (await network()).fetch(Request(f"{server.url}a%2Fb/%7e?q=%20+&r=[1]'#part"))
        assert server.heard[0].startswith(b"GET /a%2Fb/%7e?q=%20+&r=[1]%27 HTTP/1.1\r\n")
        assert response.url == f"{server.url}a%2Fb/%7e?q=%20+&r=[1]%27"
        assert response.request.url == f"{response.url}#part"


async def test_a_line_break_in_an_address_splits_nothing(network: Open) -> None:
    """Whatever a link holds, one request of one line goes out."""
    async with raw(repeating(OK)) as server:
        await (await network()).fetch(Request(f"{server.url}a\r\nX-Evil: 1%0d%0aX-Evil: 2"))
        assert server.heard[0].split(b"\r\n")[0] == b"GET /aX-Evil:%201%0d%0aX-Evil:%202 HTTP/1.1"
        assert b"\nX-Evil" not in server.heard[0]


async def test_user_and_password_in_the_address(network: Open) -> None:
    """`user:password@` becomes Basic authorization, and stands nowhere else, nor in the response's address."""
    async with raw(repeating(OK)) as server:
        url = server.url.replace("//", "//us%C3%A9r:pa%3Ass@")
        response = await (await network()).fetch(Request(url))
        assert b"Authorization: Basic dXPDqXI6cGE6c3M=\r\n" in server.heard[0]
        assert b"@" not in server.heard[0]
        assert response.url == server.url


async def test_an_authorization_header_wins(network: Open) -> None:
    """An Authorization header given by hand counts more than user and password in the address."""
    async with raw(repeating(OK)) as server:
        request = Request(server.url.replace("//", "//u:p@"), headers={"authorization": "Bearer x"})
        await (await network()).fetch(request)
        assert server.heard[0].lower().count(b"authorization:") == 1
        assert b"Bearer x" in server.heard[0]


async def test_only_web_addresses_are_fetched(network: Open) -> None:
    """Another scheme than http and https is refused before anything is sent."""
    with pytest.raises(FetchError) as caught:
        await (await network()).fetch(Request("ftp://a.example/"))
    assert caught.value.reason == Reason.SCHEME_NOT_ALLOWED


# Connections.


async def test_connections_are_used_again(network: Open) -> None:
    """Requests to one host share connections."""
    async with raw(repeating(OK)) as server:
        net = await network()
        for _ in range(5):
            await net.fetch(Request(server.url))
        assert server.connections == 1


async def test_nothing_limits_how_many_requests_are_in_flight(network: Open) -> None:
    """A hundred requests to one host are in flight at once if they are made at once."""
    together = asyncio.Event()

    async def wait_for_all(talk: Talk) -> None:
        await talk.hear()
        if len(talk.heard) == 100:
            together.set()
        await together.wait()
        await talk.say(OK)

    async with raw(wait_for_all) as server:
        net = await network()
        await asyncio.gather(*(net.fetch(Request(f"{server.url}{i}")) for i in range(100)))
        assert server.connections == 100


async def test_a_stale_connection_costs_no_request(network: Open) -> None:
    """A GET that meets a kept connection just as it is closed is sent once more at once; a POST is not."""

    async def once(talk: Talk) -> None:
        await talk.hear()
        await talk.say(OK)
        await talk.hear()

    net = await network()
    async with raw(once) as server:
        for _ in range(2):
            assert (await net.fetch(Request(server.url))).body == b"ok"
        assert (server.connections, len(server.heard)) == (2, 3)
    async with raw(once) as server:
        await net.fetch(Request(server.url))
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request(server.url, method="POST", body=b"x"))
        assert caught.value.reason == Reason.RESET
        assert len(server.heard) == 2


async def test_a_new_connection_is_used_once(network: Open) -> None:
    """A server that hangs up on a new connection is asked once, not twice: whether again is the policy's to say."""
    async with raw(b"") as server:
        with pytest.raises(FetchError) as caught:
            await (await network()).fetch(Request(server.url))
        assert caught.value.reason == Reason.RESET
        assert len(server.heard) == 1


async def test_a_broken_answer_is_not_followed_by_another(network: Open) -> None:
    """After an answer that went wrong its connection is closed, so the next request cannot get what is left of it."""
    ended = asyncio.Event()

    async def two_answers(talk: Talk) -> None:
        if b"/long" in await talk.hear():
            await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + bytes(2000))
            await talk.wait_closed()
            ended.set()
        else:
            await talk.say(OK)

    async with raw(two_answers) as server:
        net = await network(max_body=1000)
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request(f"{server.url}long"))
        assert caught.value.reason == Reason.TOO_LARGE
        await asyncio.wait_for(ended.wait(), 20)
        assert (await net.fetch(Request(server.url))).body == b"ok"


async def test_a_cancelled_request_closes_its_connection(network: Open) -> None:
    """Cancelling a fetch is heard at once, as cancellation, and its half-read connection is never used again."""
    reached, ended = asyncio.Event(), asyncio.Event()

    async def half(talk: Talk) -> None:
        if b"/half" in await talk.hear():
            await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            reached.set()
            await talk.wait_closed()
            ended.set()
        else:
            await talk.say(OK)

    async with raw(half) as server:
        net = await network()
        task = asyncio.ensure_future(net.fetch(Request(f"{server.url}half")))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 20)
        assert (await net.fetch(Request(server.url))).body == b"ok"


async def test_the_environment_is_not_consulted(network: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and passwords of the environment are not used."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with raw(OK) as server:
        assert (await (await network()).fetch(Request(server.url))).body == b"ok"


# Size.


async def test_a_body_that_is_announced_too_large(network: Open) -> None:
    """A body longer than max_body is refused by its Content-Length, before it is read."""

    async def never_ends(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        await talk.wait_closed()

    async with raw(never_ends) as server:
        with pytest.raises(FetchError) as caught:
            await (await network(max_body=1000)).fetch(Request(server.url))
    assert caught.value.reason == Reason.TOO_LARGE


async def test_a_body_that_grows_too_large(network: Open) -> None:
    """An endless body is given up as soon as it is longer than max_body; one just as long is taken."""

    async def endless(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await talk.say(b"1000\r\n" + bytes(4096) + b"\r\n")

    net = await network(max_body=100_000)
    async with raw(endless) as server:
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request(server.url))
    assert caught.value.reason == Reason.TOO_LARGE
    async with raw(answer(bytes(100_000))) as server:
        assert len((await net.fetch(Request(server.url))).body) == 100_000


async def test_a_body_that_unpacks_too_large(network: Open) -> None:
    """max_body counts decompressed bytes, too."""
    async with raw(answer(gzip.compress(bytes(100_001)), headers="Content-Encoding: gzip\r\n")) as server:
        with pytest.raises(FetchError) as caught:
            await (await network(max_body=100_000)).fetch(Request(server.url))
    assert caught.value.reason == Reason.TOO_LARGE


# Decoding.


@pytest.mark.parametrize(
    "fields", ["Content-Encoding: gzip\r\n", "content-encoding: GZIP\r\nContent-Encoding: identity\r\n"]
)
async def test_bodies_are_decoded(network: Open, fields: str) -> None:
    """A body is decoded as its Content-Encoding says, in however many header lines that stands."""
    async with raw(answer(gzip.compress(b"hello"), headers=fields)) as server:
        assert (await (await network()).fetch(Request(server.url))).body == b"hello"


async def test_half_a_compressed_page_is_no_page(network: Open) -> None:
    """A compressed body that ends early is partial, even if its Content-Length says that it is whole."""
    half = gzip.compress(bytes(range(256)) * 10)[:-20]
    async with raw(answer(half, headers="Content-Encoding: gzip\r\n")) as server:
        with pytest.raises(FetchError) as caught:
            await (await network()).fetch(Request(server.url))
    assert caught.value.reason == Reason.PARTIAL_BODY


@pytest.mark.usefixtures("no_garbage")
async def test_decoding_does_not_hold_the_loop_up(network: Open) -> None:
    """Large bodies, and small ones that become large, are decoded while other things go on."""
    large = zlib.compress(bytes(range(256)) * 20_000, 0)
    bomb = zlib.compress(bytes(30_000_000))
    assert len(large) > SMALL > len(bomb)
    before = time.thread_time()
    decoded(bomb, "deflate", Limits(32_000_000))
    seconds = time.thread_time() - before
    net = await network()
    async with longest_turn() as turn:
        for body, length in ((large, 20_000 * 256), (bomb, 30_000_000)):
            async with raw(answer(body, headers="Content-Encoding: deflate\r\n")) as server:
                assert len((await net.fetch(Request(server.url))).body) == length
    assert turn.seconds < seconds / 2


@pytest.mark.usefixtures("no_garbage")
async def test_streams_that_hold_nothing_do_not_hold_the_loop_up(network: Open) -> None:
    """A small body of a hundred thousand empty streams is given up in a thread."""
    body = gzip.compress(gzip.compress(b"", mtime=0) * 100_000)
    before = time.thread_time()
    assert decoded(body, "gzip, gzip", Limits(32_000_000, streams=100_000)) == b""
    seconds = time.thread_time() - before
    async with raw(answer(body, headers="Content-Encoding: gzip, gzip\r\n")) as server, longest_turn() as turn:
        with pytest.raises(FetchError) as caught:
            await (await network()).fetch(Request(server.url))
    assert caught.value.reason == Reason.TOO_LARGE
    assert turn.seconds < seconds / 4


# Time.


async def silent(talk: Talk) -> None:
    await talk.hear()
    await talk.wait_closed()


async def dripping(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        await talk.say(b".")
        await asyncio.sleep(0.02)


async def test_a_request_has_so_many_seconds(network: Open) -> None:
    """A server that goes on sending a little does not get more than `timeout` seconds in total."""
    async with raw(dripping) as server:
        began = time.monotonic()
        with pytest.raises(FetchError) as caught:
            await (await network(timeout=0.2)).fetch(Request(server.url))
        assert caught.value.reason == Reason.TIMEOUT
        assert time.monotonic() - began < 10  # of the 20 that it would take


async def test_a_request_may_have_a_timeout_of_its_own(network: Open) -> None:
    """`Request.timeout` takes the place of the settings' for this request."""
    async with raw(silent) as server:
        with pytest.raises(FetchError) as caught:
            await (await network()).fetch(Request(server.url, timeout=0.1))
        assert caught.value.reason == Reason.TIMEOUT


async def test_a_longer_timeout_is_patience_with_one_piece(network: Open) -> None:
    """A request that may take longer than others may also wait longer for one piece."""

    async def late(talk: Talk) -> None:
        await talk.hear()
        await asyncio.sleep(0.3)
        await talk.say(OK)

    async with raw(late) as server:
        net = await network(read_timeout=0.1, timeout=0.2)
        assert (await net.fetch(Request(server.url, timeout=3.0))).body == b"ok"


async def test_each_piece_has_so_many_seconds(network: Open) -> None:
    """A server that says nothing for `read_timeout` seconds, before or within its answer, is given up."""

    async def stalling(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
        await talk.wait_closed()

    net = await network(read_timeout=0.1)
    for script in (silent, stalling):
        async with raw(script) as server:
            with pytest.raises(FetchError) as caught:
                await net.fetch(Request(server.url))
            assert caught.value.reason == Reason.READ_TIMEOUT
