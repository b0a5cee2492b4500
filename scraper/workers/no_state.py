"""`self.state` where several processes run the callbacks: there is none, and who asks for it is told so."""

from typing import Any, NoReturn

from scraper.errors import SpiderError

IN_WORKER = (
    "self.state is kept by the crawl's own process, and this callback runs in a worker: "
    "set [engine] processes = 1, or pass values in meta"
)


def _refuse(state: Any, *_: Any) -> NoReturn:
    raise SpiderError(object.__getattribute__(state, "reason"))


class NoState:
    """Takes nothing and gives nothing. Each use of it raises `SpiderError`, with the reason."""

    __slots__ = ("reason",)

    def __init__(self, reason: str = IN_WORKER) -> None:
        self.reason = reason

    __getitem__ = __setitem__ = __delitem__ = __contains__ = __iter__ = __len__ = __or__ = __ior__ = _refuse

    def __getattr__(self, name: str) -> Any:
        _refuse(self)

    def __repr__(self) -> str:
        return "<NoState>"
