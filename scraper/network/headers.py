"""The headers of every request, and what must not be in any.

A header given with a request takes the place of the one of the same name, in whatever case, that `[network] headers`
gives; and that takes the place of a default. None takes their place, and is not sent.
"""

from collections.abc import Mapping

from scraper.errors import SettingsError, SpiderError
from scraper.http.headers import ENDS_COOKIE, ENDS_NAME, SPLITS, cookie_pairs, own_headers
from scraper.http.request import Request
from scraper.http.values import TOKEN
from scraper.settings.schema import NetworkSettings

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CODINGS = "gzip, deflate, br, zstd"

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"})
FRAMING = frozenset({"content-length", "transfer-encoding"})  # these follow from the body, and are not asked for


def defaults(settings: NetworkSettings) -> dict[str, str]:
    """What every request is sent with. Raises `SettingsError` for a header that would be two on the wire."""
    try:
        check_headers(settings.headers)
    except SpiderError as error:
        raise SettingsError(f"[network] headers: {error}") from None
    ours = {
        "User-Agent": settings.user_agent,
        "Accept": ACCEPT,
        "Accept-Language": "en",
        "Accept-Encoding": CODINGS,
    }
    given = {name.lower() for name in settings.headers}
    return {name: value for name, value in ours.items() if name.lower() not in given} | dict(settings.headers)


def check(request: Request) -> None:
    """Raises `SpiderError` if the method, a header or a cookie of `request` would be something else on the wire."""
    if request.method not in METHODS and not TOKEN.fullmatch(request.method):
        raise SpiderError(f"the method {request.method!r:.80} is not one word")
    check_headers(own_headers(request.headers))
    for name, value in cookie_pairs(request.cookies):
        if ENDS_NAME.search(str(name)) or ENDS_COOKIE.search(str(value)):
            raise SpiderError(f"the cookie {name!r:.80} has a line break, a NUL or a semicolon, or an odd name")


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `SpiderError`, which names the header, if one of `headers` would be something else on the wire."""
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise SpiderError(f"the header {name!r:.80} is {type(value).__name__}, not text")
        if not TOKEN.fullmatch(name):
            raise SpiderError(f"the header name {name!r:.80} is not one word")
        if SPLITS.search(value):
            raise SpiderError(f"the header {name!r:.80} has a line break or a NUL in its value")
