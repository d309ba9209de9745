"""Poorly cohesive and signet-ring cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hetscore.domain import MembranePattern
from hetscore.phantom.diffuse import DIFFUSE_PITCH_UM, lay_diffuse, lay_signet
from hetscore.phantom.epithelium import LONG, SHORT, CellType, Ground

ROOM = np.ones((500, 500), bool)


def test_diffuse_cells_are_single_and_in_groups() -> None:
    """Tumor cells on stroma that would stain completely; some have no neighbor, others touch several."""
    sites = lay_diffuse(np.random.default_rng(0), ROOM, 0.0, 0.35)

    xy = sites.body[:, :2]
    near = np.array([len(rows) - 1 for rows in cKDTree(xy).query_ball_point(xy, 1.3 * DIFFUSE_PITCH_UM)])
    assert set(sites.type) == {CellType.TUMOR}
    assert set(sites.pattern) == {MembranePattern.COMPLETE}
    assert (sites.home == Ground.STROMA).all()
    assert (near == 0).mean() > 0.02
    assert (near >= 4).mean() > 0.1


def test_files_run_along_the_fibers() -> None:
    """Neighbors lie side by side along x more often where the fibers run along x than where they run along y."""
    shares = []
    for angle in (0.0, math.pi / 2):
        xy = lay_diffuse(np.random.default_rng(0), ROOM, angle, 0.35).body[:, :2]
        apart = np.abs(np.diff(xy[cKDTree(xy).query_pairs(3 * DIFFUSE_PITCH_UM, output_type="ndarray")], axis=1)[:, 0])
        shares.append(np.mean(apart[:, 0] > apart[:, 1]))

    assert shares[0] > shares[1] + 0.06


@pytest.mark.parametrize("lay", [lay_diffuse, lay_signet])
def test_more_is_asked_for_more_comes(lay: object) -> None:
    """Twice the share gives more cells; an empty room gives none."""
    assert callable(lay)
    few, many = (len(lay(np.random.default_rng(0), ROOM, 0.0, share)) for share in (0.2, 0.4))

    assert many > 1.5 * few
    assert len(lay(np.random.default_rng(0), np.zeros((50, 50), bool), 0.0, 0.4)) == 0


def test_a_signet_ring_cell_holds_its_vacuole_and_a_nucleus_beside_it() -> None:
    """Most cells have a vacuole inside the body; the nucleus's center lies outside the vacuole, inside the body."""
    sites = lay_signet(np.random.default_rng(0), ROOM, 0.0, 0.4)

    rings = sites.vacuole[:, LONG] > 0
    radius = np.sqrt(sites.body[rings, LONG] * sites.body[rings, SHORT])
    to_vacuole = np.hypot(*(sites.vacuole[rings, :2] - sites.body[rings, :2]).T)
    to_nucleus = np.hypot(*(sites.nucleus[rings, :2] - sites.body[rings, :2]).T)
    assert rings.mean() == pytest.approx(0.8, abs=0.08)
    assert (to_vacuole + sites.vacuole[rings, SHORT] < radius).all()
    assert (to_nucleus < radius).all()
    assert (to_nucleus + to_vacuole > sites.vacuole[rings, SHORT]).all()
    assert 6 < np.median(radius) < 9
    assert (math.pi * radius**2 > 80).all()
