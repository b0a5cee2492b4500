"""Middlewares composed around a fetch: the first of the list is the outermost."""

from collections.abc import Iterable

from scraper.errors import FetchError, IgnoreRequest, Reason, SpiderError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.protocols import Fetch, Middleware
from scraper.urls import without_credentials


def chain(middlewares: Iterable[Middleware], fetch: Fetch) -> Fetch:
    """`fetch` with `middlewares` around it, or `fetch` itself if there are none.

    What one of them raises by mistake fails the request at hand only. Raises `SpiderError` for one that cannot be
    called.
    """
    for middleware in reversed(tuple(middlewares)):
        if not callable(middleware) or isinstance(middleware, type):
            raise SpiderError(f"middlewares: {middleware!r:.80} cannot be called with a request and a fetch")
        fetch = _around(middleware, fetch)
    return fetch


def _around(middleware: Middleware, inner: Fetch) -> Fetch:
    async def fetch(request: Request) -> Response:
        try:
            response = await middleware(request, inner)
        except (FetchError, IgnoreRequest):
            raise
        except Exception as error:
            raise _blame(middleware, request, f"raised {type(error).__name__}: {error}") from error
        if not isinstance(response, Response):
            raise _blame(middleware, request, f"gave {response!r:.60} instead of a Response")
        return response

    return fetch


def _blame(middleware: Middleware, request: Request, deed: str) -> FetchError:
    name = getattr(middleware, "__qualname__", type(middleware).__qualname__)
    return FetchError(Reason.MIDDLEWARE, without_credentials(request.url), f"{name} {deed}")
