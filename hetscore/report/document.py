"""The shape of case.json: typed records from which the published JSON Schema, `case.schema.json`, is made.

Nothing is computed here; `case_json` fills the records. Within "hetscore/case/1" keys may be added, never changed or
taken away: readers therefore accept keys they do not know and keep them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_NAME: Final = "hetscore/case/1"

AREA_DECIMALS = 4
"""mm2: 0.0001 mm2 is a square of 10 um, about one cell."""
POSITION_DECIMALS = 1
"""Level-0 pixels: a tenth of a pixel is far below what an outline is worth."""
MPP_DECIMALS = 6
"""Microns: 1e-6 um over a slide of 1e5 pixels is a tenth of a micron."""
OD_DECIMALS = 4
"""Of optical density: one gray level of 256 is 0.002 or more."""
DEGREE_DECIMALS = 1
"""Of an angle between colors: the noise of a slide moves it by more."""
WIDTH_DECIMALS = 2
"""Microns: a pixel is 0.25 um."""
ERROR_DECIMALS = 1
"""Microns by which a registration is off: a tenth of a micron is below a pixel."""
AFFINE_DECIMALS = 6
"""Of a transform: over a slide of 1e5 pixels a tenth of a pixel."""
INDEX_DECIMALS = 4
"""Of H-score and entropies: one cell in 5,000 moves none of them by less."""
PERCENT_DECIMALS = 2
"""Percent: one cell in 5,000, a large biopsy case, is 0.02."""

Label = Literal["homo-HER2", "hetero-HER2", "indeterminate", "not-applicable", "not-assessable"]
IhcScore = Literal["0", "1+", "2+", "3+"]
Status = Literal["positive", "negative", "equivocal", "not-assessable"]
Count = Annotated[int, Field(ge=0)]
Area = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
FlagName = Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]


class _Record(BaseModel):
    """A part of case.json: frozen, unknown keys kept, infinities and NaN refused."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class Row(_Record):
    """The row of a published table that decided."""

    table: str = Field(description="Name of the guideline or of the rule set.")
    value: str = Field(description="What the row says.")
    rule: str = Field(description="Name of the row.")
    text: str = Field(description="The row's sentence.")


class DecidedBy(_Record):
    """Which rows gave the IHC score, the ISH result and the status."""

    ihc_score: Row
    ish: Row | None = Field(description="How the ISH result was read.")
    status: Row


class Her2(_Record):
    """HER2 IHC score, ISH and status."""

    ihc_score: IhcScore | None = Field(description="HER2 IHC score of the case; null where none can be given.")
    ish: Literal["amplified", "not-amplified", "unknown"]
    her2_copies: float | None = Field(description="Mean HER2 copies per cell, if counted.")
    cep17_copies: float | None = Field(description="Mean CEP17 copies per cell, if counted.")
    ish_ratio: float | None = Field(default=None, description="HER2/CEP17, of the means, if known.")
    ish_group: Annotated[int, Field(ge=1, le=5)] | None = Field(
        default=None, description="ASCO/CAP dual-probe group, where the rule set has groups."
    )
    ish_amplified_share: Probability | None = Field(
        default=None, description="Share of the counted nuclei that are amplified each by itself."
    )
    ish_cells: Count | None = Field(description="Cells counted for ISH.")
    status: Status
    rule_set: str = Field(description="Rule set that combined IHC and ISH.")
    decided_by: DecidedBy
    low: Row | None = Field(default=None, description="HER2-low and its kin; breast only, never part of the score.")


class IndexRecord(_Record):
    """Descriptive indices over the scored tumor cells of voting fragments; null where not defined."""

    h_score: Annotated[float, Field(ge=0, le=300)] | None
    shannon_bits: Annotated[float, Field(ge=0, le=2)] | None
    shannon_share: Probability | None = Field(description="Shannon entropy as a share of its maximum.")
    gini_simpson: Probability | None
    rao_linear: float | None = Field(description="Rao's quadratic entropy, |i - j| between classes i and j.")
    rao_squared: float | None = Field(description="The same with (i - j) squared.")
    cell_level: float | None = Field(description="Mean difference in class of linked tumor cells.")
    tumor_level: float | None = Field(description="The part of rao_linear between fragments.")


class Heterogeneity(_Record):
    """How overexpressing and other tumor cells are mixed; descriptive, decides nothing."""

    pattern: Row | None = Field(description="Null where heterogeneity is not asked of the case.")
    indices: IndexRecord | None = Field(description="Null where no fragment votes.")


class FragmentCounts(_Record):
    """Fragments of the case; controls and excluded pieces are not among them."""

    total: Count
    with_tumor: Count = Field(description="Fragments that vote: they hold enough tumor to be assessed.")
    score_2plus_or_3plus: Count = Field(description="Of those that vote, how many score 2+ or 3+.")
    score_3plus: Count = Field(description="Of those that vote, how many score 3+.")
    not_assessable: Count = Field(description="Fragments that do not vote: total less with_tumor.")


class CellCounts(_Record):
    """Tumor cells of the fragments that vote: what the label rests on."""

    total: Count = Field(description="All cells found in all fragments, tumor or not.")
    tumor: Count = Field(description="Tumor cells of voting fragments, the unscored included.")
    unscored: Count = Field(description="Tumor cells whose membrane could not be measured.")
    by_class: dict[IhcScore, Count] = Field(
        min_length=4, description="Scored tumor cells by class of membranous staining; all four classes."
    )
    tumor_not_voting: Count = Field(description="Tumor cells of fragments that do not vote; in no other count.")


class CutoffResult(_Record):
    """Would the case be homo-HER2 if `cutoff` percent were enough."""

    cutoff: Annotated[int, Field(ge=0, le=100)] = Field(description="Percent.")
    pooled: bool = Field(description="By the share of all tumor cells that are 2+ or 3+.")
    worst_fragment: bool = Field(description="By the smallest such share among tumor fragments.")
    fragments: bool = Field(description="By the share of tumor fragments that score 2+ or 3+.")


class DetectableClone(_Record):
    """The smallest compact clone of clearly negative cells that would have made this case hetero-HER2."""

    power: Probability = Field(description="How often.")
    n_cells: Count | None = Field(description="Null: not even the largest clone tried would have.")


class NegativeShareRecord(_Record):
    """Share of tumor cells that are truly below 2+, misread cells allowed for."""

    fragment: int | None = Field(description="Null: all tumor fragments together.")
    point: Probability
    low: Probability = Field(description="Lower bound of the 95 % credible interval.")
    high: Probability


class ErrorModelRecord(_Record):
    """Against which errors of the reading the case was judged."""

    id: str
    is_site: bool = Field(description="Whether they were counted on slides of the site.")
    replicates: Count = Field(description="Homogeneous cases simulated.")
    outside: list[str] = Field(description="In what the slides differ from those that the errors were counted on.")


class Evidence(_Record):
    """What the label rests on; null where the test was not made."""

    p_cluster: Probability | None = Field(description="p of the largest negative cluster under the error model.")
    p_scan: Probability | None = Field(description="p of the densest negative window under the error model.")
    p_fraction: Probability | None = Field(description="p of the worst fragment's negative share.")
    p_case: Probability | None = Field(description="The three tests together.")
    p_clear: Probability | None = Field(
        default=None, description="The same of the clearly negative cells alone; hetero-HER2 needs it below 0.01."
    )
    largest_negative_cluster: Count | None = Field(
        description="Cells in the largest connected cluster of tumor cells below 2+; null where no fragment votes."
    )
    smallest_detectable_clone: Count | None = Field(
        description="Smallest negative clone that would have made this case hetero-HER2 19 times of 20."
    )
    detectable: list[DetectableClone] = []
    probability_homo: Probability | None = Field(description="By the number of negative cells alone.")
    prior_homo: Probability | None = Field(default=None, description="What it was before any cell was counted.")
    probability_homo_even: Probability | None = Field(default=None, description="The same from even odds.")
    negative_shares: list[NegativeShareRecord] = []
    cutoff_sweep: list[CutoffResult]
    error_model: ErrorModelRecord | None = Field(description="The measured error model used; null: none.")


class DecisivePlace(_Record):
    """A place that made or nearly made the label."""

    kind: Literal["cell", "cluster", "fragment"]
    fragment: int
    slide: str
    x: float = Field(description="Level-0 pixels.")
    y: float = Field(description="Level-0 pixels.")
    n_cells: Count
    bounds: tuple[int, int, int, int] = Field(description="Left, top, width, height in level-0 pixels.")
    text: str


class SensitivityRecord(_Record):
    """What the case would be, had its measurement been a little off in one way."""

    variant: str = Field(description="Name of the way.")
    text: str = Field(description="What is off.")
    label: Label
    literal_label: Label
    ihc_score: IhcScore | None
    status: Status
    changed_cells: Count = Field(description="Cells that count otherwise: tumor or not, or tumor of another class.")
    label_changed: bool = Field(description="Whether the label is another than that of the case.")


class CoverageRecord(_Record):
    """Where the tissue went, all slides together."""

    tissue_mm2: Area
    analysed_mm2: Area
    excluded_mm2: dict[str, Area] = Field(description="By reason.")
    failed_mm2: Area
    failed_tiles: list[str] = Field(description="One line for each tile that could not be analyzed.")
    dropped_pieces: dict[str, Count] = Field(description="Pieces not taken for fragments, by reason.")


class StainRecord(_Record):
    """The colors of the stains on a slide, as its own pixels show them; nothing was measured with them."""

    hematoxylin: tuple[float, float, float] | None = Field(
        description="Direction in optical density (red, green, blue), length 1; null where too few pixels tell."
    )
    dab: tuple[float, float, float] | None
    hematoxylin_degrees: Annotated[float, Field(ge=0, le=180)] | None = Field(
        description="Angle between that direction and the model's."
    )
    dab_degrees: Annotated[float, Field(ge=0, le=180)] | None
    residual_od: Annotated[float, Field(ge=0)] | None = Field(
        description="Median density of tissue that neither stain of the model explains; null without tissue."
    )
    pixels: Count = Field(description="Pixels of tissue looked at.")


class DrawnRecord(_Record):
    """What a person drew on the slide, and which file says so."""

    path: str
    sha256: str
    regions: dict[str, Count] = Field(description="How many, by class.")
    unclassified: Count = Field(description="Annotations without a class, left out.")
    mended: Count = Field(description="Outlines that crossed themselves.")


class MatchRecord(_Record):
    """Where a fragment lies on the H&E slide."""

    fragment: int
    affine: Annotated[list[list[float]], Field(min_length=2, max_length=2)] | None = Field(
        description="Two rows of three: from level-0 pixels of the HER2 slide to those of the H&E slide; null: refused."
    )
    error_um: Annotated[float, Field(ge=0)] | None = Field(description="Estimated: half of the places are off by less.")
    error_p90_um: Annotated[float, Field(ge=0)] | None = Field(description="And nine in ten.")
    agreement: Probability = Field(description="Share of the places compared that show the same tissue.")
    places: Count = Field(description="Places compared.")
    refused_because: str | None


class RegistrationRecord(_Record):
    """An H&E slide laid over a HER2 slide; it is shown and never scored."""

    slide: str = Field(description="Name of the HER2 slide.")
    companion: str = Field(description="Name of the H&E slide.")
    refused_because: str | None = Field(description="Why some or all of it is not shown; null: all of it is.")
    matches: list[MatchRecord] = Field(description="By fragment; empty where the H&E slide could not be read.")


class SplitRecord(_Record):
    """A neck at which tissue was taken for pieces that touch, or may be."""

    fragments: list[Count] = Field(description="Those it was cut into; one where it was not cut.")
    confidence: Annotated[float, Field(ge=0, le=1)] = Field(description="That they are pieces of their own.")
    reason: str


class FragmentCountRecord(_Record):
    """How sure the number of fragments is, as found: before anything drawn by hand was applied."""

    least: Count = Field(description="At half and at twice the bridging distance, doubtful necks cut or not.")
    most: Count
    splits: list[SplitRecord] = Field(description="None where every fragment was drawn by hand.")


class SlideRecord(_Record):
    """One slide read for the case."""

    path: str
    sha256: str
    mpp: float | None = Field(description="Microns per level-0 pixel.")
    mpp_source: Literal["cases-table", "command-line", "file", "tiff-resolution"] | None
    reader: str
    width: Count = Field(description="Level-0 pixels.")
    height: Count = Field(description="Level-0 pixels.")
    stain: StainRecord | None = Field(default=None, description="Null where the slide was not analyzed.")
    annotations: DrawnRecord | None = Field(default=None, description="Null where nothing was drawn.")
    count: FragmentCountRecord | None = Field(default=None, description="Null where the slide was not analyzed.")


class ModelRecord(_Record):
    """The model that found the cells."""

    name: str
    sha256: str


class ProvenanceRecord(_Record):
    """How the result came about."""

    slides: list[SlideRecord]
    model: ModelRecord
    guideline: str
    rule_set: str
    calibration: str
    settings: dict[str, Any]
    device: str
    started: str = Field(description="ISO 8601, UTC.")
    seconds: Annotated[float, Field(ge=0)]


class CaseDocument(_Record):
    """The record of truth of one case."""

    schema_name: Literal["hetscore/case/1"] = Field(alias="schema")
    case_id: str
    hetscore_version: str
    label: Label
    label_basis: Literal["automatic", "reviewed"]
    provisional: bool
    reason: str = Field(description="One sentence a pathologist can read.")
    literal_label: Label = Field(description="The rule applied to the cell calls as they stand.")
    her2: Her2
    fragments: FragmentCounts
    cells: CellCounts
    evidence: Evidence
    heterogeneity: Heterogeneity | None = None
    sensitivity: list[SensitivityRecord] = Field(
        default=[], description="Does the label stand; empty where there is none to stand, or no image was measured."
    )
    decisive: list[DecisivePlace] = Field(description="What would change the label, ranked.")
    coverage: CoverageRecord
    registrations: list[RegistrationRecord] = Field(default=[], description="Of the H&E slides of the case.")
    flags: list[FlagName] = Field(description="Names from the registry of flags.")
    provenance: ProvenanceRecord


def case_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of case.json; `case.schema.json` is this, written down."""
    schema = CaseDocument.model_json_schema(mode="serialization", by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:" + SCHEMA_NAME.replace("/", ":"),
        **schema,
    }
