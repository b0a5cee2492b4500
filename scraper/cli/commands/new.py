"""`scraper new`: a project or a spider to begin with. What is there already is never overwritten."""

import re
from pathlib import Path

import click

from scraper.cli.options import loaded_from, settings_options
from scraper.cli.spiders.choose import all_spiders
from scraper.cli.spiders.find import Found, shown
from scraper.errors import SettingsError, SpiderError, StorageError
from scraper.settings.load import Loaded

_CONFIG = """\
# Settings of this project. `scraper settings` shows all there are, with the values in effect.

crawl = ["bookshop"]                 # what a bare `scraper crawl` runs

[spiders]
source = "spiders"                   # the folder, or the dotted module, of the spider classes

[engine]
# concurrency = 32                   # requests in flight at most
# stop_after.items = 100             # end early; any of: items, pages, errors, seconds

[limits]
# robots = true                      # obey robots.txt
# delay = 1.0                        # seconds between two requests to one host
# per_host = 8                       # requests in flight to one host at most
# max_depth = 3                      # links from a start URL at most; 0 is any number

[network]
# user_agent = "{name} (+https://example.com/contact)"
# timeout = 30.0                     # seconds for a whole request
# retries = 3

[[sinks]]
path = "data/{{spider}}.jsonl"         # .jsonl .json .csv, also with .gz .zst; .sqlite .parquet

# [spiders.bookshop]                 # one spider's own: its arguments, and any table above
# category = "Music"
# limits.delay = 0.5
"""

_EXAMPLE = '''\
"""The spider to change first. The shop it crawls comes with scraper, so it needs no internet.

scraper crawl                           runs it, because config.toml names it
scraper crawl -a category=Music         the same, for one category alone
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal

from scraper import Item, Request, Response, Spider, css
from scraper.testing import bookshop


class Book(Item):
    """What we want to know of a book: each field's type, and where on the page it is found."""

    title: str = css("h1")
    author: str = css(".author")
    price: Decimal = css(".price", re=r"[\\d.]+")
    rating: int = css(".rating", attr="value")


class BookshopSpider(Spider):
    """Reads the books of the shop."""

    name = "bookshop"
    allowed_domains = ["127.0.0.1"]
    category: str = ""  # an argument: -a category=Music; all categories unless given

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open the shop. A site that is there already needs no such thing."""
        async with bookshop.serve(port=self.state.get("port", 0)) as shop:
            self.state["port"] = shop.port  # a crawl that is resumed finds the shop where it was
            self.start_urls = [shop.url]  # yours: a line in the class, start_urls = ["https://…"]
            yield

    def parse(self, response: Response) -> Iterator[Request]:
        """The home page: follow the categories."""
        for link in response.css(".categories a"):
            if self.category in link.css("::text").getall() or not self.category:
                yield response.follow(link, callback=self.parse_category)

    def parse_category(self, response: Response) -> Iterator[Request]:
        """A page of a category: follow its books, and its next page."""
        yield from response.follow_all(css=".book h3 a", callback=self.parse_book)
        yield from response.follow_all(css="a[rel=next]", callback=self.parse_category)

    def parse_book(self, response: Response) -> Iterator[Book]:
        """A book."""
        yield Book.extract(response)
'''

_SPIDER = '''\
"""What is taken from {domain}."""

from collections.abc import Iterator
from typing import Any

from scraper import Response, Spider


class {class_name}(Spider):
    """Keeps the title of each page."""

    name = "{name}"
    start_urls = ["https://{domain}/"]
    allowed_domains = ["{host}"]

    def parse(self, response: Response) -> Iterator[Any]:
        """A page: an item of it, and the requests that it leads to."""
        yield {{"url": response.url, "title": response.css("title::text").get()}}
        yield from response.follow_all(css="a[rel=next]")
'''

_IGNORED = """\
/data/
/.scraper/
__pycache__/
"""


@click.group()
def new() -> None:
    """Begin a project or a spider."""


@new.command()
@click.argument("name")
def project(name: str) -> None:
    """Make the folder NAME, with a config.toml and a spider that runs."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise SettingsError(f"{name!r} cannot be the name of a project: expected letters, digits, - . and _")
    folder = Path(name)
    try:
        folder.mkdir()
    except FileExistsError:
        raise SettingsError(f"{folder} is there already, and was left as it is") from None
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from None
    _write(folder / "config.toml", _CONFIG.format(name=name))
    _write(folder / "spiders" / "bookshop.py", _EXAMPLE)
    _write(folder / ".gitignore", _IGNORED)
    click.echo(f"{folder} is ready. Next:  cd {folder} && scraper crawl")


@new.command()
@click.argument("name")
@click.option("--domain", default="example.com", show_default=True, metavar="HOST", help="The site to crawl.")
@settings_options
def spider(name: str, domain: str, config: Path | None, overrides: tuple[str, ...]) -> None:
    """Write a spider called NAME into the folder that config.toml names."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) or name == "source":
        raise SettingsError(f"{name!r} cannot be the name of a spider: expected letters, digits, - and _")
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*(:\d{1,5})?", domain):
        raise SettingsError(f"--domain {domain}: expected the name of a host, as in --domain example.com")
    loaded = loaded_from(config, overrides, needs_file=True)
    if (other := _known(loaded).get(name)) is not None:
        raise SettingsError(f"there is a spider {name!r} already: {other.place}")
    file = _folder(loaded) / f"{name.replace('-', '_').lower()}.py"
    class_name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[_-]+", name)) + "Spider"
    host = domain.partition(":")[0]
    _write(file, _SPIDER.format(name=name, class_name=class_name, domain=domain, host=host))
    click.echo(f"{shown(file)} is ready. Next:  scraper crawl {name}")


def _known(loaded: Loaded) -> dict[str, Found]:
    """The spiders there are, as far as they can be found: a broken one need not keep anybody from the next."""
    try:
        return all_spiders(loaded)
    except (SettingsError, SpiderError):
        return {}


def _folder(loaded: Loaded) -> Path:
    source = loaded.settings.spiders.source
    for folder in (loaded.folder / source, loaded.folder / source.replace(".", "/")):
        if folder.is_dir():
            return folder
        if folder.with_suffix(".py").is_file():
            raise SettingsError(f"[spiders] source = {source!r} is a file, not a folder: write the spider there")
    return loaded.folder / source


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise SettingsError(f"{shown(file)} is there already, and was left as it is") from None
    except OSError as error:
        raise StorageError(f"{shown(file)} cannot be written: {error.strerror}") from None
