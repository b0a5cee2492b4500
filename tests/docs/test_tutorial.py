"""The tutorial is followed as it stands: its files are written, its commands run, and what they say is compared."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT
from tests.forks import Forks

PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^## (Step \d+: .*)$", PAGE, re.MULTILINE)
MARK = re.compile(
    r"^<!-- (?P<word>step|run|shows|interrupt|move)(?:: (?P<rest>.*?))? -->\n(?:```\w+\n(?P<code>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
Mark = tuple[str, str, str]


def marks_of(step: str) -> list[Mark]:
    """What there is to do in a step: a word, what is behind it, and the block below."""
    text = PAGE.split(f"## {step}\n")[1].split("\n## ")[0]
    return [(each["word"], each["rest"] or "", each["code"] or "") for each in MARK.finditer(text)]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The bookshop, opened as the tutorial says, on a port that is free."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        free = bound.getsockname()[1]
    command = [sys.executable, "-m", "scraper.testing.bookshop", str(free)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as shop:
        assert shop.stderr is not None
        assert any("is open at" in line for line in shop.stderr)
        yield free
        shop.terminate()


@pytest.fixture(scope="module")
def told(port: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, int, str, list[str]]]]:
    """The whole tutorial, followed: of each step its commands, exit statuses, what they said and should have said."""
    folder = tmp_path_factory.mktemp("tutorial")
    with Forks() as forks:
        return {step: list(followed(marks_of(step), folder, port, forks)) for step in STEPS}


def followed(marks: list[Mark], folder: Path, port: int, forks: Forks) -> Iterator[tuple[str, int, str, list[str]]]:
    """Do what a step says."""
    done: list[tuple[str, int, str]] = []
    for word, rest, code in marks:
        if word == "step":
            file = folder / rest
            file.parent.mkdir(exist_ok=True)
            file.write_text(code.replace(":8000/", f":{port}/"), encoding="utf-8")
        elif word == "move":
            old, new = rest.split()
            (folder / new).parent.mkdir(exist_ok=True)
            (folder / old).rename(folder / new)
        elif word == "shows":
            yield done[-1][0], done[-1][1], "".join(each[2] for each in done), code.splitlines()
            done = []
        else:
            for line in code.replace(":8000/", f":{port}/").splitlines():
                started = forks.start(*shlex.split(line)[1:], cwd=folder)
                if word == "interrupt":
                    interrupt(started.told, folder)
                    started.send_signal(signal.SIGINT)
                said = "".join(started.communicate())
                expected = 130 if word == "interrupt" else int(rest or 0)
                done.append((line, int(started.wait() == expected), said))


def interrupt(told: object, folder: Path) -> None:
    """Wait until the crawl has written something."""
    until = time.monotonic() + 30
    while not any(file.stat().st_size for file in folder.glob("*.part")):
        assert time.monotonic() < until, told
        time.sleep(0.02)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_does_what_it_says(step: str, told: dict[str, list[tuple[str, int, str, list[str]]]]) -> None:
    """Every command of a step ends as the tutorial says, and says what stands below it."""
    assert told[step]
    for command, is_as_expected, said, lines in told[step]:
        assert is_as_expected, f"{command}\n{said}"
        for line in lines:
            words = (".*".join(map(re.escape, word.split("…"))) for word in line.split())
            assert re.search(r"\s+".join(words), said), f"{command}: {line!r} is not in\n{said}"


def test_there_are_ten_steps() -> None:
    """The tutorial has ten steps, each with something to run, and each says what was learnt."""
    assert [step.split(":")[0] for step in STEPS] == [f"Step {number}" for number in range(1, 11)]
    for step in STEPS:
        assert "**You have learnt**" in PAGE.split(f"## {step}\n")[1].split("\n## ")[0]


def test_the_test_of_the_tutorial_passes(
    told: dict[str, list[tuple[str, int, str, list[str]]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The test that the reader writes passes, with no shop and no network."""
    assert told
    folder = next(tmp_path_factory.getbasetemp().glob("tutorial*"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "scraper.testing.plugin", "tests"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
