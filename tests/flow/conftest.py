"""What whole crawls are tested with: servers, and the proof that nothing is left open."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.site import Servers


@pytest.fixture
def servers(nothing_leaks: None) -> Iterator[Servers]:
    """Opens sites, which are closed after the test."""
    with Servers() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _nothing_leaks(nothing_leaks: None) -> None:
    """No test of a whole crawl leaves anything open."""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a crawl leaves where it is started, its job, is left in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections: it is bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
