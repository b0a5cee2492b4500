"""No regular expression of the framework can be made slow by what it reads."""

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterator
from itertools import product

import pytest

import scraper

SIZES = (1_000, 20_000, 200_000)  # what is slow shows at a small size, and ends the test there
FILLINGS = ("a", "<", " ", "=", '"', "(", "\n", "/")
AnyPattern = re.Pattern[str] | re.Pattern[bytes]


def patterns() -> Iterator[tuple[str, AnyPattern, bool]]:
    """Each compiled pattern of a module: its name, and whether the module looks for it at every place of a text."""
    for module in pkgutil.walk_packages(scraper.__path__, "scraper."):
        if module.name.endswith("__main__"):
            continue
        try:
            loaded = importlib.import_module(module.name)
        except ImportError:  # an extra that is not installed
            continue
        for name, value in vars(loaded).items():
            if isinstance(value, re.Pattern):
                used = rf"\b{name}\.(search|findall|finditer|sub|subn|split)\b"
                yield f"{module.name}.{name}", value, bool(re.search(used, inspect.getsource(loaded)))


FOUND = list(patterns())


def test_patterns_are_found() -> None:
    """The patterns that the other test looks at are there."""
    assert len(FOUND) > 20


@pytest.mark.parametrize(("name", "pattern", "is_searched"), FOUND, ids=[each[0] for each in FOUND])
@pytest.mark.usefixtures("no_garbage")
def test_many_of_one_character(name: str, pattern: AnyPattern, is_searched: bool) -> None:
    """200,000 of what makes patterns slow take less than 0.2 seconds, in each of the ways that the pattern is used."""
    ways = [pattern.match, pattern.fullmatch, *([pattern.search] if is_searched else [])]
    for size, filling in product(SIZES, FILLINGS):
        text = filling * size
        subject = text.encode() if isinstance(pattern.pattern, bytes) else text
        for look in ways:
            begun = time.process_time()
            look(subject)  # type: ignore[arg-type]
            took = time.process_time() - begun
            assert took < 0.2, f"{name} took {took:.1f} s for {size} times {filling!r}"
