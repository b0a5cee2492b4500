"""Answers of public collections, byte for byte: broken on purpose, or as other clients' own tests have them."""

import time
from typing import Any

import pytest

from tests.network.conftest import Open
from tests.network.replay import cases, outcome

WIRE = cases("wire.json")
LLHTTP = cases("llhttp.json")
CURL = cases("curl.json")

SETTINGS: dict[str, Any] = {
    "timeout": 30.0,
    "headers_timeout": 2.0,
    "read_timeout": 1.9,
    "max_body": 10_000_000,
    "retries": 0,
}

WORDS = {  # what the collections call it, and what it may be here
    "message_complete": ("ok", "status", "redirect"),
    "incomplete_until_eof": ("ok", "status", "http_"),
    "error": ("bad_response",),
    "ok": ("ok", "status", "redirect", "http_"),
    "http_error_with_fail": ("http_",),
    "weird_server_reply": ("bad_response", "bad_redirect", "reset"),
    "unsupported_protocol_or_http09": ("bad_response",),
    "recv_failure": ("bad_response",),
    "bad_content_encoding": ("bad_encoding", "bad_response"),
    "partial_file": ("partial_body", "reset"),
    "empty_reply": ("reset",),
    "max_filesize_exceeded": ("too_large",),
    "too_many_redirects": ("redirect",),
}

DEVIATIONS = {  # from what the collections expect: what comes of it here, and why
    "llhttp-00006": ("status:204:", "what comes after the last answer of a connection is ignored, as by browsers"),
    "llhttp-00010": ("bad_response", "we never ask for another protocol"),
    "llhttp-00011": ("bad_response", "we never ask for another protocol"),
    "llhttp-00016": ("http_304", "we had not asked on a condition"),
    "llhttp-00032": ("bad_response", "llhttp's lenient mode: a line that ends with CR alone"),
    "llhttp-00041": ("ok:BODY\n\\", "aiohttp is lenient: lines may end with LF alone, which old servers send"),
    "llhttp-00070": ("ok:<xml>hello</xml>", "a header with a blank in its name is dropped, as by browsers"),
    "llhttp-00078": ("bad_response", "another transfer coding than chunked, which we never ask for"),
    "curl-00006": ("ok:_data_result_data_\n", "curl's server waits longer than its client; the bytes are fine"),
    "curl-00031": ("partial_body", "read as deflate without its wrapper, which does not end"),
    "curl-00037": ("partial_body", "curl was told to ignore the Content-Length"),
    "curl-00049": ("bad_response", "both a length and chunks: refused, as RFC 9112, 6.3 allows; it may be an attack"),
    "curl-00058": ("bad_response", "a Content-Length that no number holds; curl ignores it"),
    "curl-00061": ("ok:hello\n", "a line without a colon is dropped, as by browsers"),
    "curl-00065": ("ok:-foo-\n", "the first of two answers; it is the second that is odd"),
    "curl-00077": ("ok:", "two different Location headers on an answer that is no redirect, and so mean nothing"),
    "curl-00091": ("bad_response", "another transfer coding than chunked, which we never ask for"),
    "curl-00106": ("bad_response", "curl was told to accept HTTP/0.9"),
    "curl-00129": ("bad_response", "chunks whose lines end with LF alone, which llhttp refuses"),
    "curl-00155": ("ok:Hello, World!\n", "two gzip members are one body (RFC 1952, 2.2)"),
}


def name(case: dict[str, Any]) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", WIRE, ids=name)
async def test_a_broken_answer(network: Open, case: dict[str, Any]) -> None:
    """Every broken answer comes to one end, the same each time, and comes to it soon."""
    began = time.monotonic()
    assert await outcome(await network(**SETTINGS), case["script"]) == case["outcome"]
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("case", LLHTTP + CURL, ids=name)
async def test_an_answer_of_others(network: Open, case: dict[str, Any]) -> None:
    """Answers of the tests of llhttp and curl are read as those expect, or differ for a reason."""
    settings = SETTINGS | {"max_body": case.get("most", SETTINGS["max_body"])}
    came = await outcome(await network(**settings), case["script"])
    if case["name"] in DEVIATIONS:
        assert came == DEVIATIONS[case["name"]][0]
    else:
        assert came.startswith(WORDS[case["expected"]])


def test_no_deviation_in_vain() -> None:
    """Every deviation that is listed is one, and has a reason."""
    expected = {case["name"]: case["expected"] for case in LLHTTP + CURL}
    for each, (came, why) in DEVIATIONS.items():
        assert not came.startswith(WORDS.get(expected[each], ()))
        assert why
