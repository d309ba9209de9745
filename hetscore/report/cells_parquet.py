"""Cells -> cells.parquet: GeoParquet 1.1, one row a cell, outlines as WKB polygons in level-0 pixels.

Rows stand in the order of the slides and of their cells. The file is written one row group at a time, so that memory
does not grow with the number of cells.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from hetscore.domain import CELL_COLUMNS, CaseResult, Cells, SlideResult
from hetscore.errors import UsageError
from hetscore.report.outlines import open_rings, outline_polygons

CELLS_FILE = "cells.parquet"

ROWS_PER_GROUP = 65_536
"""About 35 MB of outlines in memory; row groups of 50,000 to 150,000 rows are what the GeoParquet guide advises."""

POLYGONS_AT_ONCE = 8_192
"""About 10 MB as objects."""

P_CLASS_COLUMNS = ("p_class_0", "p_class_1plus", "p_class_2plus", "p_class_3plus")
"""`Cells.p_class`, one column a class: flat columns are read by every tool."""

GEOMETRY_COLUMN = "outline"


def write(result: CaseResult, folder: Path) -> tuple[Path, ...]:
    """Write cells.parquet.

    Parameters
    ----------
    result : CaseResult
        The case.
    folder : Path
        Existing folder of the case.

    Returns
    -------
    tuple of Path
        The file; without cells it holds the columns and no row.

    References
    ----------
    .. [1] GeoParquet specification, version 1.1.0.
    """
    path = folder / CELLS_FILE
    schema = _schema(result.slides)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for slide, cells in _groups(result.slides):
            writer.write_table(pa.table(_columns(slide, cells), schema=schema))
    pa.default_memory_pool().release_unused()  # Arrow keeps what it freed for itself
    return (path,)


def read_cells(path: Path) -> tuple[NDArray[np.str_], Cells]:
    """Read a cells.parquet.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    slide : ndarray of str, shape (n,)
        Name of the slide's file, for each cell.
    cells : Cells
        As written; outlines are open rings, and a cell whose outline was no polygon has none.

    Raises
    ------
    UsageError
        If the file is absent or no Parquet, or lacks a column, as one of another version does.
    """
    table = _read_table(path)
    columns = {name: table[name].to_numpy() for name in CELL_COLUMNS if name != "p_class"}
    p_class = np.stack([table[name].to_numpy() for name in P_CLASS_COLUMNS], axis=1)
    outline_xy, outline_start = open_rings(shapely.from_wkb(table[GEOMETRY_COLUMN].to_numpy(zero_copy_only=False)))
    cells = Cells(**columns, p_class=p_class, outline_xy=outline_xy, outline_start=outline_start)
    return table["slide"].to_numpy(zero_copy_only=False).astype(np.str_), cells


def _read_table(path: Path) -> Any:  # noqa: ANN401 - pyarrow is untyped
    """Read a table that has every column."""
    expected = "expected cells.parquet as this version of hetscore writes it. Score the case again."
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        first_line = str(error).partition("\n")[0]
        raise UsageError(f"{path}: cannot be read ({first_line}); {expected}") from None
    wanted = [*(name for name in CELL_COLUMNS if name != "p_class"), *P_CLASS_COLUMNS, GEOMETRY_COLUMN, "slide"]
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise UsageError(f"{path}: no column {', '.join(missing)}; {expected}")
    return table


def _groups(slides: tuple[SlideResult, ...]) -> Iterator[tuple[str, Cells]]:
    """Yield the cells of each slide, at most `ROWS_PER_GROUP` at once, with the slide's name."""
    for slide in slides:
        for first in range(0, len(slide.cells), ROWS_PER_GROUP):
            last = min(first + ROWS_PER_GROUP, len(slide.cells))
            yield slide.info.path.name, slide.cells.between(first, last)


def _columns(slide: str, cells: Cells) -> dict[str, Any]:
    columns = {name: getattr(cells, name) for name in CELL_COLUMNS if name != "p_class"}
    columns |= {name: np.ascontiguousarray(cells.p_class[:, i]) for i, name in enumerate(P_CLASS_COLUMNS)}
    columns["slide"] = np.repeat(np.array([slide], dtype=object), len(cells))
    columns["is_tumor"] = cells.is_tumor
    columns[GEOMETRY_COLUMN] = pa.chunked_array(list(_outlines(cells)), pa.binary())
    return columns


def _outlines(cells: Cells) -> Iterator[Any]:
    """Yield the outlines as WKB, some at a time: a polygon takes several times the memory of its bytes."""
    for first in range(0, len(cells), POLYGONS_AT_ONCE):
        polygons = outline_polygons(cells.between(first, min(first + POLYGONS_AT_ONCE, len(cells))))
        yield pa.array(shapely.to_wkb(polygons), pa.binary())


def _schema(slides: tuple[SlideResult, ...]) -> Any:  # noqa: ANN401 - pyarrow is untyped
    f4 = pa.float32()
    return pa.schema(
        [
            ("slide", pa.string()),
            ("fragment", pa.int32()),
            ("x", pa.float64()),
            ("y", pa.float64()),
            ("is_tumor", pa.bool_()),
            ("tumor_by_hand", pa.int8()),
            ("p_tumor", f4),
            ("membrane_class", pa.int8()),
            *((name, f4) for name in P_CLASS_COLUMNS),
            ("membrane_pattern", pa.int8()),
            ("membrane_od", f4),
            ("membrane_completeness", f4),
            ("membrane_arc", f4),
            ("cytoplasm_od", f4),
            ("nucleus_od", f4),
            ("membrane_width_um", f4),
            ("nucleus_residual_od", f4),
            ("membrane_ground_od", f4),
            ("membrane_arcs", pa.int8()),
            ("gap_deg", f4),
            ("lumen_share", f4),
            ("lumen_stained", f4),
            ("saturated_share", f4),
            ("nucleus_area_um2", f4),
            (GEOMETRY_COLUMN, pa.binary()),
        ],
        metadata={"geo": json.dumps(_geo(slides))},
    )


def _geo(slides: tuple[SlideResult, ...]) -> dict[str, Any]:
    """Metadata of GeoParquet 1.1. No coordinate reference system: the frame is the slide's level-0 pixels, y down."""
    outline: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": None}
    corners = [slide.cells.outline_xy for slide in slides if len(slide.cells.outline_xy)]
    if corners:
        low = np.min([xy.min(axis=0) for xy in corners], axis=0)
        high = np.max([xy.max(axis=0) for xy in corners], axis=0)
        outline["bbox"] = [float(v) for v in (*low, *high)]
    return {"version": "1.1.0", "primary_column": GEOMETRY_COLUMN, "columns": {GEOMETRY_COLUMN: outline}}
