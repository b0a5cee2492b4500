"""Every command, argument and option, made from the command itself."""

from collections.abc import Iterator

import click

from scraper.cli import main


def options_page() -> str:
    """The section "All commands and options", with an anchor for each option: `crawl--fresh`, `jobs-show--limit`."""
    lines = ["## All commands and options", "", "As `scraper COMMAND --help` has them.", ""]
    for words, command in commands(main, ()):
        lines += _lines(words, command)
    return "\n".join(lines) + "\n"


def commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and those below it, each with its words: `("jobs", "show")`; none for `scraper` itself."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (inner := command.get_command(context, name)) is not None:
                yield from commands(inner, (*words, name))


def options(command: click.Command) -> Iterator[click.Option]:
    """The options of a command, `--help` among them."""
    for each in command.get_params(click.Context(command)):
        if isinstance(each, click.Option):
            yield each


def anchor(words: tuple[str, ...], option: click.Option) -> str:
    """`crawl--fresh`: the command's words and the longest name of the option."""
    return "-".join(words) + max(option.opts, key=len)


def _lines(words: tuple[str, ...], command: click.Command) -> Iterator[str]:
    name = " ".join(("scraper", *words))
    yield f"### `{name}`"
    yield ""
    usage = command.collect_usage_pieces(click.Context(command))
    yield f"    {' '.join([name, *usage])}"
    yield ""
    yield (command.help or "").split("\n\n")[0].replace("\n", " ")
    yield ""
    yield "| option | meaning |"
    yield "|---|---|"
    for option in options(command):
        names = ", ".join(f"`{each}`" for each in sorted(option.opts, key=len))
        value = "" if option.is_flag or option.count else f" `{option.make_metavar(click.Context(command))}`"
        help_text = " ".join((option.help or "").split()).replace("|", "\\|")
        yield f'| <a id="{anchor(words, option)}"></a>{names}{value} | {help_text} |'
    yield ""
