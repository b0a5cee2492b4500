"""Whole crawls with worker processes: servers, and the proof that nothing is left open."""

import pytest
from pytest_httpserver import HTTPServer

from tests.flow.conftest import _nothing_leaks, _own_folder, servers

__all__ = ["_nothing_leaks", "_own_folder", "servers"]


@pytest.fixture
def site(httpserver: HTTPServer) -> str:
    """A site with the pages 0 to 5, and one that is missing."""
    for number in range(6):
        httpserver.expect_request(f"/{number}").respond_with_data(f"<p>{number}", content_type="text/html")
    httpserver.expect_request("/missing").respond_with_data("no", status=404)
    return httpserver.url_for("").rstrip("/")
