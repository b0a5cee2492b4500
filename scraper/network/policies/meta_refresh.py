"""`<meta http-equiv="refresh" content="0; url=/there">`: a redirect that stands in the page (HTML, 4.2.5.3).

It counts anywhere in the head, and within the first 2 KiB of a page in any element, but not in a noscript, a script or
a comment. Nearly always it is enough to see that the word is not there.
"""

import re

from scraper import urls
from scraper.http.response import Response
from scraper.markup.document.content_type import content_type, is_html
from scraper.markup.document.encoding import from_content_type, from_declaration
from scraper.markup.document.head import MOST, head_tags
from scraper.markup.links.base import base_href
from scraper.markup.selectors.selector import Selector

START = 2048  # bytes in which it counts outside of the head, too
LONGEST = 2048  # characters of its content
LONGEST_TAGS = 16 * 1024  # bytes of tags that are parsed

_WORD = re.compile(rb"http-equiv\s*=\s*[\"']?\s*refresh", re.IGNORECASE)
_TAGS = "meta[http-equiv=refresh i]:not(noscript *)::attr(content)"
_SPACE = "\t\n\f\r "
_CONTENT = re.compile(
    rf"[{_SPACE}]*(?=[0-9.])([0-9]*)((?:\.[0-9.]*)?)[{_SPACE}]*(?:[;,]|(?<=[{_SPACE}]))[{_SPACE}]*"
    rf"(?:url[{_SPACE}]*=[{_SPACE}]*)?(.*)",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"(['\"])(.*?)(?:\1|$)", re.DOTALL)


def refresh(response: Response) -> tuple[float, str] | None:
    """After how many seconds a page is to be left, and for which URL; None if it may stay, or would lead nowhere."""
    header, body = content_type(response.headers), response.body
    if not is_html(header, body) or not _has_word(body):
        return None
    tags = list(head_tags(body, b"meta", b"base"))
    refreshes = [tag for tag in tags if _WORD.search(tag)]
    bases = [tag for tag in tags if tag[1:5].lower() == b"base"]
    source = b"".join([*bases, *refreshes])[:LONGEST_TAGS] if refreshes else body[:START]
    if not _WORD.search(source):
        return None
    codec = from_content_type(header) or from_declaration(body) or "utf-8"
    text = source.decode(codec, "replace")
    page = Selector.from_text(text, is_vetted=True)
    found = next(filter(None, map(parse, page.css(_TAGS).getall())), None)
    if found is None:
        return None
    base = urls.join(response.url, base_href(text, page.node) or "")
    start = base if base is not None and urls.is_web(base) else response.url
    target = urls.join(start, urls.in_encoding(found[1], codec))
    return (found[0], target) if target is not None else None


def _has_word(body: bytes) -> bool:
    """Whether "refresh" stands in the head, or in what begins the body; in the whole of a page without their tags."""
    end = body.find(b"<body", max(body.find(b"</head", 0, MOST), 0), MOST)
    end = max(end, START) if end >= 0 else MOST
    return body.find(b"efresh", 0, end) >= 0 or body.find(b"REFRESH", 0, end) >= 0


def parse(content: str) -> tuple[float, str] | None:
    """The seconds and the reference that the content of a refresh names; None if it names no reference."""
    found = _CONTENT.match(content[:LONGEST])
    if found is None:
        return None
    reference = found[3]
    if quoted := _QUOTED.match(reference):
        reference = quoted[2]
    reference = reference.strip(_SPACE)
    if not reference:
        return None
    whole, _, part = f"{found[1]}{found[2]}".partition(".")
    return float(f"{whole or 0}.{part.partition('.')[0] or 0}"), reference
