"""https: certificates are checked, and what is wrong with one is told."""

import os
import pickle
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from scraper import FetchError, Request, SettingsError
from scraper.errors import Reason
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, raw, repeating


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


async def reason_of(network: Open, certificate: trustme.LeafCert, ca_file: str | None) -> str:
    """Why a server with `certificate` is not read from."""
    async with raw(OK, tls=server_context(certificate)) as server:
        with pytest.raises(FetchError) as caught:
            await (await network(ca_file=ca_file)).fetch(Request(server.url))
        assert server.heard == []
    return caught.value.reason


async def test_a_trusted_certificate(network: Open, authority: trustme.CA, ca_file: str) -> None:
    """A certificate of an authority in ca_file is trusted, and the connection is used again."""
    async with raw(repeating(OK), tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
        net = await network(ca_file=ca_file)
        for _ in range(2):
            assert (await net.fetch(Request(server.url))).body == b"ok"
        assert server.connections == 1


async def test_an_expired_certificate(network: Open, authority: trustme.CA, ca_file: str) -> None:
    """A certificate that is out of date is refused as such."""
    expired = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    assert await reason_of(network, expired, ca_file) == Reason.TLS_EXPIRED


async def test_a_certificate_for_another_host(network: Open, authority: trustme.CA, ca_file: str) -> None:
    """A certificate for another name, or another address, is refused as such."""
    assert await reason_of(network, authority.issue_cert("a.example"), ca_file) == Reason.TLS_HOSTNAME
    assert await reason_of(network, authority.issue_cert("127.0.0.2"), ca_file) == Reason.TLS_HOSTNAME


async def test_a_certificate_of_an_unknown_authority(network: Open, authority: trustme.CA) -> None:
    """A certificate of an authority that neither the system nor ca_file knows is refused."""
    assert await reason_of(network, authority.issue_cert("127.0.0.1"), None) == Reason.TLS_UNTRUSTED


async def test_no_certificate_is_looked_at(network: Open, authority: trustme.CA) -> None:
    """With verify_tls off, any certificate will do."""
    expired = authority.issue_cert("a.example", not_after=datetime.now(UTC) - timedelta(days=1))
    async with raw(OK, tls=server_context(expired)) as server:
        assert (await (await network(verify_tls=False)).fetch(Request(server.url))).body == b"ok"


async def test_a_host_whose_certificate_is_not_looked_at(
    network: Open, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    """What is forgiven to a host of insecure_hosts is forgiven to no other, and it is told of once."""
    untrusted = server_context(authority.issue_cert("127.0.0.1", "localhost"))
    async with raw(repeating(OK), tls=untrusted) as server:
        net = await network(insecure_hosts=("127.0.0.1",))
        other = server.url.replace("127.0.0.1", "localhost")
        for _ in range(2):
            assert (await net.fetch(Request(server.url))).body == b"ok"
            with pytest.raises(FetchError) as caught:
                await net.fetch(Request(other))
            assert caught.value.reason == Reason.TLS_UNTRUSTED
        assert len([each for each in caplog.messages if "127.0.0.1" in each]) == 1
        strict = await network()
        with pytest.raises(FetchError):
            await strict.fetch(Request(server.url))


async def test_we_can_show_a_certificate(network: Open, authority: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    """A server that wants to know who we are is shown client_cert; without one, it does not answer."""
    context = server_context(authority.issue_cert("127.0.0.1"))
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = authority.issue_cert("client@a.example")
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    ours.cert_chain_pems[0].write_to_path(certificate)
    ours.private_key_pem.write_to_path(key)
    async with raw(repeating(OK), tls=context) as server:
        net = await network(ca_file=ca_file, client_cert=certificate, client_key=key)
        assert (await net.fetch(Request(server.url))).body == b"ok"
        with pytest.raises(FetchError):
            await (await network(ca_file=ca_file)).fetch(Request(server.url))
        assert len(server.heard) == 1


async def test_files_that_are_no_certificates(network: Open, tmp_path: Path) -> None:
    """A file that cannot be used is named in one line before anything is sent, and nobody is asked for a password."""
    odd = tmp_path / "odd.pem"
    odd.write_text("odd")
    marked = tmp_path / "marked.pem"
    marked.write_text("\ufeff-----BEGIN CERTIFICATE-----", encoding="utf-8")
    for settings, text in (
        ({"ca_file": str(odd)}, "ca_file: .*odd.pem is not a file of certificates"),
        ({"client_cert": str(odd)}, "client_cert: .*odd.pem is not a certificate"),
        ({"ca_file": str(marked)}, "is not a file of certificates: .*; it begins with a byte order mark: save it as"),
        ({"client_cert": str(marked)}, "is not a certificate .*; it begins with a byte order mark: save it as"),
        ({"client_cert": str(tmp_path / "missing")}, "client_cert: .*missing is not a certificate"),
        ({"client_key": str(odd)}, "client_key: there is no client_cert"),
        ({"insecure_hosts": ("https://a.example",)}, "insecure_hosts: 'https://a.example' is no host"),
    ):
        with pytest.raises(SettingsError, match=text):
            await network(**settings)


async def without_goodbye(talk: Talk) -> None:
    """A body without a length, at whose end the connection is closed by TCP alone."""
    heard = await talk.hear()
    await talk.say(OK if b"/long" in heard else b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nhalf")
    with socket.socket(fileno=os.dup(talk.writer.get_extra_info("socket").fileno())) as connection:
        connection.shutdown(socket.SHUT_WR)
    await talk.wait_closed()


async def test_a_body_that_anybody_may_have_cut_short(network: Open, authority: trustme.CA, ca_file: str) -> None:
    """A body that ends with its connection is flagged unless TLS has said that this is the end (RFC 9112, 9.8)."""
    context = server_context(authority.issue_cert("127.0.0.1"))
    net = await network(ca_file=ca_file)
    async with raw(without_goodbye, tls=context) as server:
        response = await net.fetch(Request(server.url))
        assert (response.body, response.flags) == (b"half", ("truncated_possible",))
        assert pickle.loads(pickle.dumps(response)).flags == response.replace(status=404).flags == response.flags
        streamed = await net.fetch(Request(server.url, stream=True))
        assert streamed.flags == ()
        assert [piece async for piece in streamed.stream()] == [b"half"]
        assert streamed.flags == ("truncated_possible",)
        assert (await net.fetch(Request(f"{server.url}long"))).flags == ()  # its length says where it ends
    async with raw(b"HTTP/1.1 200 OK\r\n\r\nwhole", tls=context) as server:
        response = await net.fetch(Request(server.url))
        assert (response.body, response.flags) == (b"whole", ())


async def test_what_may_be_half_is_not_cached(
    network: Open, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    """A body that may have been cut short is no answer to the next request, whatever its headers allow."""
    cache = {"mode": "rfc", "path": str(tmp_path / "cache.sqlite")}
    async with raw(without_goodbye, tls=server_context(authority.issue_cert("127.0.0.1"))) as server:
        net = await network(ca_file=ca_file, cache=cache)
        for _ in range(2):
            assert (await net.fetch(Request(server.url))).flags == ("truncated_possible",)
        assert len(server.heard) == 2


async def test_over_plain_http_nothing_is_known(network: Open) -> None:
    """Without TLS, a body that ends with its connection is as whole as any."""
    async with raw(without_goodbye) as server:
        response = await (await network()).fetch(Request(server.url))
        assert (response.body, response.flags) == (b"half", ())


async def test_an_old_version(network: Open) -> None:
    """A server that speaks no version of TLS that we do has a reason of its own."""

    async def too_old(talk: Talk) -> None:
        await talk.reader.read(1)
        await talk.say(bytes.fromhex("15 0301 0002 0246"))  # an alert (RFC 8446, 6): protocol_version
        await talk.wait_closed()

    async with raw(too_old) as server:
        with pytest.raises(FetchError) as caught:
            await (await network()).fetch(Request(server.url.replace("http:", "https:")))
    assert caught.value.reason == Reason.TLS_VERSION


async def test_https_where_there_is_none(network: Open) -> None:
    """A server that speaks plain HTTP on a port for https has a reason, too."""

    async def plain(talk: Talk) -> None:
        await talk.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await talk.wait_closed()

    async def hangs_up(talk: Talk) -> None:
        pass

    for script, reason in ((plain, Reason.TLS_PROTOCOL), (hangs_up, Reason.RESET)):
        async with raw(script) as server:
            with pytest.raises(FetchError) as caught:
                await (await network()).fetch(Request(server.url.replace("http:", "https:")))
        assert caught.value.reason == reason
