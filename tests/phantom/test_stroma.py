"""Vessels, muscle and the scattered cells of stroma."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import cKDTree

from hetscore.phantom.epithelium import ANGLE, LONG, SHORT, CellType, Ground, Plan, X, Y, distance_to
from hetscore.phantom.stroma import StromaParams, lay_muscle, lay_stroma, lay_vessels

NO_CELLS = np.zeros((0, 5))


def blank(side: int) -> Plan:
    """Make a square of stroma."""
    return Plan(np.full((side, side), Ground.STROMA, np.uint8))


def test_vessels_are_lumens_in_a_ring_of_thin_nuclei() -> None:
    """Empty or full of blood; every endothelial nucleus lies within 4 um of a lumen, none in one."""
    plan = blank(800)

    sites = lay_vessels(np.random.default_rng(0), plan, StromaParams())

    full, empty = plan.ground == Ground.BLOOD, plan.ground == Ground.LUMEN
    column, row = np.floor(sites.nucleus[:, :2]).astype(int).T
    away = distance_to(full | empty)[row, column]
    assert full.any()
    assert empty.any()
    assert set(sites.type) == {CellType.ENDOTHELIUM}
    assert away.max() < 4
    assert (away > 0).mean() > 0.9


def test_vessels_need_stroma() -> None:
    """A strip too narrow for a capillary gets none."""
    plan = Plan(np.zeros((200, 200), np.uint8))
    plan.ground[100:110] = Ground.STROMA

    assert len(lay_vessels(np.random.default_rng(0), plan, StromaParams())) == 0


def test_muscle_runs_along_its_angle() -> None:
    """Cigars on muscle, all but those cut across within 30 degrees of the angle and 4 times as long as broad."""
    plan = blank(500)

    sites = lay_muscle(np.random.default_rng(0), plan, plan.stroma, 0.7)

    long = sites.nucleus[sites.nucleus[:, LONG] > 1.5 * sites.nucleus[:, SHORT]]
    assert set(sites.type) == {CellType.MUSCLE}
    assert (sites.home == Ground.MUSCLE).all()
    assert 0.6 < (plan.ground == Ground.MUSCLE).mean() < 1
    assert (np.abs(np.sin(long[:, ANGLE] - 0.7)) < 0.5).all()
    assert 4 < np.median(long[:, LONG] / long[:, SHORT]) < 6


def test_stroma_holds_fibroblasts_and_clouds_of_inflammatory_cells() -> None:
    """Lymphocytes have other lymphocytes nearer than chance would; fibroblasts follow the fibers; all on stroma."""
    plan = blank(600)
    plan.ground[:200] = Ground.EPITHELIUM

    sites = lay_stroma(np.random.default_rng(0), plan, 0.2, NO_CELLS, StromaParams())

    xy = sites.nucleus[sites.type == CellType.LYMPHOCYTE][:, [X, Y]]
    nearest = cKDTree(xy).query(xy, k=2)[0][:, 1]
    by_chance = 0.5 * math.sqrt(400 * 600 / len(xy))
    fibers = sites.nucleus[sites.type == CellType.FIBROBLAST, ANGLE]
    assert set(sites.type) == {CellType.LYMPHOCYTE, CellType.PLASMA, CellType.FIBROBLAST}
    assert (sites.nucleus[sites.type != CellType.PLASMA, Y] > 200).all()
    assert np.median(nearest) < 0.8 * by_chance
    assert abs(np.median(fibers) - 0.2) < 0.1


def test_a_plasma_cell_has_a_body_and_its_nucleus_at_one_end() -> None:
    """The nucleus's center lies 1.5 um from the body's."""
    sites = lay_stroma(np.random.default_rng(0), blank(300), 0.0, NO_CELLS, StromaParams())

    plasma = sites.type == CellType.PLASMA
    offset = sites.nucleus[plasma, :2] - sites.body[plasma, :2]
    assert np.allclose(np.hypot(*offset.T), 1.5)
    assert (sites.body[plasma, SHORT] > 3.5).all()
    assert not sites.body[~plasma].any()


def test_stroma_keeps_off_cells_that_lie_there() -> None:
    """No nucleus within 9 um + 3 of a cell of radius 9."""
    there = np.array([[150.0, 150.0, 0.0, 9.0, 9.0]])

    sites = lay_stroma(np.random.default_rng(0), blank(300), 0.0, there, StromaParams())

    kept = sites.type != CellType.PLASMA
    assert np.hypot(*(sites.nucleus[kept, :2] - 150).T).min() > 11.9
