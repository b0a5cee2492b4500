"""What the README and docs/ say is so: their code runs, their settings hold, their links lead somewhere."""

import ast
import doctest
import importlib
import json
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import click
import pytest
from pytest_httpserver import HTTPServer

import scraper
from scraper.cli import main
from scraper.errors import REFUSALS
from scraper.settings.load import load
from scraper.settings.schema import Settings, SinkSettings
from scraper.settings.tables import SCRAPY, flat
from tests.docs.blocks import PAGES, ROOT, Block, blocks, prose
from tests.forks import Forks

PYTHON = blocks("python")
PROGRAMS = [block for block in PYTHON if block.is_program]
SPIDERS = [block for block in PYTHON if block.file]
COMMANDS = [
    (block, line)
    for block in blocks("bash", "console", "sh")
    for part in re.split(r"\n|&&|\|(?!\|)", block.code)
    if (line := part.strip().removeprefix("$ ")).startswith("scraper ")
]
RUNNER = "import json, sys\nfor name, code in json.loads(sys.argv[1]): exec(compile(code, name, 'exec'), globals())"
OFFLINE = ("glance.py", "hand.py", "kinds.py")


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a child to its end."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=50, check=False)


class Scrape(Protocol):
    """Runs the command `scraper` in a folder."""

    def __call__(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def scrape(forks: Forks) -> Scrape:
    return forks.run


def store(block: Block, folder: Path) -> str:
    """Write a block's file into `folder`; its name."""
    (folder / block.file).write_text(block.code, encoding="utf-8")
    return block.file


# Python.


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_compiles(block: Block) -> None:
    """Every block of Python is Python: a module, or something that could stand in a method."""
    wrapped = [f"{word} _():\n{textwrap.indent(block.code, '    ')}" for word in ("def", "async def")]
    errors = []
    for code in (block.code, *wrapped):
        try:
            compile(code, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError as error:
            errors.append(error)
        else:
            return
    raise errors[0]


@pytest.mark.parametrize("page", sorted({block.page for block in PROGRAMS}), ids=lambda page: page.name)
def test_programs_run(page: Path, tmp_path: Path) -> None:
    """The blocks of a page that begin with an import or an assertion run, from the top of the page to its end."""
    programs = [[str(block), block.code] for block in PROGRAMS if block.page == page]
    done = run(sys.executable, "-W", "error", "-c", RUNNER, json.dumps(programs), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("pycon"), ids=str)
def test_sessions_are_true(block: Block) -> None:
    """What stands behind >>> gives what stands below it."""
    test = doctest.DocTestParser().get_doctest(block.code, {}, str(block), str(block.page), block.line)
    told: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert not told, "".join(told)


@pytest.mark.parametrize("block", SPIDERS, ids=str)
def test_spiders_are_found(block: Block, tmp_path: Path, scrape: Scrape) -> None:
    """Every block that is a spider's file is one: the command finds the spider in it, by the file's name."""
    done = scrape("list", store(block, tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert block.file.removesuffix(".py") in [line.split()[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("block", [each for each in SPIDERS if each.file in OFFLINE], ids=str)
def test_spiders_that_need_no_internet_crawl(block: Block, tmp_path: Path, scrape: Scrape) -> None:
    """Every spider of the docs that crawls the bookshop brings items, and nothing goes wrong."""
    done = scrape("crawl", store(block, tmp_path), "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (done.returncode, told["errors"], told["problems"]) == (0, 0, []), done.stderr
    assert told["items"] > 0


def test_the_first_spider_crawls(tmp_path: Path, httpserver: HTTPServer, scrape: Scrape) -> None:
    """The README's first spider brings the quotes of every page, and those of one tag, by the README's commands."""

    def quotes(number: int) -> str:
        return (
            f'<div class="quote"><span class="text">“Quote {number}”</span><small class="author">A. Author</small>'
            f'<a class="tag">life</a><a class="tag">{"love" if number == 2 else "work"}</a></div>'
            + (f'<li class="next"><a href="/page/{number + 1}/">Next</a></li>' if number < 3 else "")
        )

    httpserver.expect_request("/robots.txt").respond_with_data("")
    httpserver.expect_request("/").respond_with_data(quotes(1), content_type="text/html; charset=utf-8")
    for number in (2, 3):
        page = httpserver.expect_request(f"/page/{number}/")
        page.respond_with_data(quotes(number), content_type="text/html; charset=utf-8")
    store(next(block for block in SPIDERS if block.file == "quotes.py"), tmp_path)
    here = ("-a", f"start_urls={httpserver.url_for('/')}", "-a", f"allowed_domains={httpserver.host}")
    lines = [line for block, line in COMMANDS if "crawl quotes.py" in line and block.page.name == "README.md"]
    for line in lines:
        done = scrape(*shlex.split(line)[1:], *here, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in (tmp_path / "quotes.jsonl").read_text(encoding="utf-8").splitlines()]
    assert found[0] == {"text": "“Quote 1”", "author": "A. Author", "tags": ["life", "work"]}
    assert len(found) == 3
    assert (tmp_path / "love.csv").read_text(encoding="utf-8").count("Quote") == 1


@pytest.mark.parametrize("name", ["authors", "bookshop", "bookshop_api"])
def test_the_worked_examples_crawl(name: str, tmp_path: Path, scrape: Scrape) -> None:
    """Every spider of the folder spiders/ crawls the bookshop, and nothing goes wrong."""
    done = scrape("crawl", str(ROOT / "spiders" / f"{name}.py"), "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (done.returncode, told["errors"], told["problems"]) == (0, 0, []), done.stderr
    assert told["items"] > 0
    assert told["discovered"] == told["pages"] + told["waiting"] + sum((told["refused"] | told["failed"]).values())


# Settings and the command.


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_settings_hold(block: Block, tmp_path: Path) -> None:
    """Every block of TOML could stand in config.toml."""
    file = tmp_path / "config.toml"
    file.write_text(block.code, encoding="utf-8")
    load(file, environ=dict.fromkeys(re.findall(r"\$\{(\w+)\}", block.code), "secret"), overrides=())


def every_setting() -> set[str]:
    """The dotted key of every setting there is."""
    sinks = {f"sinks.{name}" for name in SinkSettings.__struct_fields__}
    return {key for key, _ in flat(Settings())} | sinks


def test_a_whole_config_has_every_setting() -> None:
    """The config.toml of the page on settings, which is said to be a whole one, has every key there is."""
    tables = [tomllib.loads(block.code) for block in blocks("toml") if block.page.name == "settings.md"]
    written = {key for table in tables for key in dotted(table)}
    assert not (every_setting() - {"sinks.format"}) - written  # which the path's ending says


def rows(page: str) -> list[str]:
    """What the first cells of a page's tables name, each as often as it does."""
    cells = re.findall(r"^\| (`[^|]+`) \|", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_every_setting_has_one_row() -> None:
    """The page on settings has one row for each key, and no row for a key that there is not."""
    found = [name for name in rows("settings.md") if re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", name)]
    assert sorted(found) == sorted(every_setting())


def test_settings_default_to_what_their_rows_say() -> None:
    """The default in the row of a setting is the one that the setting has."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    written = dict(re.findall(r"^\| `([a-z_.]+)` \| `([^|]+)` \|", page, re.MULTILINE))
    defaults = {key: value for key, value in flat(Settings()) if key in written and not key.startswith("sinks")}
    assert len(defaults) > 60
    for key, value in defaults.items():
        said = tomllib.loads(f"x = {written[key]}")["x"]
        assert plain(said) == plain(value), key


def plain(value: Any) -> Any:
    """A setting's value as TOML has it: a list of numbers, a number of bytes."""
    if isinstance(value, str) and re.fullmatch(r"\d+ [KMG]iB", value):
        number, unit = value.split()
        return int(number) * 1024 ** " KMG".index(unit[0])
    return list(value) if isinstance(value, tuple) else value


def dotted(table: dict[str, Any], *, within: str = "") -> Iterator[str]:
    """Every key of a table and of those in it, with dots."""
    for name, value in table.items():
        yield within + name
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from dotted(inner, within=f"{within}{name}.")


@pytest.mark.parametrize(("block", "line"), COMMANDS, ids=str)
def test_commands_exist(block: Block, line: str) -> None:
    """Every line of a shell that starts `scraper` has a command and options that there are."""
    arguments = shlex.split(line.partition(" #")[0])[1:]
    group: click.Command = main
    context = click.Context(main, info_name="scraper", resilient_parsing=True)
    while isinstance(group, click.Group) and arguments and not arguments[0].startswith("-"):
        found = group.get_command(context, arguments[0])
        assert found is not None, f"{block}: no command {arguments[0]}"
        group, arguments = found, arguments[1:]
    group.make_context("scraper", arguments, resilient_parsing=True)


def test_the_readme_is_short() -> None:
    """The README has at most 260 lines: all else is in docs/."""
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 260


def test_the_first_two_commands_are_marked() -> None:
    """The README marks the commands that install, crawl and test, each in a block of its own."""
    marked = {block.note: block.code for block in blocks("bash") if block.page.name == "README.md"}
    assert marked["install-and-crawl"] == "pip install . && scraper crawl\n"
    assert marked["install-and-test"] == "pip install '.[test]' && pytest\n"


# Completeness.


@pytest.mark.parametrize("name", scraper.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    """Every public name of `scraper` is in the table of names on the page about Python."""
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8").partition("## Public names")[2]
    assert page.count(f"`{name}`") == 1


def options(command: click.Command, called: str) -> Iterator[tuple[str, str]]:
    """A command, and each of its options, by their names."""
    yield called, called
    for each in command.params:
        if isinstance(each, click.Option):
            yield from ((called, name) for name in each.opts)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from options(inner, f"{called} {name}")


@pytest.mark.parametrize(("command", "option"), list(options(main, "scraper")))
def test_every_command_and_option_is_documented(command: str, option: str) -> None:
    """Every command and every option is on the page about the command."""
    page = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", page), f"{command}: {option}"


def test_every_setting_of_scrapy_that_is_known_is_told_of() -> None:
    """The page for those who come from Scrapy has the names that errors suggest."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([a-z_.]+)` \|$", (ROOT / "docs/from-scrapy.md").read_text(), re.MULTILINE)
    assert dict(rows) == SCRAPY


def test_every_reason_has_one_row() -> None:
    """The page on reasons has one row for each reason why a URL was not crawled, among those it belongs to."""
    refused, failed = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8").split("## Failed requests")
    for text, reasons in ((refused, REFUSALS), (failed, set(scraper.Reason) - REFUSALS)):
        found = re.findall(r"^\| `(\w+)`", text, re.MULTILINE)
        assert sorted(found) == sorted([*reasons, *(["http_404"] if text is failed else [])])


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_imported_names_exist(block: Block) -> None:
    """What a block of Python imports from `scraper`, there is."""
    try:
        tree = ast.parse(block.code)
    except SyntaxError:  # a fragment
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "scraper":
            module = importlib.import_module(str(node.module))
            for each in node.names:
                is_module = (
                    find_spec(f"{node.module}.{each.name}") is not None if hasattr(module, "__path__") else False
                )
                assert is_module or hasattr(module, each.name), f"{node.module} has no {each.name}"


# Links.


def slug(heading: str) -> str:
    """The anchor of a heading, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links() -> Iterator[tuple[Path, str]]:
    """Every link that leads to a place of this project."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
            if "://" not in target and not target.startswith("mailto:"):
                yield page, target


@pytest.mark.parametrize(("page", "target"), list(links()), ids=lambda each: getattr(each, "name", each))
def test_links_lead_somewhere(page: Path, target: str) -> None:
    """Every link to a file of the project leads to a file, and every anchor to a heading of it."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    assert file.exists()
    assert file.is_relative_to(ROOT)
    if anchor:
        headings = re.findall(r"^#+ (.*)$", prose(file), re.MULTILINE)
        assert anchor in map(slug, headings)


def test_every_page_is_in_the_table_of_contents() -> None:
    """docs/index.md leads to every page of docs/."""
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {page.name for page in PAGES if page.parent.name == "docs"} - {"index.md"}
    assert not [page for page in sorted(pages) if f"({page})" not in index]
