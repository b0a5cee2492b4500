"""A callback that makes requests or items and gives none has probably lost a `yield`; the log says so, once."""

import dis
import inspect
import weakref
from types import CodeType

from scraper.process.stacks import definition_of
from scraper.spider import Spider

MAKERS = frozenset(
    ("follow", "follow_all", "Request", "FormRequest", "JsonRequest", "extract", "extract_all", "submit")
)
"""Names of what makes requests and items, which is of no use unless it is given."""

_SEEN: "weakref.WeakKeyDictionary[Spider, set[str]]" = weakref.WeakKeyDictionary()


def warn_of_nothing(spider: Spider, name: str) -> None:
    """Warn if the callback `name`, which has given nothing, makes requests or items and can give none of them."""
    seen = _SEEN.setdefault(spider, set())
    if name in seen:
        return
    seen.add(name)
    code = getattr(inspect.unwrap(getattr(spider, name)), "__code__", None)
    if not isinstance(code, CodeType) or _returns_something(code):
        return
    if made := sorted(MAKERS.intersection(code.co_names)):
        callback = f"{type(spider).__name__}.{name}"
        place = definition_of(type(spider), name)
        text = "%s (%s) uses %s() and gives nothing: is a `yield` missing?"
        spider.logger.warning(text, callback, place, "(), ".join(made))


def _returns_something(code: CodeType) -> bool:
    """Whether a function has a `return` with a value."""
    last = None
    for each in dis.get_instructions(code):
        if each.opname == "RETURN_CONST" and each.argval is not None:
            return True
        is_none = last is not None and last.opname == "LOAD_CONST" and last.argval is None
        if each.opname == "RETURN_VALUE" and not is_none:
            return True
        last = each
    return False
