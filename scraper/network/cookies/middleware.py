"""Cookies: a jar for each named session, filled from every answer and asked before every request.

`jar` decides which cookie goes where, `jars` how many sessions have one. A request's own `cookies` are put into the jar
as if its host had set them, so they go with this request and with those that follow. A session that never met a cookie
has no jar, and costs nothing.
"""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from aiohttp.hdrs import SET_COOKIE

from scraper import urls
from scraper.errors import FetchError, Reason, SettingsError, SpiderError, StorageError
from scraper.http.headers import left_out, own_headers
from scraper.http.public_suffixes import is_public_suffix
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.network.cookies import cookie_file
from scraper.network.cookies.jar import Cookie, Jar, canonical_domain, is_address
from scraper.network.cookies.jars import Jars
from scraper.network.headers import check
from scraper.protocols import Fetch

logger = logging.getLogger(__name__)


class Cookies:
    """The middleware that keeps cookies, in one jar for each `Request.session`.

    A request with `meta["dont_merge_cookies"]`, Scrapy's word, is sent with its own cookies only, and what the
    answer sets is not kept. All requests are such unless `is_on`. `wall` is the time of day in seconds since 1970.
    """

    def __init__(self, *, is_on: bool, wall: Callable[[], float]) -> None:
        self.is_worth_saving = True  # until the crawl has failed
        self._is_on = is_on
        self._wall = wall
        self._jars = Jars()

    async def __call__(self, request: Request, fetch: Fetch) -> Response:
        if request.cookies:
            _check(request)
        if not self._is_on or (request.meta and request.meta.get("dont_merge_cookies")):
            pairs = self._own(request) if request.cookies else []
            return await (_sent(request, pairs, fetch) if pairs else fetch(request))
        jars, session = self._jars, request.session
        if request.cookies:
            _put(request, jars.open(session), self._wall())
            jars.filled(session)
        jar = jars.find(session)
        pairs = [cookie.pair for cookie in jar.matching(request.url, self._wall())] if jar is not None else []
        response = await (_sent(request, pairs, fetch) if pairs else fetch(request))
        if SET_COOKIE in response.headers:
            jars.open(session).store(request.url, response.headers.getall(SET_COOKIE), self._wall())
            jars.filled(session)
        return response

    def _own(self, request: Request) -> list[str]:
        """The cookies of a request that is sent without others: those that are for its URL."""
        if isinstance(request.cookies, dict):
            return [f"{name}={value}" for name, value in request.cookies.items()]
        jar, now = Jar(is_public_suffix=is_public_suffix), self._wall()
        _put(request, jar, now)
        return [cookie.pair for cookie in jar.matching(request.url, now)]

    # What outlives the crawl.

    def changes(self) -> dict[str, Any]:
        """The cookies that were set or removed since this was last asked, as `recall()` takes them."""
        return self._jars.changes()

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Take back what `changes()` gave, in an earlier run."""
        self._jars.recall(kept)

    def host_of(self, key: str) -> str:
        """The host that a key of the memory is about: the domain of a cookie."""
        return key.partition("\0")[0]

    def load(self, path: str) -> None:
        """Take the cookies of a Netscape cookie file into the jar of requests that name no session.

        Raises `SettingsError` if it cannot be read.
        """
        try:
            cookies = list(cookie_file.read(Path(path).read_text("utf-8")))
        except OSError as error:
            raise SettingsError(f"[network] load_cookies: {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"[network] load_cookies: {path}: not UTF-8: save it as UTF-8") from None
        except ValueError as error:
            raise SettingsError(f"[network] load_cookies: {path}: {error}") from None
        jar, now = self._jars.open(""), self._wall()
        for cookie in cookies:
            jar.add(cookie, now)
        self._jars.filled("")

    def save(self, path: str) -> None:
        """Write the jar of requests that name no session as a Netscape cookie file, for its owner's eyes only.

        It takes the place of `path` once it is whole; a file of cookies is not replaced by one without any. Raises
        `StorageError` if it cannot be written.
        """
        text = cookie_file.written(self._jars.open(""))
        if text == cookie_file.written(()) and Path(path).exists():
            logger.warning("%s is left as it is, since there are no cookies to save", path)
            return
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
        jar.put(request.url, ((name, str(value)) for name, value in request.cookies.items()), now)
        return
    for each in request.cookies:
        jar.add(_cookie(each, request.url), now)


def _cookie(parts: Mapping[str, Any], url: str) -> Cookie:
    """A cookie that a request gives in parts (`scraper.http.values`); what it does not say is as for a plain one."""
    domain, path = _domain(parts, url), parts.get("path", "/")
    return Cookie(
        parts["name"],
        str(parts["value"]),
        domain,
        path if path.startswith("/") else "/",
        is_secure=parts.get("secure", url.startswith("https:")),
        is_host_only=not parts.get("domain") or is_public_suffix(domain) or is_address(domain),
    )


def _domain(parts: Mapping[str, Any], url: str) -> str:
    """The domain that a cookie given in parts is for: its own, or the host of the request."""
    return canonical_domain(parts.get("domain", "").removeprefix(".")) or urls.host(url)


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
    """Raises `FetchError` for a cookie that cannot be sent, or is for a domain under which anybody can have a name."""
    try:
        check(request)
        if isinstance(request.cookies, list):
            _check_domains(request.cookies, request.url)
    except SpiderError as error:
        raise FetchError(Reason.BAD_REQUEST, urls.without_credentials(request.url), str(error)) from error


def _check_domains(cookies: Iterable[Mapping[str, Any]], url: str) -> None:
    host = urls.host(url)
    for each in cookies:
        domain = _domain(each, url)
        if domain != host and is_public_suffix(domain):
            raise SpiderError(f"the cookie {each['name']!r:.80} is for {domain!r:.80}, where anybody can have a name")
