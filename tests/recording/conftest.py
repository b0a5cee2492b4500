"""Recordings are made of sites that are served here, and what is replayed leaves nothing open."""

from tests.flow.conftest import _nothing_leaks, _own_folder, servers

__all__ = ["_nothing_leaks", "_own_folder", "servers"]
