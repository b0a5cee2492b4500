"""The tags of a page's head that say something, found without parsing the page (HTML, 13.2.6.4.3 to 13.2.6.4.6).

A page is parsed when somebody asks for an element. What has to be known of every page, where it leads by itself say, is
in its head, which ends at the first tag or text that only a body can have. Takes linear time.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator

MOST = 1024 * 1024  # bytes of a page that its head is looked for in
MOST_TAGS = 2_000  # of a head

_SPACE = rb"\t\n\f\r "
_START = re.compile(rb"[" + _SPACE + rb"]*+<(?:(!--)|([!?])|(/?)([a-z][^>/" + _SPACE + rb"]*+))", re.IGNORECASE)
_REST = re.compile(rb"(?:[^>=]++|=[" + _SPACE + rb"]*+(?:\"[^\"]*+\"|'[^']*+'|(?![\"'])))*+>")
_ENDS = {  # of elements whose content is not markup, or not for those who do not run scripts
    name: re.compile(rb"</" + name + rb"(?=[>/" + _SPACE + rb"])", re.IGNORECASE)
    for name in (b"script", b"style", b"title", b"noscript", b"noframes", b"template")
}
_WITHOUT_CONTENT = frozenset({b"html", b"head", b"meta", b"base", b"link", b"basefont", b"bgsound"})
_ENDS_HEAD = frozenset({b"html", b"body", b"br"})  # as end tags


def head_tags(page: bytes, *names: bytes) -> Iterator[bytes]:
    """The tags with these `names`, in lower case, in the head of a page, as they stand there."""
    place = len(BOM_UTF8) if page.startswith(BOM_UTF8) else 0
    for _ in range(MOST_TAGS):
        tag = _START.match(page, place, MOST)
        if tag is None:
            return
        start, place = place, _end(page, tag)
        name = (tag[4] or b"").lower()
        if place < 0 or (tag[3] and name in _ENDS_HEAD):
            return
        if not name or tag[3]:
            continue
        if name in names:
            yield page[start:place].lstrip()
        if name in _ENDS:
            end = _ENDS[name].search(page, place, MOST)
            if end is None:
                return
            place = end.start()
        elif name not in _WITHOUT_CONTENT:
            return


def _end(page: bytes, tag: re.Match[bytes]) -> int:
    """Where a tag or a comment ends; -1 if it does not."""
    if tag[1]:
        end = page.find(b"-->", tag.end() - 2, MOST)  # the dashes that begin a comment may end it
        return end + 3 if end >= 0 else -1
    if tag[2]:
        return page.find(b">", tag.end(), MOST) + 1 or -1
    rest = _REST.match(page, tag.end(), MOST)
    return rest.end() if rest is not None else -1
