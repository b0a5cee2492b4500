"""Who the crawl is, told to the origins that settings name and to no other: `[[network.auth]]`.

Basic (RFC 7617) and Bearer (RFC 6750) are sent with every request. Digest (RFC 7616) answers a challenge: the first
request to an origin is sent twice, as is any whose nonce the server no longer takes; the others are answered ahead.
An Authorization header given by hand, and a user in the URL, win.
"""

from base64 import b64encode
from collections.abc import Iterable
from secrets import token_urlsafe

from scraper import urls
from scraper.errors import SettingsError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.network.auth.digest import Challenge, answer, challenge
from scraper.protocols import Fetch
from scraper.settings.schema import AuthSettings


class Auth:
    """The middleware that says who we are. Raises `SettingsError` for an entry that cannot be used."""

    def __init__(self, entries: Iterable[AuthSettings]) -> None:
        self._digests: dict[str, _Digest] = {}
        self._words: dict[str, str] = {}
        for number, entry in enumerate(entries, 1):
            origin = _origin(entry, number)
            if entry.type == "digest":
                self._digests[origin] = _Digest(entry.user, entry.password.get_secret_value())
            else:
                self._words[origin] = _word(entry)

    async def __call__(self, request: Request, fetch: Fetch) -> Response:
        origin = urls.origin(request.url)
        word, digest = self._words.get(origin), self._digests.get(origin)
        if (word is None and digest is None) or _speaks_for_itself(request):
            return await fetch(request)
        if digest is not None:
            word = digest.word(request)
        response = await fetch(_with(request, word) if word is not None else request)
        if digest is not None and response.status == 401:
            digest.challenge = challenge(response.headers.getall("WWW-Authenticate", ()))
            word = digest.word(request)
            if word is not None:
                response = await fetch(_with(request, word))
        response.request = request  # it may be sent on to another origin, and be logged
        return response

    def __repr__(self) -> str:
        return f"<Auth for {', '.join([*self._words, *self._digests])}>"


class _Digest:
    """What is known of an origin that asks for Digest."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self.challenge: Challenge | None = None

    def word(self, request: Request) -> str | None:
        """What to say with `request`; None as long as nothing was asked."""
        if self.challenge is None:
            return None
        return answer(self.challenge, request, self._user, self._password, token_urlsafe(16))


def _origin(entry: AuthSettings, number: int) -> str:
    """The origin that `entry` is for, as URLs have it."""
    where = f"[[network.auth]] #{number}"
    url = urls.canonical(entry.origin)
    if url is None or not urls.is_web(url) or url != f"{urls.origin(url)}/":
        raise SettingsError(f'{where} origin: expected scheme, host and port, as in "https://a.example"')
    if entry.type == "bearer":
        if not entry.token.get_secret_value() or entry.user or entry.password.get_secret_value():
            raise SettingsError(f'{where}: "bearer" takes a token, and neither user nor password')
    elif not entry.user or entry.token.get_secret_value():
        raise SettingsError(f'{where}: "{entry.type}" takes user and password, and no token')
    elif ":" in entry.user:
        raise SettingsError(f"{where} user: must not have a colon (RFC 7617, 2)")
    said = f"{entry.user}{entry.password.get_secret_value()}{entry.token.get_secret_value()}"
    if any(each in said for each in "\r\n\0"):
        raise SettingsError(f"{where}: a line break cannot be sent")
    return urls.origin(url)


def _word(entry: AuthSettings) -> str:
    if entry.type == "bearer":
        return f"Bearer {entry.token.get_secret_value()}"
    pair = f"{entry.user}:{entry.password.get_secret_value()}"
    return "Basic " + b64encode(pair.encode()).decode()


def _speaks_for_itself(request: Request) -> bool:
    has_user = "@" in request.url and urls.without_credentials(request.url) != request.url
    return has_user or any(name.lower() == "authorization" for name in request.headers)


def _with(request: Request, word: str) -> Request:
    return request.replace(headers={**request.headers, "Authorization": word})
