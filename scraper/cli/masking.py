"""What was typed at the prompt, as it may be repeated where others read it: without passwords."""

import re
import shlex
from collections.abc import Sequence

from scraper.secrets import is_secret

HIDDEN = "***"
_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s'\"]*@")
_PRIVATE = frozenset({"auth", "headers"})  # tables of [network]


def shown_command(words: Sequence[str]) -> str:
    """The command line that `words` are, each secret in it shown as `***`."""
    return shlex.join(map(_masked, words))


def without_secrets(text: str, words: Sequence[str]) -> str:
    """`text`, which may repeat some of the `words` of a command line, without the secrets that these have in them."""
    for word in words:
        if (masked := _masked(word)) != word:
            text = text.replace(word, masked).replace(repr(word.partition("=")[2]), f"'{HIDDEN}'")
    return _CREDENTIALS.sub(f"{HIDDEN}@", text)


def _masked(word: str) -> str:
    """`word` without user and password of a URL, and without the value of what is secret by its name."""
    name, equals, _ = word.partition("=")
    names = re.sub(r"^-[as](?!$)", "", name.strip()).split(".")
    is_private = bool(_PRIVATE & {*names}) if names[0] == "network" else is_secret(names[-1]) or "token" in names[-1]
    return f"{name}={HIDDEN}" if equals and is_private else _CREDENTIALS.sub(f"{HIDDEN}@", word)
