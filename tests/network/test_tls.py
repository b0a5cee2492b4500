"""https: certificates are checked, and what is wrong with one is told."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from scraper import FetchError, Request
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
