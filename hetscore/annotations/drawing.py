"""Region -> mask at the thumbnail's scale: which pixels have their middle inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


def draw_mask(shape: Any, size: tuple[int, int], downsample: int) -> Mask:  # noqa: ANN401 - shapely is untyped
    """Draw a region.

    Parameters
    ----------
    shape : shapely.Polygon or shapely.MultiPolygon
        Valid, level-0 pixels.
    size : tuple of int
        Height and width of the mask.
    downsample : int
        Level-0 pixels per pixel of the mask.

    Returns
    -------
    ndarray of bool, shape `size`
        True where the middle of the pixel lies inside and in no hole. What lies beyond the mask is cut off.

    Notes
    -----
    Along the middle of each row of pixels the rings are crossed from outside to inside and back; a pixel is inside
    where an odd number of crossings lies to its left. Regions that share a border share no pixel and leave none out.
    """
    mask = np.zeros(size, bool)
    x, rows = _cross_rows(shape, size[0], downsample)
    columns = np.clip(np.ceil(x / downsample - 0.5), 0, size[1]).astype(np.int64)
    if not len(rows):
        return mask
    top, left = rows.min(), columns.min()  # most regions are small against the slide
    turns = np.zeros((rows.max() - top + 1, columns.max() - left + 1), np.uint8)
    np.bitwise_xor.at(turns, (rows - top, columns - left), 1)
    inside = np.bitwise_xor.accumulate(turns, axis=1)[:, :-1].astype(bool)
    mask[top : top + len(inside), left : left + inside.shape[1]] = inside
    return mask


def _cross_rows(shape: Any, n_rows: int, downsample: int) -> tuple[Floats, NDArray[np.int64]]:  # noqa: ANN401
    """Find where the rings cross the middles of rows: level-0 x, and the row."""
    starts, ends = _find_edges(shape)
    upper, lower = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    first, stop = (np.clip(np.ceil(y / downsample - 0.5), 0, n_rows).astype(np.int64) for y in (upper, lower))
    edge = np.repeat(np.arange(len(starts)), stop - first)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(stop - first) - stop, stop - first)
    (x0, y0), (x1, y1) = starts[edge].T, ends[edge].T
    x: Floats = x0 + (x1 - x0) * ((rows + 0.5) * downsample - y0) / (y1 - y0)
    return x, rows


def _find_edges(shape: Any) -> tuple[Floats, Floats]:  # noqa: ANN401
    """List the edges of all rings, holes included."""
    rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
    corners = [np.asarray(ring.coords)[:, :2] for ring in rings]
    return np.concatenate([c[:-1] for c in corners]), np.concatenate([c[1:] for c in corners])
