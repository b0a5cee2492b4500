"""The anchors of headings, as code hosts make them, so that a link leads to the same place on both."""

import re
from collections.abc import Callable


def slug(heading: str, separator: str = "-") -> str:
    """`When it "fails"` is `when-it-fails`."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def slugify() -> Callable[[str, str], str]:
    """What Zensical is given: it calls this to have the function."""
    return slug
