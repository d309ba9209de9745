"""Cells read from maps drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hetscore.segmenters.decoding import BORDER, CELL, CENTER, MAPS, NUCLEUS, TUMOR, Maps, NetworkParams, find_cells
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
