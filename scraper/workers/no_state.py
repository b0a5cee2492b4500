"""`self.state` in a worker process: there is none, and who asks for it is told so."""

from typing import Any, NoReturn

from scraper.errors import SpiderError


def _refuse(*_: Any) -> NoReturn:
    raise SpiderError(
        "self.state is kept by the crawl's own process, and this callback runs in a worker: "
        "set [engine] processes = 1, or pass values in meta"
    )


class NoState:
    """Takes nothing and gives nothing. Each use of it raises `SpiderError`."""

    __slots__ = ()

    __getitem__ = __setitem__ = __delitem__ = __contains__ = __iter__ = __len__ = __or__ = __ior__ = _refuse

    def __getattr__(self, name: str) -> Any:
        _refuse()

    def __repr__(self) -> str:
        return "<NoState>"
