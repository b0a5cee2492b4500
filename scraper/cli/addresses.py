"""Addresses as people type them: a URL of the web, or a file of this machine, which becomes a response as well."""

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from scraper import urls
from scraper.errors import SettingsError
from scraper.settings.messages import shown

if TYPE_CHECKING:
    from scraper.http.response import Response

_PATHS = ("/", "./", "../", "~")


def address(text: str) -> str | Path:
    """The URL that `text` is, or the file: `file:///…`, or a path that begins with `/`, `./`, `../` or `~`.

    Raises `SettingsError` if it is neither, and for a file that is not there.
    """
    if text.startswith(_PATHS):
        return _file(Path(text).expanduser())
    if text.lower().startswith("file:"):
        return _file(Path(unquote(urlsplit(text).path)))
    url = urls.canonical(text)
    if url is not None and urls.is_web(url):
        return url
    if "://" in text:
        problem = "not a URL" if url is None else "neither http:// nor https://"
        raise SettingsError(f"{shown(urls.without_credentials(text))}: {problem}")
    hint = f"write ./{text} for the file" if Path(text).is_file() else f"did you mean https://{text} ?"
    raise SettingsError(f"{shown(text)}: not a URL, as it begins with neither http:// nor https://; {hint}")


def answer_of(file: Path) -> "Response":
    """A file as a server would have answered with it. Raises `SettingsError` if it cannot be read."""
    from scraper.http.request import Request
    from scraper.http.response import Response

    try:
        body = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    url = file.resolve().as_uri()
    kind, coding = mimetypes.guess_type(file.name)
    headers = {"Content-Type": kind} if kind is not None and coding is None else {}
    return Response(url, headers=headers, body=body, request=Request(url))


def _file(path: Path) -> Path:
    if not path.is_file():
        raise SettingsError(f"{path}: {'a folder, and no file' if path.is_dir() else 'no such file'}")
    return path
