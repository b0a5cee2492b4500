"""What a server calls a file, and what it may be called."""

import pytest

from scraper import Response
from scraper.http.filenames import disposition_filename, safe


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment", None),
        ("attachment; filename=", None),
        ("attachment; filename=teas.pdf", "teas.pdf"),
        ("ATTACHMENT; FILENAME = teas.pdf ; size=7", "teas.pdf"),
        ("inline; x; filename=green teas, 2026.pdf", "green teas, 2026.pdf"),
        (r'attachment; note="a;filename=\"b"; filename="the \"teas\"; all.pdf"', 'the "teas"; all.pdf'),
        ("attachment; xfilename=teas.pdf", None),
        ("attachment; filename=first; filename=second", "first"),
        ('attachment; filename="teas', None),
        ('attachment; filename="teas"s', None),
        ('"x; filename=teas; y"', "teas"),
        ("attachment; filename=teas-%41.pdf", "teas-%41.pdf"),
        ("attachment; filename=Grüntee.pdf", "Grüntee.pdf"),
        ("attachment; filename=Gr\udcfcntee.pdf", "Grüntee.pdf"),
        # RFC 8187
        ("attachment; filename*=UTF-8''%e8%8c%b6.pdf", "茶.pdf"),
        ("attachment; filename*= utf-8'de'Gr%C3%BCn", "Grün"),
        ("attachment; filename*=iso-8859-1''Gr%FCn", "Grün"),
        ("attachment; filename=tea; filename*=UTF-8''%e8%8c%b6", "茶"),
        ("attachment; filename*=UTF-8''%e8%8c%b6; filename=tea", "茶"),
        ("attachment; filename=tea; filename*=UTF-8''%fc", "tea"),
        ("attachment; filename=tea; filename*=UTF-8''%e", "tea"),
        ("attachment; filename=tea; filename*=UTF-8''two words", "tea"),
        ("attachment; filename=tea; filename*=koi8-r''%e", "tea"),
        ("attachment; filename*=\"UTF-8''tea\"", None),
        ("attachment; filename*0=te; filename*1=a", None),
    ],
)
def test_names_in_content_disposition(header: str, name: str | None) -> None:
    """RFC 6266 and 8187, read as browsers read them."""
    assert disposition_filename(header) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("teas 2026.tar.gz", "teas 2026.tar.gz"),
        ("茶.pdf", "茶.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\boot.ini", "boot.ini"),
        ("C:evil.txt", "C_evil.txt"),
        ("\\\\host\\share\\x", "x"),
        ("x/..", "x"),
        ("..", "unnamed"),
        ("//", "unnamed"),
        ("\x00\n", "unnamed"),
        (" .bashrc. ", "bashrc"),
        ("a\r\nb\x00.png", "ab.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\ud800a", "a"),
        ('<a>:"b"|c?.*', "_a___b__c_._"),
        ("CON", "_CON"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("Aux .txt", "_Aux .txt"),
        ("COM¹", "_COM¹"),
        ("console.log", "console.log"),
        ("a" * 300 + ".jpeg", "a" * 235 + ".jpeg"),
        ("茶" * 100 + ".png", "茶" * 78 + ".png"),
        ("a." + "b" * 300, "a." + "b" * 238),
        ("a" * 239 + " b", "a" * 239),
    ],
)
def test_safe_names(name: str, expected: str) -> None:
    """Of whatever a server says, a name is left that is one on every system."""
    assert safe(name) == expected


@pytest.mark.parametrize(
    ("url", "header", "name"),
    [
        ("http://a.example/files/t%C3%A9a.pdf?x=/y#/z", "", "téa.pdf"),
        ("http://a.example/..%2f..%2f.profile", "", "profile"),
        ("http://a.example/%ff", "", "\ufffd"),
        ("http://a.example", "", "unnamed"),
        ("http://a.example/x", "attachment", "x"),
        ("http://a.example/x", 'attachment; filename="../y.pdf"', "y.pdf"),
    ],
)
def test_the_name_of_a_response(url: str, header: str, name: str) -> None:
    """It is what the server says, or else the end of the URL."""
    assert Response(url, headers={"Content-Disposition": header}).filename == name
