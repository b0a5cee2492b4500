"""Which file a sink's path means, and in which format it is."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from scraper.errors import SettingsError
from scraper.settings.schema import SinkSettings
from scraper.sinks import DataFile, SqliteFile, open_sinks

STARTED = datetime(2026, 11, 23, 6, tzinfo=UTC)


def sinks(*paths: str, **arguments: Any) -> list[DataFile | SqliteFile]:
    tables = [SinkSettings(path=path) for path in paths]
    return open_sinks(tables, spider="books", arguments=arguments, started=STARTED)


def test_placeholders() -> None:
    """{spider}, {time} and the spider's arguments stand for their values."""
    [sink] = sinks("data/{spider}/{category}-{time}.csv", category="travel")
    assert sink.path == "data/books/travel-2026-11-23T06-00-00.csv"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("../../etc/passwd", "data/____etc_passwd.csv"),
        ("/etc/passwd", "data/_etc_passwd.csv"),
        ("..", "data/_.csv"),
        ("a\\b\0c\nd", "data/a_b_c_d.csv"),
        ("{spider}", "data/{spider}.csv"),
        (7, "data/7.csv"),
    ],
)
def test_a_value_stays_in_its_folder(value: object, path: str) -> None:
    """What a value puts into a path is the name of one file or folder."""
    [sink] = sinks("data/{category}.csv", category=value)
    assert sink.path == path


def test_an_unknown_placeholder() -> None:
    """An unknown placeholder is refused, naming the nearest and all that are known."""
    with pytest.raises(SettingsError) as caught:
        sinks("data/{spidr}.csv", category="travel")
    assert str(caught.value) == (
        "[[sinks]] path 'data/{spidr}.csv': {spidr} is not known, did you mean {spider}? "
        "(known: {category}, {spider}, {time})"
    )


@pytest.mark.parametrize("path", ["books.xml", "books", "books.gz", "books.csv.zip", "csv"])
def test_an_unknown_format(path: str) -> None:
    """An ending that tells no format is refused, naming the path and those that do."""
    with pytest.raises(SettingsError, match=rf"path '{path}': .* \(known: \.jsonl \.json \.csv .* \.db; "):
        sinks(path)


@pytest.mark.parametrize("path", ["books.sqlite.gz", "books.parquet.zst", "books.db.zst"])
def test_a_store_is_not_compressed(path: str) -> None:
    """A format that has its own way of storing is not compressed as a whole."""
    with pytest.raises(SettingsError, match=rf"path '{path}': the format \w+ needs a file, which is not compressed"):
        sinks(path)


@pytest.mark.parametrize("path", ["books.sqlite", "books.db"])
def test_endings_of_a_database(path: str) -> None:
    """Both usual endings mean a database."""
    assert [type(each).__name__ for each in sinks(path)] == ["SqliteFile"]


def test_parquet_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow one line says which extra to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SettingsError) as caught:
        sinks("books.parquet")
    assert str(caught.value) == "[[sinks]] path 'books.parquet': Parquet needs pyarrow: pip install 'scraper[parquet]'"


def test_a_format_beats_the_ending() -> None:
    """With `format` the ending may be anything."""
    table = SinkSettings(path="books.txt", format="csv")
    [sink] = open_sinks([table], spider="books", arguments={}, started=STARTED)
    assert sink.path == "books.txt"


@pytest.mark.parametrize("name", ["sqlite", "parquet"])
def test_a_store_is_no_stream(name: Literal["sqlite", "parquet"]) -> None:
    """Standard output takes lines, and no database."""
    table = SinkSettings(path="-", format=name)
    with pytest.raises(SettingsError, match=f"path '-': the format {name} needs a file"):
        open_sinks([table], spider="books", arguments={}, started=STARTED)


def test_a_file_is_named_once(tmp_path: Path) -> None:
    """Two sinks do not write the same file, however it is spelt."""
    with pytest.raises(SettingsError, match="another sink writes this file already"):
        sinks(f"{tmp_path}/books.csv", f"{tmp_path}/x/../books.csv")
    with pytest.raises(SettingsError, match="another sink"):
        sinks("-", "-")


@pytest.mark.parametrize("path", ["{folder}", "{folder}/", "data/"])
def test_a_folder_is_no_file(tmp_path: Path, path: str) -> None:
    """A folder is refused before anything is sent."""
    folder = tmp_path / "books.csv"
    folder.mkdir()
    with pytest.raises(SettingsError, match="is a folder"):
        sinks(path.replace("{folder}", str(folder)))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("s3://bucket/books.jsonl", "the scheme s3:// is not known"),
        ("foo://{spider}/books.csv", "the scheme foo:// is not known"),
        ("git+ssh://a/books.db", "the scheme git+ssh:// is not known"),
        ("file:///data/books.csv", "write the path without file://"),
        ("postgresql://me:s3cret@host/db?table=books", "the scheme postgresql:// is not known"),
    ],
)
def test_a_url_is_no_file(path: str, told: str) -> None:
    """A path with a scheme is refused in one line without its password, and no folder of that name is made."""
    with pytest.raises(SettingsError) as caught:
        sinks(path)
    assert str(caught.value).startswith("[[sinks]] path '")
    assert str(caught.value).endswith(f"': {told}; a sink writes a local file")
    assert "s3cret" not in str(caught.value)


def test_a_colon_is_no_scheme() -> None:
    """A name that merely has a colon, or slashes after it, is a local file."""
    assert [each.path for each in sinks("a:b.csv", "2026://x.csv")] == ["a:b.csv", "2026://x.csv"]


def test_nothing_is_touched_before_the_file_is_opened(tmp_path: Path) -> None:
    """Asking for sinks makes neither files nor folders."""
    sinks(f"{tmp_path}/data/books.csv")
    assert list(tmp_path.iterdir()) == []
