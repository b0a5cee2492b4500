"""Which request follows a redirect, decided hop by hop (RFC 9110, 15.4).

303 turns everything but HEAD into GET; 301 and 302 turn POST into GET, as browsers do; 307 and 308 change nothing.
The content goes with the method that it belonged to. What was meant for one origin does not go to another:
Authorization, Cookie, Proxy-Authorization and Host are dropped on any change of scheme, host or port, and so are the
request's own cookies. 300 and 304 are answers, not redirects, and so is a redirect that leads nowhere: one without
a Location. One with two different ones is an error.
"""

from collections.abc import Collection

from scraper import urls
from scraper.errors import FetchError, Reason
from scraper.network.status import is_asked_for
from scraper.protocols import Attempts
from scraper.request import Request
from scraper.response import Headers, Response
from scraper.verdict import Fail, Redirect, Sequel

STATUSES = frozenset({301, 302, 303, 307, 308})
OF_ONE_ORIGIN = frozenset({"authorization", "cookie", "proxy-authorization", "host"})


class Redirects:
    """The policy that follows redirects, at most `most` of them.

    Statuses in `accepted`, those that a request asks for (see `status.is_asked_for`), and all answers to a request
    with `meta["dont_redirect"]` are left alone.
    """

    def __init__(self, most: int, *, accepted: Collection[int] = ()) -> None:
        self._most = most
        self._accepted = frozenset(accepted)

    def __call__(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel | None:
        if isinstance(outcome, FetchError) or not self.is_followed(request, outcome.status, outcome.headers):
            return None
        locations = set(outcome.headers.getall("Location"))
        target = urls.join(request.url, _readable(locations.pop()))
        if target is None or locations:
            return Fail(Reason.BAD_REDIRECT)
        if not urls.is_web(target):
            return Fail(Reason.SCHEME_NOT_ALLOWED)
        if len(attempts.hops) >= self._most:
            return Fail(Reason.TOO_MANY_REDIRECTS)
        return Redirect(_next(request, outcome, _with_fragment(target, request.url)))

    def is_followed(self, request: Request, status: int, headers: Headers) -> bool:
        """Whether an answer of this `status` with these `headers` is a redirect, and nobody wants to see it."""
        return (
            status in STATUSES
            and bool(headers.get("Location"))
            and not request.meta.get("dont_redirect")
            and not is_asked_for(request, status, self._accepted)
        )

    def __repr__(self) -> str:
        return f"<Redirects at most {self._most}>"


def _readable(location: str) -> str:
    """A Location in which bytes that are not UTF-8 stand percent-encoded."""
    if location.isascii():
        return location
    escaped = (f"%{ord(each) - 0xDC00:02X}" if "\udc80" <= each <= "\udcff" else each for each in location)
    return "".join(escaped)


def _with_fragment(target: str, origin: str) -> str:
    """A target without a fragment inherits that of the request (RFC 9110, 10.2.2)."""
    _, mark, fragment = origin.partition("#")
    return target if "#" in target or not mark else f"{target}#{fragment}"


def _next(request: Request, answer: Response, target: str) -> Request:
    headers, cookies, method, body = request.headers, request.cookies, request.method, request.body
    if method not in {"GET", "HEAD"} and (answer.status == 303 or (answer.status in {301, 302} and method == "POST")):
        method, body = "GET", b""
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
    if urls.origin(target) != urls.origin(request.url):
        headers = {name: value for name, value in headers.items() if name.lower() not in OF_ONE_ORIGIN}
        cookies = {}
    elif cookies:  # the server's word counts more than ours, which it has heard
        changed = {each.partition("=")[0].strip() for each in answer.headers.getall("Set-Cookie", ())}
        cookies = {name: value for name, value in cookies.items() if name not in changed}
    return request.replace(url=target, method=method, body=body, headers=headers, cookies=cookies)
