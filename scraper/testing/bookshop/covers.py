"""Draws a book's cover as a small SVG; its colours and shapes follow from the UPC."""

import textwrap
from html import escape

from scraper.testing.bookshop.catalogue import Book


def cover(book: Book) -> str:
    """A cover of 200 by 300 units, alike on every run and unlike any other book's."""
    bits = int(book.upc, 16)
    hue = bits % 360
    lines = textwrap.wrap(book.title, 14)
    title = "".join(
        f'<text x="20" y="{204 + 22 * number}" font-size="20" font-weight="bold">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 300" width="200" height="300"'
        ' font-family="Georgia, serif" fill="#fffaf0">'
        f'<rect width="200" height="300" fill="hsl({hue} 42% 30%)"/>'
        f"{_picture(bits, hue)}"
        f'<rect width="8" height="300" fill="#000" opacity=".25"/>{title}'
        f'<text x="20" y="290" font-size="11" opacity=".8">'
        f"{escape(book.author)}</text></svg>\n"
    )


def _picture(bits: int, hue: int) -> str:
    """Five circles in the upper part, placed by the UPC's bits."""
    return "".join(
        f'<circle cx="{20 + (bits >> 8 * number) % 170}" cy="{25 + (bits >> 8 * number + 3) % 120}"'
        f' r="{12 + (bits >> 8 * number + 5) % 34}" fill="hsl({hue + 35 * number} 60% 62%)" opacity=".55"/>'
        for number in range(1, 6)
    )
