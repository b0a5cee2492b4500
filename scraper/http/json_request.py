"""A request with JSON as its content."""

from typing import Any

import msgspec
from msgspec.structs import force_setattr

from scraper.http.headers import settled_headers
from scraper.http.request import JSON, Request

_HEADERS = {"Accept": "application/json, */*;q=0.5", "Content-Type": JSON}


class JsonRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request that POSTs `data` as JSON, or a `body` that is JSON, and asks for JSON in return."""

    data: Any = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.data is not msgspec.UNSET:
            force_setattr(self, "json", self.data)
            force_setattr(self, "data", msgspec.UNSET)
        headers = settled_headers(self, self.headers)
        given = {name.lower() for name in headers}
        usual = {name: value for name, value in _HEADERS.items() if name.lower() not in given}
        force_setattr(self, "headers", {**usual, **headers})
        super().__post_init__()
