"""Scores, status and labels of fragments and cases, each with the row of the table that decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from fractions import Fraction

from hetscore.domain.evidence import Evidence
from hetscore.geometry import Box


class Her2Score(IntEnum):
    """HER2 IHC score of a fragment or case; a different type from `MembraneClass` on purpose."""

    ZERO = 0
    ONE_PLUS = 1
    TWO_PLUS = 2
    THREE_PLUS = 3

    @property
    def label(self) -> str:
        """As written in reports: 0, 1+, 2+ or 3+."""
        return ("0", "1+", "2+", "3+")[self]


class IshResult(StrEnum):
    """Result of in-situ hybridisation; unknown is a value, never guessed."""

    AMPLIFIED = "amplified"
    NOT_AMPLIFIED = "not-amplified"
    UNKNOWN = "unknown"


class Her2Status(StrEnum):
    """HER2 status of a case: IHC and ISH together, by a named rule set."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    EQUIVOCAL = "equivocal"
    NOT_ASSESSABLE = "not-assessable"


class CaseLabel(StrEnum):
    """The answer."""

    HOMO = "homo-HER2"
    HETERO = "hetero-HER2"
    INDETERMINATE = "indeterminate"
    NOT_APPLICABLE = "not-applicable"
    NOT_ASSESSABLE = "not-assessable"


@dataclass(frozen=True)
class Decision:
    """A value and the row of the table that gave it."""

    value: str
    rule: str
    """Name of the row."""
    text: str
    """The row's sentence, as shown to the reader."""


@dataclass(frozen=True)
class NegativeCluster:
    """Connected tumor cells below 2+: what makes a positive case hetero."""

    fragment: int
    slide: str
    n_cells: int
    x: float
    y: float
    """Centroid, level-0 pixels."""
    bounds: Box
    """Level-0 pixels, nuclei included."""
    p_tumor: float | None = None
    """Mean probability of tumor of its cells; None where nothing gave one."""


class HeterogeneityPattern(StrEnum):
    """How tumor cells of 2+ or 3+ and those below lie to one another in a case."""

    NONE = "none"
    FRAGMENT = "fragment"
    CLUSTER = "cluster"
    MOSAIC = "mosaic"
    SPARSE = "sparse"


@dataclass(frozen=True)
class Compartments:
    """DAB optical density of the scored tumor cells of a fragment by compartment; never part of the score."""

    n_cells: int
    membrane_od: float
    """Mean over the cells of height plus cytoplasm: the absolute density, too low beside a browner neighbor."""
    cytoplasm_od: float
    nucleus_od: float
    residual_od: float
    """Mean density over the nuclei that neither stain explains: hematoxylin spilling into the DAB shows here too."""
    translocation_index: float
    """Mean share of the nucleus in nucleus, membrane and cytoplasm together, [0, 1]."""


@dataclass(frozen=True)
class Indices:
    """Descriptive measures of heterogeneity; none of them decides. None where the measure is not defined."""

    h_score: float | None
    """0 to 300."""
    shannon_bits: float | None
    shannon_share: float | None
    """Shannon entropy as a share of its maximum, log2(4)."""
    gini_simpson: float | None
    rao_linear: float | None
    """Rao's quadratic entropy with |i - j| as the distance of classes i and j."""
    rao_squared: float | None
    """With (i - j) squared."""
    cell_level: float | None
    """Mean difference in class of linked tumor cells."""
    tumor_level: float | None
    """The part of `rao_linear` that lies between fragments."""


@dataclass(frozen=True)
class FragmentScore:
    """What one fragment says."""

    fragment: int
    slide: str
    area_mm2: float
    n_cells: int
    """All cells found, tumor or not."""
    n_tumor: int
    """Tumor cells, the unscored included."""
    n_unscored: int
    counts: tuple[int, int, int, int]
    """Scored tumor cells of class 0, 1+, 2+, 3+."""
    largest_cluster: tuple[int, int, int]
    """Size of the largest connected cluster of tumor cells of at least 1+, 2+, 3+."""
    is_assessable: bool
    score: Her2Score | None
    """None where the fragment is not assessable; the reason is in `decision`."""
    decision: Decision
    negative_clusters: tuple[NegativeCluster, ...]
    """Connected tumor cells below 2+, largest first; only the first few are kept, to be shown."""
    flags: tuple[str, ...] = ()
    negative_cluster_sizes: tuple[int, ...] = ()
    """Cells of each cluster of connected tumor cells below 2+, largest first; all of them, to be counted."""
    n_links: int = 0
    """Pairs of linked scored tumor cells."""
    n_link_steps: int = 0
    """Differences in class over these pairs, summed."""
    compartments: Compartments | None = None
    """None where no tumor cell was scored, or no image was measured."""
    membrane_width_um: float | None = None
    """Median width of the membrane line of the tumor cells of 1+ or more; None where none could be measured."""
    magnification: Decision | None = None
    """At which objectives such a line is seen; None where none was measured. Never part of the score."""
    expected_tumor: float = 0.0
    """Tumor cells to expect by the probabilities of all cells, those not called tumor included."""
    bounds: Box | None = None
    """Level-0 pixels; None where it was counted by hand."""

    @property
    def n_overexpressed(self) -> int:
        """Tumor cells of class 2+ or 3+."""
        return self.counts[2] + self.counts[3]

    @property
    def n_negative(self) -> int:
        """Scored tumor cells below 2+."""
        return self.counts[0] + self.counts[1]


@dataclass(frozen=True)
class Decisive:
    """One place that made or nearly made the label."""

    kind: str
    """"cell", "cluster" or "fragment"."""
    fragment: int
    slide: str
    x: float
    y: float
    n_cells: int
    text: str
    bounds: Box


@dataclass(frozen=True)
class CutoffRow:
    """One row of the cut-off sweep: would the case be homo if `cutoff` percent were enough."""

    cutoff: int
    """Percent, 30 to 100."""
    pooled: bool
    """Share of all tumor cells of the case."""
    worst_fragment: bool
    """Smallest share among tumor fragments."""
    fragments: bool
    """Share of tumor fragments scoring 2+ or 3+."""


@dataclass(frozen=True)
class IshCounts:
    """Signals counted nucleus by nucleus."""

    her2: tuple[int, ...]
    cep17: tuple[int, ...] | None = None
    """As long as `her2`; None for a single-probe test."""


@dataclass(frozen=True)
class IshData:
    """What is known of the ISH test of a case: a result, a summary, or the counts themselves."""

    result: IshResult = IshResult.UNKNOWN
    her2_copies: float | None = None
    cep17_copies: float | None = None
    """Mean signals per nucleus."""
    n_cells: int | None = None
    ratio: float | None = None
    """HER2/CEP17 where it is given without its two means."""
    counts: IshCounts | None = None


@dataclass(frozen=True)
class IshReading:
    """An ISH test as a rule set reads it; exact numbers, None where not known."""

    result: IshResult
    decision: Decision
    """The row that gave the result."""
    group: int | None = None
    """ASCO/CAP dual-probe group, 1 to 5, where the rule set has groups."""
    n_cells: int | None = None
    her2_copies: Fraction | None = None
    cep17_copies: Fraction | None = None
    ratio: Fraction | None = None
    """Of the means, never the mean of ratios."""
    amplified_share: Fraction | None = None
    """Share of the nuclei that are amplified each by itself; needs counts of both probes."""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sensitivity:
    """What a case would be, had its measurement been a little off in one way."""

    variant: str
    """Name of the row of the table of variants."""
    text: str
    """What is off, as shown to the reader."""
    label: CaseLabel
    literal_label: CaseLabel
    score: Her2Score | None
    status: Her2Status
    n_changed: int
    """Cells that count otherwise: tumor cell or not, or tumor cell of another class."""
    is_changed: bool
    """Whether the label is another than that of the case."""


@dataclass(frozen=True)
class CaseScore:
    """The answer for a case and everything it rests on that needs no pixels."""

    case_id: str
    label: CaseLabel
    literal_label: CaseLabel
    is_provisional: bool
    reason: str
    """One sentence a pathologist can read."""
    score: Her2Score | None
    score_decision: Decision
    ish: IshReading
    status: Her2Status
    status_decision: Decision
    guideline: str
    rule_set: str
    fragments: tuple[FragmentScore, ...]
    cutoff_sweep: tuple[CutoffRow, ...]
    decisive: tuple[Decisive, ...]
    flags: tuple[str, ...]
    indices: Indices | None = None
    """None where no fragment votes."""
    pattern: Decision | None = None
    """`HeterogeneityPattern` and the row that fits; None where heterogeneity is not asked of the case."""
    low: Decision | None = None
    """HER2-low and its kin; None unless the guideline is that of breast they rest on."""
    evidence: Evidence | None = None
    """None where homo or hetero was not asked, or no error model was at hand."""
    is_reviewed: bool = False
    """Whether a reviewer's answers gave the label."""
    sensitivity: tuple[Sensitivity, ...] = ()
    """Whether the label stands; empty where there is none to stand, or no image was measured."""

    @property
    def tumor_fragments(self) -> tuple[FragmentScore, ...]:
        """Fragments that vote: with tumor and assessable."""
        return tuple(f for f in self.fragments if f.is_assessable)
