"""Spiders are found in a folder, a module or a file; what stands in the way is told in one line."""

import importlib
import pickle
import sys
from pathlib import Path

import pytest

from scraper.cli.spiders.find import in_file, in_source, named
from scraper.errors import SpiderError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, *classes: str, head: str = "from scraper import Spider") -> Path:
    """A module of one-line classes: `Books(Spider): name = "books"`."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([head, *(f"class {each}" for each in classes)]) + "\n", encoding="utf-8")
    importlib.invalidate_caches()
    return file


def refused(source: str | Path) -> str:
    with pytest.raises(SpiderError) as caught:
        in_file(source) if isinstance(source, Path) else in_source(source, Path())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_modules_of_a_folder_are_searched() -> None:
    """Folders within it too; files and folders that begin with an underscore are not."""
    write("spiders/books.py", 'Books(Spider): name = "books"')
    write("spiders/inner/films.py", 'Films(Spider): name = "films"')
    write("spiders/_shared.py", 'Shared(Spider): name = "shared"')
    found = in_source("spiders", Path())
    assert {name: (each.spider.__name__, each.place) for name, each in found.items()} == {
        "books": ("Books", "spiders/books.py:2"),
        "films": ("Films", "spiders/inner/films.py:2"),
    }


def test_a_dotted_module_is_searched_like_a_folder() -> None:
    """`source = "shop.spiders"` is imported, and if it is a package, so is all that is in it."""
    write("shop/spiders/__init__.py", 'Films(Spider): name = "films"')
    write("shop/spiders/books.py", 'Books(Spider): name = "books"')
    write("shop/alone.py", 'Plays(Spider): name = "plays"')
    assert sorted(in_source("shop.spiders", Path())) == ["books", "films"]
    assert sorted(in_source("shop.alone", Path())) == ["plays"]


def test_modules_have_the_names_that_others_import_them_by() -> None:
    """The folder's parent can be imported from, and spiders can be pickled."""
    write("spiders/_common.py", "Shop(Spider): pass")
    write("spiders/books.py", 'Books(Shop): name = "books"', head="from spiders._common import Shop")
    [books] = in_source("spiders", Path()).values()
    assert books.spider.__module__ == "spiders.books"
    assert pickle.loads(pickle.dumps(books.spider)) is books.spider


def test_a_name_that_is_taken_is_not_imported_instead() -> None:
    """A file called like another module is found nevertheless, under a name of its own."""
    file = write("json.py", 'Books(Spider): name = "books"')
    [books] = in_file(file).values()
    assert books.spider.__module__.startswith("json_")
    assert pickle.loads(pickle.dumps(books.spider)) is books.spider
    write("my-spiders/books.py", 'Books(Spider): name = "books"')
    assert list(in_source("my-spiders", Path())) == ["books"]


def test_a_file_can_lie_anywhere(folder: Path) -> None:
    """A file named on the command line sees its neighbours."""
    (folder / "elsewhere").mkdir()
    write("project/common.py", "Shop(Spider): pass")
    write("project/books.py", 'Books(Shop): name = "books"', head="from common import Shop")
    sys.path.append(str(folder / "project"))
    assert list(in_file(folder / "project" / "books.py")) == ["books"]


def test_only_spiders_of_the_module_itself_count() -> None:
    """Imported classes, abstract ones, and nameless ones that others are made of are no spiders of a module."""
    write("spiders/a.py", "Shop(Spider): pass", 'Books(Shop): name = "books"')
    write("spiders/b.py", 'Films(Books): name = "films"', head="from spiders.a import Books, Shop")
    write(
        "spiders/c.py",
        "Abstract(Spider, ABC):\n    @abstractmethod\n    def rows(self): ...",
        head="from abc import ABC, abstractmethod\nfrom scraper import Spider",
    )
    assert sorted(in_source("spiders", Path())) == ["books", "films"]


def test_a_spider_without_a_name_is_refused() -> None:
    """A name is needed, and the line says where."""
    write("spiders/books.py", "Books(Spider): pass")
    assert refused("spiders") == 'spiders/books.py:2: Books has no name: give it one, name = "…"'


def test_two_spiders_of_one_name_are_refused() -> None:
    """Both places are named."""
    write("spiders/a.py", 'Books(Spider): name = "books"')
    write("spiders/b.py", "Shop(Spider): pass", 'Books(Shop): name = "books"')
    assert refused("spiders") == "two spiders are named 'books': spiders/a.py:2 and spiders/b.py:3"


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (
            "import nowhere_to_be_found",
            "spiders/a.py:1: cannot be imported: ModuleNotFoundError: No module named 'nowhere",
        ),
        (
            "def f():\n    return 1 / 0\n\nf()",
            "spiders/a.py:2: cannot be imported: ZeroDivisionError: division by zero",
        ),
        ("x = (\n1", "spiders/a.py:1: cannot be imported: SyntaxError: '(' was never closed"),
        ("raise SystemExit('no\\nmore')", "spiders/a.py:1: cannot be imported: SystemExit: no more"),
    ],
)
def test_a_file_that_does_not_import_is_told_with_its_line(head: str, error: str) -> None:
    """File, line, type and text of what it raised."""
    write("spiders/a.py", head=head)
    assert refused("spiders").startswith(error)


def test_the_innermost_line_of_ones_own_is_told() -> None:
    """If a module that the file imports is to blame, it is that module's line."""
    write("spiders/_common.py", head="\n\nx = undefined")
    write("spiders/a.py", head="import spiders._common")
    assert refused("spiders") == "spiders/_common.py:3: cannot be imported: NameError: name 'undefined' is not defined"


def test_a_place_that_is_not_there_is_told_with_how_to_set_it() -> None:
    """The folder is named, and the key that names it."""
    assert refused("nowhere") == (
        "no folder nowhere to find spiders in, nor a module nowhere: "
        'create it, or set [spiders] source = "FOLDER" in config.toml'
    )


def test_a_file_without_a_spider_is_refused() -> None:
    """So is one that is not there."""
    assert refused(write("books.py")) == "books.py: no spider in it: a subclass of scraper.Spider that has a name"
    assert refused(Path("gone.py")) == "gone.py: no such file"


def test_an_unknown_spider_is_answered_with_the_nearest() -> None:
    """Or with all there are."""
    write("spiders/a.py", 'Books(Spider): name = "books"', 'Films(Spider): name = "films"')
    found = in_source("spiders", Path())
    assert named("books", found).spider.__name__ == "Books"
    with pytest.raises(SpiderError, match=r"^no spider 'bokks'; did you mean books\?$"):
        named("bokks", found)
    with pytest.raises(SpiderError, match=r"^no spider 'xyz' \(known: books, films\)$"):
        named("xyz", found)
