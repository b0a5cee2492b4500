"""Who the crawl is, told to the origins that settings name."""

import base64
from typing import Any

import pytest

from scraper import Request, SettingsError
from scraper.network.auth.digest import answer, challenge
from scraper.network.policies.redirects import Redirects
from scraper.protocols import Attempts
from scraper.settings.schema import NetworkSettings
from scraper.verdict import Redirect
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, raw, repeating

ASKED = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%s, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def authorization_of(heard: bytes) -> str | None:
    """The Authorization header of a request as the server heard it."""
    found = [line for line in heard.decode().split("\r\n") if line.lower().startswith("authorization:")]
    assert len(found) <= 1
    return found[0].partition(": ")[2] if found else None


def entry(url: str, **fields: Any) -> dict[str, Any]:
    return {"origin": url, **({"user": "me", "password": "pass"} if "token" not in fields else {}), **fields}


async def test_basic_and_bearer(network: Open) -> None:
    """They are sent with every request to their origin, and with none to another, a port of the same host included."""
    async with raw(repeating(OK)) as one, raw(repeating(OK)) as two, raw(repeating(OK)) as three:
        net = await network(auth=[entry(one.url), entry(two.url, type="bearer", token="t0")])
        for server in (one, two, three):
            for path in ("robots.txt", "page"):
                await net.fetch(Request(f"{server.url}{path}"))
        word = "Basic " + base64.b64encode(b"me:pass").decode()
        assert list(map(authorization_of, one.heard)) == [word, word]
        assert list(map(authorization_of, two.heard)) == ["Bearer t0", "Bearer t0"]
        assert list(map(authorization_of, three.heard)) == [None, None]


async def test_it_does_not_travel(network: Open) -> None:
    """A request knows nothing of what was said for it, so a redirect to another origin cannot take it along."""
    away = b"HTTP/1.1 302 Found\r\nLocation: http://b.example/\r\nContent-Length: 0\r\n\r\n"
    async with raw(repeating(away)) as server:
        request = Request(server.url)
        response = await (await network(auth=[entry(server.url)])).fetch(request)
        assert response.request is request
        followed = Redirects(NetworkSettings())(request, response, Attempts())
        assert isinstance(followed, Redirect)
        assert followed.request.headers == {}


async def test_who_speaks_for_itself(network: Open) -> None:
    """An Authorization header given by hand, and a user in the address, win."""
    async with raw(repeating(OK)) as server:
        net = await network(auth=[entry(server.url)])
        await net.fetch(Request(server.url, headers={"authorization": "mine"}))
        await net.fetch(Request(server.url.replace("//", "//you:word@")))
        assert list(map(authorization_of, server.heard)) == ["mine", "Basic eW91OndvcmQ="]


async def asking(talk: Talk) -> None:
    """Takes each nonce twice."""
    count = 0
    while True:
        word = authorization_of(await talk.hear())
        nonce = f'nonce="n{count // 2}"'
        if word is None or nonce not in word:
            asked = f'WWW-Authenticate: Basic realm=x\r\nWWW-Authenticate: Digest realm="x", qop="auth", {nonce}\r\n'
            await talk.say(f"HTTP/1.1 401 No\r\n{asked}Content-Length: 0\r\n\r\n".encode())
        else:
            count += 1
            await talk.say(OK)


async def test_digest(network: Open) -> None:
    """A challenge is answered, once; what follows is answered ahead, until the nonce is no longer taken."""
    async with raw(asking) as server:
        net = await network(auth=[entry(server.url, type="digest")])
        for _ in range(3):
            assert (await net.fetch(Request(f"{server.url}a?b#c"))).status == 200
        words = list(map(authorization_of, server.heard))
        assert words[0] is None
        assert ["nc=00000001" in (word or "") for word in words] == [False, True, False, False, True]
        assert all('uri="/a?b"' in word for word in words if word)


async def test_a_digest_that_is_refused(network: Open) -> None:
    """A wrong password is tried once a request, and a 401 without a challenge is an answer like any other."""
    no = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="x", nonce="n"\r\nContent-Length: 0\r\n\r\n'
    async with raw(repeating(no)) as server:
        net = await network(auth=[entry(server.url, type="digest")])
        assert (await net.fetch(Request(server.url))).status == 401
        assert len(server.heard) == 2


async def test_a_challenge_of_somebody_else(network: Open) -> None:
    """Who is not named in the settings gets no answer to a challenge."""
    no = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="x", nonce="n"\r\nContent-Length: 0\r\n\r\n'
    async with raw(repeating(no)) as server:
        net = await network(auth=[entry("http://a.example", type="digest")])
        await net.fetch(Request(server.url))
        assert list(map(authorization_of, server.heard)) == [None]


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_the_standard(algorithm: str, response: str) -> None:
    """RFC 7616, 3.9.1."""
    asked = challenge([ASKED % algorithm])
    assert asked is not None
    request = Request("http://www.example.org/dir/index.html")
    word = answer(asked, request, "Mufasa", "Circle of Life", CNONCE)
    assert f'response="{response}"' in word
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in word


def test_the_strongest_hash_counts() -> None:
    """Of several challenges, in one header or more, the one with the strongest hash is answered."""
    both = [f"{ASKED % 'MD5'}, {ASKED % 'SHA-256'}", "Negotiate abc=="]
    asked = challenge(both)
    assert asked is not None
    assert asked.algorithm == "SHA-256"


def test_hidden_users() -> None:
    """Where the server wants it, the user's name is hashed as well (RFC 7616, 3.9.2)."""
    asked = challenge(['Digest realm="api@example.org", nonce="n", qop="auth", algorithm=SHA-512-256, userhash=true'])
    assert asked is not None
    word = answer(asked, Request("http://api.example.org/doe.json"), "J\u00e4s\u00f8n Doe", "x", "c")
    assert 'username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"' in word


def test_older_and_rarer_forms() -> None:
    """No qop, a session's hash, and auth-int are understood."""
    request = Request("http://a.example/", method="POST", body=b"x")
    words = []
    for extra in ("", "algorithm=MD5-sess, qop=auth", 'qop="auth-int"'):
        asked = challenge([f'Digest realm="a \\"b\\"", nonce="n", {extra}'])
        assert asked is not None
        words.append(answer(asked, request, "me", "pass", "c"))
    assert all('realm="a \\"b\\""' in word for word in words)
    assert "qop" not in words[0]
    assert len({word.partition('response="')[2][:32] for word in words}) == 3


@pytest.mark.parametrize(
    "field", ["", "Basic realm=x", "Digest", 'Digest nonce=""', "Digest nonce=n, algorithm=X", "Digest nonce=n, qop=x"]
)
def test_challenges_that_cannot_be_answered(field: str) -> None:
    """A challenge that is none, or asks for what nobody knows, is not answered."""
    assert challenge([field]) is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"origin": "a.example"}, "origin: expected"),
        ({"origin": "http://a.example/page"}, "origin: expected"),
        ({"origin": "ftp://a.example"}, "origin: expected"),
        ({"origin": "http://me:secret@a.example"}, "origin: expected"),
        ({"user": ""}, "takes user and password"),
        ({"token": "secret", "user": "me"}, "no token"),
        ({"type": "bearer"}, "takes a token"),
        ({"user": "a:b"}, "colon"),
        ({"password": "secret\r\nX: y"}, "line break"),
    ],
)
async def test_entries_that_cannot_be_used(network: Open, fields: dict[str, str], told: str) -> None:
    """An entry that cannot be used is an error before anything is sent, which names it and not its secrets."""
    with pytest.raises(SettingsError, match=r"\[\[network\.auth\]\] #2") as caught:
        await network(auth=[entry("http://b.example"), {**entry("http://a.example"), **fields}])
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
