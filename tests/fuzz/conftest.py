"""What a hostile server may send, drawn by lot: nothing raises but what is documented, and nothing gets out of hand.

    SCRAPER_FUZZ_SECONDS=60 python -m pytest tests/fuzz

looks for so long at each; a usual run tries some examples. A find becomes an `@example`.
"""

import os
import time
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

SECONDS = float(os.environ.get("SCRAPER_FUZZ_SECONDS", "0"))

settings.register_profile(
    "fuzz", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=False
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let them take the time that they are given."""
    for item in items:
        if "fuzz" in item.path.parts:
            item.add_marker(pytest.mark.timeout(60 + 2 * SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a test again and again until its time is over; each time hypothesis draws other examples."""
    began = time.monotonic()
    result = yield
    while SECONDS and time.monotonic() - began < SECONDS and "fuzz" in pyfuncitem.path.parts:
        pyfuncitem.obj()
    return result


if SECONDS:
    settings.load_profile("fuzz")
