"""Running a callback of the spider, and sorting what it gives into items and requests.

A callback may return nothing, one item or request, an iterable of them, or be a generator, a coroutine or an
asynchronous generator. What it gave before it raised, or gave too much, is kept. So is what it gives besides things
that are neither items nor requests: each of these is a fault, and the callback goes on. An item is copied as it is
given, since a callback may fill one record again and again. `yield from response.follow_all(…)` is taken as the bunch
of links that it is: most were seen before, and no request need be made of those.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from itertools import chain, islice
from types import GeneratorType
from typing import Any

from msgspec.structs import replace

from scraper.errors import CloseSpider, SpiderError
from scraper.http.request import Links, Request
from scraper.http.response import Response
from scraper.items.copies import copied
from scraper.items.item_types import SIGHTINGS, is_item
from scraper.parsing.missing_yield import warn_of_nothing
from scraper.process.crash_marks import NO_MARKS, NoMarks
from scraper.process.exits import end_of, stop_of
from scraper.process.running_callback import count_yielded, running_callback, taker
from scraper.process.stacks import definition_of, is_cancelled, line_at, line_of, users_line_of
from scraper.protocols import Fault, Results
from scraper.spider import Spider

FEW = 1_000  # requests of a page that are kept as they are
URL = 60  # bytes that a text takes besides its characters
TURN = 256  # of them that an asynchronous generator gives before others have their turn, though it awaits nothing


def is_asynchronous(callback: Callable[..., Any]) -> bool:
    """Whether `callback` is an `async def`, which runs on the event loop."""
    return inspect.iscoroutinefunction(callback) or inspect.isasyncgenfunction(callback)


def is_asynchronous_generator(spider: Spider, name: str) -> bool:
    """Whether the spider's method `name` is an `async def` that yields, perhaps behind a decorator."""
    return inspect.isasyncgenfunction(inspect.unwrap(getattr(spider, name, run)))


def find(spider: Spider, name: str) -> Callable[..., Any]:
    """The spider's method `name`. Raises `SpiderError` if it has none."""
    callback: Callable[..., Any] | None = getattr(spider, name, None)
    if callback is None:
        raise SpiderError(f"{type(spider).__name__} has no method {name!r} to be called back")
    return callback


def run(
    spider: Spider, name: str, argument: Any, kwargs: dict[str, Any], *, most: int, marks: NoMarks = NO_MARKS
) -> tuple[Results, Any]:
    """Run the plain callback `name`. What is asynchronous of its outcome is returned for `finish` to await.

    One that gives more than `most` items and requests has failed, and is not asked for more.
    """
    results = Results(where=where(spider, name))
    outcome: Any = None
    place, token = marks.begin(argument.request), SIGHTINGS.set(results.sightings)
    try:
        outcome = find(spider, name)(argument, **kwargs)
        if inspect.isawaitable(outcome) or isinstance(outcome, AsyncIterator):
            return results, outcome
        if outcome is None:
            warn_of_nothing(spider, name)
        _collect(outcome, results, most)
    except (KeyboardInterrupt, SystemExit) as error:
        results.error = end_of(error, results.where)
        results.line = line_of(error)
    except BaseException as error:  # whatever a callback raises is its own end, not that of the thread
        results.error = error
        results.line = users_line_of(error, type(spider))
    finally:
        SIGHTINGS.reset(token)
        marks.end(place)
    if results.error is not None or results.faults:
        _locate(results, definition_of(type(spider), name))
    _settle(results)
    del outcome
    if isinstance(argument, Response):
        argument.forget()  # here, in the thread that parsed it, before the next page is
    return results, None


async def finish(
    spider: Spider,
    results: Results,
    outcome: Awaitable[Any] | AsyncIterator[Any],
    request: Request,
    *,
    most: int,
    marks: NoMarks = NO_MARKS,
) -> Results:
    """Await what `run` left of the callback of `spider` for `request`, adding to its results."""
    token = SIGHTINGS.set(results.sightings)
    try:
        if isinstance(outcome, AsyncIterator):
            async with _closing(outcome):
                await marks.step(_gather(outcome, results, most), request)
        else:
            given = await marks.step(outcome, request)
            if given is None:
                warn_of_nothing(spider, results.where.rpartition(".")[2])
            _collect(given, results, most)
    except (KeyboardInterrupt, SystemExit) as error:
        results.error = end_of(error, results.where)
        results.line = line_of(error)
    except BaseException as error:
        if is_cancelled(error):
            raise
        results.error = stop_of(error) or error
        results.line = users_line_of(error, type(spider))
    finally:
        SIGHTINGS.reset(token)
    if results.error is not None or results.faults:
        _locate(results, definition_of(type(spider), results.where.rpartition(".")[2]))
    _settle(results)
    return results


async def _gather(outcome: AsyncIterator[Any], results: Results, most: int) -> None:
    """Sort what an asynchronous generator yields, until it ends or has given the last item that is wanted.

    If there is somebody who takes the items while it runs, `results` has those in the end that were not taken.
    """
    given, items, is_last, takes = 0, results.items, count_yielded.get(), taker.get()
    async for each in outcome:
        if given == most:
            raise _too_many(results, most)
        known = len(items)
        _sort(each, results, outcome)
        if is_last is not None and len(items) > known and is_last():
            return
        if takes is not None and len(items) >= takes.due and (taking := takes.take(items)) is not None:
            await _hold_up(taking)
        given += 1
        if given % TURN == 0:
            await asyncio.sleep(0)


async def _hold_up(others: Awaitable[None]) -> None:
    """Wait for `others`, which does not count as the callback's time."""
    running = running_callback.get()
    with running.held_up() if running is not None else nullcontext():
        await others


def _closing(outcome: AsyncIterator[Any]) -> AbstractAsyncContextManager[Any]:
    """Closes an asynchronous generator that is left early."""
    return aclosing(outcome) if isinstance(outcome, AsyncGenerator) else nullcontext()


def _collect(outcome: Any, results: Results, most: int) -> None:
    """Sort what a callback returned, or yields."""
    if outcome is None:
        return
    if isinstance(outcome, GeneratorType):
        _drain(outcome, results, most)
    elif isinstance(outcome, Links):
        results.requests.append(outcome.rest())
    elif isinstance(outcome, Request) or is_item(outcome):
        _sort(outcome, results)
    elif isinstance(outcome, Iterable) and not isinstance(outcome, str | bytes):
        iterator = iter(outcome)
        for each in islice(iterator, most):
            _sort(each, results)
        _check_end(iterator, results, most)
    else:
        _sort(outcome, results)


def _drain(generator: Iterator[Any], results: Results, most: int) -> None:
    """Exhaust a generator. While it delegates to `Links`, the rest of those comes at once."""
    requests = results.requests
    keep = requests.append
    for start in range(0, most, FEW):
        known = len(requests)
        for each in islice(generator, min(FEW, most - start)):
            if type(each) is Request:
                keep(each)
            else:
                _sort(each, results, generator)
            delegate = generator.gi_yieldfrom  # type: ignore[attr-defined]
            while isinstance(delegate, GeneratorType):
                delegate = delegate.gi_yieldfrom
            if type(delegate) is Links:
                keep(delegate.rest())
        if generator.gi_frame is None:  # type: ignore[attr-defined]  # it has ended
            return
        requests[known:] = bunched(requests[known:])
    _check_end(generator, results, most)


def _settle(results: Results) -> None:
    """Bunch the requests of a page if they are many, and weigh them: a URL takes a fifth of what a request takes."""
    requests = results.requests
    if len(requests) > FEW:
        requests = results.requests = bunched(requests)
    elif Links not in map(type, requests):
        return
    bunches = [each.urls if isinstance(each, Links) else (each.url,) for each in requests]
    if (number := sum(map(len, bunches))) > FEW:
        results.weight = sum(map(len, chain.from_iterable(bunches))) + URL * number


def bunched(requests: Sequence[Request | Links]) -> list[Request | Links]:
    """The same requests, in order: those that differ from the one before in their URL alone as `Links`."""
    found: list[Request | Links] = []
    model: Request | None = None
    urls: list[str] = []
    for each in requests:
        if model is not None and type(each) is Request and model.at(each.url) == each:
            urls.append(each.url)
        elif type(each) is Request and not (each.meta or each.cb_kwargs):  # which may hold what cannot be compared
            model, urls = each, [each.url]
            found.append(Links(each, urls))
        else:
            model = None
            found.append(each)
    return found


def _check_end(iterator: Iterator[Any], results: Results, most: int) -> None:
    """Raises `SpiderError` if an iterator that has given so much has more to give."""
    for _ in iterator:
        raise _too_many(results, most)


def _too_many(results: Results, most: int) -> SpiderError:
    return SpiderError(f"{results.where} gave more than [parsing] max_results = {most:,} items and requests for a page")


def _sort(each: Any, results: Results, source: object = None) -> None:
    """Put one thing that a callback gave, from where its generator `source` has stopped, where it belongs."""
    if isinstance(each, Request):
        results.requests.append(each)
    elif type(each) is dict:
        results.items.append(each.copy())
    elif isinstance(each, Links):
        results.requests.append(each.rest())
    elif is_item(each):
        _keep(each, results, source)
    elif each is not None:
        if inspect.iscoroutine(each):
            each.close()
        _find_fault(
            results,
            source,
            f"gave {_article(type(each).__name__)} ({each!r:.60}): a callback gives items (dict, "
            "dataclass, attrs, pydantic or msgspec objects) and requests",
        )


def _keep(item: Any, results: Results, source: object) -> None:
    """Take an item as it is now."""
    try:
        results.items.append(copied(item))
    except Exception as error:  # a class may have a say in how it is copied
        name = _article(type(item).__name__)
        _find_fault(results, source, f"gave {name} that cannot be copied: {type(error).__name__}: {error}")


def _find_fault(results: Results, source: object, text: str) -> None:
    results.faults.append(Fault(SpiderError(f"{results.where} {text}"), line_at(source)))


def _locate(results: Results, definition: str) -> None:
    """Blame the callback as a whole, which stands at `definition`, where no line of it can be told."""
    results.faults = [each if each.line else replace(each, line=definition) for each in results.faults]
    if results.error is not None and not isinstance(results.error, CloseSpider):
        results.line = results.line or definition


def where(spider: Spider, name: str) -> str:
    """How a callback is called in messages: `BooksSpider.parse`."""
    return f"{type(spider).__name__}.{name}"


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
