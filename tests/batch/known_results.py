"""Results and their truth, drawn as text: a letter a cell, on a lattice of 10 um."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hetscore.domain import Cells, Fragment, SlideResult
from hetscore.geometry import Box
from hetscore.report import case_json, cells_parquet, tables
from tests.evaluation.builders import write_phantom_truth
from tests.report.builders import small_provenance, small_result, small_score, small_slide
from tests.scoring.builders import make_cells

STEP_PX = 40.0
"""10 um at 0.25 um a pixel."""
READ_AS = {"+": 3, "-": 0, "b": 0, "o": 0}
TRUE_KIND = {"+": 3, "-": 3, "b": 0, "o": "n"}
"""Letter -> class read, and true class, or n for what is no tumor: ``+`` is right, ``-`` misread, ``b`` truly 0."""


def write_case(folder: Path, case_id: str, text: str, *, model: str = "made", calibration: str = "made-1") -> None:
    """Write the results of a case of one slide and one fragment into ``folder/results``, the truth beside it."""
    letters = [(STEP_PX * x, STEP_PX * y, letter) for y, row in enumerate(text.split()) for x, letter in enumerate(row)]
    slide = _make_slide(f"{case_id}.tif", _make_cells(letters))
    result = replace(
        small_result(),
        score=replace(small_score(), case_id=case_id, fragments=(), decisive=()),
        slides=(slide,),
        pictures=(),
        provenance=replace(small_provenance(), model=model, calibration=calibration),
    )
    place = folder / "results" / "cases" / case_id
    place.mkdir(parents=True)
    for writer in (case_json, cells_parquet, tables):
        writer.write(result, place)
    rows = [{"x": x, "y": y, "kind": TRUE_KIND[letter], "fragment": 1} for x, y, letter in letters]
    write_phantom_truth(folder / "truth", rows, slide=case_id, case_id=case_id)


def _make_cells(letters: list[tuple[float, float, str]]) -> Cells:
    x, y, kinds = zip(*letters, strict=True)
    cells = make_cells(x=x, y=y, classes=[READ_AS[kind] for kind in kinds], p_tumor=[0.9] * len(x))
    corners = np.array([[-8, -8], [8, -8], [8, 8], [-8, 8]], np.float32)
    outlines = np.column_stack([x, y]).astype(np.float32)[:, None] + corners
    return cells.with_columns(
        outline_xy=outlines.reshape(-1, 2),
        outline_start=4 * np.arange(len(x) + 1),
        membrane_od=cells.membrane_class / 4,
    )


def _make_slide(name: str, cells: Cells) -> SlideResult:
    slide = small_slide()
    fragment = Fragment(id=1, slide=name, outlines=(), bounds=Box(0, 0, 1000, 1000), area_mm2=0.5)
    info = replace(slide.info, path=Path("slides") / name)
    return replace(slide, info=info, fragments=(fragment,), cells=cells, flags=(), dropped={})
