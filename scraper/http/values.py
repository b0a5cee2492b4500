"""What may be given to a request, and what it becomes: a mistake is told in the line that makes it, by field and key.

| field | what may be given |
|---|---|
| `headers` | a mapping or pairs; a value is text, bytes, a whole number, or a list of these. None leaves a header out |
| `cookies` | a mapping; or a list of mappings with `name`, `value`, and if need be `domain`, `path`, `secure` |
| `body` | text or bytes |
| `form`, `params` | a mapping or pairs; a value is text, bytes, a number, or a list of these. None leaves it out |
| `json` | whatever msgspec can write |
| `meta`, `cb_kwargs` | a mapping or pairs; the keys of `cb_kwargs` are text |
| `method` | one word |
| `proxy` | an address, `http://host:port`, or with https or socks5 |
| `auth` | user and password, both text; a user's name has no colon (RFC 7617, 2) |
| `timeout` | seconds |
| `priority` | a whole number |

Everything else is a `SpiderError`. It tells the type of a value and never the value, which may be a secret. What is
plain already passes by a look at its types. Headers and cookies have a module of their own.
"""

import codecs
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NoReturn, Protocol

import msgspec

from scraper import urls
from scraper.errors import SpiderError

TEXT: frozenset[type] = frozenset((str,))
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_PROXIES = ("http://", "https://", "socks5://", "socks5h://")
_PRIORITIES = range(-(2**62), 2**62)  # what a database can order


class Asked(Protocol):
    """A request, or a response, that is being made. Its fields hold whatever they were given."""

    @property
    def url(self) -> str: ...


def refuse(request: Asked, text: str) -> NoReturn:
    """Raise the error that tells what is wrong with a field of `request`."""
    raise SpiderError(f"{type(request).__name__}({urls.without_credentials(str(request.url))!r}): {text}")


def mapping(request: Asked, field: str, given: Any) -> dict[Any, Any]:
    """A copy of what `meta` and `cb_kwargs` are given, as a dict."""
    found = {**given} if type(given) is dict else dict(pairs(request, field, given))
    if field == "cb_kwargs" and not TEXT.issuperset(map(type, found)):
        odd = next(key for key in found if type(key) is not str)
        refuse(request, f"cb_kwargs has the key {odd!r:.40}; they are names of arguments, and so text")
    return found


# Contents.


def body(request: Asked, given: Any, encoding: str) -> bytes:
    """Content as bytes, text in `encoding`."""
    if isinstance(given, str):
        try:
            return given.encode(encoding)
        except UnicodeEncodeError as error:
            refuse(request, f"body has {given[error.start]!a}, which is not in {encoding}")
    return content(request, given, "text or bytes, or the data as json or form")


def fields(request: Asked, name: str, given: Any) -> list[tuple[str | bytes, str | bytes]]:
    """The fields of a form, or of a query, one by one. `name` is what the request calls them."""
    found: list[tuple[str | bytes, str | bytes]] = []
    for key, value in pairs(request, name, given):
        field = key if type(key) is str or isinstance(key, bytes) else name_of(request, name, key)
        for each in (value,) if type(value) is str else each_of(value):
            if type(each) is str or isinstance(each, bytes):
                found.append((field, each))
            elif each is not None:
                found.append((field, scalar(request, each, name, key)))
    return found


def encoded_fields(request: Asked, name: str, given: Any, encoding: str) -> list[tuple[bytes, bytes]]:
    """The fields of a form, or of a query, in an encoding."""
    try:
        return [(_in(encoding, key), _in(encoding, value)) for key, value in fields(request, name, given)]
    except UnicodeEncodeError as error:
        refuse(request, f"{name} has {error.object[error.start]!a}, which is not in {encoding}")


def _in(encoding: str, text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode(encoding)


def json(request: Asked, given: Any) -> bytes:
    """Data as JSON."""
    try:
        return msgspec.json.encode(given)
    except (TypeError, ValueError, OverflowError) as error:
        place, value = _unwritable(given)
        refuse(request, f"json{place} is {told(value)}, which JSON cannot hold ({' '.join(str(error).split())})")
    except RecursionError:
        refuse(request, "json is nested too deeply, or contains itself")


def _unwritable(value: Any) -> tuple[str, Any]:
    """The innermost part of `value` that JSON cannot hold, and where that is."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, each in parts:
        try:
            msgspec.json.encode(each)
        except (TypeError, ValueError, OverflowError):
            place, found = _unwritable(each)
            return f"[{key!r:.40}]{place}", found
    return "", value


def paths(request: Asked, given: Any) -> dict[str, str]:
    """The paths of files, by the names of their fields."""
    return {
        name_of(request, "files", name): path(request, value, "files", name)
        for name, value in pairs(request, "files", given)
    }


def path(request: Asked, given: Any, *place: Any) -> str:
    """The path of a file, given at `place`."""
    if isinstance(given, str | os.PathLike):
        return os.fsdecode(given)
    refuse(request, f"{place_of(*place)} is {told(given)}; give the path of the file, which is read when it is sent")


# Everything else.


def basic(request: Asked, given: Any) -> str:
    """The value of an Authorization header for a pair of user and password (RFC 7617)."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        refuse(request, f"auth is {told(given)}; give a pair, (user, password)")
    user, password = (text_of(request, each, "text", "auth", place) for place, each in enumerate(given))
    if ":" in user:
        refuse(request, "auth[0] has a colon, which begins the password: no user's name can have one")
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def method(request: Asked, given: Any) -> str:
    """A method in upper case."""
    name = text_of(request, given, "text", "method").upper() if given is not None else ""
    if name and not TOKEN.fullmatch(name):
        refuse(request, f"method is {name!r:.40}, which is not one word")
    return name


def timeout(request: Asked, given: Any) -> float:
    """A number of seconds."""
    if isinstance(given, int | float | Decimal) and not isinstance(given, bool) and given > 0:
        return float(given)
    shown = f"{given}" if isinstance(given, int | float | Decimal) else told(given)
    refuse(request, f"timeout is {shown}; give a number of seconds above 0")


def priority(request: Asked, given: Any) -> int:
    """A whole number."""
    if not isinstance(given, int):
        refuse(request, f"priority is {given!r:.40}; give a whole number")
    if int(given) not in _PRIORITIES:
        refuse(request, f"priority is {given!r:.40}; give a number between -(2**62) and 2**62")
    return int(given)


def text(request: Asked, field: str, given: Any) -> str:
    """A text, in a field that takes nothing else; a number may be the name of a session, and None is no session."""
    if field == "session" and (given is None or isinstance(given, int)):
        return "" if given is None else number(given)
    return text_of(request, given, "text", field)


def proxy(request: Asked, given: Any) -> str:
    """The address of a proxy, by HTTP if it names no scheme; an empty one is no proxy."""
    address = text_of(request, given, "text", "proxy")
    url = urls.canonical(address if "://" in address else f"http://{address}")
    if address and (url is None or not url.startswith(_PROXIES)):
        refuse(request, "proxy is not an address: write http://host:port, or with https or socks5")
    return address


def codec(request: Asked, given: Any) -> str:
    """The name of an encoding that Python knows."""
    name = text_of(request, given, "text", "encoding")
    try:
        codecs.lookup(name)
    except LookupError:
        refuse(request, f"encoding is {name!r:.40}, which Python does not know")
    return name


# Of a response that is made by hand.


def status(response: Asked, given: Any) -> int:
    """A status code."""
    if isinstance(given, int) or (isinstance(given, str | bytes) and given.isdigit()):
        return int(given)
    refuse(response, f"status is {given!r:.40}; give a number, as 200")


def content(response: Asked, given: Any, wanted: str = "text or bytes") -> bytes:
    """The body of a response, which is not text."""
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    if given is None:
        return b""
    refuse(response, f"body is {told(given)}; give {wanted}")


# What they have in common.


def pairs(request: Asked, field: str, given: Any) -> Iterable[tuple[Any, Any]]:
    """The names and values that a mapping has, or that come as pairs."""
    if given is None:
        return ()
    if isinstance(given, Mapping) or hasattr(given, "items"):
        items: Iterable[tuple[Any, Any]] = given.items()
        return items
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        advice = "; what is encoded already is a body" if field in {"form", "formdata"} else ""
        refuse(request, f"{field} is {told(given)}; give a dict, or pairs of name and value{advice}")
    found = list(given)
    for place, pair in enumerate(found):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            refuse(request, f"{field}[{place}] is {told(pair)}; give a pair of name and value")
    return found


def each_of(value: Any) -> Iterable[Any]:
    """The values of a field: those of a list, or of whatever else has several."""
    is_one = isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable)
    return (value,) if is_one else value


def name_of(request: Asked, field: str, name: Any) -> str:
    """The name of a header, a cookie or a field of a form as text."""
    if type(name) is str:
        return name
    if not isinstance(name, str | bytes):
        refuse(request, f"{field} has the name {name!r:.40}; give text or bytes")
    return text_of(request, name, "text or bytes", field, repr(name))


def scalar(request: Asked, value: Any, *place: Any) -> str:
    """One value, which stands at a `place`, as text."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, str):
        return number(value)
    return text_of(request, value, "text, bytes or a number", *place)


def number(value: float | Decimal) -> str:
    """A number as text; a member of an IntEnum is its number."""
    return int.__repr__(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def text_of(request: Asked, value: Any, wanted: str, *place: Any) -> str:
    """`value`, which stands at a `place` (a field, and keys), as text. What is `wanted` may be bytes as well."""
    if isinstance(value, str):
        return str.__str__(value)  # also of a member of an Enum, which tells its name otherwise
    if isinstance(value, bytes) and wanted != "text":
        try:
            return value.decode()
        except UnicodeDecodeError:
            refuse(request, f"{place_of(*place)} is bytes that are not UTF-8")
    refuse(request, f"{place_of(*place)} is {told(value)}; give {wanted}")


def place_of(field: str, *keys: Any) -> str:
    """How a place is written: `headers['X-A']`."""
    return field + "".join(f"[{key!r:.80}]" for key in keys)


def told(value: Any) -> str:
    """What an error tells of a value: its type."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
