"""Whose line it is that an error is blamed on."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import scraper
from scraper import CrawlSpider, Spider
from scraper.process.stacks import definition_of, is_library, line_at, line_of, users_line_of


class Shop(Spider):
    """A spider whose code is in this file."""

    name = "shop"

    def own(self, response: Any) -> Iterator[Any]:
        yield 1
        yield from self.inner()

    def inner(self) -> Iterator[Any]:
        yield 2
        yield from iter([3])


def source(line: str) -> str:
    """The text of `file:line`."""
    file, _, number = line.rpartition(":")
    return Path(file).read_text().splitlines()[int(number) - 1].strip()


@pytest.mark.parametrize(
    ("file", "is_ours"),
    [
        (scraper.__file__, True),
        (str(Path(scraper.__file__).parent / "spiders" / "rules.py"), True),
        (str(Path(scraper.__file__).parent.parent / "scraper_of_mine" / "books.py"), False),
        (str(Path(sysconfig.get_path("stdlib")) / "json" / "__init__.py"), True),
        ("/opt/venv/lib/python3.11/site-packages/aiohttp/client.py", True),
        ("/usr/lib/python3/dist-packages/requests/api.py", True),
        ("/usr/src/app/spiders/books.py", False),
        ("<frozen importlib._bootstrap>", True),
        (__file__, False),
    ],
)
def test_which_files_are_libraries(file: str, is_ours: bool) -> None:
    """This framework, Python and installed packages are; a project beside them, or below /usr, is not."""
    assert is_library(file) is is_ours


def test_where_a_generator_has_stopped() -> None:
    """It is the innermost line of the user's that it, or what it delegates to, has come to."""
    generator = Shop().own(None)
    lines = [source(line_at(generator)) for _ in generator]
    assert lines == ["yield 1", "yield 2", "yield from iter([3])"]
    assert line_at(generator) == ""
    assert line_at(None) == ""


def test_where_a_method_is_defined() -> None:
    """A method of the user's is where it stands; one of ours, and one that is missing, is where the class stands."""
    assert source(definition_of(Shop, "own")) == "def own(self, response: Any) -> Iterator[Any]:"
    assert source(definition_of(Shop, "parse")) == source(definition_of(Shop, "nosuch")) == "class Shop(Spider):"


def test_a_class_of_ours_has_no_line() -> None:
    """What is not the user's is blamed on nobody's line."""
    assert definition_of(Spider, "parse") == definition_of(CrawlSpider, "parse") == ""


def test_an_error_that_no_line_of_the_users_led_to() -> None:
    """There is no line of the user's then, and otherwise the innermost."""
    with pytest.raises(Exception, match="has no parse") as caught:
        Shop().parse(None)  # type: ignore[arg-type]
    assert source(users_line_of(caught.value, Shop)).startswith("Shop().parse(None)")
    caught.value.__traceback__ = caught.tb.tb_next
    assert users_line_of(caught.value, Shop) == ""
    assert source(line_of(caught.value)).startswith("raise self._missing(")
    assert line_of(ValueError()) == users_line_of(ValueError(), Shop) == ""


def test_a_spider_that_is_installed_is_its_users(tmp_path: Path) -> None:
    """The file of the spider is the user's, wherever it is."""
    file = tmp_path / "site-packages" / "packed.py"
    file.parent.mkdir()
    file.write_text("class Packed:\n    def parse(self):\n        raise ValueError('no price')\n")
    module = type(scraper)("packed")
    module.__file__ = str(file)
    exec(compile(file.read_text(), str(file), "exec"), vars(module))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "packed", module)
        with pytest.raises(ValueError, match="no price") as caught:
            module.Packed().parse()
        assert users_line_of(caught.value, module.Packed) == f"{file}:3"
        assert definition_of(module.Packed, "parse") == f"{file}:2"
