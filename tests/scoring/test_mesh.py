"""Triangles of a few points, checked against school geometry."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.scoring.mesh import AFTER, BEFORE, triangulate


class TestTriangulate:
    """The mesh of points and of the four corners added."""

    def test_a_triangle_of_three_four_five(self) -> None:
        """Sides, twice the area, circle and angles of a right triangle."""
        mesh = triangulate(np.array([0.0, 3.0, 0.0]), np.array([0.0, 0.0, 4.0]), 20.0)
        row = int(np.flatnonzero((mesh.corners < 3).all(axis=1))[0])
        by_corner = np.argsort(mesh.corners[row])
        assert mesh.length[row, by_corner] == pytest.approx([5, 4, 3])
        assert mesh.cotangent[row, by_corner] == pytest.approx([0, 3 / 4, 4 / 3], abs=1e-12)
        assert mesh.area[row] == pytest.approx(12)
        assert mesh.radius[row] == pytest.approx(2.5)

    def test_a_side_is_shared_by_two_triangles(self) -> None:
        """Both numbers of a side name the same two corners, and only the four outermost sides are not shared."""
        rng = np.random.default_rng(3)
        mesh = triangulate(rng.uniform(0, 100, 30), rng.uniform(0, 100, 30), 20.0)
        ends = [np.sort([mesh.corners[:, k].ravel()[side] for k in (AFTER, BEFORE)], axis=0) for side in mesh.sides]
        assert (ends[0] == ends[1]).all()
        assert 2 * len(mesh.sides[0]) == mesh.corners.size - 4
        assert (np.diff(mesh.sides[0]) > 0).all()

    @pytest.mark.parametrize("n", [1, 2, 5])
    def test_points_on_a_line_make_a_mesh(self, n: int) -> None:
        """Thanks to the corners outside, which are out of reach of all of them."""
        mesh = triangulate(np.arange(n, dtype=np.float64), np.zeros(n), 20.0)
        assert set(mesh.corners.ravel().tolist()) == set(range(n + 4))
        apart = mesh.points[n:, None] - mesh.points[None, :n]
        assert np.hypot(apart[..., 0], apart[..., 1]).min() > 40
