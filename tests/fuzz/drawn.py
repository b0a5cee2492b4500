"""What the tests draw: texts and bytes made of pieces that mean something, and of anything."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from scraper import Response

HERE = "https://a.example/b/c?d=e"


def texts(*pieces: str) -> st.SearchStrategy[str]:
    """Texts of such pieces and of anything."""
    return st.lists(st.one_of(st.sampled_from(pieces), st.text(max_size=6)), max_size=14).map("".join)


def bodies(*pieces: str) -> st.SearchStrategy[bytes]:
    """Bytes of such pieces and of anything."""
    known = st.sampled_from([piece.encode() for piece in pieces])
    return st.lists(st.one_of(known, known, st.binary(max_size=6)), max_size=30).map(b"".join)


headers = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)
"""What the parser of the wire lets through."""


def problem_of(read: Callable[[], object], *kinds: type[Exception]) -> str:
    """What an error of one of these kinds says that `read` raises; empty if it raises none."""
    try:
        read()
    except kinds as error:
        return str(error) or "an error that says nothing"
    return ""


def response(body: bytes = b"", *fields: tuple[str, str], status: int = 200, **more: Any) -> Response:
    """A page with these header fields."""
    return Response(HERE, status=status, headers=CIMultiDictProxy(CIMultiDict(fields)), body=body, **more)
