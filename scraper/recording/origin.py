"""Where a recording was made, told to code that would open a site of its own for the length of a crawl."""

from contextvars import ContextVar

recorded_origin: ContextVar[str] = ContextVar("recorded_origin", default="")
"""While a recording is replayed, the origin that was asked first when it was made, `http://127.0.0.1:8000`; else ""."""
