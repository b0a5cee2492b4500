"""What a robots.txt says to one crawler: its group of lines, the rules and the delay in them (RFC 9309, 2.2).

Which lines are for us is decided line by line, and only those are kept: a file of 500 KiB may name ten thousand
crawlers before ten thousand rules. A large file is read in slices, so that whoever has it read can do something else
in between.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Generator, Iterable
from math import inf

from scraper.limits.robots_rules import SLICE, Rules

MAX_BYTES = 500 * 1024  # of a robots.txt that are read (RFC 9309, 2.5)
MAX_PERIOD = 10**9  # seconds in a Request-rate, whose numbers may be too long for a float

Line = tuple[str, str]  # the first letter of a field, in lower case, and its value, which is not empty
Reading = Generator[None, None, tuple[Rules, float]]

_RULES = frozenset("ad")  # Allow and Disallow
_LINE = re.compile(
    r"^[ \t]*(user[- ]?agent|allow|dis+al+[oa]w|diasllow|crawl[- ]delay|request[- ]rate)(?:[ \t]*:|[ \t])([^#\n]*)",
    re.MULTILINE | re.IGNORECASE,
)
_RATE = re.compile(r"([0-9]{1,9})/([0-9]+)([smhd]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NAME = re.compile(r"[\w-]+")


def read(body: bytes, token: str) -> Reading:
    """Read a robots.txt for the crawler `token`, a name in lower case. Yields after every slice. Never raises.

    Returns the rules, and how many seconds to leave between two requests.
    """
    lines = yield from _group(_decode(body), token)
    rules = Rules()
    yield from rules.read([(field == "a", value) for field, value in lines if field in _RULES])
    return rules, _delay(lines)


def _decode(body: bytes) -> str:
    """The text of a robots.txt, up to the last whole line that is read of it. Never raises."""
    encoding = "utf-16" if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    text = body[:MAX_BYTES].decode(encoding, "replace").replace("\r", "\n")
    if len(body) > MAX_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    return text


def _group(text: str, token: str) -> Generator[None, None, list[Line]]:
    """The lines of a robots.txt that are meant for `token`.

    All groups that name the token are one; those for `*` hold if there are none (RFC 9309, 2.2.1). A token with
    digits also goes by what precedes them. A User-agent line after a rule begins a new group, whatever stands
    between the two. A Crawl-delay or Request-rate, which the RFC does not know, is for the agents named right
    before it.
    """
    names = {"*": "*", token.rstrip("0123456789"): token, token: token}
    lines: dict[str, list[Line]] = {"*": [], token: []}
    ours = "*"
    group: set[str] = set()
    right_before: set[str] = set()
    has_rules = False
    previous = ""
    for number, line in enumerate(_LINE.finditer(text), 1):
        field, value = line[1][0].lower(), line[2].strip()
        if field == "u":
            if has_rules:
                group, has_rules = set(), False
            if previous != "u":
                right_before = set()
            name = names.get(_agent(value))
            if name:
                group.add(name)
                right_before.add(name)
                ours = token if name == token else ours
        else:
            is_rule = field in _RULES
            has_rules = has_rules or is_rule
            for name in group if is_rule else right_before:
                if value:
                    lines[name].append((field, value))
        previous = field
        if not number % SLICE:
            yield
    return lines[ours]


def _agent(value: str) -> str:
    """The name in a User-agent line, in lower case; `*` for everybody, "" for nobody."""
    if value.startswith("*"):
        return "*" if not value[1:2].strip() else ""
    found = _NAME.match(value)
    return found[0].lower() if found else ""


def _delay(lines: Iterable[Line]) -> float:
    """Seconds between two requests that Crawl-delay and Request-rate ask for; of each, the last that makes sense."""
    delay = rate = 0.0
    for field, value in lines:
        if field == "c":
            delay = _seconds(value, delay)
        elif field == "r":
            rate = _interval(value, rate)
    return max(delay, rate)


def _seconds(value: str, otherwise: float) -> float:
    try:
        seconds = float(value)
    except ValueError:
        return otherwise
    return seconds if 0 <= seconds < inf else otherwise


def _interval(value: str, otherwise: float) -> float:
    """Seconds for one request of a rate such as `1/5`, `2/10s` or `100/1h`; a rate with hours of the day is none."""
    rate = _RATE.fullmatch(value)
    if rate is None or not int(rate[1]):
        return otherwise
    seconds = int(rate[2][:10]) * _SECONDS[rate[3].lower()]
    return min(seconds, MAX_PERIOD) / int(rate[1])
