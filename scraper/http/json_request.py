"""A request with JSON as its content."""

from typing import Any

import msgspec
from msgspec.structs import force_setattr

from scraper.http.headers import settled_headers
from scraper.http.request import Request


class JsonRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request that POSTs `data` as JSON and asks for JSON in return."""

    data: Any = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.data is not msgspec.UNSET:
            force_setattr(self, "json", self.data)
            force_setattr(self, "data", msgspec.UNSET)
            headers = settled_headers(self, self.headers)
            force_setattr(self, "headers", {"Accept": "application/json, */*;q=0.5", **headers})
        super().__post_init__()
