"""Two samples of one patient, before and after treatment, and what changed between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from hetscore.domain.scores import Decision, Her2Score, IshResult


class PairOutcome(StrEnum):
    """What became of HER2 between the two samples."""

    LOST = "lost"
    RETAINED = "retained"
    NOT_ASSESSABLE = "not-assessable"
    NOT_APPLICABLE = "not-applicable"
    """The baseline had nothing to lose."""


@dataclass(frozen=True)
class Sample:
    """One sample of a pair."""

    score: Her2Score | None
    """None where the IHC could not be judged."""
    ish: IshResult = IshResult.UNKNOWN
    percent: Fraction | None = None
    """Percent of the tumor cells stained at the score, 0 to 100; None where not given."""


@dataclass(frozen=True)
class PairChange:
    """One patient's pair and what the rules say of it."""

    case_id: str
    before: Sample
    after: Sample | None
    """None where there is no second sample."""
    positivity: PairOutcome
    positivity_decision: Decision
    overexpression: PairOutcome
    overexpression_decision: Decision
    score_change: int | None
    """After less before, -3 to 3."""
    percent_change: Fraction | None
    """Percentage points, after less before."""
    flags: tuple[str, ...] = ()
