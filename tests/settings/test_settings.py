"""config.toml becomes typed settings, and what does not fit is refused in one line."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import SettingsError
from scraper.settings.load import Loaded, load
from scraper.settings.schema import LimitsSettings, Settings
from scraper.settings.tables import flat, from_tables, schema
from scraper.settings.values import ByteSize

DOCS = Path(__file__).parent.parent.parent / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str | None = None, environ: Mapping[str, str] | None = None, overrides: Sequence[str] = ()) -> Loaded:
    path = None
    if text is not None:
        path = Path("config.toml")
        path.write_text(text, encoding="utf-8")
    return load(path, environ=environ or {}, overrides=overrides)


def refused(text: str | None = None, environ: Mapping[str, str] | None = None, overrides: Sequence[str] = ()) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(text, environ, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def own(text: str, custom: Any = None, **sources: Any) -> Loaded:
    return loaded(text, **sources).for_spider("books", {} if custom is None else custom, "BooksSpider")


# What config.toml may say.


def test_without_a_file_everything_has_its_default() -> None:
    """No file is needed: every setting has a default."""
    nothing = loaded()
    assert nothing.settings == Settings()
    assert set(nothing.origins.values()) == {"default"}


def test_the_place_of_the_spiders_is_a_text_or_a_table() -> None:
    """`spiders = "shop"` is short for `[spiders] source = "shop"`, beside which spiders can have tables."""
    assert loaded('spiders = "shop"').settings.spiders.source == "shop"
    both = loaded('[spiders]\nsource = "shop"\n[spiders.books]\ncategory = "travel"').settings.spiders
    assert (both.source, both.own) == ("shop", {"books": {"category": "travel"}})


def test_settings_come_back_from_their_own_tables() -> None:
    """The tables of settings, dumped, are tables that settings can be made of."""
    settings = loaded('sinks = [{path = "a.csv"}]\n[spiders.books]\na = 1\n[pipelines]\nvalidate = true').settings
    assert from_tables(settings.values()) == settings


def test_a_size_is_a_number_of_bytes_or_a_text_with_a_unit() -> None:
    """`max_body` may be written as people speak of sizes."""
    assert loaded('[network]\nmax_body = "2 MiB"').settings.network.max_body == 2 * 1024**2
    assert loaded("[network]\nmax_body = 1000").settings.network.max_body == 1000


# Which source wins.


def test_the_stronger_source_wins_and_origins_tell_which_it_was() -> None:
    """default < config.toml < custom_settings < [spiders.NAME] < environment < -s."""
    text = """
        [limits]
        delay = 1
        jitter = 0.1
        per_host = 1
        max_delay = 1
        max_depth = 1
        [spiders.books]
        category = "travel"
        limits.per_host = 3
        limits.max_delay = 3
        limits.max_depth = 3
    """
    custom = {"limits": {"jitter": 0.2, "per_host": 2, "max_delay": 2, "max_depth": 2}}
    environ = {"SCRAPER_LIMITS__MAX_DELAY": "4", "SCRAPER_LIMITS__MAX_DEPTH": "4"}
    books = own(text, custom, environ=environ, overrides=["limits.max_depth=5"])
    limits = books.settings.limits
    assert (limits.delay, limits.jitter, limits.per_host, limits.max_delay, limits.max_depth) == (1, 0.2, 3, 4, 5)
    assert {key: origin for key, origin in books.origins.items() if origin != "default"} == {
        "limits.delay": "config.toml",
        "limits.jitter": "BooksSpider.custom_settings",
        "limits.per_host": "[spiders.books]",
        "limits.max_delay": "SCRAPER_LIMITS__MAX_DELAY",
        "limits.max_depth": "-s",
    }


def test_a_table_of_one_spider_does_not_concern_another() -> None:
    """[spiders.books] holds for the spider `books` alone."""
    text = "[spiders.films]\nlimits.delay = 9\nyear = 1999"
    books = own(text)
    assert books.settings.limits.delay == 0
    assert books.arguments == {}


def test_keys_that_are_no_tables_are_the_spiders_arguments() -> None:
    """[spiders.NAME] holds arguments and tables; the arguments come apart."""
    books = own('[spiders.books]\ncategory = "travel"\nyears = [1999]\nlimits.delay = 9\n[spiders.books.engine]\n')
    assert books.arguments == {"category": "travel", "years": [1999]}
    assert books.settings.limits.delay == 9


def test_a_list_is_replaced_as_a_whole() -> None:
    """The sinks of a stronger source take the place of all weaker ones; tables are merged key by key."""
    books = own(
        '[[sinks]]\npath = "a.csv"\n[[sinks]]\npath = "b.csv"\n[network]\nheaders = {A = "1", B = "2"}',
        {"sinks": [{"path": "c.csv"}], "network": {"headers": {"B": "3"}}},
    )
    assert [sink.path for sink in books.settings.sinks] == ["c.csv"]
    assert books.settings.network.headers == {"A": "1", "B": "3"}


def test_the_last_override_wins() -> None:
    """Of two -s for one key, the last one counts."""
    assert loaded(overrides=["limits.delay=1", "limits.delay=2"]).settings.limits.delay == 2


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("limits.robots=false", "limits.robots", False),
        ("limits.delay=0.5", "limits.delay", 0.5),
        ("network.user_agent=Bot 1", "network.user_agent", "Bot 1"),
        ("network.user_agent=17", "network.user_agent", "17"),
        ('network.user_agent="Bot"', "network.user_agent", "Bot"),
        ("network.proxy=http://u:p@host:1/", "network.proxy", "http://u:p@host:1/"),
        ('crawl=["a", "b"]', "crawl", ("a", "b")),
        ("network.headers.X-Key=1=2", "network.headers", {"X-Key": "1=2"}),
        ("engine.stop_after.items=10", "engine.stop_after.items", 10),
        ("spiders=elsewhere", "spiders.source", "elsewhere"),
        ("pipelines.validate=true", "pipelines.validate", True),
    ],
)
def test_a_value_is_toml_where_that_fits_and_else_a_text(override: str, key: str, value: object) -> None:
    """What -s and the environment say is read as a TOML value if it can be one there, and as a text otherwise."""
    assert dict(flat(loaded(overrides=[override]).settings))[key] == value
    name, _, text = override.partition("=")
    if "X-" not in name:
        variable = "SCRAPER_" + name.upper().replace(".", "__")
        assert dict(flat(loaded(environ={variable: text}).settings))[key] == value


def test_other_variables_are_left_alone() -> None:
    """A variable whose name does not begin with a known table and two underscores is somebody else's."""
    environ = {"SCRAPER_API_KEY": "x", "SCRAPER_LIMITS": "x", "SCRAPER_LIMTS__DELAY": "x", "LIMITS__DELAY": "x"}
    assert loaded(environ=environ).settings == Settings()


# What is refused.


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[limits]\ndelai = 1", "config.toml: [limits] delai: unknown key; did you mean delay?"),
        ("[limts]\ndelay = 1", "config.toml: limts: unknown table; did you mean limits?"),
        ("[engine]\ndelay = 1", "config.toml: [engine] delay: unknown key; did you mean limits.delay?"),
        ("[engine.stop_after]\nitms = 1", "config.toml: [engine.stop_after] itms: unknown key; did you mean items?"),
        ('[spiders]\nsorce = "x"', "config.toml: [spiders] sorce: unknown key; did you mean source?"),
        (
            "[engine]\nconcurrency = -3",
            "config.toml: [engine] concurrency: expected a whole number from 1 to 10000, got -3",
        ),
        ("[limits]\nper_host = 0", "config.toml: [limits] per_host: expected a whole number of at least 1, got 0"),
        ("[limits]\nper_host = true", "config.toml: [limits] per_host: expected a whole number, got true"),
        ("[limits]\nrobots = 1", "config.toml: [limits] robots: expected true or false, got 1"),
        ("[limits]\ndelay = '1'", "config.toml: [limits] delay: expected a number of seconds, got '1'"),
        ("[limits]\ndelay = nan", "config.toml: [limits] delay: expected a number of seconds of at least 0, got nan"),
        (
            "[network]\ntimeout = 0",
            "config.toml: [network] timeout: expected a number of seconds greater than 0, got 0",
        ),
        (
            "[network]\nmax_body = 'big'",
            "config.toml: [network] max_body: expected a number of bytes, or a text like \"32 MiB\", got 'big'",
        ),
        (
            "[network]\nretry_statuses = [503, 5000]",
            "config.toml: [network] retry_statuses #2: expected an HTTP status from 100 to 599, got 5000",
        ),
        ("[network.headers]\nX = 1", "config.toml: [network.headers] X: expected a text"),
        (
            "[frontier]\norder = 'random'",
            'config.toml: [frontier] order: expected one of "breadth", "depth", got \'random\'',
        ),
        ("crawl = 'books'", "config.toml: crawl: expected a list of texts, got 'books'"),
        ("limits = 3", "config.toml: limits: expected a table, got 3"),
        ("spiders = 3", "config.toml: spiders: expected the name of a folder or module, or a table, got 3"),
        ("[sinks]\npath = 'a.csv'", "config.toml: sinks: expected a list of tables, got a table"),
        ("[[sinks]]\nformat = 'csv'", "config.toml: [[sinks]] #1 path: is missing"),
        (
            "[spiders.books]\nlimits.delai = 1",
            "config.toml: [spiders.books.limits] delai: unknown key; did you mean delay?",
        ),
        (
            "[limits]\ndelai = 1\nrobts = 1",
            "config.toml: [limits] delai: unknown key; did you mean delay? (and 1 more)",
        ),
        ("a = 1\nb = \n", "config.toml: line 2, column 5: not valid TOML: Invalid value"),
        (
            'spiders = "x"\n[spiders.books]\na = 1',
            'config.toml: not valid TOML: beside [spiders.NAME], write the folder as [spiders] source = "…", '
            'not spiders = "…"',
        ),
    ],
)
def test_a_mistake_in_the_file_is_told_in_one_line(text: str, error: str) -> None:
    """The line names file, table and key, what was expected, what was given, and the nearest valid name."""
    assert refused(text) == error


def test_a_file_that_windows_wrote_is_read(tmp_path: Path) -> None:
    """A byte order mark and line ends of Windows make no difference; another encoding is told."""
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbf[limits]\r\nrobots = false\r\n[spiders.books]\r\ncategory = "caf\xc3\xa9"\r\n')
    loaded = load(path, environ={}, overrides=[])
    assert loaded.settings.limits.robots is False
    assert loaded.for_spider("books", {}, "Books").arguments == {"category": "café"}
    path.write_bytes("[limits]".encode("utf-16"))
    with pytest.raises(SettingsError, match=r"not valid TOML: it is UTF-16: save it as UTF-8$"):
        load(path, environ={}, overrides=[])


def test_a_key_that_resembles_none_is_answered_with_those_there_are() -> None:
    """Where no name is near, all valid ones are told."""
    answer = "config.toml: [parsing] zzz: unknown key (known: executor, workers, timeout, max_results, drift_after)"
    assert refused("[parsing]\nzzz = 1") == answer


def test_a_file_that_is_not_there_is_told_with_what_to_do(folder: Path) -> None:
    """Without config.toml, the line says where it was looked for and how to get one."""
    with pytest.raises(SettingsError) as caught:
        load(Path("config.toml"), environ={}, overrides=[])
    assert str(caught.value) == (
        f"no config.toml in {folder}: create one with 'scraper new project NAME', or name a spider file"
    )
    with pytest.raises(SettingsError, match=r"^other\.toml: no such file$"):
        load(Path("other.toml"), environ={}, overrides=[])


def test_a_file_that_cannot_be_read_is_told(folder: Path) -> None:
    """A folder, or bytes that are not UTF-8, are refused like anything else."""
    (folder / "bytes.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(SettingsError, match=r"bytes\.toml: not valid TOML: not UTF-8 at byte 6"):
        load(Path("bytes.toml"), environ={}, overrides=[])
    (folder / "folder").mkdir()
    with pytest.raises(SettingsError, match="folder: cannot be read: Is a directory"):
        load(Path("folder"), environ={}, overrides=[])


@pytest.mark.parametrize(
    ("override", "error"),
    [
        ("limits.dely=1", "-s limits.dely=1: unknown key; did you mean delay?"),
        ("limts.delay=1", "-s limts.delay=1: limts: unknown table; did you mean limits?"),
        ("limits.delay=abc", "-s limits.delay=abc: expected a number of seconds, got 'abc'"),
        ("limits.delay=-1", "-s limits.delay=-1: expected a number of seconds of at least 0, got -1"),
        ("limits.delay", "-s limits.delay: expected TABLE.KEY=VALUE, as in -s limits.delay=0.5"),
        ("=1", "-s =1: expected TABLE.KEY=VALUE, as in -s limits.delay=0.5"),
        ("limits.=1", "-s limits.=1: expected TABLE.KEY=VALUE, as in -s limits.delay=0.5"),
        ("network.cookies=perhaps", "-s network.cookies=perhaps: expected true or false, got 'perhaps'"),
        ("network.headers=hush", "-s network.headers=***: expected a table"),
        ("network.headers={X-Corp='hu\nsh'}", "-s network.headers=***: expected a table"),
        ('network . "headers" = {X = [1]}', '-s network . "headers" =***: [network.headers] X: expected a text'),
        ("network.proxies=me:hush@p.example", "-s network.proxies=***: expected a list of texts"),
        ("network.auth=[{token=[1]}]", "-s network.auth=***: [network] auth #1 origin: is missing (and 1 more)"),
        ("network.haeders={X-Corp='hush'}", "-s network.haeders=***: unknown table; did you mean headers?"),
        ("netwrok.headers.X=hush", "-s netwrok.headers.X=***: netwrok: unknown table; did you mean network?"),
        ("netwrok.headers.X", "-s ***: expected TABLE.KEY=VALUE, as in -s limits.delay=0.5"),
        ("X-Corp: hush", "-s ***: expected TABLE.KEY=VALUE, as in -s limits.delay=0.5"),
        (
            "X-Corp=hush",
            "-s X-Corp=***: unknown key (known: spiders, crawl, engine, frontier, limits, network, "
            "parsing, pipelines, sinks, views)",
        ),
        ("views.api_key=7", "-s views.api_key=***: unknown key (known: progress, interval, log_level)"),
        ("limits.delay={password='hush'}", "-s limits.delay=***: expected a number of seconds, got a table"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_as_it_was_written(override: str, error: str) -> None:
    """An error of -s begins with the option itself, without a value that may be secret."""
    assert refused(overrides=[override]) == error


def test_a_mistake_in_the_environment_names_the_variable() -> None:
    """An error of the environment begins with the variable."""
    assert refused(environ={"SCRAPER_LIMITS__DELAY": "abc"}) == (
        "SCRAPER_LIMITS__DELAY: expected a number of seconds, got 'abc'"
    )
    assert refused(environ={"SCRAPER_LIMITS__DELY": "1"}) == "SCRAPER_LIMITS__DELY: unknown key; did you mean delay?"


def test_a_mistake_is_refused_though_a_stronger_source_hides_it() -> None:
    """Every source is checked by itself."""
    assert refused("[limits]\ndelay = 'x'", overrides=["limits.delay=1"]).startswith("config.toml: [limits] delay")


@pytest.mark.parametrize(
    ("custom", "error"),
    [
        ({"limits": {"dealy": 1}}, "BooksSpider.custom_settings: [limits] dealy: unknown key; did you mean delay?"),
        ({"DOWNLOAD_DELAY": 1}, "BooksSpider.custom_settings: DOWNLOAD_DELAY: unknown key; did you mean limits.delay?"),
        ({"crawl": ["books"]}, "BooksSpider.custom_settings: crawl: belongs in config.toml alone"),
        (
            ["limits"],
            'BooksSpider.custom_settings: expected a dict of tables like {"limits": {"delay": 0.5}}, got [\'limits\']',
        ),
        (
            [{"password": "hush"}],
            'BooksSpider.custom_settings: expected a dict of tables like {"limits": {"delay": 0.5}}, got ***',
        ),
    ],
)
def test_a_mistake_in_custom_settings_names_the_class(custom: Any, error: str) -> None:
    """custom_settings holds the tables of config.toml; Scrapy's names are answered with ours."""
    with pytest.raises(SettingsError) as caught:
        own("", custom)
    assert str(caught.value) == error


def test_tables_from_python_are_refused_in_the_same_words() -> None:
    """`from_tables` takes the tables of config.toml as dicts."""
    assert from_tables({"limits": {"delay": 2}}).limits.delay == 2
    with pytest.raises(SettingsError, match=r"^settings: \[limits\] delai: unknown key; did you mean delay\?$"):
        from_tables({"limits": {"delai": 2}})


@pytest.mark.parametrize(
    ("tables", "error"),
    [
        ({"network": {"headers": {1: "a"}}}, r"settings: \[network\.headers\] 1: expected a text"),
        ({"network": {"user_agent": "a\n"}}, r"settings: \[network\] user_agent: expected a text of printable ASCII"),
        ({"limits": {"delay": 10**400}}, r"settings: \[limits\] delay: expected a number of seconds of at least 0"),
        (
            Settings(limits=LimitsSettings(delay=inf)).values(),
            r"settings: \[limits\] delay: expected a number of seconds",
        ),
    ],
)
def test_what_toml_could_not_hold_is_refused_too(tables: dict[str, Any], error: str) -> None:
    """A key that is not a text, a line end, and a number without end are refused in tables from Python."""
    with pytest.raises(SettingsError, match=error):
        from_tables(tables)


# The schema and the page.


def test_the_schema_tells_every_key_and_what_it_means() -> None:
    """The JSON Schema has the keys that TOML has, aliases and both ways to name the spiders included."""
    made = schema()
    json.dumps(made)
    assert "validate" in made["$defs"]["PipelinesSettings"]["properties"]
    assert made["$defs"]["LimitsSettings"]["properties"]["jitter"]["description"].startswith("Vary each delay")
    kinds = [each["type"] for each in made["$defs"]["SpidersSettings"]["anyOf"]]
    assert kinds == ["string", "object"]
    assert "limits" in made["$defs"]["SpidersSettings"]["anyOf"][1]["additionalProperties"]["properties"]


def test_every_setting_is_documented() -> None:
    """docs/settings.md has a row for every key, with its default."""
    rows = {line.split("|")[1].strip(): line for line in DOCS.read_text(encoding="utf-8").splitlines() if "|" in line}
    for key, value in flat(Settings()):
        row = rows.get(f"`{key}`")
        assert row is not None, key
        match value:
            case bool():
                shown = str(value).lower()
            case str():
                shown = f'"{value}"'
            case None:
                shown = "none"
            case tuple():
                shown = json.dumps(value)
            case dict():
                shown = "{}"
            case ByteSize():
                shown = f'"{value}"'
            case _:
                shown = repr(value)
        assert row.split("|")[2].strip().strip("`") == shown, key


def test_every_key_of_a_sink_is_documented() -> None:
    """So has a sink's."""
    text = DOCS.read_text(encoding="utf-8")
    for key in schema()["$defs"]["SinkSettings"]["properties"]:
        assert f"| `sinks.{key}` |" in text


def test_the_examples_of_the_page_are_accepted() -> None:
    """Every TOML block of docs/settings.md is a valid config.toml."""
    blocks = DOCS.read_text(encoding="utf-8").split("```toml\n")[1:]
    assert blocks
    for block in blocks:
        from_tables(tomllib.loads(block.partition("```")[0]))
