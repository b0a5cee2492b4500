"""Whether a page is quick to parse: a look at what it is made of, before the parser's.

Building a tree takes Lexbor time that grows with the square of some things that a page may have in any number, and
that no ordinary page has many of: open elements, attributes of one tag, and formatting elements that stay open
(`<font color=…>`), of which every block that follows gets copies. So 500 KB of `<div>` take 16 seconds, and 28 KB of
`<font>` and `<p>` take 700 MB of memory.

What is told here is only that a page *cannot* be one of those: it is short, or has few of everything. Nearly all
pages are of that kind. Any other one is parsed on trial, by a process that can be killed: see `sandbox`.
"""

import re

SHORT = 16 * 1024  # bytes of a page that can do no harm
ONE_TAG = 64 * 1024  # bytes of a page that can do no harm by the attributes of one tag
FEW_TAGS = 8_000
FEW_COPIES = 500_000  # of formatting elements, if each that has attributes stayed open for all tags

_NAMES = rb"<([bcefistuBCEFISTU](?:|ig|ode|m|ont|mall|trike|trong|t))"
_FORMATTING = re.compile(_NAMES + rb"[\t\n\f\r /]", re.IGNORECASE)
_CLOSED = re.compile(  # at once, behind a text
    _NAMES
    + rb"""(?:[\t\n\f\r ]++[a-z-]++(?:="[^"<>]*+"|='[^'<>]*+'|=[^\t\n\f\r "'<>=]++)?+)++[\t\n\f\r ]*+>[^<]*+</\1>""",
    re.IGNORECASE,
)
_LONG = re.compile(rb"<[a-zA-Z][^>]{2048}")
_GOES_ON = tuple(  # a quoted value with a > in it, behind which a tag may go on for long
    map(re.compile, (rb'="[^">]*>', rb"='[^'>]*>", rb"""=[\t\n\f\r ]+["'][^"'>]*>"""))
)


def is_simple(page: bytes) -> bool:
    """Whether `page` is parsed in a second at most, whatever is in it. Takes time in proportion to its length."""
    if len(page) <= SHORT:
        return True
    tags = page.count(b"<")
    if tags > FEW_TAGS:
        return False
    formatting = len(_FORMATTING.findall(page))
    if formatting * tags > FEW_COPIES and (formatting - len(_CLOSED.findall(page))) * tags > FEW_COPIES:
        return False
    return len(page) <= ONE_TAG or not (_LONG.search(page) or any(each.search(page) for each in _GOES_ON))
