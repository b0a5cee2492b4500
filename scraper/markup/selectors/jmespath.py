"""JSON, and what JMESPath finds in it, by the library of that name (extra `jmespath`)."""

from functools import lru_cache
from typing import Any, Literal

from selectolax.lexbor import LexborNode

from scraper.errors import SettingsError
from scraper.markup.document.tree import parse
from scraper.markup.selectors.css_parser import SelectorError, shortened
from scraper.markup.selectors.matching import Taken, taken
from scraper.markup.selectors.mirror import Found, evaluate
from scraper.markup.selectors.query import compile_exactly
from scraper.markup.structured_data import lenient_json


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Any:
    try:
        import jmespath
    except ImportError:
        raise SettingsError("jmespath() needs the library jmespath: pip install 'scraper[jmespath]'") from None
    try:
        return jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        raise SelectorError(f"the JMESPath expression {shortened(expression)} is not understood: {error}") from None


def search(expression: str, data: object, options: Any = None) -> Any:
    """What `expression` finds in `data`; `options` are `jmespath.Options`, with functions of the caller, say.

    Raises `SelectorError` for an expression that is not understood, or calls a function with what it does not take.
    """
    if not isinstance(expression, str):
        raise SelectorError(f"a JMESPath expression is a text, not {shortened(expression)}")
    compiled = _compiled(expression)
    from jmespath.exceptions import JMESPathError

    try:
        return compiled.search(data, options)
    except JMESPathError as error:
        raise SelectorError(f"the JMESPath expression {shortened(expression)} is not answered: {error}") from None


class Data:
    """Data read from JSON, or a text that is part of no page; selectors that stand there ask it.

    `value` is the data. A text (`kind` is "text") is read as HTML if it is asked by `css()` or `xpath()`.
    """

    __slots__ = ("kind", "value")

    def __init__(self, value: Any, kind: Literal["json", "text"] | None = None) -> None:
        self.value = value
        self.kind: Literal["json", "text"] = kind or ("text" if isinstance(value, str) else "json")

    def css(self, query: str) -> list[Taken]:
        """What the CSS selector `query` finds in the text. Raises `SelectorError` if it is data."""
        page = self._page("css")
        return list(taken(page, compile_exactly(query)))

    def xpath(self, query: str, variables: dict[str, Any]) -> list[Found]:
        """What the XPath expression `query` finds in the text. Raises `SelectorError` if it is data."""
        return evaluate(self._page("xpath"), query, variables)

    def _page(self, method: str) -> LexborNode:
        if self.kind == "json":
            raise SelectorError(f"{method}() cannot be asked of data, {self.value!r:.80}: jmespath() can")
        return parse(self.value)

    def get(self) -> Any:
        """The data itself."""
        return self.value

    @property
    def text(self) -> str:
        """The data as text, with white space folded; "" for null."""
        return "" if self.value is None else " ".join(str(self.value).split())

    @property
    def attrib(self) -> dict[str, str]:
        """Nothing: data has no attributes."""
        return {}

    @property
    def reference(self) -> str | None:
        """A text is its own reference."""
        return self.value if isinstance(self.value, str) else None

    def json(self) -> Any:
        """The data, or what a text is as JSON. Raises `ValueError` if it is not JSON."""
        return lenient_json.read(self.value) if self.kind == "text" else self.value
