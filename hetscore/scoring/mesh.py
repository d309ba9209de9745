"""Delaunay triangles of points in the plane, with their angles and circles.

In: points in micrometers. Out: the mesh of Qhull and what is measured on it. It says nothing of cells: who is linked
is decided in `hetscore.scoring.clusters`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

TOUCHING_UM = 1e-6
"""Lengths below a picometer are rounding: float64 keeps 1e-11 um on a slide 10 cm wide, a pixel is 0.25 um."""
_QHULL = "Qbb Qc Q5 Q7 Q12"
"""Scaled for precision, cells lost to rounding named, no outer planes (not needed), depth first (a fifth faster here),
no refusal of wide facets. See the manual of Qhull, qhull.org/html/qh-optq.htm."""
_CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
AFTER, BEFORE = [1, 2, 0], [2, 0, 1]
"""Side k of a triangle runs from the corner after k to the corner before it."""


@dataclass(frozen=True)
class Mesh:
    """Delaunay triangles of points; side k of a triangle lies opposite its corner k."""

    points: _Floats
    """(p, 2)"""
    corners: NDArray[np.int32]
    """(t, 3)"""
    cotangent: _Floats
    """(t, 3), of the angle at each corner; below zero where it is obtuse. The center of the triangle's circle lies this
    many halves of side k inward of its middle."""
    length: _Floats
    """(t, 3), of each side."""
    area: _Floats
    """(t,), twice the area."""
    radius: _Floats
    """(t,), of the circle through the corners, which holds no point inside."""
    sides: tuple[_Ints, _Ints]
    """Both numbers, 3 * triangle + side, of each side that two triangles share; the first ascend."""
    lost: NDArray[np.int32]
    """(2, l), points that rounding kept out of the triangles, each over the nearest point in them."""


def triangulate(x: _Floats, y: _Floats, reach: float) -> Mesh:
    """Triangulate points.

    Parameters
    ----------
    x, y : ndarray, shape (n,), float64
        Positions in micrometers, at least one, no two at one place.
    reach : float
        Micrometers: what is farther than this from a point does not matter to it.

    Returns
    -------
    Mesh
        In a frame of its own, centered. Points n to n + 3 are the corners added.

    Notes
    -----
    Four corners are added, too far out to lie in a circle of a radius of `reach` with any of the points. So all points
    are inside the mesh, and a single one or a straight line of them make a mesh too.
    """
    points = np.empty((len(x) + len(_CORNERS), 2))
    for column, values in enumerate((x, y)):
        low, high = values.min(), values.max()
        points[: len(x), column] = values - (low + high) / 2
        points[len(x) :, column] = _CORNERS[:, column] * ((high - low) / 2 + 3 * reach)
    mesh = Delaunay(points, qhull_options=_QHULL)
    return _measure(points, mesh.simplices, mesh.neighbors, mesh.coplanar[:, [0, 2]].T)


def _measure(points: _Floats, corners: NDArray[np.int32], beyond: NDArray[np.int32], lost: NDArray[np.int32]) -> Mesh:
    """Lengths, angles and circles of triangles."""
    x, y = points[:, 0][corners], points[:, 1][corners]
    dx, dy = x[:, BEFORE] - x[:, AFTER], y[:, BEFORE] - y[:, AFTER]
    square = dx * dx + dy * dy
    # flat triangles count as the thinnest that rounding lets be told from them
    area = np.maximum(np.abs(dx[:, 0] * dy[:, 1] - dx[:, 1] * dy[:, 0]), TOUCHING_UM**2)
    return Mesh(
        points=points,
        corners=corners,
        cotangent=(square.sum(axis=1, keepdims=True) / 2 - square) / area[:, None],
        length=np.sqrt(square),
        area=area,
        radius=np.sqrt(square.prod(axis=1)) / (2 * area),
        sides=_pair_sides(beyond),
        lost=lost,
    )


def _pair_sides(beyond: NDArray[np.int32]) -> tuple[_Ints, _Ints]:
    """Both numbers, 3 * triangle + side, of each side that two triangles share; the first ascend."""
    triangle = np.arange(len(beyond))
    side = np.flatnonzero((beyond < triangle[:, None]) & (beyond >= 0))
    other = beyond.ravel()[side].astype(np.int64)
    return side, 3 * other + np.argmax(beyond[other] == (side // 3)[:, None], axis=1)
