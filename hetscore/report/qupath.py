"""Fragments, regions and cells -> <slide>.geojson.gz, one file a slide, to be dropped into QuPath and given back.

Fragments become locked annotations of the classes that `hetscore rescore` reads, what was drawn by hand comes back as
it was given, and cells become cell objects with a class, a color and their measurements. Ids are made from the slide's
hash and the cell's row in cells.parquet, so an object keeps its id from run to run.
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

from hetscore.domain import (
    CaseResult,
    Cells,
    Fragment,
    FragmentRole,
    MembraneClass,
    Region,
    RegionKind,
    SlideResult,
    fragment_shape,
    is_same_outline,
)
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

KIND_COLORS: dict[RegionKind, Color] = {
    RegionKind.FRAGMENT: (0, 70, 220),
    RegionKind.CONTROL: (0, 140, 110),
    RegionKind.LEVEL: (120, 60, 180),
    RegionKind.EXCLUDE: (20, 20, 20),
    RegionKind.TUMOR: (200, 0, 0),
    RegionKind.NON_TUMOR: NON_TUMOR_COLOR,
}
"""Of the classes of regions; those of fragments as in the overview."""

EXCLUDED_COLOR: Color = (190, 190, 190)

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

    Notes
    -----
    Given back unchanged as the slide's annotations, the file changes nothing: a fragment whose outline is that of the
    export is left as it was found.
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
    """Yield GeoJSON features, some at a time and never none: fragments, what was drawn by hand, then cells."""
    found = [fragment for fragment in slide.fragments if not fragment.is_drawn]
    regions = () if slide.annotations is None else slide.annotations.regions
    drawn = [region for region in regions if not _is_repeated(region, slide)]
    if lines := [
        *(_fragment_line(fragment, rows[fragment.id], slide.sha256) for fragment in found),
        *(_region_line(region, number, slide.sha256) for number, region in enumerate(drawn, start=1)),
    ]:
        yield lines
    for first in range(0, len(slide.cells), CELLS_AT_ONCE):
        last = min(first + CELLS_AT_ONCE, len(slide.cells))
        yield _cell_lines(slide.cells.between(first, last), first, slide.sha256)


def _is_repeated(region: Region, slide: SlideResult) -> bool:
    """Whether a region is the outline of a fragment, given back as it was exported: it is exported as a fragment."""
    if region.kind not in (RegionKind.FRAGMENT, RegionKind.CONTROL):
        return False
    return any(is_same_outline(region.shape, fragment_shape(f)) for f in slide.fragments if not f.is_drawn)


def _fragment_line(fragment: Fragment, row: FragmentRow, sha256: str) -> str:
    verdict = fragment_verdict(row)
    is_control = fragment.role is FragmentRole.CONTROL
    kind = RegionKind.CONTROL if is_control else RegionKind.FRAGMENT
    metadata = {"Verdict": verdict.text, "Level": str(fragment.level), "Piece": str(fragment.piece)}
    feature = {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE, f"{sha256}/fragment/{fragment.id}")),
        "geometry": json.loads(shapely.to_geojson(_rounded(fragment_shape(fragment)))),
        "properties": {
            "objectType": "annotation",
            "name": _fragment_name(fragment),
            "color": list(verdict.color),
            "isLocked": True,
            "classification": _classification(kind.value, KIND_COLORS[kind]),
            "measurements": _fragment_measurements(row),
            "metadata": metadata,
        },
    }
    return json.dumps(feature, ensure_ascii=False, separators=(",", ":"))


def _fragment_name(fragment: Fragment) -> str:
    """Name a fragment by its number, and say which piece it is a section of."""
    section = "" if fragment.section_of is None else f", section of {fragment.section_of}"
    return f"{fragment.id}{section}"


def _region_line(region: Region, number: int, sha256: str) -> str:
    properties: dict[str, Any] = {"objectType": "annotation"}
    if region.name:
        properties["name"] = region.name
    properties["classification"] = _classification(region.class_name, KIND_COLORS[region.kind])
    feature = {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE, f"{sha256}/region/{number}")),
        "geometry": json.loads(shapely.to_geojson(region.shape)),
        "properties": properties,
    }
    return json.dumps(feature, ensure_ascii=False, separators=(",", ":"))


def _rounded(shape: Any) -> Any:  # noqa: ANN401 - shapely is untyped
    return shapely.transform(shape, lambda xy: np.round(xy, OUTLINE_DECIMALS))


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
    """Class of each cell as JSON text: "Tumor: 3+", "Tumor: unscored", "Non-tumor", or "Excluded" by hand."""
    tumor = {int(c): _class_text(f"Tumor: {c.label}", CLASS_COLORS[c]) for c in MembraneClass}
    other, excluded = _class_text("Non-tumor", NON_TUMOR_COLOR), _class_text("Excluded", EXCLUDED_COLOR)
    columns = (cells.fragment.tolist(), cells.is_tumor.tolist(), cells.membrane_class.tolist())
    for fragment, is_tumor, membrane_class in zip(*columns, strict=True):
        yield (tumor[membrane_class] if is_tumor else other) if fragment else excluded


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
