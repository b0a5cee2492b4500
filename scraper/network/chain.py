"""Middlewares composed around a fetch: the first of the list is the outermost."""

from collections.abc import Iterable

from scraper.errors import FetchError, IgnoreRequest, Reason
from scraper.protocols import Fetch, Middleware
from scraper.request import Request
from scraper.response import Response
from scraper.urls import without_credentials


def chain(middlewares: Iterable[Middleware], fetch: Fetch) -> Fetch:
    """`fetch` with `middlewares` around it. What one of them raises by mistake fails the request at hand only."""
    for middleware in reversed(tuple(middlewares)):
        fetch = _around(middleware, fetch)
    return fetch


def _around(middleware: Middleware, inner: Fetch) -> Fetch:
    async def fetch(request: Request) -> Response:
        try:
            response = await middleware(request, inner)
        except (FetchError, IgnoreRequest):
            raise
        except Exception as error:
            detail = f"{name_of(middleware)} raised {type(error).__name__}: {error}"
            raise FetchError(Reason.MIDDLEWARE, without_credentials(request.url), detail) from error
        if not isinstance(response, Response):
            detail = f"{name_of(middleware)} gave {response!r:.60} instead of a Response"
            raise FetchError(Reason.MIDDLEWARE, without_credentials(request.url), detail)
        return response

    return fetch


def name_of(middleware: Middleware) -> str:
    """What a middleware is called in messages: its function's or its class's name."""
    return getattr(middleware, "__qualname__", type(middleware).__qualname__)
