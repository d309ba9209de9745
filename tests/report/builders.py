"""Small results made by hand, for the tests of the exporters: every number can be checked by eye."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import (
    CaseLabel,
    CaseResult,
    CaseScore,
    Cells,
    Compartments,
    Coverage,
    CutoffRow,
    Decision,
    Decisive,
    Fragment,
    FragmentRole,
    FragmentScore,
    Her2Score,
    Her2Status,
    Indices,
    IshReading,
    IshResult,
    Level,
    MembraneClass,
    MembranePattern,
    MppSource,
    NegativeCluster,
    Picture,
    Provenance,
    Sensitivity,
    SlideInfo,
    SlideResult,
    StainEstimate,
    Thumbnail,
)
from hetscore.geometry import Box

SLIDE = "biopsy <1>.tif"
"""A name that HTML and URLs would trip over."""
SIDE = 40
"""Level-0 pixels between neighboring cells, and between a fragment's border and its cells."""

CLASSES: dict[int, list[int]] = {
    1: [3] * 10 + [2] * 2,
    2: [3] * 2 + [1] * 2 + [0] * 6 + [MembraneClass.UNSCORED],
    3: [MembraneClass.UNSCORED] * 6,
}
"""Fragment -> membrane class of its cells, in a row from left to right; those of fragment 3 are no tumor cells."""
NO_ISH = IshReading(IshResult.UNKNOWN, Decision("unknown", "no-copies", "No ISH result and no HER2 copies are given."))


def small_result() -> CaseResult:
    """Make a hetero-HER2 case: one slide, three fragments and a control, 29 cells, one field to look at."""
    return CaseResult(
        score=small_score(), slides=(small_slide(),), pictures=(small_picture(),), provenance=small_provenance()
    )


def empty_result() -> CaseResult:
    """Make a case of which nothing is known but that its slide could not be read."""
    nothing = Decision(value="none", rule="no-tumor", text="No fragment can be assessed.")
    score = CaseScore(
        case_id="empty",
        label=CaseLabel.NOT_ASSESSABLE,
        literal_label=CaseLabel.NOT_ASSESSABLE,
        is_provisional=True,
        reason="A slide of the case could not be read.",
        score=None,
        score_decision=nothing,
        ish=NO_ISH,
        status=Her2Status.NOT_ASSESSABLE,
        status_decision=nothing,
        guideline="gastric-biopsy",
        rule_set="yagi-2019",
        fragments=(),
        cutoff_sweep=(),
        decisive=(),
        flags=("slide-failed",),
    )
    return CaseResult(score=score, slides=(), pictures=(), provenance=small_provenance())


def small_score() -> CaseScore:
    """Make the score of the small case."""
    cluster = negative_cluster()
    return CaseScore(
        case_id="case-01",
        label=CaseLabel.HETERO,
        literal_label=CaseLabel.HETERO,
        is_provisional=True,
        reason="Fragment 2 holds a cluster of 8 connected tumor cells below 2+.",
        score=Her2Score.THREE_PLUS,
        score_decision=Decision("3+", "cluster-3plus", "A cluster of at least 5 tumor cells stains strongly."),
        ish=NO_ISH,
        status=Her2Status.POSITIVE,
        status_decision=Decision("positive", "ihc-3plus", "IHC 3+ is positive, whatever the ISH result."),
        guideline="gastric-biopsy",
        rule_set="yagi-2019",
        fragments=small_fragment_scores(),
        cutoff_sweep=tuple(
            CutoffRow(c, pooled=c <= 60, worst_fragment=False, fragments=c <= 50) for c in (50, 60, 100)
        ),
        decisive=(
            Decisive(
                kind="cluster",
                fragment=2,
                slide=SLIDE,
                x=cluster.x,
                y=cluster.y,
                n_cells=8,
                text="8 connected tumor cells below 2+",
                bounds=cluster.bounds,
            ),
        ),
        flags=("uncalibrated", "limited-sampling", "label-sensitive"),
        indices=Indices(150.0, 1.5, 0.75, 0.625, 1.25, 2.5, 0.75, None),
        pattern=Decision("fragment", "whole-fragment", "One tumor fragment scores below 2+ while another does not."),
        sensitivity=(
            small_variant("dab-weaker", "DAB 10 % weaker", n_changed=2),
            replace(
                small_variant("dab-stronger", "DAB 10 % stronger", n_changed=1234),
                label=CaseLabel.HOMO,
                is_changed=True,
            ),
        ),
    )


def small_variant(name: str, text: str, n_changed: int) -> Sensitivity:
    """Make a variant of the small case under which it stays what it is."""
    return Sensitivity(
        variant=name,
        text=text,
        label=CaseLabel.HETERO,
        literal_label=CaseLabel.HETERO,
        score=Her2Score.THREE_PLUS,
        status=Her2Status.POSITIVE,
        n_changed=n_changed,
        is_changed=False,
    )


def small_fragment_scores() -> tuple[FragmentScore, ...]:
    """Make the scores of the three fragments: 3+, 0 with two stray 3+ cells, no tumor."""
    return (
        FragmentScore(
            fragment=1,
            slide=SLIDE,
            area_mm2=0.0125,
            n_cells=12,
            n_tumor=12,
            n_unscored=0,
            counts=(0, 0, 2, 10),
            largest_cluster=(12, 12, 10),
            is_assessable=True,
            score=Her2Score.THREE_PLUS,
            decision=Decision("3+", "cluster-3plus", "A cluster of at least 5 tumor cells stains strongly."),
            negative_clusters=(),
            compartments=Compartments(12, 0.5, 0.125, 0.0625, 0.01, 0.09),
            membrane_width_um=1.625,
            magnification=Decision("x2.5-5", "thick-line", "Such a line is seen at x2.5 to x5."),
        ),
        FragmentScore(
            fragment=2,
            slide=SLIDE,
            area_mm2=0.0125,
            n_cells=11,
            n_tumor=11,
            n_unscored=1,
            counts=(6, 2, 0, 2),
            largest_cluster=(4, 2, 2),
            is_assessable=True,
            score=Her2Score.ZERO,
            decision=Decision("0", "otherwise", "No cluster of at least 5 stained tumor cells."),
            negative_clusters=(negative_cluster(),),
            flags=("few-tumor-cells",),
            negative_cluster_sizes=(8,),
        ),
        FragmentScore(
            fragment=3,
            slide=SLIDE,
            area_mm2=0.0125,
            n_cells=6,
            n_tumor=0,
            n_unscored=0,
            counts=(0, 0, 0, 0),
            largest_cluster=(0, 0, 0),
            is_assessable=False,
            score=None,
            decision=Decision("none", "no-tumor", "No tumor cell was found."),
            negative_clusters=(),
        ),
    )


def negative_cluster() -> NegativeCluster:
    """Make the eight cells of fragment 2 that are below 2+."""
    return NegativeCluster(fragment=2, slide=SLIDE, n_cells=8, x=320.0, y=340.0, bounds=Box(170, 330, 300, 20))


def small_slide() -> SlideResult:
    """Make the slide of the small case, with its cells and a white thumbnail."""
    info = SlideInfo(
        path=Path("slides") / SLIDE,
        reader="tiff",
        width=640,
        height=1240,
        levels=(Level(640, 1240, 1.0),),
        mpp=0.25,
        mpp_source=MppSource.FILE,
    )
    return SlideResult(
        info=info,
        sha256="ab" * 32,
        fragments=small_fragments(),
        cells=small_cells(),
        coverage=Coverage(tissue_mm2=0.05, analysed_mm2=0.0375, excluded_mm2={"control": 0.0125}, failed_mm2=0.0),
        thumbnail=Thumbnail(np.full((310, 160, 3), 240, np.uint8), downsample=4, mpp=1.0),
        dropped={"speck": 3},
        failed_tiles=(),
        flags=("dropped-specks",),
        stain=StainEstimate((0.64, 0.63, 0.44), None, 0.54321, None, 0.00456, 1234),
    )


def small_fragments() -> tuple[Fragment, ...]:
    """Make three fragments, one below the other, the third in two parts, and a control below them."""
    return tuple(
        Fragment(
            id=i,
            slide=SLIDE,
            outlines=(box_ring(20, 300 * i - 280, 280, 80), *((box_ring(400, 620, 40, 40),) if i == 3 else ())),
            bounds=Box(20, 300 * i - 280, 560, 80),
            area_mm2=0.0125,
            role=FragmentRole.CONTROL if i == 4 else FragmentRole.SAMPLE,
        )
        for i in (1, 2, 3, 4)
    )


def box_ring(x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    """Make the open ring of a rectangle."""
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


def small_cells() -> Cells:
    """Make the 29 cells: squares of 16 pixels in a row a fragment; the last one has an outline of one point only."""
    fragment = np.repeat(list(CLASSES), [len(c) for c in CLASSES.values()]).astype(np.int32)
    x = SIDE * np.concatenate([np.arange(1.0, len(c) + 1) for c in CLASSES.values()])
    y = 300 * fragment.astype(np.float64) - 260
    membrane_class = np.concatenate([np.array(c, np.int8) for c in CLASSES.values()])
    is_scored = membrane_class >= 0
    squares = np.stack([x, y], axis=1)[:, None] + np.array([[-8, -8], [8, -8], [8, 8], [-8, 8]])
    n = len(x)
    return Cells(
        x=x,
        y=y,
        fragment=fragment,
        nucleus_area_um2=np.full(n, 42.5, np.float32),
        p_tumor=np.where(fragment == 3, 0.125, 0.875).astype(np.float32),
        membrane_od=np.where(is_scored, 0.25 * membrane_class, np.nan).astype(np.float32),
        membrane_completeness=np.where(is_scored, membrane_class / 4, 0).astype(np.float32),
        membrane_arc=np.where(is_scored, membrane_class / 4, 0).astype(np.float32),
        membrane_pattern=np.where(membrane_class == 3, MembranePattern.COMPLETE, MembranePattern.NONE).astype(np.int8),
        cytoplasm_od=np.full(n, 0.0625, np.float32),
        nucleus_od=np.full(n, 0.03125, np.float32),
        membrane_width_um=np.full(n, 1.25, np.float32),
        nucleus_residual_od=np.full(n, 0.015625, np.float32),
        membrane_ground_od=np.full(n, 0.125, np.float32),
        membrane_arcs=np.full(n, 2, np.int8),
        gap_deg=np.full(n, 90, np.float32),
        lumen_share=np.full(n, 0.25, np.float32),
        lumen_stained=np.full(n, 0.5, np.float32),
        saturated_share=np.full(n, 0.0625, np.float32),
        membrane_class=membrane_class,
        p_class=(membrane_class[:, None] == np.arange(4)).astype(np.float32),
        outline_xy=squares.reshape(-1, 2)[:-3].astype(np.float32),
        outline_start=np.append(4 * np.arange(n), 4 * n - 3).astype(np.int64),
    )


def small_picture() -> Picture:
    """Make the field that shows the negative cluster."""
    return Picture(
        slide=SLIDE,
        bounds=Box(160, 280, 320, 120),
        rgb=np.full((120, 320, 3), 220, np.uint8),
        mpp=0.25,
        caption="Fragment 2: 8 connected tumor cells below 2+",
    )


def small_provenance() -> Provenance:
    """Make a provenance; its settings hold a path and a tuple."""
    return Provenance(
        hetscore_version="0.1.0",
        model="watershed",
        model_sha256="cd" * 32,
        calibration="none",
        device="cpu",
        started="2026-01-02T03:04:05Z",
        seconds=12.345678,
        settings={"guideline": "gastric-biopsy", "model_folder": Path("models") / "a", "tile": (512, 512)},
    )
