"""What a cell of a table may say: readers of ids, words, numbers and counts, and the columns of the ISH test.

A reader turns the text of a filled cell into a value or raises ValueError saying what was expected. Numbers are plain
decimal ASCII digits: what is read is exactly what stands there, and nothing that merely looks like a number is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from hetscore.batch.table import Column
from hetscore.domain import IshData, IshResult

MAX_ID_BYTES = 200
"""File systems allow 255 for a name; the rest is left to what is appended to an id."""
MAX_COUNT = 10**9
"""More cells than any specimen holds: a larger number is a slip of the keyboard."""
MAX_DIGITS = 12
"""Characters of a number: a float, which holds 15 digits, gives every one of them back as written."""

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_PARTED = re.compile(r"[0-9]{1,3}([,' \u00a0\u2009\u202f\u2019][0-9]{3})+")
"""Digits in groups of three. A point is not among the signs: 1.000 may be one."""
_WHOLE = re.compile(r"([0-9]+)[.,]0{1,2}")


def read_case_id(text: str) -> str:
    """Read a case's id, which must be able to name a folder; letters composed of several signs become one sign."""
    text = unicodedata.normalize("NFC", text)
    if text in (".", "..") or any(c in "/\\" or not c.isprintable() for c in text):
        msg = "cannot name a folder; expected an id without slashes or control characters"
        raise ValueError(msg)
    if len(text.encode()) > MAX_ID_BYTES:
        msg = f"cannot name a folder; expected at most {MAX_ID_BYTES} bytes. Shorten it."
        raise ValueError(msg)
    return text


def choice(*choices: str) -> Callable[[str], str]:
    """Make a reader of one of a few words, in any letter case."""

    def read(text: str) -> str:
        if text.casefold() not in choices:
            msg = f"expected {' or '.join(choices)}"
            raise ValueError(msg)
        return text.casefold()

    return read


def read_number(text: str, low: float, high: float, *, max_digits: int = MAX_DIGITS) -> Fraction:
    """Read a number within a span, both ends in, exactly as written."""
    expected = f"expected a number from {low:g} to {high:g}"
    if _NUMBER.fullmatch(text):
        if len(text) > max_digits:
            msg = f"{expected} in at most {max_digits} characters. Round it."
            raise ValueError(msg)
        if low <= float(text) <= high:
            return Fraction(text)
    plain = text.removesuffix("%").strip().replace(",", ".")
    is_remedy = plain != text and len(plain) <= max_digits and _NUMBER.fullmatch(plain) and low <= float(plain) <= high
    raise ValueError(f"{expected}. Write {plain}." if is_remedy else expected)


def read_count(text: str, low: int = 1) -> int:
    """Read a whole number from `low` to `MAX_COUNT`."""
    if text.isascii() and text.isdecimal():
        # The length is asked first: to read a number of many thousand digits takes long.
        digits = text.lstrip("0") or "0"
        if len(digits) > len(str(MAX_COUNT)) or int(digits) > MAX_COUNT:
            msg = f"expected a whole number of at most {MAX_COUNT}"
            raise ValueError(msg)
        if int(digits) >= low:
            return int(digits)
    whole = _WHOLE.fullmatch(text)
    plain = whole[1] if whole else re.sub("[^0-9]", "", text) if _PARTED.fullmatch(text) else ""
    remedy = f". Write {plain}." if plain else ""
    raise ValueError(f"expected a whole number of at least {low}{remedy}")


def make_ish(known: Mapping[str, Any]) -> IshData:
    """Put together what the columns of `ISH_COLUMNS` say of a case."""
    return IshData(
        result=known.get("ish", IshResult.UNKNOWN),
        her2_copies=known.get("her2_copies"),
        cep17_copies=known.get("cep17_copies"),
        n_cells=known.get("ish_cells"),
        ratio=known.get("ish_ratio"),
    )


def _read_copies(text: str) -> float:
    """Read mean signals per nucleus; above 100 they cannot be told apart, so the number is a slip."""
    return float(read_number(text, 0, 100))


def _read_divisor_copies(text: str) -> float:
    """Read mean signals per nucleus that HER2 is divided by: less than one in ten nuclei is a failed probe."""
    return float(read_number(text, 0.1, 100))


def _read_ratio(text: str) -> float:
    return float(read_number(text, 0, 100))


def _read_ish(text: str) -> IshResult:
    return IshResult(choice(*IshResult)(text))


ISH_COLUMNS = (
    Column(
        "ish",
        _read_ish,
        "Result given by the laboratory: amplified, not-amplified or unknown; it outranks the numbers.",
        is_of_case=True,
    ),
    Column("her2_copies", _read_copies, "Mean HER2 signals per nucleus, 0 to 100.", is_of_case=True),
    Column("cep17_copies", _read_divisor_copies, "Mean CEP17 signals per nucleus, 0.1 to 100.", is_of_case=True),
    Column(
        "ish_ratio",
        _read_ratio,
        "HER2/CEP17 as the laboratory gave it, above 0; it must agree with the means as far as rounded.",
        is_of_case=True,
    ),
    Column("ish_cells", read_count, "Nuclei counted; fewer than 20 leave the result unknown.", is_of_case=True),
)
"""What a table may say of the ISH test of a case."""
