"""What is still to do: requests wait here, in order, each once."""

from scraper.frontier.memory import MemoryFrontier
from scraper.protocols import Frontier
from scraper.settings import FrontierSettings


def open_frontier(settings: FrontierSettings) -> Frontier:
    """The frontier that `[frontier]` asks for."""
    return MemoryFrontier(settings.order)


__all__ = ["MemoryFrontier", "open_frontier"]
