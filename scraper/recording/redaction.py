"""What a recording, which may end up in a repository, should not hold: credentials, cookies, passwords in forms.

What is secret `scraper.secrets` knows by its name, and settings may name more headers. Names stay, values become
`stripped`. What pages say is kept as it is.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from msgspec import MsgspecError

from scraper.http.headers import cookie_pairs, own_headers
from scraper.http.request import FORM, Request
from scraper.secrets import PROXIES, in_proxies, in_urls, is_secret, names_secret
from scraper.urls import without_credentials

STRIPPED = "stripped"


def stripped(request: Request, headers: Collection[str] = ()) -> Request:
    """`request` without its secrets: in its URL, its headers, its cookies, and a body that is a form or JSON.

    `headers` are names, in lower case, of further headers that are secret.
    """
    return request.replace(
        url=stripped_url(request.url),
        headers=dict(stripped_headers(own_headers(request.headers), headers)),
        cookies={name: STRIPPED for name, _ in cookie_pairs(request.cookies)},
        body=stripped_body(request),
        proxy=None,
    )


def stripped_url(url: str) -> str:
    """`url` without user and password, and without the values of secret parameters."""
    page, hash_, fragment = without_credentials(url).partition("#")
    path, mark, query = page.partition("?")
    return f"{path}{mark}{_stripped_pairs(query)}{hash_}{_stripped_pairs(fragment)}"


def stripped_text(text: str) -> str:
    """`text` whose URLs hold no secrets."""
    return in_urls(text, user="", value=STRIPPED)


def stripped_argument(text: str) -> str:
    """An argument, `NAME=VALUE`, without its secrets."""
    name, _, value = text.partition("=")
    if value and (is_secret(name) or names_secret(value)):
        return f"{name}={STRIPPED}"
    return f"{name}={in_proxies(value, user='') if name.strip() in PROXIES else stripped_text(value)}"


def stripped_headers(headers: Mapping[str, str], secret: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """The names and values of `headers`, those that are repeated as well, without their secrets.

    Those of the names `secret`, in lower case, are secret besides. What a Set-Cookie says of the cookie beside its
    value stays, and so does that it is deleted.
    """
    for name, value in headers.items():
        if name.lower() == "set-cookie":
            pair, mark, rest = value.partition(";")
            cookie, _, content = pair.partition("=")
            yield name, f"{cookie}={STRIPPED if content.strip() else ''}{mark}{rest}"
        elif is_secret(name) or name.lower() in secret:
            yield name, STRIPPED
        else:
            yield name, stripped_text(value)


def stripped_body(request: Request) -> bytes:
    """The content of `request` without its secrets, if it is a form or JSON; all else in it stays as it is."""
    body = request.body
    assert isinstance(body, bytes)
    if not body:
        return body
    kind = next((value for name, value in own_headers(request.headers).items() if name.lower() == "content-type"), "")
    if kind.lower().startswith(FORM):
        return _stripped_pairs(body.decode("latin-1")).encode("latin-1")
    try:
        content = msgspec.json.decode(body)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return body
    kept = without(content, is_secret)
    return body if kept == content else msgspec.json.encode(kept)


def _stripped_pairs(text: str) -> str:
    """A query, or the content of a form, without its secrets."""
    return "&".join(map(_stripped_pair, text.split("&")))


def _stripped_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={STRIPPED}" if equals and is_secret(unquote_plus(name)) else pair


def without(value: Any, is_secret: Callable[[str], object]) -> Any:
    """A value of JSON with `stripped` for whatever stands under a name that `is_secret`."""
    match value:
        case dict():
            return {name: STRIPPED if is_secret(name) else without(each, is_secret) for name, each in value.items()}
        case list():
            return [without(each, is_secret) for each in value]
    return value
