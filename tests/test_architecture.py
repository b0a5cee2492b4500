"""How the project is built: who imports whom, what is public, and how large a room may be."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import scraper
from scraper.settings.schema import Settings, SinkSettings
from scraper.settings.tables import flat

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "scraper"
MODULES = sorted(PACKAGE.rglob("*.py"))
LINES = 400  # of a module at most
EMPTY = {"__init__.py"}  # where a room's door says nothing


def named(path: Path) -> str:
    """A module as messages call it."""
    return str(path.relative_to(ROOT))


def test_public_names_are_sorted() -> None:
    """`scraper.__all__` is sorted and names nothing twice."""
    assert list(scraper.__all__) == sorted(set(scraper.__all__))


@pytest.mark.parametrize("name", scraper.__all__)
def test_public_names_are_there(name: str) -> None:
    """Every name of `scraper.__all__` can be imported, and says what it is for."""
    value = getattr(scraper, name)
    assert value.__doc__
    assert name in dir(scraper)


def test_public_names_are_complete() -> None:
    """What `scraper` imports for type checkers, what it loads on first use, and `__all__` are the same names."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    checking = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in checking.body if isinstance(node, ast.ImportFrom)]
    imported = {each.name: node.module for node in imports for each in node.names}
    assert imported == scraper._HOME
    assert set(imported) == set(scraper.__all__)


def test_every_error_is_public() -> None:
    """Every exception that the framework raises, or that a spider says, can be caught by a public name."""
    module = importlib.import_module("scraper.errors")
    errors = [name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, Exception)]
    assert set(errors) <= set(scraper.__all__)


def test_import_contracts_hold() -> None:
    """A room imports only rooms below it, and what decides does no I/O."""
    pytest.importorskip("importlinter")
    command = (sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_the_design_page_has_the_contracts() -> None:
    """docs/design.md shows who may import whom as pyproject.toml has it."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(each["layers"] for each in tables["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    assert "\n".join(layers).replace("scraper.", "") in page


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_every_module_says_what_happens_in_it(module: Path) -> None:
    """Every module opens with a docstring; an empty one has nothing to say."""
    text = module.read_text(encoding="utf-8")
    if module.name in EMPTY and not text.strip():
        return
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_no_module_is_too_long(module: Path) -> None:
    """No module is so long that nobody reads it."""
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("test", sorted((ROOT / "tests").rglob("test_*.py")), ids=named)
def test_every_test_has_a_sentence(test: Path) -> None:
    """Every test is a function whose docstring is a sentence of the specification."""
    tree = ast.parse(test.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert not [each.name for each in functions if each.name.startswith("test_") and not ast.get_docstring(each)]


KEYS = [
    *(key for key, _ in flat(Settings())),
    *(f"sinks.{name}" for name in SinkSettings.__struct_fields__),
]


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_is_documented(key: str) -> None:
    """Every key of config.toml stands in docs/settings.md."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert re.search(rf"`{re.escape(key)}`", page)


@pytest.mark.parametrize("room", sorted(path for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] != "_"))
def test_every_room_is_on_the_design_page(room: Path) -> None:
    """docs/design.md names every folder of the package."""
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    assert f"{room.name}/" in page
