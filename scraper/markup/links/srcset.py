"""The `srcset` of an image: several URLs in one attribute, each with what it is for (HTML, 4.8.4.2.1)."""

import re

WHITE = "\t\n\f\r "
_CANDIDATE = re.compile(f"[{WHITE},]*([^{WHITE},][^{WHITE}]*)")
_MARK = re.compile("[(),]")


def srcset_urls(srcset: str) -> list[str]:
    """The URLs of a `srcset`, in its order, without the widths and densities behind them.

    A URL may have commas in it, but neither begin nor end with one.
    """
    found: list[str] = []
    place = 0
    while candidate := _CANDIDATE.match(srcset, place):
        url = candidate[1].rstrip(",")
        found.append(url)
        place = candidate.end()
        if url == candidate[1]:
            place = _after_descriptors(srcset, place)
    return found


def _after_descriptors(srcset: str, place: int) -> int:
    """Where the next comma from `place` on ends that is not within parentheses."""
    depth = 0
    for mark in _MARK.finditer(srcset, place):
        if mark[0] == "," and not depth:
            return mark.end()
        depth = max(0, depth + (mark[0] == "(") - (mark[0] == ")"))
    return len(srcset)
