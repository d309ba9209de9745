"""The HER2 IHC guidelines as tables: which counts of stained tumor cells give which score.

In: counts of scored tumor cells and sizes of their clusters. Out: the score and the one row that decided. The scorer,
the reports, `hetscore rules` and the tests all read these tables; to change a guideline, change its table. How one
cell counts under a guideline is a table too, read by `hetscore.scoring.cell`.

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

    def __post_init__(self) -> None:
        """Check that the rule speaks of stained cells and leaves them stained.

        Raises
        ------
        ValueError
            If `counts_as` or `at_least` is not 1+, 2+ or 3+: 0 stays 0, and what was not scored stays unscored.
        """
        for name, given in (("counts_as", self.counts_as), ("at_least", self.at_least)):
            if given < MembraneClass.FAINT:
                raise ValueError(f"cell rule {self.name}: {name} is {given.label}; expected 1+, 2+ or 3+.")


@dataclass(frozen=True)
class Guideline:
    """A scoring table: the first row that holds decides."""

    name: str
    citation: str
    organ: str
    specimen: str | None
    """"biopsy" or "resection"; None where the table is the same for both."""
    criteria: tuple[Criterion, ...]
    """Highest score first."""
    otherwise: str
    """The sentence for score 0, where no row holds."""
    cell_rules: tuple[CellRule, ...] = ()
    """How a cell's class and pattern count, the first that holds decides. Empty where a cell counts as its membrane
    class: the calibration of the class already asks 2+ and 3+ to be complete, basolateral or lateral
    (`OrdinalModel.min_share`), as the gastric guidelines do."""
    remarks: tuple[str, ...] = ()
    """What the source leaves open, and how it is read here."""


_YAGI_2019 = "Yagi S et al., Gastric Cancer 2019;22:518-525"
_BARTLEY_2016 = "Bartley AN et al. (CAP/ASCP/ASCO), Arch Pathol Lab Med 2016;140:1345-1363"
_WOLFF_2007 = "Wolff AC et al. (ASCO/CAP), J Clin Oncol 2007;25:118-145"
_WOLFF_2013 = "Wolff AC et al. (ASCO/CAP), J Clin Oncol 2013;31:3997-4013"
_WOLFF_2018 = "Wolff AC et al. (ASCO/CAP), J Clin Oncol 2018;36:2105-2122"
_FIVE = 5
"""Cells of a cluster, as printed in both gastric guidelines."""
_TENTH = Fraction(1, 10)
_FLOOR = Fraction(1, 100)
"""Ours, no guideline's. Where a breast table prints no lower end, one cell would be enough, and one misread cell of ten
thousand would decide; one percent is the smallest whole one."""
_FLOOR_SAID = "the lower end of 1 % is ours: taken to the letter one cell, perhaps misread, would decide"

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
    remarks=(
        "One to four clustered cells score 0, as in the table approved with the gastric HercepTest; other printings ask"
        " for no staining of any cell and leave them without a score.",
    ),
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
    remarks=(
        "Exactly 10 % is enough here; some sources print > 10 % instead of >= 10 %.",
        "1+ is printed for cells stained in only part of their membrane; a faint line counts as 1+ whatever its"
        " extent, and so does a stronger one too short to be complete, basolateral or lateral.",
    ),
)

_STRONG, _MODERATE, _FAINT = MembraneClass.STRONG, MembraneClass.MODERATE, MembraneClass.FAINT
_COMPLETE = (MembranePattern.COMPLETE,)
_SIDES = (MembranePattern.BASOLATERAL, MembranePattern.LATERAL)
_BREAST_REMARKS = (
    "Invasive tumor cells are meant; carcinoma in situ is not told apart here.",
    "Complete staining of too few cells for 2+ counts towards 1+, with the weaker cells; the table is silent on it.",
    "In fewer than 100 tumor cells one cell is already more than 1 %.",
)


def _breast_cells(citation: str, sides: str) -> tuple[CellRule, ...]:
    """Make the cell rules of breast: the editions differ in the grounds on which incomplete staining can be 2+."""
    strong = f"Strong, complete (circumferential) staining counts as 3+ ({citation})."
    complete = f"Faint to moderate staining that is complete counts as 2+ ({citation})."
    rest = f"All other membranous staining, of which the table names only the faint, counts as 1+ ({citation})."
    return (
        CellRule("strong-complete", _STRONG, at_least=_STRONG, patterns=_COMPLETE, text=strong),
        CellRule("complete", _MODERATE, at_least=_FAINT, patterns=_COMPLETE, text=complete),
        CellRule("moderate-sides", _MODERATE, at_least=_MODERATE, patterns=_SIDES, text=sides),
        CellRule("incomplete", _FAINT, at_least=_FAINT, patterns=tuple(MembranePattern), text=rest),
    )


def _breast_rows(citation: str, two_plus: str) -> tuple[Criterion, ...]:
    """Make the rows that 2013 and 2018 share: they differ in the words of 2+."""
    return (
        Criterion(
            "share-3plus",
            Her2Score.THREE_PLUS,
            at_least=_STRONG,
            share=_TENTH,
            inclusive=False,
            text=f"More than 10 % of the tumor cells have intense, complete membrane staining ({citation}).",
        ),
        Criterion("share-2plus", Her2Score.TWO_PLUS, at_least=_MODERATE, share=_TENTH, inclusive=False, text=two_plus),
        Criterion(
            "few-3plus",
            Her2Score.TWO_PLUS,
            at_least=_STRONG,
            share=_FLOOR,
            text="At most 10 %, and at least 1 %, of the tumor cells have intense, complete membrane staining"
            f" ({citation}; {_FLOOR_SAID}).",
        ),
        Criterion(
            "share-1plus",
            Her2Score.ONE_PLUS,
            at_least=_FAINT,
            share=_TENTH,
            inclusive=False,
            text=f"More than 10 % of the tumor cells have membrane staining, if only faint, incomplete ({citation}).",
        ),
    )


_BREAST_2007 = Guideline(
    name="asco-cap-breast-2007",
    citation=_WOLFF_2007,
    organ="breast",
    specimen=None,
    criteria=(
        Criterion(
            "share-3plus",
            Her2Score.THREE_PLUS,
            at_least=_STRONG,
            share=Fraction(3, 10),
            inclusive=False,
            text=f"More than 30 % of the tumor cells have uniform intense membrane staining ({_WOLFF_2007}).",
        ),
        Criterion(
            "share-2plus",
            Her2Score.TWO_PLUS,
            at_least=_MODERATE,
            share=_TENTH,
            text="At least 10 % of the tumor cells have complete membrane staining that is weak, uneven or stronger"
            f" ({_WOLFF_2007}).",
        ),
        Criterion(
            "few-3plus",
            Her2Score.TWO_PLUS,
            at_least=_STRONG,
            share=_FLOOR,
            text="At most 30 %, and at least 1 %, of the tumor cells have intense complete membrane staining"
            f" ({_WOLFF_2007}; {_FLOOR_SAID}).",
        ),
        Criterion(
            "any-1plus",
            Her2Score.ONE_PLUS,
            at_least=_FAINT,
            share=_FLOOR,
            text="Some tumor cells, in any proportion from 1 %, have membrane staining, if only weak and incomplete"
            f" ({_WOLFF_2007}; {_FLOOR_SAID}).",
        ),
    ),
    otherwise=f"No membrane staining, or of fewer than 1 % of the tumor cells ({_WOLFF_2007}; {_FLOOR_SAID}).",
    cell_rules=_breast_cells(
        _WOLFF_2007,
        sides="Moderate or strong staining that is basolateral or lateral counts as 2+: no row of 2007 speaks of it, so"
        f" it is read as in 2018, and ISH decides ({_WOLFF_2007}; {_WOLFF_2018}).",
    ),
    remarks=(*_BREAST_REMARKS, "Of the three, only this edition takes exactly 10 % for 2+ and any proportion for 1+."),
)

_BREAST_2013 = Guideline(
    name="asco-cap-breast-2013",
    citation=_WOLFF_2013,
    organ="breast",
    specimen=None,
    criteria=_breast_rows(
        _WOLFF_2013,
        two_plus="More than 10 % of the tumor cells have circumferential membrane staining that is incomplete, weak to"
        f" moderate, or stronger ({_WOLFF_2013}).",
    ),
    otherwise=f"No membrane staining, or of at most 10 % of the tumor cells ({_WOLFF_2013}).",
    cell_rules=_breast_cells(
        _WOLFF_2013,
        sides="Moderate or strong staining that is basolateral or lateral counts as 2+, as incomplete staining"
        f" ({_WOLFF_2013}).",
    ),
    remarks=_BREAST_REMARKS,
)

_BREAST_2018 = Guideline(
    name="asco-cap-breast-2018",
    citation=_WOLFF_2018,
    organ="breast",
    specimen=None,
    criteria=_breast_rows(
        _WOLFF_2018,
        two_plus="More than 10 % of the tumor cells have weak to moderate or stronger, complete membrane staining"
        f" ({_WOLFF_2018}).",
    ),
    otherwise=f"No membrane staining, or of at most 10 % of the tumor cells ({_WOLFF_2018}).",
    cell_rules=_breast_cells(
        _WOLFF_2018,
        sides="Moderate or strong staining that is basolateral or lateral is an unusual pattern and counts as 2+"
        f" ({_WOLFF_2018}, note to Figure 1).",
    ),
    remarks=(
        *_BREAST_REMARKS,
        "Affirmed in 2023 (Wolff AC et al. (ASCO/CAP), J Clin Oncol 2023;41:3867-3872).",
        "Whether 3+ is seen at low power in a homogeneous, contiguous population (footnote a) is left to the reader.",
    ),
)

GUIDELINES: Mapping[str, Guideline] = {
    g.name: g for g in (_GASTRIC_BIOPSY, _GASTRIC_RESECTION, _BREAST_2018, _BREAST_2013, _BREAST_2007)
}
"""By name; the first is the default, and the first of its organ the one in force. Never inferred from the slide: the
user names organ and specimen."""


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
