"""<slide>.geojson.gz: what QuPath opens."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import shapely
from geojson_pydantic import FeatureCollection

from hetscore.annotations import read_annotations
from hetscore.domain import Annotations, CaseResult, Region, RegionKind, empty_cells, fragment_shape
from hetscore.report import qupath
from tests.report.builders import SLIDE, small_cells, small_result


def features(result: CaseResult, folder: Path) -> list[dict[str, Any]]:
    """Write a case of one slide and read the features back."""
    (path,) = qupath.write(result, folder)
    parsed: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))["features"]
    return parsed


def test_golden(golden: Callable[[str, str], None], tmp_path: Path) -> None:
    """The fragments and the first cell of each class, as a reader sees them."""
    found = features(small_result(), tmp_path)
    first = {feature["properties"]["classification"]["name"]: feature for feature in reversed(found)}

    golden("report/biopsy.geojson", json.dumps([first[name] for name in sorted(first)], indent=1) + "\n")


def test_valid_geojson(tmp_path: Path) -> None:
    """The file is a feature collection by RFC 7946."""
    (path,) = qupath.write(small_result(), tmp_path)

    collection: FeatureCollection[Any] = FeatureCollection.model_validate_json(gzip.decompress(path.read_bytes()))

    assert path.name == f"{SLIDE}.geojson.gz"
    assert len(collection.features) == 4 + 29


def test_ids_are_unique_and_stable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are UUIDs, all different, and do not depend on how many cells are written at once."""
    ids = [feature["id"] for feature in features(small_result(), tmp_path)]
    monkeypatch.setattr(qupath, "CELLS_AT_ONCE", 7)

    assert [feature["id"] for feature in features(small_result(), tmp_path)] == ids
    assert len({UUID(i) for i in ids}) == len(ids)


def test_classes(tmp_path: Path) -> None:
    """Cells are named by tumor and class; what could not be scored says so."""
    found = [f for f in features(small_result(), tmp_path) if f["properties"]["objectType"] == "cell"]

    names = [feature["properties"]["classification"]["name"] for feature in found]

    assert names[:12] == ["Tumor: 3+"] * 10 + ["Tumor: 2+"] * 2
    assert names[12:23] == ["Tumor: 3+"] * 2 + ["Tumor: 1+"] * 2 + ["Tumor: 0"] * 6 + ["Tumor: unscored"]
    assert names[23:] == ["Non-tumor"] * 6


def test_fragments_are_locked_annotations(tmp_path: Path) -> None:
    """Fragments are named by their numbers and locked; the verdict is told beside; a broken one is a multipolygon."""
    found = [f for f in features(small_result(), tmp_path) if f["properties"]["objectType"] == "annotation"]

    seen = [
        (p["name"], p["classification"]["name"], p["metadata"]["Verdict"]) for p in (f["properties"] for f in found)
    ]

    assert seen == [
        ("1", "Fragment", "2+ or 3+"),
        ("2", "Fragment", "below 2+"),
        ("3", "Fragment", "not assessable"),
        ("4", "Control", "control"),
    ]
    assert [f["geometry"]["type"] for f in found] == ["Polygon", "Polygon", "MultiPolygon", "Polygon"]
    assert all(f["properties"]["isLocked"] for f in found)


def test_sections_say_of_what(tmp_path: Path) -> None:
    """The name of a section tells its piece, as it is read when given back."""
    first, second, *others = small_result().slides[0].fragments
    slide = replace(small_result().slides[0], fragments=(first, replace(second, level=2, section_of=1), *others))

    found = features(replace(small_result(), slides=(slide,)), tmp_path)[1]["properties"]

    assert (found["name"], found["metadata"]["Level"], found["metadata"]["Piece"]) == ("2, section of 1", "2", "1")


def test_what_was_drawn_is_exported_as_given(tmp_path: Path) -> None:
    """Regions come back with class, name and hole, in place of the fragments they made; an outline is not repeated."""
    first, *others = small_result().slides[0].fragments
    ring = shapely.Polygon(shapely.box(0, 0, 90, 90).exterior, [shapely.box(30, 30, 60, 60).exterior])
    regions = (
        Region(RegionKind.EXCLUDE, ring, "ink"),
        Region(RegionKind.LEVEL, shapely.box(0, 0, 9, 9), level=2),
        Region(RegionKind.FRAGMENT, shapely.box(20, 20, 300, 100)),
        Region(RegionKind.FRAGMENT, fragment_shape(others[0]), "2"),
    )
    slide = replace(
        small_result().slides[0],
        fragments=(replace(first, is_drawn=True), *others),
        annotations=Annotations(Path("a.geojson"), "ab" * 32, regions),
    )

    (path,) = qupath.write(replace(small_result(), slides=(slide,)), tmp_path)

    found = read_annotations(path).regions
    assert [(r.class_name, r.name) for r in found] == [
        ("Fragment", "2"),
        ("Fragment", "3"),
        ("Control", "4"),
        ("Exclude", "ink"),
        ("Level 2", ""),
        ("Fragment", ""),
    ]
    assert found[3].shape.equals(ring)


def test_excluded_cells_are_shown(tmp_path: Path) -> None:
    """A cell of no fragment is there to be taken back in."""
    cells = small_cells()
    slide = replace(
        small_result().slides[0], cells=cells.with_columns(fragment=np.where(cells.x < 50, 0, cells.fragment))
    )

    names = [
        f["properties"]["classification"]["name"] for f in features(replace(small_result(), slides=(slide,)), tmp_path)
    ]

    assert names[4:6] == ["Excluded", "Tumor: 3+"]


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    """A cell without a membrane measure has no such measurement; the file holds no NaN."""
    unscored = features(small_result(), tmp_path)[4 + 22]["properties"]["measurements"]

    assert "Membrane OD" not in unscored
    assert unscored["Tumor probability"] == 0.875


def test_outlines_are_rounded(tmp_path: Path) -> None:
    """Outlines hold one decimal, not the sixteen digits of a float."""
    cells = small_cells()
    shifted = cells.with_columns(outline_xy=cells.outline_xy + np.float32(0.123456))
    slide = replace(small_result().slides[0], cells=shifted)

    outline = features(replace(small_result(), slides=(slide,)), tmp_path)[4]["geometry"]["coordinates"][0]

    assert outline == [[32.1, 32.1], [48.1, 32.1], [48.1, 48.1], [32.1, 48.1], [32.1, 32.1]]


def test_cell_without_an_outline_is_a_point(tmp_path: Path) -> None:
    """QuPath needs a place for every object: the nucleus stands for a missing outline."""
    assert features(small_result(), tmp_path)[-1]["geometry"] == {"type": "Point", "coordinates": [240.0, 640.0]}


def test_slide_without_fragment_or_cell(tmp_path: Path) -> None:
    """A slide on which nothing was found gives an empty collection."""
    blank = replace(small_result().slides[0], fragments=(), cells=empty_cells())

    assert features(replace(small_result(), slides=(blank,)), tmp_path) == []
