"""What a label is worth beside the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from hetscore.domain import CaseLabel, Her2Score, Her2Status
from hetscore.evaluation.cases import CaseFigures, Outcome, case_figures, case_row, judge_outcome
from hetscore.evaluation.results import FoundCase
from hetscore.evaluation.truth import CaseTruth

ANSWERS = {
    "homo": (CaseLabel.HOMO, Her2Status.POSITIVE, Her2Score.THREE_PLUS),
    "hetero": (CaseLabel.HETERO, Her2Status.POSITIVE, Her2Score.THREE_PLUS),
    "indeterminate": (CaseLabel.INDETERMINATE, Her2Status.POSITIVE, Her2Score.THREE_PLUS),
    "negative": (CaseLabel.NOT_APPLICABLE, Her2Status.NEGATIVE, Her2Score.ZERO),
    "equivocal": (CaseLabel.NOT_APPLICABLE, Her2Status.EQUIVOCAL, Her2Score.TWO_PLUS),
    "nothing": (CaseLabel.NOT_ASSESSABLE, Her2Status.NOT_ASSESSABLE, None),
}


def found(answer: str, *, is_automatic: bool = True) -> FoundCase:
    """Make a case with this answer."""
    label, status, score = ANSWERS[answer]
    return FoundCase("a", Path("a"), label, label, is_automatic, score, status, {})


def true(answer: str) -> CaseTruth:
    """Make a truth with this answer."""
    label, status, score = ANSWERS[answer]
    return CaseTruth("a", label, label, score, status)


@pytest.mark.parametrize(
    ("truth", "answer", "outcome"),
    [
        ("homo", "homo", Outcome.AGREE),
        ("homo", "hetero", Outcome.WRONG_AUTOMATIC),
        ("hetero", "homo", Outcome.WRONG_AUTOMATIC),
        ("homo", "indeterminate", Outcome.DEFERRED),
        ("hetero", "nothing", Outcome.DEFERRED),
        ("hetero", "negative", Outcome.WRONG_AUTOMATIC),
        ("hetero", "equivocal", Outcome.DEFERRED),
        ("negative", "homo", Outcome.WRONG_AUTOMATIC),
        ("negative", "equivocal", Outcome.AGREE),
        ("equivocal", "hetero", Outcome.WRONG_AUTOMATIC),
        ("negative", "nothing", Outcome.DEFERRED),
        ("nothing", "nothing", Outcome.AGREE),
        ("nothing", "negative", Outcome.WRONG_AUTOMATIC),
        ("nothing", "equivocal", Outcome.WRONG_AUTOMATIC),
        ("nothing", "homo", Outcome.WRONG_AUTOMATIC),
        ("nothing", "indeterminate", Outcome.DEFERRED),
    ],
)
def test_outcome(truth: str, answer: str, outcome: Outcome) -> None:
    """Agreed, sent to a person, or wrong with nobody asked."""
    assert judge_outcome(found(answer), true(truth)) is outcome


def test_a_readers_error_is_not_the_programs() -> None:
    """A wrong label that a reader gave is told apart."""
    assert judge_outcome(found("homo", is_automatic=False), true("hetero")) is Outcome.WRONG_REVIEWED


def test_figures() -> None:
    """The outcomes add up to n, and each case keeps its row."""
    pairs = (
        ("homo", "homo"),
        ("homo", "hetero"),
        ("hetero", "indeterminate"),
        ("negative", "equivocal"),
        ("homo", "homo"),
    )
    rows = [case_row(found(answer), true(truth)) for truth, answer in pairs]

    figures = case_figures(rows)

    assert (figures.n, figures.agree, figures.wrong_automatic, figures.deferred) == (5, 3, 1, 1)
    assert (figures.literal_agree, figures.score_agree) == (3, 4)
    assert figures.rows[3].truth_status == "negative"
    assert figures.rows[3].status == "equivocal"


def test_no_cases() -> None:
    """Counts of nothing are 0."""
    assert case_figures([]) == CaseFigures(0, 0, 0, 0, 0, 0, 0, ())
