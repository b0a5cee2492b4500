"""What is secret by its name is in no recording, and a recording is replayed without it."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from scraper import Crawl, Request, Response
from scraper.crawling.recordings.folder import Recording, open_recording, spider_of
from scraper.crawling.recordings.record import kept_arguments, limited, settle
from scraper.crawling.recordings.replay import accept, check
from scraper.protocols import Fetch
from scraper.recording.accepted import Header
from scraper.recording.recorder import Recorder
from scraper.recording.redaction import STRIPPED, stripped, stripped_headers
from scraper.recording.request_labels import label
from scraper.settings.tables import from_tables
from scraper.sinks.memory import Collect
from scraper.testing.local import Local
from tests.recording.members import HOST, Members, answer

CASES = Path(__file__).parent / "cases"
SETTINGS = from_tables(
    {
        "engine": {"concurrency": 1},
        "limits": {"robots": False},
        "network": {"secret_headers": ["x-CORP"], "headers": {"X-Corp": "hunter2-default"}},
    }
)


class Answered(Recorder):
    """Records a crawl whose network is the members' site."""

    async def wire(self, request: Request, fetch: Fetch) -> Response:
        async def answered(asked: Request) -> Response:
            return await Local(answer).wire(asked, fetch)

        return await super().wire(request, answered)


async def recorded(folder: Path, **arguments: str) -> Recording:
    """The recording of a crawl of the members' site, of five pages."""
    settings = limited(SETTINGS, 5)
    tap = Answered(folder / "pages.warc.gz.part", about={}, secret_headers=settings.network.secret_headers)
    await Crawl(Members, settings, arguments=arguments, sinks=[Collect()], observers=[tap], tap=tap).run()
    tap.check()
    kept = kept_arguments([f"{name}={value}" for name, value in arguments.items()])
    given = dict(each.split("=", 1) for each in kept)
    await settle(folder, Members, SETTINGS, given, Header("members", arguments=kept), tap.ended)
    return open_recording(folder, "members")


async def test_no_secret_is_in_a_recording(tmp_path: Path) -> None:
    """Neither headers that settings call secret, nor arguments, fields, parameters and passwords of URLs are."""
    await recorded(tmp_path, token="hunter2-argument")
    pages, items = gzip.decompress((tmp_path / "pages.warc.gz").read_bytes()), (tmp_path / "items.jsonl").read_bytes()
    assert b"hunter2" not in pages + items
    for kept in (
        b"X-Corp: stripped",
        b"X-Refresh-Token: stripped",
        b"user=jo&password=stripped&authenticity_token=stripped",
        b"Location: https://members.example/home?session_id=stripped&from=login",
        b"GET /list?api_token=stripped&page=2 HTTP/1.1",
        b'{"token":"stripped","q":"sea"}',
    ):
        assert kept in pages
    assert items.startswith(b'{"spider":"members","form":2,"exchanges":6,"arguments":["token=stripped"]')


@pytest.mark.parametrize("token", ["stripped", "", "another"])
async def test_a_recording_is_replayed_without_its_secrets(tmp_path: Path, token: str) -> None:
    """Whatever takes the place of a secret, the same answers are found, and the same is made of them."""
    recording = await recorded(tmp_path, token="hunter2-argument")
    assert [item for page in recording.accepted.pages for item in page.items] == [
        {"home": "/home "},
        {"text": "/list 1"},
        {"text": "/list 2"},
        {"text": "/api "},
        {"text": "/late "},
    ]
    found = await check(Members, SETTINGS, recording, {"token": token})
    assert found.is_same


async def test_a_recording_of_the_first_form_is_replayed(tmp_path: Path) -> None:
    """A recording that has more secrets, and calls requests by them, is as it was accepted, also once more."""
    for file in (CASES / "members").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    recording = open_recording(tmp_path, "members")
    arguments = dict(each.split("=", 1) for each in recording.accepted.header.arguments)
    assert arguments == {"token": "hunter2-argument"}
    assert (await check(Members, SETTINGS, recording, arguments)).is_same
    await accept(Members, SETTINGS, recording, arguments)
    assert (tmp_path / "items.jsonl").read_bytes().splitlines()[1:] == (
        (CASES / "members" / "items.jsonl").read_bytes().splitlines()[1:]
    )
    assert (await check(Members, SETTINGS, open_recording(tmp_path, "members"), arguments)).is_same


async def test_a_recording_that_windows_wrote_is_read(tmp_path: Path) -> None:
    """A byte order mark, line ends of Windows and an empty line in items.jsonl make no difference."""
    for file in (CASES / "members").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    known = open_recording(tmp_path, "members").accepted
    items = tmp_path / "items.jsonl"
    items.write_bytes(b"\xef\xbb\xbf" + items.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert open_recording(tmp_path, "members").accepted == known
    assert spider_of(tmp_path) == "members"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("Location", "http://bob:pw@shop.example/a//b@c?page=2", "http://shop.example/a//b@c?page=2"),
        ("Location", "//bob:pw@shop.example/", "//shop.example/"),
        ("Location", "/a//b@c", "/a//b@c"),
        (
            "location",
            "/next?id_token=pw&page=2#access_token=pw",
            "/next?id_token=stripped&page=2#access_token=stripped",
        ),
        ("Refresh", "0; url=https://bob:pw@shop.example/", "0; url=https://shop.example/"),
        ("Link", "<https://bob:pw@shop.example/2>; rel=next", "<https://shop.example/2>; rel=next"),
        ("X-Amz-Security-Token", "pw", STRIPPED),
        ("Set-Cookie", "id=pw; Path=/", "id=stripped; Path=/"),
        ("X-More", "pw", STRIPPED),
        ("Content-Type", "text/html; charset=utf-8", "text/html; charset=utf-8"),
    ],
)
def test_headers_are_kept_without_their_secrets(name: str, value: str, kept: str) -> None:
    """Values of secret headers are replaced, and so are passwords and secret parameters of URLs in all others."""
    assert list(stripped_headers(CIMultiDict([(name, value)]), {"x-more"})) == [(name, kept)]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://u:pw@a.example/?page=2&jwt=pw#top", "http://a.example/?page=2&jwt=stripped#top"),
        ("http://a.example/?page=2#id=1&access_token=pw", "http://a.example/?page=2#id=1&access_token=stripped"),
        ("http://a.example/?jwt&page", "http://a.example/?jwt&page"),
        ("http://a.example/jwt=1", "http://a.example/jwt=1"),
    ],
)
def test_urls_are_kept_without_their_secrets(url: str, kept: str) -> None:
    """User and password are removed, and the values of secret parameters replaced, in query and fragment."""
    assert stripped(Request(url)).url == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("shelf=new", "shelf=new"),
        ("token=pw", "token=stripped"),
        ("token=", "token="),
        ('login={"user": "me", "password": "pw"}', "login=stripped"),
        ("proxy=me:pw@p.example:80", "proxy=p.example:80"),
        ("shop=http://me:pw@a.example/?jwt=pw&page=2", "shop=http://a.example/?jwt=stripped&page=2"),
    ],
)
def test_arguments_are_kept_without_their_secrets(given: str, kept: str) -> None:
    """What the command line does not show of an argument is not kept either."""
    assert kept_arguments([given]) == [kept]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"form": {"user": "josé", "password": "pw"}}, "user=jos%C3%A9&password=stripped"),
        ({"form": {"user[passwd]": "pw", "q": ["a b", "c"]}}, "user%5Bpasswd%5D=stripped&q=a+b&q=c"),
        ({"json": {"n": 1, "deep": [{"apiKey": 7}]}}, '{"n":1,"deep":[{"apiKey":"stripped"}]}'),
        ({"body": '{"q": "my password"}'}, '{"q": "my password"}'),
        ({"body": b"\xff\x00"}, "\xff\x00"),
    ],
)
def test_content_is_kept_without_its_secrets(given: dict[str, Any], kept: str) -> None:
    """Fields of forms and keys of JSON that are secret by their name are replaced; nothing else is changed."""
    request = stripped(Request(HOST, **given))
    assert request.body == kept.encode("latin-1")
    assert label(request) == label(Request(HOST, **given))
