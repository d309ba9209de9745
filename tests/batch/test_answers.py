"""The table of a reviewer's answers: what it says, and every fault of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hetscore.batch.answers import add_answers, read_answers
from hetscore.domain import Answer, AnswerKind, CaseInput, SlideInput, SlideRole
from hetscore.errors import UsageError

CASES = (
    CaseInput("A", (SlideInput(Path("a1.svs")), SlideInput(Path("a2.svs")))),
    CaseInput("B", (SlideInput(Path("b.svs")), SlideInput(Path("he.svs"), SlideRole.HE))),
)
HEADER = "case_id,slide,x,y,answer\n"


def _table(folder: Path, rows: str) -> Path:
    path = folder / "answers.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


def test_answers_go_to_their_cases(tmp_path: Path) -> None:
    """In the order of the table; a case of which nothing is said keeps none."""
    path = _table(tmp_path, "A,a2.svs,1200.5,80,negative-tumor\nA,a1.svs,7,9,Unclear\n")
    first, second = add_answers(CASES, path)
    assert first.answers == (
        Answer("a2.svs", 1200.5, 80.0, AnswerKind.NEGATIVE),
        Answer("a1.svs", 7.0, 9.0, AnswerKind.UNCLEAR),
    )
    assert second.answers == ()


def test_what_was_answered_of_other_cases_stays(tmp_path: Path) -> None:
    """A case that the table names has its answers replaced; one that it does not name keeps them."""
    first, second = (replace(case, answers=(Answer("x", 1.0, 2.0, AnswerKind.UNCLEAR),)) for case in CASES)

    given = add_answers((first, second), _table(tmp_path, "B,b.svs,3,4,overexpressed\n"))

    assert given == (first, replace(second, answers=(Answer("b.svs", 3.0, 4.0, AnswerKind.OVEREXPRESSED),)))


def test_without_a_table_nothing_changes() -> None:
    """The usual run."""
    assert add_answers(CASES, None) == CASES


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("A,a1.svs,7,9,perhaps", "expected negative-tumor or overexpressed or no-tumor or unclear"),
        ("A,a1.svs,-7,9,unclear", "expected a number from 0 to"),
        ("A,a1.svs,7,,unclear", "y"),
    ],
)
def test_faults_of_a_row(tmp_path: Path, row: str, fault: str) -> None:
    """Each is named with its line."""
    with pytest.raises(UsageError, match=fault):
        read_answers(_table(tmp_path, row + "\n"))


@pytest.mark.parametrize("row", ["C,c.svs,1,1,unclear", "A,b.svs,1,1,unclear", "B,he.svs,1,1,unclear"])
def test_answers_on_nothing_are_refused(tmp_path: Path, row: str) -> None:
    """Another case, another case's slide, an H&E slide: all lines at once, none dropped."""
    with pytest.raises(UsageError, match="not there; expected a case and a HER2 slide of this run"):
        add_answers(CASES, _table(tmp_path, row + "\n"))
