"""Headers and cookies as they are given to a request, and as they are sent: see `values` for what may be given.

What would be something else on the wire is refused: a line break or a NUL begins another header, a semicolon another
cookie, and a name is one word (a token of RFC 9110, 5.6.2).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from scraper.http.values import TEXT, TOKEN, Asked, each_of, name_of, number, pairs, refuse, scalar, text_of, told

Cookies = dict[str, str] | list[dict[str, Any]]

SPLITS = re.compile(r"[\r\n\0]")  # what ends a line, and so begins another header
ENDS_NAME = re.compile(r"[;,= \t\r\n\0]")  # what no name of a cookie has
ENDS_COOKIE = re.compile(r"[;\r\n\0]")  # nor any value

_TEXT_OR_NONE: frozenset[type] = TEXT | {type(None)}


def are_settled(headers: Mapping[Any, Any], cookies: Any) -> bool:
    """Whether the headers and cookies of a request, which can be changed in place, still are what they became."""
    return _is_plain(headers, _TEXT_OR_NONE) and (type(cookies) is list or _is_plain(cookies, TEXT))


def _is_plain(given: Any, values: frozenset[type]) -> bool:
    return type(given) is dict and TEXT.issuperset(map(type, given)) and values.issuperset(map(type, given.values()))


def settled_headers(request: Asked, given: Any) -> dict[str, str | None]:
    """Headers by name; several values of a name become one (RFC 9110, 5.3). None means: do not send it."""
    settled = {**given} if _is_plain(given, _TEXT_OR_NONE) else _joined_headers(request, given)
    for name, value in settled.items():
        if not TOKEN.fullmatch(name):
            refuse(request, f"headers has the name {name!r:.80}, which is not one word")
        if value is not None and SPLITS.search(value):
            refuse(request, f"headers[{name!r:.80}] has a line break or a NUL")
    return settled


def _joined_headers(request: Asked, given: Any) -> dict[str, str | None]:
    found: dict[str, tuple[str, list[str]]] = {}
    for key, value in pairs(request, "headers", given):
        name = name_of(request, "headers", key)
        values = found.setdefault(name.lower(), (name, []))[1]
        values += [_header(request, name, each) for each in each_of(value) if each is not None]
    return {name: _joined(name, values) for name, values in found.values()}


def _header(request: Asked, name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, str):
        return number(value)
    return text_of(request, value, "text, bytes, a whole number, or a list of these", "headers", name)


def _joined(name: str, values: list[str]) -> str | None:
    return ("; " if name.lower() == "cookie" else ", ").join(values) if values else None


def settled_cookies(request: Asked, given: Any) -> Cookies:
    """Cookies by name; or, where one is not for its whole host and no other, a list with the parts of each."""
    settled = _cookies(request, given)
    for name, value in cookie_pairs(settled):
        if ENDS_NAME.search(name):
            refuse(request, f"cookies has the name {name!r:.80}: it may have no space, and none of ; , =")
        if ENDS_COOKIE.search(value):
            refuse(request, f"cookies[{name!r:.80}] has a line break, a NUL or a semicolon")
    return settled


def _cookies(request: Asked, given: Any) -> Cookies:
    if _is_plain(given, TEXT):
        return {**given}
    if given is None or isinstance(given, Mapping):
        return {
            name_of(request, "cookies", name): scalar(request, value, "cookies", name)
            for name, value in pairs(request, "cookies", given)
            if value is not None
        }
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        refuse(request, f"cookies is {told(given)}; give a dict, or a list of dicts with name and value")
    found = [parts for place, each in enumerate(given) if "value" in (parts := _cookie(request, place, each))]
    if any(len(parts) > 2 for parts in found):
        return found
    return {parts["name"]: parts["value"] for parts in found}


def _cookie(request: Asked, place: int, given: Any) -> dict[str, Any]:
    """The parts of a cookie that mean something, as Scrapy takes them; without a value if it is None."""
    if not isinstance(given, Mapping):
        refuse(request, f"cookies[{place}] is {told(given)}; give a dict with name and value")
    parts: dict[str, Any] = {}
    for part in ("name", "value", "domain", "path"):
        value = given.get(part)
        if value is not None:
            parts[part] = scalar(request, value, "cookies", place, part)
        elif part == "name" or (part == "value" and part not in given):
            refuse(request, f"cookies[{place}] has no {part}")
    if given.get("secure") is not None:
        parts["secure"] = bool(given["secure"])
    if parts.get("path") == "/":  # as if it were not said
        del parts["path"]
    return parts


def response_headers(response: Asked, given: Any) -> list[tuple[str, str]]:
    """The header fields of a response, those that are repeated one by one."""
    return [
        (name, _header(response, name, each))
        for key, value in pairs(response, "headers", given)
        for name in (name_of(response, "headers", key),)
        for each in each_of(value)
        if each is not None
    ]


# What was given, as it is sent.


def own_headers(headers: Mapping[str, str | None]) -> dict[str, str]:
    """The headers that a request gives, without the ones set to None."""
    return {name: value for name, value in headers.items() if value is not None}


def left_out(headers: Mapping[str, str | None]) -> frozenset[str]:
    """The names, in lower case, of the headers that a request is to be sent without."""
    return frozenset(name.lower() for name, value in headers.items() if value is None)


def cookie_pairs(cookies: Cookies) -> Iterable[tuple[str, str]]:
    """The names and values of cookies, whichever way a request has them."""
    return cookies.items() if isinstance(cookies, dict) else [(each["name"], each["value"]) for each in cookies]
