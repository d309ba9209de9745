"""Growth of seeds and peaks against slow, readable searches; prices and sums over regions against numpy."""

from __future__ import annotations

from heapq import heappop, heappush
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from hetscore.segmenters.kernels import (
    count_pixels,
    count_steps,
    grow_seeds,
    region_sums,
    renumber,
    total_values,
)

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
    """Seeds in reading order on a field of free, hard and walled pixels, and a reach.

    Small fields, and low wide ones that are relaxed in several runs.
    """
    small, wide = st.tuples(st.integers(1, 9), st.integers(1, 9)), st.tuples(st.integers(1, 3), st.integers(30, 70))
    shape = draw(small | wide)
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

    def test_far_and_winding(self) -> None:
        """Along a snake of walls, from one run of pixels to the next and back, a label goes as far as its reach."""
        weight = np.ones((9, 80), np.uint8)
        weight[1::4, :-1], weight[3::4, 1:] = 0, 0
        for reach in (70, 150, 240, 1000):
            assert np.array_equal(_grow([(0, 0)], weight, reach), _grow_slowly([(0, 0)], weight, reach))
        assert _grow([(0, 0)], weight, 1000).all(where=weight > 0)

    @pytest.mark.parametrize("seed", range(3))
    def test_a_large_field(self, seed: int) -> None:
        """With many seeds, the dearest weight and walls, to the pixel."""
        rng = np.random.default_rng(seed)
        weight = rng.choice(np.array([0, 1, 1, 2, 7, 255], np.uint8), (70, 101))
        places = np.sort(rng.choice(weight.size, 60))
        seeds = [(int(i), int(j)) for i, j in zip(*np.unravel_index(places, weight.shape), strict=True)]
        assert np.array_equal(_grow(seeds, weight, 20), _grow_slowly(seeds, weight, 20))

    def test_views_do(self) -> None:
        """Columns of a table of seeds and every other pixel of a picture; neither is changed."""
        seeds, weight = np.array([[0, 0], [2, 4]]), np.ones((6, 10), np.uint8)
        labels = grow_seeds(seeds[:, 0], seeds[:, 1], weight[::2, ::2], 9)
        assert np.array_equal(labels, _grow([(0, 0), (2, 4)], np.ones((3, 5), np.uint8), 9))
        assert labels.flags.c_contiguous
        assert seeds.tolist() == [[0, 0], [2, 4]]
        assert (weight == 1).all()

    def test_beyond_a_key(self) -> None:
        """A reach that no key can hold is refused, not cut."""
        with pytest.raises(ValueError, match="1 seeds that reach 300000000 px"):
            _grow([(0, 0)], np.ones((2, 2), np.uint8), 300_000_000)

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
        image = (np.arange(30).reshape(5, 6) / 8).astype(np.float32)
        sums = region_sums(labels, 3, image)
        for number in (1, 2, 3):
            rows, columns = np.nonzero(labels == number)
            if not len(rows):
                assert not sums[number - 1].any()
                continue
            x, y, value = columns - columns[0], rows - rows[0], image[rows, columns]
            expected = [len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y, value.sum(), value @ value, columns[0], rows[0]]
            assert sums[number - 1] == pytest.approx(expected)


class TestCountSteps:
    """How many steps a value reaches."""

    def test_by_hand(self) -> None:
        """A value on a step has reached it."""
        values = np.array([[-1.0, 0.0, 0.5], [1.0, 2.5, np.inf]], np.float32)
        assert count_steps(values, np.array([0, 1, 2], np.float32)).tolist() == [[0, 1, 1], [2, 3, 3]]

    def test_no_step(self) -> None:
        """None is reached."""
        assert count_steps(np.ones((1, 2), np.float32), np.zeros(0, np.float32)).tolist() == [[0, 0]]


class TestRegions:
    """Areas, totals and numbers of regions."""

    @settings(deadline=None)
    @given(arrays(np.int32, (4, 7), elements=st.integers(0, 3)))
    def test_they_are_numpys(self, labels: Labels) -> None:
        """A region without a pixel has no area and no total."""
        values = (np.arange(28).reshape(4, 7) / 8).astype(np.float32)
        areas = [int((labels == number).sum()) for number in (1, 2, 3)]
        counts, totals = total_values(labels, 3, values)
        assert count_pixels(labels, 3).tolist() == counts.tolist() == areas
        assert totals.tolist() == [float(values[labels == number].sum(dtype=np.float64)) for number in (1, 2, 3)]

    def test_renumber(self) -> None:
        """The second region goes, the third takes its number; the labels given stay as they were."""
        labels = np.array([[1, 0, 2], [3, 3, 2]], np.int32)
        assert renumber(labels, np.array([0, 1, 0, 2], np.int32)).tolist() == [[1, 0, 0], [2, 2, 0]]
        assert labels.tolist() == [[1, 0, 2], [3, 3, 2]]
