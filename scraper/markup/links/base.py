"""Where references of a page start from: its first `<base>` with an address (HTML, 4.2.3)."""

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scraper.markup.document.head import head_tags

_ELSEWHERE = frozenset({"head", "noscript", "svg", "math"})


def base_href(source: str | bytes, root: LexborNode) -> str | None:
    """The href of the first `<base>` that has one, "" if it has no value; None if there is none.

    `root` is the root of `source`, which is UTF-8 if it is bytes. A base in a noscript does not count, as in a browser
    that runs scripts, nor does one of SVG. Lexbor takes a base out of a noscript in the head, so the source is read.
    """
    bases = root.parser.tags("base")
    if not bases:
        return None
    page = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
    in_head = LexborHTMLParser(b"".join(head_tags(page, b"base"))).tags("base")
    in_body = (base for base in bases if _is_in_body(base))
    for base in (*in_head, *in_body):
        attributes = base.attributes
        if "href" in attributes:
            return attributes["href"] or ""
    return None


def _is_in_body(base: LexborNode) -> bool:
    around = base.parent
    while around is not None and around.tag not in _ELSEWHERE:
        around = around.parent
    return around is None
