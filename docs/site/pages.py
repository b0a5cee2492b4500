"""The pages of the site, in the order of `docs/index.md`, with the anchors that a plain page has not."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.site.command import options_page
from docs.site.names import names_page, names_text

OTHERS = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Pages of the project that stand elsewhere, and their names on the site."""

_ENTRY = re.compile(r"^\| \[([^]]+)\]\(([\w-]+\.md)\) \| (.+) \|$", re.MULTILINE)
_ROW = re.compile(r"^\| (?P<cell>`[^|]+`)(?= \|)", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?!\w+:)(?P<path>[^)#\s]+)(?=[)#])")


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name on the site, the section it is in, its title and purpose, its Markdown, and a plain version."""

    name: str
    section: str
    title: str
    purpose: str
    text: str
    plain: str


def pages(root: Path) -> list[Page]:
    """All pages, section by section."""
    index = (root / "docs" / "index.md").read_text(encoding="utf-8")
    found = [
        _page(
            root,
            "docs/index.md",
            "index.md",
            "At a glance",
            "At a glance",
            "what it looks like, and where to find what",
        )
    ]
    for section, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", index, re.MULTILINE | re.DOTALL):
        for title, name, purpose in _ENTRY.findall(text):
            found.append(_page(root, f"docs/{name}", name, section, title, purpose))
        if section == "Reference":
            python = (root / "docs" / "python.md").read_text(encoding="utf-8")
            purpose = "everything that can be imported from `scraper`, with every attribute"
            found.append(Page("names.md", section, "Public names", purpose, names_page(python), names_text(python)))
    for path, name in OTHERS.items():
        found.append(_page(root, path, name, "Project", name.removesuffix(".md").capitalize(), path))
    return found


def _page(root: Path, path: str, name: str, section: str, title: str, purpose: str) -> Page:
    text = _relinked((root / path).read_text(encoding="utf-8"), root, (root / path).parent)
    if name == "command.md":
        text = f"{text.rstrip()}\n\n{options_page()}"
    return Page(name, section, title, purpose, _anchored(text, name), text)


def _anchored(text: str, name: str) -> str:
    """`text` with an anchor at each row that is about a setting or a reason."""
    if name == "settings.md":
        return _ROW.sub(lambda row: f"| {_anchors(row['cell'], '.')}{row['cell']}", text)
    if name == "reasons.md":
        return _ROW.sub(lambda row: f"| {_anchors(row['cell'], '')}{row['cell']}", text)
    return text


def _anchors(cell: str, must_have: str) -> str:
    """Anchors for the words in a cell that have `must_have` in them, and for the keys without a dot."""
    words = re.findall(r"`([\w.]+)`", cell)
    return "".join(f'<a id="{each}"></a>' for each in words if must_have in each or each in {"crawl", "sinks"})


def _relinked(text: str, root: Path, folder: Path) -> str:
    """`text` with links to other pages as the site has them; a link to any other file becomes the name of that file."""

    def target(found: re.Match[str]) -> str:
        path = (folder / found["path"]).resolve()
        if not path.is_relative_to(root):
            return found["path"]
        inside = str(path.relative_to(root))
        return OTHERS.get(inside, inside.removeprefix("docs/"))

    text = _LINK.sub(target, text)
    return re.sub(r"\[([^]]+)\]\((?!\w+:)[^)#\s]+(?<!\.md)\)", r"\1", text)


def navigation(found: list[Page]) -> str:
    """The pages by section, as TOML."""
    sections: dict[str, list[str]] = {}
    for page in found:
        sections.setdefault(page.section, []).append(f"{{ {json.dumps(page.title)} = {json.dumps(page.name)} }}")
    return f"[{', '.join(_section(*each) for each in sections.items())}]"


def _section(name: str, entries: list[str]) -> str:
    if len(entries) == 1:
        return entries[0]
    return f"{{ {json.dumps(name)} = [{', '.join(entries)}] }}"


def anchors(page: Page) -> Iterator[str]:
    """The anchors that a page names itself."""
    yield from re.findall(r'<a id="([^"]+)"></a>', page.text)
