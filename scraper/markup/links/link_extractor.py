"""The links of a page: which elements lead somewhere, where to, and which of them are wanted.

One walk through the tree finds the elements; their references are joined in one go. The URL alone decides most of
it, so that an element's text is read only if its URL is wanted, and not of an element whose URL came before.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from selectolax.lexbor import LexborNode

from scraper import urls
from scraper.markup.links.canonicalize import canonicalize_url, without_params
from scraper.markup.links.extractor_arguments import (
    Patterns,
    Texts,
    argument_error,
    read_domains,
    read_names,
    read_patterns,
    read_queries,
    read_texts,
)
from scraper.markup.links.srcset import WHITE, srcset_urls
from scraper.markup.selectors.combinators import outermost
from scraper.markup.selectors.selector import SelectorList
from scraper.markup.web_page import WebPage

_NO_PAGES = (
    "7z 7zip bz2 rar tar tar.gz xz zip "
    "mng pct bmp gif jpg jpeg png pst psp tif tiff ai drw dxf eps ps svg cdr ico webp "
    "mp3 wma ogg wav ra aac mid au aiff "
    "3gp asf asx avi mov mp4 mpg qt rm swf wmv m4a m4v flv webm "
    "xls xlsm xlsx xltm xltx potm potx ppt pptm pptx pps doc docb docm docx dotm dotx odt ods odg odp "
    "css pdf exe bin rss dmg iso apk jar sh rb js hta bat cpl msi msp py"
)
IGNORED_EXTENSIONS = tuple(_NO_PAGES.split())
"""Endings of paths behind which there is no page: archives, images, sound, video, documents, programs: Scrapy's."""

_SRCSETS = frozenset(("srcset", "imagesrcset"))
_ANY = "*"


class Link(Struct):
    """A link: its absolute URL, the text in its element, and whether the page disowns it (`rel=nofollow`).

    The URL includes its fragment; `fragment` is left empty, for spiders that want to keep it separately.
    """

    url: str
    text: str = ""
    fragment: str = ""
    nofollow: bool = False

    @property
    def reference(self) -> str:
        """Its URL, by which `response.follow()` follows it."""
        return self.url

    def __hash__(self) -> int:
        return hash((self.url, self.text, self.fragment, self.nofollow))


class LinkExtractor:
    """Finds the links of pages, by Scrapy's options.

    A link is wanted if `allow` (regular expressions looked for in the absolute URL) has one that is found, or is
    empty; if `deny` has none; if its host is one of `allow_domains` or below one, or there are none; if it is in none
    of `deny_domains`; if its path ends in none of `deny_extensions` (None: `IGNORED_EXTENSIONS`); and if one of
    `restrict_text` is found in its text. Only http and https URLs are links at all.

    Links are looked for in the elements that `restrict_xpaths` and `restrict_css` find, or in the whole page: in the
    attributes `attrs` of the elements `tags`, `*` standing for all, without `deny_tags` and `deny_attrs`. A `srcset`
    has several. `strip=False` takes white space around a reference for a part of it. `process_value` is given each
    absolute URL, and returns the one to take instead, or None for none.

    `unique` gives each URL once, at its first place. `canonicalize` gives URLs in the form of `canonicalize_url`,
    which is for comparison: some servers answer it with another page. `drop_params` are names of query parameters
    that are taken out of URLs: see `without_params` and `TRACKING_PARAMS`. `skip_nofollow` leaves out what the page
    disowns.

    A single text or expression may stand for a list of one. Raises `SpiderError`, which names the argument, for one
    that means nothing.
    """

    def __init__(  # noqa: PLR0913 -- Scrapy's options, each of which a spider may use
        self,
        allow: Patterns = (),
        deny: Patterns = (),
        *,
        allow_domains: Texts = (),
        deny_domains: Texts = (),
        restrict_xpaths: Texts = (),
        restrict_css: Texts = (),
        restrict_text: Patterns = (),
        tags: Texts = ("a", "area"),
        attrs: Texts = ("href",),
        deny_tags: Texts = (),
        deny_attrs: Texts = (),
        deny_extensions: Texts = None,
        unique: bool = True,
        canonicalize: bool = False,
        process_value: Callable[[str], str | None] | None = None,
        strip: bool = True,
        drop_params: Texts = (),
        skip_nofollow: bool = False,
    ) -> None:
        self._allow = read_patterns("allow", allow)
        self._deny = read_patterns("deny", deny)
        self._allow_domains = read_domains("allow_domains", allow_domains)
        self._deny_domains = read_domains("deny_domains", deny_domains)
        self._xpaths = read_texts("restrict_xpaths", restrict_xpaths)
        self._queries = read_queries("restrict_css", restrict_css)
        self._text = read_patterns("restrict_text", restrict_text)
        self._tags = read_names("tags", tags)
        self._attrs = read_names("attrs", attrs)
        self._deny_tags = frozenset(read_names("deny_tags", deny_tags))
        self._deny_attrs = frozenset(read_names("deny_attrs", deny_attrs))
        endings = IGNORED_EXTENSIONS if deny_extensions is None else read_texts("deny_extensions", deny_extensions)
        self._endings = tuple(f".{ending.lower().lstrip('.')}" for ending in endings)
        if process_value is not None and not callable(process_value):
            raise argument_error("process_value", f"is a function of a URL, not {process_value!r:.60}")
        self._process_value = process_value
        self._drop_params = read_texts("drop_params", drop_params)
        self._is_unique = unique
        self._is_canonical = canonicalize
        self._is_stripping = strip
        self._skips_nofollow = skip_nofollow

    def extract_links(self, page: WebPage) -> list[Link]:
        """The links of `page` that are wanted, in the order they stand there."""
        found = [each for region in self._regions(page) for each in self._references(region)]
        links: list[Link] = []
        done: set[str] = set()
        for (node, attributes, _), url in zip(found, self._urls(page, [each[2] for each in found]), strict=True):
            if url is None or url in done:
                continue
            if not self._is_wanted(url):
                done.add(url)
                continue
            is_nofollow = "rel" in attributes and _is_nofollow(attributes["rel"] or "")
            if is_nofollow and self._skips_nofollow:
                continue
            text = node.text()
            if self._text and not _is_found(self._text, text):
                continue
            if self._is_unique:
                done.add(url)
            links.append(Link(url, text, "", is_nofollow))
        return self._canonical(links) if self._is_canonical else links

    def matches(self, url: str) -> bool:
        """Whether a link to `url` would be wanted, by `allow`, `deny` and the domains."""
        absolute = urls.canonical(url)
        return absolute is not None and urls.is_web(absolute) and self._is_allowed(absolute)

    # Where to look, and what is there.

    def _regions(self, page: WebPage) -> Iterator[LexborNode]:
        if not self._xpaths and not self._queries:
            yield page.selector.node
            return
        for xpath in self._xpaths:
            yield from self._distinct(_elements("restrict_xpaths", xpath, page.xpath(xpath)))
        for query in self._queries:
            yield from self._distinct(_elements("restrict_css", query, page.css(query)))

    def _distinct(self, regions: Iterable[LexborNode]) -> Iterable[LexborNode]:
        """`regions` without those inside of others, where their links are found already."""
        return outermost(regions) if self._is_unique else regions

    def _references(self, region: LexborNode) -> Iterator[tuple[LexborNode, dict[str, str | None], str]]:
        """Each reference in a part of a page, with its element and the attributes of that element."""
        if not self._tags or not self._attrs:
            return
        only = self._attrs[0] if len(self._attrs) == 1 and not self._deny_attrs else ""
        is_quick = only not in {"", _ANY, *_SRCSETS}
        for node in region.css(_ANY if _ANY in self._tags else ", ".join(self._tags)):
            if self._deny_tags and node.tag in self._deny_tags:
                continue
            attributes = node.attributes
            if not is_quick:
                for reference in self._references_of(attributes):
                    yield node, attributes, reference
            elif only in attributes:
                yield node, attributes, attributes[only] or ""

    def _references_of(self, attributes: dict[str, str | None]) -> Iterator[str]:
        """The references of an element, in the order of its attributes."""
        for name, value in attributes.items():
            if (name in self._attrs or _ANY in self._attrs) and name not in self._deny_attrs:
                yield from srcset_urls(value or "") if name in _SRCSETS else (value or "",)

    def _urls(self, page: WebPage, references: list[str]) -> Iterable[str | None]:
        """The absolute URLs that `references` of a page mean; None for one that is not http or https."""
        if not self._is_stripping:
            references = [_escape_space(reference) for reference in references]
        if not "".join(references).isascii():
            references = [urls.in_encoding(reference, page.encoding) for reference in references]
        base = page.base_url
        found: Iterable[str | None] = urls.join_all(base, references)
        if self._process_value is not None:
            process = self._process_value
            given = [process(url or reference) for url, reference in zip(found, references, strict=True)]
            found = [None if url is None else urls.join(base, url) for url in given]
        if self._drop_params:
            found = [url and without_params(url, self._drop_params) for url in found]
        return [url if url is not None and urls.is_web(url) else None for url in found]

    # What is wanted.

    def _is_wanted(self, url: str) -> bool:
        if self._endings and _path(url).lower().endswith(self._endings):
            return False
        return self._is_allowed(url)

    def _is_allowed(self, url: str) -> bool:
        if self._allow_domains and not _is_within(url, self._allow_domains):
            return False
        if self._deny_domains and _is_within(url, self._deny_domains):
            return False
        return (not self._allow or _is_found(self._allow, url)) and not _is_found(self._deny, url)

    def _canonical(self, links: list[Link]) -> list[Link]:
        for link in links:
            link.url = canonicalize_url(link.url)
        if not self._is_unique:
            return links
        first: dict[str, Link] = {}
        for link in links:
            first.setdefault(link.url, link)
        return list(first.values())


def _is_found(patterns: tuple[re.Pattern[str], ...], text: str) -> bool:
    return any(pattern.search(text) for pattern in patterns)


def _is_within(url: str, domains: tuple[str, ...]) -> bool:
    host = urls.host(url)
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _is_nofollow(rel: str) -> bool:
    """Whether a `rel` has the token nofollow (HTML, 4.6.7); some pages separate tokens by commas."""
    return "nofollow" in rel.lower().replace(",", " ").split()


def _path(url: str) -> str:
    """A web URL up to its query."""
    return url.partition("#")[0].partition("?")[0]


def _escape_space(reference: str) -> str:
    """A reference whose outer white space is percent-encoded, so that joining does not strip it."""
    inner = reference.strip(WHITE)
    before, after = reference.split(inner, 1) if inner else (reference, "")
    return f"{'%20' * len(before)}{inner}{'%20' * len(after)}"


def _elements(argument: str, query: str, found: SelectorList) -> Iterator[LexborNode]:
    """What a query found, if it is elements; an XPath expression tells only by its results."""
    for each in found:
        if each.is_text:
            raise argument_error(argument, f"selects elements, which {query!r} does not")
        yield each.node
