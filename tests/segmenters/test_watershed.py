"""The segmenter without weights on drawn nuclei."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import TileLabels
from hetscore.segmenters.kernels import region_sums
from hetscore.segmenters.watershed import (
    FEATURES,
    LogisticModel,
    Watershed,
    WatershedParams,
    neighbor_means,
    shape_of,
)
from tests.drawings import STAIN, disc, distance, glass, make_tile, nuclei_picture, paint

SHAPE = (160, 200)
"""80 x 100 um at 0.5 um/px."""
CENTERS = [(30.0, 30.0), (75.0, 34.0), (130.0, 28.0), (172.0, 50.0), (40.0, 90.0), (88.0, 96.0), (140.0, 110.0)]
"""Seven nuclei, 20 um and more apart."""
N = len(FEATURES)
EVEN = LogisticModel(FEATURES, (0.0,) * N, (1.0,) * N, (0.0,) * N, 0.0)
"""A tumor call that says one half of every cell."""
SEGMENTER = Watershed(EVEN)


def _segment(centers: Sequence[tuple[float, float]] = CENTERS, dab: float = 0.0) -> TileLabels:
    """Nuclei 7 um across, on a cytoplasm that is brown all over."""
    hematoxylin = nuclei_picture(SHAPE, list(centers))
    return SEGMENTER.segment(make_tile(paint(hematoxylin, np.full(SHAPE, dab))), STAIN)


def _centroids(labels: TileLabels) -> list[tuple[float, float]]:
    sums = region_sums(labels.nuclei, len(labels.p_tumor), np.zeros(labels.nuclei.shape, np.float32))
    return [(float(s[8] + s[1] / s[0]) + 0.5, float(s[9] + s[2] / s[0]) + 0.5) for s in sums]


class TestSegment:
    """Nuclei and cells of a tile."""

    @pytest.mark.parametrize("dab", [0.0, 0.2, 0.5])
    def test_each_drawn_nucleus_is_found_where_it_is(self, dab: float) -> None:
        """Seven of seven, within half a micrometer, whatever the brown around: a nucleus missed is a cell not read."""
        found = sorted(_centroids(_segment(dab=dab)))
        assert len(found) == len(CENTERS)
        assert np.array(found) == pytest.approx(np.array(sorted(CENTERS)), abs=1.0)

    def test_labels_are_in_reading_order(self) -> None:
        """Of the seeds: top to bottom, then left to right."""
        rows = [y for _, y in _centroids(_segment())]
        assert rows == pytest.approx(sorted(rows), abs=1.0)

    def test_nuclei_have_their_drawn_size(self) -> None:
        """A disc of 7 px is 38 um2; found within a third."""
        areas = np.bincount(_segment().nuclei.ravel())[1:] * 0.25
        assert areas == pytest.approx(np.full(7, np.pi * 3.5**2), rel=0.34)

    def test_two_touching_nuclei_are_two(self) -> None:
        """Their centers are 8 um apart, the rims half a micrometer."""
        assert len(_segment([(90.0, 80.0), (106.0, 80.0)]).p_tumor) == 2

    def test_cells_stay_within_their_reach(self) -> None:
        """12 um from the seed, and no farther."""
        labels = _segment([(100.0, 80.0)])
        assert distance(SHAPE, 100, 80)[labels.cells > 0].max() * 0.5 < 12 + 1
        assert (labels.cells > 0).sum() * 0.25 > np.pi * 9**2

    def test_cells_end_at_a_gap(self) -> None:
        """A lumen belongs to no cell."""
        hematoxylin = nuclei_picture(SHAPE, [(100.0, 80.0)])
        hematoxylin[:, 112:] = 0
        labels = SEGMENTER.segment(make_tile(paint(hematoxylin, np.zeros(SHAPE))), STAIN)
        assert (labels.cells[:, 105:110] > 0).any()
        assert not labels.cells[:, 116:].any()

    def test_cells_meet_on_the_brown_line(self) -> None:
        """A line 4 um from one nucleus and 10 um from the other parts them there, not halfway."""
        dab = np.zeros(SHAPE)
        dab[:, 86:90] = 0.5
        hematoxylin = nuclei_picture(SHAPE, [(76.0, 80.0), (112.0, 80.0)], radius=6)
        labels = SEGMENTER.segment(make_tile(paint(hematoxylin, dab)), STAIN)
        row = labels.cells[80]
        assert set(row[78:84]) == {1}
        assert set(row[92:110]) == {2}

    def test_specks_are_not_nuclei(self) -> None:
        """A dark speck of 1.5 um is below the least area of 9 um2."""
        hematoxylin = 0.1 + 0.4 * disc(SHAPE, 100, 80, 1.5)
        labels = SEGMENTER.segment(make_tile(paint(hematoxylin, np.zeros(SHAPE))), STAIN)
        areas = np.bincount(labels.nuclei.ravel(), minlength=1)[1:] * 0.25
        assert (areas >= 9).all()

    def test_glass_has_no_cells(self) -> None:
        """Nothing from nothing, and no complaint."""
        labels = SEGMENTER.segment(make_tile(glass(64, 64)), STAIN)
        assert len(labels.p_tumor) == 0
        assert not labels.nuclei.any()
        assert not labels.cells.any()


class TestShape:
    """Area, minor axis and elongation."""

    def test_a_disc(self) -> None:
        """A disc 10 px across at 0.5 um/px: 19.6 um2, 5 um, round."""
        labels = disc((20, 20), 10, 10, 5).astype(np.int32)
        area, minor, elongation = shape_of(region_sums(labels, 1, np.zeros((20, 20), np.float32)), 0.5)
        assert (area[0], minor[0], elongation[0]) == pytest.approx((19.6, 5, 1), rel=0.06)

    @pytest.mark.parametrize("turn", [0, 30, 90])
    def test_an_ellipse_however_turned(self, turn: int) -> None:
        """Axes of 24 and 12 px: 6 um and twice as long as wide."""
        rows, columns = np.indices((40, 40)) - 19.5
        along = columns * np.cos(np.radians(turn)) + rows * np.sin(np.radians(turn))
        across = rows * np.cos(np.radians(turn)) - columns * np.sin(np.radians(turn))
        labels = ((along / 12) ** 2 + (across / 6) ** 2 < 1).astype(np.int32)
        _, minor, elongation = shape_of(region_sums(labels, 1, np.zeros((40, 40), np.float32)), 0.5)
        assert (minor[0], elongation[0]) == pytest.approx((6, 2), rel=0.05)

    def test_a_single_pixel_has_a_shape(self) -> None:
        """No division by zero: it is as wide as long."""
        labels = np.array([[1]], np.int32)
        _, _, elongation = shape_of(region_sums(labels, 1, np.zeros((1, 1), np.float32)), 0.5)
        assert elongation.tolist() == [1.0]


class TestNeighborMeans:
    """What the neighbors are like."""

    def test_by_hand(self) -> None:
        """The middle one of three has two neighbors, the outer ones have one; the fourth has none but itself."""
        seeds = np.array([[0, 0], [0, 10], [0, 20], [50, 50]], np.int64)
        values = np.array([[1.0], [2.0], [4.0], [8.0]])
        assert neighbor_means(seeds, values, 10.0).tolist() == [[1, 2], [2, 2.5], [1, 2], [0, 8]]


class TestLogisticModel:
    """The tumor call."""

    def test_by_hand(self) -> None:
        """One measure 2 scales above the center, of weight 1, less an intercept of 2: even odds."""
        model = LogisticModel(("a", "b"), (10.0, 0.0), (5.0, 1.0), (1.0, 0.0), -2.0)
        assert model.probability(np.array([[20.0, 3.0]])) == pytest.approx([0.5])

    @given(st.floats(-1e6, 1e6))
    def test_an_odd_measure_says_no_more_than_the_edge_of_the_training_data(self, value: float) -> None:
        """Four scales from the center are the end: one wild measure never makes a call sure by itself."""
        model = LogisticModel(("a",), (0.0,), (1.0,), (0.5,), 0.0)
        assert 0.119 < model.probability(np.array([[value]]))[0] < 0.881


class TestMargin:
    """How far a tile must be read beyond its core."""

    @pytest.mark.parametrize(
        "wider",
        [
            WatershedParams(neighbor_um=30.0),
            WatershedParams(nucleus_reach_um=8.0),
            WatershedParams(cell_reach_um=40.0),
            WatershedParams(min_distance_um=5.0),
            WatershedParams(background_um=12.0),
            WatershedParams(context_um=12.0),
            WatershedParams(blob_sigmas_um=(2.3, 10.0)),
        ],
    )
    def test_it_grows_with_whatever_looks_farther(self, wider: WatershedParams) -> None:
        """Every length that a cell's measures reach through is in it."""
        assert Watershed(EVEN, wider).margin_um(0.25) > SEGMENTER.margin_um(0.25)
