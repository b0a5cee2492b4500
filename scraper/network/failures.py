"""aiohttp's exceptions, and those of the operating system below it, told as reasons: the one place that knows them."""

import asyncio
import errno
import socket
import ssl

import aiohttp

from scraper.errors import FetchError, Reason
from scraper.urls import without_credentials

# The first row whose class fits an exception gives its reason: a class stands before those it is derived from.
_BY_CLASS: tuple[tuple[type[BaseException], Reason], ...] = (
    (aiohttp.ConnectionTimeoutError, Reason.CONNECT_TIMEOUT),
    (aiohttp.SocketTimeoutError, Reason.READ_TIMEOUT),
    (aiohttp.ServerTimeoutError, Reason.TIMEOUT),
    (TimeoutError, Reason.TIMEOUT),
    (aiohttp.ClientConnectorCertificateError, Reason.TLS_UNTRUSTED),
    (aiohttp.ClientConnectorDNSError, Reason.DNS_NOT_FOUND),
    (aiohttp.ClientProxyConnectionError, Reason.PROXY),
    (aiohttp.ClientHttpProxyError, Reason.PROXY),
    (aiohttp.ServerDisconnectedError, Reason.RESET),
    (aiohttp.ClientPayloadError, Reason.PARTIAL_BODY),
    (aiohttp.ClientResponseError, Reason.BAD_RESPONSE),
    (aiohttp.http_exceptions.HttpProcessingError, Reason.BAD_RESPONSE),
    (aiohttp.InvalidURL, Reason.INVALID_URL),
    (socket.gaierror, Reason.DNS_NOT_FOUND),
    (ConnectionRefusedError, Reason.REFUSED),
    (ConnectionError, Reason.RESET),
    (ssl.SSLError, Reason.TLS_PROTOCOL),
)
_BY_NUMBER = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.ETIMEDOUT: Reason.CONNECT_TIMEOUT,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.EADDRNOTAVAIL: Reason.UNREACHABLE,
    errno.ENETDOWN: Reason.UNREACHABLE,
}
# OpenSSL's verify codes (X509_V_ERR_…) that deserve a reason of their own.
_BY_VERIFY_CODE = {9: Reason.TLS_EXPIRED, 10: Reason.TLS_EXPIRED, 62: Reason.TLS_HOSTNAME, 64: Reason.TLS_HOSTNAME}

FOREIGN = (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, asyncio.TimeoutError, OSError)


def translated(error: BaseException, url: str) -> FetchError:
    """`error`, one of `FOREIGN`, as the reason why `url` got no answer."""
    detail = " ".join(str(error).split())[:200]
    return FetchError(reason_of(error), without_credentials(url), detail or type(error).__name__)


def reason_of(error: BaseException) -> Reason:
    """The reason that an exception stands for."""
    certificate = _certificate_error(error)
    if certificate is not None:
        return _BY_VERIFY_CODE.get(certificate.verify_code, Reason.TLS_UNTRUSTED)
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, _NAMED):
        cause = error.os_error
        if isinstance(cause, ssl.SSLError):
            return Reason.TLS_PROTOCOL
        return _of_system(cause) or reason_of(cause)
    number = _of_system(error)
    if number is not None:
        return number
    return next((reason for kind, reason in _BY_CLASS if isinstance(error, kind)), Reason.BAD_RESPONSE)


_NAMED = (aiohttp.ClientConnectorDNSError, aiohttp.ClientProxyConnectionError)


def _of_system(error: BaseException) -> Reason | None:
    return _BY_NUMBER.get(error.errno or 0) if isinstance(error, OSError) and not isinstance(error, _NAMED) else None


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The certificate error that `error` is, or wraps."""
    for _ in range(4):
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
        error = inner if isinstance(inner, BaseException) else getattr(error, "__cause__", None)
    return None
