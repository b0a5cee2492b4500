"""The cycle collector, calmed in processes that are ours alone.

A crawl makes and drops many objects and few cycles: by its defaults the collector would take 4 % of the time. A
program that calls `scraper.run()` is left as it is.
"""

import gc

COLLECTOR = (10_000, 20, 20)
LIVING = 150  # objects of a request that is under way; with fewer in a generation the collector looks at these alone


def calm_collector(concurrency: int) -> None:
    """Have the collector leave alone what is loaded by now, and look seldom at the rest."""
    gc.freeze()
    youngest, *older = COLLECTOR
    gc.set_threshold(max(youngest, LIVING * concurrency), *older)
    gc.enable()
