"""The literal rule of homo- and hetero-HER2 and its kin: the cut-off sweep and k of F fragments.

In: scores of fragments. Out: what the published definitions say of the cell calls as they stand, exactly and without
any allowance for misread cells (that is `verdict`). Only fragments that are assessable vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hetscore.domain import (
    CaseLabel,
    CutoffRow,
    Decision,
    FragmentScore,
    Her2Score,
    Her2Status,
)
from hetscore.scoring.guidelines import Counts

CUTOFFS = tuple(range(30, 101, 10))
"""Percent. Published cut-offs of HER2 heterogeneity run from 30 to 100 % (Yagi S et al., Gastric Cancer
2019;22:518-525, Discussion)."""


@dataclass(frozen=True)
class LabelRow:
    """One row of the literal rule: a finding and the label it gives."""

    name: str
    label: CaseLabel
    text: str


NO_TUMOR = LabelRow("no-tumor", CaseLabel.NOT_ASSESSABLE, "No fragment holds enough tumor cells to be judged.")
NO_STATUS = LabelRow("no-status", CaseLabel.NOT_ASSESSABLE, "The HER2 status could not be told.")
STATUS_EQUIVOCAL = LabelRow("status-equivocal", CaseLabel.NOT_APPLICABLE, "The HER2 status waits for an ISH result.")
STATUS_NEGATIVE = LabelRow(
    "status-negative", CaseLabel.NOT_APPLICABLE, "Heterogeneity is asked only of HER2-positive cases."
)
SOME_NEGATIVE = LabelRow(
    "some-negative", CaseLabel.HETERO, "Some scored tumor cell of some tumor fragment is below 2+."
)
FAILED_TILES = LabelRow(
    "failed-tiles",
    CaseLabel.NOT_ASSESSABLE,
    "All scored tumor cells are 2+ or 3+, but tiles that could not be read may hold others.",
)
NOT_COUNTED = LabelRow(
    "cells-not-counted",
    CaseLabel.INDETERMINATE,
    "All fragments with tumor score 2+ or 3+, but whether all cells of some of them do was not noted.",
)
MANY_UNSCORED = LabelRow(
    "many-unscored",
    CaseLabel.INDETERMINATE,
    "All classed tumor cells are 2+ or 3+, but more than a tenth of those of a fragment were not classed.",
)
ALL_OVEREXPRESSED = LabelRow(
    "all-overexpressed", CaseLabel.HOMO, "All scored tumor cells of all tumor fragments are 2+ or 3+."
)

LITERAL_RULE = (
    NO_TUMOR,
    NO_STATUS,
    STATUS_EQUIVOCAL,
    STATUS_NEGATIVE,
    SOME_NEGATIVE,
    FAILED_TILES,
    NOT_COUNTED,
    MANY_UNSCORED,
    ALL_OVEREXPRESSED,
)
"""The definition of Yagi S et al., Gastric Cancer 2019;22:518-525, and what stands before it: the first row that holds
decides. Tiles fail only on slides. Cells go uncounted or unclassed only where a person read the fragments: on slides
the literal label leaves unscored cells out, and the label beside it does not."""


@dataclass(frozen=True)
class FragmentTally:
    """How many fragments of a case hold tumor, and how many of them overexpress HER2."""

    total: int
    """All fragments, the tumor-free ones included."""
    with_tumor: int
    """Fragments that vote: with tumor and assessable."""
    positive: int
    """Of these, score 2+ or 3+."""
    strong: int
    """Of these, score 3+."""


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
        return decide(SOME_NEGATIVE)
    return decide(FAILED_TILES if n_failed_tiles else ALL_OVEREXPRESSED)


def refuse_label(status: Her2Status, fragments: Sequence[FragmentScore]) -> tuple[CaseLabel, Decision] | None:
    """Say why homo or hetero is not asked of a case; None where it is asked."""
    if not any(f.is_assessable for f in fragments):
        return decide(NO_TUMOR)
    rows = {
        Her2Status.NOT_ASSESSABLE: NO_STATUS,
        Her2Status.EQUIVOCAL: STATUS_EQUIVOCAL,
        Her2Status.NEGATIVE: STATUS_NEGATIVE,
    }
    return decide(rows[status]) if status in rows else None


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
    At cut-off c a case is homo

    - pooled: if c % of the scored tumor cells of all voting fragments together are 2+ or 3+, so a large fragment weighs
      more than a small one;
    - by its worst fragment: if in every voting fragment c % of its own scored tumor cells are;
    - by fragments: if c % of the voting fragments score 2+ or 3+, whatever share of their cells does.

    A share equal to the cut-off is enough. All arithmetic is in whole numbers, so every column turns from yes to no at
    most once as the cut-off rises. What holds for the worst fragment holds for the pool. For a positive case the pooled
    and the worst-fragment column at 100 % are both the literal rule; the fragments column is not, since a fragment that
    scores 3+ may hold negative cells.

    References
    ----------
    .. [1] Yagi S et al., Gastric Cancer 2019;22:518-525, Discussion: cut-offs of 30 to 100 %. It does not say of what;
       the three readings are ours.
    """
    voting = [f for f in fragments if f.is_assessable]
    if not voting:
        return ()
    n_over, n_scored = sum(f.n_overexpressed for f in voting), sum(sum(f.counts) for f in voting)
    n_positive = sum(is_positive(f) for f in voting)
    return tuple(
        CutoffRow(
            cutoff=cutoff,
            pooled=_reaches(n_over, n_scored, cutoff),
            worst_fragment=all(_reaches(f.n_overexpressed, sum(f.counts), cutoff) for f in voting),
            fragments=_reaches(n_positive, len(voting), cutoff),
        )
        for cutoff in CUTOFFS
    )


def add_counts(fragments: Sequence[FragmentScore]) -> Counts:
    """Count the scored tumor cells of class 0, 1+, 2+, 3+ of all voting fragments together."""
    none, faint, moderate, strong = (sum(f.counts[c] for f in fragments if f.is_assessable) for c in range(4))
    return none, faint, moderate, strong


def count_fragments(fragments: Sequence[FragmentScore]) -> FragmentTally:
    """Count the fragments of a case, those with tumor, and those that overexpress HER2.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments of the case.

    Returns
    -------
    FragmentTally
        Tumor-free and other fragments that cannot be assessed count in `total` alone.

    References
    ----------
    .. [1] Yagi S et al., Gastric Cancer 2019;22:518-525, Results: medians of 4, 4, 3 and 2 in 87 positive cases.
    """
    scores = [f.score for f in fragments if f.is_assessable and f.score is not None]
    return FragmentTally(
        total=len(fragments),
        with_tumor=sum(f.is_assessable for f in fragments),
        positive=sum(score >= Her2Score.TWO_PLUS for score in scores),
        strong=sum(score >= Her2Score.THREE_PLUS for score in scores),
    )


def label_by_fragments(fragments: Sequence[FragmentScore], k: int) -> tuple[CaseLabel, Decision]:
    """Label a positive case homo-HER2 if at least k of its tumor fragments score 2+ or 3+.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments of a HER2-positive case (see `refuse_label`); those not assessable do not vote.
    k : int
        From 1 to the number of voting fragments.

    Returns
    -------
    tuple of CaseLabel and Decision
        homo-HER2 or hetero-HER2; not-assessable, for any k from 1, where no fragment votes.

    Raises
    ------
    ValueError
        If `k` is less than 1 or more than the number of voting fragments: none could fail, or pass, such a rule.

    Notes
    -----
    A family of rules between "some" (k = 1) and "all" (k = F), to be compared with the literal one; no paper prescribes
    a k. With k = F it is the fragments column of `sweep_cutoffs` at 100 %; at any cut-off that column is the rule with
    k = cut-off x F / 100, rounded up.
    """
    tally = count_fragments(fragments)
    if k < 1 or 0 < tally.with_tumor < k:
        raise ValueError(f"label_by_fragments: k is {k}; expected 1 or more, of {tally.with_tumor} tumor fragments.")
    if not tally.with_tumor:
        return decide(NO_TUMOR)
    text = f"Tumor fragments of 2+ or 3+: {tally.positive} of {tally.with_tumor}; at least {k} asked for."
    if tally.positive >= k:
        return explain(CaseLabel.HOMO, "enough-fragments", text)
    return explain(CaseLabel.HETERO, "too-few-fragments", text)


def decide(row: LabelRow, text: str | None = None) -> tuple[CaseLabel, Decision]:
    """Give the label of a row, with its sentence or a more telling one."""
    return row.label, Decision(row.label.value, row.name, text or row.text)


def explain(label: CaseLabel, rule: str, text: str) -> tuple[CaseLabel, Decision]:
    """Put a label and the rule that gave it together."""
    return label, Decision(label.value, rule, text)


def is_positive(fragment: FragmentScore) -> bool:
    """Tell whether a fragment scores 2+ or 3+."""
    return fragment.score is not None and fragment.score >= Her2Score.TWO_PLUS


def _reaches(part: int, whole: int, percent: int) -> bool:
    return 100 * part >= percent * whole
