"""Sitemaps (https://www.sitemaps.org/protocol.html) of any size, entry by entry.

A sitemap is a `<urlset>`, a `<sitemapindex>` which lists other sitemaps, a list of URLs one a line, or a feed (RSS,
Atom); any may be compressed by gzip. What is wrong but plain in meaning is let pass: other namespaces or none, a URL
without its `<loc>`, several in one entry, dates as RSS has them, XML that is not well-formed. Where a sitemap breaks
off, what stood before holds.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from scraper import urls
from scraper.markup.document.text_stream import MARK, DocumentError, texts
from scraper.markup.document.xml_namespaces import split_tag
from scraper.markup.document.xml_stream import Element, Records, beginning
from scraper.parsing import feed
from scraper.parsing.dates import moment

LARGEST = 1024 * 1024  # characters of one entry
LINE = 8192  # characters of a line that is no URL
UNTIL_URL = 64 * 1024  # characters of a text in which there should be a URL
MAX_ROBOTS = 500 * 1024  # bytes of a robots.txt that are read (RFC 9309, 2.5)

_RECORDS = {"urlset": {"url", "sitemap"}, "sitemapindex": {"url", "sitemap"}} | {
    root: {record} for root, record in feed.RECORDS.items()
}
_FEEDS = frozenset(feed.RECORDS)
_SITEMAP_LINE = re.compile(r"^[ \t]*site-?map[ \t]*:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a sitemap says of one page, or of another sitemap.

    `loc` is the URL as it is written; `alternates` are those of the same page in other languages. `lastmod` has a
    time zone, UTC if none is given. `changefreq` is in lower case, `priority` from 0 to 1. What is not said, or means
    nothing, is None or empty.
    """

    loc: str
    lastmod: datetime | None = None
    changefreq: str = ""
    priority: float | None = None
    alternates: tuple[str, ...] = ()
    is_sitemap: bool = False


class Sitemap:
    """The entries of the sitemap at `url`, read while they are asked for: once, and one at a time.

    `body` is all of it, or its pieces as they come. When the entries have ended, `problem` is "" or one line that
    names the URL and says why there are no more; `flaw` is "" or what is wrong with XML that was read nevertheless.
    `is_sitemap` tells a sitemap, which may be empty or broken, from anything else: a page of HTML, an empty answer.
    """

    def __init__(self, body: bytes | Iterable[bytes], url: str = "", *, content_type: str = "") -> None:
        self.url = url
        self.problem = ""
        self.flaw = ""
        self.is_sitemap = False
        self._texts = texts(body, content_type)

    def __iter__(self) -> Iterator[Entry]:
        try:
            yield from self._entries()
        except DocumentError as error:
            self.problem = f"the sitemap {urls.without_credentials(self.url)} was not read to its end: {error}"

    def _entries(self) -> Iterator[Entry]:
        head = next((text for text in self._texts if not text.isspace()), "")
        parts = _after(head, self._texts)
        return self._in_xml(parts) if beginning(head).startswith("<") else self._in_lines(parts)

    def _in_xml(self, parts: Iterator[str]) -> Iterator[Entry]:
        records = Records(self._is_record, most=LARGEST, url=self.url)
        try:
            for record in records.read(parts):
                yield from _read(record, records.root, self.url)
        except DocumentError:
            if (begun := records.unfinished()) is not None:
                yield from _read(begun, records.root, self.url)
            raise
        self.flaw = records.flaw

    def _is_record(self, root: str, _: str, name: str) -> bool:
        known = _RECORDS.get(root.lower())
        if known is None:
            is_page = root.lower() == "html"
            raise DocumentError("it is an HTML page" if is_page else f"it is not a sitemap, but <{root[:40]}>")
        self.is_sitemap = True
        return name.lower() in known

    def _in_lines(self, parts: Iterator[str]) -> Iterator[Entry]:
        """One URL a line."""
        line, size = "", 0
        for part in parts:
            *whole, line = (line + part).replace("\r", "\n").split("\n")
            for url in filter(None, map(_url, whole)):
                self.is_sitemap = True
                yield Entry(url)
            line = line[: LINE + 1]  # a longer one is no URL, however it goes on
            size += len(part)
            if size > UNTIL_URL and not self.is_sitemap:
                break
        if url := _url(line):
            self.is_sitemap = True
            yield Entry(url)
        elif not self.is_sitemap:
            raise DocumentError("it is empty" if not size else "it is neither XML nor a list of URLs")

    def __repr__(self) -> str:
        return f"<Sitemap {urls.without_credentials(self.url)}>"


def sitemaps_of_robots(body: bytes) -> list[str]:
    """The sitemaps that a robots.txt names, as they are written, each once."""
    text = body[:MAX_ROBOTS].decode("utf-8-sig", "replace").replace("\r", "\n")
    return list(dict.fromkeys(found[1] for found in _SITEMAP_LINE.finditer(text)))


def _after(head: str, rest: Iterator[str]) -> Iterator[str]:
    yield head
    yield from rest


def _url(line: str) -> str:
    line = line.strip().strip(MARK).strip()
    return line if urls.is_web(line.lower()) and len(line) <= LINE else ""


def _read(record: Element, root: str, url: str) -> Iterator[Entry]:
    if root.lower() in _FEEDS:
        found = feed.entry(record, url)
        if found["link"]:
            yield Entry(found["link"], found["updated"] or found["published"])
        return
    space, name = split_tag(record.tag)
    is_sitemap = name.lower() == "sitemap"
    entries = [each for each in map(_Draft.entry, _drafts(record, space, is_sitemap)) if each.loc]
    if entries:
        yield from entries
    elif loc := feed.stripped(record.text or ""):
        yield Entry(loc, is_sitemap=is_sitemap)


@dataclass(slots=True)
class _Draft:
    """An entry whose parts are being gathered."""

    fields: dict[str, str]
    alternates: list[str]
    is_sitemap: bool

    def entry(self) -> Entry:
        return Entry(
            self.fields.get("loc", ""),
            moment(self.fields.get("lastmod", "")),
            self.fields.get("changefreq", "").lower(),
            _priority(self.fields.get("priority", "")),
            tuple(self.alternates),
            self.is_sitemap,
        )


def _drafts(record: Element, space: str, is_sitemap: bool) -> Iterator[_Draft]:
    """One draft for each `<loc>`, and what follows it. Other namespaces speak of other things: images, videos."""
    draft = _Draft({}, [], is_sitemap)
    for part in record:
        own, name = split_tag(part.tag)
        name = name.lower()
        if name == "link" and part.get("rel", "").lower() == "alternate":
            if href := part.get("href", "").strip():
                draft.alternates.append(href)
        elif own in {"", space}:
            if name == "loc" and "loc" in draft.fields:
                yield draft
                draft = _Draft({}, [], is_sitemap)
            draft.fields[name] = feed.plain(part)
    yield draft


def _priority(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None
