"""How a request is called in a recording: by a text that tells it apart, holds no secret, and can be read.

A GET is called by its URL; another by its method, its URL and a digest of its content.
"""

import hashlib

from scraper.http.request import Request
from scraper.recording.secrets import stripped
from scraper.urls import without_credentials, without_fragment


def label(request: Request) -> str:
    """What `request` is called: the same whenever it would be the same to `protocols.identity`, but for its secrets."""
    is_plain = request.method == "GET" and not request.body and not request.session
    url = without_fragment(without_credentials(request.url))
    if is_plain:
        return url
    body = stripped(request).body
    assert isinstance(body, bytes)
    parts = [request.method, url]
    if body:
        parts.append(hashlib.blake2b(body, digest_size=6).hexdigest())
    if request.session:
        parts.append(f"({request.session})")
    return " ".join(parts)
