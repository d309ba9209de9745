"""Cells read from maps drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from hetscore.segmenters.decoding import BORDER, CELL, CENTER, MAPS, NUCLEUS, TUMOR, Maps, NetworkParams, find_cells
from hetscore.segmenters.growth import Labels, drop_small, find_peaks, join_peaks
from hetscore.segmenters.kernels import grow_seeds
from tests.drawings import disc, distance

SHAPE = (60, 100)
"""30 x 50 um at 0.5 um/px."""
MPP = 0.5
PARAMS = NetworkParams()


def _draw(centers: list[tuple[float, float]], radius: float = 7.0, territory: float = 12.0) -> Maps:
    """Draw maps of round nuclei in round cells, sure of everything, without borders and without tumor."""
    nearest = np.min([distance(SHAPE, x, y) for x, y in centers], axis=0)
    maps = np.full((len(MAPS), *SHAPE), -6.0, np.float32)
    maps[CENTER] = 4 - nearest
    maps[NUCLEUS][nearest < radius] = 6
    maps[CELL][nearest < territory] = 6
    return maps


def _areas(labels: NDArray[np.int32]) -> list[int]:
    return [int(n) for n in np.bincount(labels.ravel())[1:]]


def _find_plainly(maps: Maps) -> tuple[Labels, Labels, NDArray[np.float64]]:
    """Find cells from the chances themselves, in as many passes as it takes: what `find_cells` promises."""
    chance = expit(maps)
    peaks = find_peaks(chance[CENTER], PARAMS.min_center, PARAMS.min_distance_um / MPP)
    seeds = join_peaks(chance[CENTER], peaks, PARAMS.one_nucleus_um / MPP, PARAMS.one_nucleus_saddle)
    cost = (1 + np.rint(6 * chance[BORDER])).astype(np.uint8)
    nuclei = grow_seeds(
        seeds[:, 0], seeds[:, 1], cost * (chance[NUCLEUS] >= 0.5), int(1.5 * PARAMS.nucleus_reach_um / MPP)
    )
    nuclei, keep = drop_small(nuclei, len(seeds), PARAMS.min_area_um2 / MPP**2)
    cost[nuclei > 0] = 1
    is_cell = (chance[CELL] >= 0.5) | (nuclei > 0)
    cells = grow_seeds(seeds[keep, 0], seeds[keep, 1], cost * is_cell, int(PARAMS.cell_reach_um / MPP))
    tumor = [maps[TUMOR][nuclei == number].mean(dtype=np.float64) for number in range(1, keep.sum() + 1)]
    return nuclei, np.where(nuclei > 0, nuclei, cells), np.array(tumor)


class TestFindCells:
    """Centers, nuclei, cells and what they are."""

    def test_two_touching_discs_are_two_nuclei(self) -> None:
        """They part halfway, though the map of nuclei is one."""
        nuclei, cells, tumor = find_cells(_draw([(40.5, 30.5), (52.5, 30.5)]), MPP, PARAMS)
        assert len(tumor) == 2
        assert set(nuclei[30, 34:46]) == {1}
        assert set(nuclei[30, 47:59]) == {2}
        assert _areas(cells)[0] == pytest.approx(_areas(cells)[1], rel=0.1)

    def test_cells_meet_on_the_border(self) -> None:
        """A border nearer to the first nucleus is where they meet, not halfway between the centers at column 50."""
        maps = _draw([(36.5, 30.5), (64.5, 30.5)], radius=5, territory=40)
        maps[BORDER, :, 44:46] = 6
        _, cells, _ = find_cells(maps, MPP, PARAMS)
        assert set(cells[30, 30:44]) == {1}
        assert set(cells[30, 46:70]) == {2}

    def test_a_speck_is_dropped(self) -> None:
        """A nucleus of 12 px, 3 um2, is none, and the numbers close up."""
        maps = _draw([(20.5, 20.5), (70.5, 40.5)])
        maps[NUCLEUS][disc(SHAPE, 20.5, 20.5, 9)] = -6
        maps[NUCLEUS][disc(SHAPE, 20.5, 20.5, 2)] = 6
        nuclei, cells, _ = find_cells(maps, MPP, PARAMS)
        assert np.unique(nuclei).tolist() == np.unique(cells).tolist() == [0, 1]
        assert nuclei[40, 70] == 1

    def test_a_center_without_a_nucleus_is_none(self) -> None:
        """The map of nuclei says no."""
        maps = _draw([(50.5, 30.5)])
        maps[NUCLEUS] = -6
        nuclei, cells, tumor = find_cells(maps, MPP, PARAMS)
        assert not nuclei.any()
        assert not cells.any()
        assert tumor.shape == (0,)

    def test_a_nucleus_without_a_cell_is_its_own(self) -> None:
        """The map of cells says no: the territory is the nucleus."""
        maps = _draw([(50.5, 30.5)])
        maps[CELL] = -6
        nuclei, cells, _ = find_cells(maps, MPP, PARAMS)
        assert nuclei.any()
        assert np.array_equal(nuclei, cells)

    def test_reading_order(self) -> None:
        """Top to bottom, then left to right."""
        nuclei, _, _ = find_cells(_draw([(80.5, 12.5), (20.5, 30.5), (60.5, 30.5)]), MPP, PARAMS)
        assert [nuclei[12, 80], nuclei[30, 20], nuclei[30, 60]] == [1, 2, 3]

    def test_tumor_is_the_mean_over_the_nucleus(self) -> None:
        """2 on its left half and 6 on its right one make 4; what lies beside it says nothing."""
        maps = _draw([(50.0, 30.0)])
        maps[TUMOR], maps[TUMOR, :, :50] = 6, 2
        maps[TUMOR, :, :40] = -50
        _, _, tumor = find_cells(maps, MPP, PARAMS)
        assert tumor == pytest.approx([4.0], abs=0.1)

    def test_sizes_are_in_micrometers(self) -> None:
        """Drawn at twice the pixels and read as such, a cell has four times the pixels."""
        maps = _draw([(50.5, 30.5)])
        fine = maps.repeat(2, axis=1).repeat(2, axis=2)
        (area,) = _areas(find_cells(maps, MPP, PARAMS)[1])
        (fine_area,) = _areas(find_cells(fine, MPP / 2, PARAMS)[1])
        assert fine_area == pytest.approx(4 * area, rel=0.05)

    @pytest.mark.parametrize("scale", [0.5, 4.0, 60.0])
    @pytest.mark.parametrize("shape", [(97, 131), (160, 64), (5, 200)])
    def test_shortcuts_change_nothing(self, scale: float, shape: tuple[int, int]) -> None:
        """On hills and hollows, low ones and such that chances are 0 and 1, rough where a map is near a step."""
        rng = np.random.default_rng(7)
        noise = rng.normal(0, 1, (len(MAPS), *shape)).astype(np.float32)
        maps = np.stack([scale * 8 * cv2.GaussianBlur(layer, (0, 0), 3.0) for layer in noise]).astype(np.float32)
        maps[NUCLEUS : BORDER + 1] += 0.4 * noise[NUCLEUS : BORDER + 1] + np.float32(0.3)
        (nuclei, cells, tumor), expected = find_cells(maps, MPP, PARAMS), _find_plainly(maps)
        assert np.array_equal(nuclei, expected[0])
        assert np.array_equal(cells, expected[1])
        assert tumor == pytest.approx(expected[2], rel=1e-6, abs=1e-6)

    @pytest.mark.parametrize("least", [1, 2, 3, 4, 5, 6])
    def test_the_border_is_priced_to_the_last_bit(self, least: int) -> None:
        """Logits around a step of the price, bit by bit: each pixel costs what its rounded chance says.

        Seeds at both ends of a row meet where their costs do, so a price that is off by one would move a cell's edge.
        """
        steps = np.log((least - 0.5) / 6 / (1 - (least - 0.5) / 6))
        around = np.float32(steps) + np.arange(-20, 20) * np.spacing(np.float32(steps))
        maps = _draw([(20.5, 30.5), (60.5, 30.5)], radius=5, territory=40)
        for row, value in enumerate(around.astype(np.float32)):
            maps[BORDER, 10 + row, 30:32] = value
        for found, expected in zip(find_cells(maps, MPP, PARAMS)[:2], _find_plainly(maps)[:2], strict=True):
            assert np.array_equal(found, expected)

    @pytest.mark.parametrize("value", [-np.inf, -1e38, 0, 40, np.inf])
    def test_extremes(self, value: float) -> None:
        """Maps without a hill have at most one center, whatever their height, and no warning."""
        maps = np.full((len(MAPS), 30, 50), value, np.float32)
        nuclei, _, tumor = find_cells(maps, MPP, PARAMS)
        assert len(tumor) == nuclei.max() == (1 if value == 0 else 0)

    def test_maps_are_left_as_they_are(self) -> None:
        """Also a view of them that is not in one piece."""
        maps = _draw([(40.5, 30.5), (52.5, 30.5)])
        before, view = maps.copy(), maps[:, 3:-3, 5:-5]
        found, expected = find_cells(view, MPP, PARAMS), find_cells(view.copy(), MPP, PARAMS)
        assert all(np.array_equal(found[k], expected[k]) for k in range(3))
        assert np.array_equal(maps, before)

    def test_nothing(self) -> None:
        """No center, no cell, no complaint."""
        nuclei, cells, tumor = find_cells(np.full((len(MAPS), 32, 32), -6, np.float32), MPP, PARAMS)
        assert not nuclei.any()
        assert not cells.any()
        assert tumor.shape == (0,)


class TestReach:
    """How far the maps around a center can change its cell."""

    @pytest.mark.parametrize(
        "wider",
        [NetworkParams(nucleus_reach_um=10.0), NetworkParams(cell_reach_um=15.0), NetworkParams(one_nucleus_um=9.0)],
    )
    def test_it_grows_with_every_length(self, wider: NetworkParams) -> None:
        """Each of them is in it."""
        assert wider.reach_um > PARAMS.reach_um

    def test_what_lies_beyond_changes_nothing(self) -> None:
        """Noise farther than the reach from a cell's center leaves the cell as it was."""
        rng = np.random.default_rng(3)
        maps = rng.normal(0, 3, (len(MAPS), 320, 320)).astype(np.float32)
        maps[NUCLEUS:TUMOR] += 2
        away = distance((320, 320), 160, 160) > PARAMS.reach_um / MPP
        other = maps.copy()
        other[:, away] = rng.normal(0, 3, (len(MAPS), int(away.sum())))
        one, two = (find_cells(m, MPP, PARAMS)[1] for m in (maps, other))
        label_one, label_two = one[160, 160], two[160, 160]
        assert label_one > 0
        assert np.array_equal(one == label_one, two == label_two)
