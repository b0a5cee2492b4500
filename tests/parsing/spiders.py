"""A spider with every kind of callback. It stands in a module of its own, since parse processes import it."""

import asyncio
import os
import threading
import time
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import attrs
import msgspec
from pydantic import BaseModel

from scraper import Field, Item
from scraper.errors import CloseSpider
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.spider import Failure, Spider


@dataclass
class Book:
    title: str


@attrs.define
class AttrsBook:
    title: str


class StructBook(msgspec.Struct):
    title: str


class ModelBook(BaseModel):
    title: str


class ItemBook(Item):
    title = Field()


class Single:
    """A record of which there can be but one."""

    __attrs_attrs__ = ()

    def __copy__(self) -> "Single":
        raise TypeError("there can be but one")

    def __repr__(self) -> str:
        return "<the only one>"


PAGE = Response("http://a.example/")


class Unpicklable(Exception):
    """Its arguments are not those it can be made of again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


class Shop(Spider):
    name = "shop"
    count = 0
    is_busy = False
    overlaps = 0

    # All kinds of callback.

    def generator(self, response: Response, extra: str = "") -> Iterator[Any]:
        yield {"title": response.css("h1::text").get(), "extra": extra}
        yield Request("http://a.example/next", self.generator)

    async def coroutine(self, response: Response) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"title": response.css("h1::text").get()}

    async def async_generator(self, response: Response) -> AsyncIterator[Any]:
        yield Book("async")
        await asyncio.sleep(0)
        yield Request("http://a.example/next")

    def nothing(self, response: Response) -> None:
        self.count += 1

    def one_item(self, response: Response) -> dict[str, Any]:
        return {"title": "one"}

    def one_request(self, response: Response) -> Request:
        return Request("http://a.example/next")

    def a_list(self, response: Response) -> list[Any]:
        return [{"title": "a"}, Request("http://a.example/next"), Book("b"), None]

    def returned_links(self, response: Response) -> Any:
        return response.follow_all(css="a")

    def delegated_links(self, response: Response) -> Iterator[Any]:
        yield {"title": "before"}
        yield from response.follow_all(css="a")
        yield {"title": "after"}

    def delegated_twice(self, response: Response) -> Iterator[Any]:
        yield from self.delegated_links(response)

    def yielded_links(self, response: Response) -> Iterator[Any]:
        yield response.follow_all(css="a")

    def one_dict_again_and_again(self, response: Response) -> Iterator[Any]:
        item: dict[str, Any] = {}
        for title in ("a", "b"):
            item["title"] = title
            yield item

    def one_record_again_and_again(self, response: Response) -> Iterator[Any]:
        for kind in (Book, AttrsBook, StructBook, ModelBook, ItemBook):
            item = kind(title="")
            for title in ("a", "b"):
                item.title = title
                yield item

    async def one_record_later(self, response: Response) -> AsyncIterator[Any]:
        for each in self.one_record_again_and_again(response):
            await asyncio.sleep(0)
            yield each

    def one_mapping_again_and_again(self, response: Response) -> Iterator[Any]:
        for item in (UserDict[str, Any](), OrderedDict[str, Any](), ItemBook(title=""), ChainMap[str, Any]({}, {})):
            for title in ("a", "b"):
                item["title"] = title
                yield item

    def one_record_in_an_errback(self, failure: Failure) -> Iterator[Any]:
        yield from self.one_record_again_and_again(PAGE)

    def plain_that_returns_a_coroutine(self, response: Response) -> Any:
        return self.coroutine(response)

    # What goes wrong.

    def raises(self, response: Response) -> Iterator[Any]:
        yield {"title": "kept"}
        yield Request("http://a.example/kept")
        raise ZeroDivisionError("no")  # the line that is blamed

    async def raises_async(self, response: Response) -> AsyncIterator[Any]:
        yield {"title": "kept"}
        raise ZeroDivisionError("no")

    def raises_in_a_library(self, response: Response) -> None:
        response.css("a[").getall()  # this line is blamed, not the library's

    def yields_text(self, response: Response) -> Iterator[Any]:
        yield {"title": "kept"}
        yield "a text"  # blamed
        yield {"title": "kept, too"}

    def returns_text(self, response: Response) -> str:  # blamed
        return "a text"

    async def yields_number(self, response: Response) -> AsyncIterator[Any]:
        yield 7  # blamed
        yield {"title": "kept"}

    async def returns_number(self, response: Response) -> int:  # blamed
        return 7

    def yields_a_list(self, response: Response) -> Iterator[Any]:
        yield [{"title": "a"}]  # blamed

    def delegates(self, response: Response) -> Iterator[Any]:
        yield from self.yields_text(response)

    def returns_several(self, response: Response) -> list[Any]:  # blamed
        return ["a text", {"title": "kept"}, 7, None, object, Request("http://a.example/kept")]

    def gives_the_only_one(self, response: Response) -> Iterator[Any]:
        yield Single()  # blamed
        yield {"title": "kept"}

    def closes(self, response: Response) -> Iterator[Any]:
        yield {"title": "kept"}
        raise CloseSpider("enough")

    def exits(self, response: Response) -> None:
        raise SystemExit(3)

    def cancels(self, response: Response) -> None:
        raise asyncio.CancelledError

    def dies(self, response: Response) -> None:
        os._exit(1)

    def unpicklable_item(self, response: Response) -> Any:
        return {"title": threading.Lock()}

    def unpicklable_error(self, response: Response) -> Any:
        raise Unpicklable("one", "two")

    # What takes time.

    def slow(self, response: Response) -> Any:
        if self.is_busy:
            self.overlaps += 1
        self.is_busy = True
        time.sleep(0.002)
        self.is_busy = False
        self.count += 1
        return {
            "title": response.css("h1::text").get(),
            "overlaps": self.overlaps,
            "thread": threading.current_thread().name,
        }

    def forever(self, response: Response) -> None:
        time.sleep(3600)

    def failed(self, failure: Any) -> Any:
        return {"reason": str(failure.value)}
