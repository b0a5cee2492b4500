"""JMESPath over JSON, by the library of that name (extra `jmespath`)."""

from functools import lru_cache
from typing import Any

from scraper.errors import SettingsError
from scraper.markup.selectors.query import SelectorError


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Any:
    try:
        import jmespath
    except ImportError:
        raise SettingsError("jmespath() needs the library jmespath: pip install 'scraper[jmespath]'") from None
    try:
        return jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        raise SelectorError(f"the JMESPath expression {expression!r} is not understood: {error}") from None


def search(expression: str, data: object) -> Any:
    """What `expression` finds in `data`. Raises `SelectorError` for an expression that is not understood."""
    return _compiled(expression).search(data)
