"""The literal rule of homo- and hetero-HER2, the cut-off sweep, and descriptive indices of heterogeneity.

In: scores of fragments. Out: what the published definitions say of the cell calls as they stand, exactly and without
any allowance for misread cells (that is `verdict`). Only fragments that are assessable vote.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from hetscore.domain import CaseLabel, CutoffRow, Decision, FragmentScore, Her2Score, Her2Status
from hetscore.scoring.guidelines import Counts

CUTOFFS = tuple(range(30, 101, 10))
"""Percent. Published cut-offs of HER2 heterogeneity run from 30 to 100 % (Yagi S et al., Gastric Cancer
2019;22:518-525, Discussion)."""


def literal_label(
    status: Her2Status, fragments: Sequence[FragmentScore], *, n_failed_tiles: int = 0
) -> tuple[CaseLabel, Decision]:
    """Apply the published definition to the cell calls as they stand.

    Parameters
    ----------
    status : Her2Status
        Of the case.
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.
    n_failed_tiles : int
        Tiles that could not be read. "All tumor cells" cannot be said of cells not seen: with any, the case may be
        hetero but not homo.

    Returns
    -------
    tuple of CaseLabel and Decision
        homo-HER2 when every scored tumor cell of every voting fragment is 2+ or 3+, else hetero-HER2; not-assessable
        where tiles failed and nothing negative was seen; not-applicable or not-assessable where the question is not
        asked, see `refuse_label`.

    Notes
    -----
    Tumor cells that could not be scored are reported beside the label and count neither way.

    References
    ----------
    .. [1] Yagi S et al., Gastric Cancer 2019;22:518-525, Evaluation of intratumoral HER2 heterogeneity.
    """
    refusal = refuse_label(status, fragments)
    if refusal:
        return refusal
    if any(f.n_negative for f in fragments if f.is_assessable):
        text = "Some scored tumor cell of some tumor fragment is below 2+."
        return explain(CaseLabel.HETERO, "some-negative", text)
    if n_failed_tiles:
        text = "All scored tumor cells are 2+ or 3+, but tiles that could not be read may hold others."
        return explain(CaseLabel.NOT_ASSESSABLE, "failed-tiles", text)
    text = "All scored tumor cells of all tumor fragments are 2+ or 3+."
    return explain(CaseLabel.HOMO, "all-overexpressed", text)


def refuse_label(status: Her2Status, fragments: Sequence[FragmentScore]) -> tuple[CaseLabel, Decision] | None:
    """Say why homo or hetero is not asked of a case; None where it is asked."""
    if not any(f.is_assessable for f in fragments):
        return explain(CaseLabel.NOT_ASSESSABLE, "no-tumor", "No fragment holds enough tumor cells to be judged.")
    if status is Her2Status.NOT_ASSESSABLE:
        return explain(CaseLabel.NOT_ASSESSABLE, "no-status", "The HER2 status could not be told.")
    if status is Her2Status.EQUIVOCAL:
        return explain(CaseLabel.NOT_APPLICABLE, "status-equivocal", "The HER2 status waits for an ISH result.")
    if status is Her2Status.NEGATIVE:
        text = "Heterogeneity is asked only of HER2-positive cases."
        return explain(CaseLabel.NOT_APPLICABLE, "status-negative", text)
    return None


def sweep_cutoffs(fragments: Sequence[FragmentScore]) -> tuple[CutoffRow, ...]:
    """Ask for each published cut-off whether the case would be homo, in three readings kept apart.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.

    Returns
    -------
    tuple of CutoffRow
        One row for each of `CUTOFFS`; none where no fragment votes.

    Notes
    -----
    A share equal to the cut-off is enough. All arithmetic is in whole numbers, so every column turns from yes to no at
    most once as the cut-off rises, and for a positive case the pooled column at 100 % is the literal rule.
    """
    voting = [f for f in fragments if f.is_assessable]
    if not voting:
        return ()
    n_over, n_scored = sum(f.n_overexpressed for f in voting), sum(sum(f.counts) for f in voting)
    n_positive = sum(_is_positive(f) for f in voting)
    return tuple(
        CutoffRow(
            cutoff=cutoff,
            pooled=_reaches(n_over, n_scored, cutoff),
            worst_fragment=all(_reaches(f.n_overexpressed, sum(f.counts), cutoff) for f in voting),
            fragments=_reaches(n_positive, len(voting), cutoff),
        )
        for cutoff in CUTOFFS
    )


def h_score(counts: Counts) -> Fraction:
    """H-score, 1 x % 1+ plus 2 x % 2+ plus 3 x % 3+: 0 to 300, exact; undefined (ZeroDivisionError) without cells."""
    return Fraction(100 * sum(weight * n for weight, n in enumerate(counts)), sum(counts))


def shannon_entropy(counts: Counts) -> float:
    """Shannon entropy of the membrane classes in bits: 0 for a pure class, 2 for four equal ones; 0 without cells.

    References
    ----------
    .. [1] Shannon CE, Bell Syst Tech J 1948;27:379-423.
    """
    total = sum(counts)
    return math.fsum(n / total * math.log2(total / n) for n in counts if n)


def rao_quadratic_entropy(counts: Counts) -> Fraction:
    """Mean difference in class of two tumor cells drawn with replacement, 0 to 1.5, exact; undefined without cells.

    Unlike Shannon's entropy it knows that 0 and 3+ lie further apart than 2+ and 3+.

    References
    ----------
    .. [1] Rao CR, Theor Popul Biol 1982;21:24-43, with |i - j| as the distance of classes i and j.
    """
    pairs = sum(abs(i - j) * n * m for i, n in enumerate(counts) for j, m in enumerate(counts))
    return Fraction(pairs, sum(counts) ** 2)


def explain(label: CaseLabel, rule: str, text: str) -> tuple[CaseLabel, Decision]:
    """Put a label and the rule that gave it together."""
    return label, Decision(label.value, rule, text)


def _is_positive(fragment: FragmentScore) -> bool:
    return fragment.score is not None and fragment.score >= Her2Score.TWO_PLUS


def _reaches(part: int, whole: int, percent: int) -> bool:
    return 100 * part >= percent * whole
