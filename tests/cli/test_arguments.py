"""Arguments: texts and TOML values become what the spider declares."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Literal, Optional

import pytest

from scraper.cli.spiders.arguments import converted, pairs
from scraper.errors import SettingsError, SpiderError
from scraper.settings.environment import filled
from scraper.spider import Spider


class Order(Enum):
    NEW = "new"
    CHEAP = "cheap"


class Catalogue:
    """Nothing that a text could be."""


class Books(Spider):
    name = "books"
    category: str = "all"
    pages: int = 1
    share: float = 0.5
    is_new: bool = False
    since: date | None = None
    tags: list[str] = []
    years: Iterable[int] = ()
    grade: Literal[1, 2, 3] = 1
    order: Order = Order.NEW
    price: Optional[Decimal] = None  # noqa: UP045 -- an older spelling, which spiders use
    text: "str" = ""
    pin_token: int = 0
    unknown: "Nowhere" = None  # type: ignore[name-defined]  # noqa: F821
    catalogue: Catalogue
    shared: ClassVar[int] = 1
    plain = 3

    def parse(self, response: Any) -> Any:
        return [lambda: getattr(self, "nested", None), self.loose]

    @property
    def url(self) -> str:
        return f"https://{self.host}/"


class Required(Spider):
    name = "required"
    year: int
    shop: str

    async def start(self) -> Any:
        self.shop = "opened here"
        yield None


class Made(Spider):
    name = "made"
    plain = 3

    def __init__(self, tag: str, pages: int = 1, loose=None, **kwargs: Any) -> None:  # type: ignore[no-untyped-def]
        super().__init__(**kwargs)
        self.tag, self.pages, self.loose = tag, pages, loose


class Closed(Spider):
    name = "closed"
    plain = 3

    def __init__(self, tag: str = "") -> None:
        super().__init__()
        self.tag = tag


class Inner(Made):
    name = "inner"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(tag="given", **kwargs)


def given(spider: type[Spider], *texts: str, **configured: Any) -> dict[str, Any]:
    return converted(spider, configured=configured, given=pairs(texts))


def refused(spider: type[Spider], *texts: str, **configured: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        given(spider, *texts, **configured)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("category=travel", "travel"),
        ("category=17", "17"),
        ("category=a=b", "a=b"),
        ("category=", ""),
        ("pages=5", 5),
        ("share=1", 1.0),
        ("is_new=yes", True),
        ("is_new=false", False),
        ("since=2026-01-31", date(2026, 1, 31)),
        ("tags=new, used", ["new", "used"]),
        ('tags=["a, b", "c"]', ["a, b", "c"]),
        ("tags=", []),
        ("years=1999,2001", [1999, 2001]),
        (
            "start_urls=https://a.example/?id=1,2,https://b.example/",
            ["https://a.example/?id=1,2", "https://b.example/"],
        ),
        ("grade=2", 2),
        ("order=cheap", Order.CHEAP),
        ("price=3.50", Decimal("3.50")),
        ("text=x", "x"),
        ("plain=7", "7"),
        ("nested=7", "7"),
        ("loose=7", "7"),
        ("host=a.example", "a.example"),
    ],
)
def test_a_text_becomes_what_the_attribute_is_declared_to_be(text: str, value: object) -> None:
    """-a NAME=VALUE is converted to the attribute's type; without a type it stays a text."""
    assert given(Books, text) == {text.partition("=")[0]: value}


def test_values_of_the_file_are_converted_too_and_the_command_line_wins() -> None:
    """[spiders.NAME] gives arguments as TOML values; -a goes over them."""
    arguments = given(Books, "pages=2", pages=1, since=date(2026, 1, 31), tags=["a"], plain=7)
    assert arguments == {"pages": 2, "since": date(2026, 1, 31), "tags": ["a"], "plain": 7}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("pages", "-a pages: expected NAME=VALUE, as in -a category=travel"),
        ("=3", "-a =3: expected NAME=VALUE, as in -a category=travel"),
        ("pages=few", "-a pages=few: expected a whole number, got 'few'"),
        ("is_new=perhaps", "-a is_new=perhaps: expected true or false, got 'perhaps'"),
        ("since=today", "-a since=today: expected a date like 2026-01-31, got 'today'"),
        ("years=a,b", "-a years=a,b: expected a list of whole numbers, got 'a,b'"),
        ("order=dear", '-a order=dear: expected one of "new", "cheap", got \'dear\''),
        ("grade=4", "-a grade=4: expected one of 1, 2, 3, got '4'"),
        ("categry=travel", "-a categry=travel: Books reads no such argument; did you mean category?"),
        ("shared=1", "-a shared=1: Books reads no such argument; did you mean share?"),
        ("name=x", "-a name=x: Books reads no such argument"),
        ("parse=x", "-a parse=x: Books reads no such argument"),
        ("_fetch=x", "-a _fetch=x: Books reads no such argument"),
        ("pin_token=hush", "-a pin_token=***: expected a whole number"),
        ("pin_token=hu\nsh" + 100 * "x", "-a pin_token=***: expected a whole number"),
        ("pin-token=hush", "-a pin-token=***: expected NAME=VALUE"),
        ("pages={password='hush'}", "-a pages=***: expected a whole number, got ***"),
        (
            "pages=http://u:hush@h/?jwt=hush",
            "-a pages=http://***@h/?jwt=***: expected a whole number, got 'http://***@",
        ),
    ],
)
def test_an_argument_that_cannot_be_is_told_in_one_line(text: str, error: str) -> None:
    """The line repeats the argument and says what was expected, or which name is nearest."""
    assert refused(Books, text).startswith(error)


def test_what_cannot_be_in_the_file_names_its_table() -> None:
    """An argument of config.toml is refused with its place, and a misspelt table is told from an argument."""
    assert refused(Books, pages="few") == "config.toml: [spiders.books] pages: expected a whole number, got 'few'"
    assert refused(Books, limts={"delay": 1}) == (
        "config.toml: [spiders.books] limts: Books reads no such argument; did you mean limits?"
    )


def test_a_type_that_no_text_can_be_is_told() -> None:
    """An attribute for an object is no argument, and not missed."""
    assert "make it in the spider" in refused(Books, "catalogue=x")


def test_a_type_that_means_nothing_matters_only_to_its_argument() -> None:
    """A type that exists for the type checker alone is looked up when its argument is given."""
    with pytest.raises(SpiderError, match="argument unknown: no type 'Nowhere'"):
        given(Books, "unknown=x")


def test_an_attribute_without_a_default_is_required_unless_the_spider_sets_it() -> None:
    """`year: int` must be given; `shop: str` need not, for the class assigns it."""
    assert given(Required, "year=1999") == {"year": 1999}
    assert refused(Required) == (
        "spider 'required' needs the argument year, a whole number: "
        "give it with -a year=VALUE, or in [spiders.required]"
    )


def test_parameters_of_the_constructor_are_arguments() -> None:
    """`__init__` names arguments; with **kwargs, attributes are arguments too."""
    assert given(Made, "tag=x", "pages=2", "loose=3", "plain=4") == {"tag": "x", "pages": 2, "loose": "3", "plain": "4"}
    assert refused(Made).startswith("spider 'made' needs the argument tag, a text")
    assert refused(Closed, "plain=1").startswith("-a plain=1: Closed reads no such argument (known: tag)")


def test_what_a_constructor_gives_to_the_next_is_not_asked_for() -> None:
    """A required parameter of an inner `__init__` is the business of the outer one."""
    assert given(Inner, "pages=2") == {"pages": 2}


def test_a_variable_is_told_by_its_name() -> None:
    """A spider gets what a variable holds as a plain text; an error says how it is written in the file."""
    configured = filled({"text": "${WORD}", "tags": ["${WORD}"]}, {"WORD": "secret"})
    made = converted(Books, configured=configured, given={})
    assert made == {"text": "secret", "tags": ["secret"]}
    assert (type(made["text"]), type(made["tags"][0])) == (str, str)
    for name, value in filled({"pages": "${WORD}", "years": ["${WORD}"]}, {"WORD": "secret"}).items():
        with pytest.raises(SettingsError, match=r"got \[?'\$\{WORD\}'"):
            converted(Books, configured={name: value}, given={})
