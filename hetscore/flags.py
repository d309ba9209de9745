"""The one registry of doubts: every flag a cell, fragment or case can carry, each with the sentence a reader sees.

A flag never changes a number by itself; whoever sets one says what was seen, whoever reads a report sees why to be
careful. To add a doubt, add a row to `FLAGS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How a flag is shown: a note, a caution, or the reason why there is no label."""

    NOTE = "note"
    CAUTION = "caution"
    BLOCKING = "blocking"


@dataclass(frozen=True)
class Flag:
    """One doubt: its name in case.json, how serious it is, and its sentence in the report."""

    name: str
    severity: Severity
    text: str


_ROWS = (
    Flag("no-tissue", Severity.BLOCKING, "No tissue was found on the slide."),
    Flag("no-tumor", Severity.BLOCKING, "No fragment holds enough tumor cells to be judged."),
    Flag("empty-slide", Severity.CAUTION, "A slide of the case holds no tissue; the others were scored."),
    Flag("slides-not-read", Severity.NOTE, "Slides of the role control were not read."),
    Flag(
        "companion-refused",
        Severity.NOTE,
        "The H&E slide could not be registered to every fragment: what is refused is not shown beside the HER2 fields,"
        " and why is said below.",
    ),
    Flag(
        "companion-veto",
        Severity.CAUTION,
        "Cells were called no tumor cells after what a pathologist drew on the H&E slide.",
    ),
    Flag("not-brightfield", Severity.BLOCKING, "The slide is not a brightfield image (dark background)."),
    Flag("wrong-stain", Severity.BLOCKING, "The slide does not look like hematoxylin and DAB (HER2 IHC)."),
    Flag("grayscale", Severity.BLOCKING, "The slide has no color: stain and counterstain cannot be told apart."),
    Flag(
        "no-counterstain",
        Severity.BLOCKING,
        "The slide shows brown (DAB) but no blue nuclei (hematoxylin): cells cannot be told.",
    ),
    Flag("noise", Severity.BLOCKING, "The picture is noise: neighboring pixels have nothing in common."),
    Flag("coarse-resolution", Severity.BLOCKING, "The pixels are too coarse to measure a membrane."),
    Flag(
        "controls-failed",
        Severity.BLOCKING,
        "The control tissue of the site does not read as it was scored: the stain cannot be trusted.",
    ),
    Flag("failed-tiles", Severity.CAUTION, "Some tiles could not be read; it cannot be homo-HER2 or HER2-negative."),
    Flag("slide-failed", Severity.BLOCKING, "A slide of the case could not be read; the case is not assessable."),
    Flag("few-tumor-cells", Severity.CAUTION, "A fragment holds fewer than 100 tumor cells: read with caution."),
    Flag("limited-sampling", Severity.CAUTION, "Fewer than 4 tumor fragments, or fewer than 200 tumor cells."),
    Flag("many-unscored", Severity.CAUTION, "More than a tenth of the tumor cells could not be scored."),
    Flag("ish-needed", Severity.CAUTION, "The HER2 status waits for an ISH result."),
    Flag("ish-discordant", Severity.CAUTION, "IHC and ISH disagree; the rule set decided."),
    Flag("ish-equivocal", Severity.CAUTION, "The ISH counts are equivocal: the guideline asks for another test."),
    Flag("ish-contradicted", Severity.CAUTION, "The numbers given with the ISH result read otherwise; it stands."),
    Flag("ish-recount", Severity.CAUTION, "The ISH result stands only if a second, blinded count confirms it."),
    Flag("cep17-polysomy", Severity.NOTE, "Mean CEP17 copies are 3 or more: polysomy can lower the HER2/CEP17 ratio."),
    Flag(
        "genomic-heterogeneity",
        Severity.NOTE,
        "More than 5 % and less than 50 % of the counted nuclei are amplified by themselves, as in a third of all"
        " reports; below 30 % of the nuclei this had no effect on prognosis.",
    ),
    Flag(
        "unjudged-stain",
        Severity.CAUTION,
        "A fragment with too little tumor to be judged holds a stained cluster that would raise the score of the case.",
    ),
    Flag("sub-cluster-stain", Severity.NOTE, "Stained tumor cells exist that do not form a cluster of five."),
    Flag(
        "nuclear-stain", Severity.CAUTION, "The DAB lies over the nuclei rather than on the membranes: check the stain."
    ),
    Flag(
        "saturated-stain",
        Severity.CAUTION,
        "In more than a tenth of a fragment's tumor cells half of the membrane is too dark for the camera: what is"
        " measured there is a lower bound, and darker cells could not be scored at all.",
    ),
    Flag(
        "hidden-nuclei",
        Severity.CAUTION,
        "More than a tenth of a fragment's tumor cells have nuclei that DAB covers: cells beside them may be missed.",
    ),
    Flag("upscored", Severity.NOTE, "The second sample of the pair scores higher than the first."),
    Flag("label-sensitive", Severity.CAUTION, "The label changes if the measurement is a little off: see the panel."),
    Flag(
        "status-sensitive",
        Severity.CAUTION,
        "The HER2 status changes if the measurement is a little off: see the panel.",
    ),
    Flag(
        "intensity-unchecked",
        Severity.CAUTION,
        "No control tissue was measured: a drift of the stain would not be seen.",
    ),
    Flag(
        "stain-drift",
        Severity.CAUTION,
        "The colors of the stains differ from those the model was calibrated on by more than its own slides do: the"
        " densities may be wrong.",
    ),
    Flag("uncalibrated", Severity.CAUTION, "The errors at this site were not measured: the label is provisional."),
    Flag(
        "maybe-tumor",
        Severity.CAUTION,
        "A fragment may hold tumor that was not recognized: by the probabilities of its cells 20 or more of them are"
        " tumor, but fewer are called so. Poorly cohesive tumor without stain looks like muscle or stroma.",
    ),
    Flag(
        "answers-unused",
        Severity.CAUTION,
        "Some of a reviewer's answers speak of no place that the case leaves open; they changed nothing.",
    ),
    Flag(
        "control-negative",
        Severity.CAUTION,
        "A core taken for control tissue by its shape holds tumor below 2+: were it a biopsy, the case would be"
        " hetero-HER2. Draw it as Control or Fragment to say which it is.",
    ),
    Flag(
        "hidden-tissue",
        Severity.CAUTION,
        "More than a twentieth of a fragment lies under artefacts or out of focus and was not judged: a case with such"
        " a tumor fragment cannot be called homo-HER2.",
    ),
    Flag(
        "outside-calibration",
        Severity.CAUTION,
        "The slides look unlike those that the errors were counted on: the label is provisional.",
    ),
    Flag(
        "count-unclear",
        Severity.CAUTION,
        "The number of fragments depends on how far gaps are bridged, or on a doubtful neck.",
    ),
    Flag(
        "levels-unclear",
        Severity.CAUTION,
        "Fragments may be sections of the same pieces and were not matched, or were matched by their order alone: see"
        " the pieces in the table of fragments.",
    ),
    Flag(
        "controls-unclear",
        Severity.CAUTION,
        "It is not clear whether a round piece is a control core or a biopsy: see what it was taken for.",
    ),
    Flag(
        "slides-separate",
        Severity.NOTE,
        "It was not said (level_group) whether the slides of the case are levels of the same blocks: they count as"
        " different ones.",
    ),
    Flag("dropped-specks", Severity.NOTE, "Specks of dust or tissue below the size floor were not analyzed."),
    Flag("dropped-edges", Severity.NOTE, "Coverslip or slide edges were taken for artifacts and not analyzed."),
    Flag(
        "artefacts-excluded",
        Severity.NOTE,
        "Tissue under ink, hairs, bubbles, particles, in folds, at stained rims or out of focus was not judged; see the"
        " areas.",
    ),
    Flag(
        "many-artefacts",
        Severity.CAUTION,
        "More than a tenth of the tissue lies under artefacts or out of focus and was not judged: what it holds is not"
        " known.",
    ),
    Flag(
        "covered-glass",
        Severity.NOTE,
        "Ink, hairs or bubbles lie apart from all tissue that is seen and count as glass; a piece of tissue wholly"
        " under them would be missed.",
    ),
    Flag(
        "background-stain",
        Severity.CAUTION,
        "Cells that are no tumor are browner than on well-stained slides: part of the stain is not specific, and faint"
        " membranes (1+) may be background.",
    ),
    Flag("annotated", Severity.NOTE, "What a person drew was applied; area taken out is told by itself."),
    Flag(
        "annotations-unused",
        Severity.NOTE,
        "Some of what was drawn has no class, or no tissue or no piece under it, and changed nothing.",
    ),
    Flag("annotations-mended", Severity.NOTE, "An outline drawn by hand crosses itself; it was mended."),
    Flag(
        "tissue-not-read",
        Severity.CAUTION,
        "A little tissue was drawn into a fragment in which cells were never looked for: score the slide again.",
    ),
    Flag("pictures-missing", Severity.NOTE, "A slide was not at hand: the fields that decide are not shown."),
)

FLAGS: dict[str, Flag] = {flag.name: flag for flag in _ROWS}
