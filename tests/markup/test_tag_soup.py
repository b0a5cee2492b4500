"""XML that is not well-formed: what is broken in it does not lose what is whole."""

import re
import time
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.markup.document.text_stream import DocumentError
from scraper.markup.document.xml_stream import Records
from tests.examples import examples


def records(*pieces: str, name: str = "i") -> tuple[list[str], str]:
    """The elements of that name in a document that comes in pieces, as XML, and what is wrong with it."""
    reader = Records(lambda _root, _space, local: local == name)
    found: list[str] = []
    try:
        for record in reader.read(pieces):
            record.tail = None
            found.append(ElementTree.tostring(record, encoding="unicode"))
    except DocumentError as error:
        return found, str(error)
    return found, reader.flaw


def told(*pieces: str) -> list[str]:
    """The texts of the `<i>` of a document that is broken, but read to its end."""
    found, flaw = records(*pieces)
    assert flaw
    assert "cut short" not in flaw
    return ["".join(ElementTree.fromstring(each).itertext()) for each in found]


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("?a=1&b=2", "?a=1&b=2"),
        ("?a=1&amp;b=2&c=3", "?a=1&b=2&c=3"),
        ("a\n& b", "a\n& b"),
        ("&", "&"),
        ("&&amp;&;&#;&#x;", "&&&;&#;&#x;"),
        ("&amp b &copy=1", "&amp b &copy=1"),
        ("R&D &nbsp;&eacute;&unknown; é", "R&D \u00a0é&unknown; é"),
        ("a < b <= c <3 <", "a < b <= c <3 <"),
        ("1\n2 ]]> 3", "1\n2 ]]> 3"),
        ("]]>", "]]>"),
        ("&#0;&#31;&#xD800;&#x110000;&#65;&#x42;", "\ufffd\ufffd\ufffd\ufffdAB"),
        ("<![CDATA[a & b < c]]> & <![CDATA[]]>d", "a & b < c & d"),
        ("<!-- a -- b -->c", "c"),
        ("<?xml version='1.0'?>a<?php b ?>c", "ac"),
        ("<?xml x='y'>a<?p <i> ?>", "a"),
        ("<!ELEMENT a>b", "b"),
        ("<b x=1 y='2>a</b>", "a"),
        ("<b x='1' x='2'>a</b>", "a"),
        ("<b x='&'/>a", "a"),
        ("<b x='<'/>a", "<b x='<'/>a"),
        ("<b checked>a</b>", "a"),
        ("<b>a</c></b>", "a"),
        ("<b><c>a</b>", "a"),
        ("<B>a</b>", "a"),
        ("a</b></c>", "a"),
        ("<1>a</1>", "<1>a</1>"),
        ("<b\u2028>a</b>", "a"),
        ("a\r\nb & c\r\n\rd", "a\nb & c\n\nd"),
    ],
)
def test_what_is_broken_stands_for_what_was_meant(inside: str, text: str) -> None:
    """An element with one mistake has all of its text, and those before and after it are as they were."""
    document = f"<r><i>1</i><i>{inside}</i><i>3</i></r>"
    assert told(document) == ["1", text, "3"]
    assert told(*document) == ["1", text, "3"]


@pytest.mark.parametrize(
    ("tag", "attributes"),
    [
        ("<i a=1 b=x/y c>", {"a": "1", "b": "x/y", "c": ""}),
        ("<i a='1' A='2' a='3'>", {"a": "1", "A": "2"}),
        ("<i a='x&y=1&amp;z&#9;'>", {"a": "x&y=1&z\t"}),
        ("<i a = \"b>c\" & d='e'>", {"a": "b>c", "d": "e"}),
        ('<i a=\'b d="e">', {"a": "", "b": "", "d": "e"}),
        ("<i\n a=b\n>", {"a": "b"}),
    ],
)
def test_attributes(tag: str, attributes: dict[str, str]) -> None:
    """Attributes without quotes, without a value, twice or with odd characters are there; the first one counts."""
    found, flaw = records(f"<r>{tag}t</i></r>")
    assert flaw
    (element,) = (ElementTree.fromstring(each) for each in found)
    assert element.attrib == attributes
    assert element.text == "t"


@pytest.mark.parametrize(
    "document",
    [
        "<r><i>1</i></x><i>2</i></r>",
        "<r><i>1</r><i>2</i></r>",
        "<r><a><i>1</i><b></a><i>2</i></r>",
        "<r><i>1</a></i><i>2</r>",
        "<r><i>1</i></r><i>2</i>&</r>",
        "<r><i>1</i>&</r><i>2</i>",
        "<?xml version=1.0?><r><i>1</i><i>2</i></r>",
        "<?xml version='1.0'?>\ufeff<r><i>1</i><i>2</i></r>",
        "<!-- a -- b --><r><i>1</i><i>2</i></r>",
        "<r x=1><i>1</i><i>2</i></r>",
        "<r><!DOCTYPE x><i>1</i><i>2</i></r>",
        "<r xmlns:p='u'><p:i>1</p:i>&<i>2</q:i></r>",
    ],
)
def test_end_tags_and_declarations_in_wrong_places(document: str) -> None:
    """An end tag ends the nearest element of its name; one without, and declarations, are passed over."""
    if document == "<r><i>1</i></r><i>2</i>&</r>":  # the document was whole before that
        assert records(document) == (["<i>1</i>"], "")
        return
    assert told(document) == ["1", "2"]
    assert told(*document) == ["1", "2"]


@pytest.mark.parametrize(
    "junk",
    ["\ufeff\n\ufeff ", "Warning: no such file\n", "<br />\n<b>Notice</b>: x in y on line <b>3</b><br />\n", "&&&<"],
)
def test_what_stands_before_the_declaration(junk: str) -> None:
    """A mark, blank lines and what a server says of its troubles are no part of the document."""
    document = "<?xml version='1.0'?><r><i>1</i></r>"
    assert records(junk + document) == records(document) == (["<i>1</i>"], "")
    assert records(f"<r><i><![CDATA[{document}]]></i></r>")[0] != ["<i>1</i>"]
    assert records(f"<!-- {document} --><r><i>2</i></r>")[0] == ["<i>2</i>"]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (
            "<r><i>1</i>&<i>2",
            r"its XML is broken: not well-formed \(invalid token\): line 1, column 12, and it is cut short",
        ),
        ("<r><i>1</i>&<i>2</i>", "its XML is broken: .*, and it is cut short"),
        ("<r><i>1</i>& <?x <i>2</i></r>", "its XML is broken: .*, and it is cut short"),
        ("<r><i>1</i>& <!-- ", "its XML is broken: .*, and it is cut short"),
        ("<r><i>1</i>& <![CDATA[x", "its XML is broken: .*, and it is cut short"),
        ("<r>&</r>", r"its XML is broken: not well-formed \(invalid token\): line 1, column 4$"),
        ("no & XML", "it is not XML"),
        ("{'a': '<i>1</i>'}", "it is not XML"),
        ("& <!DOCTYPE r [<!ENTITY a 'b'>]><r/>", "it is not XML"),
        (
            "<!-- -- --><!DOCTYPE r [<!ENTITY a 'b'>]><r/>",
            "its DOCTYPE declares entities or the like, which is refused",
        ),
        ("<!-- -- --><!doctype HTML><r/>", "it is an HTML page"),
        ("<r>&" + "<a>" * 300, "its elements are nested more than 200 deep"),
        (
            "<r>& <i " + "".join(f"x{number} " for number in range(2000)) + "></i>",
            "its <i> has more than 1,000 attributes",
        ),
        ("<r>& <i" + " " * 1_100_000, "it has a tag or comment of more than 1,048,576 characters"),
    ],
)
def test_what_is_lost_nevertheless(document: str, why: str) -> None:
    """Where a document breaks off, gives nothing or is refused, one error says so, and what was broken before."""
    assert re.match(why, records(document)[1])


TEXTS = st.text("ab \n&<>é]'\"", max_size=6).map(
    lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace("]", "").replace(">", "&gt;")
)
PARTS = st.one_of(
    TEXTS,
    st.sampled_from(
        ("<b/>", "<b x='1>2' y=\"a'b\"/>", "<!-- <i> & -->", "<?p <i> ?>", "<![CDATA[<i>&]] >]]>", "&#65;", "&eacute;")
    ),
)
ELEMENTS = st.recursive(
    PARTS,
    lambda inner: st.lists(inner, max_size=3).map(lambda each: f"<c xmlns:p='u' p:q='r'>{''.join(each)}</c>"),
    max_leaves=8,
)
DOCUMENTS = st.lists(ELEMENTS.map(lambda inner: f"<i>{inner}</i>"), min_size=1, max_size=5)


def cut(document: str, size: int) -> list[str]:
    """A document in pieces of a size."""
    return [document[at : at + size] for at in range(0, len(document), size)]


@settings(max_examples=examples(300), deadline=None)
@given(DOCUMENTS, st.integers(1, 40), st.integers(0, 5))
def test_broken_and_whole_documents_are_read_alike(elements: list[str], size: int, place: int) -> None:
    """From a mistake on, a document is read as it would be without; so is what stands before it."""
    whole, _ = records("<r>" + "".join(elements) + "</r>")
    broken = "<r>" + "".join([*elements[:place], "&", *elements[place:]]) + "</r>"
    assert told(*cut(broken, size)) == [("".join(ElementTree.fromstring(each).itertext())) for each in whole]
    assert records(*cut(broken, size))[0] == whole


SOUP = (
    *(
        "<r>",
        "</r>",
        "<i>",
        "</i>",
        "<i ",
        ">",
        "/>",
        "<",
        "&",
        ";",
        "amp;",
        "&#",
        "x",
        "='",
        '"',
        "'",
        "é",
        "\r",
        "\n",
        "]",
    ),
    *(
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "--",
        "<?",
        "?>",
        "<!",
        "<!DOCTYPE x",
        "[",
        " a=1",
        "<a:b xmlns:a='u'",
        "</a:b>",
        "\0",
    ),
)


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(st.sampled_from(SOUP), max_size=30).map(lambda parts: f"<r>{''.join(parts)}"), st.integers(1, 12))
def test_how_a_document_is_cut_changes_nothing(document: str, size: int) -> None:
    """Whatever a document is, its pieces give what it gives as a whole."""
    assert records(*cut(document, size)) == records(document)


@pytest.mark.parametrize(
    "body",
    [
        "&" * 250_000,
        "<" * 250_000,
        "<item " * 41_000,
        "</item><ite" * 22_000,
        "<i a='<i a=\"" * 20_000,
        "<?x " * 62_000,
        "<!x " * 62_000,
        "<!-- <i>" * 31_000,
        "<![CDATA[<i>]]" * 17_000,
        "]]>" * 83_000,
        '<i a="' + "b='c" * 62_000,
        "<i " + "a " * 125_000,
        "<i" + " " * 250_000 + ">",
        "&#x" + "0" * 250_000,
    ],
    ids=lambda body: body[:12],
)
@pytest.mark.usefixtures("no_garbage")
def test_hostile_documents(body: str) -> None:
    """A quarter of a megabyte of mistakes is read in time that grows with its size alone, whole or in pieces."""
    for pieces in ([f"<r>& {body}"], cut(f"<r>& {body}", 4_096)):
        begun = time.process_time()
        records(*pieces)
        assert time.process_time() - begun < 1
