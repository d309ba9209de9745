"""The files of truth, on a slide of two pieces small enough to be counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
import tifffile

from hetscore.domain import CaseLabel, FragmentRole, Her2Score, Her2Status, MembranePattern
from hetscore.geometry import Box
from hetscore.phantom.artefacts import ArtefactTruth
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.rings import Rings
from hetscore.phantom.spec import ArtefactKind
from hetscore.phantom.truth import CaseTruth
from hetscore.phantom.truth_files import (
    ARTEFACT_BITS,
    Layer,
    Outlined,
    artefact_layer,
    read_layer,
    write_case_rows,
    write_cells,
    write_masks,
    write_outlines,
)

from .test_truth import chain

FOLD, PEN = ARTEFACT_BITS[ArtefactKind.FOLD], ARTEFACT_BITS[ArtefactKind.PEN]


def layer(x: int, y: int, rows: list[list[int]], cell: int = 8) -> Layer:
    """Make a layer from its labels, its corner at (x, y)."""
    labels = np.array(rows, np.uint8)
    return Layer(Box(x, y, labels.shape[1] * cell, labels.shape[0] * cell), labels, cell)


def test_cells_are_rows_with_their_section_and_artefacts(tmp_path: Path) -> None:
    """Three cells of fragment 1, level 2, and one of a core; a fold covers x = 0 and 1, a pen x = 1 and 2."""
    covers = [layer(0, 0, [[FOLD]], cell=2), layer(1, 0, [[PEN]], cell=2)]

    write_cells(tmp_path / "a.parquet", [chain("30n", 1, 2), chain("2", -1)], covers)

    table = pq.read_table(tmp_path / "a.parquet").to_pydict()
    assert table == {
        "x": [0.0, 1.0, 2.0, 0.0],
        "y": [0.0] * 4,
        "fragment": [1, 1, 1, -1],
        "is_tumor": [True, True, False, True],
        "membrane_class": [3, 0, -1, 2],
        "pattern": [3, 0, 0, 3],
        "type": [0, 0, 0, 0],
        "level": [2, 2, 2, 1],
        "artefact": [FOLD, FOLD + PEN, PEN, FOLD],
        "outline": [None] * 4,
        "nucleus": [None] * 4,
    }


def test_rings_are_polygons_in_the_table(tmp_path: Path) -> None:
    """The second of three cells has a triangle, and every cell a nucleus; the file says so as GeoParquet does."""
    triangle = Rings(np.array([[1, 1], [5, 1], [1, 4]], np.float32), np.array([0, 0, 3, 3]))
    squares = Rings(np.tile(np.array([[0, 0], [2, 0], [2, 2], [0, 2]], np.float32), (3, 1)), np.array([0, 4, 8, 12]))

    write_cells(tmp_path / "a.parquet", [replace(chain("30n"), outlines=triangle, nuclei=squares.moved(10, 20))])

    table = pq.read_table(tmp_path / "a.parquet")
    outline, nucleus = (shapely.from_wkb(table[name].to_numpy()) for name in ("outline", "nucleus"))
    geo = json.loads(table.schema.metadata[b"geo"])
    assert [shape and shape.area for shape in outline] == [None, 6.0, None]
    assert shapely.bounds(nucleus).tolist() == [[10, 20, 12, 22]] * 3
    assert (geo["version"], geo["primary_column"], sorted(geo["columns"])) == (
        "1.1.0",
        "outline",
        ["nucleus", "outline"],
    )


def test_a_section_without_cells_has_no_rows(tmp_path: Path) -> None:
    """Beside one that has some."""
    write_cells(tmp_path / "a.parquet", [chain(""), chain("3")], [layer(0, 0, [[FOLD]])])

    assert pq.read_table(tmp_path / "a.parquet")["artefact"].to_pylist() == [FOLD]


def test_every_kind_has_a_bit_of_its_own() -> None:
    """Seven kinds fit a byte."""
    assert sorted(ARTEFACT_BITS.values()) == [1 << i for i in range(len(ArtefactKind))]
    assert max(ARTEFACT_BITS.values()) < 256


def test_a_layer_is_read_where_it_lies() -> None:
    """Two cells of 8 pixels from x = 100: 5 in the second one, 0 around both."""
    part = layer(100, 50, [[0, 5]])

    x = np.array([99.9, 100.0, 107.9, 108.0, 115.9, 116.0, 110.0])
    y = np.array([51.0] * 6 + [49.9])
    assert read_layer(part, x, y).tolist() == [0, 0, 0, 5, 5, 0, 0]


def test_an_artefact_becomes_its_bit() -> None:
    """The mask's pixels carry the bit of the kind."""
    truth = ArtefactTruth(ArtefactKind.PEN, Box(3, 4, 16, 8), np.array([[True, False]]))

    assert artefact_layer(truth, 8).labels.tolist() == [[PEN, 0]]


def test_masks_hold_what_lies_in_the_middle_of_each_square(tmp_path: Path) -> None:
    """A slide of 3 x 2 squares of 16 pixels: two artefacts that overlap, and a ground of four cells of 8 pixels."""
    artefacts = [layer(0, 0, [[FOLD]], cell=30), layer(9, 0, [[PEN]], cell=40)]
    ground = layer(16, 16, [[1, 1, 1, 1], [1, 3, 1, 2]])

    write_masks(tmp_path / "a.tif", (48, 32), 0.25, artefacts, [ground])

    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        first, second = (page.asarray() for page in file.pages)
        names = [json.loads(page.description) for page in file.pages]
    assert first.tolist() == [[FOLD, FOLD + PEN, PEN], [FOLD, FOLD + PEN, PEN]]
    assert second.tolist() == [[0, 0, 0], [0, 3, 2]]
    assert names[0] == {str(kind): bit for kind, bit in ARTEFACT_BITS.items()}
    assert names[1]["vacuole"] == Ground.VACUOLE


def test_outlines_are_closed_rings_of_the_slide(tmp_path: Path) -> None:
    """A triangle of a fragment and one of a core, with number, level and role."""
    ring = np.array([[10, 10], [50, 10], [10, 40]], np.int32)
    pieces = [Outlined(2, 3, FragmentRole.SAMPLE, (ring,)), Outlined(-1, 1, FragmentRole.CONTROL, (ring, ring + 100))]

    write_outlines(tmp_path / "a.geojson", pieces)

    fragment, core = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert shapely.from_geojson(json.dumps(fragment["geometry"])).area == pytest.approx(600)
    assert shapely.from_geojson(json.dumps(core["geometry"])).area == pytest.approx(1200)
    assert fragment["properties"] == {
        "objectType": "annotation",
        "name": "Fragment 2, level 3",
        "fragment": 2,
        "level": 3,
        "role": "sample",
    }
    assert (core["id"], core["properties"]["role"]) == ("control-1-level-1", "control")


def test_case_rows_are_written_in_words(tmp_path: Path) -> None:
    """The score as in reports, the pattern by name, nothing where there is no score."""
    truth = CaseTruth(
        "a", CaseLabel.HOMO, CaseLabel.HOMO, Her2Score.TWO_PLUS, Her2Status.POSITIVE, 4, 3, 99, MembranePattern.LATERAL
    )

    write_case_rows(tmp_path / "a.csv", [truth, replace(truth, ihc_score=None)])

    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "case_id,label,literal_label,ihc_score,status,fragments,fragments_with_tumor,tumor_cells,pattern",
        "a,homo-HER2,homo-HER2,2+,positive,4,3,99,lateral",
        "a,homo-HER2,homo-HER2,,positive,4,3,99,lateral",
    ]
