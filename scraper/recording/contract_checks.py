"""Checks a contract: its callback is called with the sample page, and what it gives is judged and goes no further."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from scraper.engine.stages import Stages, Tap
from scraper.events import Event, Failed, Refused
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Fetch, Parse, Results
from scraper.recording.contracts import Check, Contract, broken
from scraper.recording.replay import each_of
from scraper.settings.schema import Settings
from scraper.views.formatting import told


class Judge(Tap):
    """What a crawl of a contract's sample is handed as its `tap`, and as an observer.

    The sample is answered by `inner`, or by the network. Afterwards `problems` tells what does not hold.
    """

    wants = (Failed, Refused)

    def __init__(self, contract: Contract, own: Mapping[str, Check], inner: Tap | None) -> None:
        self._contract = contract
        self._own = own
        self._inner = inner
        self._parse: Parse | None = None
        self._reason = ""
        self._found: list[str] | None = None

    @property
    def problems(self) -> list[str]:
        """What does not hold, a line each."""
        return self._found if self._found is not None else [f"the sample has no answer ({self._reason or 'unknown'})"]

    def __call__(self, event: Event) -> None:
        """Note why there was no answer."""
        match event:
            case Refused(_, reason):
                self._reason = self._reason or reason
            case Failed(_, error):
                self._reason = self._reason or error.reason

    async def __aenter__(self) -> Self:
        if self._inner is not None:
            await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._inner is not None:
            await self._inner.__aexit__(kind, error, trace)

    def fit_settings(self, settings: Settings) -> Settings:
        """`settings` as `inner` wants them."""
        return self._inner.fit_settings(settings) if self._inner is not None else settings

    async def wire(self, request: Request, fetch: Fetch) -> Response:
        """The answer to `request`."""
        return await (self._inner.wire(request, fetch) if self._inner is not None else fetch(request))

    def fit_stages(self, stages: Stages) -> Stages:
        """`stages` in which callbacks are judged."""
        fitted = self._inner.fit_stages(stages) if self._inner is not None else stages
        self._parse = fitted.parse
        return replace(fitted, parse=_Judged(self), takes_early=None)

    async def judge(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Results:
        """Call the callback; what it gives is judged, and not handed on."""
        assert self._parse is not None
        results = await self._parse(callback, argument, kwargs)
        if not isinstance(argument, Response):
            return Results(where=results.where)
        self._found = [f"{told(fault.error)} ({fault.line})" for fault in results.problems]
        if not self._found:
            requests = [each for found in results.requests for each in each_of(found)]
            self._found = broken(self._contract, self._own, argument, results.items, requests)
        return Results(where=results.where)

    def __repr__(self) -> str:
        return f"<Judge of {self._contract.callback}>"


class _Judged(Parse):
    """The parse stage of a crawl that is judged; what it goes around is opened elsewhere."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def __call__(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Results:
        return await self._judge.judge(callback, argument, kwargs)
