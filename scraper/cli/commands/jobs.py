"""`scraper jobs`: the crawls there are, finished or not, and what became of their requests."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.job_places import JobPlace, job_place
from scraper.cli.options import settings_options
from scraper.errors import SettingsError
from scraper.settings.messages import suggestion
from scraper.views.formatting import columns, counts, plural, visible

if TYPE_CHECKING:
    from scraper.frontier.jobs.listing import JobDetails, JobState, Machine

MOST_SITES = 10

name_argument = click.argument("name", required=False, metavar="[NAME]")
folder_option = click.option(
    "--job", "folder", type=click.Path(path_type=Path), metavar="DIR", help="The job in this directory, or of its name."
)
json_option = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


@click.group("jobs", invoke_without_command=True)
@json_option
@settings_options
@click.pass_context
def jobs(ctx: click.Context, config: Path | None, overrides: tuple[str, ...], is_json: bool) -> None:
    """List the jobs there are: what each crawl has done, and whether it came to its end.

    \b
    scraper jobs                    all of them
    scraper jobs show books         one, with the requests that failed
    scraper jobs retry books        its failed requests are to be asked for again, by the next crawl
    scraper jobs stop books         its crawl ends in good order, on all machines; it can be resumed

    These are the jobs of this folder; or, with a [frontier] store that machines share, those on that server.
    """  # noqa: D301 -- click leaves the lines after a backspace as they are
    if ctx.invoked_subcommand is not None:
        return
    found = job_place(config, overrides).states()
    if is_json:
        click.echo(json.dumps([_facts(each) for each in found]))
    elif found:
        _print_table(found)
    else:
        click.echo("no jobs yet: run a crawl first", err=True)
    if any(each.problem for each in found):
        ctx.exit(1)


def _print_table(found: Sequence["JobState"]) -> None:
    """A line for each job that can be read, and one for each that cannot."""
    heads = ("JOB", "STATE", "STARTED", "PAGES", "ITEMS", "WAITING", "FAILED")
    for line in columns([heads, *(_row(each) for each in found if not each.problem)]):
        click.echo(line)
    for each in found:
        if each.problem:
            click.echo(f"scraper: {visible(each.problem)}", err=True)


@jobs.command("show")
@name_argument
@folder_option
@click.option("--reason", metavar="REASON", help="Only requests that failed for this: http_503, timeout, …")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Failed requests to show.")
@json_option
@settings_options
def show_job(
    name: str | None,
    folder: Path | None,
    reason: str | None,
    limit: int,
    is_json: bool,
    config: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Show one job: its counts, by host, status and reason, and the requests that failed."""
    place = job_place(config, overrides)
    shown = place.show(_named(place, name, folder), reason=reason, limit=limit)
    if is_json:
        parts = {key: value for key, value in asdict(shown).items() if key != "job"}
        click.echo(json.dumps(_facts(shown.job) | parts))
        return
    for line in _lines(shown):
        click.echo(line)
    statistics = shown.job.statistics
    failed = {} if statistics is None else statistics.failed
    number = shown.job.failed if reason is None else failed.get(reason, 0)
    if (more := number - len(shown.requests)) > 0:
        click.echo(f"  {more:,} more: --limit {number} shows all")


@jobs.command("retry")
@name_argument
@folder_option
@click.option("--reason", metavar="REASON", help="Only those that failed for this: http_503, timeout, …")
@settings_options
def retry_job(
    name: str | None, folder: Path | None, reason: str | None, config: Path | None, overrides: tuple[str, ...]
) -> None:
    """Put the failed requests of a job back among the waiting."""
    place = job_place(config, overrides)
    number = place.retry(_named(place, name, folder), reason=reason)
    if number:
        click.echo(f"{number:,} put back: the next crawl sends them again")
    else:
        click.echo("nothing to put back: no request failed" + (f" for {reason}" if reason else ""))


@jobs.command("stop")
@name_argument
@folder_option
@settings_options
def stop_job(name: str | None, folder: Path | None, config: Path | None, overrides: tuple[str, ...]) -> None:
    """End a crawl in good order, on all machines that take part in it. The same crawl command resumes it."""
    place = job_place(config, overrides)
    click.echo(place.stop(_named(place, name, folder)))


def _named(place: JobPlace, name: str | None, folder: Path | None) -> str:
    """The job that is meant, as its place calls it: in the directory `folder`, `name`, or the only one there is."""
    if folder is not None:
        return place.name_of(folder)
    found = place.names()
    if name is None and len(found) == 1:
        return found[0]
    if not found:
        raise SettingsError(f"no jobs in {place}: a crawl makes one")
    if name is None:
        raise SettingsError(f"which job?{suggestion('', found)}")
    if name not in found:
        raise SettingsError(f"no job {name!r}{suggestion(name, found)}")
    return name


def _state(job: "JobState") -> str:
    if job.is_running:
        return f"running on {plural(job.machines, 'machine')}" if job.machines else "running"
    return job.reason if job.state == "finished" else job.state


def _row(job: "JobState") -> tuple[str, ...]:
    now = job.statistics
    pages, items = (now.fetched, now.items) if now is not None else (0, 0)
    numbers = (pages, items, job.waiting, job.failed)
    return visible(job.name), visible(_state(job)), job.description.started, *(f"{each:,}" for each in numbers)


def _facts(job: "JobState") -> dict[str, Any]:
    return {
        "job": job.name,
        "path": str(job.path),
        "spider": job.spider,
        "state": "running" if job.is_running else job.state,
        "reason": job.reason,
        "machines": job.machines,
        "started": job.description.started,
        "waiting": job.waiting,
        "failed": job.failed,
        "statistics": asdict(job.statistics) if job.statistics is not None else None,
        "problem": job.problem,
    }


def _lines(shown: "JobDetails") -> Iterator[str]:
    job, now = shown.job, shown.job.statistics
    yield f"{visible(job.name)}: {visible(_state(job))}, begun {job.description.started}, in {visible(str(job.path))}"
    if now is not None:
        yield (
            f"  discovered {now.discovered:,} = fetched {now.fetched:,} + refused {sum(now.refused.values()):,}"
            f" + failed {sum(now.failed.values()):,} + waiting {now.waiting:,}; {now.items:,} items"
        )
        statuses = {str(status): number for status, number in now.statuses.items()}
        for what, numbers in (("statuses", statuses), ("refused", now.refused), ("failed", now.failed)):
            if numbers:
                yield f"  {what}: {counts(numbers)}"
    for machine in shown.at_work:
        yield f"  {_told(machine)}"
    for what, sites in (("waiting", shown.waiting), ("failed", shown.failed)):
        if sites:
            yield f"  {what} by host: {counts(sites, MOST_SITES)}"
    for each in shown.requests:
        yield f"  {visible(each.reason, 60)}  {visible(each.url)}"


def _told(machine: "Machine") -> str:
    """What one of several machines does."""
    facts = [f"owns {plural(machine.units, 'domain')}, {machine.busy:,} with requests", plural(machine.pages, "page")]
    facts += ["could do more"] * machine.is_idle + ["writes the data files"] * machine.is_collecting
    return f"machine {machine.number}: {', '.join(facts)}"
