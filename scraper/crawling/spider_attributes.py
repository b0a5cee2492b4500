"""The attributes of a spider's class that are probably misspelt: `allowed_domain` would let a crawl go anywhere.

An attribute without an annotation is a mistake if its name is nearly that of one that means something, nothing in the
class's code mentions it, and no base class of ours has it. With an annotation it is an argument, and may have any name.
"""

import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from types import CodeType
from typing import Any

from scraper.errors import SpiderError
from scraper.spider import Spider

CLOSE = 0.8  # how like a known name a misspelt one is: `start_url` and `start_urls` are 0.95 alike
SHORT = frozenset(("name", "state", "logger"))  # which many an honest name is like


def check_attributes(kind: type[Spider]) -> None:
    """Raises `SpiderError` for an attribute that is probably misspelt, with the name that was meant."""
    own = [each for each in kind.__mro__ if each.__module__.partition(".")[0] != "scraper" and each is not object]
    ours = [each for each in kind.__mro__ if each not in own and each is not object]
    known = {name for each in ours for name in (*vars(each), *inspect.get_annotations(each))}
    known = {name for name in known if name not in SHORT and not name.startswith("_")}
    known = {name for name in known if not callable(getattr(Spider, name, None))}
    mentioned = {name for each in own for value in vars(each).values() for name in _names(value)}
    for each in own:
        declared = inspect.get_annotations(each)
        for name, value in vars(each).items():
            is_data = not name.startswith("_") and not callable(value) and not hasattr(value, "__get__")
            if not is_data or name in known or name in declared or name in mentioned:
                continue
            if meant := get_close_matches(name, sorted(known), n=1, cutoff=CLOSE):
                raise SpiderError(
                    f"spider {kind.name!r}: {each.__name__}.{name} means nothing; did you mean {meant[0]}? "
                    f"(an argument of that name is declared with its type: {name}: str = …)"
                )


def _names(value: Any) -> Iterator[str]:
    """The names and texts in a method's code, and in what is defined in it."""
    code = getattr(getattr(value, "__func__", getattr(value, "fget", value)), "__code__", None)
    waiting = [code] if isinstance(code, CodeType) else []
    while waiting:
        here = waiting.pop()
        yield from here.co_names
        yield from (each for each in here.co_consts if isinstance(each, str))
        waiting += [each for each in here.co_consts if isinstance(each, CodeType)]
