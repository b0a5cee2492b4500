"""What a limit says of a request, and what is to follow an answer."""

from dataclasses import dataclass

from scraper.http.request import Request


@dataclass(frozen=True, slots=True)
class Go:
    """The request may be sent now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The request's host is not due yet: ask again in `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request must never be sent; `reason` is one of `errors.Reason`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """The request's host cannot be reached, lastly for `reason`: what waits for it is left to another run."""

    reason: str


@dataclass(frozen=True, slots=True)
class First:
    """`request` has to be answered before this one can be judged (robots.txt, say)."""

    request: Request


Verdict = Go | Wait | Refuse | Park | First
GO = Go()


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the same request again, not sooner than in `seconds`; it failed for `reason`."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send `request` in place of the one that was answered."""

    request: Request


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand the response to its callback."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Give the request up; `reason` is one of `errors.Reason` or an `http_…` status."""

    reason: str


Sequel = Retry | Redirect | Deliver | Fail
DELIVER = Deliver()


@dataclass(frozen=True, slots=True)
class Permits:
    """What a page lets a crawler do: follow its links, and keep the items that are of it."""

    follow: bool = True
    index: bool = True
