"""The public names: which there are is said in `docs/python.md`, what they are in their docstrings."""

import inspect
import re
from collections.abc import Iterator

import scraper


def groups(python: str) -> Iterator[tuple[str, list[str]]]:
    """The groups of public names in the page on Python: what they are for, and the names."""
    table = python.partition("## Public names")[2]
    for title, cell in re.findall(r"^\| ([^|`]+) \| (.+) \|$", table, re.MULTILINE):
        names = [name for name in re.findall(r"`(\w+)`", cell) if name in scraper.__all__]
        yield title[0].upper() + title[1:], names


def names_page(python: str) -> str:
    """The page for mkdocstrings, which finds the signatures, attributes and docstrings."""
    lines = ["# Public names", "", "Everything that can be imported from `scraper`, made from the code.", ""]
    for title, names in groups(python):
        lines += [f"## {title}", ""]
        lines += [f"::: scraper.{name}\n" for name in names]
    return "\n".join(lines)


def names_text(python: str) -> str:
    """The same for those who read plain text."""
    lines = ["# Public names", ""]
    for title, names in groups(python):
        lines += [f"## {title}", ""]
        for name in names:
            lines += [f"### scraper.{name}{_signature(getattr(scraper, name))}", ""]
            lines += [inspect.getdoc(getattr(scraper, name)) or "", ""]
    return "\n".join(lines)


def _signature(value: object) -> str:
    try:
        return str(inspect.signature(value)) if callable(value) else ""
    except (TypeError, ValueError):
        return ""
