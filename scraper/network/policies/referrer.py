"""What the Referer header tells of the page that led to a request (Referrer Policy, W3C, 8.3 and 8.4).

A policy is one of eight words; what it does depends on whether both addresses are of one origin, and on whether the
way leads from https to http. User, password and fragment are never told.
"""

from collections.abc import Callable, Mapping

from scraper import urls
from scraper.http.request import Links, Request
from scraper.http.response import Response

HEADER = "Referrer-Policy"
LONGEST = 4096  # characters of an address that is told in full; of a longer one its origin is


def _nothing(page: str, *, is_same: bool, is_downgrade: bool) -> str | None:
    return None


def _all(page: str, *, is_same: bool, is_downgrade: bool) -> str | None:
    return page


def _all_if_safe(page: str, *, is_same: bool, is_downgrade: bool) -> str | None:
    return None if is_downgrade else page


def _origin(page: str, *, is_same: bool, is_downgrade: bool) -> str | None:
    return f"{urls.origin(page)}/"


def _origin_if_safe(page: str, *, is_same: bool, is_downgrade: bool) -> str | None:
    return None if is_downgrade else f"{urls.origin(page)}/"


def _all_at_home(page: str, *, is_same: bool, is_downgrade: bool) -> str | None:
    return page if is_same else None


def _origin_abroad(page: str, *, is_same: bool, is_downgrade: bool) -> str | None:
    return page if is_same else f"{urls.origin(page)}/"


def _origin_abroad_if_safe(page: str, *, is_same: bool, is_downgrade: bool) -> str | None:
    return page if is_same else None if is_downgrade else f"{urls.origin(page)}/"


POLICIES: Mapping[str, Callable[..., str | None]] = {
    "no-referrer": _nothing,
    "no-referrer-when-downgrade": _all_if_safe,
    "origin": _origin,
    "origin-when-cross-origin": _origin_abroad,
    "same-origin": _all_at_home,
    "strict-origin": _origin_if_safe,
    "strict-origin-when-cross-origin": _origin_abroad_if_safe,
    "unsafe-url": _all,
}


def referer(policy: str, page: str, target: str) -> str | None:
    """What the Referer of a request for `target`, found at `page`, is under `policy`; None for no header at all.

    Both are canonical URLs. A page that is not a web page is never named.
    """
    if not urls.is_web(page):
        return None
    told = urls.without_fragment(urls.without_credentials(page))
    if len(told) > LONGEST:
        told = f"{urls.origin(page)}/"
    is_same = urls.origin(page) == urls.origin(target)
    is_downgrade = page.startswith("https:") and not target.startswith("https:")
    return POLICIES[policy](told, is_same=is_same, is_downgrade=is_downgrade)


def with_referer(request: Request, page: str, policy: str) -> Request:
    """`request`, which was found at `page`, with the Referer that `policy` allows; one given by hand stays."""
    told = referer(policy, page, request.url)
    if told is None or any(name.lower() == "referer" for name in request.headers):
        return request
    return request.replace(headers={**request.headers, "Referer": told})


def asked_for(header: str, default: str) -> str:
    """The policy that a Referrer-Policy header asks for: the last word that is one, or else `default`."""
    words = (word.strip().lower() for word in reversed(header.split(",")))
    return next((word for word in words if word in POLICIES), default)


class Referring(Links):
    """Links whose requests tell which page they were found on, as its policy allows."""

    __slots__ = ("_page", "_policy")

    def __init__(self, links: Links, page: str, policy: str) -> None:
        super().__init__(links.model, links.urls)
        self._page = page
        self._policy = policy

    def request(self, url: str) -> Request:
        """The request for one of `urls`."""
        return with_referer(super().request(url), self._page, self._policy)

    def part(self, start: int, end: int) -> Links:
        """Those from place `start` on and before `end`."""
        return Referring(super().part(start, end), self._page, self._policy)


class Referrers:
    """Has requests tell which page they were found on: by `policy`, unless that page asks for another."""

    def __init__(self, policy: str) -> None:
        self._policy = policy

    def __call__(self, found: Request | Links, page: Response) -> Request | Links:
        """What was found on `page`, with a Referer if there is to be one."""
        policy = asked_for(page.headers.get("Referrer-Policy", ""), self._policy)
        if isinstance(found, Links):
            return Referring(found, page.url, policy)
        return with_referer(found, page.url, policy)
