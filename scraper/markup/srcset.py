"""The `srcset` of an image: several URLs in one attribute, each with what it is for (HTML, 4.8.4.2.1)."""

WHITE = "\t\n\f\r "


def candidates(srcset: str) -> list[str]:
    """The URLs of a `srcset`, in its order; the widths and densities behind them are passed over.

    A URL may have commas in it, but neither begin nor end with one.
    """
    found: list[str] = []
    rest = srcset.lstrip(WHITE + ",")
    while rest:
        url = rest.split(None, 1)[0]
        rest = rest[len(url) :]
        if url.endswith(","):
            found.append(url.rstrip(","))
        else:
            found.append(url)
            rest = _after_descriptors(rest)
        rest = rest.lstrip(WHITE + ",")
    return found


def _after_descriptors(rest: str) -> str:
    """What comes behind the next comma that is not within parentheses."""
    depth = 0
    for place, char in enumerate(rest):
        if char == "," and not depth:
            return rest[place + 1 :]
        depth = max(0, depth + (char == "(") - (char == ")"))
    return ""
