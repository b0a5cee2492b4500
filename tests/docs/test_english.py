"""What users read is in today's plain English: phrases that are known to be stiff are in no page and no message."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT

STIFF = (
    # In pages, docstrings and messages: a phrase, and what to write instead.
    (r"go(es|ne|ing)? on with", "resume, continue with"),
    (r"comes? to its end", "finishes"),
    (r"by whatever", "whatever the …"),
    (r"that (is|are) none\b", "that is not a …"),
    (r"told of", "reported, given, called with"),
    (r"looks? for nothing", "does not search"),
    (r"in vain", "without success"),
    (r"(was|were) met( before)?\b", "was already seen"),
    (r"begins? anew|record it anew", "starts over, record it again"),
    (r"\bas ever\b", "as usual"),
    (r"another one each time", "changes every time"),
    (r"no two pages of one", "to ignore when comparing URLs"),
    (r"(to|can|cannot) be had\b", "can be fetched, is available"),
    (r"left to another run", "is kept for the next run"),
    (r"which there is not\b", "which does not exist"),
    (r"hand further values over", "pass other values"),
    (r"does not have any more", "no longer has"),
)
STIFF_PAGES = (
    # In pages only: inside the code these may be what is meant.
    (r"asked for (again|once|before|with|as|on condition|by)", "requested"),
    (r"is (not )?asked for[,.]", "is requested"),
    (r"one that is none|or has chunks that are none", "a broken …"),
    (r"\bso many (seconds|pages|bytes)", "N seconds"),
    (r"has? (a|its) \w+ of its own\b", "its own …, a separate …"),
    (r"\bwhoever\b", "someone who"),
    (r"the same command goes on", "the same command resumes"),
    (r"stands? in (every|no|the) (data )?(file|log|page)", "is in"),
)
TO_READ = ("engine", "frontier", "machines", "sinks")
"""Rooms of `scraper` whose docstrings and messages are still to be read once more."""

HISTORY = ("CHANGELOG.md", "design.md")  # of these the first list only


def docstrings_and_messages(module: Path) -> Iterator[tuple[int, str]]:
    """Every text of a module, and its line."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def found(text: str, phrases: tuple[tuple[str, str], ...]) -> list[str]:
    """What a text has of the phrases, each with what to write instead."""
    folded = " ".join(text.split())
    return [f"{each[0]!r}: write {better!r}" for phrase, better in phrases for each in re.finditer(phrase, folded)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_stiff_phrase(page: Path) -> None:
    """No page has a phrase that is known to be hard to read."""
    text = page.read_text(encoding="utf-8")
    assert found(text, STIFF if page.name in HISTORY else STIFF + STIFF_PAGES) == []


def test_no_docstring_or_message_has_a_stiff_phrase() -> None:
    """No docstring and no message of the package, or of its example spiders, has a phrase that is hard to read."""
    modules = [*(ROOT / "scraper").rglob("*.py"), *(ROOT / "spiders").glob("*.py")]
    read = [each for each in modules if each.relative_to(ROOT).parts[1] not in TO_READ]
    assert [
        f"{module.relative_to(ROOT)}:{line}: {each}"
        for module in read
        for line, text in docstrings_and_messages(module)
        for each in found(text, STIFF)
    ] == []


def test_a_stiff_phrase_is_found() -> None:
    """The check finds a phrase in any form, also where a line ends within it."""
    assert found("the crawl is gone\non with, by whatever", STIFF) != []
    assert found("The crawl goes on with the next page.", STIFF) != []
    assert found("The crawl resumes, whatever happened.", STIFF) == []
