"""The HER2 IHC guidelines as tables: which counts of stained tumor cells give which score.

In: counts of scored tumor cells and sizes of their clusters. Out: the score and the one row that decided. The scorer,
the reports, `hetscore rules` and the tests all read these tables; to change a guideline, change its table.

Every row counts cells stained *at least* as strongly as its class. The literal reading ("exactly this class") is not
monotone: with a cluster of four 3+ cells and one 2+ cell neither class alone has five cells, so a fragment would lose
its 2+ because four of its cells stain more strongly. Read cumulatively, a stronger cell never lowers a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from hetscore.domain import Decision, Her2Score, MembraneClass, MembranePattern

Counts = tuple[int, int, int, int]
"""Scored tumor cells of class 0, 1+, 2+, 3+."""
Clusters = tuple[int, int, int]
"""Size of the largest connected cluster of tumor cells of at least 1+, 2+, 3+."""


@dataclass(frozen=True)
class Criterion:
    """One row: a score and what it takes to reach it, either a cluster or a share of the tumor cells."""

    name: str
    score: Her2Score
    at_least: MembraneClass
    """The weakest class that counts."""
    text: str
    """The guideline's sentence in our words."""
    n_cluster: int | None = None
    """Connected tumor cells needed."""
    share: Fraction | None = None
    """Share of the scored tumor cells needed."""
    inclusive: bool = True
    """Whether exactly `share` is enough."""

    def __post_init__(self) -> None:
        """Check that the row asks for one thing and that its class counts stained cells.

        Raises
        ------
        ValueError
            If both or none of `n_cluster` and `share` are given, or `at_least` is not 1+, 2+ or 3+.
        """
        if (self.n_cluster is None) == (self.share is None):
            raise ValueError(f"criterion {self.name}: expected either n_cluster or share, and not both.")
        if self.at_least < MembraneClass.FAINT:
            raise ValueError(f"criterion {self.name}: at_least is {self.at_least.label}; expected 1+, 2+ or 3+.")


@dataclass(frozen=True)
class CellRule:
    """How one cell's staining counts under a guideline: the first rule that holds decides."""

    name: str
    counts_as: MembraneClass
    at_least: MembraneClass
    """The weakest staining that the rule speaks of."""
    patterns: tuple[MembranePattern, ...]
    """The patterns it speaks of."""
    text: str
    """The guideline's sentence in our words."""


@dataclass(frozen=True)
class Guideline:
    """A scoring table: the first row that holds decides."""

    name: str
    citation: str
    organ: str
    specimen: str
    criteria: tuple[Criterion, ...]
    """Highest score first."""
    otherwise: str
    """The sentence for score 0, where no row holds."""
    cell_rules: tuple[CellRule, ...] = ()
    """How a cell's class and pattern count, strongest first; empty where a cell counts as its membrane class, which
    was calibrated against readers of that guideline's tissue."""


_YAGI_2019 = "Yagi S et al., Gastric Cancer 2019;22:518-525"
_BARTLEY_2016 = "Bartley AN et al. (CAP/ASCP/ASCO), Arch Pathol Lab Med 2016;140:1345-1363"
_FIVE = 5
"""Cells of a cluster, as printed in both gastric guidelines."""
_TENTH = Fraction(1, 10)

_GASTRIC_BIOPSY = Guideline(
    name="gastric-biopsy",
    citation=_YAGI_2019,
    organ="gastric",
    specimen="biopsy",
    criteria=(
        Criterion(
            "cluster-3plus",
            Her2Score.THREE_PLUS,
            at_least=MembraneClass.STRONG,
            n_cluster=_FIVE,
            text="At least one cluster of 5 or more tumor cells has strong complete, basolateral or lateral membranous"
            f" staining, whatever its share of the tumor ({_YAGI_2019}).",
        ),
        Criterion(
            "cluster-2plus",
            Her2Score.TWO_PLUS,
            at_least=MembraneClass.MODERATE,
            n_cluster=_FIVE,
            text="At least one cluster of 5 or more tumor cells has weak to moderate or stronger complete, basolateral"
            f" or lateral membranous staining ({_YAGI_2019}).",
        ),
        Criterion(
            "cluster-1plus",
            Her2Score.ONE_PLUS,
            at_least=MembraneClass.FAINT,
            n_cluster=_FIVE,
            text="At least one cluster of 5 or more tumor cells has faint, barely perceptible or stronger membranous"
            f" staining ({_YAGI_2019}).",
        ),
    ),
    otherwise=f"No cluster of 5 or more tumor cells has membranous staining ({_YAGI_2019}).",
)

_GASTRIC_RESECTION = Guideline(
    name="gastric-resection",
    citation=_BARTLEY_2016,
    organ="gastric",
    specimen="resection",
    criteria=(
        Criterion(
            "share-3plus",
            Her2Score.THREE_PLUS,
            at_least=MembraneClass.STRONG,
            share=_TENTH,
            text="At least 10 % of the tumor cells have strong complete, basolateral or lateral membranous staining"
            f" ({_BARTLEY_2016}).",
        ),
        Criterion(
            "share-2plus",
            Her2Score.TWO_PLUS,
            at_least=MembraneClass.MODERATE,
            share=_TENTH,
            text="At least 10 % of the tumor cells have weak to moderate or stronger complete, basolateral or lateral"
            f" membranous staining ({_BARTLEY_2016}).",
        ),
        Criterion(
            "share-1plus",
            Her2Score.ONE_PLUS,
            at_least=MembraneClass.FAINT,
            share=_TENTH,
            text="At least 10 % of the tumor cells have faint, barely perceptible or stronger membranous staining"
            f" ({_BARTLEY_2016}).",
        ),
    ),
    otherwise=f"Fewer than 10 % of the tumor cells have membranous staining ({_BARTLEY_2016}).",
)

GUIDELINES: Mapping[str, Guideline] = {g.name: g for g in (_GASTRIC_BIOPSY, _GASTRIC_RESECTION)}
"""By name. Never inferred from the slide: the user names organ and specimen."""


def decide_score(guideline: Guideline, counts: Counts, largest_cluster: Clusters) -> tuple[Her2Score, Decision]:
    """Score the counts of a fragment or case.

    Parameters
    ----------
    guideline : Guideline
        The table to read.
    counts : tuple of 4 int
        Scored tumor cells of class 0, 1+, 2+, 3+.
    largest_cluster : tuple of 3 int
        Size of the largest connected cluster of at least 1+, 2+, 3+. Ignored by rows that ask for a share.

    Returns
    -------
    tuple of Her2Score and Decision
        The score and the first row that holds; rule "otherwise" where none does.

    Raises
    ------
    ValueError
        If there is no cell: no tumor is not assessable, never 0. The caller must have asked before.
    """
    if sum(counts) == 0:
        raise ValueError("decide_score: no scored tumor cell; expected at least one. No tumor is not score 0.")
    for row in guideline.criteria:
        if holds(row, counts, largest_cluster):
            return row.score, Decision(row.score.label, row.name, row.text)
    return Her2Score.ZERO, Decision(Her2Score.ZERO.label, "otherwise", guideline.otherwise)


def holds(row: Criterion, counts: Counts, largest_cluster: Clusters) -> bool:
    """Tell whether a row is fulfilled; shares are compared exactly, in whole numbers."""
    if row.n_cluster is not None:
        return largest_cluster[row.at_least - 1] >= row.n_cluster
    assert row.share is not None  # noqa: S101  (checked by Criterion)
    reached, needed = Fraction(sum(counts[row.at_least :])), row.share * sum(counts)
    return reached >= needed if row.inclusive else reached > needed
