"""`scraper shell`: a Python prompt with a page at hand."""

import sys
from pathlib import Path

import click

from scraper.cli.addresses import address
from scraper.cli.crawl_plan import plan_any_crawl
from scraper.cli.options import shell_settings_options, spider_options


@click.command()
@click.argument("url", metavar="[URL | FILE]", required=False)
@spider_options
@click.option("-c", "code", metavar="CODE", help="Run this, print what it evaluates to, and exit.")
@shell_settings_options
def shell(
    url: str | None,
    spider: str | None,
    arguments: tuple[str, ...],
    code: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Try things out on a page, at a prompt.

    \b
    scraper shell https://example.com/
    scraper shell ./page.html                a file, as if it were an answer
    scraper shell https://example.com/ -c 'response.css("title::text").get()'

    At hand are `response`, `request`, `spider`, `settings`, `fetch(url)`, `view(response)`; `shelp()` lists them.
    `await` works at the prompt. IPython is used where it is installed (extra `shell`). Where standard input is no
    terminal, the code is read from there.
    """  # noqa: D301 -- click leaves the lines after a backspace as they are
    place = address(url) if url is not None else None
    plan = plan_any_crawl(config, overrides, spider, arguments)

    from scraper.cli.prompt.console import converse, evaluate
    from scraper.cli.prompt.session import Session
    from scraper.cli.single_page import ERRORS, inspection_for

    with Session(inspection_for(plan, accepted=ERRORS)) as session:
        if code is None and sys.stdin.isatty():
            if place is not None:
                session.try_fetch(place)
            converse(session)
            return
        if place is not None:
            session.fetch(place)
        evaluate(session, sys.stdin.read() if code is None else code)
