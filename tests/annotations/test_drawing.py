"""Regions drawn into masks: the middle of a pixel decides."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from hetscore.annotations import draw_mask


def test_a_triangle_by_eye() -> None:
    """Pixels whose middle lies under the diagonal of a square of four."""
    mask = draw_mask(shapely.Polygon([(0, 0), (0, 40), (40, 40)]), (4, 4), 10)

    assert mask.astype(int).tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]


def test_a_hole_is_not_drawn() -> None:
    """A frame of one pixel around two pixels that are left out."""
    ring = shapely.Polygon(shapely.box(0, 0, 40, 30).exterior, [shapely.box(10, 10, 30, 20).exterior])

    assert draw_mask(ring, (3, 4), 10).astype(int).tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]]


def test_parts_and_what_lies_beyond() -> None:
    """Two parts are both drawn, and what reaches over the border is cut off there."""
    parts = shapely.MultiPolygon([shapely.box(-20, -20, 10, 10), shapely.box(20, 0, 90, 90)])

    assert draw_mask(parts, (2, 4), 10).astype(int).tolist() == [[1, 0, 1, 1], [0, 0, 1, 1]]


@given(st.lists(st.tuples(st.floats(-50, 250), st.floats(-50, 250)), min_size=3, max_size=8))
def test_as_shapely_tells_of_each_middle(corners: list[tuple[float, float]]) -> None:
    """Whatever the outline, the mask agrees with a point-by-point question, but for middles on the outline itself."""
    shape = shapely.make_valid(shapely.Polygon(corners)).buffer(0)
    y, x = np.mgrid[0:20, 0:20] * 10.0 + 5
    points = shapely.points(x, y)

    mask = draw_mask(shape, (20, 20), 10)

    is_clear = shapely.distance(shape.boundary, points) > 1e-6
    assert np.array_equal(mask[is_clear], shapely.contains(shape, points)[is_clear])


@given(st.floats(0, 100), st.floats(-1, 1))
def test_neighbors_share_no_pixel_and_leave_none_out(at: float, slope: float) -> None:
    """Two regions on the sides of a line, however it runs, have every pixel once."""
    line = [(at, 0.0), (at + 100 * slope, 100.0)]
    left, right = (shapely.Polygon([*line, (end, 100.0), (end, 0.0)]) for end in (-200.0, 300.0))

    drawn = [draw_mask(side, (10, 10), 10).astype(int) for side in (left, right)]

    assert (drawn[0] + drawn[1] == 1).all()
