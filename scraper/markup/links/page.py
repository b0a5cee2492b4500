"""What reading a page's links and forms needs of a response, which stands above this room."""

from typing import Any, Protocol

from scraper.markup.selectors.selector import Selector, SelectorList


class Page(Protocol):
    """A parsed page and where it is from, as `scraper.http.response.Response` has it."""

    url: str

    @property
    def selector(self) -> Selector:
        """The page's root."""
        ...

    @property
    def base_url(self) -> str:
        """What relative references start from."""
        ...

    @property
    def encoding(self) -> str:
        """The Python codec that the page was read with."""
        ...

    def css(self, query: str) -> SelectorList:
        """What a CSS selector finds."""
        ...

    def xpath(self, query: str, **variables: Any) -> SelectorList:
        """What an XPath expression finds."""
        ...
