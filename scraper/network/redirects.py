"""Which request follows a redirect, decided hop by hop (RFC 9110, 15.4).

303 turns everything but HEAD into GET; 301 and 302 turn POST into GET, as browsers do; 307 and 308 change nothing.
The content goes with the method that it belonged to. What was meant for one origin does not go to another:
Authorization, Cookie and Proxy-Authorization are dropped on any change of scheme, host or port, and so are the
request's own cookies. 300 and 304 are answers, not redirects.
"""

from scraper import urls
from scraper.errors import FetchError, Reason
from scraper.protocols import Attempts
from scraper.request import Request
from scraper.response import Response
from scraper.verdict import Fail, Redirect, Sequel

STATUSES = frozenset({301, 302, 303, 307, 308})
CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})


class Redirects:
    """The policy that follows redirects, at most `most` of them; `meta["dont_redirect"]` switches it off."""

    def __init__(self, most: int) -> None:
        self._most = most

    def __call__(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel | None:
        if not isinstance(outcome, Response) or outcome.status not in STATUSES:
            return None
        locations = outcome.headers.getall("Location", ())
        if not locations or request.meta.get("dont_redirect"):
            return None
        if len(set(locations)) > 1:
            return Fail(Reason.BAD_REDIRECT)
        if len(attempts.hops) >= self._most:
            return Fail(Reason.TOO_MANY_REDIRECTS)
        target = urls.join(request.url, locations[0].strip())
        if target is None or target == "":
            return Fail(Reason.BAD_REDIRECT)
        if not urls.is_web(target):
            return Fail(Reason.SCHEME_NOT_ALLOWED)
        return Redirect(_next(request, outcome.status, _with_fragment(target, request.url)))


def _with_fragment(target: str, origin: str) -> str:
    """A target without a fragment inherits that of the request (RFC 9110, 10.2.2)."""
    _, mark, fragment = origin.partition("#")
    return target if "#" in target or not mark else f"{target}#{fragment}"


def _next(request: Request, status: int, target: str) -> Request:
    headers, cookies, method, body = request.headers, request.cookies, request.method, request.body
    becomes_get = (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST")
    if becomes_get and method != "GET":
        method, body = "GET", b""
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
    if urls.origin(target) != urls.origin(request.url):
        headers = {name: value for name, value in headers.items() if name.lower() not in CREDENTIALS}
        cookies = {}
    return request.replace(url=target, method=method, body=body, headers=headers, cookies=cookies)
