"""Glands: walls of columnar cells around lumens."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.domain import MembranePattern
from hetscore.phantom.epithelium import ANGLE, LONG, CellType, Ground, Mask, Plan, distance_to
from hetscore.phantom.glands import GLANDS, lay_glands, lay_surface

KINDS = list(GLANDS)


def room_of(side: int) -> tuple[Plan, Mask]:
    """Make a square of stroma, 30 um of it kept free along the edges."""
    room = np.zeros((side, side), bool)
    room[30:-30, 30:-30] = True
    return Plan(np.full((side, side), Ground.STROMA, np.uint8)), room


@pytest.mark.parametrize("cell_type", KINDS)
def test_glands_have_walls_as_high_as_their_cells_and_lumens_within(cell_type: CellType) -> None:
    """No lumen touches stroma; the wall between them is about the epithelium's height."""
    plan, room = room_of(500)

    lay_glands(np.random.default_rng(3), plan, room, cell_type, MembranePattern.LATERAL, 0.8)

    lumen = plan.ground == Ground.LUMEN
    low, high = GLANDS[cell_type].height_um
    from_stroma = distance_to(plan.stroma)[lumen]
    assert lumen.sum() > 500
    assert from_stroma.min() > 0.6 * low
    assert np.percentile(from_stroma, 5) < 1.4 * high


@pytest.mark.parametrize("cell_type", KINDS)
def test_gland_cells_are_of_their_type_and_stand_in_their_wall(cell_type: CellType) -> None:
    """Type and pattern are those asked for; nearly all nuclei are meant to lie in epithelium, none in the free edge."""
    plan, room = room_of(500)

    sites = lay_glands(np.random.default_rng(1), plan, room, cell_type, MembranePattern.BASOLATERAL, 0.8)

    column, row = np.floor(sites.nucleus[:, :2]).astype(int).T
    assert len(sites) > 100
    assert set(sites.type) == {cell_type}
    assert set(sites.pattern) == {MembranePattern.BASOLATERAL}
    assert (plan.ground[row, column] == Ground.EPITHELIUM).mean() > 0.97
    assert (plan.ground[~room] == Ground.STROMA).all()


def test_foveolar_nuclei_lie_at_the_base() -> None:
    """Nearer to stroma than to the lumen, by far: within the outer 8 um of a wall of 15-20."""
    plan, room = room_of(500)

    sites = lay_glands(np.random.default_rng(2), plan, room, CellType.FOVEOLAR, MembranePattern.NONE, 0.8)

    column, row = np.floor(sites.nucleus[:, :2]).astype(int).T
    assert np.percentile(distance_to(plan.stroma)[row, column], 90) < 8


def test_only_metaplasia_has_goblet_cells() -> None:
    """About a fifth of its cells hold a vacuole, between the nucleus and the lumen; foveolar and tumor cells none."""
    plan, room = room_of(600)
    sites = lay_glands(np.random.default_rng(0), plan, room, CellType.METAPLASTIC, MembranePattern.NONE, 0.9)
    others = [
        lay_glands(np.random.default_rng(0), *room_of(300), kind, MembranePattern.NONE, 0.9)
        for kind in (CellType.FOVEOLAR, CellType.TUMOR)
    ]

    goblet = sites.vacuole[:, LONG] > 0
    depth = distance_to(plan.stroma)
    at_vacuole, at_nucleus = (
        depth[tuple(np.floor(table[goblet, :2]).astype(int).T[::-1])] for table in (sites.vacuole, sites.nucleus)
    )
    assert goblet.mean() == pytest.approx(0.22, abs=0.06)
    assert (at_vacuole > at_nucleus).mean() > 0.95
    assert not any((other.vacuole[:, LONG] > 0).any() for other in others)


def test_no_room_no_gland() -> None:
    """A room smaller than the smallest gland stays empty, as does any room of which no share is asked for."""
    rng = np.random.default_rng(0)
    plan = Plan(np.full((60, 60), Ground.STROMA, np.uint8))
    small = np.zeros((60, 60), bool)
    small[20:40, 20:40] = True

    assert len(lay_glands(rng, plan, small, CellType.TUMOR, MembranePattern.LATERAL, 0.8)) == 0
    assert len(lay_glands(rng, plan, np.ones((60, 60), bool), CellType.TUMOR, MembranePattern.LATERAL, 0.0)) == 0
    assert (plan.ground == Ground.STROMA).all()


def test_surface_cells_line_part_of_the_outline_and_look_outwards() -> None:
    """On a disk of radius 100, cells within 20 um of its border, upright, along about the share asked for."""
    y, x = np.indices((240, 240)) + 0.5 - 120
    disk = np.hypot(x, y) < 100
    plan = Plan(disk.astype(np.uint8))

    sites = lay_surface(np.random.default_rng(0), plan, disk, CellType.FOVEOLAR, 0.4)

    offset = sites.nucleus[:, :2] - 120
    outwards = np.cos(sites.body[:, ANGLE] - np.arctan2(offset[:, 1], offset[:, 0]))
    assert len(sites) == pytest.approx(0.4 * 2 * np.pi * 90 / 6.8, rel=0.15)
    assert (np.hypot(*offset.T) > 78).all()
    assert (outwards > 0.9).all()
    assert np.count_nonzero(plan.ground == Ground.EPITHELIUM) > 0.3 * np.pi * (100**2 - 85**2)
