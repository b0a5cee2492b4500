"""Where commands run coroutines: in an event loop of their own, which Ctrl-C can end in good order."""

import asyncio

from scraper.process.event_loop import loop_factory
from scraper.process.signals import raise_on_interrupt


def runner() -> asyncio.Runner:
    """What runs coroutines. From now on Ctrl-C raises `KeyboardInterrupt`: there is something to be closed."""
    raise_on_interrupt()
    return asyncio.Runner(loop_factory=loop_factory())
