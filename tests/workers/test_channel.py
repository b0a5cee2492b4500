"""Messages come as they were sent, however the bytes are cut; orders and results come as they were."""

import asyncio
import pickle
import socket
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import SpiderError
from scraper.http.request import Links, Request
from scraper.protocols import Results
from scraper.workers.channel import Channel, Kind
from scraper.workers.messages import FetchOrder, packed_order, packed_part, packed_results, parts, unpacked_order

messages = st.lists(
    st.tuples(st.sampled_from(Kind), st.integers(0, 2**64 - 1), st.binary(max_size=40)), min_size=1, max_size=12
)


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


@given(messages, st.lists(st.integers(1, 60), min_size=1))
def test_messages_arrive_as_they_were_sent(sent: list[tuple[Kind, int, bytes]], cuts: list[int]) -> None:
    """In their order, whole, and none of them early."""
    heard: list[tuple[Kind, int, bytes]] = []

    async def talk() -> None:
        wire = Wire()
        one = Channel(lambda *_: None, lambda: None)
        other = Channel(lambda *each: heard.append(each), lambda: None)
        one.connection_made(wire)  # type: ignore[arg-type]
        for each in sent:
            one.send(*each)
        await asyncio.sleep(0)
        data, at = wire.written, 0
        for number in range(len(data)):
            if at >= len(data):
                break
            size = cuts[number % len(cuts)]
            other.data_received(data[at : at + size])
            at += size

    asyncio.run(talk())
    assert heard == sent


async def test_the_end_is_noticed() -> None:
    """Who stays behind is told when the other end is gone; what is sent then goes nowhere."""
    lost = asyncio.Event()
    ours, theirs = socket.socketpair()
    channel = Channel(lambda *_: None, lost.set)
    await asyncio.get_running_loop().create_connection(lambda: channel, sock=ours)
    theirs.close()
    await lost.wait()
    channel.send(Kind.READY)
    await asyncio.sleep(0)
    channel.close()


requests = st.builds(
    Request,
    st.sampled_from(["http://a.example/", "http://a.example/?q=1"]),
    st.sampled_from([None, "parse", "page"]),
    method=st.sampled_from(["GET", "POST"]),
    headers=st.dictionaries(st.sampled_from(["X-A", "X-B"]), st.text("ab", max_size=3)),
    cookies=st.dictionaries(st.sampled_from(["c", "d"]), st.text("ab", max_size=3)),
    body=st.binary(max_size=8),
    meta=st.dictionaries(st.text("ab", max_size=2), st.sampled_from([1, "x", (1, 2), {3}, None])),
    cb_kwargs=st.dictionaries(st.sampled_from(["number", "key"]), st.integers()),
    priority=st.integers(-5, 5),
    timeout=st.sampled_from([None, 1.5]),
    depth=st.integers(0, 5),
)


@given(requests, st.sampled_from([None, {"Cookie": "a=b"}]), st.integers(0, 3), st.booleans())
def test_orders_come_as_they_were(request: Request, headers: Any, retries: int, is_page: bool) -> None:
    """With all that a request holds."""
    order = FetchOrder(request, headers, retries, ("http://a.example/before",), is_page)
    assert unpacked_order(packed_order(order)) == order


def _flat(found: list[Any]) -> list[Request]:
    return [request for each in found for request in (map(Request, each.urls) if isinstance(each, Links) else [each])]


@given(st.integers(0, 1300), st.integers(0, 1300))
def test_results_come_in_portions(items: int, links: int) -> None:
    """No message has more than a portion, and all of them have everything, in order."""
    urls = [f"http://a.example/{each}" for each in range(links)]
    results = Results([{"n": each} for each in range(items)], [Links(Request("http://a.example/"), urls)])
    found_items: list[Any] = []
    found_links: list[Any] = []
    for portion in parts(results):
        some, more = pickle.loads(packed_part(results, *portion))
        assert len(some) + len(_flat(more)) <= 500
        found_items += some
        found_links += more
    rest = pickle.loads(packed_results(results))
    assert [*found_items, *rest.items] == [{"n": each} for each in range(items)]
    assert [each.url for each in _flat([*found_links, *rest.requests])] == urls


def test_what_cannot_be_sent_is_a_fault() -> None:
    """Everything else is sent; the fault names what it was."""
    results = Results([{"a": 1}, {"b": lambda: None}], where="Books.parse")
    found = pickle.loads(packed_results(results))
    assert found.items == [{"a": 1}]
    assert str(found.faults[0].error).startswith("Books.parse gave a dict ({'b': ")
    error = pickle.loads(packed_results(Results(error=RecursionError(lambda: None)))).error
    assert isinstance(error, SpiderError)
