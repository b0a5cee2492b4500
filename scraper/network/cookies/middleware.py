"""Cookies: a jar for each named session, filled from every answer and asked before every request.

`jar` decides which cookie goes where. A request's own `cookies` are put into the jar as if its host had set them, so
they go with this request and with those that follow. A session that never met a cookie has no jar, and costs nothing.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from aiohttp.hdrs import SET_COOKIE

from scraper import urls
from scraper.errors import FetchError, Reason, SettingsError, SpiderError, StorageError
from scraper.http.headers import left_out, own_headers
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.network.cookies import cookie_file
from scraper.network.cookies.jar import Cookie, Jar, canonical_domain, is_address
from scraper.network.cookies.public_suffixes import is_public_suffix
from scraper.network.headers import check
from scraper.protocols import Fetch


class Cookies:
    """The middleware that keeps cookies, in one jar for each `Request.session`.

    A request with `meta["dont_merge_cookies"]`, Scrapy's word, is sent with its own cookies only, and what the
    answer sets is not kept. All requests are such unless `is_on`. `wall` is the time of day in seconds since 1970.
    """

    def __init__(self, *, is_on: bool, wall: Callable[[], float]) -> None:
        self._is_on = is_on
        self._wall = wall
        self._jars: dict[str, Jar] = {}

    async def __call__(self, request: Request, fetch: Fetch) -> Response:
        if request.cookies:
            _check(request)
        if not self._is_on or (request.meta and request.meta.get("dont_merge_cookies")):
            pairs = self._own(request) if request.cookies else []
            return await (_sent(request, pairs, fetch) if pairs else fetch(request))
        jar = self._jars.get(request.session)
        if jar is None and not request.cookies:
            response = await fetch(request)
        else:
            jar, now = jar or self.jar(request.session), self._wall()
            if request.cookies:
                _put(request, jar, now)
            pairs = [cookie.pair for cookie in jar.matching(request.url, now)]
            response = await (_sent(request, pairs, fetch) if pairs else fetch(request))
        if SET_COOKIE in response.headers:
            self.jar(request.session).store(request.url, response.headers.getall(SET_COOKIE), self._wall())
        return response

    def _own(self, request: Request) -> list[str]:
        """The cookies of a request that is sent without others: those that are for its URL."""
        if isinstance(request.cookies, dict):
            return [f"{name}={value}" for name, value in request.cookies.items()]
        jar, now = Jar(is_public_suffix=is_public_suffix), self._wall()
        _put(request, jar, now)
        return [cookie.pair for cookie in jar.matching(request.url, now)]

    def jar(self, session: str) -> Jar:
        """The jar of `session`, which has one from now on."""
        jar = self._jars.get(session)
        if jar is None:
            jar = self._jars[session] = Jar(is_public_suffix=is_public_suffix)
        return jar

    # What outlives the crawl.

    def changes(self) -> dict[str, Any]:
        """The sessions whose cookies were changed since this was last asked, by name, as `recall()` takes them."""
        changed = {name: jar.kept() for name, jar in self._jars.items() if jar.has_changed}
        for name in changed:
            self._jars[name].has_changed = False
        return changed

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Take back what `changes()` gave, in an earlier run."""
        for name, cookies in kept.items():
            jar = self._jars[name] = Jar(is_public_suffix=is_public_suffix)
            jar.recall(cookies)

    def load(self, path: str) -> None:
        """Take the cookies of a Netscape cookie file into the jar of requests that name no session.

        Raises `SettingsError` if it cannot be read.
        """
        try:
            cookies = list(cookie_file.read(Path(path).read_text("utf-8")))
        except OSError as error:
            raise SettingsError(f"[network] load_cookies: {path}: {error.strerror}") from None
        except ValueError as error:
            raise SettingsError(f"[network] load_cookies: {path}: {error}") from None
        now = self._wall()
        for cookie in cookies:
            self.jar("").add(cookie, now)

    def save(self, path: str) -> None:
        """Write the jar of requests that name no session as a Netscape cookie file, for its owner's eyes only.

        It takes the place of `path` once it is whole. Raises `StorageError` if it cannot be written.
        """
        text = cookie_file.written(self._jars.get("", ()))
        part = Path(f"{path}.part")
        try:
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            part.replace(path)
        except OSError as error:
            raise StorageError(f"[network] save_cookies: {path}: {error.strerror}") from None

    def __repr__(self) -> str:
        return f"<Cookies of {len(self._jars)} sessions>"


def _put(request: Request, jar: Jar, now: float) -> None:
    """Put the cookies of a request into a jar: as its host would set them, or for the domains and paths they name."""
    if isinstance(request.cookies, dict):
        jar.put(request.url, request.cookies.items(), now)
        return
    for each in request.cookies:
        jar.add(_cookie(each, request.url), now)


def _cookie(parts: Mapping[str, Any], url: str) -> Cookie:
    """A cookie that a request gives in parts (`scraper.http.values`); what it does not say is as for a plain one.

    Raises `FetchError` for a domain under which anybody can have a name.
    """
    host = urls.host(url)
    domain, path = canonical_domain(parts.get("domain", "").removeprefix(".")) or host, parts.get("path", "/")
    is_shared = is_public_suffix(domain)
    if is_shared and domain != host:
        detail = f"the cookie {parts['name']!r:.80} is for {domain!r:.80}, where anybody can have a name"
        raise FetchError(Reason.BAD_REQUEST, urls.without_credentials(url), detail)
    return Cookie(
        parts["name"],
        parts["value"],
        domain,
        path if path.startswith("/") else "/",
        is_secure=parts.get("secure", url.startswith("https:")),
        is_host_only=not parts.get("domain") or is_shared or is_address(domain),
    )


async def _sent(request: Request, pairs: Iterable[str], fetch: Fetch) -> Response:
    """The answer to `request`, sent with cookies after those in a Cookie header that was given by hand."""
    if "cookie" in left_out(request.headers):
        return await fetch(request)
    given = "; ".join(value for name, value in own_headers(request.headers).items() if name.lower() == "cookie")
    if given:
        by_hand = {each.partition("=")[0].strip() for each in given.split(";")}
        pairs = [given, *(pair for pair in pairs if pair.partition("=")[0] not in by_hand)]
    headers = {name: value for name, value in request.headers.items() if name.lower() != "cookie"}
    headers["Cookie"] = "; ".join(pairs)
    response = await fetch(request.replace(headers=headers))
    response.request = request  # with today's cookies in a header it could not be sent again tomorrow
    return response


def _check(request: Request) -> None:
    try:
        check(request)
    except SpiderError as error:
        raise FetchError(Reason.BAD_REQUEST, urls.without_credentials(request.url), str(error)) from error
