"""Glands and sheets: who owns which pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hetscore.domain import MembranePattern
from hetscore.phantom.epithelium import (
    GLANDS,
    CellType,
    Gland,
    Ground,
    Layout,
    paint_gland,
    paint_sheets,
    place_glands,
)

MPP = 0.5


def blank(side: int) -> Layout:
    """Make a square of stroma."""
    return Layout(np.full((side, side), Ground.STROMA, np.uint8), np.zeros((side, side), np.int32), MPP)


def test_a_round_gland_is_a_ring_of_cells_around_a_lumen() -> None:
    """Middle radius 20 um, height 20 um: lumen to 10, cells to 30, 19 of them, nuclei in the outer half."""
    layout = blank(160)
    gland = Gland(x=80.0, y=80.0, major=40.0, minor=40.0, angle=0.3, height=40.0)

    sites = paint_gland(np.random.default_rng(0), layout, gland, 5, CellType.TUMOR, MembranePattern.LATERAL)

    radius = np.hypot(*(np.indices((160, 160)) - 80))
    assert (layout.ground[radius < 19] == Ground.LUMEN).all()
    assert (layout.ground[(radius > 21) & (radius < 59)] == Ground.EPITHELIUM).all()
    assert (layout.ground[radius > 61] == Ground.STROMA).all()
    assert len(sites) == round(2 * math.pi * 20 / GLANDS[CellType.TUMOR].width_um)
    assert set(np.unique(layout.cells)) == {0, *range(5, 5 + len(sites))}
    assert (np.hypot(sites.x - 80, sites.y - 80) > 30).all()


def test_a_nucleus_lies_in_the_cell_of_its_own_label() -> None:
    """Site i is the middle of territory first + i, in an elongated, turned gland too."""
    layout = blank(200)
    gland = Gland(x=100.0, y=95.0, major=70.0, minor=44.0, angle=1.0, height=40.0)

    sites = paint_gland(np.random.default_rng(1), layout, gland, 1, CellType.TUMOR, MembranePattern.LATERAL)

    found = layout.cells[np.rint(sites.y).astype(int), np.rint(sites.x).astype(int)]
    assert found.tolist() == list(range(1, len(sites) + 1))


def test_glands_stay_in_the_room_and_apart() -> None:
    """Painted one after another, no gland leaves the room or takes pixels of another."""
    layout, rng = blank(400), np.random.default_rng(0)
    room = np.zeros((400, 400), bool)
    room[40:360, 40:360] = True
    glands = place_glands(rng, room, GLANDS[CellType.TUMOR], 0.8, MPP)

    owned = 0
    for gland in glands:
        before = layout.ground.copy()
        paint_gland(rng, layout, gland, 1, CellType.TUMOR, MembranePattern.LATERAL)
        owned += int(np.count_nonzero(layout.ground != before))

    assert len(glands) >= 4
    assert owned == np.count_nonzero(layout.ground != Ground.STROMA)
    assert (layout.ground[~room] == Ground.STROMA).mean() > 0.999


def test_no_room_no_gland() -> None:
    """A room smaller than the smallest gland stays empty."""
    assert place_glands(np.random.default_rng(0), np.ones((60, 60), bool), GLANDS[CellType.TUMOR], 0.8, MPP) == []


@pytest.mark.parametrize("share", [0.4, 0.9])
def test_sheets_cover_their_share_with_cells_of_ninety_square_microns(share: float) -> None:
    """Solid nests take about the share asked for, and every site owns its own pixel."""
    layout = blank(500)

    sites = paint_sheets(np.random.default_rng(0), layout, np.ones((500, 500), bool), share, 1)

    covered = np.count_nonzero(layout.cells) / layout.cells.size
    assert covered == pytest.approx(share, abs=0.15)
    assert np.count_nonzero(layout.cells) * MPP**2 / len(sites) == pytest.approx(90, rel=0.15)
    assert (np.bincount(layout.cells.ravel(), minlength=len(sites) + 1)[1:] > 0).all()


def test_sheets_without_room_are_empty() -> None:
    """No room, no cells, no error."""
    layout = blank(60)

    assert len(paint_sheets(np.random.default_rng(0), layout, np.zeros((60, 60), bool), 0.8, 1)) == 0
    assert not layout.cells.any()
