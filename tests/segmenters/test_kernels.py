"""Bounded growth of seeds against a slow, readable search; sums over regions against numpy."""

from __future__ import annotations

from heapq import heappop, heappush
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from hetscore.segmenters.kernels import grow_seeds, region_sums

Weights = NDArray[np.uint8]
Labels = NDArray[np.int32]
Seeds = list[tuple[int, int]]


def _grow(seeds: Seeds, weight: Weights, reach: int) -> Labels:
    rows, columns = np.array(seeds, np.int64).reshape(-1, 2).T
    labels: Labels = grow_seeds(rows.copy(), columns.copy(), weight, reach)
    return labels


def _grow_slowly(seeds: Seeds, weight: Weights, reach: int) -> Labels:
    """Dijkstra's search on (cost, label): what `grow_seeds` promises, as plainly as it can be said."""
    labels = np.zeros(weight.shape, np.int32)
    queue = [(0, number, seed) for number, seed in enumerate(seeds, start=1)]
    while queue:
        cost, number, (i, j) = heappop(queue)
        if labels[i, j]:
            continue
        labels[i, j] = number
        for di, dj in [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]:
            row, column = i + di, j + dj
            if 0 <= row < weight.shape[0] and 0 <= column < weight.shape[1] and weight[row, column]:
                reached = cost + (7 if di and dj else 5) * int(weight[row, column])
                if reached <= 5 * reach:
                    heappush(queue, (reached, number, (row, column)))
    return labels


def _read(picture: str) -> Labels:
    """Labels drawn as text: a digit is a label, a dot is 0."""
    rows = dedent(picture).strip("\n").split("\n")
    return np.array([[int(mark) if mark.isdigit() else 0 for mark in row] for row in rows], np.int32)


@st.composite
def fields(draw: st.DrawFn) -> tuple[Seeds, Weights, int]:
    """Seeds in reading order on a field of free, hard and walled pixels, and a reach."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    weight = draw(arrays(np.uint8, shape, elements=st.sampled_from([1, 1, 1, 2, 5, 0])))
    places = st.tuples(st.integers(0, shape[0] - 1), st.integers(0, shape[1] - 1))
    return sorted(draw(st.lists(places, max_size=5))), weight, draw(st.integers(0, 8))


class TestGrowSeeds:
    """Each pixel goes to the seed that reaches it at the least cost."""

    @settings(deadline=None)  # the first call compiles
    @given(fields())
    def test_it_is_the_slow_search(self, field: tuple[Seeds, Weights, int]) -> None:
        """On any field, to the pixel: the same costs, the same ties."""
        assert np.array_equal(_grow(*field), _grow_slowly(*field))

    def test_the_middle_goes_to_the_first(self) -> None:
        """Between two seeds the pixels as near to either go to the seed read first."""
        assert np.array_equal(_grow([(0, 0), (0, 4)], np.ones((1, 5), np.uint8), 9), _read("11122"))

    def test_the_reach_is_an_octagon(self) -> None:
        """Three pixels straight, two diagonally (2.8): no farther than the reach from the seed."""
        expected = _read("""
            .........
            ....1....
            ..11111..
            ..11111..
            .1111111.
            ..11111..
            ..11111..
            ....1....
            .........
        """)
        assert np.array_equal(_grow([(4, 4)], np.ones((9, 9), np.uint8), 3), expected)

    def test_a_wall_is_walked_around(self) -> None:
        """Not through: behind the wall the way is longer; 5 px do not suffice for the farthest corner."""
        weight = _read("""
            11111
            11011
            11011
        """).astype(np.uint8)
        expected = _read("""
            11111
            11.1.
            11...
        """)
        assert np.array_equal(_grow([(2, 0)], weight, 5), expected)

    def test_two_cells_meet_on_the_hard_line(self) -> None:
        """A brown membrane nearer to one of two nuclei parts them, not the middle."""
        weight = np.array([[1, 1, 7, 1, 1, 1, 1]], np.uint8)
        assert _grow([(0, 0), (0, 6)], weight, 20)[0, [1, 3, 4, 5]].tolist() == [1, 2, 2, 2]

    def test_a_seed_on_a_wall_keeps_its_place(self) -> None:
        """It is labeled, and grows from there."""
        assert np.array_equal(_grow([(0, 1)], np.array([[1, 0, 1]], np.uint8), 1), _read("111"))

    def test_of_two_seeds_in_one_place_the_first_counts(self) -> None:
        """The second gets nothing."""
        assert np.array_equal(_grow([(0, 1), (0, 1)], np.ones((1, 3), np.uint8), 1), _read("111"))

    @pytest.mark.parametrize("reach", [0, 3])
    def test_no_seed_no_label(self, reach: int) -> None:
        """And with a reach of 0 a seed is a single pixel."""
        field = np.ones((3, 3), np.uint8)
        assert not _grow([], field, reach).any()
        assert _grow([(1, 1)], field, 0).sum() == 1

    @settings(deadline=None)
    @given(fields(), st.integers(1, 9))
    def test_what_lies_beyond_the_reach_does_not_matter(self, field: tuple[Seeds, Weights, int], width: int) -> None:
        """Cut the field off: labels farther than twice the reach from the cut stay as they were.

        A pixel hears of a seed within the reach, and of nothing beyond: twice the reach leaves room for the way.
        """
        seeds, weight, reach = field
        kept = [seed for seed in seeds if seed[1] < width]
        whole, cut = _grow(seeds, weight, reach), _grow(kept, weight[:, :width].copy(), reach)
        renumber = np.array([0] + [kept.index(s) + 1 if s in kept else -1 for s in seeds], np.int32)
        safe = max(0, min(width, weight.shape[1]) - 2 * reach) if width < weight.shape[1] else weight.shape[1]
        assert np.array_equal(renumber[whole][:, :safe], cut[:, :safe])


class TestRegionSums:
    """Moments of each region in one pass."""

    @settings(deadline=None)
    @given(arrays(np.int32, (5, 6), elements=st.integers(0, 3)))
    def test_they_are_numpys(self, labels: Labels) -> None:
        """Relative to the region's first pixel in reading order."""
        image = np.arange(30, dtype=np.float32).reshape(5, 6) / 8
        sums = region_sums(labels, 3, image)
        for number in (1, 2, 3):
            rows, columns = np.nonzero(labels == number)
            if not len(rows):
                assert not sums[number - 1].any()
                continue
            x, y, value = columns - columns[0], rows - rows[0], image[rows, columns]
            expected = [len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y, value.sum(), value @ value, columns[0], rows[0]]
            assert sums[number - 1] == pytest.approx(expected)
