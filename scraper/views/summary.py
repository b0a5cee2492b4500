"""The end of a crawl: a table for people, an object for programs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scraper.events import Statistics
from scraper.protocols import Replaced
from scraper.views.formatting import counts, duration, plural, size, visible


class DataFile(Protocol):
    """What was written: see `crawling.Written`."""

    @property
    def path(self) -> str: ...
    @property
    def items(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def replaced(self) -> Replaced | None: ...
    @property
    def tables_kept(self) -> Sequence[str]: ...
    @property
    def files(self) -> Sequence[str]: ...


class Ending(Protocol):
    """How a crawl ended: see `crawling.Result`."""

    @property
    def spider(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def statistics(self) -> Statistics: ...
    @property
    def sinks(self) -> Sequence[DataFile]: ...
    @property
    def problems(self) -> Sequence[str]: ...
    @property
    def job(self) -> Path | None: ...
    @property
    def drifted(self) -> Mapping[str, int]: ...
    @property
    def cached(self) -> Mapping[str, int]: ...
    @property
    def others(self) -> int: ...


# For people.


def show(ending: Ending, console: Console, *, command: str) -> None:
    """Print the summary of a crawl that `command` started."""
    with console.capture() as capture:
        console.print(table(ending, command=command))
    lines = capture.get().split("\n")
    console.file.write("\n".join(line.rstrip() for line in lines))  # rich fills lines up, which is odd in a file
    console.file.flush()


def table(ending: Ending, *, command: str) -> RenderableType:
    """What was crawled, what went wrong, and what to do next."""
    advice = Table.grid(padding=(0, 1))
    for problem in ending.problems:
        advice.add_row(Text("problem", "bold red"), Text(visible(problem), "red"))
    for name, pages in ending.drifted.items():
        told = f"{name} was found on none of the last {plural(pages, 'page')}: the site has probably changed"
        advice.add_row(Text("drift", "bold yellow"), Text(visible(told), "yellow"))
    for step in next_steps(ending, command=command):
        advice.add_row(Text("next", "bold cyan"), step)
    parts: list[Text | Table] = [_heading(ending), _counts(ending), _balance(ending.statistics)]
    if advice.row_count:
        parts.append(advice)
    return Group(Text(), *(Padding(part, (0, 2, 1, 2)) for part in parts))


def _heading(ending: Ending) -> Text:
    style = "yellow" if ending.reason == "interrupted" else "red" if ending.problems else "green"
    return Text.assemble(
        (visible(ending.spider, 60), f"bold {style}"),
        (f"  {visible(ending.reason, 200)}", style),
        f" after {duration(ending.statistics.seconds)}",
    )


def _counts(ending: Ending) -> Table:
    now = ending.statistics
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", justify="right", no_wrap=True)
    grid.add_column(style="bold", justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    speed = now.fetched / now.seconds if now.seconds else 0.0
    grid.add_row("pages", f"{now.fetched:,}", Text(f"{speed:,.1f} pages/s, {size(now.bytes)}"))
    grid.add_row("items", f"{now.items:,}", _files(ending.sinks))
    grid.add_row("requests", f"{now.requests:,}", Text(_with_requests(now)))
    for name, mapping, style in (
        ("cache", {name: number for name, number in ending.cached.items() if number}, ""),
        ("refused", now.refused, ""),
        ("failed", now.failed, "yellow"),
        ("parked", now.parked, "yellow"),
        ("dropped", now.drops, ""),
    ):
        if number := sum(mapping.values()):
            grid.add_row(name, Text(f"{number:,}", style), Text(counts(mapping)))
    if now.changes:
        grid.add_row("changes", f"{sum(now.changes.values()):,}", Text(counts(now.changes)))
    grid.add_row("errors", Text(f"{now.errors:,}", "red" if now.errors else ""), Text())
    return grid


def _files(sinks: Sequence[DataFile]) -> Text:
    """One line a data file: its path, and its size in items and bytes."""
    lines = []
    for sink in sinks:
        path = "standard output" if sink.path == "-" else visible(sink.path)
        lines.append(Text.assemble((path, "bold"), f"  {plural(sink.items, 'item')}, {size(sink.bytes)}"))
        if sink.files:
            lines.append(Text(f"  in {plural(len(sink.files), 'file')}"))
        if sink.replaced is not None and sink.replaced.has_items:
            lines.append(Text(f"  replaced {sink.replaced} by {sink.items:,}"))
        if sink.tables_kept:
            lines.append(Text(f"  kept tables that this crawl did not write: {visible(', '.join(sink.tables_kept))}"))
    return Text("\n").join(lines)


def _with_requests(now: Statistics) -> str:
    parts = [
        plural(now.retries, "retry", "retries"),
        plural(now.redirects, "redirect"),
        f"{now.duplicates:,} links seen before",
    ]
    return ", ".join(parts)


def _balance(now: Statistics) -> Text:
    text = Text.assemble(("discovered ", "dim"), (f"{now.discovered:,}", "bold"))
    parts = {
        "fetched": now.fetched,
        "refused": sum(now.refused.values()),
        "failed": sum(now.failed.values()),
        "waiting": now.waiting,
    }
    for sign, (name, number) in zip("=+++", parts.items(), strict=True):
        text.append(f" {sign} {name} ", "dim")
        text.append(f"{number:,}", "bold")
    return text


def next_steps(ending: Ending, *, command: str) -> list[Text]:
    """What is worth doing now, one or two lines; `command` is what started the crawl."""
    now = ending.statistics
    files = [sink for sink in ending.sinks if sink.path != "-"]
    steps = []
    if ending.others:
        who = "1 other machine continues" if ending.others == 1 else f"{ending.others} other machines continue"
        steps.append(Text(f"{who} the crawl, which ends without this one"))
        steps.append(_command(command, "joins it again"))
    elif ending.job is not None:
        steps.append(_command(command, "resumes; edits of the spider apply to the pages that are left"))
        if files:
            steps.append(_command(f"{command} --finish", f"closes {', '.join(visible(file.path) for file in files)}"))
        steps.append(_command(f"{command} --fresh", "starts over, and crawls every page again"))
    elif ending.reason == "interrupted":
        if files:
            steps.append(Text(f"unfinished data: {', '.join(visible(file.path) for file in files)}"))
        steps.append(_command(command, "starts over"))
    elif now.errors:
        steps.append(Text("the log above says what went wrong, and in which line"))
    elif now.fetched and not now.items and not sum(now.drops.values()):
        steps.append(Text(_without_items(ending)))
    elif any(file.items for file in files):
        steps.extend(_look(next(file for file in files if file.items)))
    if any(now.failed.get(reason) for reason in ("http_429", "http_503")):
        steps.append(_command(f"{command} -s limits.delay=1", "slows down for a site that answers 429 or 503"))
    return steps


def _without_items(ending: Ending) -> str:
    """Why there may be no item: what the crawl has seen tells the usual causes apart."""
    now = ending.statistics
    refused = sum(now.refused.values())
    if ending.reason not in {"finished", "pages limit", "seconds limit"}:
        return f"the crawl was stopped before there was an item: {visible(ending.reason, 200)}"
    if refused >= now.fetched:
        return f"most requests were refused ({counts(now.refused)}): see the page 'reasons' of the documentation"
    if now.discovered <= max(now.start_urls, 1):
        return "the callbacks gave neither items nor requests: is a `yield` missing, or does a selector match nothing?"
    return "the callbacks yielded requests, but no item: is a `yield` missing, or does a selector match nothing?"


_READERS = {
    ".gz": "gzip -dc {} | head -n 3",
    ".zst": "zstd -dc {} | head -n 3",
    ".sqlite": "sqlite3 {} .dump | head",
    ".db": "sqlite3 {} .dump | head",
    ".json": "",  # an array is no lines
    ".parquet": "",
}


def _look(file: DataFile) -> list[Text]:
    reader = next((how for ending, how in _READERS.items() if file.path.endswith(ending)), "head -n 3 {}")
    return [_command(reader.format(quote(file.path)), "shows the data")] if reader else []


def _command(command: str, purpose: str) -> Text:
    return Text.assemble((visible(command), "bold"), f"  {purpose}")


# For programs.


def as_json(endings: Sequence[Ending]) -> str:
    """One JSON object, in one line of ASCII: that of the one spider crawled, or `{"spiders": [...]}` of several."""
    objects = [facts(ending) for ending in endings]
    return json.dumps(objects[0] if len(objects) == 1 else {"spiders": objects})


def facts(ending: Ending) -> dict[str, Any]:
    """A crawl as JSON values; `docs/views.md` tells what each key means."""
    now = ending.statistics
    return {
        "spider": ending.spider,
        "finished": ending.reason,
        "pages": now.fetched,
        "items": now.items,
        "requests": now.requests,
        "errors": now.errors,
        "retries": now.retries,
        "dropped": now.dropped,
        "seconds": round(now.seconds, 3),
        "bytes": now.bytes,
        "sinks": [_sink(sink) for sink in ending.sinks],
        "discovered": now.discovered,
        "waiting": now.waiting,
        "parked": now.parked,
        "refused": now.refused,
        "failed": now.failed,
        "drops": now.drops,
        "changes": now.changes,
        "drifted": dict(ending.drifted),
        "cached": dict(ending.cached),
        "problems": list(ending.problems),
        "job": str(ending.job) if ending.job is not None else None,
    }


def _sink(sink: DataFile) -> dict[str, Any]:
    found: dict[str, Any] = {"path": sink.path, "items": sink.items, "bytes": sink.bytes}
    if sink.replaced is not None:
        found["replaced"] = {"items": sink.replaced.items, "modified": sink.replaced.modified.isoformat("T", "seconds")}
    return found
