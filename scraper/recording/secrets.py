"""What a recording, which may end up in a repository, should not tell: credentials, cookies, passwords in forms.

What pages say is kept as it is. Names stay, values become `stripped`.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import MsgspecError

from scraper.http.headers import cookie_pairs, own_headers
from scraper.http.request import FORM, Request
from scraper.urls import without_credentials

STRIPPED = "stripped"

_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})
_NAME = re.compile(r"passw|passphrase|pwd|secret|credential|api[-_]?key|(access|auth|csrf)[-_]?token", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a header, a field of a form or an argument of this name holds what is nobody else's business."""
    return name.lower() in _HEADERS or _NAME.search(name) is not None


def stripped(request: Request) -> Request:
    """`request` without its secrets: in its URL, its headers, its cookies, and a body that is a form or JSON."""
    return request.replace(
        url=without_credentials(request.url),
        headers=dict(stripped_headers(own_headers(request.headers))),
        cookies={name: STRIPPED for name, _ in cookie_pairs(request.cookies)},
        body=_stripped_body(request),
        proxy=None,
    )


def stripped_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The names and values of `headers`, those that are repeated as well, without their secrets.

    What a Set-Cookie says of the cookie beside its value stays, and so does that it is deleted.
    """
    for name, value in headers.items():
        if name.lower() == "set-cookie":
            pair, mark, rest = value.partition(";")
            cookie, _, secret = pair.partition("=")
            yield name, f"{cookie}={STRIPPED if secret.strip() else ''}{mark}{rest}"
        else:
            yield name, STRIPPED if is_secret(name) else value


def _stripped_body(request: Request) -> bytes:
    body = request.body
    assert isinstance(body, bytes)
    if not body or not _NAME.search(body.decode("latin-1")):
        return body
    kind = next((value for name, value in own_headers(request.headers).items() if name.lower() == "content-type"), "")
    if kind.startswith(FORM):
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        return urlencode([(name, STRIPPED if is_secret(name) else value) for name, value in pairs]).encode()
    try:
        return msgspec.json.encode(_without(msgspec.json.decode(body)))
    except (MsgspecError, UnicodeDecodeError):
        return body


def _without(value: object) -> object:
    match value:
        case dict():
            return {name: STRIPPED if is_secret(str(name)) else _without(each) for name, each in value.items()}
        case list():
            return [_without(each) for each in value]
    return value
