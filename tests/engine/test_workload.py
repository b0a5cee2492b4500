"""How much is under way, and when there is room for more."""

import asyncio

from scraper.engine.accounting import Totals
from scraper.engine.workload import MOST_ASIDE, MOST_BYTES, Workload
from scraper.parsing import HardPages
from scraper.settings.schema import EngineSettings


def workload(hard: HardPages, *, concurrency: int = 4) -> Workload:
    settings = EngineSettings(concurrency=concurrency)
    totals = Totals("books", (), lambda: 0.0, stop=lambda reason: None, stop_after=settings.stop_after, drift_after=0)
    return Workload(settings, totals, hard)


def has_room(work: Workload) -> bool:
    work.look()
    return not work.has_enough


def test_pages_in_hand_leave_no_room_and_pages_aside_do() -> None:
    """With twice as many pages as workers nothing is sent, unless some of them are aside."""
    hard = HardPages()
    work = workload(hard)
    for _ in range(8):
        work.start_page(10)
    assert not has_room(work)
    asides = [hard.aside("hard.example", 10) for _ in range(7)]
    for each in asides:
        each.__enter__()
    assert has_room(work)
    for each in asides:
        each.__exit__(None, None, None)
    for _ in range(7):
        work.start_page(10)
    assert not has_room(work)


def test_room_for_pages_that_are_aside_is_bounded() -> None:
    """So many of them do not count, and so many bytes of their bodies."""
    many, large = HardPages(), HardPages()
    work = workload(many)
    for _ in range(MOST_ASIDE + 8):
        work.start_page(0)
        many.aside("hard.example", 0).__enter__()
    assert not has_room(work)
    work = workload(large)
    work.start_page(2 * MOST_BYTES)
    large.aside("hard.example", 2 * MOST_BYTES).__enter__()
    assert not has_room(work)


async def test_a_page_that_goes_aside_wakes_the_scheduler() -> None:
    """Whoever waits for room is told at once, and not when some page is done."""
    hard = HardPages()
    work = workload(hard)
    work.look()
    waiting = asyncio.create_task(work.wait())
    await asyncio.sleep(0)
    with hard.aside("hard.example", 10):
        await waiting
