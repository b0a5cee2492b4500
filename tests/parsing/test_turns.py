"""Turns of sites whose pages take long."""

import asyncio
from collections import Counter

import pytest

from scraper.parsing import turns as module
from scraper.parsing.turns import Turns


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Day:
    """Sites that take turns, each of so many seconds, and the order in which they had them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.turns = Turns(clock=self.clock)
        self.order: list[str] = []
        self.is_open = False

    async def visit(self, site: str, seconds: float) -> None:
        async with self.turns.turn(site):
            assert not self.is_open, "one at a time"
            self.is_open = True
            await asyncio.sleep(0)
            self.order.append(site)
            self.clock.now += seconds
            self.is_open = False


async def test_a_turn_that_nobody_else_wants_comes_at_once() -> None:
    """One site that is alone never waits."""
    day = Day()
    for _ in range(3):
        await day.visit("a", 1.0)
    assert day.order == ["a"] * 3


async def test_sites_take_turns() -> None:
    """A site with a hundred pages does not keep one with two of them waiting for more than a page each."""
    day = Day()
    async with asyncio.TaskGroup() as tasks:
        for site in ["many"] * 100 + ["few"] * 2:
            tasks.create_task(day.visit(site, 1.0))
    assert day.order[:5] == ["many", "few", "many", "few", "many"]


async def test_time_counts_and_not_pages() -> None:
    """A site whose pages are quick has more of them, and as much time."""
    day = Day()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(100):
            tasks.create_task(day.visit("slow", 2.0))
            tasks.create_task(day.visit("quick", 0.1))
    first = Counter(day.order[:64])
    assert first["quick"] == pytest.approx(20 * first["slow"], abs=20)


async def test_late_comers_have_no_claim_on_the_past() -> None:
    """A site that comes when others have had hours takes turns with them like any other; so does one that paused."""
    day = Day()
    await day.visit("paused", 1.0)
    for _ in range(50):
        await day.visit("old", 100.0)
    async with asyncio.TaskGroup() as tasks:
        for site in ("old", "new", "paused"):
            for _ in range(4):
                tasks.create_task(day.visit(site, 1.0))
    last = day.order[51:]
    assert Counter(last[:6]) == {"old": 2, "new": 2, "paused": 2}


async def test_those_who_give_up_lose_no_turn() -> None:
    """Whoever is cancelled as it waits, or as its turn comes, leaves it to the next one."""
    day = Day()
    entered = asyncio.Event()

    async def stay() -> None:
        async with day.turns.turn("first"):
            entered.set()
            await asyncio.Event().wait()

    holder = asyncio.create_task(stay())
    await entered.wait()
    waiting = [asyncio.create_task(day.visit(site, 1.0)) for site in "abc"]
    await asyncio.sleep(0)
    waiting[0].cancel()
    holder.cancel()
    await asyncio.sleep(0)
    waiting[1].cancel()  # it has just been given its turn
    await asyncio.wait([holder, *waiting])
    assert day.order == ["c"]
    await day.visit("d", 1.0)
    assert repr(day.turns) == "<Turns 0 waiting, of 0 sites>"


async def test_what_sites_have_had_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any number of sites some are remembered."""
    monkeypatch.setattr(module, "MOST_SITES", 10)
    day = Day()
    for number in range(100):
        await day.visit(str(number), 1.0)
    assert len(day.turns._had) <= 11
