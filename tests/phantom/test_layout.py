"""Places on the glass: apart, in reading order, levels in ribbons, control cores in the corner."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hetscore.geometry import Box
from hetscore.phantom.layout import BORDER_UM, GAP_UM, GRID_PX, PLAY_UM, place_pieces

SIZE = st.tuples(st.integers(20, 900), st.integers(20, 900))


def are_apart(one: Box, other: Box, gap: float) -> bool:
    """Tell whether there is a gap between two boxes along x or along y."""
    along_x = max(one.x - other.right, other.x - one.right)
    along_y = max(one.y - other.bottom, other.y - one.bottom)
    return max(along_x, along_y) >= gap


@given(
    sizes=st.lists(SIZE, min_size=1, max_size=9),
    controls=st.lists(SIZE, max_size=3),
    n_levels=st.integers(1, 3),
    mpp=st.sampled_from([0.25, 0.5, 1.0]),
    seed=st.integers(0, 100),
)
def test_pieces_keep_apart_and_inside(
    sizes: list[tuple[int, int]], controls: list[tuple[int, int]], n_levels: int, mpp: float, seed: int
) -> None:
    """Whatever the sizes: a gap between any two boxes, a border around all, sizes as asked for, corners on the grid."""
    places = place_pieces([sizes] * n_levels, controls, mpp, np.random.default_rng(seed))

    assert [(box.width, box.height) for box in places.all] == sizes * n_levels + controls
    assert all(are_apart(a, b, GAP_UM / mpp) for a, b in itertools.combinations(places.all, 2))
    assert min(min(box.x, box.y) for box in places.all) >= BORDER_UM / mpp
    assert max(box.right for box in places.all) <= places.width - BORDER_UM / mpp
    assert max(box.bottom for box in places.all) <= places.height - BORDER_UM / mpp
    assert all(n % GRID_PX == 0 for box in places.all for n in (box.x, box.y))
    assert places.width % GRID_PX == places.height % GRID_PX == 0


def test_four_fragments_lie_in_two_rows() -> None:
    """Numbered left to right, then down."""
    a, b, c, d = place_pieces([[(100, 80)] * 4], [], 0.5, np.random.default_rng(0)).levels[0]

    assert a.right < b.x
    assert c.right < d.x
    assert max(a.bottom, b.bottom) < min(c.y, d.y)


def test_levels_lie_below_one_another_and_the_control_in_the_corner() -> None:
    """Three fragments in two levels: one row each, the core right of all and level with the first."""
    places = place_pieces([[(100, 80)] * 3] * 2, [(60, 60)], 0.5, np.random.default_rng(0))

    first, second = places.levels
    assert max(box.bottom for box in first) < min(box.y for box in second)
    assert [box.x for box in first] == sorted(box.x for box in first)
    assert places.controls[0].x > max(box.right for box in places.levels[0] + places.levels[1])
    assert places.controls[0].y < first[0].bottom


def test_pieces_lie_a_little_off_their_rows() -> None:
    """From slide to slide a piece moves, by no more than its play and a step of the grid."""
    slides = [place_pieces([[(100, 80)] * 4], [], 0.5, np.random.default_rng(seed)).levels[0] for seed in range(10)]

    first = np.array([(boxes[0].x, boxes[0].y) for boxes in slides])
    assert (np.ptp(first, axis=0) > 0).all()
    assert np.ptp(first, axis=0).max() <= PLAY_UM / 0.5 + GRID_PX
