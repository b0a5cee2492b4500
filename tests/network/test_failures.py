"""Every way in which a request can get no answer has one reason."""

import asyncio
import errno
import inspect
import socket
import ssl
from contextlib import ExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import client_exceptions
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from aiohttp.http_exceptions import BadStatusLine, HttpProcessingError, LineTooLong
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from scraper import FetchError, Request
from scraper.errors import Reason, SettingsError
from scraper.network.connection.address_guard import AddressNotAllowedError
from scraper.network.failures import NUMBERS, TABLE, VERIFY_CODES, detail_of, failure, reason_of
from tests.network.conftest import Open
from tests.network.raw import Talk, raw

KEY = ConnectionKey("a.example", 80, False, True, None, None, None)
INFO = RequestInfo(URL("http://a.example/"), "GET", CIMultiDictProxy(CIMultiDict()), URL("http://a.example/"))


def system(number: int) -> OSError:
    return OSError(number, "what the system says")


def connecting(error: OSError) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(KEY, error)


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


def too_old() -> ssl.SSLError:
    error = ssl.SSLError(1, "unsupported protocol")
    error.reason = "UNSUPPORTED_PROTOCOL"
    return error


ERRORS: list[tuple[BaseException, Reason]] = [
    (AddressNotAllowedError("a.example is at 127.0.0.1"), Reason.ADDRESS_NOT_ALLOWED),
    (aiohttp.ConnectionTimeoutError("slow"), Reason.CONNECT_TIMEOUT),
    (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "unknown")), Reason.DNS_NOT_FOUND),
    (aiohttp.ClientProxyConnectionError(KEY, system(errno.ECONNREFUSED)), Reason.PROXY),
    (aiohttp.ClientHttpProxyError(INFO, (), status=407, message="Who are you?"), Reason.PROXY),
    (aiohttp.ClientConnectorCertificateError(KEY, certificate(10)), Reason.TLS_EXPIRED),
    (aiohttp.ClientConnectorCertificateError(KEY, certificate(9)), Reason.TLS_EXPIRED),
    (aiohttp.ClientConnectorCertificateError(KEY, certificate(62)), Reason.TLS_HOSTNAME),
    (aiohttp.ClientConnectorCertificateError(KEY, certificate(64)), Reason.TLS_HOSTNAME),
    (aiohttp.ClientConnectorCertificateError(KEY, certificate(18)), Reason.TLS_UNTRUSTED),
    (aiohttp.ServerFingerprintMismatch(b"a", b"b", "a.example", 443), Reason.TLS_UNTRUSTED),
    (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version")), Reason.TLS_PROTOCOL),
    (aiohttp.ClientConnectorSSLError(KEY, too_old()), Reason.TLS_VERSION),
    (aiohttp.ClientSSLError(KEY, ssl.SSLError(1, "wrong version")), Reason.TLS_PROTOCOL),
    (connecting(system(errno.ECONNREFUSED)), Reason.REFUSED),
    (connecting(system(errno.EHOSTUNREACH)), Reason.UNREACHABLE),
    (connecting(system(errno.ETIMEDOUT)), Reason.CONNECT_TIMEOUT),
    (connecting(ConnectionResetError(errno.ECONNRESET, "reset")), Reason.RESET),
    (connecting(OSError("Multiple exceptions: one, another")), Reason.UNREACHABLE),
    (client_exceptions.UnixClientConnectorError("/path", KEY, system(errno.ECONNREFUSED)), Reason.REFUSED),
    (aiohttp.SocketTimeoutError("slow"), Reason.READ_TIMEOUT),
    (aiohttp.ServerTimeoutError("slow"), Reason.READ_TIMEOUT),
    (aiohttp.ServerDisconnectedError(), Reason.RESET),
    (aiohttp.ServerConnectionError(), Reason.RESET),
    (aiohttp.ClientConnectionResetError("gone"), Reason.RESET),
    (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), Reason.RESET),
    (aiohttp.ClientOSError(errno.EPIPE, "pipe"), Reason.RESET),
    (aiohttp.ClientPayloadError("not completed"), Reason.PARTIAL_BODY),
    (aiohttp.ClientResponseError(INFO, (), status=400, message="bad"), Reason.BAD_RESPONSE),
    (aiohttp.TooManyRedirects(INFO, ()), Reason.BAD_RESPONSE),
    (aiohttp.ContentTypeError(INFO, ()), Reason.BAD_RESPONSE),
    (aiohttp.WSServerHandshakeError(INFO, ()), Reason.BAD_RESPONSE),
    (HttpProcessingError(message="bad"), Reason.BAD_RESPONSE),
    (BadStatusLine("ICY 200"), Reason.BAD_RESPONSE),
    (LineTooLong(b"X", 8190), Reason.BAD_RESPONSE),
    (aiohttp.InvalidURL("http://"), Reason.INVALID_URL),
    (aiohttp.InvalidUrlClientError("http://"), Reason.INVALID_URL),
    (aiohttp.InvalidUrlRedirectClientError("http://"), Reason.INVALID_URL),
    (aiohttp.NonHttpUrlClientError("ftp://a.example"), Reason.SCHEME_NOT_ALLOWED),
    (aiohttp.NonHttpUrlRedirectClientError("ftp://a.example"), Reason.SCHEME_NOT_ALLOWED),
    (aiohttp.RedirectClientError("odd"), Reason.BAD_RESPONSE),
    (aiohttp.ClientConnectionError("Connection closed"), Reason.RESET),
    (client_exceptions.UploadAbortedError("not sent"), Reason.BAD_RESPONSE),
    (aiohttp.ClientError("odd"), Reason.BAD_RESPONSE),
    (TimeoutError(), Reason.TIMEOUT),
    (asyncio.TimeoutError(), Reason.TIMEOUT),  # noqa: UP041 -- one and the same, which is what is tested
    (certificate(10), Reason.TLS_EXPIRED),
    (ssl.SSLError(1, "odd"), Reason.TLS_PROTOCOL),
    (ssl.SSLEOFError(8, "EOF"), Reason.TLS_PROTOCOL),
    (socket.gaierror(-3, "try again"), Reason.DNS_NOT_FOUND),
    (ConnectionRefusedError(), Reason.REFUSED),
    (ConnectionAbortedError("SSL handshake is taking too long"), Reason.RESET),
    (BrokenPipeError(), Reason.RESET),
    (OSError("odd"), Reason.UNREACHABLE),
    (SettingsError("an extra is missing"), Reason.BAD_REQUEST),
    (ValueError("odd"), Reason.BAD_REQUEST),
    (UnicodeEncodeError("utf-8", "\udc80", 0, 1, "surrogates"), Reason.BAD_REQUEST),
    (TypeError("odd"), Reason.BAD_REQUEST),
    (RuntimeError("Session is closed"), Reason.BAD_RESPONSE),
]


@pytest.mark.parametrize(("error", "reason"), ERRORS, ids=lambda each: type(each).__name__)
def test_an_exception_has_one_reason(error: BaseException, reason: Reason) -> None:
    """Every exception of aiohttp and of the system is told as one reason."""
    assert reason_of(error) is reason


def test_every_exception_of_aiohttp_is_known() -> None:
    """No exception that aiohttp's client may raise is missing above, nor is any row of the tables."""
    tested = {type(error) for error, _ in ERRORS}
    raised = {
        kind
        for kind in vars(client_exceptions).values()
        if inspect.isclass(kind) and issubclass(kind, aiohttp.ClientError)
    }
    assert raised <= tested
    for kind, _ in TABLE:
        assert any(issubclass(each, kind) for each in tested), kind


def test_the_table_has_no_row_in_vain() -> None:
    """A class stands before those that it is derived from, so that each row is reached."""
    for place, (kind, _) in enumerate(TABLE):
        assert not any(issubclass(kind, earlier) for earlier, _ in TABLE[:place]), kind


@pytest.mark.parametrize("number", NUMBERS, ids=errno.errorcode.get)
def test_every_number_of_the_system(number: int) -> None:
    """What the system says while connecting, and after it, has the same reason, but for a time that is over."""
    assert reason_of(connecting(system(number))) is NUMBERS[number]
    assert reason_of(system(number)) is NUMBERS[number]
    afterwards = Reason.READ_TIMEOUT if number == errno.ETIMEDOUT else NUMBERS[number]
    assert reason_of(aiohttp.ClientOSError(number, "odd")) is afterwards


def test_verdicts_on_certificates() -> None:
    """A certificate is out of date, for another host, or not trusted for any other cause."""
    assert {reason_of(certificate(code)) for code in range(100)} == {*VERIFY_CODES.values(), Reason.TLS_UNTRUSTED}


def test_a_proxy_is_to_blame_for_what_goes_wrong_before_it() -> None:
    """With a proxy it is the proxy whose name is not found, and the reason says so."""
    error = aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "unknown"))
    assert failure(error, "http://a.example/", proxy="http://proxy.example:1").reason == Reason.PROXY
    assert failure(error, "http://a.example/").reason == Reason.DNS_NOT_FOUND


def test_no_password_is_told() -> None:
    """The text of a failure is one printable line, and holds no user and password of any address in it."""
    error = aiohttp.InvalidURL("http://user:secret@a.example/", "odd:\n\x1b[31m http://u:secret@b.example")
    text = str(failure(error, "http://user:secret@a.example/"))
    assert "secret" not in text
    assert "user" not in text
    assert text.isprintable()
    assert "http://a.example/" in text


def test_details_are_never_empty() -> None:
    """What has nothing to say is told by its name."""
    assert detail_of(TimeoutError()) == "TimeoutError"
    assert len(detail_of(ValueError("x" * 10_000))) == 200


# Real ones.


async def reset(talk: Talk) -> None:
    await talk.hear()
    await talk.reset()


async def reset_in_the_body(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    await asyncio.sleep(0.02)
    await talk.reset()


async def reset_without_a_length(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\nabc")
    await asyncio.sleep(0.02)
    await talk.reset()


async def reset_before_the_body(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.sleep(0.02)
    await talk.reset()


BROKEN: dict[str, tuple[Any, Reason]] = {
    "nothing": (b"", Reason.RESET),
    "half of the headers": (b"HTTP/1.1 200 OK\r\nContent-Le", Reason.RESET),
    "reset": (reset, Reason.RESET),
    "reset in the body": (reset_in_the_body, Reason.PARTIAL_BODY),
    "reset in a body without a length": (reset_without_a_length, Reason.PARTIAL_BODY),
    "reset before a body without a length": (reset_before_the_body, Reason.PARTIAL_BODY),
    "shorter than its length": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Reason.PARTIAL_BODY),
    "half a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", Reason.PARTIAL_BODY),
    "no last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Reason.PARTIAL_BODY),
    "no chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", Reason.BAD_RESPONSE),
    "no HTTP": (b"hello\r\n\r\n", Reason.BAD_RESPONSE),
    "HTTP/2": (b"\0\0\x12\x04\0\0\0\0\0", Reason.BAD_RESPONSE),
    "a status in letters": (b"HTTP/1.1 abc OK\r\n\r\n", Reason.BAD_RESPONSE),
    "status 000": (b"HTTP/1.1 000 OK\r\n\r\n", Reason.BAD_RESPONSE),
    "status 101": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: odd\r\nConnection: upgrade\r\n\r\n",
        Reason.BAD_RESPONSE,
    ),
    "status 1000": (b"HTTP/1.1 1000 OK\r\n\r\n", Reason.BAD_RESPONSE),
    "a length in letters": (b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nabc", Reason.BAD_RESPONSE),
    "a negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc", Reason.BAD_RESPONSE),
    "a NUL in a header": (b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\nabc", Reason.BAD_RESPONSE),
    "an endless header": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", Reason.BAD_RESPONSE),
    "endless headers": (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 10_000 + b"\r\n", Reason.BAD_RESPONSE),
    "a coding that cannot be undone": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Encoding: compress\r\n\r\nabc",
        Reason.BAD_ENCODING,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer(network: Open, name: str) -> None:
    """An answer that is broken in any way has one reason, and is never taken for a page."""
    script, reason = BROKEN[name]
    async with raw(script) as server:
        net = await network()
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request(server.url))
        assert caught.value.reason == reason
        assert caught.value.url == server.url
        assert len(server.heard) == 1


async def test_an_answer_of_many_small_headers(network: Open) -> None:
    """Answers of more, and longer, headers than most are read."""
    policy = b"Content-Security-Policy: " + b"a" * 20_000
    async with raw(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + policy + b"\r\n\r\nabc") as server:
        assert (await (await network()).fetch(Request(server.url))).body == b"abc"


async def test_early_hints_are_passed_over(network: Open) -> None:
    """An answer of 1xx is not the answer, but comes before it."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with raw(hints * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc") as server:
        assert (await (await network()).fetch(Request(server.url))).body == b"abc"


async def test_nobody_is_there(network: Open) -> None:
    """A port on which nothing listens refuses; a name that does not exist is not found."""
    net = await network()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request(f"http://127.0.0.1:{taken.getsockname()[1]}/"))
        assert caught.value.reason == Reason.REFUSED
    with pytest.raises(FetchError) as caught:
        await net.fetch(Request("http://user:secret@no-such-host.invalid/"))
    assert caught.value.reason == Reason.DNS_NOT_FOUND
    assert "secret" not in str(caught.value)


async def test_nobody_answers_the_call(network: Open) -> None:
    """A host that does not react to a connection is given up after `connect_timeout` seconds."""
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # fill the queue of connections that nobody accepts
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        net = await network(connect_timeout=0.2)
        with pytest.raises(FetchError) as caught:
            await net.fetch(Request(f"http://127.0.0.1:{deaf.getsockname()[1]}/"))
    assert caught.value.reason == Reason.CONNECT_TIMEOUT


async def test_what_cannot_be_sent(network: Open) -> None:
    """A request that aiohttp will not write is a bad request, and not an exception of aiohttp's."""
    net = await network()
    with pytest.raises(FetchError) as caught:
        await net.fetch(Request("http://127.0.0.1:9/", headers={"X-A": "\udc80"}))
    assert caught.value.reason in {Reason.BAD_REQUEST, Reason.REFUSED}
