"""What a page says: its characters, its elements, its links. Pure functions of bytes and text."""

from scraper.markup.query import SelectorError
from scraper.markup.selectors import Selector, SelectorList

__all__ = ["Selector", "SelectorError", "SelectorList"]
