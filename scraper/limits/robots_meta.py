"""What a page itself asks of crawlers: X-Robots-Tag and `<meta name="robots">`.

Neither is in RFC 9309; what they mean is told by those who read them
(https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag). Of what several say, the most
restrictive holds. A header, or a part of one, that begins with a crawler's name is for that crawler.
"""

import re
from collections.abc import Iterator

from scraper.http.response import Response
from scraper.limits.robots import product_token
from scraper.markup.document.encoding_prescan import meta_tags
from scraper.verdict import Permits

HEAD = 65_536  # bytes of a page in which its head is looked for

_BODY = re.compile(rb"<body[\s>]", re.IGNORECASE)
_TO = re.compile(r"\s*([\w-]+|\*)\s*:(.*)", re.DOTALL)
_WITH_VALUE = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
_EVERYBODY = frozenset({"robots", "*"})


class Directives:
    """Reads what pages ask of the crawler that `user_agent` names."""

    def __init__(self, user_agent: str) -> None:
        self._names = _EVERYBODY | {product_token(user_agent)}

    def __call__(self, response: Response) -> Permits:
        """What the page permits."""
        found = {*self._in_headers(response), *self._in_page(response)}
        return Permits(
            follow=found.isdisjoint({"nofollow", "none"}),
            index=found.isdisjoint({"noindex", "none"}),
        )

    def _in_headers(self, response: Response) -> Iterator[str]:
        for value in response.headers.getall("X-Robots-Tag", ()):
            is_ours = True
            for part in value.split(","):
                to = _TO.match(part)
                word = part
                if to is not None and to[1].lower() not in _WITH_VALUE:
                    is_ours, word = to[1].lower() in self._names, to[2]
                if is_ours:
                    yield word.strip().lower()

    def _in_page(self, response: Response) -> Iterator[str]:
        head = response.body[:HEAD]
        start = _BODY.search(head)
        for meta in meta_tags(head[: start.start()] if start is not None else head):
            if meta.get("name", "").strip().lower() in self._names:
                yield from (each.strip().lower() for each in meta.get("content", "").split(","))
