"""How what a spider makes of its pages differs from what was accepted: by page, by item, by field. Pure.

Pages are told apart by their request and callback, and in what order they came tells nothing. The items of a page are
compared in their order: those between two equal ones stand for each other as far as they go, and what is left over is
new or gone. Fields of fields are told as `author.name`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal

import msgspec

from scraper.recording.accepted import Page


class _Missing:
    def __repr__(self) -> str:
        return "(missing)"


MISSING: Final = _Missing()
"""What takes the place of a value that is not there."""

Kind = Literal["changed", "new", "gone"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: of a whole page, of an `item` (from 1 on; 0 for none), or of one of its fields.

    `field` is a field's name, or `requests` or `error` of the page. What is new has no `before`, what is gone no
    `now`: it is `MISSING`.
    """

    page: str
    callback: str
    kind: Kind
    item: int = 0
    field: str = ""
    before: Any = MISSING
    now: Any = MISSING


def differences(before: Sequence[Page], now: Sequence[Page], *, ignored: Set[str] = frozenset()) -> list[Difference]:
    """What differs between the pages of `before` and those of `now`, by the order of the first.

    Fields of items that are `ignored` never do.
    """
    found: list[Difference] = []
    left = _by_key(now)
    for page in before:
        others = left[page.page, page.callback]
        if others:
            found += _of_page(page, others.pop(0), ignored)
        else:
            found.append(Difference(page.page, page.callback, "gone", before=len(page.items)))
    for pages in left.values():
        found += [Difference(each.page, each.callback, "new", now=len(each.items)) for each in pages]
    return found


def _by_key(pages: Sequence[Page]) -> dict[tuple[str, str], list[Page]]:
    found: dict[tuple[str, str], list[Page]] = defaultdict(list)
    for page in pages:
        found[page.page, page.callback].append(page)
    return found


def _of_page(before: Page, now: Page, ignored: Set[str]) -> Iterator[Difference]:
    page, callback = before.page, before.callback
    if before.error != now.error:
        yield Difference(
            page, callback, "changed", field="error", before=before.error or MISSING, now=now.error or MISSING
        )
    yield from _of_items(before, now, ignored)
    asked_before, asked_now = _asked(before), _asked(now)
    for request in dict.fromkeys([*asked_before, *asked_now]):
        if request not in asked_now:
            yield Difference(page, callback, "gone", field="requests", before=request)
        elif request not in asked_before:
            yield Difference(page, callback, "new", field="requests", now=request)


def _asked(page: Page) -> dict[str, None]:
    """What a page leads to: each request and the callback it is for."""
    return {f"{label} ({callback})": None for callback, labels in page.requests.items() for label in labels}


def _of_items(before: Page, now: Page, ignored: Set[str]) -> Iterator[Difference]:
    page, callback = before.page, before.callback
    olds, news = ([_compared(each, ignored) for each in side.items] for side in (before, now))
    keys, other_keys = ([_written(each) for each in side] for side in (olds, news))
    matcher = SequenceMatcher(None, keys, other_keys, autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        paired = min(end - start, other_end - other_start)
        for old, new in zip(range(start, start + paired), range(other_start, other_start + paired), strict=True):
            for field, was, is_now in _of_fields(olds[old], news[new]):
                yield Difference(page, callback, "changed", item=new + 1, field=field, before=was, now=is_now)
        for old in range(start + paired, end):
            yield Difference(page, callback, "gone", item=old + 1, before=before.items[old])
        for new in range(other_start + paired, other_end):
            yield Difference(page, callback, "new", item=new + 1, now=now.items[new])


def _compared(item: dict[str, Any], ignored: Set[str]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ignored}


def _of_fields(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each field that differs, and its two values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*before, *now]):
            inner = f"{path}.{name}" if path else name
            yield from _of_fields(before.get(name, MISSING), now.get(name, MISSING), inner)
    elif MISSING in (before, now) or _written(before) != _written(now):
        yield path, before, now


def _written(value: Any) -> bytes:
    """By what values are compared: to Python 1, 1.0 and true are equal."""
    return msgspec.json.encode(value, order="sorted")
