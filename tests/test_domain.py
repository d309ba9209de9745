"""Cells as columns with ragged outlines, and the labels that reports print."""

from __future__ import annotations

import errno
import tempfile
import weakref
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hetscore.domain import (
    CELL_COLUMNS,
    Cells,
    Her2Score,
    MembraneClass,
    TissueMask,
    empty_cells,
    join_cells,
)
from hetscore.domain.cells import CellParts
from hetscore.errors import UsageError
from tests.scoring.builders import make_cells

corner_counts = st.lists(st.integers(0, 5), max_size=8)
"""How many corners the outline of each cell has; an outline may be missing."""


def _ragged(corners: list[int], start: int = 0) -> Cells:
    """Cells numbered from `start` by x, whose outlines have so many corners; corner k of cell i is (i, k)."""
    n = len(corners)
    numbers = list(range(start, start + n))
    outlines = [(i, k) for i, count in zip(numbers, corners, strict=True) for k in range(count)]
    return make_cells([float(i) for i in numbers], [0.0] * n, [0] * n, [0.5] * n).with_columns(
        outline_xy=np.array(outlines, np.float32).reshape(-1, 2),
        outline_start=np.concatenate([[0], np.cumsum(corners)]).astype(np.int64),
    )


def _assert_same(one: Cells, other: Cells) -> None:
    for name in (*CELL_COLUMNS, "outline_xy", "outline_start"):
        left, right = getattr(one, name), getattr(other, name)
        np.testing.assert_array_equal(left, right, err_msg=name)
        assert left.dtype == right.dtype, name


class TestTake:
    """Choosing cells."""

    def test_by_position_and_by_mask(self) -> None:
        """Positions give their own order and may repeat; a mask keeps the order there is."""
        cells = _ragged([3, 0, 4])
        assert cells.take(np.array([2, 0, 2])).x.tolist() == [2, 0, 2]
        assert cells.take(np.array([True, False, True])).x.tolist() == [0, 2]

    def test_the_outline_goes_with_its_cell(self) -> None:
        """Whatever stood before it."""
        taken = _ragged([3, 0, 4]).take(np.array([2, 1]))
        assert taken.outline(0).tolist() == [[2, 0], [2, 1], [2, 2], [2, 3]]
        assert taken.outline(1).tolist() == []

    @given(corner_counts, st.data())
    def test_each_cell_taken_is_the_cell_it_was(self, corners: list[int], data: st.DataObject) -> None:
        """Columns and outline, for any choice of positions."""
        cells = _ragged(corners)
        chosen = data.draw(st.lists(st.sampled_from(range(len(corners))), max_size=10)) if corners else []
        taken = cells.take(np.array(chosen, np.int64))
        assert taken.x.tolist() == [float(i) for i in chosen]
        for i, k in enumerate(chosen):
            assert np.array_equal(taken.outline(i), cells.outline(k))


class TestJoin:
    """Putting cells together."""

    def test_none_join_to_none(self) -> None:
        """No part, or parts without cells."""
        _assert_same(join_cells([]), empty_cells())
        _assert_same(join_cells([empty_cells(), empty_cells()]), empty_cells())

    @given(st.lists(corner_counts, max_size=4))
    def test_parts_come_back(self, parts: list[list[int]]) -> None:
        """Joined and taken apart again, each part is what it was."""
        cells = [_ragged(corners, start=10 * i) for i, corners in enumerate(parts)]
        joined = join_cells(cells)
        first = 0
        for part in cells:
            _assert_same(joined.take(np.arange(first, first + len(part))), part)
            first += len(part)
        assert len(joined) == first

    @given(st.lists(st.lists(st.integers(0, 2), max_size=5), max_size=4), st.booleans(), st.data())
    def test_in_an_order(self, parts: list[list[int]], is_even: bool, data: st.DataObject) -> None:
        """Joining in an order is joining and then choosing, whether all outlines have as many corners or not."""
        cells = [_ragged([2] * len(c) if is_even else c, start=10 * i) for i, c in enumerate(parts)]
        n = sum(len(part) for part in cells)
        order = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=8)) if n else [], np.int64)
        _assert_same(join_cells(cells, order), join_cells(cells).take(order))


class TestCellParts:
    """Cells that are gathered before they are joined."""

    def test_a_column_can_be_asked_for_before_joining(self) -> None:
        """In the order in which the parts came."""
        parts = CellParts()
        for part in (_ragged([3, 4]), _ragged([2], start=10)):
            parts.add(part)
        assert parts.column("x").tolist() == [0.0, 1.0, 10.0]
        assert len(parts.join()) == 3

    def test_no_part_is_kept(self) -> None:
        """Its columns go when whoever made it lets go of it."""
        parts, part = CellParts(), _ragged([3, 4])
        column = weakref.ref(part.outline_xy)
        parts.add(part)
        del part
        assert column() is None
        assert parts.join(np.array([1, 0], np.int64)).x.tolist() == [1.0, 0.0]

    @given(st.lists(corner_counts, max_size=4))
    def test_a_file_changes_nothing(self, given_parts: list[list[int]]) -> None:
        """Beyond the size that memory may take, the cells come back from a file as they were."""
        cells = [_ragged(corners, start=10 * i) for i, corners in enumerate(given_parts)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hetscore.domain.cells.SPOOL_BYTES", 1)
            spilled = join_cells(cells)
        _assert_same(spilled, join_cells(cells))

    def test_no_room_is_told_with_the_remedy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The disk with the temporary files is full."""

        class FullDisk(BytesIO):
            def write(self, _data: Any) -> int:  # noqa: ANN401
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("hetscore.domain.cells.SpooledTemporaryFile", lambda **_: FullDisk())

        with pytest.raises(UsageError, match=r"No space left on device.*TMPDIR"):
            CellParts()

    def test_no_room_for_what_was_held_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The disk is full when a column is read: what waited in memory is written at the first step elsewhere."""
        parts = CellParts()
        parts.add(_ragged([3]))

        def fail(*_: int) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(parts._file, "seek", fail)
        with pytest.raises(UsageError, match=r"No space left on device.*TMPDIR"):
            parts.column("x")

    def test_no_folder_for_the_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No temporary folder can be written: the one that was asked for is named, without looking for it again."""

        def fail() -> str:
            raise OSError(errno.ENOENT, "No usable temporary directory found")

        monkeypatch.setattr("hetscore.domain.cells.SPOOL_BYTES", 1)
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setattr(tempfile, "gettempdir", fail)
        monkeypatch.setenv("TMPDIR", "/scratch")

        parts = CellParts()
        with pytest.raises(UsageError, match=r"^/scratch: .*No usable temporary directory.*TMPDIR"):
            parts.add(_ragged([3]))

    def test_a_file_cut_short_is_told(self) -> None:
        """What is missing is not read as whatever memory held."""
        parts = CellParts()
        parts.add(_ragged([3, 4]))
        parts._file.truncate(8)
        with pytest.raises(UsageError, match="the file is shorter than what was written"):
            parts.column("x")

    def test_other_widths_of_number_are_converted(self) -> None:
        """A part with x in single and areas in double precision comes back as `Cells` names them."""
        part = _ragged([3, 4])
        wide = part.with_columns(
            x=part.x.astype(np.float32),
            nucleus_area_um2=part.nucleus_area_um2.astype(np.float64),
            membrane_class=part.membrane_class.astype(np.int64),
        )
        _assert_same(join_cells([wide, part]), join_cells([part, part]))

    @pytest.mark.parametrize(
        ("column", "values", "told"),
        [
            ("membrane_class", np.array([0.5, 1]), r"membrane_class: float64 in rows of shape \(\); expected int8"),
            ("p_class", np.zeros((2, 3), np.float32), r"p_class: float32 in rows of shape \(3,\); .* shape \(4,\)"),
        ],
    )
    def test_other_kinds_are_refused(self, column: str, values: NDArray[Any], told: str) -> None:
        """Fractions in a column of classes, and three probabilities where there are four."""
        with pytest.raises(ValueError, match=told):
            CellParts().add(_ragged([3, 4]).with_columns(**{column: values}))


class TestBetween:
    """Some rows, as they lie."""

    @given(corner_counts, st.data())
    def test_it_is_what_taking_them_gives(self, corners: list[int], data: st.DataObject) -> None:
        """For any first and last row."""
        cells = _ragged(corners)
        start = data.draw(st.integers(0, len(corners)))
        stop = data.draw(st.integers(start, len(corners)))
        _assert_same(cells.between(start, stop), cells.take(np.arange(start, stop)))

    def test_nothing_is_copied(self) -> None:
        """Columns and outlines are views."""
        cells = _ragged([3, 4, 5])
        some = cells.between(1, 3)
        assert np.shares_memory(some.x, cells.x)
        assert np.shares_memory(some.outline_xy, cells.outline_xy)


class TestCells:
    """Small questions a cell can answer."""

    def test_a_tumor_cell_is_one_more_likely_so_than_not(self) -> None:
        """Even odds count as tumor."""
        assert make_cells([0, 1, 2], [0, 0, 0], [0, 0, 0], [0.49, 0.5, 0.9]).is_tumor.tolist() == [False, True, True]

    def test_columns_are_frozen_but_replaceable(self) -> None:
        """A stage never changes the cells it was given."""
        cells = _ragged([3])
        changed = cells.with_columns(fragment=np.array([7], np.int32))
        assert (cells.fragment[0], changed.fragment[0]) == (1, 7)
        with pytest.raises(AttributeError):
            cells.x = np.zeros(1)  # type: ignore[misc]


class TestLabels:
    """How classes and scores are written."""

    def test_unscored_is_not_zero(self) -> None:
        """A cell that could not be measured has a word of its own."""
        assert [c.label for c in MembraneClass] == ["unscored", "0", "1+", "2+", "3+"]

    def test_scores(self) -> None:
        """As in the guidelines."""
        assert [s.label for s in Her2Score] == ["0", "1+", "2+", "3+"]


class TestTissueMask:
    """Area at the thumbnail's scale."""

    def test_area(self) -> None:
        """Five of six pixels of 100 um are 0.05 mm2; another mask may be asked for."""
        mask = np.array([[True, True, True], [True, True, False]])
        tissue = TissueMask(mask, downsample=400, mpp=100.0)
        assert tissue.area_mm2() == pytest.approx(0.05)
        assert tissue.area_mm2(~mask) == pytest.approx(0.01)
