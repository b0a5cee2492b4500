"""The life of a crawl's spider: made with its arguments, alive as long as the crawl, and called when that ends."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any

from scraper.errors import ScraperError, SpiderError
from scraper.process.exits import end_of
from scraper.process.stacks import line_of
from scraper.spider import Spider


def make_spider(spider: Spider | type[Spider], arguments: Mapping[str, Any]) -> Spider:
    """A spider with `arguments`: `spider` itself if it is made already.

    Raises `SpiderError` if it cannot be made, or has no name.
    """
    if isinstance(spider, Spider):
        made = spider
        for name, value in arguments.items():
            setattr(made, name, value)
    elif isinstance(spider, type) and issubclass(spider, Spider):
        try:
            made = spider(**arguments)
        except ScraperError:
            raise
        except Exception as error:
            text = f"{spider.__name__} cannot be made: {type(error).__name__}: {error}"
            raise SpiderError(f"{text} ({line_of(error)})") from error
    else:
        raise SpiderError(f"{spider!r} is not a spider: pass a Spider class or an instance of one")
    if not made.name:
        raise SpiderError(f'{type(made).__name__} has no name: give it one, name = "…"')
    return made


def with_start(spider: type[Spider], start: Callable[[Spider], Any], **others: Any) -> type[Spider]:
    """The class `spider` with another `start()`, and with the attributes `others`."""
    attributes = {"__module__": spider.__module__, "__doc__": spider.__doc__, **others, "start": start}
    return type(spider.__name__, (spider,), attributes)


def arguments_of(spider: Spider) -> dict[str, Any]:
    """A spider's arguments, by name: they may stand in the path of a sink."""
    declared = {name for kind in type(spider).__mro__ for name in getattr(kind, "__annotations__", {})}
    names = (declared | vars(spider).keys()) - Spider.__annotations__.keys()
    return {name: getattr(spider, name) for name in names if not name.startswith("_") and hasattr(spider, name)}


@asynccontextmanager
async def lifespan(spider: Spider) -> AsyncIterator[None]:
    """The spider's `lifespan()`. Raises `SpiderError`, naming the line, if its own code raises."""
    raised: BaseException | None = None
    try:
        async with spider.lifespan():
            try:
                yield
            except BaseException as error:
                raised = error
                raise
    except ScraperError:
        raise
    except Exception as error:
        if error is raised:
            raise
        raise blame(f"{type(spider).__name__}.lifespan", error) from error


async def call_closed(spider: Spider, reason: str) -> Exception | None:
    """Call the spider's `closed(reason)`; what it raised, if it did, which is a `SpiderExit` for `sys.exit()`."""
    try:
        outcome = spider.closed(reason)
        if isawaitable(outcome):
            await outcome
    except SystemExit as error:
        return end_of(error, f"{type(spider).__name__}.closed")
    except Exception as error:
        return error
    return None


def blame(method: str, error: Exception) -> SpiderError:
    """What to raise if a spider's `method` (`Books.start`) raises `error`; it names the line."""
    return SpiderError(f"{method} raised {type(error).__name__}: {error} ({line_of(error)})")
