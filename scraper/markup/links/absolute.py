"""References in HTML made absolute, for HTML that leaves the page whose address they start from: a feed's entries."""

import re
from functools import partial
from html import escape, unescape

from scraper import urls
from scraper.markup.links.srcset import WHITE, srcset_urls

REFERRING = frozenset(
    ("action", "background", "cite", "data", "formaction", "href", "longdesc", "poster", "src", "srcset")
)
"""The attributes that refer to something."""

_TAG = re.compile("<[A-Za-z][^<>]*+>")
_ATTRIBUTE = re.compile(r"""(?<![^\s"'/])([^\s"'<>/=]++)(\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_NAMES = tuple(REFERRING)
_LONGEST = max(map(len, _NAMES))
_VALUE = re.compile(rf"=(?![{WHITE}]*[\"']?[{WHITE}]*(?:https?:|mailto:|#))", re.IGNORECASE)
_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*:")


def absolute_html(html: str, base: str) -> str:
    """`html` with the references in its tags resolved against `base`; all else of it stays as it is written."""
    return _TAG.sub(partial(_absolute_tag, base), html) if base and _may_have_relative(html) else html


def _may_have_relative(html: str) -> bool:
    """Whether an attribute that refers to something may do so by a relative reference; most feeds have none."""
    if "srcset" in html.lower():  # several references, of which only the first is looked at below
        return True
    for value in _VALUE.finditer(html):
        name = html[max(value.start() - _LONGEST, 0) : value.start()]
        if name.rstrip() != name or name.lower().endswith(_NAMES):
            return True
    return False


def absolute_value(name: str, value: str, base: str) -> str:
    """The `value` of an attribute, with what it refers to resolved against `base`, if it refers to something.

    A reference into the same document (`#note`) stays as it is.
    """
    if name.lower() not in REFERRING:
        return value
    if name.lower() != "srcset":
        return _absolute(value, base)
    made, place = [], 0
    for url in srcset_urls(value):
        start = value.index(url, place)
        made += [value[place:start], _absolute(url, base)]
        place = start + len(url)
    return "".join([*made, value[place:]])


def _absolute(reference: str, base: str) -> str:
    bare = reference.strip(WHITE)
    if not bare or bare.startswith("#") or _SCHEME.match(bare):
        return reference
    return urls.join(base, bare) or reference


def _absolute_tag(base: str, tag: re.Match[str]) -> str:
    return _ATTRIBUTE.sub(partial(_absolute_attribute, base), tag[0])


def _absolute_attribute(base: str, found: re.Match[str]) -> str:
    name, equals, *values = found.groups()
    if name.lower() not in REFERRING:
        return found[0]
    value = unescape(next(value for value in values if value is not None))
    made = absolute_value(name, value, base)
    return found[0] if made == value else f'{name}{equals}"{escape(made)}"'
