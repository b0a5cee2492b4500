"""config.toml as typed settings: one class a table, one word a stage.

Values are of the type that their key has, as in TOML itself: no number is taken for a text, nor `1` for `true`.
What does not fit is refused in one line that names the table, the key, what was expected and what was given.
Where settings come from, and which of two sources wins, is told in `scraper.config`.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema

from scraper.errors import SettingsError
from scraper.wording import Place, Problem, composite, keys_at, misfit, nearest


def _written_as_size(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("neither a number of bytes nor a text")
    return value


# A title says what is expected, where the type alone would not.
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Limit = Annotated[int, Field(ge=0, strict=True)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True, title="a number of seconds")]
Timeout = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True, title="a number of seconds")]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Percentage = Annotated[float, Field(ge=0, le=100, strict=True, title="a percentage")]
Status = Annotated[int, Field(ge=100, le=599, strict=True, title="an HTTP status")]
Text = Annotated[str, Field(min_length=1)]
Printable = Annotated[str, Field(pattern=r"^[\x20-\x7e]+$", title="a text of printable ASCII characters")]
Size = Annotated[
    ByteSize, BeforeValidator(_written_as_size), Field(gt=0, title='a number of bytes, or a text like "32 MiB"')
]


class Table(BaseModel):
    """A table of config.toml: a key that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class StopAfter(Table):
    """Ends the crawl early, in good order, when any of these is reached."""

    items: Count | None = None
    pages: Count | None = None
    errors: Count | None = None
    seconds: Timeout | None = None


class FailWhen(Table):
    """Gives exit status 1 to a crawl that ended but did not bring what it should have."""

    items_below: Count | None = None
    """Fewer items than this."""
    errors_above: Percentage | None = None
    """More failed requests and callbacks than this percentage of all pages asked for."""


class EngineSettings(Table):
    """The loop."""

    concurrency: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 32
    """Worker tasks: how many requests are in flight at most."""
    stop_after: StopAfter = StopAfter()
    fail_when: FailWhen = FailWhen()


class FrontierSettings(Table):
    """Where requests wait."""

    store: Literal["sqlite", "memory"] = "sqlite"
    """In a job directory, from which a crawl goes on after any death, or in memory alone."""
    order: Literal["breadth", "depth"] = "breadth"
    jobs: Text = ".scraper/jobs"
    """The folder of the job directories, each named after its spider."""
    interval: Timeout = 0.5
    """Seconds between two checkpoints: so much work is done again after a death."""
    durability: Literal["process", "power"] = "process"
    """What a checkpoint survives: the death of the process, or a power cut as well (fsync)."""
    recrawl: Literal["never", "changed"] = "never"
    """How a finished crawl is run again: from the beginning, or asking for what has changed, with items marked."""


class LimitsSettings(Table):
    """May a request be sent, and when?"""

    robots: Flag = True
    """Obey robots.txt (RFC 9309)."""
    per_host: Count = 8
    """Requests in flight to one host at most."""
    delay: Seconds = 0.0
    """Seconds between the starts of two requests to one host."""
    jitter: Share = 0.0
    """Vary each delay at random by up to this part of it: 0.5 makes 1 s anything from 0.5 s to 1.5 s."""
    adapt: Flag = True
    """Slow down on 429, 503 and rising latency, and speed up again."""
    max_delay: Seconds = 60.0
    """The longest delay that adapting or a Crawl-delay may lead to."""
    max_depth: Limit = 0
    """Links from a start URL at most; 0 is any number."""
    max_per_host: Limit = 0
    """Requests to one host at most; 0 is any number."""


class NetworkSettings(Table):
    """Request in, response out."""

    user_agent: Printable = "scraper/0.1"
    timeout: Timeout = 30.0
    """Seconds for a whole request: connecting, waiting, reading."""
    connect_timeout: Timeout = 10.0
    read_timeout: Timeout = 20.0
    """Seconds between two pieces of an answer."""
    retries: Limit = 3
    """How often a request that failed is sent again."""
    backoff: Seconds = 0.5
    """Seconds before the first retry at most; each further one may wait twice as long."""
    max_backoff: Seconds = 30.0
    retry_statuses: tuple[Status, ...] = (408, 429, 500, 502, 503, 504, 522, 524)
    max_redirects: Limit = 20
    max_body: Size = ByteSize(32 * 1024 * 1024)
    """The longest body, after decompression, that is taken: bytes, or a text like "32 MiB"."""
    headers: dict[str, str] = {}
    cookies: Flag = True
    proxy: str | None = None
    """http://[user:password@]host:port"""
    verify_tls: Flag = True
    ca_file: str | None = None
    accept_statuses: tuple[Status, ...] = ()
    """Error statuses whose pages are handed to callbacks nevertheless."""


class ParsingSettings(Table):
    """Response in, items and requests out."""

    executor: Literal["thread", "process", "inline"] = "thread"
    workers: Annotated[int, Field(ge=1, le=256, strict=True)] = 1


class PipelinesSettings(Table):
    """Items are refined, in this order: `require`, `validate`, `unique`, then the spider's own pipelines."""

    require: tuple[str, ...] = ()
    """Drop items in which one of these fields is missing or empty."""
    check: Annotated[Flag, Field(alias="validate")] = False
    """Drop items whose values do not fit the types that their class declares."""
    unique: tuple[str, ...] = ()
    """Drop items that are equal to an earlier one in these fields."""
    concurrency: Count = 16
    """Pages whose items are refined at the same time."""


class SinkSettings(Table):
    """A data file."""

    path: Text
    """May contain {spider}, {time} and any of the spider's arguments; '-' is standard output."""
    format: Literal["jsonl", "json", "csv", "sqlite", "parquet"] | None = None
    """Told by the path's ending unless given: .jsonl .json .csv, also with .gz or .zst, .sqlite or .db, .parquet"""
    fields: tuple[str, ...] = ()
    """The fields to write, in this order; all unless given."""
    items: tuple[str, ...] = ()
    """Names of the item classes to write; all unless given."""


class ViewsSettings(Table):
    """Who watches."""

    progress: Flag = True
    interval: Timeout = 10.0
    """Seconds between two progress lines where standard error is no terminal."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class SpidersSettings(Table):
    """Where spiders are found, and what is set for each: `spiders = "folder"` is short for `source` alone."""

    source: Text = "spiders"
    """A folder, or the dotted name of a module or package."""
    own: dict[str, dict[str, Any]] = {}
    """By spider name: its arguments, and any of the tables above."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        """From both ways to write it: a text, or a table that holds a table for each spider."""
        if isinstance(value, str):
            return {"source": value}
        if not isinstance(value, Mapping):
            return value
        own = {name: each for name, each in value.items() if name != "source" and isinstance(each, Mapping)}
        return {"own": own, **{name: each for name, each in value.items() if name not in own}}

    @model_serializer
    def _write(self) -> dict[str, Any]:
        return {"source": self.source, **self.own}


class Settings(Table):
    """All of config.toml."""

    spiders: SpidersSettings = SpidersSettings()
    crawl: tuple[str, ...] = ()
    """The spiders that a bare `scraper crawl` runs."""
    engine: EngineSettings = EngineSettings()
    frontier: FrontierSettings = FrontierSettings()
    limits: LimitsSettings = LimitsSettings()
    network: NetworkSettings = NetworkSettings()
    parsing: ParsingSettings = ParsingSettings()
    pipelines: PipelinesSettings = PipelinesSettings()
    sinks: tuple[SinkSettings, ...] = ()
    views: ViewsSettings = ViewsSettings()


# From tables to settings.

OWN = frozenset(Settings.model_fields) - {"spiders", "crawl"}
"""The tables that a spider can have of its own."""

SCRAPY = {
    "AUTOTHROTTLE_ENABLED": "limits.adapt",
    "AUTOTHROTTLE_MAX_DELAY": "limits.max_delay",
    "CLOSESPIDER_ERRORCOUNT": "engine.stop_after.errors",
    "CLOSESPIDER_ITEMCOUNT": "engine.stop_after.items",
    "CLOSESPIDER_PAGECOUNT": "engine.stop_after.pages",
    "CLOSESPIDER_TIMEOUT": "engine.stop_after.seconds",
    "CONCURRENT_REQUESTS": "engine.concurrency",
    "CONCURRENT_REQUESTS_PER_DOMAIN": "limits.per_host",
    "COOKIES_ENABLED": "network.cookies",
    "DEFAULT_REQUEST_HEADERS": "network.headers",
    "DEPTH_LIMIT": "limits.max_depth",
    "DOWNLOAD_DELAY": "limits.delay",
    "DOWNLOAD_MAXSIZE": "network.max_body",
    "DOWNLOAD_TIMEOUT": "network.timeout",
    "FEEDS": "sinks",
    "HTTPERROR_ALLOWED_CODES": "network.accept_statuses",
    "LOG_LEVEL": "views.log_level",
    "REDIRECT_MAX_TIMES": "network.max_redirects",
    "RETRY_HTTP_CODES": "network.retry_statuses",
    "RETRY_TIMES": "network.retries",
    "ROBOTSTXT_OBEY": "limits.robots",
    "SPIDER_MODULES": "spiders",
    "USER_AGENT": "network.user_agent",
}
"""What Scrapy calls them: many a `custom_settings` comes from there."""


def from_tables(tables: Mapping[str, Any], *, origin: str = "settings") -> Settings:
    """The settings that `tables`, those of config.toml, hold; what they do not name has its default.

    Raises `SettingsError` if something in them is unknown or does not fit; `origin` begins its text.
    """
    refuse([f"{origin}: {problem}" for problem in problems(tables)])
    return Settings.model_validate(tables)


def refuse(errors: Sequence[str]) -> None:
    """Raise a `SettingsError` of one line if there are `errors`: the first, and how many more."""
    if errors:
        raise SettingsError(errors[0] + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""))


def problems(tables: Mapping[str, Any]) -> list[Problem]:
    """All that is wrong with `tables`, the spiders' own included."""
    found = list(_misfits(tables))
    spiders = tables.get("spiders")
    for name, own in spiders.items() if isinstance(spiders, Mapping) else ():
        if isinstance(own, Mapping):
            found += _misfits({key: own[key] for key in own if key in OWN}, within=("spiders", name))
    return found


def _misfits(tables: Mapping[str, Any], *, within: Place = ()) -> Iterator[Problem]:
    try:
        Settings.model_validate(tables)
    except ValidationError as error:
        # A mistyped key first: it tells more than that the right one is missing.
        for each in sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden"):
            place, given = within + each["loc"], each["input"]
            match each["type"]:
                case "extra_forbidden":
                    yield Problem(place, _unknown(place, given))
                case "missing":
                    yield Problem(place, "is missing")
                case kind:
                    yield Problem(place, misfit(_schema(), place, kind=kind, given=given))


def _unknown(place: Place, given: object) -> str:
    name, known = str(place[-1]), keys_at(_schema(), place[:-1])
    elsewhere = [key for key, _ in flat(Settings()) if key.rpartition(".")[2] == name.lower()]
    kind = "table" if isinstance(given, Mapping) else "key"
    if better := SCRAPY.get(name) or nearest(name, known) or next(iter(elsewhere), None):
        return f"unknown {kind}; did you mean {better}?"
    return f"unknown {kind} (known: {', '.join(known)})"


def flat(settings: Table, *, within: str = "") -> Iterator[tuple[str, Any]]:
    """Every key, with dots, and its value; what is set for single spiders is left out."""
    for name, field in type(settings).model_fields.items():
        value, key = getattr(settings, name), within + (field.alias or name)
        if isinstance(value, Table):
            yield from flat(value, within=f"{key}.")
        elif key != "spiders.own":
            yield key, value


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that only repeat a name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _described() -> dict[tuple[str, str], str]:
    """The docstrings of all keys. (pydantic would read them whenever this module is imported, and that takes time.)"""
    found: dict[tuple[str, str], str] = {}
    tables = [
        each for each in ast.parse(inspect.getsource(sys.modules[__name__])).body if isinstance(each, ast.ClassDef)
    ]
    for table in tables:
        for each in pairwise(table.body):
            match each:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(str(text))):
                    field = globals()[table.name].model_fields[name]
                    found[table.name, field.alias or name] = text
    return found


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of config.toml."""
    made = deepcopy(_schema())
    nodes = made["$defs"] | {"Settings": made}
    for (table, key), text in _described().items():
        if key in (keys := composite(nodes[table])["properties"]):
            keys[key]["description"] = text
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "config.toml"}


@cache
def _schema() -> dict[str, Any]:
    made = Settings.model_json_schema(schema_generator=_Untitled)
    tables = {name: node for name, node in made["properties"].items() if name in OWN}
    spiders = made["$defs"]["SpidersSettings"]
    own = {"type": "object", "properties": tables, "description": "A spider's own: its arguments, and any table."}
    made["$defs"]["SpidersSettings"] = {
        "title": "the name of a folder or module, or a table",
        "description": spiders["description"],
        "anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "properties": {"source": spiders["properties"]["source"]},
                "additionalProperties": own,
            },
        ],
    }
    for node in (made, *made["$defs"].values()):
        for child in node.get("properties", {}).values():
            if "$ref" in child:
                child.pop("default", None)
    return made
