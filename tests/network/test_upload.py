"""What is sent from files."""

from pathlib import Path

import msgspec
import pytest

from scraper import FetchError, Request, SpiderError
from scraper.errors import Reason
from tests.network.conftest import Open
from tests.network.raw import OK, Talk, raw, repeating


async def test_a_form_with_files(network: Open, tmp_path: Path) -> None:
    """Files and fields are sent as one multipart form (RFC 7578), the files under their names without folders."""
    file = tmp_path / "rows.csv"
    file.write_bytes(b"a,b\r\n1,2\r\n")
    async with raw(repeating(OK)) as server:
        request = Request(server.url, form={"title": "Ä", "tag": ["x", "y"], "none": None}, files={"upload": file})
        assert (await (await network()).fetch(request)).body == b"ok"
        sent = server.heard[0]
    assert sent.startswith(b"POST / ")
    assert b"Content-Type: multipart/form-data; boundary=" in sent
    assert 'name="title"\r\n\r\nÄ\r\n'.encode() in sent
    assert sent.count(b'name="tag"') == 2
    assert b'name="upload"; filename="rows.csv"' in sent
    assert b"\r\n\r\na,b\r\n1,2\r\n\r\n--" in sent
    assert str(tmp_path).encode() not in sent


async def test_a_file_is_the_content(network: Open, tmp_path: Path) -> None:
    """A file that is the whole content is sent piece by piece, with its length and no type that nobody gave."""
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * 8_000)
    async with raw(repeating(OK)) as server:
        await (await network()).fetch(Request(server.url, body_file=str(file), method="PUT"))
        head, _, body = server.heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT / ")
    assert b"Content-Length: 2048000" in head
    assert b"content-type" not in head.lower()
    assert body == file.read_bytes()


async def test_a_file_is_sent_each_time(network: Open, tmp_path: Path) -> None:
    """A request that is sent again reads its file again."""
    file = tmp_path / "file"
    file.write_bytes(b"content")
    async with raw(repeating(OK)) as server:
        net, request = await network(), Request(server.url, body_file=str(file))
        for _ in range(2):
            await net.fetch(request)
        assert [each.endswith(b"\r\n\r\ncontent") for each in server.heard] == [True, True]


async def test_a_file_that_is_not_there(network: Open, tmp_path: Path) -> None:
    """A file that cannot be read makes a bad request, which names it; nothing is sent."""
    async with raw(repeating(OK)) as server:
        net = await network()
        for request in (
            Request(server.url, files={"a": str(tmp_path / "missing")}),
            Request(server.url, body_file=str(tmp_path)),
        ):
            with pytest.raises(FetchError, match=str(tmp_path)) as caught:
                await net.fetch(request)
            assert caught.value.reason == Reason.BAD_REQUEST
        assert server.heard == []


async def test_an_answer_that_comes_before_the_request_is_sent(network: Open, tmp_path: Path) -> None:
    """A server that answers before it has heard all of a large file is listened to."""
    file = tmp_path / "large"
    file.write_bytes(bytes(10_000_000))

    async def impatient(talk: Talk) -> None:
        await talk.reader.readuntil(b"\r\n\r\n")
        await talk.say(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
        await talk.wait_closed()

    async with raw(impatient) as server:
        response = await (await network()).fetch(Request(server.url, body_file=str(file)))
        assert (response.status, response.body) == (413, b"no")


def test_requests_with_files_can_be_stored(tmp_path: Path) -> None:
    """A request keeps the paths of its files, and is the same after it was stored."""
    request = Request("http://a.example/", form={"a": 1}, files={"f": tmp_path})
    assert request.files == {"f": str(tmp_path)}
    assert request.method == "POST"
    again = msgspec.json.decode(msgspec.json.encode(request), type=Request)
    assert (again.files, [tuple(each) for each in again.form]) == (request.files, request.form)
    assert request.replace(url="http://b.example/").files == request.files
    assert request.replace(method="GET", files={}, body=b"").form is None
    assert request.replace(json={"b": 1}).files == {}


def test_one_content_at_a_time() -> None:
    """Files go with a form, and with nothing else."""
    for fields in ({"files": {"a": "b"}, "json": 1}, {"body_file": "a", "form": {}}, {"body_file": "a", "body": "b"}):
        with pytest.raises(SpiderError, match="files go with form alone"):
            Request("http://a.example/", **fields)  # type: ignore[arg-type]
