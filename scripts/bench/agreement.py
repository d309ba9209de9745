"""How far two finders agree on where the cells are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Points = NDArray[np.float64]
"""(n, 2), in the same unit as the reach."""

REACH_UM = 3.0
"""Two centers within this are of one nucleus: less than the radius of a tumor nucleus (4 um and more)."""


def shared_part(first: Points, second: Points, reach: float) -> float:
    """Find which part of two sets of cells they have in common.

    Parameters
    ----------
    first, second : ndarray of float64, (n, 2) and (m, 2)
        Centers.
    reach : float
        Farthest distance of two centers that are one cell.

    Returns
    -------
    float
        ``2 k / (n + m)`` with k pairs that are nearest to each other and within reach: the F1 of either set against
        the other. 1 where both are empty.
    """
    if not len(first) or not len(second):
        return float(len(first) == len(second))
    there, partner = cKDTree(second).query(first, distance_upper_bound=reach)
    _, back = cKDTree(first).query(second, distance_upper_bound=reach)
    near = np.flatnonzero(np.isfinite(there))
    n_pairs = np.count_nonzero(back[partner[near]] == near)
    return float(2 * n_pairs / (len(first) + len(second)))
