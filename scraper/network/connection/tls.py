"""Which certificates are believed, and which one we show.

Certificates are checked against what the system trusts, and `ca_file` besides. For a host of `insecure_hosts` they
are not; its connections are kept apart from all others, so what is forgiven to it is forgiven to nobody else.
"""

import logging
import ssl
from codecs import BOM_UTF8
from pathlib import Path

import msgspec

from scraper.errors import SettingsError
from scraper.network.connection.address_guard import host_of
from scraper.settings.schema import NetworkSettings

logger = logging.getLogger("scraper")


class Trust(msgspec.Struct):
    """How the certificates of hosts are looked at: `usual`, unless the host is insecure."""

    usual: ssl.SSLContext | bool
    insecure: ssl.SSLContext
    hosts: frozenset[str]
    _told: set[str] = msgspec.field(default_factory=set)

    def of(self, host: str) -> ssl.SSLContext | bool:
        """What to give aiohttp for `host`: True is whatever its session does. Tells once of each insecure host."""
        if host not in self.hosts:
            return True
        if host not in self._told:
            self._told.add(host)
            logger.warning("the certificates of %s are not checked ([network] insecure_hosts)", host)
        return self.insecure


def trust(settings: NetworkSettings) -> Trust:
    """What `[network]` says of certificates. Raises `SettingsError` for a file that cannot be used."""
    insecure = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    insecure.check_hostname = False
    insecure.verify_mode = ssl.CERT_NONE
    _prepare(insecure, settings)
    usual: ssl.SSLContext | bool = True  # aiohttp's own, which trusts what the system trusts
    if not settings.verify_tls:
        usual = insecure
    elif settings.ca_file is not None or settings.client_cert is not None:
        usual = ssl.create_default_context()
        _trust_besides(usual, settings.ca_file)
        _prepare(usual, settings)
    hosts = frozenset(host_of(each, key="insecure_hosts") for each in settings.insecure_hosts)
    return Trust(usual, insecure, hosts)


def _prepare(context: ssl.SSLContext, settings: NetworkSettings) -> None:
    """What every connection says of us: the protocol that we speak, and who we are."""
    context.set_alpn_protocols(["http/1.1"])
    if settings.client_cert is None:
        if settings.client_key is not None:
            raise SettingsError("[network] client_key: there is no client_cert that it belongs to")
        return
    try:
        context.load_cert_chain(settings.client_cert, settings.client_key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        names = " and ".join(each for each in (settings.client_cert, settings.client_key) if each)
        hint = _hint(settings.client_cert) or _hint(settings.client_key)
        raise SettingsError(
            f"[network] client_cert: {names} is not a certificate with its key: {error}{hint}"
        ) from None


def _no_password() -> str:
    """Nobody is asked for a password, in the middle of a crawl least of all."""
    raise ValueError("the key has a password; store it without one")


def _trust_besides(context: ssl.SSLContext, ca_file: str | None) -> None:
    if ca_file is None:
        return
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        text = f"[network] ca_file: {ca_file} is not a file of certificates: {error}{_hint(ca_file)}"
        raise SettingsError(text) from None


def _hint(path: str | None) -> str:
    """What OpenSSL does not tell about a file that it cannot read."""
    try:
        with Path(path or "").open("rb") as file:
            is_marked = file.read(3) == BOM_UTF8
    except OSError:
        return ""
    return "; it begins with a byte order mark: save it as UTF-8 without one" if is_marked else ""
