"""How many worker processes a crawl has: asked for each crawl, while few have any, so this loads nothing of them."""

import os
import sys

from scraper.settings.schema import Settings


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def processes(settings: Settings) -> int:
    """How many processes fetch pages; 1: the crawl's own does, and there may be others for callbacks alone."""
    number = settings.engine.processes
    return cores() if number == "auto" else number


def workers(settings: Settings) -> int:
    """How many worker processes a crawl has."""
    number = processes(settings)
    return number if number > 1 else settings.parsing.workers if settings.parsing.executor == "process" else 0
