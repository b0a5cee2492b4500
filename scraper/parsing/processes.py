"""Plain callbacks in a pool of processes, for spiders whose callbacks compute a lot.

Each process has a copy of the spider, made when the crawl starts: what a callback changes on `self` stays there.
What goes over, and what comes back, must survive pickling.

When a process dies, all that its pool was doing is lost and nobody can say which page it was. So those pages are
tried again one after the other in a process apart; the one that kills this one as well is the one.
"""

import asyncio
import pickle
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self, TypeVar

from scraper import urls
from scraper.errors import FetchError, Reason, SpiderError
from scraper.parsing import callbacks
from scraper.parsing.deadline import Overdue, alarm
from scraper.parsing.deadline import error as overdue
from scraper.parsing.executor import Inline, Outcome
from scraper.parsing.hard_pages import HardPages, is_hard
from scraper.process.crash_marks import NO_MARKS, NoMarks
from scraper.process.signals import unheard
from scraper.protocols import Results
from scraper.spider import Spider
from scraper.urls import without_credentials

_T = TypeVar("_T")


class Processes(Inline):
    """Runs plain callbacks in `workers` processes.

    Entering it raises `SpiderError` if the spider cannot be copied to them.
    """

    def __init__(
        self,
        spider: Spider,
        workers: int,
        *,
        timeout: float | None = None,
        most: int = sys.maxsize,
        marks: NoMarks = NO_MARKS,
        hard: HardPages | None = None,
    ) -> None:
        super().__init__(spider, timeout=timeout, most=most, marks=marks, hard=hard)
        self._workers = workers
        self._alone = asyncio.Semaphore(1)

    async def __aenter__(self) -> Self:
        self._copy = self._pickled()
        self._pool = self._start(self._workers)
        self._ward: ProcessPoolExecutor | None = None
        try:
            begun = await asyncio.to_thread(self._pool.submit, _failure_to_load)  # starting a process takes a while
            failure = await _outcome(begun)
        except BrokenProcessPool:
            failure = "it ended the process"
        except BaseException:
            await self._end(is_hurried=True)
            raise
        if failure:
            await self._end(is_hurried=True)
            raise SpiderError(f"{type(self._spider).__name__} cannot be loaded in a parse process: {failure}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end(is_hurried=kind is not None)

    async def _end(self, is_hurried: bool) -> None:
        for pool in (self._pool, self._ward):
            if pool is None:
                continue
            if is_hurried:
                for process in list((getattr(pool, "_processes", None) or {}).values()):
                    process.kill()
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)

    def _pickled(self) -> bytes:
        try:
            return pickle.dumps(self._spider)
        except Exception as error:
            raise SpiderError(
                f"{type(self._spider).__name__} cannot be copied to the parse processes ({error}): "
                'keep what cannot be pickled out of self, or use [parsing] executor = "thread"'
            ) from None

    def _start(self, workers: int) -> ProcessPoolExecutor:
        module = sys.modules[type(self._spider).__module__]
        place = (
            module.__name__,
            getattr(module, "__file__", None),
            list(sys.path),
            self._copy,
            self._timeout,
            self._most,
        )
        with unheard():  # multiprocessing begins to keep its books, in a process of its own
            return _Pool(workers, get_context("spawn"), _become, place)

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Outcome:
        outcome = await self._sent(callback, argument, kwargs)
        if outcome is not None:
            return outcome, None
        site = urls.site(argument.request.url)
        with self._hard.aside(site, len(argument.body)):
            async with self._hard.runs.turn(site):  # so that hard pages have no more than one of the processes
                outcome = await self._sent(callback, argument, kwargs, may_be_long=True)
        assert outcome is not None
        return outcome, None

    async def _sent(
        self, callback: str, argument: Any, kwargs: dict[str, Any], *, may_be_long: bool = False
    ) -> Results | None:
        """What came of a callback in one of the processes; None if its page is hard, and has to wait for its turn."""
        results = Results(where=callbacks.where(self._spider, callback))
        try:
            message = await asyncio.to_thread(pickle.dumps, (callback, argument, kwargs, may_be_long))
        except Exception as error:
            results.error = SpiderError(f"{results.where}: its page cannot be sent to a parse process: {error}")
            return results
        try:
            outcome: Results | None = pickle.loads(await self._answer(message))  # noqa: S301 -- from our own child
            return outcome
        except BrokenProcessPool:
            detail = f"{results.where} ended its parse process twice (a crash, or no memory left)"
            results.error = FetchError(Reason.QUARANTINED, without_credentials(argument.request.url), detail)
        except Exception as error:
            results.error = SpiderError(f"{results.where}: what it gave cannot be read from its parse process: {error}")
        return results

    async def _answer(self, message: bytes) -> bytes:
        pool = self._pool
        try:
            return await _outcome(pool.submit(_run_here, message))
        except BrokenProcessPool:
            if pool is self._pool:
                self._pool = self._start(self._workers)
                pool.shutdown(wait=False)
        async with self._alone:
            ward = self._ward = self._ward or self._start(1)
            try:
                return await _outcome(ward.submit(_run_here, message))
            except BrokenProcessPool:
                self._ward = None
                ward.shutdown(wait=False)
                raise


class _Pool(ProcessPoolExecutor):
    """Starts its processes, when there is work for one more, so that they hear no terminal."""

    def submit(self, function: Callable[..., _T], /, *arguments: Any, **named: Any) -> Future[_T]:
        with unheard():
            return super().submit(function, *arguments, **named)


async def _outcome(future: Future[_T]) -> _T:
    """What `future` of a pool comes to. It is not cancelled with whoever waits: a pool that breaks cannot bear that."""
    outcome = asyncio.wrap_future(future)
    outcome.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.shield(outcome)


# In a parse process.

_spider: Spider | None = None
_failure: str = ""
_timeout: float | None = None
_most: int = sys.maxsize


def _become(module: str, file: str | None, path: list[str], copy: bytes, timeout: float | None, most: int) -> None:
    """In a new process: load the spider's module and its copy. Ctrl-C is the parent's to hear, on Windows as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    global _spider, _failure, _timeout, _most  # noqa: PLW0603 -- a process of a pool has no other place of its own
    sys.path[:] = path
    _timeout, _most = timeout, most
    try:
        if file is not None and module not in sys.modules and module != "__main__":
            _load(module, file)
        _spider = pickle.loads(copy)  # noqa: S301 -- from our own parent process
    except Exception as error:
        _failure = f"{type(error).__name__}: {error}"


def _load(module: str, file: str) -> None:
    """Import `module`, or, where that name means nothing here or another file, the file under that name."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.origin == file:
        import_module(module)
        return
    spec = spec_from_file_location(module, file)
    if spec is not None and spec.loader is not None:
        sys.modules[module] = loaded = module_from_spec(spec)
        spec.loader.exec_module(loaded)


def _failure_to_load() -> str:
    """Why the spider could not be loaded, or ""."""
    return _failure


def _run_here(message: bytes) -> bytes:
    """Run a callback; its results as bytes, or an error that names what cannot be sent.

    None in place of them for a page that is hard, unless it may be.
    """
    if _spider is None:
        raise SpiderError(_failure)
    callback, argument, kwargs, may_be_long = pickle.loads(message)  # noqa: S301 -- from our own parent process
    if not may_be_long and is_hard(argument):
        return pickle.dumps(None)
    results, rest = Results(where=callbacks.where(_spider, callback), error=Overdue()), None
    with suppress(Overdue), alarm(_timeout):
        results, rest = callbacks.run(_spider, callback, argument, kwargs, most=_most)
    if isinstance(results.error, Overdue):
        results.error = overdue(results.where, _timeout)
    if rest is not None:
        if hasattr(rest, "close"):
            rest.close()
        results.error = SpiderError(
            f"{results.where} is a plain function that returned a coroutine: make it `async def`"
        )
    if results.error is not None and not isinstance(results.error, SpiderError):
        try:
            pickle.loads(pickle.dumps(results.error))  # noqa: S301 -- our own bytes
        except Exception:
            results.error = SpiderError(f"{type(results.error).__name__}: {results.error}")
    try:
        return pickle.dumps(results)
    except Exception as error:
        failed = SpiderError(f"{results.where} gave what cannot be sent back from a parse process: {error}")
        return pickle.dumps(Results(error=failed, where=results.where, line=results.line))
