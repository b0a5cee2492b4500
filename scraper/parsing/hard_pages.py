"""Pages that take long to parse, and how they are kept out of the way of the others.

Most pages are parsed, and their callbacks run, in milliseconds, one after the other. Two kinds of pages are not:

* Those that a look at their source does not show to be quick (see `markup.document.complexity`) are tried, by a
  process beside, one at a time. A few milliseconds usually tell that nothing is the matter, and the page goes on like
  any other.
* Where that took longer, or the callback of another page of the same site did, the site is *slow*. Its pages are put
  aside: one at a time has its tree made in another thread, and then its callback run in between the others.

Whose turn it is, among sites whose pages are aside, is a matter of the time that each has had. A site is asked for
nothing more while enough of its pages are aside, so what one site sends does not fill the room that there is for all.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scraper.http.response import Response
from scraper.markup.document.complexity import SHORT
from scraper.markup.document.content_type import content_type, is_html, mime_type
from scraper.parsing.turns import Turns

EASY = 0.05  # seconds of a trial up to which a page is one like any other
LONG = 0.1  # seconds of computing for a page that make its site slow,
BLOCKED = 0.5  # and by the clock, which also runs while a machine is busy
MOST = 16  # pages of a site that are aside before no further one is asked for,
MOST_OF_SLOW = 4  # if it is slow
MOST_SITES = 10_000  # that are known to be slow


class HardPages:
    """The `pages` that are aside, the `bytes` of their bodies, and the `slow` sites.

    Turns are taken for `trials`, and for `runs` of callbacks.
    """

    def __init__(self) -> None:
        self.pages = 0
        self.bytes = 0
        self.slow: dict[str, None] = {}
        self.trials = Turns()
        self.runs = Turns()
        self._sites: Counter[str] = Counter()
        self._notify: Callable[[], None] | None = None

    @contextmanager
    def aside(self, site: str, size: int) -> Iterator[None]:
        """A page of `site` with a body of `size` bytes is aside while the context is open."""
        self.count(site, 1, size)
        try:
            yield
        finally:
            self.count(site, -1, -size)

    def count(self, site: str, pages: int, size: int) -> None:
        """So many more pages of `site`, of so many bytes, are aside."""
        self.pages += pages
        self.bytes += size
        self._sites[site] += pages
        if not self._sites[site]:
            del self._sites[site]
        if self._notify is not None:
            self._notify()

    def watch(self, notify: Callable[[], None]) -> None:
        """Call `notify` whenever the number of pages aside changes."""
        self._notify = notify

    def note(self, site: str, *, is_slow: bool) -> None:
        """How the last page of `site` was. May be called from any thread."""
        if not is_slow:
            self.slow.pop(site, None)
        else:
            self.slow[site] = None
            if len(self.slow) > MOST_SITES:
                self.slow.clear()

    def is_full(self, site: str) -> bool:
        """Whether nothing more should be asked of `site` now."""
        return self._sites[site] >= (MOST_OF_SLOW if site in self.slow else MOST)

    def __repr__(self) -> str:
        return f"<HardPages {self.pages} aside, {len(self.slow)} slow sites>"


def may_be_hard(argument: Any) -> bool:
    """Whether a callback's argument is a page that may take long to parse, as far as its size and type tell."""
    return type(argument) is Response and len(argument.body) > SHORT and _may_be_markup(argument)


def is_hard(argument: Any) -> bool:
    """Whether a callback's argument is a page that has to be tried before it is parsed."""
    return (  # at once, as each page is asked this
        type(argument) is Response and len(argument.body) > SHORT and _may_be_markup(argument) and needs_trial(argument)
    )


def needs_trial(page: Response) -> bool:
    """Whether `page` has to be tried before it is parsed."""
    try:
        return page.needs_trial()
    except Exception:  # its callback will raise it as well
        return False


def _may_be_markup(page: Response) -> bool:
    """Whether a callback may have `page` parsed as HTML: it is HTML, or text with tags and not XML."""
    header = content_type(page.headers)
    if is_html(header, page.body):
        return True
    essence = mime_type(header).essence
    return essence.startswith("text/") and not essence.endswith("xml") and b"<" in page.body
