"""RSS (0.9 to 2.0) and Atom (RFC 4287): a feed's entries, one by one, under the names that are common to both.

Of an entry's fields, those of RSS win over those of the namespaces that were added to it later (Dublin Core,
`content:encoded`, Atom).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from xml.etree import ElementTree

from scraper import urls
from scraper.errors import ScraperError
from scraper.markup.document.text_stream import MARK, DocumentError, texts
from scraper.markup.document.xml_namespaces import BASE, split_tag
from scraper.markup.document.xml_stream import Element, Records
from scraper.markup.links.absolute import absolute_html, absolute_value
from scraper.parsing.dates import moment

RECORDS = {"rss": "item", "rdf": "item", "feed": "entry"}  # by root, in lower case

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DUBLIN = ("http://purl.org/dc/elements/1.1/", "http://purl.org/dc/terms/")
FIELDS = ("id", "title", "link", "published", "updated", "summary", "content", "author", "enclosures")


class FeedError(ScraperError):
    """A feed or a sitemap, or a part of it, cannot be read: the text names its URL and says why."""


def entries(body: bytes | Iterable[bytes], url: str = "", content_type: str = "") -> Iterator[dict[str, Any]]:
    """The entries of the feed at `url`: dicts that have all of `FIELDS`.

    `published` and `updated` are dates with a time zone, or None; `enclosures` are dicts with url, type and length;
    the others are texts, empty where there is nothing. Links, enclosures and what HTML refers to are resolved against
    the xml:base of their elements (XML Base; RFC 4287, 2), which starts from `url`. Raises `FeedError`, after the
    entries that could be read, where it is not a feed or not a whole one.
    """
    try:
        for record in Records(_is_entry, url=url).read(texts(body, content_type)):
            yield entry(record, url)
    except DocumentError as error:
        raise FeedError(f"the feed {urls.without_credentials(url)} was not read to its end: {error}") from None


def _is_entry(root: str, _: str, name: str) -> bool:
    known = RECORDS.get(root.lower())
    if known is None:
        raise DocumentError(f"it is neither RSS nor Atom, but <{root[:40]}>")
    return name.lower() == known


def entry(record: Element, url: str = "") -> dict[str, Any]:
    """What an `<item>` or `<entry>` of the feed at `url` says."""
    fields = Fields(record, url)
    link = fields.link()
    return {
        "id": fields.text("guid") or fields.text("id", ATOM) or record.get(f"{{{_RDF}}}about", "") or link,
        "title": fields.text("title", ATOM, *DUBLIN),
        "link": link,
        "published": moment(fields.text("pubdate", "published", ATOM, "date", "issued", "created", *DUBLIN)),
        "updated": moment(fields.text("updated", "modified", ATOM, *DUBLIN)),
        "summary": fields.markup("description", "summary", ATOM, *DUBLIN),
        "content": fields.markup("encoded", CONTENT) or fields.markup("content", ATOM),
        "author": ", ".join(fields.authors()),
        "enclosures": fields.enclosures(),
    }


_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


class Fields:
    """The parts of an entry, by name. A part counts if it is in the entry's namespace, in none, or in one asked for.

    References in them start from the xml:base of their elements, and of the entry; and those from `url`.
    """

    def __init__(self, record: Element, url: str = "") -> None:
        self._own = split_tag(record.tag)[0]
        self._parts = [(space, name.lower(), part) for part in record for space, name in (split_tag(part.tag),)]
        self._base = _joined(url, record.get(BASE, "")) or url

    def all(self, *wanted: str) -> list[Element]:
        """The parts of these names; what has a `:` in it is a namespace."""
        names = [each for each in wanted if ":" not in each]
        spaces = {"", self._own, *(each for each in wanted if ":" in each)}
        found = [
            (names.index(name), space != self._own, part)
            for space, name, part in self._parts
            if name in names and space in spaces
        ]
        if len(found) > 1:
            found.sort(key=lambda each: each[:2])
        return [part for *_, part in found]

    def text(self, *wanted: str) -> str:
        """The first of these parts that has a text."""
        return self._first(plain, *wanted)

    def markup(self, *wanted: str) -> str:
        """The first of these parts as HTML: escaped HTML is text already, XHTML is written out."""
        return self._first(lambda part: _markup(part, self._base_of(part)), *wanted)

    def _first(self, read: Callable[[Element], str], *wanted: str) -> str:
        return next((text for part in self.all(*wanted) if (text := read(part))), "")

    def link(self) -> str:
        """The page that the entry is about: its link, or the guid that is one, as it is unless it says otherwise."""
        for part in self.all("link"):
            if text := plain(part):
                return _joined(self._base_of(part), text)
        for part in self.all("link", ATOM):
            if part.get("rel", "alternate") == "alternate" and (href := stripped(part.get("href", ""))):
                return _joined(self._base_of(part), href)  # without rel, it is the page (RFC 4287, 4.2.7.2)
        return self._permalink()

    def _permalink(self) -> str:
        found = (each for each in self.all("guid") if each.get("isPermaLink", "true").lower() != "false")
        return next((text for each in found if urls.is_web(text := plain(each))), "")

    def enclosures(self) -> list[dict[str, str]]:
        """The files that come with the entry."""
        links = [each for each in self.all("link", ATOM) if each.get("rel") == "enclosure"]
        found = [(each, each.get("url", "")) for each in self.all("enclosure")]
        found += [(each, each.get("href", "")) for each in links]
        return [
            {
                "url": _joined(self._base_of(each), stripped(reference)),
                "type": each.get("type", ""),
                "length": each.get("length", ""),
            }
            for each, reference in found
            if reference
        ]

    def _base_of(self, part: Element) -> str:
        return _joined(self._base, part.get(BASE, "")) or self._base

    def authors(self) -> list[str]:
        """The names of all authors; an address where there is no name."""
        found = [_person(each) for each in self.all("author", "creator", ATOM, *DUBLIN)]
        return list(dict.fromkeys(each for each in found if each))


def plain(part: Element) -> str:
    """All text in `part`."""
    return stripped("".join(part.itertext()))


def stripped(text: str) -> str:
    """`text` without the white space and the marks around it."""
    text = text.strip()
    return text.strip(MARK).strip() if MARK in text else text


def _markup(part: Element, base: str) -> str:
    if not len(part):
        return absolute_html((part.text or "").strip(), base)
    part.attrib.pop(BASE, None)  # which is in `base`
    inner = part[0] if part.get("type") == "xhtml" and len(part) == 1 else part
    _resolve(inner, base)
    written = ElementTree.tostring(inner, encoding="unicode", method="html")
    return written[written.index(">") + 1 : written.rindex("<")].strip()


def _resolve(element: Element, base: str) -> None:
    """Resolve what an element and those in it refer to, and take them out of their namespaces: HTML has none."""
    base = _joined(base, element.attrib.pop(BASE, "")) or base
    element.tag = split_tag(element.tag)[1]
    for name, value in element.items():
        element.set(name, absolute_value(name, value, base))
    for each in element:
        _resolve(each, base)


def _person(part: Element) -> str:
    parts = {split_tag(each.tag)[1].lower(): plain(each) for each in part}
    return (parts.get("name") or parts.get("email") or "") if parts else plain(part)


def _joined(base: str, reference: str) -> str:
    return (urls.join(base, reference) or reference) if base and reference else reference
