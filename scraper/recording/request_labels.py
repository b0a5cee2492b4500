"""How a request is called in a recording: by a text that tells it apart, holds no secret, and can be read.

A GET is called by its URL; another by its method, its URL and a digest of its content. What is secret in them is
replaced first, so requests that differ only in a secret have one label, and their answers come in their order.
"""

import hashlib
import re
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

import msgspec

from scraper.http.headers import own_headers
from scraper.http.request import FORM, Request
from scraper.recording.redaction import STRIPPED, stripped_body, stripped_url, without
from scraper.urls import without_credentials, without_fragment

LATEST = 2
"""How new recordings call requests: see `labels`."""


def label(request: Request) -> str:
    """What `request` is called: the same whenever it would be the same to `protocols.identity`, but for its secrets."""
    return _label(request, stripped_url, stripped_body)


def labels(form: int) -> Callable[[Request], str]:
    """What calls requests as recordings of this `form` do: `LATEST`, or 1, of those that were made before it."""
    return label if form == LATEST else _first_label


def _label(request: Request, url_of: Callable[[str], str], body_of: Callable[[Request], bytes]) -> str:
    url = without_fragment(url_of(request.url))
    if request.method == "GET" and not request.body and not request.session:
        return url
    parts = [request.method, url]
    if body := body_of(request):
        parts.append(hashlib.blake2b(body, digest_size=6).hexdigest())
    if request.session:
        parts.append(f"({request.session})")
    return " ".join(parts)


# The first form: URLs with all their parameters, and content without what was taken for secret then.

_FIRST_NAMES = re.compile(
    r"passw|passphrase|pwd|secret|credential|api[-_]?key|(access|auth|csrf)[-_]?token|^(set-)?cookie$|^(proxy-)?authorization$",
    re.IGNORECASE,
)


def _first_label(request: Request) -> str:
    return _label(request, without_credentials, _first_body)


def _first_body(request: Request) -> bytes:
    body = request.body
    assert isinstance(body, bytes)
    if not _FIRST_NAMES.search(body.decode("latin-1")):
        return body
    headers = own_headers(request.headers)
    if next((value for name, value in headers.items() if name.lower() == "content-type"), "").startswith(FORM):
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        return urlencode([(name, STRIPPED if _FIRST_NAMES.search(name) else value) for name, value in pairs]).encode()
    try:
        return msgspec.json.encode(without(msgspec.json.decode(body), _FIRST_NAMES.search))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body
