"""What a job is a job of, and whether a crawl that is described otherwise may resume it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Description:
    """What a crawl is: its spider and all that decides what it does.

    `spider` is the name, `kind` the class (`module:Class`), `arguments` and `settings` (by dotted keys) hold values of
    JSON, and in place of one that may be secret `{DIGEST: …}`. Of each of the `sinks` it is told where and what it
    writes. `source` is a digest of the spider's module, and `modules` are those of the other modules that it uses, by
    name. `version` is that of the framework, `started` the time in ISO 8601.
    """

    spider: str = ""
    kind: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    sinks: list[dict[str, Any]] = field(default_factory=list)
    source: str = ""
    modules: dict[str, str] = field(default_factory=dict)
    version: str = ""
    started: str = ""


DIGEST = "digest"
ORDER = "frontier.order"
_HARMFUL_SETTINGS = frozenset({"pipelines.unique", "frontier.lanes"})
_NO_MATTER = ("sinks", "frontier.jobs", "frontier.store", "spiders")


def compare(old: Description, new: Description) -> tuple[list[str], list[str]]:
    """What differs, a line each: what does no harm, and what makes it another crawl. See `edited` for the source."""
    harmless, harmful = [], []
    if old.spider != new.spider:
        harmful.append(f"its spider was {old.spider}, now it is {new.spider}")
    elif old.kind != new.kind:
        harmless.append(f"the spider's class was {old.kind}, now it is {new.kind}")
    harmful += _differences("argument ", old.arguments, new.arguments)
    harmful += _sinks(old.sinks, new.sinks)
    for key in sorted(old.settings.keys() | new.settings.keys()):
        if not key.startswith(_NO_MATTER):
            lines = _differences(
                "", *({key: each[key]} if key in each else {} for each in (old.settings, new.settings))
            )
            (harmful if key in _HARMFUL_SETTINGS else harmless).extend(lines)
    if old.version != new.version:
        harmless.append(f"scraper was version {old.version}, now it is {new.version}")
    return harmless, harmful


def edited(old: Description, new: Description) -> list[str]:
    """The modules of the spider that have changed, by name; a module is not compared if one side has no digest."""
    own = [new.kind.partition(":")[0]] if old.source and new.source and old.source != new.source else []
    return own + [name for name, digest in new.modules.items() if old.modules.get(name, digest) != digest]


def _differences(what: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield f"{what}{name} was {_shown(old[name])}, now there is none"
        elif name not in old:
            yield f"{what}{name} is {_shown(new[name])}, there was none"
        elif old[name] != new[name] and _is_hidden(old[name], new[name]):
            yield f"{what}{name} has changed"
        elif old[name] != new[name]:
            yield f"{what}{name} was {_shown(old[name])}, now it is {_shown(new[name])}"


def _sinks(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[str]:
    before, now = ({str(each.get("path")): each for each in sinks} for sinks in (old, new))
    for path in sorted(before.keys() | now.keys()):
        if path not in now:
            yield f"it wrote to {path}, now it does not"
        elif path not in before:
            yield f"it did not write to {path}, now it does"
        else:
            yield from _differences(f"{path}: ", before[path], now[path])


def _is_hidden(*values: object) -> bool:
    return any(isinstance(value, dict) and DIGEST in value for value in values)


def _shown(value: object) -> str:
    text = "set" if _is_hidden(value) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
