"""Reading the truth of a phantom folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from hetscore.domain import CaseLabel, Her2Score, Her2Status
from hetscore.errors import UsageError
from hetscore.evaluation.truth import CELL_TYPES, read_phantom
from hetscore.phantom.epithelium import CellType
from tests.evaluation.builders import squares, write_phantom_truth

CELLS = [
    {"x": 10.5, "y": 20.0, "kind": "3", "fragment": 1},
    {"x": 90.0, "y": 20.0, "kind": "n", "fragment": 2},
]
SAMPLES = Path(__file__).resolve().parents[2] / "slides_sample"


def test_cells(tmp_path: Path) -> None:
    """All cells are sure, everywhere counts, and columns that are not needed are passed over."""
    write_phantom_truth(tmp_path, CELLS)

    truth = read_phantom(tmp_path).slides["a"]

    assert (truth.x.tolist(), truth.y.tolist()) == ([10.5, 90.0], [20.0, 20.0])
    assert truth.is_tumor.tolist() == [True, False]
    assert truth.membrane_class.tolist() == [3, -1]
    assert truth.fragment is not None
    assert truth.fragment.tolist() == [1, 2]
    assert truth.is_sure.all()
    assert (truth.read, truth.outlines, len(truth.doubtful_xy)) == (None, None, 0)


def test_cells_that_are_not_asked_for(tmp_path: Path) -> None:
    """Control cores are numbered below 1; under an artefact nobody can judge."""
    control = [{**CELLS[0], "fragment": -1}, CELLS[1], {**CELLS[1], "x": 200.0}]
    write_phantom_truth(tmp_path, control)
    path = tmp_path / "truth" / "a.cells.parquet"
    table = pq.read_table(path)

    plain = read_phantom(tmp_path).slides["a"]
    pq.write_table(table.append_column("artefact", pa.array([0, 4, 0], pa.uint8())), path)
    covered = read_phantom(tmp_path).slides["a"]

    assert plain.is_sure.tolist() == [False, True, True]
    assert covered.is_sure.tolist() == [False, False, True]


def test_types_have_the_phantom_s_names() -> None:
    """Each number means the same cell where it is written and where it is read."""
    assert dict(enumerate(CELL_TYPES)) == {kind.value: kind.name.lower() for kind in CellType}


def test_types_where_there_are_any(tmp_path: Path) -> None:
    """The column `type` is read; a phantom without it is no fault."""
    write_phantom_truth(tmp_path, CELLS, slide="untyped")
    write_phantom_truth(tmp_path, [CELLS[0], {**CELLS[1], "kind": "p"}], slide="typed")

    slides = read_phantom(tmp_path).slides

    assert slides["untyped"].cell_type is None
    assert slides["typed"].cell_type is not None
    assert slides["typed"].cell_type.tolist() == [0, 5]


@pytest.mark.parametrize(
    ("types", "fault"),
    [
        ([0, 9], r"type 9; expected 0 \(tumor\) to 8 \(neutrophil\)"),
        ([0, -1], "type -1; expected 0"),
        ([0, None], "type nan; expected 0"),
        ([0, 0], "type tumor where is_tumor is False; expected tumor where it is true"),
        ([3, 5], "type lymphocyte where is_tumor is True"),
    ],
)
def test_wrong_types(tmp_path: Path, types: list[int | None], fault: str) -> None:
    """A number that is no type, an empty cell, a type that is not what `is_tumor` says."""
    write_phantom_truth(tmp_path, CELLS)
    path = tmp_path / "truth" / "a.cells.parquet"
    pq.write_table(pq.read_table(path).append_column("type", pa.array(types, pa.int8())), path)

    with pytest.raises(UsageError, match=f"a.cells.parquet: {fault}"):
        read_phantom(tmp_path)


def test_outlines_where_there_are_any(tmp_path: Path) -> None:
    """The column `outline` is read as shapes; a cell without one is no fault."""
    write_phantom_truth(tmp_path, CELLS, outlines=squares([(5, 15), None]))

    truth = read_phantom(tmp_path).slides["a"]

    assert truth.outlines is not None
    assert shapely.bounds(truth.outlines[0]).tolist() == [5, 15, 15, 25]
    assert truth.outlines[1] is None


def test_a_ring_that_crosses_itself_is_mended(tmp_path: Path) -> None:
    """A bow tie is two triangles of 25 px2 each."""
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    write_phantom_truth(tmp_path, CELLS, outlines=np.array([bow, None], object))

    truth = read_phantom(tmp_path).slides["a"]

    assert truth.outlines is not None
    assert truth.outlines[0].area == pytest.approx(50)


@pytest.mark.parametrize("column", [[b"one", None], ["one", None], [1, 2]])
def test_wrong_outlines(tmp_path: Path, column: list[object]) -> None:
    """Bytes that are no WKB, texts and numbers are refused, with the file's name."""
    write_phantom_truth(tmp_path, CELLS)
    path = tmp_path / "truth" / "a.cells.parquet"
    pq.write_table(pq.read_table(path).append_column("outline", pa.array(column)), path)

    with pytest.raises(UsageError, match=r"a.cells.parquet: outlines are not readable \(.+\); expected WKB polygons"):
        read_phantom(tmp_path)


def test_cases(tmp_path: Path) -> None:
    """Label, literal label, score and status; an empty score is none."""
    write_phantom_truth(tmp_path, CELLS, label="not-assessable", ihc_score="", status="not-assessable")

    truth = read_phantom(tmp_path).cases["a"]

    assert (truth.label, truth.literal_label) == (CaseLabel.NOT_ASSESSABLE, CaseLabel.HETERO)
    assert (truth.ihc_score, truth.status) == (None, Her2Status.NOT_ASSESSABLE)


def test_sample_slides() -> None:
    """The truth that comes with the samples is read, with the kinds of cases that it holds."""
    truth = read_phantom(SAMPLES)

    assert truth.slides.keys() == truth.cases.keys()
    assert truth.cases["homo-2plus-amplified"].ihc_score is Her2Score.TWO_PLUS
    assert not truth.slides["no-tumor"].is_tumor.any()


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ({"label": "homo"}, "case a: 'homo' is not a valid CaseLabel; expected a label, a score and a status"),
        ({"ihc_score": "4+"}, r"case a: '4\+'"),
        ({"status": ""}, "case a: '' is not a valid Her2Status"),
    ],
)
def test_wrong_cases(tmp_path: Path, case: dict[str, str], fault: str) -> None:
    """A word that is none of the known ones is named with its case."""
    write_phantom_truth(tmp_path, CELLS, outlines=None, **case)

    with pytest.raises(UsageError, match=fault):
        read_phantom(tmp_path)


def test_not_a_phantom(tmp_path: Path) -> None:
    """A folder without truth says what was expected."""
    with pytest.raises(UsageError, match=r"no true cells in it; expected a folder written by hetscore phantom"):
        read_phantom(tmp_path)


def test_cases_are_needed(tmp_path: Path) -> None:
    """Cells without cases.csv are half a truth."""
    write_phantom_truth(tmp_path, CELLS)
    (tmp_path / "truth" / "cases.csv").unlink()

    with pytest.raises(UsageError, match=r"cases.csv: there is no such file"):
        read_phantom(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("membrane_class", 7, "membrane_class 7; expected -1, 0, 1, 2 or 3"),
        ("x", float("nan"), "x nan; expected level-0 pixels"),
        ("y", None, "column y has 1 empty cells"),
        ("fragment", "drop", "there is no column fragment; expected the columns x, y, fragment"),
    ],
)
def test_wrong_cells(tmp_path: Path, column: str, value: float | str | None, fault: str) -> None:
    """A value that cannot be, an empty cell, a missing column."""
    write_phantom_truth(tmp_path, CELLS)
    path = tmp_path / "truth" / "a.cells.parquet"
    columns = pq.read_table(path).to_pydict()
    columns[column] = [value, *columns[column][1:]]
    if value == "drop":
        del columns[column]
    pq.write_table(pa.table(columns), path)

    with pytest.raises(UsageError, match=fault):
        read_phantom(tmp_path)


def test_no_parquet(tmp_path: Path) -> None:
    """A file that is no Parquet is refused by name."""
    write_phantom_truth(tmp_path, CELLS)
    (tmp_path / "truth" / "a.cells.parquet").write_text("x,y\n")

    with pytest.raises(UsageError, match=r"a.cells.parquet: not readable .*expected a Parquet file"):
        read_phantom(tmp_path)
