"""Which URLs the rules of a robots.txt allow (RFC 9309, 2.2.2 and 2.2.3), in a time that no site can stretch.

Of the rules that match, the longest counts, and Allow among equals. `*` is any text, and `$` at the end is the end of
the URL. Rules and URLs are compared in one percent-encoding. The verdicts are those of Protego and of Google's parser.

The site writes both the rules and the links, so it could make it as expensive as it likes to try every rule on every
URL. Therefore:

* Rules without `*` are looked up, not tried: a URL has few beginnings.
* A rule with `*` is only tried where a few characters of it, its rarest ones, are in the URL.
* What still has to be tried is counted in steps. A URL that takes more than `MOST_STEPS` is not allowed, and after one
  that took many the site has to wait, so that it does not take the time of others.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import NamedTuple
from urllib.parse import quote, unquote

from scraper.errors import Reason
from scraper.urls import WEB_SCHEMES, without_fragment
from scraper.verdict import GO, Refuse, Verdict, Wait

SLICE = 1_000  # lines that are read at a time: some 5 ms
MOST_STEPS = 3_000_000  # for one URL, about one for each character that is looked at: some 10 ms
MANY_STEPS = 100_000  # after which the site has to wait
REST = 0.1 / MOST_STEPS  # seconds for each step
FEW = 64  # rules with `*` that are sooner tried than looked for
GRAM = 5  # characters of a rule that are looked for

_Pattern = tuple[str, bool]  # the text of a rule, and whether it ends where the URL ends

_REFUSED = Refuse(Reason.ROBOTS)
_ALWAYS = 2_000_000_001  # the rank of what is allowed whatever the rules say (RFC 9309, 2.2.2)
_STARS = re.compile(r"\*+")
_KEPT = re.compile("%(2[AFaf]|25)")  # the escapes of * / %, which mean something else than these do
_UNSAFE = re.compile("[^A-Za-z0-9_.~/%=-]")
_UNSAFE_IN_RULES = re.compile("[^A-Za-z0-9_.~/%=*-]")


class _Wildcard(NamedTuple):
    """A rule with `*`, ready to be tried: what comes first, somewhere in between, and last."""

    rank: int  # twice its length, and one more if it is an Allow: of the rules that match the greatest counts
    size: int  # characters of what it matches, at least
    first: str
    middle: tuple[str, ...]
    last: str
    is_anchored: bool

    @classmethod
    def of(cls, rank: int, text: str, is_anchored: bool) -> "_Wildcard":
        first, *middle, last = text.split("*")
        return cls(rank, len(text) - len(middle) - 1, first, tuple(middle), last, is_anchored)

    def matches(self, text: "_Text") -> bool:
        """Whether it matches `text`, which begins as it should."""
        place = len(self.first)
        for part in self.middle:
            place = text.find(part, place)
            if place < 0:
                return False
            place += len(part)
        if self.is_anchored:
            return place <= len(text.path) - len(self.last) and text.path.endswith(self.last)
        return text.find(self.last, place) >= 0


class _Text:
    """A path in which parts of rules are looked for, each once from a place. `steps` is what that takes."""

    __slots__ = ("_found", "path", "steps")

    def __init__(self, path: str) -> None:
        self.path = path
        self.steps = 0
        self._found: dict[tuple[str, int], int] = {}

    def find(self, part: str, place: int) -> int:
        """Where `part` stands, from `place` on; -1 if it does not."""
        found = self._found.get((part, place))
        if found is None:
            found = self._found[part, place] = self.path.find(part, place)
            end = found if found >= 0 else len(self.path)
            self.steps += (end - place + 100) * (8 + len(part)) // 8
        return found


class Rules:
    """The rules for one crawler. They are there once they are read."""

    __slots__ = (
        "_by_gram", "_due", "_exact", "_few", "_last", "_lengths", "_patterns", "_plain", "_sizes", "_wild", "steps",
    )  # fmt: skip

    def __init__(self) -> None:
        self._plain = {"/robots.txt%3F": _ALWAYS}  # text that a path begins with, and the rank of its rule
        self._exact = {"/robots.txt": _ALWAYS}
        self._wild: dict[_Pattern, int] = {}
        self._lengths: list[int] = []
        self._few: list[_Wildcard] = []
        self._patterns: list[_Pattern] = []  # those with `*`, the longest first
        self._by_gram: dict[str, list[int]] = {}  # which of them have these characters
        self._sizes: list[int] = []
        self._last: tuple[str, Verdict] = "", GO
        self._due = 0.0
        self.steps = 0  # that the last verdict took

    def __len__(self) -> int:
        return len(self._plain) + len(self._exact) + len(self._wild) - 2

    def read(self, rules: Iterable[tuple[bool, str]]) -> Iterator[None]:
        """Take `rules`: whether each is an Allow, and its value, which is not empty. Yields after every `SLICE`."""
        for number, (is_allow, value) in enumerate(dict.fromkeys(rules), 1):
            self._add(is_allow, value)
            if not number % SLICE:
                yield
        self._lengths = sorted(set(map(len, self._plain)))
        self._patterns = sorted(self._wild, key=self._wild.__getitem__, reverse=True)
        if len(self._patterns) > FEW:
            yield from self._index()
        else:
            self._few = [_Wildcard.of(self._wild[pattern], *pattern) for pattern in self._patterns]

    def _add(self, is_allow: bool, value: str) -> None:
        for pattern in _patterns(value, is_allow=is_allow):
            rank = 2 * len(pattern) + is_allow
            text, is_anchored = _reduced(pattern)
            if "*" in text:
                self._wild[text, is_anchored] = max(rank, self._wild.get((text, is_anchored), 0))
            else:
                table = self._exact if is_anchored else self._plain
                table[text] = max(rank, table.get(text, 0))

    def _index(self) -> Iterator[None]:
        """File each pattern under a few characters that every match has, and as few other patterns as possible."""
        grams: list[list[str]] = []
        counts: Counter[str] = Counter()
        for start in range(0, len(self._patterns), SLICE):
            some = [_grams(text) for text, _ in self._patterns[start : start + SLICE]]
            counts.update(chain.from_iterable(some))
            grams += some
            yield
        for place, each in enumerate(grams):
            self._by_gram.setdefault(min(sorted(each, reverse=True), key=counts.__getitem__), []).append(place)
            if not (place + 1) % SLICE:
                yield
        self._sizes = sorted(set(map(len, self._by_gram)))

    def judge(self, url: str, now: float) -> Verdict:
        """Go, a refusal as ROBOTS, or Wait if the last verdict took many steps."""
        last, verdict = self._last
        if url == last:  # a request that another limit holds back is asked about again
            return verdict
        if now < self._due:
            return Wait(self._due - now)
        verdict = GO if self.allows(url) else _REFUSED
        self._last = url, verdict
        if self.steps > MANY_STEPS:
            self._due = now + self.steps * REST
        return verdict

    def allows(self, url: str) -> bool:
        """Whether the canonical `url` may be fetched."""
        path = _path(url)
        best = self._exact.get(path, 1)
        rank_of = self._plain.get
        for length in self._lengths:
            rank = rank_of(path[:length], 1)
            if rank > best:  # noqa: PLR1730 -- max() would double the cost of this loop
                best = rank
        text = _Text(path)
        for rule in self._candidates(text) if self._by_gram else self._few:
            if rule.rank <= best:
                break
            if path.startswith(rule.first) and rule.size <= len(path) and rule.matches(text):
                best = rule.rank
            elif text.steps > MOST_STEPS:
                best = 0
                break
        self.steps = text.steps
        return best % 2 == 1

    def _candidates(self, text: "_Text") -> Iterator[_Wildcard]:
        """The rules with `*` that may match, by what is in the path, the longest first."""
        path = text.path
        grams = {path[start : start + size] for size in self._sizes for start in range(len(path) - size + 1)}
        found = [place for gram in self._by_gram.keys() & grams for place in self._by_gram[gram]]
        text.steps += 50 * len(path) + 20 * len(found)
        for place in sorted(found):
            text.steps += 200
            pattern = self._patterns[place]
            yield _Wildcard.of(self._wild[pattern], *pattern)


def _grams(text: str) -> list[str]:
    """How the parts of a rule begin and end. One of them is not empty."""
    return [gram for part in text.split("*") if part for gram in (part[:GRAM], part[-GRAM:])]


def _patterns(value: str, *, is_allow: bool) -> list[str]:
    """What a rule means: a `$` at its end may be one of the URL as well, and who allows an index allows its folder."""
    pattern = _pattern(value)
    patterns = [pattern, _pattern(value.replace("$", "%24"))] if "$" in value else [pattern]
    if is_allow and pattern.endswith("/index.html"):
        patterns.append(pattern.removesuffix("index.html") + "$")
    return patterns


def _pattern(value: str) -> str:
    """A rule's value as it is compared. One that is a whole URL stands for the paths that contain it."""
    text = f"/{value}" if value.startswith(WEB_SCHEMES) else value
    body = text.removesuffix("$")
    return _encoded(body, _UNSAFE_IN_RULES) + text[len(body) :]


def _reduced(pattern: str) -> tuple[str, bool]:
    """`pattern` without what makes no difference, and whether it ends where the URL ends."""
    text = pattern.removesuffix("$")
    is_anchored = text != pattern
    if "*" not in text:
        return text, is_anchored
    text = _STARS.sub("*", text)
    return (text[:-1], False) if text.endswith("*") else (text, is_anchored)


def _path(url: str) -> str:
    """The path and the query of a canonical URL, as they are compared."""
    page = without_fragment(url)
    return _encoded(page[page.find("/", 8) :], _UNSAFE)


def _encoded(text: str, unsafe: re.Pattern[str]) -> str:
    """`text` in the one percent-encoding in which rules and URLs are compared."""
    if "%" in text:
        text = unquote(_KEPT.sub(lambda escape: f"%25{escape[1].upper()}", text))
    return unsafe.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return _quoted(found[0])


_quoted = lru_cache(1024)(quote)
