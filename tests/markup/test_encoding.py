"""Which characters a page's bytes are."""

import codecs
import encodings.aliases
import json
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.markup.document.encoding import decode, from_byte_order_mark, from_content_type, from_declaration
from scraper.markup.document.encoding_labels import codec_of

META_1251 = b'<meta charset="windows-1251">'


# Labels.


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("utf-8", "utf-8"), ("UTF8", "utf-8"), (" Utf-8\n", "utf-8"), ("unicode-1-1-utf-8", "utf-8"),
        ("iso-8859-1", "cp1252"), ("Latin1", "cp1252"), ("us-ascii", "cp1252"), ("ascii", "cp1252"),
        ("iso-8859-9", "cp1254"), ("iso-8859-11", "cp874"), ("gb2312", "gb18030"), ("gbk", "gb18030"),
        ("x-gbk", "gb18030"),
        ("big5", "big5hkscs"), ("shift_jis", "cp932"), ("x-sjis", "cp932"), ("euc-kr", "cp949"), ("euc-jp", "euc_jp"),
        ("koi8-r", "koi8-r"), ("koi8-ru", "koi8-u"), ("utf-16", "utf-16-le"), ("utf-16be", "utf-16-be"),
        ("mac", "mac-roman"),
        ("iso88592", "iso8859-2"), ("logical", "iso8859-8"), ("cp852", "cp852"),
    ],
)  # fmt: skip
def test_labels_mean_what_the_standard_says(label: str, codec: str) -> None:
    """A label stands for what the Encoding standard, 4.2, says, or else for the Python codec of that name."""
    assert codec_of(label) == codecs.lookup(codec).name


@pytest.mark.parametrize(
    "label",
    [
        "",
        "nonsense",
        "gbk'",
        "'gbk'",
        "{gbk}",
        "utf-8\0",
        "undefined",
        "idna",
        "hex",
        "zlib",
        "rot13",
        "utf-7",
        "é",
        "../x",
    ],
)
def test_other_labels_mean_nothing(label: str) -> None:
    """A label that is misspelt, or of a codec that is no encoding of text, stands for nothing."""
    assert codec_of(label) is None


# The Content-Type header.


@pytest.mark.parametrize(
    ("header", "codec"),
    [
        ("text/html;charset=gbk", "gb18030"),
        ("TEXT/HTML;CHARSET=GBK", "gb18030"),
        ("text/html; charset=gbk ", "gb18030"),
        ('text/html;charset="gbk"', "gb18030"),
        ('text/html;charset="gbk', "gb18030"),
        ('text/html;charset="\\g\\bk"', "gb18030"),
        ('text/html;charset="gbk"x', "gb18030"),
        ("text/html;charset=gbk;charset=windows-1255", "gb18030"),
        ("text/html;charset();charset=GBK", "gb18030"),
        ("text/html;;;;charset=gbk", "gb18030"),
        ('text/html;x="; charset=utf-8";charset=gbk', "gb18030"),
        ("text/html;charset =gbk", None),
        ("text/html;charset= gbk", "gb18030"),
        ("text/html;charset='gbk'", None),
        ("text/html;charset=gbk'", None),
        ("text/html;charset={gbk}", None),
        ("text/html;charset=", None),
        ("text/html;xcharset=gbk", None),
        ("text/html", None),
        ("", None),
    ],
)
def test_charset_of_the_header(header: str, codec: str | None) -> None:
    """Facts of web-platform-tests, mimesniff/mime-types/resources/mime-types.json."""
    assert from_content_type(header) == codec


# What a page declares.


@pytest.mark.parametrize(
    ("page", "label"),
    [
        ('<meta charset="iso8859-2">', "iso8859-2"),
        ("<meta charset=iso8859-2>", "iso8859-2"),
        ("<META CHARSET='ISO8859-2'/>", "iso8859-2"),
        ("<meta/charset=iso8859-2>", "iso8859-2"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=iso8859-2">', "iso8859-2"),
        ('<meta content="text/html; charset=iso8859-2" http-equiv="Content-Type">', "iso8859-2"),
        ("<meta content='text/html;charset = \"iso8859-2\"' http-equiv=content-type>", "iso8859-2"),
        ("<!-- <meta charset=utf-8> --><meta charset=iso8859-2>", "iso8859-2"),
        ("<!--><meta charset=iso8859-2>", "iso8859-2"),
        ("<p title='<meta charset=utf-8>'><meta charset=iso8859-2>", "iso8859-2"),
        ("<meta charset=nonsense><meta charset=iso8859-2>", "iso8859-2"),
        ("<meta charset=utf-16>", "utf-8"),
        ("<meta charset=x-user-defined>", "cp1252"),
        ('<?xml version="1.0" encoding="iso8859-2"?>', "iso8859-2"),
        ("\n<?xml version='1.0' encoding='utf-16'?>", "utf-8"),
        ('<?xml version="1.0" encoding="iso8859-3"?><meta charset=iso8859-2>', "iso8859-2"),
        # What means nothing.
        ('<meta http-equiv="Content-Type content="text/html; charset=iso8859-2">', None),
        ('<meta content="text/html; charset=iso8859-2">', None),
        ('<meta content="text/html; charset=iso8859-2" http-equiv="Content-Type>">', None),
        ('<meta charset="iso8859-2>\n<p>"</p>', None),
        ('<meta charset=iso8859-2">\n<p>"</p>', None),
        ('<meta test=" charset=iso8859-2>\n<p>"</p>', None),
        ('<head></head><p title="x>\n<meta charset=iso8859-2>\n<p>"</p>', None),
        ("<meta charset=euc-jp", None),
        ('<meta charset = "', None),
        ("<!-- <meta charset=iso8859-2>", None),
        ("<metadata charset=iso8859-2>", None),
        ("<p>charset=iso8859-2</p>", None),
    ],
)
def test_declarations(page: str, label: str | None) -> None:
    """Facts of html5lib-tests, encoding/tests1.dat and tests2.dat, and the HTML standard, 13.2.3.2."""
    assert from_declaration(page.encode()) == (codec_of(label) if label else None)


def test_late_declaration() -> None:
    """A declaration after the first 1,024 bytes counts as well, unless it stands in the body."""
    padding = b"<!--" + b"x" * 5000 + b"-->"
    assert from_declaration(padding + META_1251) == "cp1251"
    assert from_declaration(b"<title>" + b"x" * 1010 + META_1251) == "cp1251"
    assert from_declaration(padding + b"<body>" + META_1251) is None


@pytest.mark.parametrize("page", [b"<meta " * 20_000, b"<meta charset" * 9_000, b"<!--" * 20_000, b"<a b=c " * 10_000])
def test_declarations_are_looked_for_in_linear_time(page: bytes) -> None:
    """No page can make the search for a declaration slow."""
    assert from_declaration(page) is None


# The order.


def test_a_byte_order_mark_wins() -> None:
    """A byte order mark wins over the user, the header and the page, and is not part of the text."""
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ):
        body = mark + "<meta charset=latin1>é".encode(codec)
        assert from_byte_order_mark(body) == codec
        assert decode(body, "text/html; charset=latin1", "latin1") == ("<meta charset=latin1>é", codec)


def test_then_the_user_then_the_header_then_the_page() -> None:
    """What the user names comes before the header, that before the page; labels without meaning do not count."""
    assert decode(META_1251, "text/html; charset=koi8-r", "cp852")[1] == "cp852"
    assert decode(META_1251, "text/html; charset=koi8-r")[1] == "koi8-r"
    assert decode(META_1251, "text/html; charset=nonsense", "nonsense")[1] == "cp1251"
    assert decode(META_1251, "text/html")[1] == "cp1251"


def test_then_utf8() -> None:
    """Where nothing is said, valid UTF-8 is UTF-8; and so is data of plain ASCII, which a page would not be."""
    assert decode("naïve 日本".encode()) == ("naïve 日本", "utf-8")
    assert decode(b"{}", "application/json") == ("{}", "utf-8")
    assert decode(b"plain", "text/html; x=y") == ("plain", "cp1252")
    assert decode(b"") == ("", "cp1252")


def test_utf8_with_a_few_broken_bytes() -> None:
    """UTF-8 that is cut, or broken in few places, is UTF-8 nevertheless."""
    assert decode("日本".encode()[:-1]) == ("日�", "utf-8")
    assert decode("é è ê ".encode() + b"\xff!") == ("é è ê �!", "utf-8")


def test_then_a_guess() -> None:
    """A text in an encoding that nobody names is guessed."""
    russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. Широкая электрификация южных губерний."
    assert decode(russian.encode("cp1251"))[0] == russian
    assert decode(russian.encode("koi8-r"))[0] == russian


def test_at_last_windows_1252() -> None:
    """A few bytes are too few for a guess: they are windows-1252."""
    assert decode(b"caf\xe9 \x80") == ("café €", "cp1252")


def test_euro_in_gb18030() -> None:
    """In GB18030 a lone byte 80 is the euro sign, and other broken bytes are U+FFFD (Encoding, 10.2.1)."""
    assert decode(b"100\x80 \xff", hint="gb2312") == ("100€ �", "gb18030")


CODECS = sorted({*encodings.aliases.aliases, *encodings.aliases.aliases.values()})


@given(st.binary(max_size=60), st.one_of(st.sampled_from(CODECS), st.text(max_size=5)))
def test_text_never_fails(body: bytes, label: str) -> None:
    """Whatever the bytes are and whatever they are called, there is a text, and it was read by a codec that exists."""
    for text, codec in (decode(body, f"text/html; charset={label}"), decode(body, hint=label)):
        assert isinstance(text, str)
        assert codecs.lookup(codec).name == codec


# What others expect.

CASES = json.loads((Path(__file__).parent / "cases/encodings.json").read_text())


@pytest.mark.parametrize(("body", "label"), CASES["prescan"])
def test_pages_of_html5lib(body: str, label: str) -> None:
    """The pages of html5lib's tests are in the encoding that these tell."""
    assert decode(b64decode(body), "text/html")[1] == codec_of(label)


@pytest.mark.parametrize(("header", "label"), CASES["content_types"])
def test_headers_of_the_web_platform_tests(header: str, label: str | None) -> None:
    """A Content-Type names the charset that the web platform tests tell, or none."""
    assert from_content_type(header) == (codec_of(label) if label else None)


@pytest.mark.parametrize(("header", "hint", "body", "want", "expected"), CASES["responses"])
def test_responses_of_scrapy(header: str, hint: str | None, body: str, want: str, expected: str) -> None:
    """Responses have the encoding and the text that they have with Scrapy."""
    text, codec = decode(b64decode(body), header, hint)
    assert codec == codec_of(expected) if want == "encoding" else text == expected
