"""cells.parquet: GeoParquet that gives the cells back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from hetscore.domain import CELL_COLUMNS, Cells, empty_cells
from hetscore.errors import UsageError
from hetscore.report import cells_parquet
from hetscore.report.outlines import open_rings, outline_polygons
from tests.report.builders import SLIDE, empty_result, small_cells, small_result


def geo(path: Path) -> dict[str, Any]:
    """Read the GeoParquet metadata."""
    parsed: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"geo"])
    return parsed


def without_stubs(cells: Cells) -> Cells:
    """Drop outlines of fewer than three points, as the file does."""
    outlines = [
        cells.outline(i) if len(cells.outline(i)) > 2 else np.zeros((0, 2), np.float32) for i in range(len(cells))
    ]
    starts = np.concatenate([[0], np.cumsum([len(outline) for outline in outlines])])
    return replace(cells, outline_xy=np.concatenate(outlines), outline_start=starts)


def test_cells_come_back(tmp_path: Path) -> None:
    """Every column and every outline is read back as it was, types included."""
    (path,) = cells_parquet.write(small_result(), tmp_path)

    slide, cells = cells_parquet.read_cells(path)

    expected = without_stubs(small_cells())
    for name in (*CELL_COLUMNS, "outline_xy", "outline_start"):
        np.testing.assert_array_equal(getattr(cells, name), getattr(expected, name), err_msg=name)
        assert getattr(cells, name).dtype == getattr(expected, name).dtype, name
    assert set(slide) == {SLIDE}


def test_row_groups_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written seven rows at a time the file holds the same cells, in five groups."""
    monkeypatch.setattr(cells_parquet, "ROWS_PER_GROUP", 7)

    (path,) = cells_parquet.write(small_result(), tmp_path)

    assert pq.ParquetFile(path).num_row_groups == 5
    np.testing.assert_array_equal(cells_parquet.read_cells(path)[1].outline_xy, without_stubs(small_cells()).outline_xy)


def test_outlines_are_made_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven polygons at once give the same file, to the byte."""
    (path,) = cells_parquet.write(small_result(), tmp_path)
    whole = path.read_bytes()
    monkeypatch.setattr(cells_parquet, "POLYGONS_AT_ONCE", 7)

    cells_parquet.write(small_result(), tmp_path)

    assert path.read_bytes() == whole


def test_is_tumor_and_slide(tmp_path: Path) -> None:
    """Two slides stand one after the other; tumor cells are those more likely tumor than not."""
    slide = small_result().slides[0]
    other = replace(slide, info=replace(slide.info, path=Path("other.tif")))

    (path,) = cells_parquet.write(replace(small_result(), slides=(slide, other)), tmp_path)

    table = pq.read_table(path)
    assert table["slide"].to_pylist() == [SLIDE] * 29 + ["other.tif"] * 29
    assert table["is_tumor"].to_pylist() == ([True] * 23 + [False] * 6) * 2


def test_geo_metadata(tmp_path: Path) -> None:
    """The outline column is declared as GeoParquet 1.1 asks, without a coordinate reference system."""
    (path,) = cells_parquet.write(small_result(), tmp_path)

    assert geo(path) == {
        "version": "1.1.0",
        "primary_column": "outline",
        "columns": {
            "outline": {
                "encoding": "WKB",
                "geometry_types": ["Polygon"],
                "crs": None,
                "bbox": [32.0, 32.0, 488.0, 648.0],
            }
        },
    }


def test_no_cell(tmp_path: Path) -> None:
    """Without cells the columns stand, the box does not, and no cells are read back."""
    (path,) = cells_parquet.write(empty_result(), tmp_path)

    assert "bbox" not in geo(path)["columns"]["outline"]
    assert len(cells_parquet.read_cells(path)[1]) == 0


def test_outline_that_is_no_polygon_is_null(tmp_path: Path) -> None:
    """A cell with a one-point outline keeps its row and has no polygon."""
    (path,) = cells_parquet.write(small_result(), tmp_path)

    outline = pq.read_table(path)["outline"].to_pylist()

    assert outline[-1] is None
    assert shapely.from_wkb(outline[0]).equals(shapely.box(32, 32, 48, 48))


def test_polygons_of_open_closed_and_degenerate_outlines() -> None:
    """A ring may be closed or open; fewer than three different points at its ends make no polygon."""
    rings = [[[0, 0], [4, 0], [0, 3]], [[0, 0], [4, 0], [0, 3], [0, 0]], [], [[1, 1], [2, 2], [1, 1]], [[5, 5]]]
    cells = replace(
        small_cells().take(np.arange(5)),
        outline_xy=np.array([point for ring in rings for point in ring], np.float32),
        outline_start=np.concatenate([[0], np.cumsum([len(ring) for ring in rings])]),
    )

    polygons = outline_polygons(cells)

    assert [None if polygon is None else polygon.area for polygon in polygons] == [6.0, 6.0, None, None, None]
    assert open_rings(polygons)[1].tolist() == [0, 3, 6, 6, 6, 6]


def test_what_a_person_said_comes_back(tmp_path: Path) -> None:
    """A cell that is no tumor by hand is none in the file, and its probability stays."""
    by_hand = np.zeros(29, np.int8)
    by_hand[:2] = -1
    slide = replace(small_result().slides[0], cells=small_cells().with_columns(tumor_by_hand=by_hand))

    (path,) = cells_parquet.write(replace(small_result(), slides=(slide,)), tmp_path)

    _, cells = cells_parquet.read_cells(path)
    assert cells.is_tumor[:3].tolist() == [False, False, True]
    assert pq.read_table(path)["is_tumor"].to_pylist()[:3] == [False, False, True]
    assert (cells.p_tumor[:3] >= 0.5).all()


@pytest.mark.parametrize("dropped", [["membrane_arcs", "gap_deg"], ["p_class_0"], ["slide"], ["outline"]])
def test_a_file_of_another_version(tmp_path: Path, dropped: list[str]) -> None:
    """Columns that are not there are named, with the remedy."""
    (path,) = cells_parquet.write(small_result(), tmp_path)
    pq.write_table(pq.read_table(path).drop_columns(dropped), path)

    with pytest.raises(UsageError, match=f"no column {', '.join(dropped)}; .* Score the case again"):
        cells_parquet.read_cells(path)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """An absent file and one that is no Parquet are told in one line."""
    (tmp_path / "text.parquet").write_text("text")

    for name in ("none.parquet", "text.parquet"):
        with pytest.raises(UsageError, match=f"{name}: cannot be read [^\n]* Score the case again.$"):
            cells_parquet.read_cells(tmp_path / name)


def test_no_outline_at_all() -> None:
    """No cells have no polygons, and no polygons have no rings."""
    polygons = outline_polygons(empty_cells())

    outline_xy, outline_start = open_rings(polygons)

    assert len(polygons) == 0
    assert (outline_xy.shape, outline_start.tolist()) == ((0, 2), [0])
