"""config.toml as typed settings: one class a table, one word a stage.

Values are of the type that their key has, as in TOML itself: no number is taken for a text, nor `1` for `true`.
What does not fit is refused in one line that names the table, the key, what was expected and what was given.
Where settings come from, and which of two sources wins, is told in `scraper.settings.load`.
"""

from sys import float_info
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from scraper.settings.table import Table
from scraper.settings.values import ByteSize, SecretStr

MOST = float_info.max
"""What is less than infinity, and no bound to speak of."""

Flag = bool
Count = Annotated[int, Meta(ge=1)]
Limit = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0, le=MOST, title="a number of seconds")]
Timeout = Annotated[float, Meta(gt=0, le=MOST, title="a number of seconds")]
Share = Annotated[float, Meta(ge=0, le=1)]
Percentage = Annotated[float, Meta(ge=0, le=100, title="a percentage")]
Status = Annotated[int, Meta(ge=100, le=599, title="an HTTP status")]
Text = Annotated[str, Meta(min_length=1)]
Printable = Annotated[str, Meta(pattern=r"^[\x20-\x7e]+$(?!\n)", title="a text of printable ASCII characters")]
Size = ByteSize
Store = Annotated[
    str, Meta(pattern=r"^(sqlite|memory|rediss?://\S+)$(?!\n)", title='"sqlite", "memory" or "redis://HOST:PORT/0"')
]


class StopAfter(Table, frozen=True, kw_only=True):
    """Ends the crawl early, in good order, when any of these is reached."""

    items: Count | None = None
    """After this many items."""
    pages: Count | None = None
    """After this many pages."""
    errors: Count | None = None
    """After this many errors of callbacks, pipelines and sinks."""
    seconds: Timeout | None = None
    """After this many seconds."""


class FailWhen(Table, frozen=True, kw_only=True):
    """Gives exit status 1 to a crawl that ended but did not bring what it should have."""

    items_below: Count | None = None
    """Fewer items than this."""
    errors_above: Percentage | None = None
    """More failed requests and callbacks than this percentage of all pages requested."""


class EngineSettings(Table, frozen=True, kw_only=True):
    """The loop."""

    concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 32
    """Worker tasks: how many requests are in flight at most."""
    processes: Annotated[int, Meta(ge=1, le=256, title="a whole number from 1 to 256")] | Literal["auto"] = 1
    """Worker processes that fetch pages and run callbacks; 1: the crawl's own process does. "auto" is one a core."""
    stop_after: StopAfter = field(default_factory=StopAfter)
    """Ends the crawl early, in good order."""
    fail_when: FailWhen = field(default_factory=FailWhen)
    """Makes the exit status 1."""


class FrontierSettings(Table, frozen=True, kw_only=True):
    """Where requests wait."""

    store: Store = "sqlite"
    """A job directory, from which a crawl resumes after any death; memory alone; or a Redis that machines share."""
    lease: Annotated[float, Meta(ge=1, le=3600, title="a number of seconds")] = 10.0
    """With Redis: seconds without a word from a machine after which others take over its sites."""
    keep: Size = field(default_factory=lambda: ByteSize(256 * 1024 * 1024))
    """With Redis: bytes of items that stay there after they were written, so that another machine can write them."""
    lanes: dict[str, Count] = field(default_factory=dict)
    """With Redis: in how many lanes a huge site is crawled, so that machines share it: `{ "huge.example" = 4 }`."""
    order: Literal["breadth", "depth"] = "breadth"
    """First found, first crawled; or last found, first crawled."""
    jobs: Text = ".scraper/jobs"
    """The folder of the job directories, each named after its spider."""
    interval: Timeout = 0.5
    """Seconds between two checkpoints: after a crash, this much work is done again."""
    durability: Literal["process", "power"] = "process"
    """What a checkpoint survives: the death of the process, or a power cut as well (fsync)."""
    recrawl: Literal["never", "changed"] = "never"
    """How a finished crawl is run again: from the beginning, or fetching only what has changed, with items marked."""
    ignore_params: tuple[Text, ...] = ()
    """Query parameters to ignore when comparing URLs: `sid`, `ref_*`."""
    ignore_tracking: Flag = False
    """The same for the usual parameters that count visitors: `utm_*`, `gclid`, `fbclid` and others."""
    unique_redirects: Flag = False
    """Follow no redirect to a page that was already seen; the page that a redirect leads to counts as seen."""


class LimitsSettings(Table, frozen=True, kw_only=True):
    """May a request be sent, and when?"""

    robots: Flag = True
    """Obey robots.txt (RFC 9309)."""
    robots_meta: Flag = False
    """Obey what pages themselves say in X-Robots-Tag or `<meta name="robots">`: nofollow and noindex."""
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
    max_links: Limit = 100_000
    """Requests that one page may lead to; 0 is any number."""
    max_queries: Limit = 10_000
    """Different queries of one path; 0 is any number."""
    max_repeats: Limit = 3
    """How often the same one to three folders of a path may follow each other; 0 is any number."""
    max_same: Limit = 10_000
    """How often one page may be requested again with `dont_filter`; 0 is any number."""
    park_after: Limit = 10
    """Connections to one host that fail one after the other before it is left alone for a while; 0 is any number."""


class AuthSettings(Table, frozen=True, kw_only=True):
    """The login for one origin."""

    origin: Text
    """Scheme, host and port: "https://a.example". It is sent to no other."""
    type: Literal["basic", "bearer", "digest"] = "basic"
    """The scheme of authentication."""
    user: str = ""
    """The user's name."""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    """The user's password."""
    token: SecretStr = field(default_factory=lambda: SecretStr(""))
    """What "bearer" takes in place of user and password."""


class CacheSettings(Table, frozen=True, kw_only=True):
    """Answers that were kept, in place of asking again."""

    mode: Literal["off", "rfc", "always"] = "off"
    """Ask again when RFC 9111 says so, or never."""
    path: Text = "cache.sqlite"
    """The file."""
    max_size: Size = field(default_factory=lambda: ByteSize(1024 * 1024 * 1024))
    """The size of all that is kept, after which the answers go that were not used for longest."""


class NetworkSettings(Table, frozen=True, kw_only=True):
    """Request in, response out."""

    user_agent: Printable = "scraper/0.1"
    """The User-Agent header, and the name by which robots.txt is read."""
    timeout: Timeout = 30.0
    """Seconds for a whole request: connecting, waiting, reading."""
    connect_timeout: Timeout = 10.0
    """Seconds for connecting."""
    headers_timeout: Timeout = 30.0
    """Seconds until the headers of an answer have arrived."""
    read_timeout: Timeout = 20.0
    """Seconds between two pieces of an answer."""
    min_rate: Limit = 100
    """The slowest download that is accepted, in bytes per second over `read_timeout` seconds; 0 is any speed."""
    retries: Limit = 3
    """How often a request that failed is sent again."""
    backoff: Seconds = 0.5
    """Seconds before the first retry at most; each further one may wait twice as long."""
    max_backoff: Seconds = 30.0
    """Seconds before any retry at most."""
    retry_statuses: tuple[Status, ...] = (408, 429, 500, 502, 503, 504, 522, 524)
    """Statuses that count as failures to be retried."""
    max_redirects: Limit = 20
    """Redirects that are followed for one request."""
    resend_bodies: Flag = False
    """Follow a 307 or 308 that would send a request's content to another origin."""
    meta_refresh: Seconds = 5.0
    """Follow a page's `<meta http-equiv="refresh">` if it waits less than this many seconds; 0 follows none."""
    short_way: bool = True
    """Send plain GETs without what aiohttp's session makes for each request, where the installed aiohttp allows it."""
    referrer_policy: Literal[
        "no-referrer",
        "no-referrer-when-downgrade",
        "origin",
        "origin-when-cross-origin",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    ] = "no-referrer"
    """What the Referer header of a request says about the page that links to it."""
    secret_headers: tuple[Text, ...] = ()
    """Headers that, as Authorization and Cookie, do not follow a redirect to another origin, and are not shown."""
    max_body: Size = field(default_factory=lambda: ByteSize(32 * 1024 * 1024))
    """The longest body, after decompression, that is taken: bytes, or a text like "32 MiB"."""
    max_stream: Size = field(default_factory=lambda: ByteSize(1024 * 1024 * 1024))
    """The longest body, after decompression, of a request with `stream=True`."""
    max_url: Count = 8192
    """The longest URL that is requested, in characters."""
    allow_addresses: tuple[Text, ...] = ()
    """Hosts, addresses and networks that may be reached although they are not of the public internet."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of every request."""
    cookies: Flag = True
    """Keep cookies, and send them back."""
    load_cookies: Text | None = None
    """A Netscape cookie file to begin with."""
    save_cookies: Text | None = None
    """A Netscape cookie file to write at the end."""
    auth: tuple[AuthSettings, ...] = ()
    """A table for each origin that needs a login."""
    proxy: str | None = None
    """http://[user:password@]host:port, or with https or socks5"""
    proxies: tuple[str, ...] = ()
    """Proxies that share the work."""
    proxy_per: Literal["host", "request"] = "host"
    """Whether a host keeps the proxy that it was given, or each request is for the next one."""
    cache: CacheSettings = field(default_factory=CacheSettings)
    """Answers that are kept, and used again."""
    verify_tls: Flag = True
    """Check certificates."""
    insecure_hosts: tuple[Text, ...] = ()
    """Hosts whose certificates are not checked."""
    ca_file: str | None = None
    """A file of certificates to trust besides the system's."""
    client_cert: str | None = None
    """A file with the certificate that we show to servers that ask for one."""
    client_key: str | None = None
    """A file with its key, if that is a separate file."""
    accept_statuses: tuple[Status, ...] = ()
    """Error statuses whose pages callbacks get."""


class ParsingSettings(Table, frozen=True, kw_only=True):
    """Response in, items and requests out."""

    executor: Literal["thread", "process", "inline"] = "thread"
    """Where `def` callbacks run."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """How many processes run callbacks, with `executor = "process"`."""
    timeout: Seconds = 300.0
    """Seconds that a callback has for a page; 0 is any number."""
    max_results: Limit = 1_000_000
    """The most items and requests that a callback may give for a page; 0 is any number."""
    drift_after: Limit = 20
    """Warn when a field of an `Item` that used to be found is missing from this many pages in a row; 0 is never."""


class PipelinesSettings(Table, frozen=True, kw_only=True):
    """Items are refined, in this order: `require`, `validate`, `unique`, then the spider's own pipelines."""

    require: tuple[str, ...] = ()
    """Drop items in which one of these fields is missing or empty."""
    validate: Flag = False
    """Drop items whose values do not fit the types that their class declares."""
    unique: tuple[str, ...] = ()
    """Drop items that are equal to an earlier one in these fields."""
    concurrency: Count = 16
    """Pages whose items are refined at the same time."""


class SplitAfter(Table, frozen=True, kw_only=True):
    """Ends a file, and begins the next, when any of these is reached."""

    items: Count | None = None
    bytes: Size | None = None
    """Of content, before compression; reached with the last item of a file."""
    seconds: Timeout | None = None


class SinkSettings(Table, frozen=True, kw_only=True):
    """A data file."""

    path: Text
    """May contain {spider}, {time}, any of the spider's arguments, {part}, {item.FIELD}; '-' is standard output."""
    format: Literal["jsonl", "json", "csv", "tsv", "sqlite", "parquet"] | None = None
    """Told by the path's ending unless given: .jsonl .json .csv .tsv, also with .gz .zst .xz, .sqlite .db, .parquet"""
    fields: tuple[str, ...] = ()
    """The fields to write, in this order; all unless given."""
    items: tuple[str, ...] = ()
    """Names of the item classes to write; all unless given."""
    mode: Literal["replace", "append", "upsert"] = "replace"
    """What becomes of a file that is there: it is replaced, items are appended, or rows of the same `key` updated."""
    key: tuple[Text, ...] = ()
    """The fields that tell rows apart, for `mode = "upsert"`."""
    split_after: SplitAfter = field(default_factory=SplitAfter)
    """When a part of the data ends; their number is {part} in the path."""
    publish: Literal["good", "always"] = "good"
    """After which crawls the file is given its name: `good` ones, or `always`. Otherwise it is left as NAME.part."""
    join: str = ""
    """CSV and TSV alone: write lists as their values with this text between them, not as JSON."""
    formula_guard: Flag = False
    """CSV and TSV alone: put an apostrophe before texts that a spreadsheet would run as a formula."""


class ViewsSettings(Table, frozen=True, kw_only=True):
    """Who watches."""

    progress: Flag = True
    """Show progress on standard error."""
    interval: Timeout = 10.0
    """Seconds between two progress lines where standard error is no terminal."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least important messages that are logged."""


class SpidersSettings(Table, frozen=True, kw_only=True):
    """Where spiders are found, and what is set for each: `spiders = "folder"` is short for `source` alone."""

    source: Text = "spiders"
    """A folder, or the dotted name of a module or package."""
    own: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By spider name: its arguments, and any of the tables above."""

    def values(self) -> dict[str, Any]:
        """As the file has it: a table for each spider beside `source`."""
        return {"source": self.source, **self.own}


class Settings(Table, frozen=True, kw_only=True):
    """All of config.toml."""

    spiders: SpidersSettings = field(default_factory=SpidersSettings)
    """Where spiders are found, and what is set for each."""
    crawl: tuple[str, ...] = ()
    """The spiders that a bare `scraper crawl` runs."""
    engine: EngineSettings = field(default_factory=EngineSettings)
    """The loop."""
    frontier: FrontierSettings = field(default_factory=FrontierSettings)
    """Where requests wait."""
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    """Whether and when a request is sent."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    """How a request is sent, and its answer received."""
    parsing: ParsingSettings = field(default_factory=ParsingSettings)
    """How callbacks are run."""
    pipelines: PipelinesSettings = field(default_factory=PipelinesSettings)
    """How items are refined."""
    sinks: tuple[SinkSettings, ...] = ()
    """Data files: a table for each."""
    views: ViewsSettings = field(default_factory=ViewsSettings)
    """What is shown and logged."""
