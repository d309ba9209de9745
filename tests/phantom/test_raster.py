"""Painting: grounds, territories, vacuoles and nuclei on pictures small enough to draw."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from hetscore.phantom.epithelium import Floats, Ground, Plan
from hetscore.phantom.raster import (
    Warp,
    draw_warp,
    drop_labels,
    find_contacts,
    measure,
    paint_bodies,
    paint_ground,
    paint_nuclei,
    paint_vacuoles,
    settle,
)

MPP = 0.5
SIDE = 80
"""Pixels of the pictures below; the plan is 40 um."""

NONE = np.zeros((1, 5))


def flat() -> Warp:
    """Make a warp that moves nothing."""
    return Warp(np.zeros((SIDE, SIDE), np.int16), np.zeros((SIDE, SIDE), np.int16), MPP)


def disk(x_um: float, y_um: float, radius_um: float) -> list[float]:
    """Make a row of a table of ellipses."""
    return [x_um, y_um, 0.0, radius_um, radius_um]


def painted(bodies: Floats, kernels: Floats | None = None) -> NDArray[np.int32]:
    """Paint bodies on stroma."""
    cells, nearest = np.zeros((SIDE, SIDE), np.int32), np.full((SIDE, SIDE), 2.0, np.float32)
    ground = np.full((SIDE, SIDE), Ground.STROMA, np.uint8)
    homes = np.full(len(bodies), Ground.STROMA, np.int8)
    kernels = np.zeros_like(bodies) if kernels is None else kernels
    paint_bodies(cells, nearest, ground, bodies, kernels, homes, flat().maps)
    return cells


def test_ground_keeps_what_the_plan_says() -> None:
    """Half glass, half stroma: half of the pixels each, and the border where it was."""
    plan = Plan(np.zeros((40, 40), np.uint8))
    plan.ground[:, 20:] = Ground.STROMA

    ground = paint_ground(plan, flat())

    assert ground.shape == (SIDE, SIDE)
    assert (ground[:, :40] == Ground.GLASS).all()
    assert (ground[:, 40:] == Ground.STROMA).all()


def test_a_warp_bends_by_its_amplitude() -> None:
    """Of waves of 2 um the shifts have a standard deviation of 2 um, kept in 1/512 um."""
    warp = draw_warp(np.random.default_rng(0), (200, 200), ((10.0, 2.0),), MPP)

    assert warp.x.shape == (400, 400)
    assert np.std(warp.x / 512) == pytest.approx(2, rel=0.1)


def test_a_lone_body_is_its_ellipse_and_two_meet_half_way() -> None:
    """A disk of 8 um has 64 pi um2; two equal ones 10 um apart part at the middle."""
    alone = painted(np.array([disk(20, 20, 8)]))
    both = painted(np.array([disk(15, 20, 8), disk(25, 20, 8)]))

    assert np.count_nonzero(alone) * MPP**2 == pytest.approx(64 * math.pi, rel=0.02)
    assert (both[40, 15:40] == 1).all()
    assert (both[40, 40:65] == 2).all()
    assert find_contacts(both).tolist() == [[0, 1]]


def test_a_larger_body_takes_more_and_a_kernel_bulges() -> None:
    """The border shifts to the smaller body; a nucleus across the border keeps its surroundings."""
    unequal = painted(np.array([disk(15, 20, 10), disk(25, 20, 6)]))
    bodies = np.array([disk(15, 20, 8), disk(25, 20, 8)])
    bulging = painted(bodies, np.array([disk(20, 20, 3), [0, 0, 0, 0, 0]]))

    assert unequal[40, 41] == 1
    assert (bulging[40, 40:45] == 1).all()
    assert bulging[52, 41] == 2


def test_bodies_stay_on_their_home_ground() -> None:
    """A cell of epithelium takes nothing of stroma."""
    cells, nearest = np.zeros((SIDE, SIDE), np.int32), np.full((SIDE, SIDE), 2.0, np.float32)
    ground = np.full((SIDE, SIDE), Ground.STROMA, np.uint8)
    ground[:, 40:] = Ground.EPITHELIUM

    paint_bodies(
        cells, nearest, ground, np.array([disk(20, 20, 8)]), NONE, np.array([Ground.EPITHELIUM], np.int8), flat().maps
    )

    assert not cells[:, :40].any()
    assert cells[40, 40:55].all()


def test_settling_makes_lost_cells_damage_and_empty_epithelium_stroma() -> None:
    """Cell 1 lives, cell 2 is lost to necrosis, epithelium without a cell turns into stroma, glass stays."""
    cells = np.array([[1, 2, 0, 0]], np.int32)
    ground = np.array([[Ground.STROMA, Ground.EPITHELIUM, Ground.EPITHELIUM, Ground.GLASS]], np.uint8)

    settle(ground, cells, np.array([0, 0, Ground.NECROSIS], np.uint8), np.array([0, Ground.EPITHELIUM, 0], np.uint8))

    assert ground.tolist() == [[Ground.EPITHELIUM, Ground.NECROSIS, Ground.STROMA, Ground.GLASS]]
    assert cells.tolist() == [[1, 0, 0, 0]]


def test_a_vacuole_dents_the_nucleus_beside_it() -> None:
    """Vacuole and nucleus lie in the cell and do not overlap; the nucleus is a crescent of depth 1 where they meet."""
    bodies, vacuoles = np.array([disk(20, 20, 9)]), np.array([disk(18, 20, 6)])
    cells = painted(bodies)
    ground = np.where(cells > 0, Ground.EPITHELIUM, Ground.STROMA).astype(np.uint8)
    nuclei, depth = np.zeros_like(cells), np.full(cells.shape, 2.0, np.float32)

    paint_vacuoles(ground, cells, vacuoles, 1, flat().maps)
    shapes = np.array([[25.0, 20.0, 0, 4, 5, *[0.0] * 6]])
    owners, homes = np.zeros(1, np.int64), np.array([Ground.EPITHELIUM], np.int8)
    paint_nuclei(nuclei, depth, (ground, cells), shapes, owners, vacuoles, homes, 1, flat().maps)

    seen = nuclei > 0
    assert (ground[seen] == Ground.EPITHELIUM).all()
    assert np.count_nonzero(ground == Ground.VACUOLE) * MPP**2 == pytest.approx(36 * math.pi, rel=0.03)
    assert (cells[seen] == 1).all()
    assert 12 < seen.sum() * MPP**2 < math.pi * 20
    assert depth[40, np.flatnonzero(seen[40])[0]] > 0.85
    assert depth[seen].max() <= 1


def test_a_nucleus_without_a_cell_keeps_to_its_ground() -> None:
    """On muscle only the muscle's half of a disk is painted; it has measure, center, and can be dropped."""
    ground = np.full((SIDE, SIDE), Ground.STROMA, np.uint8)
    ground[:, 40:] = Ground.MUSCLE
    cells, nuclei = np.zeros((SIDE, SIDE), np.int32), np.zeros((SIDE, SIDE), np.int32)
    depth = np.full((SIDE, SIDE), 2.0, np.float32)
    shapes = np.array([[20.0, 20.0, 0, 5, 5, *[0.0] * 6]])

    homes = np.array([Ground.MUSCLE], np.int8)
    paint_nuclei(nuclei, depth, (ground, cells), shapes, np.zeros(1, np.int64), NONE, homes, 1, flat().maps)

    area, x, y = measure(nuclei, 1)[0]
    assert area * MPP**2 == pytest.approx(12.5 * math.pi, rel=0.03)
    assert x * MPP == pytest.approx(20 + 4 * 5 / (3 * math.pi), abs=0.1)
    assert y * MPP == pytest.approx(20, abs=0.01)
    drop_labels(nuclei, np.array([True]))
    assert not nuclei.any()


def test_labels_that_are_nowhere_have_no_place() -> None:
    """Label 2 of 2 is absent: no pixels, place NaN."""
    measured = measure(np.array([[1, 1]], np.int32), 2)

    assert measured[0].tolist() == [2, 1, 0.5]
    assert measured[1, 0] == 0
    assert np.isnan(measured[1, 1:]).all()


def test_contacts_are_shared_edges() -> None:
    """Cells 1 and 2, 1 and 3 share an edge; 2 and 3 touch at a corner only; 0 is no cell."""
    cells = np.array([[1, 1, 2], [1, 1, 0], [3, 3, 0]], np.int32)

    assert find_contacts(cells).tolist() == [[0, 1], [0, 2]]
    assert find_contacts(np.zeros((2, 2), np.int32)).shape == (0, 2)


@given(cells=arrays(np.int32, (6, 7), elements=st.integers(0, 5)))
def test_contacts_equal_the_slow_way(cells: NDArray[np.int32]) -> None:
    """Whatever the picture: the set of unlike neighbors, smaller first, sorted."""
    pairs = set()
    for near, far in ((cells[:, :-1], cells[:, 1:]), (cells[:-1], cells[1:])):
        pairs |= {tuple(sorted(pair)) for pair in zip(near.ravel(), far.ravel(), strict=True)}
    expected = sorted([int(a) - 1, int(b) - 1] for a, b in pairs if 0 < a < b)

    assert find_contacts(cells).tolist() == expected
