"""A page as a spider sees it, put where a browser can show it."""

import re
import tempfile
from html import escape
from pathlib import Path

from scraper.errors import StorageError
from scraper.http.response import Response
from scraper.markup.document.content_type import content_type, is_html, mime_type

_PICTURES = {
    "application/pdf": ".pdf",
    "image/avif": ".avif",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/webp": ".webp",
}
_HEAD = re.compile(  # what may come before the first element of a head
    r"(?:\s|<!--.*?-->|<!doctype[^>]*>|<\?xml[^>]*>)*(?:<html(?:\s[^>]*)?>(?:\s|<!--.*?-->)*)?(?:<head(?:\s[^>]*)?>)?",
    re.IGNORECASE | re.DOTALL,
)
_MARK = "\ufeff"  # a browser takes its word against that of the page: the text is written as UTF-8


def shown(response: Response) -> bytes:
    """What a browser has to be given: a page with a `<base>`, so that its links lead where they would lead there.

    What is no HTML stays as it is.
    """
    if not _is_html(response):
        return response.body
    text = response.text
    start = _HEAD.match(text)
    at = start.end() if start else 0
    base = f'<base href="{escape(response.base_url)}">'
    return f"{_MARK}{text[:at]}{base}{text[at:]}".encode("utf-8", "replace")


def kept(response: Response) -> Path:
    """A new file among the temporary ones that holds what is `shown`. Raises `StorageError` if there cannot be one."""
    try:
        with tempfile.NamedTemporaryFile(prefix="scraper-", suffix=_ending(response), delete=False) as file:
            file.write(shown(response))
    except OSError as error:
        raise StorageError(f"the page cannot be kept in {tempfile.gettempdir()}: {error.strerror}") from None
    return Path(file.name)


def open_in_browser(file: Path) -> bool:
    """Have the user's browser show `file`; whether there is one."""
    import webbrowser

    return webbrowser.open(file.as_uri())


def _kind(response: Response) -> str:
    return mime_type(content_type(response.headers)).essence


def _ending(response: Response) -> str:
    """The ending of a file that is shown, and never run, whatever a server says of it."""
    if _is_html(response):
        return ".html"
    kind = _kind(response)
    is_text = kind.startswith("text/") or kind.endswith(("json", "/xml", "javascript"))
    return ".txt" if is_text else _PICTURES.get(kind, ".bin")


def _is_html(response: Response) -> bool:
    return is_html(content_type(response.headers), response.body)
