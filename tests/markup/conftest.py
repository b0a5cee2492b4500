"""What tests of forms need: sites, which are closed after the test."""

from tests.flow.conftest import servers

__all__ = ["servers"]
