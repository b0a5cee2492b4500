"""Digest authentication (RFC 7616): a challenge in, an Authorization header's value out.

Of several challenges the one with the strongest hash counts. `auth` is preferred to `auth-int`, which is understood,
too; so are the `-sess` variants, hashed user names, and challenges without a qop, as they were before 1999.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scraper.http.request import Request

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PART = re.compile(rf'({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|({_WORD})')
_HASHES = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}  # the strongest first


@dataclass(slots=True)
class Challenge:
    """What a server asks for, and how often it was answered."""

    realm: str
    nonce: str
    algorithm: str
    qop: str
    opaque: str | None
    hides_user: bool
    answered: int = 0


def challenge(fields: Iterable[str]) -> Challenge | None:
    """The best of the Digest challenges in WWW-Authenticate `fields`; None if there is none that can be answered."""
    found = [made for params in _challenges(fields) if (made := _understood(params)) is not None]
    order = list(_HASHES)
    return min(found, key=lambda each: order.index(_plain(each.algorithm)), default=None)


def _challenges(fields: Iterable[str]) -> list[dict[str, str]]:
    """The parameters of each Digest challenge, by their names in lower case."""
    found: list[dict[str, str]] = []
    for field in fields:
        params: dict[str, str] = {}
        for name, quoted, bare, scheme in _PART.findall(field):
            if scheme:
                params = {}
                if scheme.lower() == "digest":
                    found.append(params)
            else:
                params[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) or bare
    return found


def _understood(params: Mapping[str, str]) -> Challenge | None:
    algorithm = params.get("algorithm", "MD5")
    offered = [each.strip().lower() for each in params.get("qop", "").split(",") if each.strip()]
    qop = next((each for each in ("auth", "auth-int") if each in offered), "")
    if not params.get("nonce") or _plain(algorithm) not in _HASHES or (offered and not qop):
        return None
    hides_user = params.get("userhash", "").lower() == "true"
    return Challenge(params.get("realm", ""), params["nonce"], algorithm, qop, params.get("opaque"), hides_user)


def _plain(algorithm: str) -> str:
    return algorithm.upper().removesuffix("-SESS")


def answer(asked: Challenge, request: Request, user: str, password: str, cnonce: str) -> str:
    """The Authorization header's value for `request`; `cnonce` is a text that nobody can foresee. Counts the answer."""
    asked.answered += 1
    count, uri = f"{asked.answered:08x}", _target(request.url)

    def hashed(*parts: str | bytes) -> str:
        text = b":".join(part if isinstance(part, bytes) else part.encode() for part in parts)
        return hashlib.new(_HASHES[_plain(asked.algorithm)], text, usedforsecurity=False).hexdigest()

    secret = hashed(user, asked.realm, password)
    if asked.algorithm.upper().endswith("-SESS"):
        secret = hashed(secret, asked.nonce, cnonce)
    assert isinstance(request.body, bytes)
    content = (hashed(request.body),) if asked.qop == "auth-int" else ()
    asking = hashed(request.method, uri, *content)
    proof = (asked.nonce, count, cnonce, asked.qop) if asked.qop else (asked.nonce,)
    params = {
        "username": _quoted(hashed(user, asked.realm) if asked.hides_user else user),
        "realm": _quoted(asked.realm),
        "uri": _quoted(uri),
        "algorithm": asked.algorithm,
        "nonce": _quoted(asked.nonce),
        "response": _quoted(hashed(secret, *proof, asking)),
    }
    if asked.qop:
        params |= {"nc": count, "cnonce": _quoted(cnonce), "qop": asked.qop}
    if asked.opaque is not None:
        params["opaque"] = _quoted(asked.opaque)
    if asked.hides_user:
        params["userhash"] = "true"
    return "Digest " + ", ".join(f"{name}={value}" for name, value in params.items())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _target(url: str) -> str:
    """What stands in the request line for a canonical URL."""
    return "/" + url.partition("#")[0].partition("://")[2].partition("/")[2]
