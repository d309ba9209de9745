"""From label images of a model of one's own to nuclei, each within its cell.

Comes in: nuclei and perhaps cells, labeled in any order, the two by numbers of their own. Goes out: labels 1..n in
reading order, the same number for a nucleus and its cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetscore.segmenters import DeviceName
from hetscore.segmenters.growth import Labels, drop_small
from hetscore.segmenters.kernels import grow_seeds, region_sums


@dataclass(frozen=True)
class TorchscriptParams:
    """How a model of one's own is run and its label images are read; what the model needs stands in its card."""

    min_area_um2: float = 8.0
    """Smaller nuclei are specks; a lymphocyte's nucleus is 25 um2 and more."""
    cell_reach_um: float = 12.0
    """A nucleus that comes without a cell grows one that ends at most this far from its center: columnar cells are up
    to 20 um high, the nucleus in the lower half."""
    device: DeviceName = "auto"
    """Where the model runs."""


def number_anew(labels: NDArray[np.integer]) -> Labels:
    """Give an image the labels 1..n, whatever numbers it uses; 0 stays 0."""
    values, places = np.unique(labels, return_inverse=True)
    offset = 0 if values[0] == 0 else 1  # where there is no background
    return np.asarray(places.reshape(labels.shape) + offset, np.int32)


def order_nuclei(nuclei: Labels, n: int, least_px: float) -> tuple[Labels, NDArray[np.int64]]:
    """Drop specks and number the rest as one reads their centers.

    Returns
    -------
    nuclei : ndarray of int32, (h, w)
        Labels 1..n.
    centers : ndarray of int64, (n, 2)
        Row and column of each nucleus's pixel that is nearest to its mean place: a bent nucleus may not hold its mean.
        Of equally near ones the first.
    """
    nuclei, keep = drop_small(nuclei, n, least_px)
    centers = _find_centers(nuclei, int(keep.sum()))
    order = np.lexsort((centers[:, 1], centers[:, 0]))
    renumber = np.zeros(len(order) + 1, np.int32)
    renumber[order + 1] = np.arange(1, len(order) + 1)
    return renumber[nuclei], centers[order]


def _find_centers(nuclei: Labels, n: int) -> NDArray[np.int64]:
    sums = region_sums(nuclei, n, np.zeros(nuclei.shape, np.float32))
    mean_row, mean_column = sums[:, 2] / sums[:, 0] + sums[:, 9], sums[:, 1] / sums[:, 0] + sums[:, 8]
    rows, columns = np.nonzero(nuclei)
    owner = nuclei[rows, columns] - 1
    away = (rows - mean_row[owner]) ** 2 + (columns - mean_column[owner]) ** 2
    nearest = np.lexsort((away, owner))
    first = nearest[np.searchsorted(owner[nearest], np.arange(n))]
    return np.stack([rows[first], columns[first]], axis=1).astype(np.int64)


def find_homes(nuclei: Labels, n: int, cells: Labels) -> NDArray[np.int64]:
    """Cell that holds more than half of each nucleus, (n,); 0 where none does."""
    inside = (nuclei > 0) & (cells > 0)
    width = int(cells.max(initial=0)) + 1
    pairs, shared = np.unique(nuclei[inside].astype(np.int64) * width + cells[inside], return_counts=True)
    nucleus, cell = pairs // width, pairs % width
    area = np.bincount(nuclei.ravel(), minlength=n + 1)
    holds = 2 * shared > area[nucleus]
    homes = np.zeros(n + 1, np.int64)
    homes[nucleus[holds]] = cell[holds]
    return homes[1:]


def keep_largest(nuclei: Labels, homes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which nuclei stay where several lie in one cell, (n,): the largest, of equals the first. Homeless ones all do."""
    n = len(homes)
    area = np.bincount(nuclei.ravel(), minlength=n + 1)[1:]
    order = np.lexsort((np.arange(n), -area, homes))
    is_first = np.ones(n, bool)
    is_first[1:] = homes[order][1:] != homes[order][:-1]
    keep = np.zeros(n, bool)
    keep[homes == 0] = True
    keep[order[is_first]] = True
    return keep


def match_labels(nuclei: Labels, cells: Labels, least_px: float) -> tuple[Labels, Labels, NDArray[np.int64]]:
    """Give each nucleus the cell it lies in.

    Parameters
    ----------
    nuclei, cells : ndarray of int32, (h, w)
        Labels 1..n each, 0 elsewhere, by numbers of their own.
    least_px : float
        Nuclei of fewer pixels are specks.

    Returns
    -------
    nuclei, cells : ndarray of int32, (h, w)
        Labels 1..n in reading order of the nuclei; a nucleus lies within its cell.
    centers : ndarray of int64, (n, 2)
        Row and column of a pixel in the middle of each nucleus.

    Notes
    -----
    A nucleus lies in the cell that holds more than half of it; its part outside is added to its cell. Of several nuclei
    in one cell the largest stands for it. A nucleus in no cell is its own cell, see `grow_homeless`. A cell without a
    nucleus is left out, as the cut beside a nucleus cannot be told from a patch of stroma.
    """
    nuclei, centers = order_nuclei(nuclei, int(nuclei.max(initial=0)), least_px)
    homes = find_homes(nuclei, len(centers), cells)
    keep = keep_largest(nuclei, homes)
    renumber = np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.int32)
    owner = np.zeros(int(cells.max(initial=0)) + 1, np.int32)
    owner[homes[keep]] = renumber[1:][keep]
    owner[0] = 0
    nuclei = renumber[nuclei]
    return nuclei, np.where(nuclei > 0, nuclei, owner[cells]), centers[keep]


def grow_homeless(
    nuclei: Labels, cells: Labels, centers: NDArray[np.int64], cost: NDArray[np.uint8], reach_px: int
) -> Labels:
    """Grow a cell around each nucleus that is its own cell, into what no cell holds.

    Parameters
    ----------
    nuclei, cells : ndarray of int32, (h, w)
        Labels 1..n; a cell that is no larger than its nucleus has none yet.
    centers : ndarray of int64, (n, 2)
        Row and column of a pixel of each nucleus.
    cost : ndarray of uint8, (h, w)
        What a pixel costs a cell that grows over it, 0 where it cannot go.
    reach_px : int
        A cell ends at most this far from its center, going freely.
    """
    n = len(centers)
    areas = (np.bincount(image.ravel(), minlength=n + 1)[1:] for image in (nuclei, cells))
    is_homeless = np.equal(*areas)
    homeless = np.flatnonzero(is_homeless)
    is_free = (cells == 0) | np.concatenate([[False], is_homeless])[nuclei]
    grown = grow_seeds(centers[homeless, 0], centers[homeless, 1], cost * is_free, reach_px)
    label = np.concatenate([[0], homeless + 1]).astype(np.int32)
    return np.where(cells > 0, cells, label[grown])
