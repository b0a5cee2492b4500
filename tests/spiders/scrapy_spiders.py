"""Spiders as people write them for Scrapy, after its tutorial and its pages on spiders; the import lines are ours.

All of them crawl the site that `test_from_scrapy` serves, whose root is `site`.
"""

import json
from pathlib import Path

from itemadapter import ItemAdapter
from itemloaders import ItemLoader
from itemloaders.processors import Join, MapCompose, TakeFirst

import scraper as scrapy
from scraper import (
    CloseSpider,
    CrawlSpider,
    CSVFeedSpider,
    DropItem,
    FetchError,
    LinkExtractor,
    Rule,
    SitemapSpider,
    XMLFeedSpider,
)


class SavePages(scrapy.Spider):
    """The tutorial's first: pages become files."""

    name = "save"

    def start_requests(self):
        for number in (1, 2):
            yield scrapy.Request(url=f"{self.site}/page/{number}/", callback=self.parse)

    def parse(self, response):
        number = response.url.split("/")[-2]
        filename = f"quotes-{number}.html"
        Path(filename).write_bytes(response.body)
        self.log(f"saved {filename}")


class Quotes(scrapy.Spider):
    """Items, and the next page by urljoin and a request."""

    name = "quotes"

    async def start(self):
        yield scrapy.Request(f"{self.site}/page/1/")

    def parse(self, response):
        for quote in response.css("div.quote"):
            yield {
                "text": quote.css("span.text::text").get(),
                "author": quote.css("small.author::text").get(),
                "tags": quote.css("div.tags a.tag::text").getall(),
            }
        next_page = response.css("li.next a::attr(href)").get()
        if next_page is not None:
            yield scrapy.Request(response.urljoin(next_page), callback=self.parse)


class ByXPath(scrapy.Spider):
    """The same by XPath, with regular expressions and `follow`."""

    name = "xpath"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_urls = [f"{self.site}/page/1/"]

    def parse(self, response):
        for quote in response.xpath('//div[@class="quote"]'):
            yield {
                "text": quote.xpath('./span[@class="text"]/text()').extract_first(),
                "author": quote.xpath(".//small/text()").get(),
                "initials": quote.xpath(".//small/text()").re(r"\b(\w)"),
                "tags": quote.xpath(".//a[contains(@class, $kind)]/text()", kind="tag").extract(),
            }
        for link in response.xpath("//li[@class='next']/a"):
            yield response.follow(link, self.parse)


class Authors(scrapy.Spider):
    """Two callbacks, `follow_all`, and a helper within a callback."""

    name = "authors"

    def start_requests(self):
        yield scrapy.Request(f"{self.site}/page/1/")

    def parse(self, response):
        yield from response.follow_all(response.css(".author + a"), self.parse_author)
        yield from response.follow_all(css="ul.pager a", callback=self.parse)

    def parse_author(self, response):
        def extract_with_css(query):
            return response.css(query).get(default="").strip()

        yield {
            "name": extract_with_css("h3.author-title::text"),
            "birthdate": extract_with_css(".author-born-date::text"),
            "bio": extract_with_css(".author-description::text"),
            "death": extract_with_css(".author-died::text"),
        }


class Tagged(scrapy.Spider):
    """A spider argument that nobody declares."""

    name = "tagged"

    def start_requests(self):
        tag = getattr(self, "tag", None)
        yield scrapy.Request(self.site + (f"/tag/{tag}/" if tag is not None else "/page/1/"), self.parse)

    def parse(self, response):
        for quote in response.css("div.quote"):
            yield {"author": quote.css("small.author::text").get()}


class Scrolling(scrapy.Spider):
    """A page that scrolls for ever is an API behind it."""

    name = "scroll"

    def start_requests(self):
        yield scrapy.Request(f"{self.site}/api/quotes?page=1", cb_kwargs={"page": 1})

    def parse(self, response, page):
        data = json.loads(response.text)
        assert data == response.json()
        for quote in data["quotes"]:
            yield {"quote": quote["text"], "page": page}
        if data["has_next"]:
            url = f"{self.site}/api/quotes?page={page + 1}"
            yield scrapy.Request(url, callback=self.parse, cb_kwargs={"page": page + 1})


class LogIn(scrapy.Spider):
    """A login form with a hidden token, filled in."""

    name = "login"

    def start_requests(self):
        yield scrapy.Request(f"{self.site}/login")

    def parse(self, response):
        return scrapy.FormRequest.from_response(
            response, formdata={"username": "john", "password": "secret"}, callback=self.after_login
        )

    def after_login(self, response):
        if b"authentication failed" in response.body:
            self.logger.error("Login failed")
            return
        yield {"welcome": response.css("p.welcome::text").get(), "agent": response.request.headers.get("X-None", "-")}


class Product(scrapy.Item):
    """An item as Scrapy declares them."""

    name = scrapy.Field()
    price = scrapy.Field(serializer=str)
    tags = scrapy.Field()


class ProductLoader(ItemLoader):
    """Fills a product in."""

    default_output_processor = TakeFirst()
    name_in = MapCompose(str.strip, str.title)
    tags_out = Join("|")


class Loaded(scrapy.Spider):
    """Items by keys, and by a loader."""

    name = "loaded"

    def start_requests(self):
        yield scrapy.Request(f"{self.site}/product/1", self.parse_by_hand)
        yield scrapy.Request(f"{self.site}/product/2", self.parse_by_loader)

    def parse_by_hand(self, response):
        item = Product()
        item["name"] = response.css("h1::text").get().strip()
        item["price"] = response.css(".price::text").re_first(r"[\d.]+")
        yield item

    def parse_by_loader(self, response):
        loader = ProductLoader(item=Product(), selector=response)
        loader.add_css("name", "h1::text")
        loader.add_xpath("price", '//p[@class="price"]/text()', re=r"[\d.]+")
        loader.nested_css("ul.tags").add_css("tags", "li::text")
        yield loader.load_item()


class Rules(CrawlSpider):
    """Rules that say which links are followed, and which have items."""

    name = "rules"
    rules = (
        Rule(LinkExtractor(allow=(r"/category/",), deny=(r"/category/hidden",))),
        Rule(LinkExtractor(allow=(r"/product/",), restrict_css="ul.products"), callback="parse_item"),
    )

    def start_requests(self):
        yield scrapy.Request(f"{self.site}/shop")

    def parse_item(self, response):
        self.logger.info("an item page: %s", response.url)
        yield {
            "name": response.xpath("//h1/text()").get().strip(),
            "link_text": response.meta["link_text"],
            "price": response.xpath('//p[@class="price"]/text()').re(r"([\d.]+)"),
        }


class Nodes(XMLFeedSpider):
    """The nodes of an XML feed."""

    name = "nodes"
    iterator = "iternodes"
    itertag = "item"

    def start_requests(self):
        yield scrapy.Request(f"{self.site}/feed.xml")

    def parse_node(self, response, node):
        return {"id": node.xpath("@id").get(), "name": node.xpath("name/text()").get()}


class Rows(CSVFeedSpider):
    """The rows of a CSV feed."""

    name = "rows"
    delimiter = ";"
    quotechar = "'"
    headers = ["id", "name"]

    def start_requests(self):
        yield scrapy.Request(f"{self.site}/feed.csv")

    def parse_row(self, response, row):
        return {"id": row["id"], "name": row["name"]}


class Mapped(SitemapSpider):
    """A sitemap, and a callback for each kind of page."""

    name = "mapped"
    sitemap_rules = [("/product/", "parse_product"), ("/category/", "parse_category")]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.sitemap_urls = [f"{self.site}/robots.txt"]

    def parse_product(self, response):
        yield {"product": response.css("h1::text").get().strip()}

    def parse_category(self, response):
        yield {"category": response.url.rsplit("/", 1)[-1]}


class Errbacks(scrapy.Spider):
    """What went wrong, in an errback. The kinds of failures are the one thing that differs."""

    name = "errbacks"

    def start_requests(self):
        for path in ("/page/1/", "/missing", "/broken"):
            yield scrapy.Request(
                self.site + path, callback=self.parse, errback=self.errback, dont_filter=True, meta={"path": path}
            )

    def parse(self, response):
        yield {"ok": response.meta["path"], "status": response.status}

    def errback(self, failure):
        if failure.check(FetchError) and failure.value.reason.startswith("http_"):
            yield {"failed": failure.request.meta["path"], "status": failure.response.status}


class Jars(scrapy.Spider):
    """Several sessions at a time."""

    name = "jars"

    def start_requests(self):
        for jar in range(3):
            yield scrapy.Request(f"{self.site}/visit", meta={"cookiejar": jar}, dont_filter=True)

    def parse(self, response):
        yield scrapy.Request(
            f"{self.site}/visit",
            meta={"cookiejar": response.meta["cookiejar"]},
            callback=self.parse_again,
            dont_filter=True,
        )

    def parse_again(self, response):
        yield {"jar": response.meta["cookiejar"], "visitor": response.text}


class Posting(scrapy.Spider):
    """Forms and JSON that are sent."""

    name = "posting"

    def start_requests(self):
        yield scrapy.FormRequest(f"{self.site}/echo", formdata={"name": "John Doe", "age": "27"})
        yield scrapy.JsonRequest(f"{self.site}/echo", data={"name": "John", "ages": [27]})
        yield scrapy.Request(f"{self.site}/echo", method="PUT", body="plain", headers={"X-Token": "t"})

    def parse(self, response):
        yield response.json()


class Closing(scrapy.Spider):
    """A callback that has seen enough."""

    name = "closing"

    def start_requests(self):
        yield scrapy.Request(f"{self.site}/page/1/")

    def parse(self, response):
        raise CloseSpider("bandwidth_exceeded")


class PricePipeline:
    """The pipeline of Scrapy's documentation: a tax is added, and what has no price is dropped."""

    vat_factor = 1.2

    def open_spider(self, spider):
        self.seen = []

    def process_item(self, item, spider):
        adapter = ItemAdapter(item)
        if adapter.get("price"):
            adapter["price"] = round(float(adapter["price"]) * self.vat_factor, 2)
            self.seen.append(adapter["name"])
            return item
        raise DropItem("Missing price")

    def close_spider(self, spider):
        spider.sold = self.seen


class Taxed(Rules):
    """Items that pass a pipeline as it was written for Scrapy."""

    name = "taxed"
    pipelines = [PricePipeline()]

    def parse_item(self, response):
        yield Product(
            name=response.css("h1::text").get().strip(), price=response.css(".price::text").re_first(r"[\d.]+")
        )
