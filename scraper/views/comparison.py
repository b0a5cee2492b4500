"""How what a spider makes of its recorded pages compares with what was accepted, for people."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Protocol

from rich.text import Text

from scraper.views.formatting import plural, visible

LONGEST = 200
"""Characters of a value that are shown at most."""


class Difference(Protocol):
    """One difference: see `recording.differences.Difference`."""

    @property
    def page(self) -> str: ...
    @property
    def callback(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def item(self) -> int: ...
    @property
    def field(self) -> str: ...
    @property
    def before(self) -> Any: ...
    @property
    def now(self) -> Any: ...


def comparison(name: str, found: Sequence[Difference], missing: Sequence[str]) -> Iterator[Text]:
    """The lines about the recording `name`: what differs, page by page, and which requests have no answer in it."""
    pages = {(each.page, each.callback) for each in found}
    if not found and not missing:
        yield Text.assemble((visible(name), "bold green"), "  as accepted")
        return
    parts = [f"{plural(len(found), 'difference')} on {plural(len(pages), 'page')}"] if found else []
    parts += [f"{plural(len(missing), 'request')} not recorded"] if missing else []
    yield Text.assemble((visible(name), "bold red"), f"  {', '.join(parts)}")
    for (page, callback), group in groupby(found, key=lambda each: (each.page, each.callback)):
        yield Text.assemble("  ", (visible(page) or "start()", "bold"), f"  {visible(callback)}")
        yield from _of_page(group)
    for request in missing:
        yield Text.assemble("  ", ("not recorded", "red"), f"  {visible(request)}")


def _of_page(found: Iterable[Difference]) -> Iterator[Text]:
    for each in found:
        if each.item:
            place = f"item {each.item}" + (f"  {visible(each.field)}" if each.field else "")
        else:
            place = (
                visible(each.field) or f"the page, with {plural(each.before if _is_gone(each) else each.now, 'item')}"
            )
        yield Text.assemble(f"    {place}  ", *_change(each))


def _change(each: Difference) -> list[str | tuple[str, str]]:
    if not each.item and not each.field:
        return [(each.kind, "red" if _is_gone(each) else "green")]
    match each.kind:
        case "gone":
            return [(f"- {_shown(each.before)}", "red")]
        case "new":
            return [(f"+ {_shown(each.now)}", "green")]
    return [(_shown(each.before), "red"), " → ", (_shown(each.now), "green")]


def _is_gone(each: Difference) -> bool:
    return each.kind == "gone"


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:  # what is missing
        text = str(value)
    return visible(text, LONGEST)
