"""Every exception of aiohttp and of the operating system below it, told as one reason: the one place that knows them.

An exception is looked up in `TABLE` from the top; the first class that it belongs to gives its reason, or says how
to find it: by the number of the operating system (`errno`), or by OpenSSL's verdict on a certificate.
"""

import errno
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from scraper.errors import FetchError, Reason, SettingsError
from scraper.network.connection.address_guard import AddressNotAllowedError
from scraper.urls import without_credentials

NUMBERS: Mapping[int, Reason] = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ESHUTDOWN: Reason.RESET,
    errno.ENOTCONN: Reason.RESET,
    errno.ETIMEDOUT: Reason.CONNECT_TIMEOUT,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.ENETDOWN: Reason.UNREACHABLE,
    errno.EADDRNOTAVAIL: Reason.UNREACHABLE,
    errno.EINVAL: Reason.UNREACHABLE,  # an address that nothing can be sent to
    errno.EACCES: Reason.UNREACHABLE,  # a firewall of ours
    errno.EPERM: Reason.UNREACHABLE,
    errno.EMFILE: Reason.UNREACHABLE,  # no socket left for it
    errno.ENFILE: Reason.UNREACHABLE,
}
VERIFY_CODES: Mapping[int, Reason] = {  # OpenSSL's X509_V_ERR_…
    9: Reason.TLS_EXPIRED,  # not yet valid
    10: Reason.TLS_EXPIRED,
    62: Reason.TLS_HOSTNAME,
    64: Reason.TLS_HOSTNAME,  # an IP address
}

VERSIONS = frozenset(  # OpenSSL's words for two sides that have no version in common
    {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW"}
)


def _by_number(error: OSError) -> Reason:
    return NUMBERS.get(error.errno or 0, Reason.UNREACHABLE)


def _by_time(error: TimeoutError) -> Reason:
    return Reason.CONNECT_TIMEOUT if error.errno == errno.ETIMEDOUT else Reason.TIMEOUT


def _once_connected(error: OSError) -> Reason:
    return Reason.READ_TIMEOUT if error.errno == errno.ETIMEDOUT else _by_number(error)


def _by_cause(error: aiohttp.ClientConnectorError) -> Reason:
    return reason_of(error.os_error)


def _by_certificate(error: aiohttp.ClientConnectorCertificateError) -> Reason:
    return reason_of(error.certificate_error)


def _by_handshake(error: aiohttp.ClientConnectorSSLError) -> Reason:
    return reason_of(error.os_error) if isinstance(error.os_error, ssl.SSLError) else Reason.TLS_PROTOCOL


def _by_word(error: ssl.SSLError) -> Reason:
    return Reason.TLS_VERSION if getattr(error, "reason", None) in VERSIONS else Reason.TLS_PROTOCOL


def _by_verdict(error: ssl.SSLCertVerificationError) -> Reason:
    return VERIFY_CODES.get(error.verify_code, Reason.TLS_UNTRUSTED)


TABLE: tuple[tuple[type[BaseException], Reason | Callable[[Any], Reason]], ...] = (
    # Before there is a connection.
    (AddressNotAllowedError, Reason.ADDRESS_NOT_ALLOWED),
    (aiohttp.ConnectionTimeoutError, Reason.CONNECT_TIMEOUT),
    (aiohttp.ClientConnectorDNSError, Reason.DNS_NOT_FOUND),
    (aiohttp.ClientProxyConnectionError, Reason.PROXY),
    (aiohttp.ClientHttpProxyError, Reason.PROXY),
    (aiohttp.ClientConnectorCertificateError, _by_certificate),
    (aiohttp.ServerFingerprintMismatch, Reason.TLS_UNTRUSTED),
    (aiohttp.ClientConnectorSSLError, _by_handshake),
    (aiohttp.ClientConnectorError, _by_cause),
    # While an answer is awaited or read.
    (aiohttp.ServerTimeoutError, Reason.READ_TIMEOUT),
    (aiohttp.ServerDisconnectedError, Reason.RESET),
    (aiohttp.ClientConnectionResetError, Reason.RESET),
    (aiohttp.ClientOSError, _once_connected),
    (aiohttp.ClientPayloadError, Reason.PARTIAL_BODY),
    (aiohttp.ClientResponseError, Reason.BAD_RESPONSE),
    (HttpProcessingError, Reason.BAD_RESPONSE),
    (aiohttp.InvalidURL, Reason.INVALID_URL),
    (aiohttp.NonHttpUrlClientError, Reason.SCHEME_NOT_ALLOWED),
    (aiohttp.ClientConnectionError, Reason.RESET),
    (aiohttp.ClientError, Reason.BAD_RESPONSE),
    # What aiohttp lets through.
    (SettingsError, Reason.BAD_REQUEST),  # an extra that is not installed
    (TimeoutError, _by_time),
    (ssl.SSLCertVerificationError, _by_verdict),
    (ssl.SSLError, _by_word),
    (socket.gaierror, Reason.DNS_NOT_FOUND),
    (ConnectionRefusedError, Reason.REFUSED),
    (ConnectionError, Reason.RESET),
    (OSError, _by_number),
    (ValueError, Reason.BAD_REQUEST),  # what aiohttp will not write, and
    (TypeError, Reason.BAD_REQUEST),  # what it cannot
    (Exception, Reason.BAD_RESPONSE),
)

_AWAITING_PROXY = frozenset({Reason.DNS_NOT_FOUND, Reason.REFUSED, Reason.UNREACHABLE})
_OF_PROXY = frozenset({Reason.PROXY, Reason.CONNECT_TIMEOUT})
_CREDENTIALS = re.compile(r"//[^/?#\s'\"]*@")


def failure(error: Exception, url: str, *, proxy: object = None) -> FetchError:
    """`error` as the reason why `url`, asked by way of `proxy` if that is given, got no answer."""
    reason, detail = reason_of(error), detail_of(error)
    if proxy is not None:
        if reason in _AWAITING_PROXY:  # it is the proxy that was not found
            reason = Reason.PROXY
        if reason in _OF_PROXY:
            detail = f"proxy {without_credentials(str(proxy))}: {detail}"
    return FetchError(reason, without_credentials(url), detail)


def reason_of(error: BaseException) -> Reason:
    """The reason that an exception stands for."""
    found = next(reason for kind, reason in TABLE if isinstance(error, kind))
    return found if isinstance(found, Reason) else found(error)


def detail_of(error: Exception) -> str:
    """What an exception says, in one printable line and without user names or passwords."""
    if isinstance(error, aiohttp.ClientResponseError):
        text = f"{error.status} {error.message}" if isinstance(error, aiohttp.ClientHttpProxyError) else error.message
    elif isinstance(error, aiohttp.ServerDisconnectedError):
        text = "" if isinstance(error.message, str) else "in the middle of the headers"
    else:
        text = str(error)
    text = _CREDENTIALS.sub("//", " ".join(text.split()))
    text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:200])
    return text or type(error).__name__
