"""Which request follows a redirect, decided hop by hop (RFC 9110, 15.4).

303 turns everything but HEAD into GET; 301 and 302 turn POST into GET, as browsers do; 307 and 308 change nothing.
The content goes with the method that it belonged to. What was meant for one origin does not go to another:
Authorization, Cookie, Proxy-Authorization, Host and the headers that settings call secret are dropped on any change
of scheme, host or port, and so are the request's own cookies; a request that would take its content along is not
sent unless settings allow it. Referer is written anew (Fetch, 4.4). 300 and 304 are answers, not redirects, and so
is a redirect that leads nowhere: one without a Location. One with two different ones is an error.

A page may redirect, too: see `refresh`. Such a redirect is followed like a 303, except that one to the page itself,
or of more than a few seconds, is a page like any other: it means to show news, not to send anybody away.
"""

from collections.abc import Collection
from typing import Any

from scraper import urls
from scraper.errors import FetchError, Reason
from scraper.http.request import Request
from scraper.http.response import Headers, Response
from scraper.network.policies.meta_refresh import refresh
from scraper.network.policies.referrer import HEADER, asked_for, referer
from scraper.network.policies.status import is_asked_for
from scraper.protocols import Attempts
from scraper.settings.schema import NetworkSettings
from scraper.verdict import Fail, Redirect, Sequel

STATUSES = frozenset({301, 302, 303, 307, 308})
OF_ONE_ORIGIN = frozenset({"authorization", "cookie", "proxy-authorization", "host"})


class Redirects:
    """The policy that follows redirects, as `settings` allow.

    Statuses in `accepted`, those that a request asks for (see `status.is_asked_for`), and all answers to a request
    with `meta["dont_redirect"]` are left alone.
    """

    def __init__(self, settings: NetworkSettings, *, accepted: Collection[int] = ()) -> None:
        self._most = settings.max_redirects
        self._longest_refresh = settings.meta_refresh
        self._may_resend = settings.resend_bodies
        self._referrer_policy = settings.referrer_policy
        self._secrets = OF_ONE_ORIGIN | {name.lower() for name in settings.secret_headers}
        self._accepted = frozenset(accepted)

    def __call__(self, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel | None:
        if isinstance(outcome, FetchError):
            return None
        if not self.is_followed(request, outcome.status, outcome.headers):
            return self._refreshed(request, outcome, attempts) if self._longest_refresh else None
        locations = set(outcome.headers.getall("Location"))
        target = urls.join(request.url, _readable(locations.pop()))
        if target is None or locations:
            return Fail(Reason.BAD_REDIRECT)
        return self._sequel(request, outcome, target, attempts)

    def is_followed(self, request: Request, status: int, headers: Headers) -> bool:
        """Whether an answer of this `status` with these `headers` is a redirect, and nobody wants to see it."""
        return (
            status in STATUSES
            and bool(headers.get("Location"))
            and not request.meta.get("dont_redirect")
            and not is_asked_for(request, status, self._accepted)
        )

    def _refreshed(self, request: Request, page: Response, attempts: Attempts) -> Sequel | None:
        """What follows a page that sends everybody away."""
        found = refresh(page) if 200 <= page.status < 300 else None
        if found is None or found[0] >= self._longest_refresh or not urls.is_web(found[1]):
            return None
        if urls.without_fragment(found[1]) == urls.without_fragment(request.url) and request.method == "GET":
            return None
        if request.meta.get("dont_redirect") or is_asked_for(request, page.status, self._accepted):
            return None
        return self._sequel(request, page, found[1], attempts)

    def _sequel(self, request: Request, answer: Response, target: str, attempts: Attempts) -> Sequel:
        if not urls.is_web(target):
            return Fail(Reason.SCHEME_NOT_ALLOWED)
        if len(attempts.hops) >= self._most:
            return Fail(Reason.TOO_MANY_REDIRECTS)
        following = self._next(request, answer, _with_fragment(target, request.url))
        has_content = following.body or following.files or following.body_file
        if has_content and not self._may_resend and urls.origin(following.url) != urls.origin(request.url):
            return Fail(Reason.BAD_REDIRECT)
        return Redirect(following)

    def _next(self, request: Request, answer: Response, target: str) -> Request:
        headers, cookies = request.headers, request.cookies
        changes: dict[str, Any] = {"url": target}
        if _becomes_get(request.method, answer.status):
            changes |= {"method": "GET", "body": b"", "files": {}, "body_file": ""}
            headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
        if urls.origin(target) != urls.origin(request.url):
            headers = {name: value for name, value in headers.items() if name.lower() not in self._secrets}
            cookies = {}
        elif cookies:  # the server's word counts more than ours, which it has heard
            changed = {each.partition("=")[0].strip() for each in answer.headers.getall("Set-Cookie", ())}
            cookies = (
                {name: value for name, value in cookies.items() if name not in changed}
                if isinstance(cookies, dict)
                else [each for each in cookies if each["name"] not in changed]
            )
        if any(name.lower() == "referer" for name, value in headers.items() if value is not None):
            headers = self._with_referer(headers, answer, target)
        return request.replace(**changes, headers=headers, cookies=cookies)

    def _with_referer(self, headers: dict[str, str], answer: Response, target: str) -> dict[str, str]:
        """`headers` with a Referer that tells `target` no more of its page than the policy allows.

        One that was given by hand, where settings say no-referrer, does not leave https.
        """
        ours = self._referrer_policy if self._referrer_policy != "no-referrer" else "no-referrer-when-downgrade"
        policy = asked_for(",".join(answer.headers.getall(HEADER, ())), ours)
        pages = [urls.canonical(value) for name, value in headers.items() if name.lower() == "referer"]
        told = referer(policy, pages[0], target) if pages[0] is not None else None
        kept = {name: value for name, value in headers.items() if name.lower() != "referer"}
        return kept if told is None else {**kept, "Referer": told}

    def __repr__(self) -> str:
        return f"<Redirects at most {self._most}>"


def _becomes_get(method: str, status: int) -> bool:
    """Whether what follows is a GET though a `method` was answered, by a redirect of `status` or by a page."""
    if method in {"GET", "HEAD"}:
        return False
    return status == 303 or status < 300 or (status in {301, 302} and method == "POST")


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
