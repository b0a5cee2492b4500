"""CrawlSpider, in whole crawls of a local site."""

import re
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from aiohttp import web

from scraper.errors import CloseSpider, SpiderError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.markup.links.link_extractor import Link, LinkExtractor
from scraper.spider import Failure
from scraper.spiders.rules import CrawlSpider, Rule
from tests.flow.crawls import Ended, crawl
from tests.flow.site import Servers, Site


def to(allow: str) -> LinkExtractor:
    """An extractor of the links whose URL has `allow` in it."""
    return LinkExtractor(allow=allow)


class Shop(CrawlSpider):
    """Follows lists, and gives products."""

    name = "shop"
    rules = (Rule(to("/list")), Rule(to("/product"), callback="parse_product"))

    def parse_product(self, response: Response, **kwargs: Any) -> Any:
        yield {"path": path(response), **kwargs, **response.meta}


def path(response: Response) -> str:
    """The path of a page."""
    return "/" + response.url.split("/", 3)[3]


def shop(servers: Servers) -> Site:
    """Two lists that lead to each other and to products, which lead on to a third."""
    return servers.site(
        {
            "/": "<a href=/list/1>1</a><a href=/about>About</a>",
            "/list/1": "<a href=/list/2>2</a><a href=/product/a>Tea A</a>",
            "/list/2": "<a href=/list/1>1</a><a href=/product/a>A again</a><a href=/product/b>Tea B</a>",
            "/product/a": "<a href=/product/c>C</a>",
        },
        otherwise="<p>",
    )


async def crawled(site: Site, spider: type[CrawlSpider] = Shop, **attributes: Any) -> Ended:
    """A crawl of a site from its root."""
    return await crawl(spider(start_urls=[site.url("/")], **attributes))


def paths(ended: Ended) -> list[str]:
    """Which pages gave an item."""
    return sorted(item["path"] for item in ended.items)


async def test_rules_lead_a_spider(servers: Servers) -> None:
    """Links of rules without a callback are followed, pages of rules with one are given to it and not followed."""
    site = shop(servers)
    ended = await crawled(site)
    assert paths(ended) == ["/product/a", "/product/b"]
    assert set(site.paths) == {"/", "/list/1", "/list/2", "/product/a", "/product/b"}


@pytest.mark.parametrize("kind", ["html", "*/*", "text/html,text/html", "application/octet-stream"])
async def test_the_body_decides_where_the_type_says_nothing(servers: Servers, kind: str) -> None:
    """A page whose Content-Type is no type, or means anything, has links if it begins like HTML; others have none."""

    def page(body: str, content_type: str) -> web.Response:
        return web.Response(body=body.encode(), headers={"Content-Type": content_type})

    site = servers.site(
        {
            "/": lambda _: page("<!doctype html><a href=/list/1>1</a><a href=/list/2>2</a>", kind),
            "/list/1": lambda _: page("say: <a href=/list/3>3</a>", kind if "," not in kind else "text/plain"),
            "/list/2": lambda _: page("<html><a href=/list/4>4</a>", "text/plain"),
        },
        otherwise="<p>",
    )
    await crawled(site)
    assert set(site.paths) == {"/", "/list/1", "/list/2"}


class Broken(Shop):
    """Pages whose callbacks raise, each in another way, after they gave an item."""

    name = "broken"
    closes = False

    def parse_plain(self, response: Response) -> Any:
        raise ValueError("no price here")

    def parse_generator(self, response: Response) -> Any:
        yield {"path": path(response)}
        raise (CloseSpider("enough") if self.closes else ValueError("no price here"))

    async def parse_later(self, response: Response) -> Any:
        raise ValueError("no price here")

    async def parse_stream(self, response: Response) -> Any:
        yield {"path": path(response)}
        raise (CloseSpider("enough") if self.closes else ValueError("no price here"))


@pytest.mark.parametrize("callback", ["parse_plain", "parse_generator", "parse_later", "parse_stream"])
async def test_a_page_whose_callback_raises_is_followed(servers: Servers, callback: str) -> None:
    """Links are followed though the callback raises: the error is one of its page, and what it gave before is kept."""
    site = shop(servers)
    rules = [Rule(to("/list"), callback, follow=True), Rule(to("/product"), "parse_product")]
    ended = await crawled(site, Broken, rules=rules)
    given = ["/list/1", "/list/2"] if callback in {"parse_generator", "parse_stream"} else []
    assert paths(ended) == [*given, "/product/a", "/product/b"]
    assert (ended.statistics.errors, ended.result.exit_status) == (2, 1)


@pytest.mark.parametrize("callback", ["parse_generator", "parse_stream"])
async def test_a_callback_that_ends_the_crawl_is_not_followed(servers: Servers, callback: str) -> None:
    """CloseSpider is no error but the end: the page's links are left."""
    site = shop(servers)
    ended = await crawled(site, Broken, rules=[Rule(to("/list"), callback, follow=True)], closes=True)
    assert (set(site.paths), paths(ended), ended.result.reason) == ({"/", "/list/1"}, ["/list/1"], "enough")
    assert ended.statistics.waiting == 0


async def test_a_rule_may_follow_its_pages(servers: Servers) -> None:
    """With `follow`, pages of a rule with a callback are followed; without, those of one with none are not."""
    site = shop(servers)
    ended = await crawled(site, rules=[Rule(to("/list")), Rule(to("/product"), "parse_product", follow=True)])
    assert paths(ended) == ["/product/a", "/product/b", "/product/c"]
    site = shop(servers)
    await crawled(site, rules=[Rule(to("/list"), follow=False)])
    assert set(site.paths) == {"/", "/list/1"}


async def test_a_link_goes_to_the_first_rule(servers: Servers) -> None:
    """A link that two rules are for is the first one's; the page knows which, and the link's text."""
    site = shop(servers)
    rules = [
        Rule(to("/list/1")),
        Rule(to("product/a"), "parse_product", cb_kwargs={"kind": "a"}),
        Rule(to("/"), "parse_product", cb_kwargs={"kind": "any"}),
    ]
    items = {item["path"]: item for item in (await crawled(site, rules=rules)).items}
    assert items["/product/a"] == {"path": "/product/a", "kind": "a", "rule": 1, "link_text": "Tea A"}
    assert {place for place, item in items.items() if item["kind"] == "any"} == {"/about", "/list/2"}


async def test_start_pages_are_parsed_too(servers: Servers) -> None:
    """Start pages are given to parse_start_url, and followed; results of all callbacks pass process_results."""

    class Started(Shop):
        def parse_start_url(self, response: Response, **kwargs: Any) -> Any:
            return {"path": path(response)}

        def process_results(self, response: Response, results: Iterable[Any]) -> Iterable[Any]:
            return [{**result, "seen": True} for result in results]

    ended = await crawled(shop(servers), Started)
    assert paths(ended) == ["/", "/product/a", "/product/b"]
    assert all(item["seen"] for item in ended.items)


async def test_links_and_requests_are_processed(servers: Servers) -> None:
    """process_links changes or leaves out links, process_request requests; methods, names and functions will do."""

    class Changing(Shop):
        def fewer(self, links: list[Link]) -> Iterable[Link]:
            for link in links:
                link.url = link.url.replace("/b", "/d")
                yield link

        rules = [
            Rule(to("/list"), process_request=lambda request, response: None if "list/2" in request.url else request),
            Rule(to("/product"), "parse_product", process_links=fewer, process_request="marked"),
        ]

        def marked(self, request: Request, response: Response) -> Request:
            return request.replace(meta={**request.meta, "from": path(response)})

    ended = await crawled(shop(servers), Changing)
    assert [(item["path"], item["from"]) for item in ended.items] == [("/product/a", "/list/1")]
    site = shop(servers)
    await crawled(site, Changing, rules=[Rule(to("/list")), Rule(to("/prod"), process_links="fewer")])
    assert "/product/d" in site.paths
    assert "/product/b" not in site.paths


@pytest.mark.parametrize("executor", ["thread", "inline"])
async def test_callbacks_may_be_asynchronous(servers: Servers, executor: str) -> None:
    """Callbacks of rules, and parse_start_url, may be coroutines and asynchronous generators."""
    ended = await crawl(Slow(start_urls=[shop(servers).url("/")]), {"parsing": {"executor": executor, "workers": 1}})
    assert paths(ended) == ["/", "/list/1", "/list/2", "/product/a", "/product/b"]


class Slow(CrawlSpider):
    """All of its callbacks are asynchronous."""

    name = "slow"
    rules = [Rule(to("/list"), "parse_list", follow=True), Rule(to("/product"), "parse_product")]

    async def parse_start_url(self, response: Response, **kwargs: Any) -> Any:
        return [{"path": path(response)}]

    async def parse_list(self, response: Response) -> AsyncIterator[Any]:
        yield {"path": path(response)}

    async def parse_product(self, response: Response) -> Any:
        return {"path": path(response)}


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("kind", ["plain", "later"])
async def test_what_was_given_before_an_error_is_kept(servers: Servers, kind: str, follow: bool) -> None:
    """Items of a callback that raises are kept; the error is counted, and the rule's errback called."""
    told: list[str] = []

    class Failing(CrawlSpider):
        name = "failing"

        def plain(self, response: Response) -> Any:
            yield {"path": path(response)}
            raise ValueError("no")

        async def later(self, response: Response) -> Any:
            yield {"path": path(response)}
            raise ValueError("no")

        def failed(self, failure: Failure) -> None:
            told.append(path(failure.response) if failure.response is not None else failure.request.url)

        rules = [Rule(to("/about"), kind, errback=failed, follow=follow)]

    ended = await crawled(shop(servers), Failing)
    assert (paths(ended), told, ended.statistics.errors) == (["/about"], ["/about"], 1)


async def test_a_spider_may_have_a_parse_of_its_own(servers: Servers) -> None:
    """A method `parse` is a callback as any other for rules, and start pages are followed by the rules all the same."""

    class Own(Shop):
        rules = [Rule(to("/about"), "parse")]

        def parse(self, response: Response, **kwargs: Any) -> Any:
            return {"path": path(response)}

    assert paths(await crawled(shop(servers), Own)) == ["/about"]


async def test_pages_asked_for_by_a_callback_may_be_followed(servers: Servers) -> None:
    """A request without a callback, from whatever method, is for the rules."""

    class Leading(Shop):
        def parse_start_url(self, response: Response, **kwargs: Any) -> Any:
            return response.follow("/list/2")

        rules = [Rule(to("/product/b"), "parse_product")]

    assert paths(await crawled(shop(servers), Leading)) == ["/product/b"]


async def test_an_asynchronous_start_is_for_all_pages_without_a_callback(servers: Servers) -> None:
    """parse_start_url may be asynchronous for pages that a callback asked for, too."""

    class Leading(Slow):
        async def parse_start_url(self, response: Response, **kwargs: Any) -> Any:
            return [{"path": path(response)}, response.follow("/about")]

        rules = ()

    assert paths(await crawled(shop(servers), Leading)) == ["/", "/about"]


async def test_what_is_no_html_has_no_links(servers: Servers) -> None:
    """Pages of other types are not looked at for links."""
    site = servers.site({"/": web.Response(body=b"<a href=/list/1>", content_type="application/pdf")})
    await crawled(site)
    assert set(site.paths) == {"/"}


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"rules": [Rule(callback="parse_tea")]}, "a rule's callback is 'parse_tea', and it has no such method"),
        ({"rules": [Rule(callback=lambda response: None)]}, "which is not a method of it: pass 'method'"),
        ({"rules": [Rule(errback=print)]}, "a rule's errback is <built-in function print>, which is not a method"),
        ({"rules": [Rule(process_links=3)]}, "a rule's process_links is 3"),
        ({"rules": [Rule("/list")]}, "a rule needs a LinkExtractor, not '/list'"),
        ({"rules": [LinkExtractor()]}, "rules holds Rule objects"),
        ({"rules": LinkExtractor()}, "rules holds Rule objects"),
        ({"start_urls": []}, "has no start URL"),
    ],
)
async def test_what_is_wrong_with_a_rule_is_told_before_it_begins(attributes: dict[str, Any], text: str) -> None:
    """A rule that means nothing ends the crawl before anything is sent, in a line that names the spider."""
    with pytest.raises(SpiderError, match=re.escape(text)) as raised:
        await crawl(Shop(**{"start_urls": ["http://127.0.0.1:1/"], **attributes}))
    assert "'shop'" in str(raised.value)


def test_the_request_of_a_link_may_be_asked_for() -> None:
    """`request_for()` gives what the first rule that fits makes of a link, whichever page it would be on."""

    class Shop(CrawlSpider):
        name = "shop"
        rules = (
            Rule(LinkExtractor(allow="/list"), follow=True),
            Rule(LinkExtractor(allow="/book"), callback="book", cb_kwargs={"mark": 1}),
        )

        def book(self, response: Response, mark: int) -> None:
            """A callback."""

    spider = Shop()
    request = spider.request_for("http://a.example/book/1", priority=2)
    assert request is not None
    assert (request.url, request.priority, request.cb_kwargs) == ("http://a.example/book/1", 2, {"mark": 1})
    assert request.meta == {"rule": 1}
    assert request.callback == "book"  # which messages name
    assert spider.request_for("http://a.example/about") is None


async def test_a_record_that_an_asynchronous_callback_fills_again(servers: Servers) -> None:
    """Each item is what it was when it was given, though the rules take what the callback gives at its end."""

    class Later(Shop):
        rules = (Rule(to("/product"), callback="parse_again", follow=True),)

        async def parse_again(self, response: Response) -> AsyncIterator[Any]:
            item: dict[str, Any] = {}
            for item["n"] in range(3):
                yield item

    site = servers.site({"/": "<a href=/product/a>A</a>"}, otherwise="<p>")
    assert (await crawled(site, Later)).items == [{"n": 0}, {"n": 1}, {"n": 2}]
