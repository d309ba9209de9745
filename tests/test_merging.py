"""Cells of tiles become cells of the slide: sorted, given to fragments, none lost uncounted."""

from __future__ import annotations

import random
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import CELL_COLUMNS, Cells, Fragments
from hetscore.merging import find_fragment, gather_cells, merge_gathered
from tests.scoring.builders import make_cells

FRAGMENTS = Fragments((), np.array([[1, 1, 0, 2], [1, 0, 0, 2]], np.int32), downsample=10, mpp=5.0, dropped={})
"""Fragment 1 is an L at the left, 2 a bar at the right; 40 x 20 level-0 pixels in all."""

places = st.lists(st.tuples(st.integers(0, 39), st.integers(0, 19)), unique=True, max_size=12)


def _cells(*points: tuple[float, float]) -> Cells:
    """Cells at level-0 pixels, not yet given to a fragment; p_tumor tells which is which."""
    x, y = [p[0] for p in points], [p[1] for p in points]
    return make_cells(x, y, [-1] * len(x), [i / 100 for i in range(len(x))], fragment=0)


def _merge(parts: Iterable[Cells]) -> Cells:
    return merge_gathered(gather_cells(parts), FRAGMENTS)


def _places(cells: Cells) -> list[tuple[float, float]]:
    return list(zip(cells.x.tolist(), cells.y.tolist(), strict=True))


class TestMerge:
    """From tiles to the slide."""

    def test_cells_are_sorted_by_fragment_then_as_one_reads(self) -> None:
        """Fragment, then y, then x."""
        cells = _merge([_cells((35, 5), (5, 15)), _cells((8, 2), (3, 2))])
        assert _places(cells) == [(3, 2), (8, 2), (5, 15), (35, 5)]
        assert cells.fragment.tolist() == [1, 1, 1, 2]

    def test_a_row_stays_together(self) -> None:
        """What was measured of a cell goes with it to its new place."""
        cells = _merge([_cells((35, 5), (5, 15), (3, 2))])
        assert cells.p_tumor.tolist() == pytest.approx([0.02, 0.01, 0.0])

    def test_cells_outside_are_left_out(self) -> None:
        """In the gap between the fragments and beyond the slide."""
        cells = _merge([_cells((5, 5), (25, 5), (15, 15)), _cells((-1, 5), (41, 5))])
        assert _places(cells) == [(5, 5)]

    def test_no_tile_no_cell(self) -> None:
        """A slide whose tiles all failed, and one whose tiles hold nothing."""
        for parts in ([], [_cells(), _cells()]):
            cells = _merge(parts)
            assert len(cells) == 0

    def test_parts_may_come_one_by_one(self) -> None:
        """From an iterator, of which none is kept."""
        cells = _merge(iter([_cells((35, 5)), _cells((3, 2))]))
        assert _places(cells) == [(3, 2), (35, 5)]

    @given(places, st.randoms(use_true_random=False), st.integers(1, 5))
    def test_neither_the_order_of_tiles_nor_their_number_matters(
        self, points: list[tuple[float, float]], shuffle: random.Random, n_tiles: int
    ) -> None:
        """However the cells are dealt to tiles and the tiles come back, the slide is the same."""
        whole = _cells(*points)
        order = np.array(shuffle.sample(range(len(points)), len(points)), np.int64)
        dealt = [whole.take(order[i::n_tiles]) for i in range(n_tiles)]

        one, many = _merge([whole]), _merge(dealt)

        for name in CELL_COLUMNS:
            np.testing.assert_array_equal(getattr(one, name), getattr(many, name), err_msg=name)


class TestFindFragment:
    """The map from place to fragment."""

    @pytest.mark.parametrize(
        ("x", "y", "fragment"),
        [
            (0, 0, 1),
            (19.99, 9.99, 1),
            (20, 0, 0),
            (30, 0, 2),
            (39.99, 19.99, 2),
            (40, 0, 0),
            (30, 20, 0),
            (-0.01, 0, 0),
        ],
    )
    def test_a_thumbnail_pixel_is_half_open(self, x: float, y: float, fragment: int) -> None:
        """Its left and upper border belong to it, its right and lower to the next; beyond the slide there is none."""
        assert find_fragment(np.array([float(x)]), np.array([float(y)]), FRAGMENTS).tolist() == [fragment]
