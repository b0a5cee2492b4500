"""The command `scraper`: what it prints, and the status it exits with."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import scraper
from scraper.cli import COMMANDS, main
from scraper.cli.crawl_plan import CrawlPlan, plan_crawls
from scraper.errors import ScraperError
from scraper.settings.load import load
from scraper.settings.tables import from_tables

DOCS = Path(__file__).parent.parent.parent / "docs" / "command.md"
BOOKS = '''
from scraper import Spider
class BooksSpider(Spider):
    """Reads books."""
    name = "books"
    pages: int = 1
'''
FILMS = """
from scraper import Spider
class FilmsSpider(Spider):
    name = "films"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(folder: Path, config: str | None = "", **spiders: str) -> None:
    """A project: its config.toml, and modules in `spiders`."""
    if config is not None:
        (folder / "config.toml").write_text(config, encoding="utf-8")
    for name, text in spiders.items():
        (folder / "spiders").mkdir(exist_ok=True)
        (folder / "spiders" / f"{name}.py").write_text(text, encoding="utf-8")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def child(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "scraper", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
    )


# The command itself.


def test_the_version_is_told() -> None:
    """--version prints the version of the package."""
    assert invoke("--version").output == f"scraper {scraper.__version__}\n"


def test_a_mistyped_command_is_answered_with_the_nearest() -> None:
    """Wrong usage exits with 2."""
    result = invoke("crwl")
    assert result.exit_code == 2
    assert "No command 'crwl'; did you mean crawl?" in result.output


def test_help_tells_what_each_command_itself_tells() -> None:
    """The table of commands, which spares importing them, says what they say."""
    text = invoke("--help").output
    for name, (_, _, does) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(does)}$", text, re.MULTILINE)
        command = main.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert command.name == name
        assert (command.help or "").startswith(does.rstrip(".").partition(",")[0])


def test_every_command_is_documented() -> None:
    """docs/command.md has them all."""
    for name in COMMANDS:
        assert f"scraper {name}" in DOCS.read_text(encoding="utf-8")


def test_a_mistake_is_one_line_on_standard_error_and_status_2(folder: Path) -> None:
    """No traceback, nothing on standard output."""
    result = child("list")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == (
        f"scraper: error: no config.toml in {folder}: "
        "create one with 'scraper new project NAME', or name a spider file\n"
    )


def test_debug_shows_the_traceback(folder: Path) -> None:
    """--debug, before the command or after it, shows where the error is from, and the line as well."""
    make(folder, books="1 / 0")
    for arguments in (["--debug", "list"], ["list", "--debug"]):
        result = invoke(*arguments)
        assert result.exit_code == 2
        assert "Traceback" in result.stderr
        assert "ZeroDivisionError" in result.stderr
        assert result.stderr.endswith(
            "error: spiders/books.py:1: cannot be imported: ZeroDivisionError: division by zero\n"
        )


def test_a_mistake_is_told_before_anything_slow_is_imported(folder: Path) -> None:
    """Neither a list nor an error waits for aiohttp, rich or pydantic, nor settings for what spiders need."""
    make(folder, books=BOOKS)
    program = "import sys; from scraper.cli import main; main(sys.argv[1:], standalone_mode=False)\n"
    program += "print(*sorted({'aiohttp', 'rich', 'asyncio', 'selectolax', 'pydantic'} & set(sys.modules)))"

    def imported(*arguments: str) -> str:
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-1]

    assert not {"aiohttp", "rich", "pydantic"} & set(imported("list").split())
    assert not imported("settings")
    assert not imported("settings", "-s", "limits.dely=1")
    assert imported("--help") == ""
    for command in ("fetch", "view", "parse", "shell"):
        assert not imported(command, "example.com")


def test_a_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    """`scraper settings | head -1` ends without a traceback."""
    make(folder)
    shell = f"{sys.executable} -m scraper settings --schema | head -n 1"
    result = subprocess.run(shell, shell=True, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("{\n", "")


def test_an_interruption_is_status_130(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Ctrl-C ends any command with one line."""
    make(folder, books="raise KeyboardInterrupt")
    result = invoke("list")
    assert result.exit_code == 130
    assert result.stderr == "scraper: interrupted\n"


# scraper list


def test_list_tells_name_class_file_and_purpose(folder: Path) -> None:
    """One line a spider, in the order of their names."""
    make(folder, films=FILMS, books=BOOKS)
    assert invoke("list").stdout == (
        "books  BooksSpider  spiders/books.py  Reads books.\nfilms  FilmsSpider  spiders/films.py\n"
    )
    assert invoke("list", "spiders/films.py").stdout == "films  FilmsSpider  spiders/films.py\n"


def test_list_of_nothing_says_how_to_begin(folder: Path) -> None:
    """An empty folder is no error."""
    make(folder)
    (folder / "spiders").mkdir()
    result = invoke("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "scraper new spider NAME" in result.stderr


def test_a_table_for_no_spider_is_refused(folder: Path) -> None:
    """[spiders.NAME] must name a spider that there is."""
    make(folder, "[spiders.boks]\npages = 1", books=BOOKS)
    result = invoke("list")
    assert result.stderr == "scraper: error: config.toml: [spiders.boks]: no such spider; did you mean books?\n"


def test_the_folder_of_spiders_is_relative_to_the_file(folder: Path) -> None:
    """-c names another file, which may lie elsewhere."""
    (folder / "shop").mkdir()
    make(folder / "shop", books=BOOKS)
    assert "shop/spiders/books.py" in invoke("list", "-c", "shop/config.toml").stdout


# scraper settings


def test_settings_are_shown_as_toml_with_their_origins(folder: Path) -> None:
    """What is printed could stand in config.toml, and says where each value comes from."""
    make(
        folder,
        '[limits]\ndelay = 2\n[[sinks]]\npath = "a \\"b\\".csv"\n[network]\nheaders = {"X.Y" = "1"}\n'
        "[spiders.books]\npages = 3\nlimits.jitter = 0.5",
        books=BOOKS,
    )
    shown = invoke("settings", "books", "-s", "limits.per_host=3").stdout
    for line in (
        r"delay = 2.0 +# config.toml",
        r"jitter = 0.5 +# \[spiders.books\]",
        r"per_host = 3 +# -s",
        r"robots = true +# default",
        r'max_body = "32 MiB" +# default',
        r"# proxy is not set +# default",
        r"pages = 3 +# config.toml",
    ):
        assert re.search(f"^{line}$", shown, re.MULTILINE), line
    again = tomllib.loads(shown)
    assert again["spiders"]["books"] == {"pages": 3}
    del again["spiders"]["books"]
    settings = load(Path("config.toml"), environ={}, overrides=["limits.per_host=3"]).for_spider("books", {}, "")
    assert {**from_tables(again).values(), "spiders": {}} == {**settings.settings.values(), "spiders": {}}


def test_settings_as_json_hold_values_origins_and_arguments(folder: Path) -> None:
    """--json is one object."""
    make(folder, "[spiders.books]\npages = 3", books=BOOKS)
    shown = json.loads(invoke("settings", "books", "--json").stdout)
    assert shown["spider"] == "books"
    assert shown["arguments"] == {"pages": 3}
    assert shown["settings"]["pipelines"]["validate"] is False
    assert shown["origins"]["limits.delay"] == "default"


def test_settings_need_no_file() -> None:
    """Without config.toml, the defaults are shown; --schema asks for nothing at all."""
    assert "concurrency = 32" in invoke("settings").stdout
    assert json.loads(invoke("settings", "--schema").stdout)["title"] == "config.toml"


# scraper new


def test_a_new_project_can_be_listed_and_crawled(folder: Path) -> None:
    """What `scraper new project` makes works as it is."""
    assert "cd shop && scraper crawl" in invoke("new", "project", "shop").stdout
    os.chdir("shop")
    assert "bookshop  BookshopSpider  spiders/bookshop.py" in child("list").stdout
    assert child("crawl", "-a", "category=Music", "-s", "engine.stop_after.items=5").returncode == 0
    lines = Path("data/bookshop.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines
    assert set(json.loads(lines[0])) == {"title", "author", "price", "rating"}


def test_what_the_new_file_offers_is_accepted(folder: Path) -> None:
    """Every setting that stands in the new config.toml as a comment is a valid one."""
    invoke("new", "project", "shop")
    text = (folder / "shop" / "config.toml").read_text(encoding="utf-8")
    settings = from_tables(tomllib.loads(re.sub(r"^# (?=[\[a-z].*[=\]])", "", text, flags=re.MULTILINE)))
    assert settings.limits.max_depth == 3
    assert settings.spiders.own == {"bookshop": {"category": "Music", "limits": {"delay": 0.5}}}


def test_a_new_spider_stands_in_the_configured_folder(folder: Path) -> None:
    """It is called by its name, and asks the site that was named."""
    make(folder, 'spiders = "crawlers"')
    assert invoke("new", "spider", "my-books", "--domain", "books.example").exit_code == 0
    assert "my-books  MyBooksSpider  crawlers/my_books.py" in invoke("list").stdout
    text = (folder / "crawlers" / "my_books.py").read_text(encoding="utf-8")
    assert 'start_urls = ["https://books.example/"]' in text


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["project", "there"], "there is there already, and was left as it is"),
        (["project", "../x"], "'../x' cannot be the name of a project: expected letters, digits, - . and _"),
        (["spider", "books"], "there is a spider 'books' already: spiders/books.py:3"),
        (["spider", "other"], "spiders/other.py is there already, and was left as it is"),
        (["spider", "3x"], "'3x' cannot be the name of a spider: expected letters, digits, - and _"),
        (["spider", "x\n"], "'x\\n' cannot be the name of a spider: expected letters, digits, - and _"),
        (
            ["spider", "x", "--domain", "https://a.example/"],
            "--domain https://a.example/: expected the name of a host, as in --domain example.com",
        ),
    ],
)
def test_nothing_is_overwritten_and_names_are_checked(folder: Path, arguments: list[str], error: str) -> None:
    """What is there already is left as it is."""
    make(folder, books=BOOKS, other="# mine\n")
    (folder / "there").mkdir()
    result = invoke("new", *arguments)
    assert (result.exit_code, result.stderr) == (2, f"scraper: error: {error}\n")
    assert (folder / "spiders" / "other.py").read_text(encoding="utf-8") == "# mine\n"


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_job_that_cannot_be_read_is_named(folder: Path, arguments: list[str]) -> None:
    """The others are listed, a line says what is the matter, and the exit status is 1."""
    make(folder, books=BOOKS)
    assert invoke("jobs", *arguments).exit_code == 0
    job = folder / ".scraper/jobs/books"
    job.mkdir(parents=True)
    (job / "frontier.sqlite").write_text("x")
    result = invoke("jobs", *arguments)
    line = ".scraper/jobs/books/frontier.sqlite is not a file of this program: move it away or delete it"
    assert line in (result.stdout if arguments else result.stderr)
    assert result.exit_code == 1
    result = invoke("jobs", "show", "books", *arguments)
    assert (result.exit_code, result.stderr) == (1, f"scraper: error: {line}\n")


# From a command line to jobs.


def names(*spiders: str, arguments: tuple[str, ...] = ()) -> list[str]:
    return [plan.spider_class.name for plan in plan_crawls(None, (), spiders, arguments)]


def refused(*spiders: str, arguments: tuple[str, ...] = ()) -> str:
    with pytest.raises(ScraperError) as caught:
        plan_crawls(None, (), spiders, arguments)
    return str(caught.value)


def test_a_job_has_all_that_a_crawl_needs(folder: Path) -> None:
    """Class, arguments, settings, and the file they are from."""
    make(folder, "[limits]\ndelay = 1\n[spiders.books]\npages = 2\nlimits.jitter = 0.5", books=BOOKS)
    [plan] = plan_crawls(None, ["limits.per_host=3"], ["books"], ["pages=3"])
    assert isinstance(plan, CrawlPlan)
    assert (plan.spider_class.__name__, plan.arguments, plan.config_path) == (
        "BooksSpider",
        {"pages": 3},
        Path("config.toml"),
    )
    limits = plan.settings.limits
    assert (limits.delay, limits.jitter, limits.per_host) == (1, 0.5, 3)


def test_without_a_name_the_configured_spiders_run_or_the_only_one(folder: Path) -> None:
    """`crawl = [...]` says which; where it does not, there must be one alone."""
    make(folder, books=BOOKS)
    assert names() == ["books"]
    make(folder, films=FILMS)
    assert refused() == 'which spider? Name some of books, films, or write crawl = ["NAME"] in config.toml'
    make(folder, 'crawl = ["films", "books"]')
    assert names() == ["films", "books"]
    make(folder, 'crawl = ["film"]')
    assert refused() == "config.toml: crawl: no spider 'film'; did you mean films?"


def test_where_there_is_no_spider_it_is_said_how_to_begin_one(folder: Path) -> None:
    """An empty folder cannot be crawled with."""
    make(folder, empty="")
    assert refused() == "no spider in spiders: begin one with 'scraper new spider NAME'"


def test_spiders_are_named_by_name_or_file(folder: Path) -> None:
    """A file needs no config.toml, and each spider runs once."""
    make(folder, None, films=FILMS)
    assert names("spiders/films.py") == ["films"]
    assert refused("films").startswith("no config.toml in")
    make(folder, books=BOOKS)
    assert names("books", "spiders/films.py", "films", "books") == ["books", "films"]


def test_a_file_uses_the_config_that_is_there(folder: Path) -> None:
    """With config.toml in the working directory, its settings hold for a spider named by file."""
    make(folder, "[limits]\ndelay = 3", films=FILMS)
    [plan] = plan_crawls(None, (), ["spiders/films.py"])
    assert plan.settings.limits.delay == 3


def test_an_argument_must_fit_every_spider(folder: Path) -> None:
    """-a goes to each of the spiders that are named."""
    make(folder, books=BOOKS, films=FILMS)
    assert refused("books", "films", arguments=("pages=2",)).startswith(
        "-a pages=2: FilmsSpider reads no such argument"
    )
