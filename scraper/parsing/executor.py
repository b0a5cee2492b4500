"""Where callbacks run: `async def` on the event loop, `def` in a thread, in processes, or inline.

The thread is one, so that plain callbacks of a spider never run at the same time. Waking another thread for one
page, and the loop for its results, would cost as much as following the page's links, so both are done in
batches: the thread is sent for when some pages have gathered or the first has waited a moment, works until
none is left, and hands results back when it is through or has been at it for a while.

Processes each have a copy of the spider, made when the crawl starts: what a callback changes on `self` stays
there. What goes over, and what comes back, must survive pickling.
"""

import asyncio
import pickle
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from multiprocessing import get_context
from time import monotonic
from types import TracebackType
from typing import Any, Self

from scraper.errors import SpiderError
from scraper.parsing import callbacks
from scraper.protocols import Results
from scraper.spider import Spider


BATCH = 16  # pages that are handed over at once
PATIENCE = 0.002  # seconds that a page may wait for others to be handed over with
BUSY = 0.01  # seconds that results may wait for others while there is more to do


class Inline:
    """Runs every callback on the event loop: for tests, and for spiders that do next to nothing."""

    def __init__(self, spider: Spider) -> None:
        self._spider = spider
        self._asynchronous: dict[str, bool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def _is_asynchronous(self, name: str) -> bool:
        known = self._asynchronous.get(name)
        if known is None:
            known = callbacks.is_asynchronous(getattr(self._spider, name, callbacks.run))
            self._asynchronous[name] = known
        return known

    async def __call__(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> Results:
        if self._is_asynchronous(callback):
            results, rest = callbacks.run(self._spider, callback, argument, kwargs)
        else:
            results, rest = await self._run(callback, argument, kwargs)
        return results if rest is None else await callbacks.finish(results, rest)

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> tuple[Results, Any]:
        return callbacks.run(self._spider, callback, argument, kwargs)


class Thread(Inline):
    """Runs plain callbacks in one thread, in the order they came."""

    def __init__(self, spider: Spider) -> None:
        super().__init__(spider)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="parse")
        self._jobs: deque[tuple[asyncio.Future[Any], str, Any, dict[str, Any]]] = deque()
        self._done: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_draining = False
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._jobs.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> tuple[Results, Any]:
        future: asyncio.Future[tuple[Results, Any]] = self._loop.create_future()
        self._jobs.append((future, callback, argument, kwargs))
        if not self._is_draining:
            self._consider()
        return await future

    def _consider(self) -> None:
        """Send for the thread if that is worth it: once pages enough have gathered, or a moment has passed."""
        if len(self._jobs) >= BATCH:
            self._begin()
        elif self._timer is None:
            self._timer = self._loop.call_later(PATIENCE, self._begin)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._jobs and not self._is_draining:
            self._is_draining = True
            self._pool.submit(self._drain)

    def _drain(self) -> None:
        """In the thread: run what is queued until nothing is."""
        jobs, done, spider = self._jobs, self._done, self._spider
        due = monotonic() + BUSY
        while jobs:
            try:
                future, callback, argument, kwargs = jobs.popleft()
            except IndexError:  # the crawl was cancelled, and the queue cleared
                break
            done.append((future, callbacks.run(spider, callback, argument, kwargs)))
            if monotonic() >= due:
                self._tell(self._collect)
                due = monotonic() + BUSY
        self._tell(self._rest)

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._jobs.clear()

    def _collect(self) -> None:
        """On the loop: hand out the results that have come."""
        done = self._done
        while done:
            future, outcome = done.popleft()
            if not future.cancelled():
                future.set_result(outcome)

    def _rest(self) -> None:
        """On the loop: the thread has gone back to its pool; call it again if more has come meanwhile."""
        self._collect()
        self._is_draining = False
        if self._jobs:
            self._consider()


class Processes(Inline):
    """Runs plain callbacks in a pool of processes, for spiders whose callbacks compute a lot."""

    def __init__(self, spider: Spider, workers: int) -> None:
        super().__init__(spider)
        self._workers = workers
        self._pool: Executor | None = None

    async def __aenter__(self) -> Self:
        self._pool = self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)

    def _start(self) -> Executor:
        module = sys.modules[type(self._spider).__module__]
        try:
            copy = pickle.dumps(self._spider)
        except Exception as error:
            raise SpiderError(
                f"{type(self._spider).__name__} cannot be copied to the parse processes ({error}): "
                'keep what cannot be pickled out of self, or use [parsing] executor = "thread"'
            ) from None
        place = (module.__name__, getattr(module, "__file__", None), list(sys.path), copy)
        return ProcessPoolExecutor(self._workers, get_context("spawn"), _become, place)

    async def _run(self, callback: str, argument: Any, kwargs: dict[str, Any]) -> tuple[Results, Any]:
        assert self._pool is not None
        pool = self._pool
        results = Results(where=callbacks.where(self._spider, callback))
        try:
            message = await asyncio.to_thread(pickle.dumps, (callback, argument, kwargs))
            answer = await asyncio.get_running_loop().run_in_executor(pool, partial(_run_here, message))
            return pickle.loads(answer), None  # noqa: S301 -- from our own child process
        except BrokenProcessPool:
            if pool is self._pool:
                self._pool = self._start()
            results.error = SpiderError(f"{results.where} ended its parse process (a crash, or no memory left)")
        except Exception as error:
            results.error = SpiderError(f"{results.where}: its page cannot be sent to a parse process: {error}")
        return results, None


_spider: Spider | None = None


def _become(module: str, file: str | None, path: list[str], copy: bytes) -> None:
    """In a new process: load the spider's module and its copy."""
    global _spider  # noqa: PLW0603 -- a process of a pool has no other place of its own
    sys.path[:] = path
    if file is not None and module not in sys.modules and module != "__main__":
        spec = spec_from_file_location(module, file)
        if spec is not None and spec.loader is not None:
            sys.modules[module] = loaded = module_from_spec(spec)
            spec.loader.exec_module(loaded)
    _spider = pickle.loads(copy)  # noqa: S301 -- from our own parent process


def _run_here(message: bytes) -> bytes:
    """In a parse process: run a callback; its results as bytes, or an error that names what cannot be sent."""
    assert _spider is not None
    callback, argument, kwargs = pickle.loads(message)  # noqa: S301 -- from our own parent process
    results, rest = callbacks.run(_spider, callback, argument, kwargs)
    if rest is not None:
        rest.close()
        results.error = SpiderError(f"{results.where} is a plain function that returned a coroutine: make it `async def`")
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
