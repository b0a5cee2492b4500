"""What a spider has made of a page: tables for people, an array for programs."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scraper.crawling.parsed_page import PageItem, PageRequest, ParsedPage
from scraper.errors import SpiderError
from scraper.http.request import Request
from scraper.items.item import ItemError
from scraper.items.item_types import Misfit, fields, plain
from scraper.protocols import Fault
from scraper.secrets import masked
from scraper.urls import without_credentials
from scraper.views.formatting import plural, told, visible

WIDE = 160  # columns where there is no terminal

# For people.


def show(page: ParsedPage) -> None:
    """Print `page` on standard output."""
    console = Console(
        file=sys.stdout,
        highlight=False,
        width=None if sys.stdout.isatty() else WIDE,
        force_interactive=None if sys.stdout.isatty() else False,
    )
    with console.capture() as capture:
        console.print(Group(*_parts(page)))
    click.echo("\n".join(line.rstrip() for line in capture.get().split("\n")))


def _parts(page: ParsedPage) -> Iterator[RenderableType]:
    yield _heading(page)
    for number, found in enumerate(page.items, 1):
        yield _indented(_item(number, found))
    if page.requests:
        yield _indented(_requests(page.requests))
    for fault in page.problems:
        yield _indented(_error(fault))
    if not page.items and not page.requests and not page.problems:
        yield _indented(Text("neither items nor requests", "yellow"))


def _heading(page: ParsedPage) -> Text:
    status = str(page.status) if page.status else "failed"
    style = "bold green" if page.status and not page.problems else "bold red"
    found = f"{plural(len(page.items), 'item')}, {plural(len(page.requests), 'request')}"
    return Text.assemble(
        (status, style), " ", (_url(page.url), "bold"), f"  {visible(page.where)}", (f"  {found}", "dim")
    )


def _item(number: int, found: PageItem) -> Table:
    table = _table(f"item {number}", type(found.item).__name__, "field", "value")
    for name, value in fields(found.item).items():
        table.add_row(Text(visible(name)), Text(_value(value)))
    if found.problem:
        table.add_row(Text("dropped", "bold red"), Text(visible(found.problem), "red"))
    return table


def _requests(requests: Sequence[PageRequest]) -> Table:
    has_problems = any(each.problem for each in requests)
    table = _table("requests", "", "URL", "callback", *(["not sent"] if has_problems else []))
    for each in requests:
        request = each.request
        address = _url(request.url) if request.method == "GET" else f"{visible(request.method)} {_url(request.url)}"
        cells = [Text(address), Text(visible(str(request.callback or "parse")))]
        table.add_row(*cells, *([Text(visible(each.problem), "yellow")] if has_problems else []))
    return table


def _error(fault: Fault) -> RenderableType:
    error, place = fault.error, f"{visible(fault.line)}: " if fault.line else ""
    if not isinstance(error, ItemError) or not error.misfits:
        return Text.assemble(("error", "bold red"), " ", (f"{place}{told(error)}", "red"))
    table = _table("error", f"{place}an item that cannot be made", "field", "selector", "value", "problem")
    for each in error.misfits:
        table.add_row(
            *map(Text, map(visible, (f"{each.item}.{each.field}", each.selector, each.value))), _problem(each)
        )
    return table


def _problem(misfit: Misfit) -> Text:
    return Text(visible(misfit.problem), "red")


def _table(title: str, more: str, *columns: str) -> Table:
    heading = Text.assemble((title, "bold"), (f"  {visible(more)}" if more else "", "dim"))
    table = Table(title=heading, title_justify="left", title_style="", box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (1, 0, 0, 2))


def _url(url: str) -> str:
    return visible(masked(without_credentials(url)))


def _value(value: Any) -> str:
    return visible(value if isinstance(value, str) else repr(value), 500)


# For programs.


def as_json(pages: Sequence[ParsedPage]) -> str:
    """One JSON array: an object for each page. Raises `SpiderError` for an item that JSON cannot hold."""
    try:
        return msgspec.json.encode([_page(page) for page in pages], enc_hook=_any).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SpiderError(f"an item cannot be written as JSON: {error}; --format table shows it") from None


def _page(page: ParsedPage) -> dict[str, Any]:
    error = page.error
    misfits = error.misfits if isinstance(error, ItemError) else ()
    return {
        "url": masked(without_credentials(page.url)),
        "status": page.status or None,
        "depth": page.depth,
        "callback": page.where,
        "items": [
            {"type": type(found.item).__name__, "fields": fields(found.item), "problem": found.problem or None}
            for found in page.items
        ],
        "requests": [_request(each) for each in page.requests],
        "error": None if error is None else {"text": told(error), "line": page.line or None, "misfits": misfits},
        "faults": [{"text": told(fault.error), "line": fault.line or None} for fault in page.faults],
    }


def _request(found: PageRequest) -> dict[str, Any]:
    request: Request = found.request
    return {
        "url": masked(without_credentials(request.url)),
        "method": request.method,
        "callback": str(request.callback or "parse"),
        "cb_kwargs": request.cb_kwargs,
        "meta": request.meta,
        "priority": request.priority,
        "problem": found.problem or None,
    }


def _any(value: object) -> object:
    """What JSON has no form for, as Python writes it."""
    try:
        return plain(value)
    except TypeError:
        return repr(value)
