"""What was typed at the prompt, as it may be repeated where others read it: without what is secret in it."""

import re
import shlex
from collections.abc import Sequence

from scraper.secrets import HIDDEN, PROXIES, STORE, is_secret, masked, masked_proxy, masked_store, names_secret
from scraper.settings.load import key_path
from scraper.settings.messages import is_private
from scraper.settings.schema import Settings
from scraper.settings.tables import known_schema

_OPTION = re.compile(r"-[as](?!$)")


def shown_command(words: Sequence[str]) -> str:
    """The command line that `words` are, each secret in it shown as `***`."""
    return shlex.join(map(_masked, words))


def shown_argument(text: str) -> str:
    """`NAME=VALUE`, of a spider's argument, as it may be shown."""
    name, equals, value = text.partition("=")
    if equals and (is_secret(name) or names_secret(value)):
        return f"{name}={HIDDEN}"
    return f"{name}={masked_proxy(value)}" if name.strip() in PROXIES else masked(text)


def without_secrets(text: str, words: Sequence[str]) -> str:
    """`text`, which may repeat some of the `words` of a command line, without the secrets that these have in them."""
    for word in words:
        if (shown := _masked(word)) != word:
            text = text.replace(word, shown).replace(repr(word.partition("=")[2]), f"'{HIDDEN}'")
    return masked(text)


def _masked(word: str) -> str:
    """`word` without user and password of a URL, and without the value of what is secret by its name."""
    option = _OPTION.match(word)
    start = option.end() if option else 0
    return word[:start] + (_masked_override(word[start:]) or shown_argument(word[start:]))


def _masked_override(text: str) -> str:
    """`TABLE.KEY=VALUE` of a setting; empty if it is none."""
    key, equals, value = text.partition("=")
    path = tuple(key_path(key) or ())
    if not equals or not path or path[0] not in Settings.__struct_fields__:
        return ""
    if PROXIES & {*path} and not names_secret(value):
        return f"{key}={masked_proxy(value)}"
    if path[-1] == STORE and not names_secret(value):
        return f"{key}={masked_store(value)}"
    return f"{key}={HIDDEN}" if is_private(known_schema(), path) or names_secret(value) else masked(text)
