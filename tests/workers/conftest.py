"""Whole crawls with worker processes: servers, and the proof that nothing is left open."""

from tests.flow.conftest import _nothing_leaks, _own_folder, servers

__all__ = ["_nothing_leaks", "_own_folder", "servers"]
