"""Who counts as acquired resistance to trastuzumab: the inclusion rule of the paired samples, as a table.

In: what is known of a patient's course. Out: included, excluded or not assessable, with the row that decided. Unknown
is a value of its own and is never guessed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from fractions import Fraction

from hetscore.domain import Decision
from hetscore.errors import UsageError

Number = Fraction | float
"""A measured value; Python compares it exactly with a `Fraction`."""


class BestResponse(StrEnum):
    """Best response by RECIST."""

    COMPLETE = "CR"
    PARTIAL = "PR"
    STABLE = "SD"
    PROGRESSIVE = "PD"


class Specimen(StrEnum):
    """How the tissue was taken."""

    BIOPSY = "biopsy"
    RESECTION = "resection"


@dataclass(frozen=True)
class ResistanceHistory:
    """What the inclusion rule asks of a patient's course; None is what is not known."""

    best_response: BestResponse | None = None
    """To trastuzumab with a doublet; None also where it could not be evaluated."""
    stable_months: Number | None = None
    """How long stable disease lasted."""
    has_progressed: bool | None = None
    maintenance_months: Number | None = None
    """Of single-agent trastuzumab until progression."""
    weeks_since_dose: Number | None = None
    """From the last dose to progression."""
    specimen_before: Specimen | None = None
    n_biopsies_before: int | None = None
    """Biopsies of the tumor area in which HER2 was tested."""
    specimen_after: Specimen | None = None
    n_biopsies_after: int | None = None


@dataclass(frozen=True)
class ResistanceRow:
    """One condition of the inclusion rule: a field of the history and the values that meet it."""

    name: str
    measure: str
    """Field of `ResistanceHistory`."""
    text: str
    any_of: tuple[object, ...] = ()
    """Values that meet it; empty where the bounds do."""
    at_least: Fraction = Fraction(0)
    at_most: Number = math.inf
    """Both inclusive."""
    asked_where: tuple[str, object] | None = None
    """Field and value: asked only of those; None where asked of all."""


_BIOPSIES = "HER2 was tested on 6 to 8 biopsies of the tumor area, or on a surgical sample"

ACQUIRED_RESISTANCE = (
    ResistanceRow(
        "response",
        "best_response",
        "The best response was an objective response (RECIST) or stable disease.",
        any_of=(BestResponse.COMPLETE, BestResponse.PARTIAL, BestResponse.STABLE),
    ),
    ResistanceRow(
        "stable-disease",
        "stable_months",
        "Without an objective response, stable disease lasted at least 9 months.",
        at_least=Fraction(9),
        asked_where=("best_response", BestResponse.STABLE),
    ),
    ResistanceRow("progression", "has_progressed", "The disease progressed.", any_of=(True,)),
    ResistanceRow(
        "maintenance",
        "maintenance_months",
        "Progression came after at least 3 months of single-agent maintenance trastuzumab.",
        at_least=Fraction(3),
    ),
    ResistanceRow(
        "last-dose", "weeks_since_dose", "Progression came within 6 weeks of the last dose.", at_most=Fraction(6)
    ),
    *(
        ResistanceRow(
            f"biopsies-{side}",
            f"n_biopsies_{side}",
            f"{_BIOPSIES} ({side} treatment).",
            at_least=Fraction(6),
            at_most=Fraction(8),
            asked_where=(f"specimen_{side}", Specimen.BIOPSY),
        )
        for side in ("before", "after")
    ),
)
"""Acquired resistance to trastuzumab as the inclusion rule of Pietrantonio 2016 (Patient population; HER2 IHC and
in-situ hybridization): all rows must hold. Read to the letter, nine biopsies are as far outside as five."""


def check_acquired_resistance(history: ResistanceHistory) -> Decision:
    """Tell whether a patient counts as acquired resistance to trastuzumab.

    Parameters
    ----------
    history : ResistanceHistory
        The course, None for what is not known.

    Returns
    -------
    Decision
        "excluded" with the first row that does not hold; else "not-assessable" with the first that is not known; else
        "included".

    Raises
    ------
    UsageError
        If a duration or a number of biopsies is negative or not a number.

    Notes
    -----
    A row that fails excludes whatever else is unknown: no value could mend it. A row asked only of some patients
    holds for the others. Where it is not known whether it is asked, it holds if its own value meets it (7 biopsies,
    or a surgical sample: either way fine) and is unknown otherwise.

    References
    ----------
    .. [1] Pietrantonio F et al., Int J Cancer 2016;139:2859-2864, Material and Methods.
    """
    _check_history(history)
    answers = [(row, _holds(row, history)) for row in ACQUIRED_RESISTANCE]
    for value, seen, start in (("excluded", False, "Not met"), ("not-assessable", None, "Not known")):
        row = next((row for row, holds in answers if holds is seen), None)
        if row is not None:
            return Decision(value, row.name, f"{start}: {row.text}")
    return Decision("included", "all-met", "All conditions of acquired resistance to trastuzumab are met.")


def _holds(row: ResistanceRow, history: ResistanceHistory) -> bool | None:
    """Whether one row holds of a history, None where that is not known."""
    holds = _meets(row, getattr(history, row.measure))
    if row.asked_where is None:
        return holds
    field, asked = row.asked_where
    seen = getattr(history, field)
    if seen is None:
        return holds or None
    return holds if seen == asked else True


def _meets(row: ResistanceRow, value: object) -> bool | None:
    if value is None:
        return None
    if row.any_of:
        return value in row.any_of
    return row.at_least <= value <= row.at_most  # type: ignore[operator]


def _check_history(history: ResistanceHistory) -> None:
    for field in fields(history):
        value = getattr(history, field.name)
        if isinstance(value, Fraction | float | int) and not 0 <= value < math.inf:
            where = f"history: {field.name} is {float(value):g}"
            raise UsageError(f"{where}; expected a number from 0. Correct the table.")
