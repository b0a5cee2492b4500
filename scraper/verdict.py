"""What a limit says of a request, and what is to follow an answer."""

import msgspec

from scraper.http.request import Request


class Go(msgspec.Struct, frozen=True):
    """The request may be sent now."""


class Wait(msgspec.Struct, frozen=True):
    """The request's host is not due yet: ask again in `seconds`."""

    seconds: float


class Refuse(msgspec.Struct, frozen=True):
    """The request must never be sent; `reason` is one of `errors.Reason`."""

    reason: str


class Park(msgspec.Struct, frozen=True):
    """The request's host cannot be reached, lastly for `reason`: its requests are kept for the next run."""

    reason: str


class First(msgspec.Struct, frozen=True):
    """`request` has to be answered before this one can be judged (robots.txt, say)."""

    request: Request


Verdict = Go | Wait | Refuse | Park | First
GO = Go()


class Retry(msgspec.Struct, frozen=True):
    """Send the same request again, not sooner than in `seconds`; it failed for `reason`."""

    seconds: float
    reason: str


class Redirect(msgspec.Struct, frozen=True):
    """Send `request` in place of the one that was answered."""

    request: Request


class Deliver(msgspec.Struct, frozen=True):
    """Hand the response to its callback."""


class Fail(msgspec.Struct, frozen=True):
    """Give the request up; `reason` is one of `errors.Reason` or an `http_…` status."""

    reason: str


Sequel = Retry | Redirect | Deliver | Fail
DELIVER = Deliver()


class Permits(msgspec.Struct, frozen=True):
    """What a page lets a crawler do: follow its links, and keep the items that are of it."""

    follow: bool = True
    index: bool = True
