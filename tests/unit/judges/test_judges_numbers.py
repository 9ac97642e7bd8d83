from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grit.judges.numbers import find_quantities, whole_quantity, with_digits

UNDER_TWENTY = """zero one two three four five six seven eight nine ten eleven twelve thirteen
fourteen fifteen sixteen seventeen eighteen nineteen"""
SMALL = UNDER_TWENTY.split()
IN_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety"
TENS = IN_TENS.split()


def spelled(number: int) -> str:
    """English as a grammar book has it, written apart from the code under test."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        rest = number % 10
        return TENS[number // 10] + (f"-{SMALL[rest]}" if rest else "")
    if number < 1000:
        rest = number % 100
        return f"{SMALL[number // 100]} hundred" + (f" and {spelled(rest)}" if rest else "")
    rest = number % 1000
    return f"{spelled(number // 1000)} thousand" + (f" {spelled(rest)}" if rest else "")


@settings(deadline=None)
@given(st.integers(0, 999_999))
def test_spelled_numbers_are_read_back(number):
    assert [quantity.value for quantity in find_quantities(spelled(number))] == [number]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1, 2 and 3", [1, 2, 3]),
        ("3-4", [3, 4]),
        ("one two", [1, 2]),
        ("3rd floor, gate p53, bbox_2d", []),
        ("1,234.5", [Decimal("1234.5")]),
        ("−7 degrees", [-7]),
        ("1/0", []),
        ("1/2/2020", [1, 2, 2020]),
        ("no one", [0]),
        ("No, 3", [3]),
        ("twelve hundred", [1200]),
    ],
)
def test_numbers_are_found_in_order(text, values):
    assert [quantity.value for quantity in find_quantities(text)] == values


@pytest.mark.parametrize(
    ("text", "unit"),
    [("3 cm", "cm"), ("3cm", "cm"), ("£3", "£"), ("3 feet", "ft"), ("3 dogs", None), ("20%", "%")],
)
def test_units_are_known_by_one_name(text, unit):
    (quantity,) = find_quantities(text)
    assert quantity.unit == unit


def test_a_whole_quantity_leaves_no_other_word():
    assert whole_quantity(" $3.50. ") is not None
    assert whole_quantity("three") is not None
    assert whole_quantity("3 dogs") is None
    assert whole_quantity("dogs") is None


def test_with_digits_changes_numbers_alone():
    assert with_digits("two cats, twenty-one dogs") == "2 cats, 21 dogs"
    assert with_digits("3.50 and cats") == "3.5 and cats"


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read(text):
    for quantity in find_quantities(text):
        assert 0 <= quantity.start < quantity.end <= len(text)
    whole_quantity(text)
    with_digits(text)
