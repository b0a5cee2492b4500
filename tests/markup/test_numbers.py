"""Numbers are read as people write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.markup import Selector
from scraper.markup.structured_data.numbers import read_number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234,56 €", "1234.56"), ("1,234.56", "1234.56"), ("1 234,5", "1234.5"), ("1\u00a0234,50", "1234.50"),
        ("1\u202f234\u202f567,8", "1234567.8"), ("1'234.50", "1234.50"), ("CHF 1\u2019299.\u2013", "1299"),
        ("£19.99", "19.99"), ("12,5 %", "12.5"), ("-5,2 %", "-5.2"), ("\u22125", "-5"), ("-€5.00", "-5.00"),
        ("€ -5", "-5"), ("-USD 5", "-5"), ("- 5 °C", "-5"), ("10-20", "10"), ("A-5", "5"), ("sizes 5 - 10", "5"),
        ("(128)", "128"), ("19,-", "19"), ("1.299,-", "1299"), ("1.234", "1234"), ("1,234", "1234"),
        ("1.234.567", "1234567"), ("12,34,567.50", "1234567.50"), ("0.123", "0.123"), ("1234.567", "1234.567"),
        ("1 234.567", "1234.567"), ("0,5", "0.5"), (".5", "0.5"), ("$.99", "0.99"), ("007", "7"),
        ("12.50.", "12.50"), ("4.5/5", "4.5"), ("US$ 1,299", "1299"), ("5e3", "5"), ("1 2345", "1"),
        ("\u0663\u0664\u0665", "345"), ("\u0661\u066c\u0662\u0663\u0664\u066b\u0665", "1234.5"),
        ("\uff11\uff12", "12"), ("v1.2.3 of 5", "5"), ("24.12.2024, 7 items", "7"), ("", None), ("free", None),
        ("½", None), ("1.2.3", None), ("1,234.567.890", None), ("9" * 401, None),
    ],
)  # fmt: skip
def test_numbers(text: str, expected: str | None) -> None:
    """The first number of a text is read, whichever marks it has; dates and versions are none."""
    number = read_number(text)
    assert number == (None if expected is None else Decimal(expected))
    assert number is None or -number.as_tuple().exponent == len((expected or "").partition(".")[2])


def test_the_mark_of_decimals_can_be_told() -> None:
    """What is open to doubt is settled by saying which mark the page has."""
    assert (read_number("1.234"), read_number("1.234", ".")) == (Decimal(1234), Decimal("1.234"))
    assert (read_number("1,234", ","), read_number("1,234.5", ",")) == (Decimal("1.234"), None)
    assert read_number("1.234,5", ",") == Decimal("1234.5")


@given(
    st.decimals(-(10**12), 10**12, places=2),
    st.sampled_from((",.", ".,", " ,", "\u00a0,", "'.", "\u2019.")),
    st.sampled_from(("", "€ ", "$", "EUR ", "Price: ", "\n")),
)
def test_numbers_with_two_decimals_are_never_in_doubt(number: Decimal, marks: str, before: str) -> None:
    """A price that is written with two decimals is read, whatever its marks are."""
    written = f"{number:,.2f}".replace(",", "T").replace(".", marks[1]).replace("T", marks[0])
    assert read_number(f"{before}{written} incl.") == number


@given(st.text(alphabet="0123456789.,' -€()%x\u00a0٣\u2212", max_size=60))
def test_any_text_has_a_number_or_none(text: str) -> None:
    """No text is an error."""
    assert isinstance(read_number(text), Decimal | None)


def test_numbers_of_elements() -> None:
    """An element's number is that of its visible text, a list's that of its first match."""
    page = Selector(
        text='<p class="price">€ <b>1</b>.299,<sup>50</sup><script>7</script></p><i>x</i><b data-x="2,5">9</b>'
    )
    assert page.css(".price").number() == Decimal("1299.50")
    assert page.css("b")[1].number() == Decimal(9)
    assert page.css("b::attr(data-x)").number() == Decimal("2.5")
    assert page.css("b::attr(data-x)")[0].number(",") == Decimal("2.5")
    assert (page.css("i").number(), page.css("u").number()) == (None, None)
