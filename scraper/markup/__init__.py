"""What a page says: its characters, its elements, its links. Pure functions of bytes and text."""

from scraper.markup.selectors.query import SelectorError
from scraper.markup.selectors.selector import Selector, SelectorList

__all__ = ["Selector", "SelectorError", "SelectorList"]
