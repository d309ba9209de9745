"""Labels of cases against the true ones: agreed, deferred to a person, or wrong without anybody being asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hetscore.domain import CaseLabel, Her2Status
from hetscore.evaluation.results import FoundCase
from hetscore.evaluation.truth import CaseTruth


class Outcome(StrEnum):
    """What a label is worth beside the truth."""

    AGREE = "agree"
    DEFERRED = "deferred"
    """Another answer than the truth, but one that sends the case to a person or to ISH."""
    WRONG_AUTOMATIC = "wrong-automatic"
    """A wrong answer that nobody is asked about."""
    WRONG_REVIEWED = "wrong-reviewed"
    """A wrong answer that a reader gave."""


@dataclass(frozen=True)
class CaseRow:
    """One case."""

    case_id: str
    outcome: Outcome
    truth_label: str
    label: str
    label_basis: str
    truth_literal_label: str
    literal_label: str
    truth_ihc_score: str | None
    ihc_score: str | None
    truth_status: str
    status: str


@dataclass(frozen=True)
class CaseFigures:
    """How right the labels are: counts, n the sum of the four outcomes."""

    n: int
    agree: int
    wrong_automatic: int
    wrong_reviewed: int
    deferred: int
    literal_agree: int
    """Cases whose literal label is the true one: what the rule gives without any allowance for misread cells."""
    score_agree: int
    """Cases whose IHC score is the true one; no score agrees with no tumor."""
    rows: tuple[CaseRow, ...]


DEFERRING = (CaseLabel.INDETERMINATE, CaseLabel.NOT_ASSESSABLE)
"""Labels that settle nothing."""


def judge_outcome(found: FoundCase, truth: CaseTruth) -> Outcome:
    """Judge one label.

    Parameters
    ----------
    found : FoundCase
        The case as labeled.
    truth : CaseTruth
        What is true of it.

    Returns
    -------
    Outcome
        The first that holds: AGREE, the labels are the same. DEFERRED, the label is indeterminate or not assessable, or
        the status is equivocal (2+, waiting for ISH) of a truly positive case. Else it is wrong: homo for hetero or the
        reverse, a positive case called negative, a case that is not positive labeled as one, or a case without tumor
        given a status. A reader's wrong label is told apart.

    Notes
    -----
    "not-applicable" is both negative and equivocal; taking one for the other is no fault of the label, but stands in
    the status of the row. Where the truth is not assessable and the label indeterminate, the case is deferred.
    """
    if found.label is truth.label:
        return Outcome.AGREE
    waits = found.status is Her2Status.EQUIVOCAL and truth.status is Her2Status.POSITIVE
    if found.label in DEFERRING or waits:
        return Outcome.DEFERRED
    return Outcome.WRONG_AUTOMATIC if found.is_automatic else Outcome.WRONG_REVIEWED


def case_row(found: FoundCase, truth: CaseTruth) -> CaseRow:
    """Put a case and its truth side by side."""
    return CaseRow(
        case_id=found.case_id,
        outcome=judge_outcome(found, truth),
        truth_label=truth.label.value,
        label=found.label.value,
        label_basis="automatic" if found.is_automatic else "reviewed",
        truth_literal_label=truth.literal_label.value,
        literal_label=found.literal_label.value,
        truth_ihc_score=None if truth.ihc_score is None else truth.ihc_score.label,
        ihc_score=None if found.ihc_score is None else found.ihc_score.label,
        truth_status=truth.status.value,
        status=found.status.value,
    )


def case_figures(rows: Sequence[CaseRow]) -> CaseFigures:
    """Count the outcomes of cases; of no cases all counts are 0."""
    outcomes = [row.outcome for row in rows]
    return CaseFigures(
        n=len(rows),
        agree=outcomes.count(Outcome.AGREE),
        wrong_automatic=outcomes.count(Outcome.WRONG_AUTOMATIC),
        wrong_reviewed=outcomes.count(Outcome.WRONG_REVIEWED),
        deferred=outcomes.count(Outcome.DEFERRED),
        literal_agree=sum(row.literal_label == row.truth_literal_label for row in rows),
        score_agree=sum(row.ihc_score == row.truth_ihc_score for row in rows),
        rows=tuple(rows),
    )
