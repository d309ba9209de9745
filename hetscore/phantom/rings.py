"""Rings around the regions of a label picture: outlines of cells and nuclei, for the truth.

A ring runs between the pixels, so that it holds the area that was painted. Rings stand one after another in flat
arrays: a fragment has tens of thousands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.phantom.raster import Labels

Corners = NDArray[np.float32]

TOLERANCE_PX = 0.35
"""A ring may leave the steps between pixels by this much: less than half the slant between the middles of two sides of
a pixel, 0.71, so that the sides of a strand one pixel wide do not cross. Measured on cells of 0.25 um/px: 59 of 150
corners stay, and the rings with and without the others share 0.997 of their union."""


@dataclass(frozen=True)
class Rings:
    """A ring, or none, for each of n regions."""

    xy: Corners
    """(m, 2), corners of all rings one after another, pixels from the picture's corner: the first pixel's center is at
    0.5. The last corner of a ring is not the first again."""
    start: NDArray[np.int64]
    """(n + 1,), the ring of region i is ``xy[start[i]:start[i + 1]]``, empty where there is none."""

    def __len__(self) -> int:
        return len(self.start) - 1

    def ring(self, index: int) -> Corners:
        """Corners of one ring, (k, 2)."""
        return self.xy[self.start[index] : self.start[index + 1]]

    def moved(self, x: float, y: float) -> Rings:
        """Move all rings; to 1/128 px on slides of 65,536 px and more, as float32 holds it."""
        return Rings((self.xy + np.array([x, y], np.float64)).astype(np.float32), self.start)


def no_rings(n: int) -> Rings:
    """Make the rings of `n` regions without extent."""
    return Rings(np.zeros((0, 2), np.float32), np.zeros(n + 1, np.int64))


def trace_rings(labels: Labels, rows: NDArray[np.integer], scale: float = 1.0) -> Rings:
    """Trace the outer ring of some regions.

    Parameters
    ----------
    labels : ndarray, shape (h, w), int32
        Region of each pixel, from 1; 0 for none.
    rows : ndarray, shape (n,), int
        Labels of the regions to be traced, less 1: rows of the tables that belong to the picture.
    scale : float
        Size of a pixel in the unit of the rings.

    Returns
    -------
    Rings
        In the order of `rows`, true to `TOLERANCE_PX`.

    Notes
    -----
    Pixels are connected by their sides. Of a region in several parts the largest is traced, holes included; a label
    without pixels has no ring. The ring goes through the middles of the pixels' sides, which rounds the steps and
    changes the area by half a pixel at most, and is simplified by Douglas and Peucker's rule [1]_.

    References
    ----------
    .. [1] Douglas DH, Peucker TK. Algorithms for the reduction of the number of points required to represent a
       digitized line or its caricature. Cartographica 1973;10:112-122.
    """
    n = max(int(labels.max(initial=0)), int(rows.max(initial=-1)) + 1)
    xy, start = _trace_all(labels, _boxes(labels, n), rows.astype(np.int64), TOLERANCE_PX)
    return Rings((xy * scale).astype(np.float32), start)


@njit(cache=True)
def _boxes(labels: Labels, n: int) -> NDArray[np.int64]:
    """First row, first column, last row and last column of each label 1..n, (n, 4); last below first: no pixel."""
    boxes = np.empty((n, 4), np.int64)
    boxes[:, :2], boxes[:, 2:] = max(labels.shape), -1
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            k = labels[row, column] - 1
            if k >= 0:
                boxes[k, 0], boxes[k, 1] = min(boxes[k, 0], row), min(boxes[k, 1], column)
                boxes[k, 2], boxes[k, 3] = max(boxes[k, 2], row), max(boxes[k, 3], column)
    return boxes


@njit(cache=True)
def _trace_all(
    labels: Labels, boxes: NDArray[np.int64], rows: NDArray[np.int64], tolerance: float
) -> tuple[Corners, NDArray[np.int64]]:
    xy, used = np.empty((1024, 2), np.float32), 0
    start = np.zeros(len(rows) + 1, np.int64)
    for i in range(len(rows)):
        ring = _simplified(_largest_ring(labels, rows[i] + 1, boxes[rows[i]]), tolerance)
        while used + len(ring) > len(xy):
            xy = np.concatenate((xy, np.empty_like(xy)))
        xy[used : used + len(ring)] = ring
        used += len(ring)
        start[i + 1] = used
    return xy[:used].copy(), start


@njit(cache=True)
def _largest_ring(labels: Labels, label: int, box: NDArray[np.int64]) -> Corners:
    """Walk round every part and hole of a region; the ring that holds most is an outer one, as holes count below 0."""
    height, width = max(0, box[2] - box[0] + 1), max(0, box[3] - box[1] + 1)
    is_walked = np.zeros((height, width), np.bool_)
    path = np.empty((2 * height * width + height + width, 2), np.float32)
    most, first, length = 0, (0, 0), 0
    for row in range(box[0], box[2] + 1):
        for column in range(box[1], box[3] + 1):
            if labels[row, column] != label or is_walked[row - box[0], column - box[1]]:
                continue
            if _holds(labels, row - 1, column, label):
                continue
            area, steps = _walk(labels, label, box, (row, column), is_walked, path)
            if area > most:
                most, first, length = area, (row, column), steps
    if most > 0:
        _walk(labels, label, box, first, is_walked, path)
    return path[:length].copy()


@njit(cache=True)
def _holds(labels: Labels, row: int, column: int, label: int) -> bool:
    if row < 0 or column < 0 or row >= labels.shape[0] or column >= labels.shape[1]:
        return False
    return bool(labels[row, column] == label)


@njit(cache=True)
def _walk(
    labels: Labels,
    label: int,
    box: NDArray[np.int64],
    first: tuple[int, int],
    is_walked: NDArray[np.bool_],
    path: Corners,
) -> tuple[int, int]:
    """Walk between the pixels, the region to the right, from the upper side of pixel `first` until back there.

    Gives the area walked round, below 0 round a hole, and the steps taken; `path` gets the middle of each, and the
    upper sides walked along are marked.
    """
    row, column, heading, area, steps = first[0], first[1], 0, 0, 0
    while True:
        down, right = (heading == 1) - (heading == 3), (heading == 0) - (heading == 2)
        if heading == 0:
            is_walked[row - box[0], column - box[1]] = True
        area += column * down
        path[steps, 0], path[steps, 1] = column + right / 2, row + down / 2
        steps += 1
        row, column = row + down, column + right
        ahead_row, ahead_column = row - (heading >= 2), column - (heading == 1 or heading == 2)
        other_row, other_column = row - (heading == 0 or heading == 3), column - (heading >= 2)
        if not _holds(labels, ahead_row, ahead_column, label):
            heading = (heading + 1) % 4
        elif _holds(labels, other_row, other_column, label):
            heading = (heading + 3) % 4
        if row == first[0] and column == first[1] and heading == 0:
            return area, steps


@njit(cache=True)
def _simplified(ring: Corners, tolerance: float) -> Corners:
    """Leave out corners; a label without pixels has none."""
    n = len(ring)
    if n == 0:
        return ring
    is_kept = np.zeros(n + 1, np.bool_)
    far, _ = _farthest(ring, 0, 0, 1, n)
    is_kept[0] = is_kept[far] = True
    open_ends = np.empty((n + 1, 2), np.int64)
    open_ends[0], open_ends[1] = (0, far), (far, n)
    count = 2
    while count > 0:
        count -= 1
        one, other = open_ends[count]
        at, distance2 = _farthest(ring, one, other % n, one + 1, other)
        if distance2 > tolerance**2:
            is_kept[at] = True
            open_ends[count], open_ends[count + 1] = (one, at), (at, other)
            count += 2
    return ring[is_kept[:-1]]


@njit(cache=True)
def _farthest(ring: Corners, one: int, other: int, start: int, stop: int) -> tuple[int, float]:
    """Find the corner of start..stop - 1 that is farthest from the line between two, and its squared distance."""
    ax, ay = float(ring[one, 0]), float(ring[one, 1])
    dx, dy = ring[other, 0] - ax, ring[other, 1] - ay
    per_length2 = 1 / (dx * dx + dy * dy) if one != other else 0.0
    far, most = start, -1.0
    for k in range(start, stop):
        x, y = ring[k, 0] - ax, ring[k, 1] - ay
        along = min(max((x * dx + y * dy) * per_length2, 0.0), 1.0)
        distance2 = (x - along * dx) ** 2 + (y - along * dy) ** 2
        if distance2 > most:
            far, most = k, distance2
    return far, most
