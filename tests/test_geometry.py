"""Boxes, the grid and the area of a polygon, by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hetscore.geometry import Box, grid_boxes

BOX = Box(10, 20, 30, 40)

boxes = st.builds(Box, st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60))


class TestBox:
    """A rectangle of whole pixels."""

    def test_right_and_bottom_lie_outside(self) -> None:
        """The first column and row beyond."""
        assert (BOX.right, BOX.bottom) == (40, 60)

    def test_grown_and_shifted(self) -> None:
        """Five more on each side; moved by (1, 2); shrunk by a negative margin."""
        assert BOX.grown(5) == Box(5, 15, 40, 50)
        assert BOX.grown(-5) == Box(15, 25, 20, 30)
        assert BOX.shifted(1, 2) == Box(11, 22, 30, 40)

    def test_clipped(self) -> None:
        """The common part; touching boxes have none."""
        assert BOX.clipped(Box(0, 0, 20, 30)) == Box(10, 20, 10, 10)
        assert BOX.clipped(Box(40, 20, 5, 5)).is_empty
        assert BOX.clipped(Box(100, 100, 5, 5)).is_empty

    def test_contains_is_half_open(self) -> None:
        """A point on the left or upper border is inside, on the right or lower outside, so neighbors never share it."""
        x, y = np.array([10.0, 39.999, 40.0, 10.0, 9.999]), np.array([20.0, 59.999, 20.0, 60.0, 20.0])
        assert BOX.contains(x, y).tolist() == [True, True, False, False, False]

    def test_slices_are_rows_then_columns(self) -> None:
        """The one place where (x, y) becomes [row, column]."""
        image = np.zeros((100, 100))
        image[BOX.slices] = 1
        assert image[20:60, 10:40].all()
        assert image.sum() == 30 * 40

    @given(boxes, boxes)
    def test_clipping_holds_just_the_points_of_both(self, one: Box, other: Box) -> None:
        """Either way round."""
        rows, columns = np.mgrid[-60:120, -60:120]
        x, y = columns.ravel().astype(float), rows.ravel().astype(float)
        both = one.contains(x, y) & other.contains(x, y)
        clipped = one.clipped(other)
        assert np.array_equal(clipped.contains(x, y), both)
        assert clipped.is_empty == (not both.any())


class TestGridBoxes:
    """Cells of a square grid."""

    def test_the_grid_is_anchored_at_the_origin(self) -> None:
        """Not at the bounds: the same place always falls into the same cell."""
        assert list(grid_boxes(Box(70, 130, 60, 10), 64)) == [Box(64, 128, 64, 64), Box(128, 128, 64, 64)]

    def test_row_by_row(self) -> None:
        """As one reads."""
        corners = [(box.x, box.y) for box in grid_boxes(Box(0, 0, 3, 3), 2)]
        assert corners == [(0, 0), (2, 0), (0, 2), (2, 2)]

    def test_it_reaches_below_the_origin(self) -> None:
        """Bounds may begin left of the slide."""
        assert next(grid_boxes(Box(-1, -1, 1, 1), 10)) == Box(-10, -10, 10, 10)

    @given(boxes, st.integers(1, 40))
    def test_the_cells_partition_the_bounds(self, bounds: Box, size: int) -> None:
        """Clipped to the bounds, no cell is empty and their areas sum to the whole."""
        parts = [cell.clipped(bounds) for cell in grid_boxes(bounds, size)]
        assert not any(part.is_empty for part in parts)
        assert sum(part.width * part.height for part in parts) == bounds.width * bounds.height
