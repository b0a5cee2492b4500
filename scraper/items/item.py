r"""Items: what a spider yields. Any record type will do; `Item` says where each of its fields comes from.

    class Book(Item):
        title: str = css("h1")
        price: Decimal = css(".price_color", re=r"[\d.]+")
        tags: list[str] = css(".breadcrumb li a")

    Book.extract(response)

A field takes the first thing its query finds, or all of them if its type is a list, tuple or set. An element
gives its visible text with white space folded, `::text` and `::attr(name)` give what they select, `re` keeps
the first group (or the whole) of what it matches in that. `sources` and pydantic then make it the field's type. A
field that may be None is None where nothing is found, unless it has another default. A field whose type is an `Item`
is extracted from the element that its query finds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, Self, cast

from pydantic import ValidationError

from scraper.errors import SpiderError
from scraper.items.fields import Convert, Join, Source, is_many, members, reader, single
from scraper.items.item_types import SIGHTINGS, Misfit
from scraper.items.record import Record, validated
from scraper.markup.selectors.css_parser import SelectorError
from scraper.urls import join, without_credentials

LONG = 120  # characters of a value that is shown in an error


class ItemError(SpiderError):
    """Fields of an item could not be made of what its page holds: `misfits` tells them one by one."""

    def __init__(self, text: str, misfits: tuple[Misfit, ...] = ()) -> None:
        super().__init__(text)
        self.misfits = misfits


class Page(Protocol):
    """What an item can be taken from: a response, or an element of it."""

    def css(self, query: str, /) -> Any: ...


class Item(Record):
    """A record with typed fields. Made by hand like any pydantic model, or from a page by `extract()`."""

    @classmethod
    def extract(cls, page: Page, /, **values: Any) -> Self:
        """The item that `page` (a response or a selector) holds; `values` are fields given by hand.

        Raises `ItemError`, naming item, field, selector, value and page, if a field does not fit its type or
        is required and not found.
        """
        return cls._extract(page, _joining(page), values)

    @classmethod
    def extract_all(cls, page: Page, /, css: str | None = None, *, xpath: str | None = None) -> list[Self]:
        """One item for each element of `page` that the CSS selector `css`, or the expression `xpath`, finds.

        Raises `ValueError` unless one of the two is given, and what `extract` raises.
        """
        if (css is None) == (xpath is None):
            raise ValueError(f"{cls.__name__}.extract_all() takes one of css and xpath")
        found = page.css(css) if css is not None else cast("Any", page).xpath(xpath)
        join = _joining(page)
        return [cls._extract(element, join, {}) for element in found]

    @classmethod
    def _extract(cls, page: Page, join: Join, values: Mapping[str, Any]) -> Self:
        taken: dict[str, Any] = {}
        blank: list[str] = []
        misfits: list[Misfit] = []
        for name, taking in _takings(cls).items():
            if name in values:
                continue
            try:
                if not _take(f"{cls.__name__}.{name}", taking, page, join, taken):
                    blank.append(name)
            except _UnfitError as unfit:
                misfits.append(Misfit(cls.__name__, name, taking.source.query, unfit.value, unfit.problem))
        item = None
        try:
            item = validated(cls, {**taken, **values})
        except ValidationError as error:
            told = {each.field for each in misfits}
            misfits += [each for each in _misfits(cls, error, taken) if each.field not in told]
        if item is None or misfits:
            url = _url(page)
            text = "; ".join(map(str, misfits))
            raise ItemError(f"{text} in {without_credentials(url)}" if url else text, tuple(misfits))
        item.__pydantic_fields_set__.difference_update(blank)
        return item


@dataclass(frozen=True, slots=True)
class Taking:
    """How a field is taken from a page."""

    source: Source
    many: bool
    kind: type[Item] | None
    read: Callable[[str, Join], Any] | None
    is_required: bool
    may_be_none: bool

    def values(self, page: Page, join: Join) -> list[Any]:
        """What the field's source finds, as values that the field's type can be made of."""
        source = self.source
        found = source.find(page, many=self.many)
        if self.kind is not None and source.language in {"css", "xpath"}:
            return [self.kind._extract(each, join, {}) for each in found]
        values = source.values(found)
        if source.is_joined:
            values = [join(each) for each in values]
        if source.convert is not None:
            return [_converted(source.convert, each) for each in values]
        if self.read is None:
            return values
        return [self.read(each, join) if isinstance(each, str) else each for each in values]


@lru_cache(maxsize=1024)
def _takings(cls: type[Item]) -> dict[str, Taking]:
    return {
        name: Taking(
            source,
            many=is_many(field.annotation),
            kind=next((each for each in single(field.annotation) if _is_kind(each)), None),
            read=reader(field.annotation),
            is_required=field.is_required(),
            may_be_none=type(None) in members(field.annotation),
        )
        for name, field in cls.model_fields.items()
        for source in field.metadata
        if isinstance(source, Source)
    }


class _UnfitError(Exception):
    """A field cannot be taken: of which value, if that is known, and why."""

    def __init__(self, problem: str, value: str = "") -> None:
        self.problem = problem
        self.value = value


def _take(label: str, taking: Taking, page: Page, join: Join, taken: dict[str, Any]) -> bool:
    """Take a field, `Item.name`, from `page`; whether it was found there. Raises `_UnfitError`."""
    try:
        found = taking.values(page, join)
    except SelectorError:
        raise
    except ValueError as error:  # of data that is none
        raise _UnfitError(str(error)) from None
    seen = SIGHTINGS.get()
    if seen is not None:
        seen[label] = seen.get(label, False) or bool(found)
    if not found and taking.source.is_required:
        raise _UnfitError("nothing found")
    name = label.rpartition(".")[2]
    if taking.many:
        if found or taking.is_required:
            taken[name] = found
    elif found:
        taken[name] = found[0]
    elif taking.is_required and taking.may_be_none:
        taken[name] = None
    return bool(found)


def _converted(convert: Convert, value: Any) -> Any:
    try:
        return convert(value)
    except Exception as error:
        problem = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise _UnfitError(problem or "it cannot be converted", _shown(value)) from error


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONG else f"{text[:LONG]}…"


def _is_kind(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Item)


def _joining(page: Page) -> Join:
    """What makes absolute URLs of those that are written in `page`."""
    if hasattr(page, "urljoin"):
        joining: Join = page.urljoin
        return joining
    url = _url(page)
    return lambda reference: (join(url, reference) if url else None) or reference


def _url(page: Page) -> str:
    """The address of a response, or of the page that a selector is of; empty if it has none."""
    url: str = getattr(page, "url", "") or getattr(getattr(getattr(page, "node", None), "parser", None), "url", "")
    return url


def _misfits(cls: type[Item], error: ValidationError, taken: Mapping[str, Any]) -> Iterator[Misfit]:
    for each in error.errors(include_url=False, include_context=False):
        name = ".".join(map(str, each["loc"]))
        field = name.partition(".")[0]
        taking = _takings(cls).get(field)
        selector = taking.source.query if taking and field in (*taken, name) else ""
        if each["type"] == "missing":
            yield Misfit(cls.__name__, name, selector, "", "nothing found")
        else:
            got = _shown(each["input"] if "." in name else taken.get(field, each["input"]))
            yield Misfit(cls.__name__, name, selector, got, each["msg"])
