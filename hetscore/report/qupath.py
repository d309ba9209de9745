"""Fragments and cells -> <slide>.geojson.gz, one file a slide, to be dropped into QuPath.

Fragments become locked annotations, cells become cell objects with a class, a color and their measurements. Ids are
made from the slide's hash and the cell's row in cells.parquet, so an object keeps its id from run to run.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import shapely
from numpy.typing import NDArray

from hetscore.domain import CaseResult, Cells, Fragment, MembraneClass, SlideResult
from hetscore.report.outlines import outline_polygons
from hetscore.report.palette import CLASS_COLORS, NON_TUMOR_COLOR, Color, fragment_verdict
from hetscore.report.tables import FragmentRow, fragment_rows

NAMESPACE = UUID("6f1f5e0c-6b1b-4c3e-9f6e-8a2f0f6f2b11")
"""Names of version-5 UUIDs (RFC 9562, section 5.5) live in a namespace; drawn once at random."""

OUTLINE_DECIMALS = 1
"""A tenth of a level-0 pixel is far below what a segmentation is worth and makes the file a third smaller."""

CELLS_AT_ONCE = 10_000
"""About 20 MB of text in memory."""

GZIP_LEVEL = 4
"""Measured on 20,000 outlines of 32 points: level 6 takes 2.7 times as long for a file 5 percent smaller."""

MEASUREMENTS: dict[str, tuple[str, int]] = {
    "Tumor probability": ("p_tumor", 3),
    "Membrane OD": ("membrane_od", 3),
    "Membrane completeness": ("membrane_completeness", 3),
    "Membrane longest arc": ("membrane_arc", 3),
    "Membrane pattern": ("membrane_pattern", 0),
    "Membrane width µm": ("membrane_width_um", 2),
    "Membrane ground OD": ("membrane_ground_od", 3),
    "Membrane stained arcs": ("membrane_arcs", 0),
    "Membrane gap °": ("gap_deg", 0),
    "Membrane facing lumen": ("lumen_share", 3),
    "Membrane facing lumen stained": ("lumen_stained", 3),
    "Membrane saturated": ("saturated_share", 3),
    "Cytoplasm OD": ("cytoplasm_od", 3),
    "Nucleus OD": ("nucleus_od", 3),
    "Nucleus residual OD": ("nucleus_residual_od", 3),
    "Nucleus area µm^2": ("nucleus_area_um2", 1),
}
"""Name in QuPath -> (column of `Cells`, decimals). What could not be measured is left out, as QuPath itself does."""


def write(result: CaseResult, folder: Path) -> tuple[Path, ...]:
    """Write one <slide>.geojson.gz for each slide.

    Parameters
    ----------
    result : CaseResult
        The case.
    folder : Path
        Existing folder of the case.

    Returns
    -------
    tuple of Path
        One file a slide; none for a case without a slide. The bytes hold no time and no file name.
    """
    rows = {row.fragment: row for row in fragment_rows(result)}
    return tuple(_write_slide(slide, rows, folder) for slide in result.slides)


def _write_slide(slide: SlideResult, rows: dict[int, FragmentRow], folder: Path) -> Path:
    path = folder / f"{slide.info.path.name}.geojson.gz"
    with path.open("wb") as file, gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0) as packed:
        packed.write(b'{"type":"FeatureCollection","features":[')
        separator = "\n"
        for lines in _feature_lines(slide, rows):
            packed.write((separator + ",\n".join(lines)).encode())
            separator = ",\n"
        packed.write(b"\n]}\n")
    return path


def _feature_lines(slide: SlideResult, rows: dict[int, FragmentRow]) -> Iterator[list[str]]:
    """Yield GeoJSON features, some at a time and never none: first the fragments, then the cells."""
    if slide.fragments:
        yield [_fragment_line(fragment, rows[fragment.id], slide.sha256) for fragment in slide.fragments]
    for first in range(0, len(slide.cells), CELLS_AT_ONCE):
        positions = np.arange(first, min(first + CELLS_AT_ONCE, len(slide.cells)))
        yield _cell_lines(slide.cells.take(positions), first, slide.sha256)


def _fragment_line(fragment: Fragment, row: FragmentRow, sha256: str) -> str:
    verdict = fragment_verdict(row)
    feature = {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE, f"{sha256}/fragment/{fragment.id}")),
        "geometry": _fragment_geometry(fragment),
        "properties": {
            "objectType": "annotation",
            "name": f"Fragment {fragment.id}",
            "isLocked": True,
            "classification": _classification(f"Fragment: {verdict.text}", verdict.color),
            "measurements": _fragment_measurements(row),
        },
    }
    return json.dumps(feature, ensure_ascii=False, separators=(",", ":"))


def _fragment_geometry(fragment: Fragment) -> dict[str, Any]:
    rings = [[_closed(np.round(ring, OUTLINE_DECIMALS))] for ring in fragment.outlines]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _closed(ring: NDArray[np.float64]) -> list[list[float]]:
    """List the points of a ring, the first again at the end (RFC 7946, section 3.1.6)."""
    points: list[list[float]] = ring.tolist()
    return points if points[0] == points[-1] else [*points, points[0]]


def _fragment_measurements(row: FragmentRow) -> dict[str, float]:
    named = {
        "Area mm^2": row.area_mm2,
        "Cells": row.cells,
        "Tumor cells": row.tumor_cells,
        "Unscored": row.unscored,
        "Tumor cells 0": row.class_0,
        "Tumor cells 1+": row.class_1plus,
        "Tumor cells 2+": row.class_2plus,
        "Tumor cells 3+": row.class_3plus,
        "Percent 2+ or 3+": row.percent_2plus_or_3plus,
        "Largest negative cluster": row.largest_negative_cluster,
    }
    return {name: value for name, value in named.items() if value is not None}


def _cell_lines(cells: Cells, first: int, sha256: str) -> list[str]:
    """Write the features of some cells as text: as fast as the text of their outlines can be made."""
    ids = [str(uuid5(NAMESPACE, f"{sha256}/cell/{row}")) for row in range(first, first + len(cells))]
    return [
        f'{{"type":"Feature","id":"{id_}","geometry":{geometry},"properties":{{"objectType":"cell",'
        f'"classification":{class_},"measurements":{{{measures}}}}}}}'
        for id_, geometry, class_, measures in zip(
            ids, _geometries(cells), _classifications(cells), _measurements(cells), strict=True
        )
    ]


def _geometries(cells: Cells) -> NDArray[np.object_]:
    """Outlines as GeoJSON text; a cell without an outline is a point at its nucleus, since QuPath needs a place."""
    rounded = cells.with_columns(outline_xy=np.round(cells.outline_xy.astype(np.float64), OUTLINE_DECIMALS))
    shapes = outline_polygons(rounded)
    is_point = shapely.is_missing(shapes)
    centers = np.round(np.column_stack([cells.x, cells.y])[is_point], OUTLINE_DECIMALS)
    shapes[is_point] = shapely.points(centers)
    texts: NDArray[np.object_] = shapely.to_geojson(shapes)
    return texts


def _classifications(cells: Cells) -> Iterator[str]:
    """Class of each cell as JSON text: "Tumor: 3+", "Tumor: unscored" or "Non-tumor"."""
    tumor = {int(c): _class_text(f"Tumor: {c.label}", CLASS_COLORS[c]) for c in MembraneClass}
    other = _class_text("Non-tumor", NON_TUMOR_COLOR)
    for is_tumor, membrane_class in zip(cells.is_tumor.tolist(), cells.membrane_class.tolist(), strict=True):
        yield tumor[membrane_class] if is_tumor else other


def _class_text(name: str, color: Color) -> str:
    return json.dumps(_classification(name, color), separators=(",", ":"))


def _classification(name: str, color: Color) -> dict[str, Any]:
    return {"name": name, "color": list(color)}


def _measurements(cells: Cells) -> Iterator[str]:
    """Measurements of each cell as the inside of a JSON object."""
    columns = [
        [f'"{name}":{value:.{decimals}f}' if isfinite(value) else "" for value in getattr(cells, column).tolist()]
        for name, (column, decimals) in MEASUREMENTS.items()
    ]
    fragments = [f'"Fragment":{fragment}' for fragment in cells.fragment.tolist()]
    for parts in zip(fragments, *columns, strict=True):
        yield ",".join(filter(None, parts))
