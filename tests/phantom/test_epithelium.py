"""The words of drawn tissue, and sheets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import MembranePattern
from hetscore.phantom.epithelium import (
    LONG,
    NUCLEI,
    SHORT,
    CellType,
    Ground,
    Plan,
    distance_to,
    draw_sites,
    eroded,
    fill_with_cells,
    grid_in,
    jittered_grid,
    join_sites,
    lay_sheets,
    opened,
    take_sites,
    zone,
)


def blank(side: int) -> Plan:
    """Make a square of stroma."""
    return Plan(np.full((side, side), Ground.STROMA, np.uint8))


@pytest.mark.parametrize("cell_type", list(CellType))
def test_nuclei_have_the_area_of_their_type(cell_type: CellType) -> None:
    """Of 500 nuclei the median of pi times the semi-axes is the area of the table; none is broader than long."""
    sites = draw_sites(np.random.default_rng(0), np.zeros((500, 2)), np.zeros(500), cell_type)

    area = math.pi * sites.nucleus[:, LONG] * sites.nucleus[:, SHORT]
    assert np.median(area) == pytest.approx(NUCLEI[cell_type].area_um2, rel=0.06)
    assert (sites.nucleus[:, LONG] >= sites.nucleus[:, SHORT]).all()
    assert not sites.body.any()


def test_joining_and_taking_sites_keeps_rows_together() -> None:
    """Two lymphocytes and a plasma cell: the last row is the plasma cell; nothing joined is empty."""
    rng = np.random.default_rng(0)
    lymphocytes = draw_sites(rng, np.array([[1.0, 2], [3, 4]]), np.zeros(2), CellType.LYMPHOCYTE)
    plasma = draw_sites(rng, np.array([[5.0, 6]]), np.zeros(1), CellType.PLASMA)

    joined = join_sites([lymphocytes, plasma])

    assert joined.type.tolist() == [CellType.LYMPHOCYTE, CellType.LYMPHOCYTE, CellType.PLASMA]
    assert take_sites(joined, joined.type == CellType.PLASMA).nucleus[0, :2].tolist() == [5, 6]
    assert len(join_sites([])) == 0


def test_distances_and_opening_on_a_picture_one_can_draw() -> None:
    """Opening a square with a one-pixel spur takes the spur; distance to nothing is large."""
    mask = np.zeros((20, 20), bool)
    mask[4:15, 4:15] = True
    spurred = mask.copy()
    spurred[9, 15:19] = True

    kept = opened(spurred, 3.0)

    assert kept[9, 9]
    assert kept[9, 4]
    assert not kept[9, 17]
    assert distance_to(np.zeros((3, 3), bool)).min() > 1000
    assert eroded(mask, 5.0).sum() == 1


@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_a_zone_covers_its_share_of_the_room(seed: int, share: float) -> None:
    """Whatever the seed, within a hundredth, and never outside the room."""
    room = np.zeros((60, 50), bool)
    room[10:50, 5:45] = True

    patches = zone(np.random.default_rng(seed), room, share, 15.0)

    assert patches.sum() == pytest.approx(share * room.sum(), abs=0.01 * room.sum())
    assert not (patches & ~room).any()


def test_a_grid_without_jitter_has_its_pitch() -> None:
    """Neighbors in a row of a hexagonal grid of pitch 10 are 10 apart, rows 8.66; only places in the room count."""
    xy = jittered_grid(np.random.default_rng(0), (30, 40), 10.0, 0.0)
    room = np.zeros((30, 40), bool)
    room[:, :20] = True

    half = grid_in(np.random.default_rng(0), room, 10.0, 0.0)

    assert xy[:4, 0].tolist() == [0, 10, 20, 30]
    assert sorted(set(xy[:, 1].round(2)))[1] == 8.66
    assert half[:, 0].max() < 20


@pytest.mark.parametrize("share", [0.4, 0.9])
def test_sheets_cover_their_share_with_cells_of_ninety_square_microns(share: float) -> None:
    """Solid nests take about the share asked for; each cell has 80-115 um2 of it, counting the scalloped edge."""
    plan = blank(500)

    sites = lay_sheets(np.random.default_rng(0), plan, np.ones((500, 500), bool), share)

    covered = np.count_nonzero(plan.ground == Ground.EPITHELIUM)
    assert covered / 500**2 == pytest.approx(share, abs=0.2)
    assert 80 < covered / len(sites) < 115
    assert set(sites.pattern) == {MembranePattern.COMPLETE}
    assert (sites.home == Ground.EPITHELIUM).all()


def test_sheets_without_room_are_empty() -> None:
    """No room, no cells, no error."""
    plan = blank(60)

    assert len(lay_sheets(np.random.default_rng(0), plan, np.zeros((60, 60), bool), 0.8)) == 0
    assert (plan.ground == Ground.STROMA).all()


def test_cells_of_a_filled_room_lie_in_it() -> None:
    """Bodies are centered in the room, 10 um apart on the average."""
    room = np.zeros((100, 100), bool)
    room[20:80, 20:80] = True

    sites = fill_with_cells(np.random.default_rng(0), room, 10.0)

    assert len(sites) == pytest.approx(3600 / 86.6, rel=0.2)
    assert (sites.body[:, :2] >= 20).all()
    assert (sites.body[:, :2] <= 80).all()
