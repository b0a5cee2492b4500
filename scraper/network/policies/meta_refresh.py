"""`<meta http-equiv="refresh" content="0; url=/there">`: a redirect that stands in the page (HTML, 4.2.5.3).

It is looked for in the first 2 KiB, which nearly always is to see that the word is not there. One within a noscript,
a script or a comment is none.
"""

import re

from scraper import urls
from scraper.http.response import Response
from scraper.markup.document.encoding import from_content_type, from_declaration
from scraper.markup.selectors.selector import Selector

HEAD = 2048  # bytes
LONGEST = 2048  # characters of its content

_WORD = re.compile(rb"http-equiv\s*=\s*[\"']?\s*refresh", re.IGNORECASE)
_TAGS = "meta[http-equiv=refresh i]:not(noscript *)::attr(content)"
_CONTENT = re.compile(
    r"\s*(?=[0-9.])([0-9]*)((?:\.[0-9.]*)?)\s*(?:[;,]|(?<=\s))\s*(?:url\s*=\s*)?(.*)", re.IGNORECASE | re.DOTALL
)
_QUOTED = re.compile(r"(['\"])(.*?)(?:\1|$)", re.DOTALL)


def refresh(response: Response) -> tuple[float, str] | None:
    """After how many seconds a page is to be left, and for which URL; None if it may stay, or would lead nowhere."""
    head = response.body[:HEAD]
    if b"efresh" not in head and b"REFRESH" not in head:
        return None
    content_type = response.headers.get("Content-Type", "")
    if not _WORD.search(head) or not ("html" in content_type.lower() or not content_type):
        return None
    codec = from_content_type(content_type) or from_declaration(head) or "utf-8"
    page = Selector.from_text(head.decode(codec, "replace"))
    found = next(filter(None, map(parse, page.css(_TAGS).getall())), None)
    if found is None:
        return None
    base = urls.join(response.url, page.css("base[href]::attr(href)").get(""))
    start = base if base is not None and urls.is_web(base) else response.url
    target = urls.join(start, urls.in_encoding(found[1], codec))
    return (found[0], target) if target is not None else None


def parse(content: str) -> tuple[float, str] | None:
    """The seconds and the reference that the content of a refresh names; None if it names no reference."""
    found = _CONTENT.match(content[:LONGEST])
    if found is None:
        return None
    reference = found[3]
    if quoted := _QUOTED.match(reference):
        reference = quoted[2]
    if not reference.strip():
        return None
    whole, _, part = f"{found[1]}{found[2]}".partition(".")
    return float(f"{whole or 0}.{part.partition('.')[0] or 0}"), reference.strip()
