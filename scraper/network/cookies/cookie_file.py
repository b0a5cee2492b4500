"""Cookie files as Netscape wrote them, and curl, wget and browsers' add-ons still do: seven columns, told by tabs.

    domain      are hosts below it meant, too?      path      https only?      expires, 0 for never      name      value

A line that begins with `#HttpOnly_` is one, too; other lines that begin with `#` are comments. A byte order mark and
line ends of Windows make no difference.
"""

from collections.abc import Iterable, Iterator
from math import inf

from scraper import urls
from scraper.network.cookies.jar import Cookie

_HTTP_ONLY = "#HttpOnly_"
_FLAGS = {"TRUE": True, "FALSE": False}


def read(text: str) -> Iterator[Cookie]:
    """The cookies of a cookie file. Raises `ValueError`, which names the line, for a line that is not a cookie."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        is_http_only = line.startswith(_HTTP_ONLY)
        row = line.removeprefix(_HTTP_ONLY)
        if not row.strip() or (row.startswith("#") and not is_http_only):
            continue
        try:
            yield _cookie(row, is_http_only=is_http_only)
        except ValueError:
            raise ValueError(f"line {number} is not seven columns of a cookie, told by tabs") from None


def _cookie(row: str, *, is_http_only: bool) -> Cookie:
    domain, below, path, secure, expires, name, value = row.split("\t")
    host = urls.canonical(f"http://{domain.removeprefix('.')}/")
    flags = below.upper(), secure.upper()
    if host is None or not name or not path.startswith("/") or not _FLAGS.keys() >= set(flags):
        raise ValueError
    return Cookie(
        name, value, urls.host(host), path, float(expires) or inf,
        is_secure=_FLAGS[flags[1]], is_http_only=is_http_only, is_host_only=not _FLAGS[flags[0]],
    )  # fmt: skip


def written(cookies: Iterable[Cookie]) -> str:
    """A cookie file with `cookies`."""
    return "# Netscape HTTP Cookie File\n" + "".join(f"{_row(cookie)}\n" for cookie in cookies)


def _row(cookie: Cookie) -> str:
    below = not cookie.is_host_only
    columns = (
        (_HTTP_ONLY if cookie.is_http_only else "") + ("." if below else "") + cookie.domain,
        str(below).upper(),
        cookie.path,
        str(cookie.is_secure).upper(),
        "0" if cookie.expires == inf else f"{cookie.expires:.0f}",
        cookie.name,
        cookie.value,
    )
    return "\t".join(columns)
