"""Replays a crawl: the answers of a recording in place of the network, and what the spider makes of each page noted.

A replay is the same each time. One request is out at a time and is answered at once, callbacks run on the loop in
the order of their pages, and nothing waits: neither a delay, nor a retry. What was answered to a request several
times (a retry, a page that was asked for again) is answered in the order it was.

What the recording has no answer to was left out when it was made, since that ended early, or is new. What was left
out is refused where it is found, as nothing became of it then. What is new fails, as `not_recorded`. A robots.txt
that was not asked for then does not exist.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence, Set
from contextvars import Token
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import structs

from scraper import urls
from scraper.engine.stages import Refine, Refined, Stages, Tap
from scraper.errors import FetchError, IgnoreRequest, Reason
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.limits.pace import Pace
from scraper.limits.robots import is_robots
from scraper.pipelines.chain import Chain
from scraper.protocols import Attempts, Fetch, Parse, Policy, Results
from scraper.recording.accepted import START, Accepted, Page
from scraper.recording.origin import recorded_origin
from scraper.recording.request_labels import LATEST, labels
from scraper.recording.warc import Exchange
from scraper.settings.schema import CacheSettings, FailWhen, FrontierSettings, ParsingSettings, Settings
from scraper.sinks.formats.values import json_lines, json_object, problem
from scraper.verdict import GO, Refuse, Retry, Sequel, Verdict
from scraper.views.formatting import told

_NO_NETWORK: dict[str, Any] = {
    "auth": (),
    "ca_file": None,
    "cache": CacheSettings(),
    "client_cert": None,
    "client_key": None,
    "load_cookies": None,
    "proxies": (),
    "proxy": None,
    "save_cookies": None,
}
"""What of `[network]` names files, or what is not asked: a replay needs none of it."""


def still(settings: Settings) -> Settings:
    """`settings` for a crawl that is the same each time, waits for nothing, and leaves nothing but its items."""
    return structs.replace(
        settings,
        engine=structs.replace(settings.engine, concurrency=1, processes=1, fail_when=FailWhen()),
        frontier=FrontierSettings(store="memory", order=settings.frontier.order),
        limits=structs.replace(settings.limits, delay=0.0, jitter=0.0, adapt=False),
        network=structs.replace(settings.network, **_NO_NETWORK),
        parsing=ParsingSettings(executor="inline"),
    )


def at_once(stages: Stages) -> Stages:
    """`stages` without what would make a crawl wait: the pace, and the time before a retry."""
    return structs.replace(
        stages,
        limits=[each for each in stages.limits if not isinstance(each, Pace)],
        policies=[_hurried(each) for each in stages.policies],
    )


def _hurried(policy: Policy) -> Policy:
    def hurried(request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel | None:
        sequel = policy(request, outcome, attempts)
        return Retry(0.0, sequel.reason) if isinstance(sequel, Retry) else sequel

    return hurried


class Replay(Tap):
    """What a crawl is handed as its `tap` to be answered by `exchanges`.

    What is new is told from what was left out by what was `accepted`. Without it nothing is new, and `ended` are the
    labels, of this `form`, of requests that were not left out, but came to their end without the network, and will
    again.

    Afterwards `pages` are what the spider made of each; of the requests that have no answer, `left_out`, `unasked`
    (those of `ended`) and `missing` (what is new) hold the labels.
    """

    def __init__(
        self,
        exchanges: Sequence[Exchange],
        accepted: Accepted | None = None,
        *,
        ended: Set[str] = frozenset(),
        form: int = LATEST,
    ) -> None:
        self._label = label = labels(accepted.header.form if accepted is not None else form)
        self._answers: dict[str, deque[Response | FetchError]] = {}
        for each in exchanges:
            self._answers.setdefault(label(each.request), deque()).append(each.outcome)
        self._origin = urls.origin(exchanges[0].request.url) if exchanges else ""
        self._known = accepted.known() if accepted is not None else None
        self._ended = ended if accepted is None else frozenset(accepted.header.unasked)
        self._token: Token[str] | None = None
        self.pages: list[Page] = []
        self.left_out: dict[str, None] = {}
        self.unasked: dict[str, None] = {}
        self.missing: dict[str, None] = {}

    async def __aenter__(self) -> Self:
        self._token = recorded_origin.set(self._origin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None
        recorded_origin.reset(self._token)

    def fit_settings(self, settings: Settings) -> Settings:
        """`settings` of a crawl that is the same each time."""
        return still(settings)

    async def wire(self, request: Request, fetch: Fetch) -> Response:
        """The next recorded answer to `request`; `fetch` is never called."""
        name, url = self._label(request), urls.without_credentials(request.url)
        if answers := self._answers.get(name):
            outcome = answers.popleft()
            if isinstance(outcome, FetchError):
                raise FetchError(outcome.reason, url, outcome.detail)
            return Response(url, status=outcome.status, headers=outcome.headers, body=outcome.body, request=request)
        if is_robots(request):
            return Response(url, status=404, request=request)
        if self._was_left_out(name):
            self.leave_out(request)
            raise IgnoreRequest(f"{request!r} was left out when the recording was made")
        self.missing[name] = None
        raise FetchError(Reason.NOT_RECORDED, url, "the recording has no answer to it")

    def _was_left_out(self, name: str) -> bool:
        return self._known is None or name in self._known

    def fit_stages(self, stages: Stages) -> Stages:
        """`stages` that wait for nothing, take no request that was left out, and note what is made of each page."""
        notes = Notes(self.pages, self._label, stages.parse, stages.refine or Chain(()).refine)
        left_out = _LeftOut(self)
        return structs.replace(
            at_once(stages),
            admission=[*stages.admission, left_out],
            parse=notes,
            refine=notes.refine,
            takes_early=None,
        )

    def is_left_out(self, request: Request) -> bool:
        """Whether `request` was never asked for when the recording was made, and was known."""
        name = self._label(request)
        if name in self._answers:
            return False
        if name in self._ended:
            self.unasked[name] = None
            return False
        return self._was_left_out(name)

    def leave_out(self, request: Request) -> None:
        """`request` is refused because it was left out."""
        self.left_out[self._label(request)] = None

    def __repr__(self) -> str:
        return f"<Replay of {len(self._answers)} requests: {len(self.pages)} pages, {len(self.missing)} missing>"


class _LeftOut:
    """The limit that refuses, at sight, what was left out."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def judge(self, request: Request, now: float) -> Verdict:
        """Go, or a refusal as NOT_RECORDED."""
        if not self._replay.is_left_out(request):
            return GO
        self._replay.leave_out(request)
        return Refuse(Reason.NOT_RECORDED)

    def sent(self, request: Request, now: float) -> None:
        """Nothing to note."""

    def learn(self, request: Request, outcome: Response | FetchError, now: float) -> None:
        """Nothing to learn."""


class Notes(Parse):
    """Goes around `parse` and `refine`, and adds to `pages` what comes of each page; `label` names it."""

    def __init__(self, pages: list[Page], label: Callable[[Request], str], parse: Parse, refine: Refine) -> None:
        self._pages = pages
        self._label = label
        self._parse = parse
        self._refine = refine
        self._of: dict[int, Page] = {}  # by the identity of the list of items that a callback gave

    async def __call__(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Results:
        page = Page(self._label(argument.request), callback)
        self._pages.append(page)
        results = await self._parse(callback, argument, kwargs)
        page.requests = requests_of(results, self._label)
        page.error = "; ".join(told(fault.error) for fault in results.problems)
        if results.items:
            self._of[id(results.items)] = page
        return results

    async def refine(self, items: Sequence[Any], *, is_again: bool = False) -> Refined:
        """What the pipelines make of `items`, noted with the page they are of."""
        refined = await self._refine(items, is_again=is_again)
        page = self._of.pop(id(items), None) or self._start()
        page.items = [*page.items, *plain_items(refined.kept, page)]
        for _, _, error in refined.errors:
            page.error = page.error or told(error)
        return refined

    def _start(self) -> Page:
        """The page that stands for the spider's `start()`."""
        if not self._pages or self._pages[0].callback != START or self._pages[0].page:
            self._pages.insert(0, Page("", START))
        return self._pages[0]


def plain_items(items: Iterable[Any], page: Page) -> list[dict[str, Any]]:
    """`items` as they would be written to a JSON file. What cannot be written is the error of `page`."""
    plain = []
    for item in items:
        try:
            plain.append(msgspec.json.decode(json_lines([json_object(item)])))
        except Exception as error:  # an item's own code may raise anything
            page.error = page.error or problem(item, error)
    return plain


def requests_of(results: Results, label: Callable[[Request], str]) -> dict[str, list[str]]:
    """What `label` calls the requests that a callback gave, by the callback each is for, each once."""
    made: dict[str, dict[str, None]] = {}
    for found in results.requests:
        for request in each_of(found):
            made.setdefault(str(request.callback or "parse"), {})[label(request)] = None
    return {callback: list(labels) for callback, labels in made.items()}


def each_of(found: Request | Links) -> Iterable[Request]:
    """Every request of a bunch, which itself is left as it is."""
    return map(found.request, found.urls) if isinstance(found, Links) else (found,)
