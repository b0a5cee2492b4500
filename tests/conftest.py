"""What all tests may ask for."""

import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings

from tests.examples import SHARE
from tests.forks import Forks

GRACE = 10.0  # seconds for a thread that was told to end

settings.register_profile("suite", deadline=None, max_examples=SHARE)  # how long one takes is the machine's affair
settings.load_profile("suite")


gc.disable()  # a quarter of the time in which tests are collected is spent on looking for garbage


def pytest_collection_finish() -> None:
    """Have garbage collected from now on; of the tests themselves nothing will ever be any."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: many tests wait, for a delay or a process, and leave theirs idle."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def _libuv() -> None:
    """The pipe that libuv opens with its first loop, and keeps."""
    with suppress(ImportError):
        import uvloop

        uvloop.new_event_loop().close()


@pytest.fixture
def no_garbage() -> Iterator[None]:
    """Nothing is collected meanwhile, which takes long in a process that has much."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Runs commands in processes, without their start."""
    with Forks() as started:
        yield started


@pytest.fixture
def nothing_leaks(_libuv: None) -> Iterator[None]:
    """Fails a test that leaves a thread, a socket or a file open. (`crawls.crawl` looks after tasks.)"""
    threads, files = set(threading.enumerate()), _open_files()
    yield
    deadline = time.monotonic() + GRACE
    while (left := _left(threads, files)) and time.monotonic() < deadline:
        time.sleep(0.01)
        gc.collect()
    assert not left, f"left open: {', '.join(left)}"


def _left(threads: set[threading.Thread], files: Counter[str]) -> list[str]:
    running = [each.name for each in threading.enumerate() if each not in threads]
    return [*running, *(_open_files() - files).elements()]


def _open_files() -> Counter[str]:
    """What this process has open: files by name, sockets by kind."""
    found: Counter[str] = Counter()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            name = str(descriptor.readlink())
            found[name.partition(":[")[0] if ":[" in name else name] += 1
    return found
