"""A site that nobody has seen before, with links of all sorts: every page is crawled, and each once."""

from random import Random
from urllib.parse import urlsplit

from scraper import Response, Spider
from tests.flow.crawls import crawl
from tests.flow.site import Page, Servers

PAGES = 300


def site_of(root: str, other: str) -> dict[str, Page]:
    """Pages `/s0/p0.html` to `/s9/p299.html`, each of which leads to others in one of many ways."""
    random = Random(11)
    host = root.partition("//")[2]
    pages: dict[str, Page] = {}
    for number in range(PAGES):
        # A tree, so that all can be reached, and links to and fro.
        targets = [child for child in (2 * number + 1, 2 * number + 2) if child < PAGES]
        targets += random.sample(range(PAGES), 6)
        based = number % 7 == 3
        written = [_written(target, style, host, based=based) for style, target in enumerate(targets, number)]
        base = '<base href="/far/away/">' if based else ""
        pages[path(number)] = (
            f"<html><head>{base}<title>{number}</title></head><body><h1>Page {number}</h1>"
            + "".join(f"<a href='{each}'>x</a>" for each in written)
            + "<a name='here'>no link</a><a href='#here'>here</a><a href=''>this</a>"
            f"<a href='mailto:a@b.example'>m</a><a href='javascript:void(0)'>j</a><a href='tel:1'>t</a>"
            f"<a href='{other}/page'>other</a><a href='http://[broken'>b</a>"
            "</body></html>"
        )
    return pages


def path(number: int) -> str:
    return f"/s{number % 10}/p{number}.html"


def _written(target: int, style: int, host: str, *, based: bool) -> str:
    """One of the ways to write a reference to page `target`."""
    up = "../.." if based else ".."
    relative = f"{up}/s{target % 10}/./p{target}.html"
    ways = (
        path(target),
        relative,
        f"//{host}{path(target)}",
        f"http://{host}{path(target)}",
        f"HTTP://{host}/x/../{path(target)[1:]}",
        f"{path(target)}#part-{style}",
        f"  {path(target)}\n",
        path(target).replace("html", "h&#116;ml"),
    )
    return ways[style % len(ways)]


async def test_every_page_once(servers: Servers) -> None:
    """However a link is written, each page is asked for once, and what is elsewhere is refused and counted."""
    elsewhere = servers.site({"/page": "not ours"})
    site = servers.site()
    site.pages |= site_of(site.root, f"http://localhost:{elsewhere.port}")

    class PagesSpider(Spider):
        name = "pages"
        start_urls = [site.url(path(0))]
        allowed_domains = ["127.0.0.1"]

        def parse(self, response: Response):  # type: ignore[no-untyped-def]
            yield {"title": response.css("h1::text").get(), "path": urlsplit(response.url).path}
            yield from response.follow_all(css="a")

    ended = await crawl(PagesSpider)
    truth = {path(number): f"Page {number}" for number in range(PAGES)}
    assert {item["path"]: item["title"] for item in ended.items} == truth
    assert len(ended.items) == PAGES
    assert site.paths == dict.fromkeys([*truth, "/far/away/"], 1)  # where an empty link leads on a page with a base
    assert elsewhere.asked == []
    # mailto, javascript and tel; the other host; the broken one
    assert ended.statistics.refused == {"scheme_not_allowed": 3, "offsite": 1, "invalid_url": 1}
    assert ended.statistics.failed == {"http_404": 1}
    assert ended.statistics.fetched == PAGES
    assert ended.result.exit_status == 0


async def test_ways_of_following_find_the_same(servers: Servers) -> None:
    """follow_all() in all its ways, follow() one by one, and links made by hand lead to the same pages."""
    site = servers.site()
    site.pages |= site_of(site.root, site.root)

    class PagesSpider(Spider):
        name = "pages"
        start_urls = [site.url(path(0))]
        allowed_domains = ["127.0.0.1"]

        def parse(self, response: Response, turn: int = 0):  # type: ignore[no-untyped-def]
            more = {"cb_kwargs": {"turn": turn + 1}}
            match turn % 5:
                case 0:
                    yield from response.follow_all(css="a", **more)
                case 1:
                    yield from response.follow_all(xpath="//a/@href", **more)
                case 2:
                    yield from response.follow_all(response.css("a[href]"), **more)
                case 3:
                    for link in response.css("a::attr(href)"):
                        yield response.follow(link, **more)
                case 4:
                    for href in response.xpath("//a/@href").getall():
                        yield response.follow(response.urljoin(href), self.parse, **more)

    await crawl(PagesSpider)
    assert site.paths == dict.fromkeys([*map(path, range(PAGES)), "/page", "/far/away/"], 1)
