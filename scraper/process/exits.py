"""What ends code of a spider early: `sys.exit()`, which ends the crawl in good order, and the stop of the crawl."""

from typing import Any

from scraper.errors import CloseSpider, CrawlStopped


class SpiderExit(CloseSpider):
    """Code of the spider asked for the end of the process: `status` and `words` are what `sys.exit()` was given."""

    def __init__(self, reason: str, status: int, words: str) -> None:
        super().__init__(reason)
        self.status = status
        self.words = words

    def __reduce__(self) -> Any:
        return SpiderExit, (self.reason, self.status, self.words)


def end_of(error: KeyboardInterrupt | SystemExit, where: str) -> CloseSpider:
    """What ends the crawl, as `where` (`Books.parse`) raised `error`."""
    reason = f"{type(error).__name__} in {where}"
    if not isinstance(error, SystemExit):
        return CloseSpider(reason)
    match error.code:
        case None:
            return SpiderExit(reason, 0, "")
        case int(status) if status == 0 or status % 256:
            return SpiderExit(reason, int(status), "")
        case int(status):  # of which the system keeps the last eight bits, and these say that all is well
            return SpiderExit(reason, 1, f"status {status}")
        case words:
            return SpiderExit(reason, 1, str(words))


def stop_of(error: BaseException) -> CrawlStopped | None:
    """The `CrawlStopped` that `error` is, or that a task group has put into it."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(stop_of, error.exceptions)), None)
    return error if isinstance(error, CrawlStopped) else None
