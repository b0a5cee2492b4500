"""Middlewares around a fetch."""

import asyncio
from typing import Any

import pytest

from scraper import FetchError, IgnoreRequest, Request, SpiderError
from scraper.errors import Reason
from scraper.http.response import Response
from scraper.network.chain import chain
from scraper.protocols import Fetch, Middleware
from tests.network.conftest import Open
from tests.network.raw import OK, raw, repeating

PAGE = Request("http://user:secret@a.example/")


async def innermost(request: Request) -> Response:
    return Response(request.url, body=",".join(request.headers), request=request)


def adding(name: str) -> Middleware:
    """A middleware that adds a header on the way in, and its name to the body on the way out."""

    async def middleware(request: Request, fetch: Fetch) -> Response:
        response = await fetch(request.replace(headers={**request.headers, name: "x"}))
        return response.replace(body=response.body + b"," + name.encode())

    return middleware


def raising(error: BaseException) -> Middleware:
    """A middleware that raises."""

    async def unlucky(request: Request, fetch: Fetch) -> Response:
        raise error

    return unlucky


class Sleepy:
    """A middleware that is an object, and forgets to answer."""

    async def __call__(self, request: Request, fetch: Fetch) -> Any:
        await fetch(request)


def test_no_middleware_costs_nothing() -> None:
    """Without a middleware the fetch itself is used."""
    assert chain([], innermost) is innermost


async def test_the_first_is_the_outermost() -> None:
    """The order of the list is the order in which a request meets the middlewares."""
    response = await chain([adding("a"), adding("b")], innermost)(PAGE)
    assert response.body == b"a,b,b,a"


async def test_a_middleware_may_answer_itself() -> None:
    """A middleware need not fetch anything."""

    async def answering(request: Request, fetch: Fetch) -> Response:
        return Response(request.url, body=b"mine", request=request)

    assert (await chain([answering], innermost)(PAGE)).body == b"mine"


async def test_a_mistake_fails_the_request() -> None:
    """What a middleware raises by mistake fails the request, names the middleware and keeps the cause."""
    mistake = KeyError("price")
    with pytest.raises(FetchError) as caught:
        await chain([adding("a"), raising(mistake)], innermost)(PAGE)
    assert caught.value.reason == Reason.MIDDLEWARE
    assert caught.value.__cause__ is mistake
    assert "unlucky" in str(caught.value)
    assert "KeyError: 'price'" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_an_answer_that_is_none() -> None:
    """A middleware that does not give a response is named."""
    with pytest.raises(FetchError) as caught:
        await chain([Sleepy()], innermost)(PAGE)
    assert caught.value.reason == Reason.MIDDLEWARE
    assert "Sleepy gave None instead of a Response" in str(caught.value)


@pytest.mark.parametrize(
    "word", [FetchError(Reason.RESET, "http://a.example/"), IgnoreRequest("no"), asyncio.CancelledError()]
)
async def test_words_pass(word: BaseException) -> None:
    """A failure, IgnoreRequest and cancellation pass through as they are."""
    with pytest.raises(type(word)) as caught:
        await chain([adding("a"), raising(word)], innermost)(PAGE)
    assert caught.value is word


@pytest.mark.parametrize("wrong", [Sleepy, "headers", None])
def test_what_is_no_middleware(wrong: Any) -> None:
    """A class, or anything else that cannot be called with a request, is refused before anything is sent."""
    with pytest.raises(SpiderError, match="middlewares"):
        chain([wrong], innermost)


async def test_middlewares_in_a_network(network: Open) -> None:
    """The spider's middlewares go around the built-in ones: they see no Cookie header, and may set one."""
    seen: list[dict[str, str]] = []

    async def watching(request: Request, fetch: Fetch) -> Response:
        seen.append(request.headers)
        return await fetch(request)

    async with raw(repeating(OK)) as server:
        net = await network(middlewares=[watching])
        await net.fetch(Request(server.url, cookies={"a": "b"}))
        assert seen == [{}]
        assert b"Cookie: a=b" in server.heard[0]
