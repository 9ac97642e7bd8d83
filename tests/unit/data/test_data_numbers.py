import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grit.data.numbers import whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4", 4),
        (" 4. ", 4),
        ("4.0", 4),
        ("+4", 4),
        ("1,200", 1200),
        ("four", 4),
        ("Four.", 4),
        ("twenty-one", 21),
        ("Ninety  nine", 99),
        ("zero", 0),
        ("none", 0),
        ("a dozen", 12),
        ("nineteen", 19),
        ("one hundred", 100),
    ],
)
def test_numbers_are_read_in_digits_and_words(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize(
    "text",
    ["many", "-1", "4.5", "", "4 dogs", "no", "1,20", "²", "twenty-zero", "9" * 5000, "nan"],
)
def test_what_states_no_whole_number_gives_none(text):
    assert whole_number(text) is None


@settings(deadline=None)
@given(st.text())
def test_no_text_raises(text):
    number = whole_number(text)
    assert number is None or number >= 0


@settings(deadline=None)
@given(st.integers(0, 10**11))
def test_every_number_reads_as_python_and_english_write_it(number):
    assert whole_number(str(number)) == number
    assert whole_number(f"{number:,}") == number
