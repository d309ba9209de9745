"""A case of synthetic cells, scored and written as the pipeline does after its last pixel.

The tissue is a lattice of tumor cells 10 um apart, each moved by up to 2 um, in sixteen square fragments; their
membranes are those of a homogeneous case, so that all clusters and all reports are as large as they get.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hetscore import __version__
from hetscore.config import Model, Settings, load_model
from hetscore.domain import (
    CELL_COLUMNS,
    CaseResult,
    CaseScore,
    Cells,
    Coverage,
    Fragment,
    IshData,
    Level,
    MembranePattern,
    MppSource,
    Provenance,
    SlideInfo,
    SlideResult,
    empty_cells,
    join_cells,
)
from hetscore.geometry import Box
from hetscore.report import EXPORTERS, write_case
from hetscore.scoring.case import score_case
from hetscore.scoring.cell import classify_cells
from hetscore.scoring.fragment import TumorLinks, link_tumor, score_fragment
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.scoring.sensitivity import Classifier, probe_label
from hetscore.scoring.status import RULE_SETS
from scripts.bench.material import MPP
from scripts.bench.tiles import NETWORK

N_FRAGMENTS = 16
PER_ROW = 4
SPACING_UM, JITTER_UM, RADIUS_UM = 10.0, 2.0, 4.5
N_CORNERS = 16
"""Of an outline, as `measure_cells` gives them."""
MEMBRANE_OD, MEMBRANE_SD = 0.5, 0.15
"""About 3+ (`reference_od` of the models), with a few cells below."""
OTHER = ("membrane_width_um", "cytoplasm_od", "nucleus_od", "nucleus_residual_od")
"""Measures that are reported but decide nothing: any number takes the same time."""


def make_fragment_cells(number: int, n: int, left_um: float, top_um: float) -> Cells:
    """Make `n` cells of one fragment, unclassified.

    Parameters
    ----------
    number : int
        Of the fragment; seeds the cells.
    n : int
        How many.
    left_um, top_um : float
        Corner of the fragment.

    Returns
    -------
    Cells
        In level-0 pixels of `MPP`, sorted by y as merging leaves them.
    """
    rng = np.random.default_rng(number)
    row, column = np.divmod(np.arange(n), round(n**0.5))
    x = (left_um + SPACING_UM * (column + row % 2 / 2) + rng.uniform(-JITTER_UM, JITTER_UM, n)) / MPP
    y = (top_um + SPACING_UM * row + rng.uniform(-JITTER_UM, JITTER_UM, n)) / MPP
    none, order = empty_cells(), np.lexsort((x, y))
    columns = {name: np.zeros((n, *getattr(none, name).shape[1:]), getattr(none, name).dtype) for name in CELL_COLUMNS}
    columns |= {name: rng.random(n, np.float32) for name in OTHER}
    cells = none.with_columns(**columns, outline_xy=_outlines(x, y), outline_start=np.arange(n + 1) * N_CORNERS)
    return cells.with_columns(
        x=x,
        y=y,
        fragment=np.full(n, number, np.int32),
        nucleus_area_um2=np.full(n, 40, np.float32),
        p_tumor=np.full(n, 0.95, np.float32),
        membrane_od=np.maximum(rng.normal(MEMBRANE_OD, MEMBRANE_SD, n), 0).astype(np.float32),
        membrane_completeness=np.full(n, 0.95, np.float32),
        membrane_arc=np.full(n, 0.9, np.float32),
        membrane_pattern=np.full(n, MembranePattern.COMPLETE, np.int8),
    ).take(order)


def _outlines(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
    angles = np.arange(N_CORNERS) * 2 * np.pi / N_CORNERS
    circle = RADIUS_UM / MPP * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return (np.stack([x, y], axis=1)[:, None] + circle).reshape(-1, 2).astype(np.float32)


def score_cells(n: int, folder: Path) -> dict[str, float]:
    """Make, score and write a case of about `n` cells.

    Parameters
    ----------
    n : int
        How many.
    folder : Path
        For the reports.

    Returns
    -------
    dict of str to float
        Seconds of scoring and of writing, and the number of cells.
    """
    settings = Settings()
    model = load_model(NETWORK, settings)
    slide = _make_slide(n, model, settings)
    start = time.perf_counter()
    score = _score(slide, model, settings)
    scored = time.perf_counter()
    provenance = Provenance(__version__, NETWORK, model.sha256, model.membrane.id, "cpu", "", 0.0, settings.as_dict())
    write_case(CaseResult(score, (slide,), (), provenance), folder, tuple(EXPORTERS))
    return {"n": len(slide.cells), "score_seconds": scored - start, "write_seconds": time.perf_counter() - scored}


def _make_slide(n: int, model: Model, settings: Settings) -> SlideResult:
    each = round(n / N_FRAGMENTS)
    side_um = 1.05 * SPACING_UM * (each**0.5 + 1)
    places = [divmod(i, PER_ROW) for i in range(N_FRAGMENTS)]
    parts = [make_fragment_cells(i + 1, each, c * side_um, r * side_um) for i, (r, c) in enumerate(places)]
    side_px = round(side_um / MPP)
    fragments = tuple(
        _make_fragment(i + 1, Box(c * side_px, r * side_px, side_px, side_px)) for i, (r, c) in enumerate(places)
    )
    cells = classify_cells(join_cells(parts), model.membrane, GUIDELINES[settings.guideline])
    area = sum(fragment.area_mm2 for fragment in fragments)
    width = height = side_px * PER_ROW
    info = SlideInfo(Path("cells.tif"), "tiff", width, height, (Level(width, height, 1.0),), MPP, MppSource.FILE)
    coverage = Coverage(area, area, {}, 0.0)
    return SlideResult(info, "", fragments, cells, coverage, None, {"dust": 0, "edge": 0}, (), ())


def _make_fragment(number: int, box: Box) -> Fragment:
    corners = [(box.x, box.y), (box.right, box.y), (box.right, box.bottom), (box.x, box.bottom)]
    area_mm2 = box.width * box.height * (MPP / 1000) ** 2
    return Fragment(number, "cells.tif", (np.array(corners, np.float64),), box, area_mm2)


def _score(slide: SlideResult, model: Model, settings: Settings) -> CaseScore:
    """Decide the case and probe its label, as the pipeline does."""
    guideline = GUIDELINES[settings.guideline]
    links = {f.id: link_tumor(_cells_of(slide.cells, f.id), MPP, settings.fragment_score) for f in slide.fragments}

    def decide(cells: Sequence[Cells]) -> CaseScore:
        return _decide(cells[0], slide, links, settings)

    classifier = Classifier(model.membrane, guideline, model.stain.hematoxylin, model.stain.dab)
    return probe_label(decide([slide.cells]), [slide.cells], decide, classifier)


def _decide(cells: Cells, slide: SlideResult, links: dict[int, TumorLinks], settings: Settings) -> CaseScore:
    guideline = GUIDELINES[settings.guideline]
    fragments = [
        score_fragment(f, _cells_of(cells, f.id), MPP, guideline, settings.fragment_score, links=links[f.id])
        for f in slide.fragments
    ]
    rule_set = RULE_SETS[settings.rule_set]
    return score_case("cells", fragments, IshData(), guideline=guideline, rule_set=rule_set, params=settings.case_score)


def _cells_of(cells: Cells, fragment: int) -> Cells:
    start, stop = np.searchsorted(cells.fragment, [fragment, fragment + 1])
    return cells.between(int(start), int(stop))
