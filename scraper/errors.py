"""Every error the framework raises, arranged by whose fault it is.

ScraperError
├── SettingsError          the command line, config.toml or a spider's arguments are wrong
├── SpiderError            your code: a spider that does not load, a callback that misbehaves
├── FetchError             their site: no answer, or none that can be used; `.reason` says why
└── StorageError           our disk: a data file, a job directory

Three more are not errors but words a spider or a pipeline says: `CloseSpider` ends the crawl, `DropItem`
drops the item at hand, `IgnoreRequest` lets the request at hand go. `fetch()` raises `CrawlStopped` once the crawl was
stopped.

Exceptions of other libraries are translated once, where they enter: aiohttp's in `network/failures.py`,
pydantic's in `tables.py` and `item.py`, the operating system's in `sinks/destination.py`, SQLite's in
`frontier/examine.py`, `frontier/store.py` and `sinks/sqlite_file.py`, pyarrow's in `sinks/parquet_file.py`.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a URL was not crawled: each one that is not ends with exactly one of these, counted.

    An answer with an error status is counted as `http_404`, `http_503`, …: see `http_status`.
    """

    # Refused: we decided not to ask.
    OFFSITE = "offsite"  # outside the spider's allowed_domains
    ROBOTS = "robots"  # robots.txt says no (RFC 9309)
    ROBOTS_UNREACHABLE = "robots_unreachable"  # no robots.txt to be had: complete disallow (RFC 9309, 2.3.1.4)
    DEPTH = "depth"  # further from a start URL than [limits] max_depth
    REPEATING_PATH = "repeating_path"  # the same folders more than [limits] max_repeats times
    TOO_MANY_QUERIES = "too_many_queries"  # its path was asked for with [limits] max_queries queries
    TOO_MANY_LINKS = "too_many_links"  # its page had given [limits] max_links requests before
    DUPLICATE = "duplicate"  # it led to a page that was already seen, and [frontier] unique_redirects is on
    NOFOLLOW = "nofollow"  # its page asks that its links be left alone: see limits/directives.py
    TOO_OFTEN = "too_often"  # the same page was asked for [limits] max_same times
    BUDGET = "budget"  # its host has had [limits] max_per_host requests
    SCHEME_NOT_ALLOWED = "scheme_not_allowed"  # neither http nor https
    INVALID_URL = "invalid_url"  # not a URL at all (WHATWG URL)
    URL_TOO_LONG = "url_too_long"  # longer than [network] max_url
    ADDRESS_NOT_ALLOWED = (
        "address_not_allowed"  # not of the public internet, and not in [network] allow_addresses: see network/guard.py
    )
    BAD_REQUEST = "bad_request"  # it cannot be sent as it is: a line break in a header, say
    PARKED = "parked"  # a callback awaited it, and its host cannot be reached: see limits/breaker.py
    IGNORED = "ignored"  # a middleware raised IgnoreRequest
    NOT_RECORDED = "not_recorded"  # a replay has no answer to it

    # Failed: we asked, and got no answer that can be used.
    DNS_NOT_FOUND = "dns_not_found"
    REFUSED = "refused"
    RESET = "reset"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "connect_timeout"
    HEADERS_TIMEOUT = "headers_timeout"
    READ_TIMEOUT = "read_timeout"
    TIMEOUT = "timeout"
    TOO_SLOW = "too_slow"  # less than [network] min_rate
    TLS_EXPIRED = "tls_expired"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_HOSTNAME = "tls_hostname"
    TLS_VERSION = "tls_version"  # older than we speak
    TLS_PROTOCOL = "tls_protocol"
    PROXY = "proxy"
    PARTIAL_BODY = "partial_body"
    BAD_RESPONSE = "bad_response"
    BAD_ENCODING = "bad_encoding"
    TOO_LARGE = "too_large"
    QUARANTINED = "quarantined"  # its page was being handled when the process died, twice
    PARSE_TOO_COMPLEX = "parse_too_complex"  # a page that would take minutes to parse
    TOO_MANY_REDIRECTS = "too_many_redirects"
    BAD_REDIRECT = "bad_redirect"
    MIDDLEWARE = "middleware"  # a middleware raised something else


REFUSALS = frozenset(
    {
        Reason.OFFSITE,
        Reason.ROBOTS,
        Reason.ROBOTS_UNREACHABLE,
        Reason.DEPTH,
        Reason.REPEATING_PATH,
        Reason.TOO_MANY_QUERIES,
        Reason.TOO_MANY_LINKS,
        Reason.DUPLICATE,
        Reason.NOFOLLOW,
        Reason.TOO_OFTEN,
        Reason.BUDGET,
        Reason.PARKED,
        Reason.SCHEME_NOT_ALLOWED,
        Reason.ADDRESS_NOT_ALLOWED,
        Reason.URL_TOO_LONG,
        Reason.INVALID_URL,
        Reason.BAD_REQUEST,
        Reason.IGNORED,
        Reason.NOT_RECORDED,
    }
)
"""The reasons for which a request is refused: it is not sent, nor sent on. All others are failures."""

UNREACHED: frozenset[str] = frozenset(
    {
        Reason.DNS_NOT_FOUND,
        Reason.REFUSED,
        Reason.RESET,
        Reason.UNREACHABLE,
        Reason.CONNECT_TIMEOUT,
        Reason.HEADERS_TIMEOUT,
        Reason.READ_TIMEOUT,
        Reason.TIMEOUT,
    }
)
"""The reasons for which a site cannot be reached: there was no connection, or no answer came by it."""


def http_status(status: int) -> str:
    """The reason of a request that was answered with an error status: `http_404`."""
    return f"http_{status}"


class ScraperError(Exception):
    """Anything this framework raises on purpose. Its text is one line, made for people."""


class SettingsError(ScraperError):
    """The command line, config.toml or a spider's arguments are wrong; nothing was sent."""


class SpiderError(ScraperError):
    """A spider does not load, or one of its callbacks did what it must not."""


class FetchError(ScraperError):
    """A request got no answer that can be used.

    `reason` is one of `Reason` or an `http_…` of `http_status`; `url` is the address asked last.
    """

    def __init__(self, reason: str, url: str, detail: str = "") -> None:
        super().__init__(reason, url, detail)
        self.reason = str(reason)
        self.url = url
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.url}" + (f" ({self.detail})" if self.detail else "")


class StorageError(ScraperError):
    """A data file or a job directory cannot be written or read."""


class CloseSpider(Exception):  # noqa: N818 -- Scrapy's word, which spiders already raise
    """Raised by a callback or a pipeline: finish what is in flight and end the crawl for `reason`."""

    def __init__(self, reason: str = "cancelled") -> None:
        super().__init__(reason)
        self.reason = reason


class CrawlStopped(BaseException):
    """Raised by `fetch()` once the crawl was stopped for `reason`: nothing is sent any more, so clean up and end.

    It is no `Exception`, as `asyncio.CancelledError` is none: a loop that goes on after any failed request ends too.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DropItem(Exception):  # noqa: N818 -- Scrapy's word, which pipelines already raise
    """Raised by a pipeline: drop this item, counted under `reason`."""

    def __init__(self, reason: str = "dropped") -> None:
        super().__init__(reason)
        self.reason = reason


class IgnoreRequest(Exception):  # noqa: N818 -- Scrapy's word, which middlewares already raise
    """Raised by a middleware: do not crawl this request; it is counted as refused."""
