"""The source of a spider: digests of the modules that its user wrote, by which a job notices that one has changed.

These are the modules of the spider's class, of its base classes, and of every class, function and module that stands
in one of them: its items, its pipelines, what they have in common with other spiders. What is installed is not read.
"""

import inspect
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import FunctionType, ModuleType

from scraper.process.stacks import is_library
from scraper.spider import Spider


def digest_of(spider: type[Spider]) -> str:
    """A digest of the file that the spider's class is from; empty if there is none."""
    try:
        return _digest(inspect.getsourcefile(spider))
    except (OSError, TypeError):  # typed at a prompt
        return ""


def digests_beside(spider: type[Spider]) -> dict[str, str]:
    """Digests of the other modules that the class uses, by their names."""
    found: dict[str, str] = {}
    seen, ahead = {spider.__module__}, [*_used_by(spider.__module__), *(each.__module__ for each in spider.__mro__)]
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str) and not is_library(file) and (digest := _digest(file)):
            found[name] = digest
            ahead += _used_by(name)
    return dict(sorted(found.items()))


def _used_by(module: str) -> Iterator[str]:
    """The names of modules that what stands in `module` is from."""
    for value in list(vars(sys.modules[module]).values()) if module in sys.modules else ():
        if isinstance(value, ModuleType):
            yield value.__name__
        elif isinstance(value, type | FunctionType):
            yield value.__module__


def _digest(file: str | None) -> str:
    try:
        return blake2b(Path(file).read_bytes(), digest_size=8).hexdigest() if file is not None else ""
    except OSError:
        return ""
