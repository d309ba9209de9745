"""What the segmenters share: steps between resolutions, peaks, specks, gaps and the price of growing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from hetscore.segmenters.growth import (
    drop_small,
    find_gaps,
    find_peaks,
    find_shrink,
    join_peaks,
    keep_regions,
    shrink_by,
    step_costs,
)

Picture = NDArray[np.float32]
pictures = st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0, 0.25, 0.5, 0.75, 0.8125, 1]))
)
"""Small and with many equal heights."""


def _peaks_slowly(image: Picture, floor: float, distance_px: float) -> list[list[int]]:
    """Find first the pixels that nothing within the distance tops, then leave of those that see each other the first.

    One between two equals that do not see each other goes all the same: it is second to the one before it.
    """
    places = [(int(i), int(j)) for i, j in np.argwhere(image > -np.inf)]

    def sees(one: tuple[int, int], other: tuple[int, int]) -> bool:
        return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 <= distance_px**2

    tops = [p for p in places if image[p] > floor and all(image[q] <= image[p] for q in places if sees(p, q))]
    return [list(p) for k, p in enumerate(tops) if not any(sees(p, q) for q in tops[:k])]


def _joined_slowly(image: Picture, peaks: list[list[int]], reach_px: float, saddle: float) -> list[list[int]]:
    """Walk the straight way between each two peaks in eight steps."""
    gone = set()
    for k, one in enumerate(peaks):
        for m, other in enumerate(peaks[:k]):
            away = np.subtract(other, one)
            heights = image[tuple(other)], image[tuple(one)]
            way = np.floor(other + np.outer(np.arange(1, 8) / 8, -away) + 0.5).astype(int)
            if away @ away <= reach_px**2 and image[way[:, 0], way[:, 1]].min() >= np.float32(saddle) * min(heights):
                gone.add(m if heights[0] < heights[1] else k)
    return [peak for k, peak in enumerate(peaks) if k not in gone]


class TestFindShrink:
    """Whole steps from the tile to the labels."""

    @pytest.mark.parametrize(
        ("mpp", "shrink"), [(0.17, 4), (0.18, 2), (0.25, 2), (0.35, 2), (0.37, 1), (0.5, 1), (0.6, 1)]
    )
    def test_powers_of_two(self, mpp: float, shrink: int) -> None:
        """So that they divide the alignment of the tiles; labels lie between 0.35 and 0.7 um/px."""
        assert find_shrink(mpp, 0.5) == shrink
        assert 0.35 <= mpp * shrink <= 0.71


class TestShrinkBy:
    """Averages of whole blocks."""

    def test_by_hand(self) -> None:
        """Of 3 by 5 pixels a row and a column fill no block of 2 by 2; the others are averaged."""
        rgb = np.zeros((3, 5, 3), np.uint8)
        rgb[:2, :2], rgb[:2, 2:4] = 100, [[[10], [20]], [[30], [40]]]
        assert shrink_by(rgb, 2)[..., 0].tolist() == [[100, 25]]

    def test_by_one(self) -> None:
        """Nothing is done."""
        rgb = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
        assert shrink_by(rgb, 1) is rgb


class TestFindPeaks:
    """Local maxima, a least distance apart."""

    def test_of_a_plateau_the_first_pixel_stays(self) -> None:
        """Equal neighbors are one peak, the first as one reads."""
        image = np.zeros((7, 9), np.float32)
        image[3, 3:6] = 1
        assert find_peaks(image, 0.5, 3.0).tolist() == [[3, 3]]

    def test_the_lower_of_two_near_peaks_gives_way(self) -> None:
        """Within the distance only the higher is left; beyond it both."""
        image = np.zeros((5, 12), np.float32)
        image[2, 2], image[2, 4], image[2, 9] = 0.8, 1.0, 0.7
        assert find_peaks(image, 0.5, 3.0).tolist() == [[2, 4], [2, 9]]

    def test_what_is_below_the_floor_is_no_peak(self) -> None:
        """Nor is an even field."""
        assert find_peaks(np.full((5, 5), 0.5, np.float32), 0.5, 2.0).shape == (0, 2)

    @pytest.mark.parametrize("distance_px", [5.95, 6.0, 6.5])
    def test_the_strongest_of_a_row_stays(self, distance_px: float) -> None:
        """Three peaks down a diagonal, each within reach of the next and stronger: the last is kept, the middle not."""
        image = np.zeros((40, 40), np.float32)
        for strength, place in ((1, 10), (2, 14), (3, 18)):
            image[place, place] = strength

        peaks = find_peaks(image, 0.5, distance_px).tolist()

        assert [18, 18] in peaks
        assert [14, 14] not in peaks

    @settings(deadline=None)  # the first call compiles
    @given(pictures, st.sampled_from([0.5, 1.0, 1.5, 2.0, 2.3, 4.0]))
    def test_it_is_the_slow_search(self, image: Picture, distance_px: float) -> None:
        """On any picture, plateaus and edges too."""
        assert find_peaks(image, 0.25, distance_px).tolist() == _peaks_slowly(image, 0.25, distance_px)

    def test_the_floor_is_a_float32(self) -> None:
        """A pixel that is the floor itself, to the last bit of the picture, is no peak."""
        image = np.full((3, 3), 0, np.float32)
        image[1, 1] = np.float32(0.3)  # a little above 0.3
        assert len(find_peaks(image, 0.3, 1.0)) == 0

    def test_a_view_does(self) -> None:
        """Of every other pixel the same peaks are found as of their copy."""
        image = np.random.default_rng(0).random((40, 60)).astype(np.float32)
        assert np.array_equal(find_peaks(image[::2, ::2], 0.2, 3.0), find_peaks(image[::2, ::2].copy(), 0.2, 3.0))


class TestJoinPeaks:
    """Two peaks of one hill are one."""

    @staticmethod
    def ridge(between: float) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], list[list[int]]]:
        """Make two peaks of 0.8 and 0.9, ten pixels apart, with a height between them."""
        image = np.full((5, 20), between, np.float32)
        image[2, 4], image[2, 14] = 0.8, 0.9
        return image, [[2, 4], [2, 14]]

    @pytest.mark.parametrize(("between", "left"), [(0.61, [[2, 14]]), (0.59, [[2, 4], [2, 14]])])
    def test_the_saddle_decides(self, between: float, left: list[list[int]]) -> None:
        """At three quarters of the lower peak, 0.6, they are one, and the higher one stays."""
        image, peaks = self.ridge(between)
        assert join_peaks(image, np.array(peaks), 12.0, 0.75).tolist() == left

    def test_far_peaks_are_two(self) -> None:
        """Beyond the reach the way between them is not looked at."""
        image, peaks = self.ridge(0.79)
        assert join_peaks(image, np.array(peaks), 9.0, 0.75).tolist() == peaks

    def test_of_equal_peaks_the_first_stays(self) -> None:
        """So that the answer does not depend on chance."""
        image, peaks = self.ridge(0.7)
        image[2, 14] = np.float32(0.8)
        assert join_peaks(image, np.array(peaks), 12.0, 0.75).tolist() == [[2, 4]]

    @settings(deadline=None)
    @given(pictures, st.sampled_from([2.0, 3.5, 9.0]), st.sampled_from([0.5, 0.75, 1.0]))
    def test_it_is_the_slow_walk(self, image: Picture, reach_px: float, saddle: float) -> None:
        """On any picture, whichever way the second peak lies."""
        peaks = find_peaks(image, 0.0, 1.0)
        joined = join_peaks(image, peaks, reach_px, saddle)
        assert joined.tolist() == _joined_slowly(image, peaks.tolist(), reach_px, saddle)

    @pytest.mark.parametrize("n", [0, 1])
    def test_nothing_to_join(self, n: int) -> None:
        """No peak and a single one stay as they are."""
        assert len(join_peaks(np.ones((4, 4), np.float32), np.zeros((n, 2), np.int64), 5.0, 0.75)) == n


class TestDropSmall:
    """Specks."""

    def test_by_hand(self) -> None:
        """Of three regions the middle one has one pixel: it goes, and the third becomes the second."""
        labels = np.array([[1, 1, 0, 2, 0, 3, 3]], np.int32)
        kept, keep = drop_small(labels, 3, 2)
        assert kept.tolist() == [[1, 1, 0, 0, 0, 2, 2]]
        assert keep.tolist() == [True, False, True]

    def test_nothing(self) -> None:
        """No region, no complaint."""
        kept, keep = drop_small(np.zeros((2, 2), np.int32), 0, 5)
        assert not kept.any()
        assert keep.shape == (0,)


class TestKeepRegions:
    """Some regions, numbered anew."""

    def test_by_hand(self) -> None:
        """The first goes, and those after it move up."""
        labels = np.array([[1, 2, 0], [3, 3, 2]], np.int32)
        assert keep_regions(labels, np.array([False, True, True])).tolist() == [[0, 1, 0], [2, 2, 1]]


class TestStepCosts:
    """The price of growing over a pixel."""

    def test_by_hand(self) -> None:
        """A nucleus and free going cost 1, a strong brown line 7, a gap is a wall unless it is nucleus."""
        nuclei, dab = np.zeros((20, 41), np.int32), np.zeros((20, 41), np.float32)
        gaps = np.zeros((20, 41), bool)
        nuclei[:, :5] = 1
        dab[:, 18:23] = 0.6
        gaps[:, 3:7], gaps[:, 36:] = True, True
        row = step_costs(nuclei, dab, gaps, 0.5)[10]
        assert row[[0, 4, 10, 20, 30]].tolist() == [1, 1, 1, 7, 1]
        assert row[[5, 6, 36, 40]].tolist() == [0, 0, 0, 0]

    def test_gaps(self) -> None:
        """Where both stains together are paler than tissue."""
        hematoxylin = np.full((20, 40), 0.04, np.float32)
        dab = np.zeros((20, 40), np.float32)
        dab[:, 20:] = 0.04
        gaps = find_gaps(hematoxylin, dab, 0.5)
        assert gaps[:, :15].all()
        assert not gaps[:, 25:].any()
