"""The scan for a place with too many negative cells: Kulldorff's statistic over discs of neighboring tumor cells.

A window is a negative cell and its nearest tumor cells of the same fragment; where negatives are many inside and few
outside, the likelihood ratio is large. How large it grows by errors alone is for the simulator to tell: no p-value
comes of permuting the cells, for that would take errors as independent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import xlogy

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

WINDOWS = (7, 19, 37, 61, 127, 217, 331)
"""Cells of a window: hexagonal discs of radius 1, 2, 3, 4, 6, 8 and 10 cells on a regular lattice."""
_BLOCK_ROWS = 4096
"""Windows' centers counted at once: a few megabytes."""


def fixed_llr(c: _Floats, n: _Floats, p0: float) -> _Floats:
    """Log likelihood ratio of a window against a known rate; 0 where the window holds no more than that.

    Parameters
    ----------
    c, n : ndarray, float64
        Negative cells and all cells of the window.
    p0 : float
        Rate of negatives expected everywhere.

    Returns
    -------
    ndarray, float64
        c ln((c/n)/p0) + (n-c) ln((1-c/n)/(1-p0)), as in Kulldorff [1]_ for a known baseline.

    References
    ----------
    .. [1] Kulldorff M. A spatial scan statistic. Communications in Statistics 1997;26:1481-1496.
    """
    inside = xlogy(c, c / n / p0) + xlogy(n - c, (1 - c / n) / (1 - p0))
    return np.where(c > n * p0, inside, 0.0)


def conditional_llr(c: _Floats, n: _Floats, n_negative: _Floats, n_cells: _Floats) -> _Floats:
    """Log likelihood ratio of a window against the rest of its fragment; 0 where it holds no larger share of negatives.

    Parameters
    ----------
    c, n : ndarray, float64
        Negative cells and all cells of the window.
    n_negative, n_cells : ndarray, float64
        Of the fragment, the window included.

    Returns
    -------
    ndarray, float64
        Kulldorff's Bernoulli statistic [1]_. It does not see a fragment that is negative throughout, and a shift of the
        stain over the whole fragment does not raise it.

    References
    ----------
    .. [1] Kulldorff M. A spatial scan statistic. Communications in Statistics 1997;26:1481-1496.
    """
    outside, n_outside = n_negative - c, n_cells - n
    apart = _bernoulli(c, n) + _bernoulli(outside, n_outside)
    is_denser = c * n_cells > n_negative * n
    return np.where(is_denser, apart - _bernoulli(n_negative, n_cells), 0.0)


def _bernoulli(c: _Floats, n: _Floats) -> _Floats:
    """Largest log likelihood of c of n."""
    value: _Floats = xlogy(c, c) + xlogy(n - c, n - c) - xlogy(n, n)
    return value


def find_windows(x_um: _Floats, y_um: _Floats) -> NDArray[np.int32]:
    """List the nearest cells of each cell, itself first.

    Parameters
    ----------
    x_um, y_um : ndarray, shape (n,), float64
        Tumor cells of a fragment, micrometers.

    Returns
    -------
    ndarray, shape (n, k), int32
        k is the largest of `WINDOWS` that holds at most half of the cells; none (k = 0) in a fragment too small for
        the smallest.
    """
    fitting = [size for size in WINDOWS if 2 * size <= len(x_um)]
    if not fitting:
        return np.zeros((len(x_um), 0), np.int32)
    points = np.column_stack([x_um, y_um])
    _, nearest = cKDTree(points).query(points, fitting[-1])
    return np.asarray(nearest, np.int32)


def scan(negative: Bools, windows: NDArray[np.int32]) -> _Floats:
    """Find the largest likelihood ratio of each of several readings of a fragment.

    Parameters
    ----------
    negative : ndarray, shape (r, n), bool
        One row a reading of the n cells.
    windows : ndarray, shape (n, k), int32
        From `find_windows`.

    Returns
    -------
    ndarray, shape (r,), float64
        0 where there is no negative cell, or no window.

    Notes
    -----
    Windows are centered on negative cells only: any other window holds no more negatives than one moved onto its
    nearest negative cell, bar a cell or two.
    """
    n_readings, n_cells = negative.shape
    best = np.zeros(n_readings)
    if not windows.shape[1]:
        return best
    sizes = np.array([size for size in WINDOWS if size <= windows.shape[1]])
    starts = np.concatenate([[0], sizes[:-1]])
    n_negative = np.count_nonzero(negative, axis=1)
    reading, center = np.nonzero(negative)
    flat = negative.ravel().view(np.uint8)
    for first in range(0, len(center), _BLOCK_ROWS):
        rows, cells = reading[first : first + _BLOCK_ROWS], center[first : first + _BLOCK_ROWS]
        seen = flat[rows[:, None] * n_cells + windows[cells]]
        counts = np.cumsum(np.add.reduceat(seen, starts, axis=1, dtype=np.int32), axis=1).astype(np.float64)
        ratio = conditional_llr(
            counts, sizes[None, :].astype(np.float64), n_negative[rows, None], np.array([float(n_cells)])
        )
        np.maximum.at(best, rows, ratio.max(axis=1))
    return best
