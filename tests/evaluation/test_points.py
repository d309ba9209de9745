"""Reading points that people set, from a small table: two crops of one image, one of them read twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hetscore.errors import UsageError
from hetscore.evaluation.points import MAX_FAULTS, read_points
from hetscore.geometry import Box

HEADER = "core,crop,crop_x,crop_y,crop_size,x,y,reader,code,source\n"
ROWS = """\
one,one_00,1000,2000,384,1100,2100,R1,t0,candidate
one,one_00,1000,2000,384,1140,2100,R1,t3,added
one,one_00,1000,2000,384,1180,2100,R1,n,candidate
one,one_00,1000,2000,384,1220,2100,R1,u,candidate
one,one_00,1000,2000,384,1260,2100,R1,x,candidate
one,one_01,1384,2000,384,1400,2050.5,R2,t1,candidate
one,one_01,1384,2000,384,1400,2050.5,R1,t2,candidate
two,two_00,0,0,384,20,20,R3,n,candidate
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write the table."""
    path = tmp_path / "points.csv"
    path.write_text(HEADER + ROWS, encoding="utf-8")
    return path


class TestRead:
    """What the codes mean."""

    def test_cells(self, table: Path) -> None:
        """Tumor cells with their class, other cells without one, unknown nuclei unsure, in pixels of the image."""
        truth = read_points(table).slides["one"]

        assert truth.x.tolist() == [1100, 1140, 1180, 1220, 1400]
        assert truth.y.tolist() == [2100, 2100, 2100, 2100, 2050.5]
        assert truth.is_tumor.tolist() == [True, True, False, False, True]
        assert truth.membrane_class.tolist() == [0, 3, -1, -1, 2]
        assert truth.is_sure.tolist() == [True, True, True, False, True]

    def test_doubtful_places(self, table: Path) -> None:
        """Codes u and x excuse what is found near them."""
        assert read_points(table).slides["one"].doubtful_xy.tolist() == [[1220, 2100], [1260, 2100]]

    def test_read_parts(self, table: Path) -> None:
        """Inside the crops, 8 px from their borders, absence means something; nowhere else."""
        assert read_points(table).slides["one"].read == (Box(1008, 2008, 368, 368), Box(1392, 2008, 368, 368))

    def test_second_readings(self, table: Path) -> None:
        """Of a crop read by R1 and R2 the reading of R1 counts; the other is counted as left out."""
        truth = read_points(table).slides["one"]

        assert (truth.membrane_class[-1], truth.n_second_readings) == (2, 1)

    def test_no_fragments_no_cases(self, table: Path) -> None:
        """Crops say nothing of fragments or labels."""
        truth = read_points(table)

        assert truth.kind == "points"
        assert truth.cases == {}
        assert list(truth.slides) == ["one", "two"]
        assert truth.slides["one"].fragment is None
        assert truth.slides["two"].doubtful_xy.shape == (0, 2)

    def test_reader_is_optional(self, tmp_path: Path) -> None:
        """Without the column all points are one reading."""
        path = tmp_path / "p.csv"
        path.write_text("core,crop,crop_x,crop_y,crop_size,x,y,code\na,1,0,0,99,5,5,t2\na,1,0,0,99,50,5,n\n")

        truth = read_points(path).slides["a"]

        assert (len(truth), truth.n_second_readings) == (2, 0)
        assert np.array_equal(truth.is_tumor, [True, False])


class TestFaults:
    """Every fault with its line, all at once."""

    @pytest.mark.parametrize(
        ("row", "fault"),
        [
            ("one,c,0,0,384,5,5,R1,t4,added", "line 2: code 't4'; expected one of t0, t1, t2, t3, n, u, x"),
            ("one,c,0,0,384,5,y,R1,t3,added", "line 2: could not convert string to float: 'y'; expected pixels"),
            ("one,c,0,0.5,384,5,5,R1,t3,added", "line 2: invalid literal"),
            ("one,c,900,0,384,5,5,R1,t3,added", r"line 2: point \(5, 5\) outside its crop \[900, 1284\) x \[0, 384\)"),
            ("one,c,0,0,384,nan,5,R1,t3,added", "line 2: point .* outside its crop"),
            ("one,c,0,0,384,5,5,R1,n,a\none,c,0,1,384,9,9,R1,n,a", "line 3: crop c is another square"),
            ("one,c,0,0,384,5,5,R1,n,a\none,d,383,0,384,400,9,R1,n,a", "one: crops c and d overlap"),
            ("", "the table has no rows"),
        ],
    )
    def test_refused(self, tmp_path: Path, row: str, fault: str) -> None:
        """A wrong cell, a point in the frame of its crop, crops that contradict themselves or each other."""
        path = tmp_path / "p.csv"
        path.write_text(HEADER + row + "\n" * bool(row))

        with pytest.raises(UsageError, match=fault):
            read_points(path)

    def test_missing_column(self, tmp_path: Path) -> None:
        """The columns that are needed are named."""
        path = tmp_path / "p.csv"
        path.write_text("core,x,y\na,1,1\n")

        with pytest.raises(
            UsageError, match="no column crop, crop_x, crop_y, crop_size, code; expected the columns core"
        ):
            read_points(path)

    def test_many_faults(self, tmp_path: Path) -> None:
        """A wrong column makes every row wrong: the first rows are shown, the rest counted."""
        path = tmp_path / "p.csv"
        path.write_text(HEADER + "one,c,0,0,384,5,5,R1,T3,added\n" * 30)

        with pytest.raises(UsageError) as caught:
            read_points(path)

        lines = str(caught.value).splitlines()
        assert len(lines) == MAX_FAULTS + 1
        assert lines[-1] == "... and 10 more"
