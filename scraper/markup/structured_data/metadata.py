"""What the head of a page says of it: title, canonical address, Open Graph, Twitter's cards."""

from collections.abc import Callable
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from scraper.markup.selectors.element_text import visible

WHITE = " \t\n\f\r"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a page says of itself; "" and {} where it says nothing. Addresses are absolute if the page's own is known.

    Of what is there twice the first counts, as Open Graph has it. The names of `open_graph` and `twitter` are without
    their `og:` and `twitter:`; `names` are those of all `<meta name>`, in lower case.
    """

    title: str = ""
    description: str = ""
    language: str = ""
    canonical: str = ""
    open_graph: dict[str, str] = field(default_factory=dict)
    twitter: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def read_metadata(root: LexborNode, join: Callable[[str], str]) -> Metadata:
    """The metadata of a page; `join` makes a reference absolute."""
    open_graph: dict[str, str] = {}
    names: dict[str, str] = {}
    for meta in root.css("meta[content]"):
        attributes = meta.attributes
        content = (attributes["content"] or "").strip(WHITE)
        for name in (attributes.get("property") or "").lower().split():
            (open_graph if name.startswith("og:") else names).setdefault(name.removeprefix("og:"), content)
        name = (attributes.get("name") or "").strip(WHITE).lower()
        if name.startswith("og:"):
            open_graph.setdefault(name[3:], content)
        elif name:
            names.setdefault(name, content)
    twitter = {name[8:]: content for name, content in names.items() if name.startswith("twitter:")}
    title = root.css_first("head > title")
    return Metadata(
        title=visible(title) if title is not None else "",
        description=names.get("description", ""),
        language=(root.attributes.get("lang") or "").strip(WHITE),
        canonical=_canonical(root, join),
        open_graph=_absolute(open_graph, join),
        twitter=_absolute(twitter, join),
        names=names,
    )


def _canonical(root: LexborNode, join: Callable[[str], str]) -> str:
    for link in root.css("link[rel][href]"):
        attributes = link.attributes
        href = (attributes["href"] or "").strip(WHITE)
        if href and "canonical" in (attributes["rel"] or "").lower().split():
            return join(href)
    return ""


_MEDIA = ("image", "audio", "video")
_ADDRESSES = {"url", "image:src", "player", "player:stream", *_MEDIA}
_ADDRESSES |= {f"{medium}:{name}" for medium in _MEDIA for name in ("url", "secure_url")}


def _absolute(properties: dict[str, str], join: Callable[[str], str]) -> dict[str, str]:
    return {name: join(said) if said and name in _ADDRESSES else said for name, said in properties.items()}
