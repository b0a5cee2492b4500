"""The pipelines of a crawl, one after the other: what each item meets between its callback and the sinks.

A pipeline has `process(item)`, or Scrapy's `process_item(item, spider)`, plain or `async def`. It gives the item to
continue with; None, or raising `DropItem`, drops the item. Any other exception drops the item too, and is an
error. So do `CloseSpider` and `CrawlStopped`, handed on among the errors; the other items still go their way.

A pipeline that is an asynchronous context manager is open as long as the crawl runs; so is one with Scrapy's
`open_spider(spider)` and `close_spider(spider)`, between these two.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import Any, Self

import msgspec

from scraper.errors import CloseSpider, CrawlStopped, DropItem, ScraperError, SpiderError
from scraper.items.item_types import is_item
from scraper.pipelines.unique import Unique
from scraper.process.exits import end_of, stop_of
from scraper.process.stacks import definition_of, is_cancelled, line_of, users_line_of


class Refined(msgspec.Struct, frozen=True):
    """What became of some items: each is either in `kept` or, with a reason to be counted, in `dropped`.

    Those at which a pipeline raised are in `rejected`, too, with what it raised; not if that was to end the crawl.
    `errors` are exceptions of pipelines: where (`PricePipeline.process`), in which line (`file:line`), and what.
    """

    kept: list[Any] = msgspec.field(default_factory=list)
    dropped: list[tuple[Any, str]] = msgspec.field(default_factory=list)
    rejected: list[tuple[Any, str]] = msgspec.field(default_factory=list)
    errors: list[tuple[str, str, BaseException]] = msgspec.field(default_factory=list)
    claims: list[tuple[Unique, list[bytes]]] = msgspec.field(default_factory=list)

    def settle(self) -> None:
        """The items are written: what pipelines remember of them is remembered for good."""
        for unique, claims in self.claims:
            unique.settle(claims)

    def without_items(self) -> "Refined":
        """The same without items: the errors, and what is to be settled, one list a pipeline."""
        merged: dict[int, tuple[Unique, list[bytes]]] = {}
        for unique, claims in self.claims:
            merged.setdefault(id(unique), (unique, []))[1].extend(claims)
        return Refined(errors=self.errors, claims=list(merged.values()))


class Chain:
    """All pipelines of a crawl, open while its context is; `concurrency` batches of items are refined at once.

    Raises `SpiderError` if one of `pipelines` has no method that processes items.
    """

    def __init__(self, pipelines: Iterable[Any], *, spider: object = None, concurrency: int = 16) -> None:
        self._spider = spider
        self._steps = [_Step(each, spider) for each in pipelines]
        self._places = asyncio.Semaphore(concurrency)
        self._opened = AsyncExitStack()

    @property
    def is_empty(self) -> bool:
        """Whether items need not be refined at all."""
        return not self._steps

    async def refine(self, items: Sequence[Any], *, is_again: bool = False) -> Refined:
        """Lead each of `items` through all pipelines; if it comes again, through those alone that remember items."""
        refined = Refined()
        steps = [step for step in self._steps if step.unique is not None] if is_again else self._steps
        async with self._places:
            for item in items:
                await self._refine(item, steps, refined)
        return refined

    def __iter__(self) -> Iterator[object]:
        """The pipelines, in their order."""
        return (step.pipeline for step in self._steps)

    async def _refine(self, item: Any, steps: "Sequence[_Step]", refined: Refined) -> None:
        for step in steps:
            try:
                result = step.process(item)
                if step.unique is not None:
                    refined.claims.append((step.unique, step.unique.take_claims()))
                if inspect.isawaitable(result):
                    result = await result
                if result is not item and result is not None:
                    _check(result, step)
            except DropItem as error:
                refined.dropped.append((item, str(error.reason) or step.name))
                return
            except BaseException as error:
                if is_cancelled(error):
                    raise
                reason, told = _blame(step, error)
                refined.dropped.append((item, reason))
                line = step.line_of(error)
                refined.errors.append((step.where, line, told))
                if not isinstance(told, CloseSpider | CrawlStopped):
                    refined.rejected.append((item, f"{step.where}: {type(told).__name__}: {told} ({line})"))
                return
            if result is None:
                refined.dropped.append((item, step.name))
                return
            item = result
        refined.kept.append(item)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            for step in self._steps:
                await step.open(opening)
            self._opened = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)

    def __repr__(self) -> str:
        return f"<Chain {' → '.join(step.name for step in self._steps) or 'of nothing'}>"


class _Step:
    """A pipeline as the chain uses it, whichever way it is written."""

    def __init__(self, pipeline: Any, spider: object) -> None:
        self.pipeline = pipeline
        self._spider = spider
        self.name = type(pipeline).__name__
        self.unique = pipeline if isinstance(pipeline, Unique) else None
        if isinstance(pipeline, type):
            raise SpiderError(f"the pipeline {pipeline.__name__} is a class: give an object, {pipeline.__name__}()")
        if callable(getattr(pipeline, "process", None)):
            self.where = f"{self.name}.process"
            self.process: Callable[[Any], Any] = pipeline.process
        elif callable(getattr(pipeline, "process_item", None)):
            self.where = f"{self.name}.process_item"
            self.process = _handing(spider, pipeline.process_item, 1)
        else:
            raise SpiderError(f"{pipeline!r:.80} is not a pipeline: it has neither process() nor process_item()")

    def line_of(self, error: BaseException) -> str:
        """The line of the user's that an error which came out of the pipeline is blamed on."""
        kind = type(self.pipeline)
        return users_line_of(error, kind) or definition_of(kind, self.where.rpartition(".")[2])

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the pipeline, and have `stack` close it. Raises `SpiderError` if it raises."""
        pipeline = self.pipeline
        if hasattr(pipeline, "__aenter__") and hasattr(pipeline, "__aexit__"):
            with _blaming(f"{self.name}.__aenter__"):
                await pipeline.__aenter__()
            stack.push_async_exit(self._exit)
        if hasattr(pipeline, "open_spider"):
            await self._tell("open_spider")
        if hasattr(pipeline, "close_spider"):
            stack.push_async_callback(self._tell, "close_spider")

    async def _exit(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _blaming(f"{self.name}.__aexit__"):
            await self.pipeline.__aexit__(kind, error, trace)

    async def _tell(self, method: str) -> None:
        with _blaming(f"{self.name}.{method}"):
            result = _handing(self._spider, getattr(self.pipeline, method), 0)()
            if inspect.isawaitable(result):
                await result


def _handing(spider: object, method: Callable[..., Any], arguments: int) -> Callable[..., Any]:
    """`method`, handed the spider after its other `arguments`, unless it takes no more than those."""
    try:
        inspect.signature(method).bind(*[None] * (arguments + 1))
    except TypeError:
        return method
    return lambda *given: method(*given, spider)


def _check(result: Any, step: _Step) -> None:
    if not is_item(result):
        raise SpiderError(f"{step.where} gave {result!r:.60}: a pipeline returns the item, or None to drop it")


def _blame(step: _Step, error: BaseException) -> tuple[str, BaseException]:
    """Why an item is dropped, and what is handed on, as `error` came out of `step`."""
    match stop_of(error) or error:
        case CloseSpider() | CrawlStopped() as end:
            return str(end.reason) or step.name, end
        case KeyboardInterrupt() | SystemExit() as asked:
            end = end_of(asked, step.where)
            return end.reason, end
    return f"{step.name}: {type(error).__name__}", error


@contextmanager
def _blaming(where: str) -> Iterator[None]:
    """Exceptions of the user's code as `SpiderError`s that name it."""
    try:
        yield
    except ScraperError:
        raise
    except Exception as error:
        raise SpiderError(f"{where}: {type(error).__name__}: {error} ({line_of(error)})") from error
