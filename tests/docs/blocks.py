"""The code blocks of the README and of docs/, as tests take them.

A block is what stands between two fences; `language` is the word behind the first. A comment on the line before it
says what more there is to know: `<!-- file: quotes.py -->` is the file that a block would be stored in.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*?) -->\n+)?(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=fence)\s*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A code block, and the page and line where it begins."""

    page: Path
    line: int
    language: str
    code: str
    note: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str:
        """The name of the file that this would be stored in, or ""."""
        return self.note.removeprefix("file: ") if self.note.startswith("file: ") else ""

    @property
    def is_program(self) -> bool:
        """Whether this is run: it begins with an import, an assertion, or the text that tells what it is for."""
        try:
            first = ast.parse(self.code).body[0]
        except (SyntaxError, IndexError):
            return False
        is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        return is_text or isinstance(first, ast.Import | ast.ImportFrom | ast.Assert)


def blocks(*languages: str) -> list[Block]:
    """All code blocks in one of `languages`, page by page."""
    return [block for page in PAGES for block in _blocks_of(page) if block.language in languages]


def _blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page, text.count("\n", 0, found.start("fence")) + 1, found["language"], found["code"], found["note"] or ""
        )
        for found in _BLOCK.finditer(text)
    ]


def prose(page: Path) -> str:
    """The text of a page without its code blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))
