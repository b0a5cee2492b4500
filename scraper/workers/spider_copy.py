"""A spider in other processes: a copy of it, and the place from where its class is loaded there.

A worker that the command forks has the spider's module already. One that is started anew loads it once more, by its
name or from its file.
"""

import pickle
import runpy
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import msgspec

from scraper.errors import SpiderError
from scraper.spider import Spider

_MAIN, _LOADED_MAIN = "__main__", "__mp_main__"  # the latter is Python's own name for a main module in a process


class SpiderCopy(msgspec.Struct, frozen=True):
    """A spider as it is now: pickled, with the name and file of its module, the search path, and the command line."""

    pickled: bytes
    module: str
    file: str | None
    path: list[str]
    argv: list[str]

    @classmethod
    def of(cls, spider: Spider) -> "SpiderCopy":
        """A copy of `spider`. Raises `SpiderError` if it cannot be copied."""
        name = type(spider).__name__
        module = sys.modules[type(spider).__module__]
        file = getattr(module, "__file__", None)
        if module.__name__ == _MAIN and (file is None or not Path(file).is_file()):
            raise SpiderError(
                f"{name} is in no file, so other processes cannot load it: put it into a module, "
                "or crawl with [engine] processes = 1"
            )
        try:
            pickled = pickle.dumps(spider, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            raise SpiderError(
                f"{name} cannot be copied to other processes ({error}): open in lifespan() what cannot be pickled, "
                "which each process calls; or crawl in one process"
            ) from None
        if module.__name__ == _MAIN:  # whose classes have this name in processes, and so do items that come from there
            sys.modules[_LOADED_MAIN] = module
        return cls(pickled, module.__name__, file, list(sys.path), list(sys.argv))

    def load(self) -> Spider:
        """The spider, in another process. Raises whatever its module raises."""
        sys.path[:] = self.path
        sys.argv[:] = self.argv
        if self.file is not None and self.module == _MAIN:
            _load_main(self.file)
        elif self.file is not None and self.module not in sys.modules:
            _load(self.module, self.file)
        spider: Spider = pickle.loads(self.pickled)  # noqa: S301 -- from our own parent process
        return spider


def _load_main(file: str) -> None:
    """Load a script as Python's own processes do: under another name, so that it does not run as the main module.

    Raises `SpiderError` if it cannot be loaded like that, as one that starts a crawl under any name.
    """
    module = type(sys)(_LOADED_MAIN)
    try:
        module.__dict__.update(runpy.run_path(file, run_name=_LOADED_MAIN))
    except Exception as error:
        advice = 'each process loads this script: start the crawl below `if __name__ == "__main__":`'
        raise SpiderError(f"{type(error).__name__}: {error} ({advice})") from error
    sys.modules[_MAIN] = sys.modules[_LOADED_MAIN] = module


def _load(module: str, file: str) -> None:
    """Import `module`, or, where that name means nothing here or another file, the file under that name."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.origin == file:
        import_module(module)
        return
    spec = spec_from_file_location(module, file)
    if spec is not None and spec.loader is not None:
        sys.modules[module] = loaded = module_from_spec(spec)
        spec.loader.exec_module(loaded)
