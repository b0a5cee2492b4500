"""Where the fields of an item come from, and how a text that is found there becomes a value of the field's type.

Numbers are read as people write them (`markup.numbers`), dates as the standards and as English and European pages
write them; an address is joined with that of its page. What is left is pydantic's to convert, or to refuse.
"""

import re as regular_expressions
from collections.abc import Callable, Collection, Iterable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AnyUrl, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Convert = Callable[[Any], Any]
Join = Callable[[str], str]

_MANY = (list, tuple, set, frozenset, Collection, Iterable, Sequence, Set)
_DAYS = ("%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y", "%d.%m.%Y", "%Y/%m/%d")
_TIMES = ("", " %H:%M", " %H:%M:%S", ", %H:%M")
_ORDINAL = regular_expressions.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_LONGEST_DATE = 64


@dataclass(frozen=True, slots=True)
class Source:
    """Where a field comes from: what `query`, in a `language`, finds in a page."""

    query: str
    language: Literal["css", "xpath", "jmespath", "json_ld"] = "css"
    regex: regular_expressions.Pattern[str] | None = None
    convert: Convert | None = None
    is_joined: bool = False
    is_required: bool = False
    kind: str | None = None

    def find(self, page: Any, *, many: bool) -> list[Any]:
        """What is found in `page`: all of it, or only the first match. Raises `ValueError` for broken data."""
        match self.language:
            case "css":
                found: Sequence[Any] = page.css(self.query)
            case "xpath":
                found = page.xpath(self.query)
            case "jmespath":
                from scraper.markup.selectors.jmespath import search

                found = _all(search(self.query, page.json()))
            case "json_ld":
                from scraper.markup.selectors.jmespath import search

                found = [each for item in page.json_ld(self.kind) for each in _all(search(self.query, item))]
        return list(found) if many else [each for each in found[:1] if each is not None]

    def values(self, found: Iterable[Any]) -> list[Any]:
        """The texts of what was found, cut by `regex`; data as it is."""
        if self.language in {"css", "xpath"}:
            found = [each.get() if each.is_text else each.text for each in found]
        if self.regex is None:
            return list(found)
        hits = (self.regex.search(each) for each in found if isinstance(each, str))
        return [hit[1] if hit.re.groups else hit[0] for hit in hits if hit]


def _all(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _field(source: Source, default: Any) -> Any:
    field: FieldInfo = Field(default)
    field.metadata.append(source)
    return field


def css(  # noqa: PLR0913 -- what there is to say of a field
    query: str,
    *,
    re: str | None = None,
    attr: str | None = None,
    join: bool = False,
    convert: Convert | None = None,
    required: bool = False,
    default: Any = PydanticUndefined,
) -> Any:
    """A field of an `Item` that comes from the CSS selector `query`; `attr` is short for `::attr(…)`.

    `re` keeps the first group, or the whole, of what it matches; `join` makes an absolute URL of it; `convert` is
    called with it, in place of what its type asks for. A field that is `required` must be found, whatever its type.
    """
    if attr is not None:
        query = f"{query}::attr({attr})"
    regex = regular_expressions.compile(re) if re else None
    return _field(Source(query, "css", regex, convert, join, required), default)


def xpath(
    query: str,
    *,
    re: str | None = None,
    join: bool = False,
    convert: Convert | None = None,
    required: bool = False,
    default: Any = PydanticUndefined,
) -> Any:
    """A field of an `Item` that comes from the XPath expression `query` (extra `xpath`); see `css` for the rest."""
    regex = regular_expressions.compile(re) if re else None
    return _field(Source(query, "xpath", regex, convert, join, required), default)


def jmespath(
    expression: str, *, convert: Convert | None = None, required: bool = False, default: Any = PydanticUndefined
) -> Any:
    """A field of an `Item` that comes from a page of JSON, by a JMESPath `expression` (extra `jmespath`)."""
    return _field(Source(expression, "jmespath", convert=convert, is_required=required), default)


def json_ld(
    expression: str,
    kind: str | None = None,
    *,
    convert: Convert | None = None,
    required: bool = False,
    default: Any = PydanticUndefined,
) -> Any:
    """A field of an `Item` that comes from a page's JSON-LD, by a JMESPath `expression` (extra `jmespath`).

    It is asked of each object there, or of those of a `kind`, as "Product"; the first that has it gives the value.
    """
    source = Source(expression, "json_ld", convert=convert, is_required=required, kind=kind)
    return _field(source, default)


# Types.


def members(annotation: Any) -> tuple[Any, ...]:
    """The types that a union is of; another type is its own only member."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def is_many(annotation: Any) -> bool:
    """Whether a field of this type takes all matches rather than the first."""
    return any((get_origin(each) or each) in _MANY for each in members(annotation))


def single(annotation: Any) -> list[Any]:
    """The types that one value of such a field may have: those of a list's elements, say."""
    found: list[Any] = []
    for each in members(annotation):
        inner = get_args(each) if get_origin(each) in _MANY else ()
        found += [one for part in inner for one in single(part)] if inner else [each]
    return found


def reader(annotation: Any) -> Callable[[str, Join], Any] | None:
    """What reads a text as a value of this type, if pydantic alone would not read what pages write."""
    types = [each for each in single(annotation) if isinstance(each, type)]
    if str in types:
        return None
    if any(each in (Decimal, float, int) for each in types):
        return lambda text, _: _number(text)
    if any(each in (datetime, date) for each in types):
        is_day = datetime not in types
        return lambda text, _: _moment(text, is_day=is_day)
    if any(issubclass(each, AnyUrl) for each in types):
        return lambda text, join: join(text)
    return None


def _number(text: str) -> Any:
    with suppress(ValueError):
        float(text)
        return text.strip()
    from scraper.markup.structured_data.numbers import read_number

    number = read_number(text)
    return text if number is None else number


def _moment(text: str, *, is_day: bool) -> Any:
    """`text` as a point in time, or as it is."""
    text = " ".join(text.split())
    found = _read(text) if len(text) <= _LONGEST_DATE else None
    return text if found is None else found.date() if is_day else found


def _read(text: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    with suppress(ValueError, TypeError):
        if ":" in text:
            return parsedate_to_datetime(text)
    text = _ORDINAL.sub("", text)
    for day in _DAYS:
        for time in _TIMES:
            with suppress(ValueError):
                return datetime.strptime(text, day + time)
    return None
