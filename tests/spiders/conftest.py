"""Spiders of every kind crawl sites that are served here, and leave nothing open."""

from tests.flow.conftest import _nothing_leaks, _own_folder, servers

__all__ = ["_nothing_leaks", "_own_folder", "servers"]
