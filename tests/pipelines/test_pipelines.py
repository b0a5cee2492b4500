"""What becomes of items between their callback and the sinks."""

import asyncio
from collections import ChainMap, UserDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, ClassVar, Literal, Self

import attrs
import msgspec
import pytest
from annotated_types import Ge
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, Field, HttpUrl

from scraper.errors import CloseSpider, DropItem, SpiderError
from scraper.items.fields import css
from scraper.items.item import Item
from scraper.pipelines import Chain, Refined, Require, Unique, build
from scraper.pipelines.validate import Validate
from scraper.settings.schema import PipelinesSettings

SPIDER = object()
EMMA = {"title": "Emma", "price": 9}


def chain(*pipelines: Any, **settings: Any) -> Chain:
    return build(PipelinesSettings(**settings), pipelines, SPIDER)


def refine(chain: Chain, *items: Any) -> Refined:
    async def run() -> Refined:
        async with chain:
            return await chain.refine(items)

    return asyncio.run(run())


class Add:
    """Adds its letter to the title."""

    def __init__(self, letter: str) -> None:
        self.letter = letter

    def process(self, item: Any) -> Any:
        return {**item, "title": item["title"] + self.letter}


class AddLater(Add):
    async def process(self, item: Any) -> Any:
        await asyncio.sleep(0)
        return super().process(item)


class Stubborn:
    """Does what the title of an item says."""

    def process(self, item: Any) -> Any:
        match item["title"]:
            case "drop":
                return None
            case "why":
                raise DropItem("not wanted")
            case "break":
                raise KeyError("price")
            case "close":
                raise CloseSpider("enough")
            case "exit":
                raise SystemExit(3)
            case "number":
                return 5
        return item


def titles(*names: str) -> list[dict[str, str]]:
    return [{"title": name} for name in names]


def test_pipelines_run_in_order() -> None:
    """Each item passes the pipelines in the order of their list, plain or asynchronous."""
    refined = refine(chain(Add("a"), AddLater("b"), Add("c")), EMMA)
    assert refined == Refined(kept=[{"title": "Emmaabc", "price": 9}])


def test_the_built_in_ones_come_first() -> None:
    """The order is require, validate, unique, and then the spider's own."""
    built = chain(Add("x"), require=("title",), validate=True, unique=("title",))
    assert repr(built) == "<Chain Require → Validate → Unique → Add>"
    assert not built.is_empty


def test_an_empty_chain() -> None:
    """Without pipelines, the chain is empty and keeps everything."""
    assert chain().is_empty
    assert refine(chain(), EMMA).kept == [EMMA]


def test_items_are_dropped_with_a_reason() -> None:
    """None drops an item under the pipeline's name, DropItem under its reason; others go on."""
    refined = refine(chain(Stubborn()), *titles("drop", "x", "why", "y"))
    assert refined.kept == titles("x", "y")
    assert refined.dropped == [({"title": "drop"}, "Stubborn"), ({"title": "why"}, "not wanted")]
    assert refined.errors == []


def test_an_exception_costs_one_item() -> None:
    """Any other exception drops its item, and is told with the pipeline and the line that raised."""
    refined = refine(chain(Stubborn()), *titles("break", "x"))
    assert refined.kept == titles("x")
    assert refined.dropped == [({"title": "break"}, "Stubborn: KeyError")]
    [(where, line, error)] = refined.errors
    assert where == "Stubborn.process"
    assert isinstance(error, KeyError)
    file, number = line.rsplit(":", 1)
    assert file == __file__
    with open(file) as source:  # noqa: PTH123 -- one line of it
        assert 'raise KeyError("price")' in source.readlines()[int(number) - 1]


def test_a_pipeline_can_end_the_crawl() -> None:
    """CloseSpider is handed on among the errors; the other items of the batch still go their way."""
    refined = refine(chain(Stubborn()), *titles("close", "x"))
    assert refined.kept == titles("x")
    assert refined.dropped == [({"title": "close"}, "enough")]
    [(where, _, error)] = refined.errors
    assert where == "Stubborn.process"
    assert isinstance(error, CloseSpider)
    assert error.reason == "enough"


def test_a_pipeline_cannot_end_the_process() -> None:
    """sys.exit() in a pipeline ends the crawl in good order."""
    [(_, _, error)] = refine(chain(Stubborn()), *titles("exit")).errors
    assert isinstance(error, CloseSpider)
    assert error.reason == "SystemExit in Stubborn.process"


def test_a_pipeline_gives_items() -> None:
    """Something that is no item is an error of the pipeline that gave it."""
    refined = refine(chain(Stubborn()), *titles("number"))
    assert refined.kept == []
    [(_, _, error)] = refined.errors
    assert str(error) == "Stubborn.process gave 5: a pipeline returns the item, or None to drop it"


@given(st.lists(st.sampled_from(["drop", "why", "break", "close", "exit", "number", "x", "y"])))
def test_every_item_is_accounted_for(names: list[str]) -> None:
    """Each item is kept or dropped, exactly once."""
    refined = refine(chain(Stubborn()), *titles(*names))
    found = [*refined.kept, *(item for item, _ in refined.dropped)]
    assert sorted(each["title"] for each in found) == sorted(names)


@pytest.mark.parametrize("pipeline", [object(), "a.b.Pipeline", Add, print])
def test_what_is_no_pipeline_is_refused(pipeline: object) -> None:
    """An object that processes no items is refused by name before the crawl; so is a class."""
    with pytest.raises(SpiderError, match=r"is not a pipeline|the pipeline Add is a class: give an object, Add\(\)"):
        chain(pipeline)


class Database:
    """A pipeline that is open as long as the crawl runs."""

    def __init__(self, log: list[str], fails: str = "") -> None:
        self.log = log
        self.fails = fails

    async def __aenter__(self) -> Self:
        self._do("open")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(f"close {kind.__name__}" if kind else "close")

    def process(self, item: Any) -> Any:
        self.log.append("item")
        return item

    def _do(self, what: str) -> None:
        self.log.append(what)
        if self.fails and what.startswith(self.fails):
            raise OSError(f"cannot {what}")


class Scrapy:
    """A pipeline as one writes it for Scrapy."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def open_spider(self, spider: object) -> None:
        assert spider is SPIDER
        self.log.append("open_spider")

    async def close_spider(self, spider: object) -> None:
        assert spider is SPIDER
        await asyncio.sleep(0)
        self.log.append("close_spider")

    def process_item(self, item: Any, spider: object) -> Any:
        assert spider is SPIDER
        self.log.append("process_item")
        return item


class ScrapyWithoutSpider(Scrapy):
    def open_spider(self) -> None:  # type: ignore[override]
        self.log.append("open_spider")

    async def process_item(self, item: Any) -> Any:  # type: ignore[override]
        self.log.append("process_item")
        return item


def test_pipelines_are_open_while_the_crawl_runs() -> None:
    """Pipelines are opened in order, before the first item, and closed in the opposite order."""
    log: list[str] = []
    refine(chain(Database(log), Scrapy(log)), EMMA)
    assert log == ["open", "open_spider", "item", "process_item", "close_spider", "close"]


@pytest.mark.parametrize("kind", [Scrapy, ScrapyWithoutSpider])
def test_pipelines_written_for_scrapy(kind: type[Scrapy]) -> None:
    """Scrapy's pipelines work as they are, whether they take the spider or not."""
    log: list[str] = []
    assert refine(chain(kind(log)), EMMA).kept == [EMMA]
    assert log == ["open_spider", "process_item", "close_spider"]


def test_a_pipeline_that_does_not_open() -> None:
    """If one cannot be opened, those before it are closed, and the error names it and its line."""
    log: list[str] = []
    with pytest.raises(SpiderError, match=r"Database\.__aenter__: OSError: cannot open \(.*test_pipelines\.py:\d+\)"):
        refine(chain(Database(log), Database(log, fails="open"), Scrapy(log)))
    assert log == ["open", "open", "close SpiderError"]


def test_a_pipeline_that_does_not_close() -> None:
    """If one cannot be closed, the others are, and the error names it."""
    log: list[str] = []
    with pytest.raises(SpiderError, match=r"Database\.__aexit__: OSError: cannot close"):
        refine(chain(Database(log), Database(log, fails="close")))
    assert log == ["open", "open", "close", "close SpiderError"]


def test_pipelines_learn_how_the_crawl_ended() -> None:
    """An exception of the crawl reaches the pipelines as they are closed, and goes on."""
    log: list[str] = []

    @asynccontextmanager
    async def crawl() -> AsyncIterator[None]:
        async with chain(Database(log)):
            yield

    async def run() -> None:
        async with crawl():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
    assert log == ["open", "close ZeroDivisionError"]


async def test_pages_are_refined_at_the_same_time() -> None:
    """At most `concurrency` batches are under way."""
    running, most = 0, 0

    class Slow:
        async def process(self, item: Any) -> Any:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return item

    slow = chain(Slow(), concurrency=3)
    await asyncio.gather(*(slow.refine([EMMA]) for _ in range(10)))
    assert most == 3


# Require


@dataclass
class Book:
    title: str
    price: float = 1.0
    tags: list[str] = field(default_factory=list)
    shop: ClassVar[int] = 5


@pytest.mark.parametrize("value", [None, "", " \n", [], {}, ()])
def test_required_fields(value: Any) -> None:
    """An item is dropped if a required field is missing, None, white space or empty; class and field are named."""
    require = Require(("title",))
    problem = "missing" if value is None else "empty"
    for item, name in (({"title": value}, "dict"), (Book(value), "Book")):
        with pytest.raises(DropItem) as caught:
            require.process(item)
        assert caught.value.reason == f"{name}.title is {problem}"
    with pytest.raises(DropItem, match=r"dict.title is missing"):
        require.process({})


@pytest.mark.parametrize("value", ["x", 0, False, 0.0, [None]])
def test_zero_is_not_empty(value: Any) -> None:
    """0 and False are values."""
    item = {"title": value}
    assert Require(("title",)).process(item) is item


# Validate


class Cover(Enum):
    PAPER = 1


@attrs.define
class Thing:
    title: str
    _hidden: int = 0


@attrs.define(auto_attribs=False)
class OldThing:
    stock = attrs.field(type=int)  # type: ignore[call-overload]
    note = attrs.field(default=None)


class Record(msgspec.Struct):
    title: str
    price: int | msgspec.UnsetType = msgspec.UNSET


class Model(BaseModel):
    title: str
    price: Annotated[Decimal, BeforeValidator(lambda text: Decimal(text.strip("£")))] = Decimal(1)
    stock: int = Field(1, ge=0)
    url: HttpUrl | None = None


class Extracted(Item):
    title: str = css("h1")
    day: date | None = None
    cover: Cover = Cover.PAPER
    kind: Literal["a", "b"] = "a"


@dataclass
class Everything:
    model_kind: object
    json: Any
    book: Book
    stars: Annotated[int, Ge(1)] = 1


VALID = [
    EMMA,
    Book("Emma", 1),
    Thing("Emma"),
    OldThing(1, note="x"),
    Record("Emma"),
    Record("Emma", 3),
    Model(title="Emma", price="£3"),
    Model(title="Emma", url="https://a.example/"),
    Extracted(title="Emma", day=date(2026, 1, 1)),
    Everything(Cover, None, Book("Emma")),
]
INVALID = [
    (Book(5), "Book.title: Input should be a valid string, got int"),  # type: ignore[arg-type]
    (Book("Emma", "1.0"), "Book.price: Input should be a valid number, got str"),  # type: ignore[arg-type]
    (Book("Emma", tags=["a", None]), "Book.tags[]: Input should be a valid string, got NoneType"),  # type: ignore[list-item]
    (Book(None, True), "Book.title: Input should be a valid string, got NoneType (and 1 more)"),  # type: ignore[arg-type]
    (Thing("Emma", hidden="x"), "Thing._hidden: Input should be a valid integer, got str"),  # type: ignore[arg-type]
    (OldThing("x"), "OldThing.stock: Input should be a valid integer, got str"),
    (Record("Emma", None), "Record.price"),  # type: ignore[arg-type]
    (Model.model_construct(title="Emma", stock=-1), "Model.stock: Input should be greater than or equal to 0, got int"),
    (Model.model_construct(title=b"Emma"), "Model.title: Input should be a valid string, got bytes"),
    (Extracted.model_construct(title="Emma", kind="c"), "Extracted.kind: Input should be 'a' or 'b', got str"),
    (Everything(1, 2, Book(3)), "Everything.book.title: Input should be a valid string, got int"),  # type: ignore[arg-type]
    (Everything(1, 2, {"title": "x"}), "Everything.book: Input should be an instance of Book, got dict"),  # type: ignore[arg-type]
    (Everything(1, 2, Book("x"), 0), "Everything.stars: Input should be greater than or equal to 1, got int"),
]


@pytest.mark.parametrize("item", VALID, ids=lambda item: type(item).__name__)
def test_valid_items_pass(item: Any) -> None:
    """An item whose values are of the types its class declares passes unchanged; so does any dict."""
    assert Validate().process(item) is item


@pytest.mark.parametrize(("item", "reason"), INVALID, ids=lambda each: type(each).__name__)
def test_invalid_items_are_dropped(item: Any, reason: str) -> None:
    """An item with a value of another type is dropped, with class, field and problem, but not the value, as reason."""
    with pytest.raises(DropItem) as caught:
        Validate().process(item)
    assert caught.value.reason.startswith(reason)


def test_types_that_cannot_be_understood() -> None:
    """If the annotations of a class cannot be understood, that is an error that names the class."""

    @dataclass
    class Odd:
        title: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 -- that is the point

    [(where, _, error)] = refine(chain(validate=True), Odd(1)).errors
    assert where == "Validate.process"
    assert isinstance(error, SpiderError)
    assert "the types that Odd declares cannot be understood: name 'Nowhere'" in str(error)


# Unique


def test_duplicates_are_dropped() -> None:
    """Of items that are equal in the named fields, the first is kept, of whatever class they are."""
    items = [{"title": "Emma", "price": 1}, Book("Emma", 1), {"title": "Emma", "price": 2}, Book("Persuasion", 1)]
    refined = refine(chain(unique=("title", "price")), *items)
    assert refined.kept == [items[0], items[2], items[3]]
    assert refined.dropped == [(items[1], "Unique: title, price")]


def test_a_missing_field_counts_as_none() -> None:
    """A field that an item lacks counts as None."""
    refined = refine(chain(unique=("isbn",)), {"isbn": None}, {}, Book("Emma"))
    assert len(refined.kept) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("1", 1), (None, ""), (["a", "b"], ["ab"]), ("a", "b"), (0, False), ("\ud800", "\ud801")]
)
def test_different_values_are_different(one: Any, other: Any) -> None:
    """Values of different types are not equal, nor is text that is divided otherwise."""
    assert len(refine(chain(unique=("x",)), {"x": one}, {"x": other}).kept) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a", "b", "c"}, {"c", "b", "a"}),
        (Decimal("1.0"), Decimal("1.0")),
        ({None: 1}, {None: 1}),
        (Model(title="x"), Model(title="x")),
    ],
)
def test_equal_values_are_equal(one: Any, other: Any) -> None:
    """The order of keys, and of what is in a set, makes no difference."""
    assert len(refine(chain(unique=("x",)), {"x": one}, {"x": other}).kept) == 1


few = st.text(max_size=2) | st.integers(0, 3) | st.none()


@given(st.lists(st.tuples(few, st.lists(st.integers(0, 2), max_size=2))))
def test_each_once(values: list[tuple[Any, list[int]]]) -> None:
    """What is kept are exactly the distinct values, in the order in which they first came."""
    unique = Unique(("a", "b"))
    kept = []
    for a, b in values:
        try:
            kept.append(unique.process({"a": a, "b": b}))
        except DropItem:
            continue
    distinct = list(dict.fromkeys((a, tuple(b)) for a, b in values))
    assert [(each["a"], tuple(each["b"])) for each in kept] == distinct


def test_the_line_of_a_mistake() -> None:
    """An error of a pipeline, and what it gives that is no item, is in a line of the pipeline, not of ours."""
    lines = [line.rpartition(":") for _, line, _ in refine(chain(Stubborn()), *titles("number", "break")).errors]
    assert [file for file, _, _ in lines] == [__file__, __file__]
    source = Path(__file__).read_text().splitlines()
    assert [source[int(number) - 1].strip() for _, _, number in lines] == [
        "def process(self, item: Any) -> Any:",
        'raise KeyError("price")',
    ]


@pytest.mark.parametrize("item", [UserDict(name="x"), ChainMap({"name": "x"})])
def test_mappings_declare_no_types(item: Any) -> None:
    """What is no dict but a mapping passes the check of types, as a dict does, and the others look into it."""
    assert refine(Chain([Validate(), Require(("name",)), Unique(("name",))]), item, item).kept == [item]
    assert refine(Chain([Require(("price",))]), item).kept == []
