"""Checkpoints as the file of a job holds them."""

from typing import Any

import msgspec

from scraper.errors import StorageError
from scraper.events import Statistics
from scraper.frontier.database import Store
from scraper.protocols import Checkpoint, Position, Seeds

encode = msgspec.msgpack.Encoder().encode

_PARTS: dict[str, Any] = {"positions": dict[str, Position], "statistics": Statistics, "seeds": Seeds}


def meta(checkpoint: Checkpoint) -> dict[str, bytes]:
    """All of it but the memories, by name."""
    return {name: encode(getattr(checkpoint, name)) for name in _PARTS}


def memory(changes: dict[str, dict[str, Any]]) -> tuple[list[tuple[str, str, bytes]], list[tuple[str, str]]]:
    """What is to be remembered, and what to be forgotten."""
    kept: list[tuple[str, str, bytes]] = []
    forgotten: list[tuple[str, str]] = []
    for part, values in changes.items():
        kept += [(part, key, encode(value)) for key, value in values.items() if value is not None]
        forgotten += [(part, key) for key, value in values.items() if value is None]
    return kept, forgotten


def checkpoint(store: Store, meta: dict[str, bytes]) -> Checkpoint | None:
    """The last checkpoint in `store`, with all that is remembered; None if there is none yet."""
    if not _PARTS.keys() <= meta.keys():
        return None
    return Checkpoint(
        **{name: value(store, meta, name, kind) for name, kind in _PARTS.items()}, memories=_memories(store)
    )


def value(store: Store, meta: dict[str, bytes], name: str, kind: Any) -> Any:
    """What is kept as `name`. Raises `StorageError` if it is nothing of that kind."""
    try:
        return msgspec.msgpack.decode(meta[name], type=kind)
    except (KeyError, msgspec.MsgspecError) as error:
        raise StorageError(f"{store.path}: {name} cannot be read: {error}") from None


def _memories(store: Store) -> dict[str, dict[str, Any]]:
    memories: dict[str, dict[str, Any]] = {}
    for part, key, data in store.memories():
        memories.setdefault(part, {})[key] = msgspec.msgpack.decode(data)
    return memories
