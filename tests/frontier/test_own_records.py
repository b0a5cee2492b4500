"""Our own classes in stored requests: found by their names, wherever they were when the request was stored."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from msgspec.msgpack import Ext

from scraper import File, FormRequest, JsonRequest, Link, Request, StorageError
from scraper.frontier.serialization.requests import decoded, encoded, sealed
from scraper.items.item_types import Misfit
from scraper.markup.structured_data.metadata import Metadata

URL = "http://a.example/"

RECORDS: list[tuple[tuple[str, ...], Any]] = [
    (("scraper.request", "scraper.http.request"), Request(URL, "parse", cookies={"c": "d"})),
    (("scraper.request", "scraper.http.request"), FormRequest(URL, formdata={"a": "b"})),
    (("scraper.request", "scraper.http.request"), JsonRequest(URL, data={"a": 1})),
    (("scraper.markup.links", "scraper.markup.links.links"), Link(URL, "text", nofollow=True)),
    (("scraper.markup.entries", "scraper.markup.forms.entry_list"), File(b"ab", "n.txt", "text/plain")),
    (("scraper.markup.metadata", "scraper.markup.structured_data.metadata"), Metadata(title="x", names={"a": "b"})),
    (("scraper.item", "scraper.items.item"), Misfit("Book", "price", ".price", "free", "not a number")),
]
MODULES = [(module, record) for modules, record in RECORDS for module in modules]

# Written before `Link` moved for the first time.
LINK = (
    b"D\xabD\x03\xde\x00\x03\xa3url\xb1http://a.example/\xa6method\xa3GET\xa4meta\x81\xa1a\xc7N\x01\x92"
    b"\xb9scraper.markup.links:Link\x84\xa3url\xb2http://a.example/b\xa4text\xa1b\xa8fragment\xa0\xa8nofollow\xc3"
)


def stored(name: str, record: Any) -> bytes:
    """A request whose `meta` holds `record` by the class name `name`."""
    fields = {each: getattr(record, each) for each in getattr(record, "__struct_fields__", record.__annotations__)}
    content = {each: value for each, value in fields.items() if value is not msgspec.UNSET}
    extension = Ext(1, msgspec.msgpack.encode([name, content]))
    return sealed(msgspec.msgpack.encode({"url": URL, "meta": {"a": extension}}))


@pytest.mark.parametrize(("module", "record"), MODULES, ids=lambda value: value if isinstance(value, str) else "")
def test_records_of_earlier_versions_come_back(module: str, record: Any) -> None:
    """A job that says where a class of ours was is read by a version that has it somewhere else."""
    again = decoded(stored(f"{module}:{type(record).__name__}", record)).meta["a"]
    assert type(again) is type(record)
    assert again == record


def test_bytes_of_an_earlier_version_are_read() -> None:
    """A request that an earlier version wrote comes back."""
    assert decoded(LINK) == Request(URL, meta={"a": Link("http://a.example/b", "b", nofollow=True)})


@pytest.mark.parametrize("record", [record for _, record in RECORDS], ids=lambda record: type(record).__name__)
def test_own_records_are_stored_by_name_alone(record: Any) -> None:
    """What is stored does not depend on the module that a class of ours is in, so that equal items stay equal."""
    data = encoded(Request(URL, meta={"a": record}))
    assert f"scraper:{type(record).__name__}".encode() in data
    assert type(record).__module__.encode() not in data


@pytest.mark.parametrize(
    "name", ["scrapers.markup.links:Link", "elsewhere:Link", "scraper.markup.links:Links", "scraper:Spider"]
)
def test_other_names_are_not_taken_for_ours(name: str) -> None:
    """Only records of ours are found by their name alone, and only below our package."""
    with pytest.raises(StorageError, match=f"{name} is no record that the spider knows"):
        decoded(stored(name, Link(URL)))


def test_records_that_pages_give_need_no_import() -> None:
    """A spider that was given a link or metadata by a page has imported neither, and its job resumes all the same."""
    metadata = encoded(Request(URL, meta={"a": Metadata(title="x")}))
    script = (
        "import scraper.crawling.crawl\n"
        "from scraper.frontier.serialization.requests import decoded\n"
        f"print(*(type(decoded(data).meta['a']).__name__ for data in ({LINK!r}, {metadata!r})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["Link", "Metadata"]), done.stderr
