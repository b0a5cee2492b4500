r"""Contracts: what a callback's docstring promises of a sample page, as Scrapy spells it.

    def parse(self, response):
        '''A shelf.

        @url https://books.example/shelf
        @returns items 1 16
        @returns requests 0 1
        @scrapes title price
        '''

| contract | promises |
| --- | --- |
| `@url URL` | nothing: it names the sample. A callback without one has no contract, with several it has one each |
| `@method WORD`, `@meta JSON`, `@cb_kwargs JSON` | nothing: they are of the sample's request |
| `@returns items\|requests [MIN [MAX]]` | so many; at least one unless told, and any more |
| `@scrapes FIELD …` | every item has these fields |

A spider's own are functions in its dict `contracts`: `@is_cheap 20` calls `contracts["is_cheap"]` with the text behind
its name, the response, the items and the requests. What it raises as an `AssertionError`, or returns as a text, is why
the contract is broken.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import msgspec

from scraper.errors import SpiderError
from scraper.http.request import Request
from scraper.http.response import Response
from scraper.items.item_types import fields
from scraper.settings.messages import nearest
from scraper.spider import Spider

Check = Callable[[str, Response, Sequence[Any], Sequence[Request]], object]

_LINE = re.compile(r"^[ \t]*+@(\w+)[ \t]*+(.*)$", re.MULTILINE)
_NOUNS = {"item": "items", "items": "items", "request": "requests", "requests": "requests"}


@dataclass(frozen=True, slots=True)
class Contract:
    """What the spider's method `callback` promises of the answer to `request`: lines by name and text."""

    callback: str
    request: Request
    promises: tuple[tuple[str, str], ...]


def contracts_of(spider: type[Spider]) -> list[Contract]:
    """The contracts in the docstrings of a spider's methods. Raises `SpiderError` for one that cannot be understood."""
    found: list[Contract] = []
    for name in dict.fromkeys(name for kind in spider.__mro__ for name in vars(kind)):
        method = getattr(spider, name, None)
        text = method.__doc__ if callable(method) and not isinstance(method, type) else None
        if text and getattr(Spider, name, None) is not method:
            found += _of_method(spider, name, [(line[1], line[2].rstrip()) for line in _LINE.finditer(text)])
    return found


def _of_method(spider: type[Spider], callback: str, lines: Sequence[tuple[str, str]]) -> Iterator[Contract]:
    if not any(name == "url" for name, _ in lines):
        return
    where = f"{spider.__name__}.{callback}"
    known = {*_SAMPLE, *_CHECKS, *spider.contracts}
    for name, _ in lines:
        if name not in known and (meant := nearest(name, known)):
            raise SpiderError(f"{where}: no contract @{name}; did you mean @{meant}?")
    promises = tuple(line for line in lines if line[0] in _CHECKS or line[0] in spider.contracts)
    for name, argument in promises:
        if name == "returns":
            _bounds(where, argument)
    sample = {name: _value(where, name, text) for name, text in lines if name in _SAMPLE and name != "url"}
    for name, text in lines:
        if name == "url":
            yield Contract(callback, Request(text, callback, dont_filter=True, **sample), promises)


_SAMPLE = ("url", "method", "meta", "cb_kwargs")


def _value(where: str, name: str, text: str) -> Any:
    """What a line about the sample's request gives it."""
    if name == "method":
        return text
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise SpiderError(f'{where}: @{name} {text}: expected an object of JSON, as in @{name} {{"page": 1}}') from None


def broken(
    contract: Contract, own: Mapping[str, Check], response: Response, items: Sequence[Any], requests: Sequence[Request]
) -> list[str]:
    """Which promises of `contract` do not hold for what its callback gave: `@returns items 1: there are 0`."""
    found = []
    for name, argument in contract.promises:
        try:
            problem = {**_CHECKS, **own}[name](argument, response, items, requests)
        except AssertionError as error:
            problem = next(iter(str(error).splitlines()), "it does not hold")
        except Exception as error:  # an own contract may raise anything
            problem = f"{type(error).__name__}: {error}"
        if problem:
            found.append(f"@{name} {argument}".rstrip() + f": {problem}")
    return found


def _bounds(where: str, argument: str) -> tuple[str, float, float]:
    """Of which there are to be how many, at least and at most."""
    noun, *numbers = argument.split() or [""]
    if noun not in _NOUNS or len(numbers) > 2 or not all(each.isdecimal() for each in numbers):
        raise SpiderError(f"{where}: @returns {argument}: expected items or requests, as in @returns items 1 16")
    least, most = [*map(float, numbers), *(1.0, inf)[len(numbers) :]]
    return _NOUNS[noun], least, most


def _returns(argument: str, response: Response, items: Sequence[Any], requests: Sequence[Request]) -> str:
    noun, least, most = _bounds("", argument)
    number = len(items if noun == "items" else requests)
    return "" if least <= number <= most else f"there are {number}"


def _scrapes(argument: str, response: Response, items: Sequence[Any], requests: Sequence[Request]) -> str:
    lacking = [name for name in argument.split() if any(name not in _there(item) for item in items)]
    return f"an item has no {', '.join(lacking)}" if lacking else ""


def _there(item: Any) -> Container[str]:
    """The fields that an item has: of an `Item`, those that something was put into."""
    return item if isinstance(item, Mapping) else fields(item)


_CHECKS: Mapping[str, Check] = {"returns": _returns, "scrapes": _scrapes}
