"""The network as a whole: opened, used with its policies, and closed."""

import gc
from random import Random

import pytest

from scraper import FetchError, Request, SettingsError
from scraper.errors import Reason
from scraper.http.response import Response
from scraper.network import Network, open_network
from scraper.network.policies.redirects import Redirects
from scraper.network.policies.retry import Retries
from scraper.network.policies.status import Statuses
from scraper.protocols import Attempts
from scraper.settings.schema import NetworkSettings
from scraper.verdict import DELIVER, Deliver, Fail, Redirect, Retry, Sequel
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, raw, repeating


def sequel(net: Network, request: Request, outcome: Response | FetchError, attempts: Attempts) -> Sequel:
    """What the first policy that has an opinion says."""
    return next(found for policy in net.policies if (found := policy(request, outcome, attempts)) is not None)


async def test_the_order_of_the_policies(network: Open) -> None:
    """Redirects are decided first, then retries, then what is final."""
    assert [type(policy) for policy in (await network()).policies] == [Redirects, Retries, Statuses]


async def test_a_request_to_its_end(network: Open) -> None:
    """A request is redirected, with the cookie that it gets on its way, tried again, and delivered."""

    async def site(talk: Talk) -> None:
        while True:
            path, cookie = (request := await talk.hear()).split()[1], b"Cookie: seen=1" in request
            if path == b"/":
                await talk.say(
                    b"HTTP/1.1 302 Found\r\nLocation: /page\r\nSet-Cookie: seen=1\r\nContent-Length: 0\r\n\r\n"
                )
            elif not cookie or len(talk.heard) < 4:
                await talk.say(b"HTTP/1.1 503 Later\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")
            else:
                await talk.say(OK)

    async with raw(site) as server:
        net = await network()
        request, attempts, taken = Request(server.url), Attempts(), []
        while not taken or not isinstance(taken[-1], Deliver | Fail):
            outcome = await net.fetch(request)
            taken.append(sequel(net, request, outcome, attempts))
            match taken[-1]:
                case Redirect(following):
                    request, attempts = following, Attempts(hops=(*attempts.hops, request.url))
                case Retry(seconds):
                    assert seconds == 7.0
                    attempts = Attempts(retries=attempts.retries + 1, hops=attempts.hops)
        assert [type(each) for each in taken] == [Redirect, Retry, Retry, Deliver]


async def test_what_nobody_tries_again_is_final(network: Open) -> None:
    """An error status, or a failure, that was tried often enough is given up, unless the status is accepted."""
    request, worn_out = Request("http://a.example/"), Attempts(retries=3)
    unavailable = Response(request.url, status=503, request=request)
    assert sequel(await network(), request, unavailable, worn_out) == Fail("http_503")
    assert sequel(await network(), request, FetchError(Reason.RESET, request.url), worn_out) == Fail(Reason.RESET)
    assert sequel(await network(accept_statuses=[503]), request, unavailable, worn_out) is DELIVER


async def test_accepted_statuses_of_spider_and_settings(network: Open) -> None:
    """Statuses that the spider handles and those of the settings are accepted alike."""
    async with open_network(NetworkSettings(accept_statuses=(404,)), accept_statuses={410, 301}, rng=Random()) as net:
        request = Request("http://a.example/")
        for status in (404, 410, 301):
            headers = {"Location": "/other"}
            response = Response(request.url, status=status, headers=headers, request=request)
            assert sequel(net, request, response, Attempts()) is DELIVER


async def test_nothing_is_left_open() -> None:
    """Leaving the network closes every connection, kept ones and those in use."""
    async with raw(repeating(OK)) as server:
        async with open_network(NetworkSettings(), rng=Random()) as net:
            for _ in range(3):
                await net.fetch(Request(server.url))
        gc.collect()  # a connection or session left open would warn here, and warnings are errors
        with pytest.raises(FetchError):
            await net.fetch(Request(server.url))


async def test_a_certificate_file_that_is_none(network: Open, tmp_path: object) -> None:
    """A ca_file that cannot be read, or holds no certificates, is an error before anything is sent."""
    for wrong in (f"{tmp_path}/missing.pem", __file__):
        with pytest.raises(SettingsError, match=r"\[network\] ca_file"):
            await network(ca_file=wrong)
