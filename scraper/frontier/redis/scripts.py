"""The scripts that Redis runs: one for each operation, and what they share."""

from functools import cache
from hashlib import sha1
from importlib.resources import files

import msgspec

_SHARED = ("keys", "workers", "units", "items", "news")


class Script(msgspec.Struct, frozen=True):
    """A script in Lua, and the digest that Redis knows it by once it has run."""

    text: str
    digest: str


@cache
def script(name: str) -> Script:
    """The script of an operation, `lua/NAME.lua`, together with what all share."""
    folder = files("scraper.frontier.redis") / "lua"
    text = "\n".join((folder / f"{each}.lua").read_text("ascii") for each in (*_SHARED, name, "end"))
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
