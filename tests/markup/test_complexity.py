"""Pages that would take minutes to parse are refused, in seconds; all others are parsed."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.markup.document import sandbox as module
from scraper.markup.document.complexity import ONE_TAG, SHORT, is_simple
from scraper.markup.document.sandbox import Sandbox, TooComplexError, sandbox
from scraper.markup.selectors.selector import Selector


@pytest.fixture(autouse=True)
def _ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Patience is short, and no process is left."""
    monkeypatch.setattr(module, "SECONDS", 0.8)
    yield
    sandbox.close()


def attributes(number: int, between: str = "") -> str:
    """So many attributes; every five hundredth is `between`."""
    return " ".join(f"x{each}=1" if each % 500 else f"y{each}={between or 1}" for each in range(number))


def computed_by_children() -> float:
    """The CPU time of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


HOSTILE = {
    "nested": "<div>" * 100_000,
    "a million nested": "<div>" * 1_000_000,
    "mixed case": "<DiV><SPAN>" * 50_000,
    "attributes": f"<a {attributes(100_000)}>",
    "attributes of an end": f"<p></p><svg {attributes(100_000)}>",
    "quoted marks": "<a " + attributes(100_000, '">"') + ">",
    "quoted marks after spaces": "<a " + attributes(100_000, " '<>'") + ">",
    "nested in an option": "<select><option>" + "<div>" * 100_000,
    "copies of formatting": "<p>" + "".join(f"<font x={each}>" for each in range(3_000)) + "</p><p>x" * 8_000,
    "copies that seem closed": "<p>"
    + "".join(f"<font x{each}='></font>'>" for each in range(3_000))
    + "</p><p>x" * 4_900,
    "ends that close nothing": "<svg>" + "<g>" * 100_000 + "</x>" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_take_minutes_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is that there is too much of, the page is refused within seconds of computing."""
    monkeypatch.setattr(module, "SECONDS", 0.4)
    before = computed_by_children()
    with pytest.raises(TooComplexError, match="would take too long to parse"):
        Selector(text=HOSTILE[name])
    assert computed_by_children() - before < module.SECONDS + 5, "of which a part is for starting"


ODD = {
    "nested to some depth": "<div>" * 5_000,
    "unclosed formatting": "<b>" * 100_000,
    "formatting in paragraphs": "<p><b>" * 20_000,
    "tables": "<table><tr><td>" * 50_000,
    "lists of choices": "<select><option>" * 100_000,
    "options": "<select>" + "<option>x" * 200_000,
    "closed options": "<select>" + "<OPTION value=1>x</OPTION>" * 150_000,
    "options that are selected": "<select multiple>" + "<optgroup><option selected>x" * 100_000,
    "drawings": "<svg><template>\n" * 20_000,
    "links": "<a href=/x>" * 20_000,
    "a long listing": "<li><a href=/p?x=1>y</a>" * 20_000,
    "no text at all": "\0" * 1_000_000 + "<p>x",
    "comments": "<!--" * 300_000,
    "one long text": "x" * 1_000_000,
    "a long value": f'<a title="{"x > y " * 50_000}">z</a>',
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_merely_odd_is_parsed(name: str) -> None:
    """Pages that look bad and are quick are pages."""
    assert Selector(text=ODD[name]).get()


@pytest.mark.parametrize("number", [8_500, 20_000])
def test_a_long_list_of_options_is_a_page(number: int) -> None:
    """Every town of a country, in a list to choose from, takes no time."""
    options = "".join(f"<option value={each}>Town number {each}</option>\n" for each in range(number))
    page = Selector(text=f"<!doctype html><form><select name=town>{options}</select></form>")
    assert len(page.css("option")) == number
    assert sandbox.check(options.encode()) < 1.0


LISTING = b"<li><a href=/p>y</a>" * 20_000


def test_the_time_of_a_trial_is_what_it_computes() -> None:
    """A page that is tried tells how long it took; one that is simple was not tried."""
    assert 0.0 < sandbox.check(LISTING) < 1.0
    assert sandbox.check(b"<p>") == 0.0


def test_a_trial_that_is_stopped_for_a_while_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock says nothing of a page: neither a busy machine nor a pause changes the outcome."""
    monkeypatch.setattr(module, "SECONDS", 2.0)
    slow = b"<div>" * 12_000
    other = Sandbox()
    other.check(LISTING)
    assert other._child is not None
    with ThreadPoolExecutor(1) as pool:
        trial = pool.submit(other.check, slow)
        os.kill(other._child.pid, signal.SIGSTOP)
        pause = time.monotonic() + module.SECONDS + 0.5
        while time.monotonic() < pause:
            assert not trial.done()
            time.sleep(0.05)
        os.kill(other._child.pid, signal.SIGCONT)
        assert trial.result() < module.SECONDS
    other.close()


def test_a_process_that_is_stuck_says_nothing_of_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a process does not come on, another one tries; if none does, the page is refused."""
    other, start = Sandbox(), Sandbox._start
    patience = [0.001, 0.001, module.PATIENCE]

    def started(sandbox: Sandbox) -> "subprocess.Popen[bytes]":
        monkeypatch.setattr(module, "PATIENCE", patience.pop(0))
        return start(sandbox)

    monkeypatch.setattr(Sandbox, "_start", started)
    assert other.check(LISTING) > 0.001
    assert not patience
    other.close()
    patience = [0.001] * module.ATTEMPTS
    with pytest.raises(TooComplexError):
        other.check(LISTING)
    assert not patience


def test_a_crash_is_no_crash_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page at which the parser dies is refused, and the next one is parsed by another process."""
    other = Sandbox()
    other.check(LISTING)
    assert other._child is not None
    other._child.kill()
    other.check(LISTING)
    monkeypatch.setattr(Sandbox, "_start", lambda _: subprocess.Popen(["false"], stdin=-1, stdout=-1))
    other.close()
    with pytest.raises(TooComplexError):
        other.check(LISTING)
    other.close()


OUTSIDE_OF_A_CRAWL = """
import atexit
atexit.register(lambda: print(sandbox))  # runs after what is registered later
from scraper.markup.selectors.selector import Selector
from scraper.markup.document.sandbox import sandbox
print(len(Selector(text="<p>" + "<b></b>" * 200_000).css("b")), "waiting" in repr(sandbox))
"""


def test_nothing_is_left_outside_of_a_crawl() -> None:
    """A program that never closes anything ends its process, without a word."""
    command = [sys.executable, "-X", "dev", "-c", OUTSIDE_OF_A_CRAWL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("200000 False\n<Sandbox waiting>\n", "")


def test_a_page_in_other_encodings_is_looked_at() -> None:
    """What is decoded first is judged as what it is then, surrogates and all."""
    with pytest.raises(TooComplexError):
        Selector(text="\ud800é" + HOSTILE["nested"])


def test_ordinary_pages_are_simple() -> None:
    """They are not parsed twice: short ones, and longer ones with a few thousand tags."""
    page = b"<html><body>" + b'<div class="card"><a href="/x">y</a> <b class="z" id=a>text</b></div>\n' * 700
    assert is_simple(page[:SHORT])
    assert is_simple(page)
    assert is_simple(b"<p>" + b"word " * ONE_TAG)


@given(
    st.lists(st.sampled_from(["<div>", "<p>", "<b x=1>", "</b>", "<option>", '<a b=">', "'", '"', ">", "<!--", "é"]))
)
def test_every_page_has_a_verdict(pieces: list[str]) -> None:
    """Nothing raises anything else."""
    page = ("".join(pieces) * 2_000)[: 4 * ONE_TAG].encode()
    assert is_simple(page) in {True, False}
