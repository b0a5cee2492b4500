"""Content codings undone."""

import gzip
import sys
import time
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import Reason
from scraper.network.body.content_coding import LEAST, CodecError, Limits, decoded

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIMIT = Limits(10_000_000)
TEXT = b"".join(b"<p>%d</p>" % (n * n) for n in range(2_000))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: bytes(brotli.compress(data, quality=5)),
    "zstd": zstd.compress,
}


def reason(body: bytes, coding: str, limits: Limits = LIMIT) -> Reason:
    """Why `body` cannot be decoded."""
    with pytest.raises(CodecError) as caught:
        decoded(body, coding, limits)
    return caught.value.reason


@pytest.mark.parametrize("coding", PACK)
def test_every_coding_is_undone(coding: str) -> None:
    """gzip, deflate, br and zstd are undone, whatever the case of their names; x-gzip is gzip."""
    assert decoded(PACK[coding](TEXT), coding, LIMIT) == TEXT
    assert decoded(PACK[coding](TEXT), f" {coding.upper()} ", LIMIT) == TEXT
    assert decoded(PACK[coding](b""), coding, LIMIT) == b""
    assert decoded(gzip.compress(TEXT), "x-gzip", LIMIT) == TEXT


@given(st.binary(max_size=2_000), st.lists(st.sampled_from(sorted(PACK)), max_size=3))
def test_lists_of_codings_are_undone_backwards(data: bytes, codings: list[str]) -> None:
    """Codings are undone in the reverse of the order in which they were applied (RFC 9110, 8.4)."""
    body = data
    for coding in codings:
        body = PACK[coding](body)
    assert decoded(body, ", ".join(codings) or "identity", LIMIT) == data


def test_too_many_codings() -> None:
    """More than three codings are refused before any of them is undone."""
    assert reason(b"", "gzip,gzip,gzip,gzip") == Reason.BAD_ENCODING
    assert reason(b"x" * 100, ",".join(["gzip"] * 100)) == Reason.BAD_ENCODING


def test_an_unknown_coding() -> None:
    """A coding that is not known is refused; `identity` is none."""
    assert reason(TEXT, "compress") == Reason.BAD_ENCODING
    assert reason(gzip.compress(TEXT), "sdch, gzip") == Reason.BAD_ENCODING
    assert decoded(TEXT, "identity", LIMIT) == TEXT


@pytest.mark.parametrize("coding", PACK)
def test_a_stream_that_ends_early(coding: str) -> None:
    """Every stream that lacks its end, if only one byte of it, is partial."""
    body = PACK[coding](TEXT)
    assert reason(body[:-1], coding) == Reason.PARTIAL_BODY
    assert reason(body[: len(body) // 2], coding) == Reason.PARTIAL_BODY
    assert reason(body[:1], coding) == Reason.PARTIAL_BODY


def test_half_of_two() -> None:
    """A second member, or frame, that ends early makes the body partial, too."""
    for coding in ("gzip", "zstd"):
        body = PACK[coding](TEXT)
        assert reason(body + body[:-3], coding) == Reason.PARTIAL_BODY


@pytest.mark.parametrize("coding", ["deflate", "br", "zstd"])
def test_bytes_that_are_something_else(coding: str) -> None:
    """Bytes that are not what they are said to be are refused."""
    assert reason(b"<!doctype html><p>plain", coding) == Reason.BAD_ENCODING


def test_damage_in_the_middle() -> None:
    """A gzip body whose check sum does not fit is refused."""
    body = bytearray(gzip.compress(TEXT))
    body[-6] ^= 1
    assert reason(bytes(body), "gzip") == Reason.BAD_ENCODING


def test_a_plain_body_labelled_gzip() -> None:
    """A body that is labelled as gzip and is none is taken as it is."""
    assert decoded(b"<p>plain", "gzip", LIMIT) == b"<p>plain"
    assert decoded(b"x", "gzip", LIMIT) == b"x"


def test_deflate_without_its_wrapper() -> None:
    """`deflate` is a zlib stream, or the bare one that some servers send."""
    assert decoded(raw_deflate(TEXT), "deflate", LIMIT) == TEXT


@pytest.mark.parametrize("junk", [b"\0", b"\n", bytes(1_000), b"<!-- cached -->", b"(\xb5"])
def test_junk_after_the_end(junk: bytes) -> None:
    """Bytes after the end of a gzip, deflate or zstd stream are ignored."""
    for coding in ("gzip", "deflate", "zstd"):
        assert decoded(PACK[coding](TEXT) + junk, coding, LIMIT) == TEXT


def test_many_streams_in_one_body() -> None:
    """Members of a gzip body, and frames of a zstd body, give one content together."""
    long = TEXT * 50
    for coding in ("gzip", "zstd"):
        pack = PACK[coding]
        assert decoded(pack(TEXT) + pack(b"") + pack(long) + pack(b"end"), coding, LIMIT) == TEXT + long + b"end"


@pytest.mark.parametrize("coding", PACK)
def test_a_bomb(coding: str) -> None:
    """What decompresses to more than the limit is refused at no greater cost; just the limit is fine."""
    bomb = PACK[coding](bytes(20_000_000))
    began = time.process_time()
    assert reason(bomb, coding, Limits(100_000)) == Reason.TOO_LARGE
    assert time.process_time() - began < 0.5
    exact = PACK[coding](bytes(100_000))
    assert len(decoded(exact, coding, Limits(100_000))) == 100_000
    assert reason(exact, coding, Limits(99_999)) == Reason.TOO_LARGE


def test_a_bomb_in_a_bomb() -> None:
    """The limit holds for every step of a list of codings."""
    assert reason(gzip.compress(gzip.compress(bytes(10_000_000))), "gzip, gzip", Limits(1_000)) == Reason.TOO_LARGE


def test_a_bomb_of_many_streams() -> None:
    """The limit holds for all members together, and a flood of tiny ones takes no more than its size."""
    assert reason(gzip.compress(bytes(1_000)) * 100, "gzip", Limits(50_000)) == Reason.TOO_LARGE
    for coding in ("gzip", "zstd"):
        flood = PACK[coding](b"x")
        began = time.process_time()
        assert len(decoded(flood * 10_000, coding, LIMIT)) == 10_000
        assert time.process_time() - began < 3


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_bomb_of_streams_that_hold_nothing(coding: str) -> None:
    """Tens of thousands of streams with nothing in them are refused; with a kilobyte in each they are content."""
    assert reason(PACK[coding](b"") * 10_001, coding) == Reason.TOO_LARGE
    assert reason(gzip.compress(PACK[coding](b"") * 50_000), f"{coding}, gzip") == Reason.TOO_LARGE
    assert decoded(PACK[coding](b"") * 10_000, coding, LIMIT) == b""
    kilobyte = PACK[coding](bytes(LEAST)) * 20_000
    assert len(decoded(kilobyte, coding, Limits(20_000 * LEAST))) == 20_000 * LEAST


def test_a_window_that_takes_too_much_memory() -> None:
    """A zstd frame that asks for a window of more than 8 MB is refused (RFC 9659)."""
    options = {int(zstd.CompressionParameter.window_log): 27, int(zstd.CompressionParameter.content_size_flag): 0}
    packer = zstd.ZstdCompressor(options=options)
    body = packer.compress(bytes(30_000_000)) + packer.flush()
    assert reason(body, "zstd", Limits(100_000_000)) == Reason.BAD_ENCODING
