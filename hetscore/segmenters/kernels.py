"""Compiled loops of the segmenters: bounded growth of seeds, and shape moments of regions.

Each result at a pixel depends on the image within a bounded reach of that pixel, and ties are broken by the seeds'
reading order, so cells do not change with the tile grid.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_STRAIGHT, _DIAGONAL = 5, 7
"""Step lengths in fifths of a pixel: 7/5 is within 1 % of the square root of 2 (chamfer 5-7)."""


@njit(cache=True, nogil=True)
def grow_seeds(
    seed_rows: NDArray[np.int64], seed_columns: NDArray[np.int64], weight: NDArray[np.uint8], reach_px: int
) -> NDArray[np.int32]:
    """Give each pixel to the seed that reaches it at the least cost, within a limit.

    Parameters
    ----------
    seed_rows, seed_columns : ndarray of int64, (n,)
        Seeds in reading order; seed i gets label i + 1.
    weight : ndarray of uint8, (h, w)
        Cost of entering a pixel: 1 is free going, larger is harder, 0 is a wall.
    reach_px : int
        Limit in pixels of free going. A label never reaches farther than this from its seed.

    Returns
    -------
    ndarray of int32, (h, w)
        Labels; 0 where no seed reaches. Equal costs go to the seed that comes first.

    Notes
    -----
    Dial's bucket version of Dijkstra's search on the pair (cost, label): exact, and independent of what lies beyond the
    reach.
    """
    height, width = weight.shape
    limit = reach_px * _STRAIGHT
    cost = np.full((height, width), limit + 1, np.int32)
    labels = np.zeros((height, width), np.int32)
    heads = np.full(limit + 1, -1, np.int32)
    capacity = 8 * height * width + len(seed_rows)  # each settled pixel relaxes its 8 neighbors once
    nexts = np.empty(capacity, np.int32)
    items = np.empty(capacity, np.int32)
    used = 0
    for seed in range(len(seed_rows)):
        i, j = seed_rows[seed], seed_columns[seed]
        if labels[i, j] == 0:
            cost[i, j], labels[i, j] = 0, seed + 1
            items[used], nexts[used], heads[0] = i * width + j, heads[0], used
            used += 1
    for level in range(limit + 1):
        entry = heads[level]
        while entry >= 0:
            i, j = items[entry] // width, items[entry] % width
            entry = nexts[entry]
            if cost[i, j] != level:
                continue
            for di in range(-1, 2):
                for dj in range(-1, 2):
                    ni, nj = i + di, j + dj
                    if (di == 0 and dj == 0) or ni < 0 or nj < 0 or ni >= height or nj >= width or weight[ni, nj] == 0:
                        continue
                    step = (_DIAGONAL if di != 0 and dj != 0 else _STRAIGHT) * np.int32(weight[ni, nj])
                    reached = level + step
                    if reached > limit or reached > cost[ni, nj]:
                        continue
                    if reached == cost[ni, nj] and labels[i, j] >= labels[ni, nj]:
                        continue
                    is_new_cost = reached < cost[ni, nj]
                    cost[ni, nj], labels[ni, nj] = reached, labels[i, j]
                    if is_new_cost:
                        items[used], nexts[used], heads[reached] = ni * width + nj, heads[reached], used
                        used += 1
    return labels


@njit(cache=True, nogil=True)
def region_sums(labels: NDArray[np.int32], n: int, image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum over each region in one pass: area, x, y, xx, yy, xy, value, value squared.

    Parameters
    ----------
    labels : ndarray of int32, (h, w)
        Label image, 0 is background.
    n : int
        Number of regions.
    image : ndarray of float32, (h, w)
        Values to sum.

    Returns
    -------
    ndarray of float64, (n, 10)
        Coordinates are taken from the region's first pixel in reading order, so the sums do not depend on where the
        tile lies; columns 8 and 9 hold that pixel's column and row.
    """
    sums = np.zeros((n, 10), np.float64)
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            label = labels[i, j]
            if label == 0:
                continue
            row = sums[label - 1]
            if row[0] == 0:
                row[8], row[9] = j, i
            x, y, value = j - row[8], i - row[9], np.float64(image[i, j])
            row[0] += 1
            row[1] += x
            row[2] += y
            row[3] += x * x
            row[4] += y * y
            row[5] += x * y
            row[6] += value
            row[7] += value * value
    return sums
