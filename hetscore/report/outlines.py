"""Between the ragged outlines of `Cells` and shapely polygons, both in level-0 pixels, all cells at once."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from hetscore.domain import Cells


def outline_polygons(cells: Cells) -> NDArray[np.object_]:
    """Make a polygon of each outline.

    Parameters
    ----------
    cells : Cells
        The cells.

    Returns
    -------
    ndarray of object, shape (n,)
        `shapely.Polygon` in level-0 pixels, or None where the outline has fewer than three points: a place without an
        extent has no polygon, and none is made up.
    """
    start, stop = cells.outline_start[:-1], cells.outline_start[1:]
    lengths = stop - start
    is_closed = np.zeros(len(cells), bool)
    some = lengths > 1
    is_closed[some] = (cells.outline_xy[start[some]] == cells.outline_xy[stop[some] - 1]).all(axis=1)
    is_polygon = lengths - is_closed >= 3
    which = np.repeat(np.cumsum(is_polygon) - 1, lengths)[np.repeat(is_polygon, lengths)]
    corners = cells.outline_xy[np.repeat(is_polygon, lengths)].astype(np.float64)
    polygons = np.full(len(cells), None, dtype=object)
    polygons[is_polygon] = shapely.polygons(shapely.linearrings(corners, indices=which))
    return polygons


def open_rings(polygons: NDArray[np.object_]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Undo `outline_polygons`.

    Parameters
    ----------
    polygons : ndarray of object, shape (n,)
        `shapely.Polygon` without holes, or None.

    Returns
    -------
    outline_xy : ndarray of float32, shape (m, 2)
        The rings one after another, without their closing points.
    outline_start : ndarray of int64, shape (n + 1,)
        Where each ring starts, as in `Cells`.
    """
    coordinates, which = shapely.get_coordinates(polygons, return_index=True)
    is_last = np.append(which[1:] != which[:-1], True)[: len(which)]
    lengths = np.bincount(which[~is_last], minlength=len(polygons))
    return coordinates[~is_last].astype(np.float32), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
