"""Readers of cells: numbers exactly as written, and a remedy for what a spreadsheet makes of them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.batch.columns import MAX_COUNT, choice, make_ish, read_case_id, read_count, read_number
from hetscore.domain import IshData, IshResult


@given(st.integers(0, 10**6), st.integers(0, 5))
def test_a_number_is_what_is_written(digits: int, n_decimals: int) -> None:
    """Exactly, whatever a float would make of it; of 12 characters a float gives every one back."""
    text = f"{digits // 10**n_decimals}.{digits % 10**n_decimals:0{n_decimals}}" if n_decimals else str(digits)
    assert read_number(text, 0, 10**6) == Fraction(text)
    assert Fraction(repr(float(text))) == Fraction(text)


@pytest.mark.parametrize(
    "text", ["1e-99999999", "1_0", "\u0663\u0663", "-1", "+5", "1e2", "nan", "inf", ".5", "5.", "101", "0x1", "1,2,3"]
)
def test_what_is_no_number_of_the_span(text: str) -> None:
    """Each gets the ordinary message, at once."""
    with pytest.raises(ValueError, match=r"^expected a number from 0 to 100$"):
        read_number(text, 0, 100)


@pytest.mark.parametrize(("text", "remedy"), [("99,5", "99.5"), ("99.5%", "99.5"), ("100 %", "100")])
def test_a_number_as_spreadsheets_write_it(text: str, remedy: str) -> None:
    """The remedy can be read."""
    with pytest.raises(ValueError, match=f"expected a number from 0 to 100. Write {remedy}.$"):
        read_number(text, 0, 100)
    assert read_number(remedy, 0, 100) == Fraction(remedy)


def test_a_number_of_too_many_digits() -> None:
    """It is to be rounded; more can be allowed."""
    with pytest.raises(ValueError, match="in at most 12 characters"):
        read_number("4.333333333333333", 0, 100)
    assert read_number("4.333333333333333", 0, 100, max_digits=24) == Fraction("4.333333333333333")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9" * 5000, f"at most {MAX_COUNT}"),
        (str(MAX_COUNT + 1), f"at most {MAX_COUNT}"),
        ("\u0663", "at least 0"),
        ("1_0", "at least 0"),
        ("-1", "at least 0"),
        ("1.5", "at least 0"),
        ("1.000", "at least 0"),
        ("1,200", "at least 0. Write 1200."),
        ("1 200 300", "at least 0. Write 1200300."),
        ("12.0", "at least 0. Write 12."),
    ],
)
def test_what_is_no_count(text: str, message: str) -> None:
    """A remedy only where there is no doubt of what is meant."""
    with pytest.raises(ValueError, match=f"^expected a whole number of {message}$"):
        read_count(text, 0)


def test_counts_at_the_ends() -> None:
    """Zeros before a number do no harm."""
    assert (read_count("0", 0), read_count(str(MAX_COUNT)), read_count("007")) == (0, MAX_COUNT, 7)
    with pytest.raises(ValueError, match="at least 1"):
        read_count("0")


def test_words_in_any_letter_case() -> None:
    """As spreadsheets begin cells."""
    assert choice("amplified", "unknown")("Amplified") == "amplified"
    with pytest.raises(ValueError, match="expected amplified or unknown"):
        choice("amplified", "unknown")("yes")


def test_ids() -> None:
    """Composed letters become one sign; a name too long for a file system is refused."""
    assert read_case_id("Mu\u0308ller") == "M\u00fcller"
    with pytest.raises(ValueError, match="at most 200 bytes"):
        read_case_id("\u00fc" * 101)


def test_ish_is_what_is_known() -> None:
    """The rest stays unknown."""
    assert make_ish({}) == IshData()
    known = {"ish": IshResult.AMPLIFIED, "her2_copies": 8.4, "cep17_copies": 2.1, "ish_ratio": 4.0, "ish_cells": 40}
    assert make_ish(known) == IshData(IshResult.AMPLIFIED, 8.4, 2.1, 40, 4.0)
