"""The delay, measured where requests arrive, while connections take long to open."""

import asyncio
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trustme
import uvloop

from tests.flow.crawls import Asker, crawl
from tests.flow.slow_handshake import SlowHandshake, serve

DELAY = 0.05
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says when bytes arrived")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("short_way", [True, False])
def test_requests_never_arrive_closer_than_the_delay(
    authority: trustme.CA, tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop], short_way: bool
) -> None:
    """However long connections take to open, beside others that are open already, requests arrive a delay apart."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    rng = Random(7)
    site = SlowHandshake(
        context,
        handshake=lambda number: 0.15 if number == 1 else rng.choice((0.0, 0.03, 0.08, 0.15)),
        is_last=lambda number: number % 3 == 0,
        latency=0.12,
    )
    settings: dict[str, Any] = {
        "limits": {"robots": False, "adapt": False, "delay": DELAY, "per_host": 8},
        "network": {"ca_file": str(tmp_path / "ca.pem"), "short_way": short_way},
    }
    with serve(site) as server, asyncio.Runner(loop_factory=loop) as runner:
        urls = [f"https://127.0.0.1:{server.port}/{number}" for number in range(30)]
        ended = runner.run(crawl(Asker(*urls), settings))
    assert ended.statistics.fetched == len(server.arrivals) == 30
    assert server.connections >= 10
    assert min(server.gaps) > DELAY - 0.005
