"""The walk of docs/design.md: a request's life, function by function."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEP = re.compile(r"^\d+\. `([a-z_/]+\.py):([A-Za-z_.]+)` (.+)$", re.MULTILINE)


def walk() -> list[tuple[str, str]]:
    """The module and the name of each step."""
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    section = page.partition("## A walk")[2].partition("\n## ")[0]
    return [(step[1], step[2]) for step in STEP.finditer(section)]


def names_in(module: Path) -> set[str]:
    """The functions, classes and methods that a module defines: `name`, `Class`, `Class.name`."""
    found: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{method.name}" for method in methods}
    return found


def test_the_walk_is_long_enough_to_lead_through_every_stage() -> None:
    """The walk visits all rooms of a request's way, from the spider's `start()` to the checkpoint."""
    rooms = {module.partition("/")[0] for module, _ in walk()}
    assert rooms >= {"crawling", "engine", "frontier", "limits", "network", "parsing", "pipelines", "sinks"}


@pytest.mark.parametrize(("module", "name"), walk(), ids=[":".join(step) for step in walk()])
def test_every_step_of_the_walk_exists(module: str, name: str) -> None:
    """Each step names a function, method or class that is where the walk says it is."""
    assert name in names_in(ROOT / "scraper" / module)
