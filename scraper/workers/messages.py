"""Orders and results as bytes. All of it is written and read by processes of one crawl."""

import pickle
from typing import Any

import msgspec

from scraper.errors import SpiderError
from scraper.http.request import Links, Request, number_of
from scraper.parsing.callbacks import bunched
from scraper.protocols import Fault, Results

PORTION = 500
"""Items, or links, in one message, so that reading it does not hold up the loop."""

ADVICE = "keep what cannot be pickled out of meta and cb_kwargs, or crawl with [engine] processes = 1"
FEW = 4  # requests that are sent as they are

_PLAIN, _PICKLED = b"m", b"p"


class FetchOrder(msgspec.Struct, frozen=True, array_like=True):
    """To fetch `request`, with other `headers` if there are any: what cookies add is for its host alone.

    `retries` and `hops` are what was tried before. Unless it `is_page`, the answer is not for a callback.
    """

    request: Request
    headers: dict[str, str | None] | None
    retries: int
    hops: tuple[str, ...]
    is_page: bool


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FetchOrder).decode


def packed_order(order: FetchOrder) -> bytes:
    """An order as bytes. Raises `SpiderError` if its request holds what cannot be sent to a process."""
    request = order.request
    if type(request) is Request and not request.meta and not request.cb_kwargs:
        return _PLAIN + _encode(order)
    try:
        return _PICKLED + pickle.dumps(order, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise SpiderError(f"{request!r} cannot be sent to a worker process ({error}): {ADVICE}") from None


def unpacked_order(content: bytes) -> FetchOrder:
    """The order that `content` was made of."""
    if content[:1] == _PLAIN:
        return _decode(memoryview(content)[1:])
    order: FetchOrder = pickle.loads(memoryview(content)[1:])  # noqa: S301 -- from our own parent process
    return order


def parts(results: Results) -> list[tuple[list[Any], list[Request | Links]]]:
    """Take from `results` what is beyond the first items and requests, in portions: there may be a million."""
    if len(results.requests) > FEW:
        results.requests = bunched(results.requests)
    taken: list[tuple[list[Any], list[Request | Links]]] = []
    if len(results.items) > PORTION:
        taken += [(results.items[at : at + PORTION], []) for at in range(0, len(results.items), PORTION)]
        results.items = []
    if number_of(results.requests) > PORTION:
        taken += [([], portion) for portion in _portions(results.requests)]
        results.requests = []
    return taken


def _portions(requests: list[Request | Links]) -> list[list[Request | Links]]:
    portions: list[list[Request | Links]] = []
    alone: list[Request | Links] = []
    for each in requests:
        if isinstance(each, Links):
            if alone:
                portions.append(alone)
                alone = []
            portions += [[each.part(at, at + PORTION)] for at in range(0, len(each.urls), PORTION)]
        else:
            alone.append(each)
            if len(alone) == PORTION:
                portions.append(alone)
                alone = []
    return [*portions, alone] if alone else portions


def packed_call(number: int, request: Request) -> bytes:
    """A call of `fetch()` as bytes. Raises what its request raises if that cannot be sent, and read again."""
    content = pickle.dumps((number, request), pickle.HIGHEST_PROTOCOL)
    if request.meta or request.cb_kwargs:
        pickle.loads(content)  # noqa: S301 -- our own bytes
    return content


def packed_part(results: Results, items: list[Any], requests: list[Request | Links]) -> bytes:
    """A portion of `results` as bytes; what cannot be sent is left out, and noted in them as a fault."""
    try:
        return pickle.dumps((items, requests), pickle.HIGHEST_PROTOCOL)
    except Exception:
        return pickle.dumps((_sendable(items, results), _sendable(requests, results)), pickle.HIGHEST_PROTOCOL)


def packed_results(results: Results) -> bytes:
    """`results` as bytes; what cannot be sent is left out, and noted as a fault."""
    if results.error is not None:
        results.error = sendable_error(results.error)
    if results.faults:
        results.faults = [Fault(sendable_error(each.error), each.line) for each in results.faults]
    try:
        return pickle.dumps(results, pickle.HIGHEST_PROTOCOL)
    except Exception:
        results.items = _sendable(results.items, results)
        results.requests = _sendable(results.requests, results)
        return pickle.dumps(results, pickle.HIGHEST_PROTOCOL)


def _sendable(values: list[Any], results: Results) -> list[Any]:
    """Those of `values` that can be pickled."""
    able = []
    for each in values:
        try:
            pickle.loads(pickle.dumps(each, pickle.HIGHEST_PROTOCOL))  # noqa: S301 -- our own bytes
        except Exception as error:
            what = f"{type(each).__name__} ({each!r:.60})"
            text = f"{results.where} gave a {what} that cannot be sent from its process: {error}"
            results.faults.append(Fault(SpiderError(text)))
        else:
            able.append(each)
    return able


def sendable_error(error: BaseException) -> BaseException:
    """`error`, or what tells of it if it cannot be pickled. Its traceback stays here in any case."""
    try:
        pickle.loads(pickle.dumps(error, pickle.HIGHEST_PROTOCOL))  # noqa: S301 -- our own bytes
    except Exception:
        return SpiderError(f"{type(error).__name__}: {error}")
    return error
