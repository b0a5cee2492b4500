"""Refuse two files of different items, and name the first difference.

Digests are compared, not items, for a reason outside this module: the peak memory that the system reports
of a child is at least its parent's, so the process that starts the contestants must stay small.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def compare(output: Path, first: Path) -> None:
    """Exit with the first difference between two JSON Lines files; order and spelling play no part."""
    found, expected = digests(output), digests(first)
    for url in sorted(found.keys() ^ expected.keys()):
        raise SystemExit(f"{url} is only in {output.stem if url in found else first.stem}")
    for url in sorted(found):
        if found[url] != expected[url]:
            raise SystemExit(f"{url}: {difference(find(output, url), find(first, url))} ({first.stem})")


def digests(path: Path) -> dict[str, bytes]:
    """Of each item its URL and a digest of its fields."""
    found: dict[str, bytes] = {}
    with path.open(encoding="utf-8") as lines:
        for item in map(json.loads, lines):
            if item["url"] in found:
                raise SystemExit(f"{item['url']} is in {path.stem} twice")
            found[item["url"]] = hashlib.sha256(json.dumps(item, sort_keys=True).encode()).digest()
    return found


def find(path: Path, url: str) -> dict[str, Any]:
    with path.open(encoding="utf-8") as lines:
        return next(item for item in map(json.loads, lines) if item["url"] == url)


def difference(item: dict[str, Any], expected: dict[str, Any]) -> str:
    field = next(name for name in expected | item if item.get(name) != expected.get(name))
    return f"{field} is {item.get(field)!r}, expected {expected.get(field)!r}"
