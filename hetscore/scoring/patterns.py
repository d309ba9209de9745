"""How overexpressing and negative tumor cells lie to one another: fragment, cluster, mosaic, sparse, or not mixed.

In: scores of fragments. Out: the row of the table that fits the case. Descriptive: it tells a reader what kind of
heterogeneity was seen, and decides no label. Only fragments that are assessable vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from hetscore.domain import Decision, FragmentScore, HeterogeneityPattern
from hetscore.scoring.heterogeneity import NO_TUMOR, is_positive


@dataclass(frozen=True)
class PatternRow:
    """One row: a pattern and what it takes to see it; a row holds when all it asks for is there."""

    name: str
    pattern: HeterogeneityPattern
    text: str
    """The row's sentence, as shown to the reader."""
    source: str
    minority_from: Fraction = Fraction(0)
    minority_to: Fraction = Fraction(1, 2)
    """Share of the minority in the scored tumor cells, both ends included. A minority is never more than half."""
    is_split: bool = False
    """Whether a negative fragment beside a positive one is needed."""
    cluster_above: Fraction | None = None
    """A discrete clone must hold more than this share of its fragment; None where no clone is needed."""


_CLONES = "doi:10.1038/s41374-018-0172-y (Lab Invest), Introduction"
"""Discrete clones ("cluster") against single cells in a background of the opposite status ("mosaic"), whichever of the
two is positive."""
_ASCO_CAP = "Wolff AC et al. (ASCO/CAP), J Clin Oncol 2013;31:3997-4013"
_CAP = (
    "Vance GH et al. (CAP), Arch Pathol Lab Med 2009;133:611-612, as applied by Bartlett AI et al., Am J Clin Pathol"
    " 2011;136:266-274"
)
_YAGI = "Yagi S et al., Gastric Cancer 2019;22:518-525"

_CLONE = Fraction(1, 10)
"""Of the area, and not inclusive, in the source of clones, which takes it from ASCO/CAP."""
_MOSAIC = Fraction(1, 20)
"""Of the cells, counted one by one. The sources differ on whether exactly 5 % belongs; here it does."""
_MIN_CLONE = 5
"""Connected cells without which there is no clone, whatever their share: the cluster of the biopsy guideline (Yagi
2019). In a fragment of 20 cells three would pass 10 %."""

PATTERNS = (
    PatternRow(
        "one-kind",
        HeterogeneityPattern.NONE,
        "The scored tumor cells are all 2+ or 3+, or all below: nothing is mixed.",
        source=f"by definition; all 2+ or 3+ is the literal rule of {_YAGI}",
        minority_to=Fraction(0),
    ),
    PatternRow(
        "whole-fragment",
        HeterogeneityPattern.FRAGMENT,
        "One tumor fragment scores below 2+ while another scores 2+ or 3+.",
        source=f"ours, after the hetero-HER2 example of {_YAGI}, Fig. 1: overexpressed in some of the specimens",
        is_split=True,
    ),
    PatternRow(
        "discrete-clone",
        HeterogeneityPattern.CLUSTER,
        f"{_MIN_CLONE} or more connected cells of the minority hold more than 10 % of the scored tumor cells of their"
        " fragment: a discrete clone.",
        source=f"{_CLONES}; the 10 % from {_ASCO_CAP}",
        cluster_above=_CLONE,
    ),
    PatternRow(
        "intermixed",
        HeterogeneityPattern.MOSAIC,
        "The minority is 5 to 50 % of the scored tumor cells, and no cluster of it holds more than 10 % of a fragment:"
        " it lies between the others.",
        source=f"{_CLONES}; the range from {_CAP}, its ends included here",
        minority_from=_MOSAIC,
    ),
    PatternRow(
        "few-cells",
        HeterogeneityPattern.SPARSE,
        "The minority is less than 5 % of the scored tumor cells, and no cluster of it holds more than 10 % of a"
        " fragment; smaller clusters are told apart from this, by their size.",
        source="what the rows above leave",
    ),
)
"""The first row that holds decides; the last always does. The sources speak of areas and of ISH signals in breast
cancer: that the same numbers hold for IHC and for counts of cells in gastric biopsies is our choice."""


@dataclass(frozen=True)
class _Mixture:
    """What the rows of `PATTERNS` ask about."""

    minority: Fraction
    """Share of the scored tumor cells of the case."""
    is_split: bool
    clone: Fraction
    """Largest share of its fragment that one clone of the minority holds."""


def find_pattern(fragments: Sequence[FragmentScore]) -> tuple[HeterogeneityPattern | None, Decision]:
    """Say how the tumor cells of 2+ or 3+ and those below lie to one another.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.

    Returns
    -------
    tuple of HeterogeneityPattern or None, and Decision
        The first row of `PATTERNS` that holds. None where no fragment votes: no tumor is not "no heterogeneity".

    Notes
    -----
    The minority are the cells below 2+ or those of 2+ and 3+, whichever are fewer in the voting fragments together;
    where they are as many, those below. Cells that could not be scored count neither way.

    A clone is measured against its fragment, not against the case. A fragment is a separate bite of the tumor: how far
    the clone reaches beyond it is not known, and homogeneous fragments taken besides must not dilute a clone that is
    plain to see. A fragment of which tiles could not be read is never taken for negative: they may hold what would
    raise its score.

    Connected is not the same as clonal: mixed at random, cells of the minority touch by chance. In 300 random mixtures
    each on hexagonal lattices of 100, 200, 500 and 1,000 cells this made a "clone" in at most 2 % where the minority
    was 20 %, in 91, 67, 38 and 9 % where it was 40 %, and always at 50 %. Towards one half, and in small fragments, a
    cluster is therefore no evidence against a mosaic.

    The sources stand in the rows.
    """
    voting = [f for f in fragments if f.is_assessable and any(f.counts)]
    if not voting:
        return None, Decision("not-assessable", "no-tumor", NO_TUMOR.text)
    mixture = _measure_mixture(voting)
    row = next(row for row in PATTERNS if _holds(row, mixture))
    return row.pattern, Decision(row.pattern.value, row.name, row.text)


def _measure_mixture(voting: Sequence[FragmentScore]) -> _Mixture:
    n_negative, n_over = sum(f.n_negative for f in voting), sum(f.n_overexpressed for f in voting)
    is_negative = n_negative <= n_over
    return _Mixture(
        minority=Fraction(min(n_negative, n_over), n_negative + n_over),
        is_split=any(map(is_positive, voting)) and any(map(_is_surely_negative, voting)),
        clone=max(_clone_share(f, is_negative=is_negative) for f in voting),
    )


def _clone_share(fragment: FragmentScore, *, is_negative: bool) -> Fraction:
    """Share of a fragment's scored tumor cells in its largest cluster below 2+, or of 2+ and 3+; 0 for no clone."""
    largest = max(fragment.negative_cluster_sizes, default=0) if is_negative else fragment.largest_cluster[1]
    return Fraction(largest if largest >= _MIN_CLONE else 0, sum(fragment.counts))


def _is_surely_negative(fragment: FragmentScore) -> bool:
    return not is_positive(fragment) and "failed-tiles" not in fragment.flags


def _holds(row: PatternRow, mixture: _Mixture) -> bool:
    return (
        row.minority_from <= mixture.minority <= row.minority_to
        and (mixture.is_split or not row.is_split)
        and (row.cluster_above is None or mixture.clone > row.cluster_above)
    )
