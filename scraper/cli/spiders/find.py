"""Finding spiders: in the folder or module that config.toml names, or in a file named on the command line.

A module is imported by the name that other modules would import it by, `spiders.books`, so that a spider can be
pickled and `from spiders.common import X` means the same module everywhere; for that, the folder's parent is put
on `sys.path`. Only where that name already means another file is one made up.
"""

import importlib
import importlib.util
import inspect
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any

import msgspec

from scraper.errors import SpiderError
from scraper.http.request import Request
from scraper.settings.messages import suggestion
from scraper.spider import Spider


class Found(msgspec.Struct, frozen=True):
    """A spider class and the file it stands in."""

    spider: type[Spider]
    file: Path

    @property
    def place(self) -> str:
        """File and line."""
        try:
            line = inspect.getsourcelines(self.spider)[1]
        except (OSError, TypeError):
            return shown(self.file)
        return f"{shown(self.file)}:{line}"


def in_source(source: str, folder: Path) -> dict[str, Found]:
    """The spiders of `source`, a folder (relative to `folder`) or a dotted module, by name.

    Packages are searched to the bottom; files whose name begins with an underscore are not. Raises `SpiderError`
    if there is no such place, a file does not import, or two spiders have one name.
    """
    place = folder / source
    if place.is_dir():
        return _spiders(_import(file, place.parent) for file in _files(place))
    if place.is_file():
        return in_file(place)
    if all(part.isidentifier() for part in source.split(".")):
        _reach(folder)
        with _Importing(source, folder):
            spec = importlib.util.find_spec(source)
        if spec is not None:
            return _spiders(_import_all(source, folder))
    raise SpiderError(
        f"no folder {shown(place)} to find spiders in, nor a module {source}: "
        'create it, or set [spiders] source = "FOLDER" in config.toml'
    )


def in_file(file: Path) -> dict[str, Found]:
    """The spiders of one file, by name. Raises as `in_source` does, and if there is none."""
    if not file.is_file():
        raise SpiderError(f"{file}: no such file")
    file = file.resolve()
    _reach(file.parent.parent)
    roots = (Path.cwd(), file.parent) if file.is_relative_to(Path.cwd()) else (file.parent,)
    if not (found := _spiders([_import(file, *roots)])):
        raise SpiderError(f"{shown(file)}: no spider in it: a subclass of scraper.Spider that has a name")
    return found


def named(name: str, found: dict[str, Found]) -> Found:
    """The spider of that `name`. Raises `SpiderError` with the nearest names if there is none."""
    if name in found:
        return found[name]
    raise SpiderError(f"no spider {name!r}{suggestion(name, found)}")


def for_site(url: str, found: Iterable[Found], own: Mapping[str, Mapping[str, Any]]) -> list[Found]:
    """The spiders that are for the site of `url`: by `allowed_domains`, or else by where they start.

    `own` holds, by a spider's name, what config.toml says of these.
    """
    return [each for each in found if _is_for(url, each.spider, own.get(each.spider.name, {}))]


def _is_for(url: str, spider: type[Spider], own: Mapping[str, Any]) -> bool:
    for name in ("allowed_domains", "start_urls", "sitemap_urls"):
        given = own.get(name, getattr(spider, name, None))
        sites = [each for each in given if isinstance(each, str)] if isinstance(given, list | tuple | set) else []
        if sites:
            from scraper.limits.scope import Scope  # with all limits, which a list of spiders does not need
            from scraper.verdict import GO

            try:
                return Scope(sites).judge(Request(url), 0.0) is GO
            except SpiderError:  # a crawl would tell of it
                return False
    return False


def shown(path: Path) -> str:
    """`path` as people would write it here."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute)


# Modules.


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("_", ".")):
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.suffix == ".py":
            yield path


def _reach(folder: Path) -> None:
    """Let modules of `folder` be imported; what is installed goes first."""
    if str(folder.resolve()) not in sys.path:
        sys.path.append(str(folder.resolve()))


def _import(file: Path, *roots: Path) -> ModuleType:
    """The module in `file`, by its name as seen from the first of `roots` where that is free."""
    file = file.resolve()
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(file) and module.__name__ != "__main__":
            return module
    with _Importing(shown(file), file.parent):
        for root in roots:
            _reach(root)
            parts = file.relative_to(root.resolve()).with_suffix("").parts
            if all(part.isidentifier() for part in parts) and _means(".".join(parts), file):
                return importlib.import_module(".".join(parts))
        return _import_alone(file)


def _import_alone(file: Path) -> ModuleType:
    """The module in `file`, by a name of its own."""
    name = f"{re.sub(r'[^a-zA-Z0-9]', '_', file.stem)}_{zlib.crc32(bytes(file)):08x}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _means(name: str, file: Path) -> bool:
    """Whether importing `name` imports `file`."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            return False  # one of its parents is a module, or not where this file is
        raise
    except ValueError:  # there is something of that name that is no module
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == file


def _import_all(name: str, folder: Path) -> Iterator[ModuleType]:
    """The module `name` and, if it is a package, every module in it."""
    with _Importing(name, folder):
        module = importlib.import_module(name)
    yield module
    for place in getattr(module, "__path__", ()):
        for file in _files(Path(place)):
            inner = ".".join([name, *file.relative_to(place).with_suffix("").parts])
            with _Importing(shown(file), Path(place)):
                yield importlib.import_module(inner)


class _Importing:
    """Translates whatever a module raises while it is imported, with the innermost line of `folder` it was at."""

    def __init__(self, what: str, folder: Path) -> None:
        self._what = what
        self._folder = folder.resolve()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception | SystemExit) or isinstance(error, SpiderError):
            return
        text = " ".join(str(error).split())
        places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
        text += self._hint(error)
        if isinstance(error, SyntaxError) and error.filename:
            text = str(error.msg)
            if "'yield from' inside async" in text:
                text += ": write `for each in …: yield each`"
            places.append((error.filename, error.lineno or 0))
        ours = [f"{shown(Path(file))}:{line}" for file, line in places if self._is_ours(file)]
        where = ours[-1] if ours else self._what
        raise SpiderError(f"{where}: cannot be imported: {type(error).__name__}: {text}") from error

    def _hint(self, error: BaseException) -> str:
        """What helps if a module of the same folder was not found."""
        if isinstance(error, ModuleNotFoundError) and error.name and "." not in error.name:
            found = next(iter(sorted(self._folder.rglob(f"{error.name}.py"))), None)
            if found is not None:
                dotted = ".".join(found.relative_to(self._folder.parent).with_suffix("").parts)
                return f"; write `from {dotted} import …`"
        return ""

    def _is_ours(self, file: str) -> bool:
        is_installed = file.startswith("<") or "site-packages" in file
        return not is_installed and Path(file).resolve().is_relative_to(self._folder)


# Classes.


def _spiders(modules: Iterable[ModuleType]) -> dict[str, Found]:
    classes = [found for module in modules for found in _classes(module)]
    found: dict[str, Found] = {}
    for each in sorted(classes, key=lambda each: str(each.spider.name)):
        if not each.spider.name:
            if any(issubclass(other.spider, each.spider) for other in classes if other.spider.name):
                continue  # what those have in common
            raise SpiderError(f'{each.place}: {each.spider.__name__} has no name: give it one, name = "…"')
        if not isinstance(each.spider.name, str):
            raise SpiderError(f"{each.place}: {each.spider.__name__}.name is not a text: {each.spider.name!r}")
        if each.spider.name in found:
            other = found[each.spider.name]
            raise SpiderError(f"two spiders are named {each.spider.name!r}: {other.place} and {each.place}")
        found[each.spider.name] = each
    return found


def _classes(module: ModuleType) -> Iterator[Found]:
    for value in dict.fromkeys(each for each in vars(module).values() if isinstance(each, type)):
        if issubclass(value, Spider) and value.__module__ == module.__name__ and not inspect.isabstract(value):
            yield Found(value, Path(str(module.__file__)))
