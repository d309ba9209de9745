"""A reviewer's answers on the places that were shown: a table, checked in full and handed to its cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hetscore.batch.columns import choice, read_case_id, read_number
from hetscore.batch.table import Column, Faults, Row, read_rows
from hetscore.domain import Answer, AnswerKind, CaseInput, SlideRole

_MOST_PX = 10**7
"""Level-0 pixels along a side: no slide is larger."""


def _read_position(text: str) -> float:
    return float(read_number(text, 0, _MOST_PX))


COLUMNS = (
    Column("case_id", read_case_id, "Case, as in the results.", is_required=True),
    Column("slide", str, "Name of the slide's file, as in the results.", is_required=True),
    Column(
        "x",
        _read_position,
        "Level-0 pixels: any point in the box of the place.",
        is_required=True,
    ),
    Column("y", _read_position, "Likewise.", is_required=True),
    Column("answer", choice(*AnswerKind), "negative-tumor, overexpressed, no-tumor or unclear.", is_required=True),
)
"""What the table holds: one row a place."""


def read_answers(path: Path) -> dict[str, tuple[Answer, ...]]:
    """Read a reviewer's answers.

    Parameters
    ----------
    path : Path
        One row a place; columns as in `COLUMNS`.

    Returns
    -------
    dict of str to tuple of Answer
        By case, in the order of the table.

    Raises
    ------
    UsageError
        With one line for each fault.
    """
    faults = Faults()
    rows = read_rows(path, COLUMNS, faults, one_row="place")
    faults.raise_any()
    found: dict[str, tuple[Answer, ...]] = {}
    for row in rows:
        case_id = row.values["case_id"]
        found[case_id] = (*found.get(case_id, ()), _make_answer(row))
    return found


def _make_answer(row: Row) -> Answer:
    values = row.values
    return Answer(values["slide"], values["x"], values["y"], AnswerKind(values["answer"]))


def add_answers(cases: Sequence[CaseInput], path: Path | None) -> tuple[CaseInput, ...]:
    """Give each case the answers that speak of it.

    Parameters
    ----------
    cases : sequence of CaseInput
        As found.
    path : Path, optional
        Table of answers; without one the cases come back as they are.

    Returns
    -------
    tuple of CaseInput
        In the same order; a case that the table does not name keeps the answers it has.

    Raises
    ------
    UsageError
        If the table is at fault, or speaks of a case or slide that is not there.
    """
    if path is None:
        return tuple(cases)
    answers, faults = read_answers(path), Faults()
    slides = {case.case_id: {s.path.name for s in case.slides if s.role is SlideRole.HER2} for case in cases}
    for case_id, given in answers.items():
        for answer in given:
            if answer.slide not in slides.get(case_id, ()):
                expected = "expected a case and a HER2 slide of this run. Correct the table"
                faults.add(str(path), f"case {case_id}, slide {answer.slide}: not there; {expected}")
    faults.raise_any()
    return tuple(replace(case, answers=answers.get(case.case_id, case.answers)) for case in cases)
