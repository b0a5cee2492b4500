"""`scraper parse`: what a spider makes of a page, item by item and request by request."""

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.addresses import address
from scraper.cli.crawl_plan import plan_one_crawl
from scraper.cli.options import address_argument, settings_options, spider_options
from scraper.errors import SettingsError, SpiderError
from scraper.settings.messages import shown, suggestion

if TYPE_CHECKING:
    from scraper.crawling.inspection import Inspection
    from scraper.crawling.parsed_page import ParsedPage
    from scraper.http.request import Request
    from scraper.spider import Spider


@click.command()
@address_argument
@spider_options
@click.option("--callback", metavar="NAME", help="The method to call; without it, that of the spider's first request.")
@click.option("--rules", is_flag=True, help="Call what the rules of a CrawlSpider have for such a URL.")
@click.option("--depth", type=click.IntRange(min=1), default=1, show_default=True, help="Levels of pages to follow.")
@click.option("--cbkwargs", metavar="JSON", help="Keyword arguments of the callback, as a JSON object.")
@click.option("--meta", metavar="JSON", help="The request's meta, as a JSON object.")
@click.option("--pipelines", is_flag=True, help="Pass items through the spider's own pipelines as well.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@settings_options
def parse(
    url: str,
    spider: str | None,
    arguments: tuple[str, ...],
    callback: str | None,
    rules: bool,
    depth: int,
    cbkwargs: str | None,
    meta: str | None,
    pipelines: bool,
    form: str,
    config: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Show what a spider makes of a page: items, requests, and what is wrong with them.

    \b
    scraper parse URL                                 the only spider for such a site, and its start callback
    scraper parse URL --spider books.py --callback parse_book
    scraper parse ./page.html --spider books          a file, as if it were the answer
    scraper parse URL --spider books --depth 2        and the pages that it leads to

    The page goes through what it meets in a crawl, but nothing is written. The exit status is 1 if a page could not
    be fetched, or a callback or a pipeline raised.
    """  # noqa: D301 -- click leaves the lines after a backspace as they are
    place = address(url)
    if rules and callback is not None:
        raise SettingsError("--rules and --callback: give one of them")
    fields = {"cb_kwargs": _table("--cbkwargs", cbkwargs), "meta": _table("--meta", meta)}
    plan = plan_one_crawl(config, overrides, spider, arguments, place if isinstance(place, str) else None)
    _check_callback(plan.spider_class, callback)

    from scraper.cli.parse_output import as_json, show
    from scraper.cli.single_page import answer, inspected, inspection_for

    inspection = inspection_for(plan, has_pipelines=pipelines)
    target = place if isinstance(place, str) else place.resolve().as_uri()

    async def visit() -> "list[ParsedPage]":
        request = await _request(inspection, target, callback, fields, rules=rules)
        response = await answer(inspection, request if isinstance(place, str) else place)
        if isinstance(place, Path):
            response = response.replace(request=request)
        found = []
        async for page in inspection.walk(response, depth=depth):
            found.append(page)
            if form == "table":
                show(page)
        return found

    with redirect_stdout(sys.stderr) if form == "json" else nullcontext():  # what a spider prints is no JSON
        pages = inspected(inspection, visit())
    if form == "json":
        click.echo(as_json(pages))
    sys.exit(1 if any(page.has_failed for page in pages) else 0)


def _table(option: str, text: str | None) -> dict[str, Any]:
    """The JSON object that an option gives. Raises `SettingsError` if it is none."""
    try:
        value = json.loads(text) if text is not None else {}
    except ValueError as error:
        raise SettingsError(f"{option}: no JSON: {error}") from None
    if not isinstance(value, dict):
        raise SettingsError(f'{option}: expected a JSON object like {{"page": 2}}, got {shown(value)}')
    return value


def _check_callback(spider: "type[Spider]", name: str | None) -> None:
    """Raises `SpiderError`, with the nearest names, if a method is named that `spider` does not have."""
    from scraper.spider import Spider

    if name is not None and not callable(getattr(spider, name, None)):
        methods = {each for each in dir(spider) if callable(getattr(spider, each, None)) and not each.startswith("_")}
        known = (methods - set(dir(Spider))) | {"parse"}
        raise SpiderError(f"{spider.__name__} has no method {name!r}{suggestion(name, known)}")


async def _request(
    inspection: "Inspection", url: str, callback: str | None, fields: dict[str, Any], *, rules: bool
) -> "Request":
    """The request whose answer is parsed. Raises `SpiderError` if the spider cannot say which callback that is for."""
    from scraper.http.request import Request

    if rules:
        return _by_rules(inspection, url, fields)
    return Request(url, callback or await inspection.start_callback()).replace(**fields)


def _by_rules(inspection: "Inspection", url: str, fields: dict[str, Any]) -> "Request":
    """The request that the spider's rules make of a link to `url`. Raises `SpiderError` if they make none."""
    from scraper.spiders.rules import CrawlSpider

    spider = inspection.spider
    if not isinstance(spider, CrawlSpider):
        raise SpiderError(f"--rules: {type(spider).__name__} is not a CrawlSpider, and has no rules")
    request = spider.request_for(url)
    if request is None:
        raise SpiderError(f"--rules: no rule of {type(spider).__name__} is for links to {url}")
    return request.replace(
        cb_kwargs={**request.cb_kwargs, **fields["cb_kwargs"]}, meta={**fields["meta"], **request.meta}
    )
