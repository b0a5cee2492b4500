"""How a person starts it: the command `scraper`.

Each command lives in a module of its own, which is imported when the command is used: a mistyped option is
answered before anything slow is loaded.
"""

import gc
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

import scraper
from scraper.errors import ScraperError, SettingsError, SpiderError
from scraper.process import standard_streams
from scraper.process.signals import INTERRUPTED

COMMANDS = {
    "check": ("scraper.cli.commands.check", "check", "Replay recordings, and check what docstrings promise."),
    "crawl": ("scraper.cli.commands.crawl", "crawl", "Run spiders."),
    "fetch": ("scraper.cli.commands.fetch", "fetch", "Print what is at a URL, decompressed."),
    "jobs": ("scraper.cli.commands.jobs", "jobs", "List the jobs there are."),
    "list": ("scraper.cli.commands.list", "listing", "List the spiders there are."),
    "new": ("scraper.cli.commands.new", "new", "Begin a project or a spider."),
    "parse": ("scraper.cli.commands.parse", "parse", "Show what a spider makes of a page."),
    "record": ("scraper.cli.commands.record", "record", "Record a crawl, to replay it without the network."),
    "replay": ("scraper.cli.commands.replay", "replay", "Run a spider on what was recorded."),
    "settings": (
        "scraper.cli.commands.settings",
        "settings",
        "Show the settings in effect, and their sources.",
    ),
    "shell": ("scraper.cli.commands.shell", "shell", "Try things out on a page, at a prompt."),
    "view": ("scraper.cli.commands.view", "view", "Open a page in the browser as a spider sees it."),
}
"""By name: the module of a command, what it is called there, and what it does."""


class Commands(click.Group):
    """A group that imports its commands when they are used, and tells errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}."
            ctx.fail(f"No command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, does) for name, (_, _, does) in COMMANDS.items()])

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line. Looking for garbage while everything is loaded takes a tenth of the start.

        What standard output could not take is told in one line, and is no success.
        """
        standard_streams.fill()
        gc.disable()
        try:
            return super().main(*args, **options)
        except SystemExit as ended:
            if reason := standard_streams.unwritten():
                self._end(f"standard output cannot be written: {reason}", ended.code or 1)
            raise
        except OSError as error:
            if not _has_folder():
                self._end("the working folder no longer exists: change to one that does", 2)
            if not standard_streams.is_writable(sys.stdout):
                self._end(f"standard output cannot be written: {error.strerror}", 1)
            raise
        finally:
            gc.enable()

    def _end(self, problem: str, status: int | str) -> NoReturn:
        """End the process with a line that tells of a problem."""
        click.echo(f"scraper: error: {problem}", err=True)
        standard_streams.unwritten()
        sys.exit(status)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. What is wrong is told in one line, and by the exit status."""
        try:
            return super().invoke(ctx)
        except ScraperError as error:
            if ctx.meta.get(DEBUG):
                click.echo("\n".join(_told(traceback.format_exc())), err=True)
            click.echo(f"scraper: error: {' '.join(_told(str(error)))}", err=True)
            ctx.exit(2 if isinstance(error, SettingsError | SpiderError) else 1)
        except KeyboardInterrupt:
            click.echo("scraper: interrupted", err=True)
            ctx.exit(INTERRUPTED)


def _has_folder() -> bool:
    """Whether the folder is there in which the process works."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _told(text: str) -> list[str]:
    """The lines of a text about an error, which show all of it but the secrets of the command line."""
    from scraper.cli.masking import without_secrets  # needed only now
    from scraper.views.formatting import visible

    return [visible(line, LONGEST) for line in without_secrets(text, sys.argv[1:]).splitlines()]


LONGEST = 10 * 1000
"""Characters of a line that are shown at most."""

DEBUG = "scraper.debug"


def note_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Remember that tracebacks are wanted."""
    if value:
        ctx.meta[DEBUG] = True


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=note_debug, help="Show the traceback of an error."
)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(scraper.__version__, prog_name="scraper", message="%(prog)s %(version)s")
@debug_option
def main() -> None:
    """Crawl web sites and keep what is found.

    Begin with `scraper new project NAME`, or name a spider file: `scraper crawl books.py`.
    """
