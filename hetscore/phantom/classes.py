"""Give tumor cells their membrane class: one for all, a clone, a mosaic, or a gradient."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hetscore.domain import MembraneClass
from hetscore.phantom.epithelium import Floats, Mask
from hetscore.phantom.spec import FragmentSpec


def assign_classes(
    rng: np.random.Generator, spec: FragmentSpec, xy: Floats, is_tumor: Mask, is_seen: Mask
) -> NDArray[np.int8]:
    """Give every tumor cell its membrane class: the fragment's, but for gradient, mosaic and clone, in this order.

    Parameters
    ----------
    rng : numpy.random.Generator
        Picks the cells of the mosaic and the gradient.
    spec : FragmentSpec
        Class, clone, mosaic and gradient.
    xy : (n, 2) float64
        Where the nuclei were meant to lie.
    is_tumor, is_seen : (n,) bool
        Tumor cells; cells whose nucleus is seen. Clone and mosaic are counted in cells that are both.

    Returns
    -------
    (n,) int8
        `MembraneClass`; UNSCORED where not tumor.

    Notes
    -----
    The clone is the cell whose ``clone_cells - 1`` nearest tumor cells lie closest, with those: the densest place there
    is. A tumor cell without a visible nucleus takes the class of the nearest one with a nucleus.
    """
    classes = np.where(is_tumor, spec.membrane_class, MembraneClass.UNSCORED).astype(np.int8)
    seen, unseen = np.flatnonzero(is_tumor & is_seen), np.flatnonzero(is_tumor & ~is_seen)
    if not len(seen):
        return classes
    if spec.is_graded:
        classes[seen] = grade_classes(rng, xy[seen], spec.membrane_class, spec.minor_class)
    classes[rng.permutation(seen)[: round(spec.mosaic_share * len(seen))]] = spec.minor_class
    if spec.clone_cells:
        classes[seen[_densest_group(xy[seen], min(spec.clone_cells, len(seen)))]] = spec.minor_class
    classes[unseen] = classes[seen[cKDTree(xy[seen]).query(xy[unseen])[1]]]
    return classes


def grade_classes(rng: np.random.Generator, xy: Floats, first: MembraneClass, last: MembraneClass) -> NDArray[np.int8]:
    """Let the class go from `first` on one side to `last` on the other.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides the direction, and each cell between two classes.
    xy : (n, 2) float64
        Where the cells lie; n at least 1.
    first, last : MembraneClass
        At the two ends.

    Returns
    -------
    (n,) int8
        Between `first` and `last`. The mean goes linearly with the place; a cell half-way between two classes is of
        either with equal probability. Cells that all lie in one place are of class `first`.
    """
    angle = rng.uniform(0, 2 * math.pi)
    along = xy @ np.array([math.cos(angle), math.sin(angle)])
    share = (along - along.min()) / max(float(np.ptp(along)), 1e-9)
    mean = float(first) + (float(last) - float(first)) * share
    drawn = np.floor(mean + rng.random(len(xy)))
    classes: NDArray[np.int8] = np.clip(drawn, min(first, last), max(first, last)).astype(np.int8)
    return classes


def _densest_group(xy: Floats, k: int) -> NDArray[np.intp]:
    """Rows of the `k` places that lie closest together; distances to the k-th alone are kept, k may be thousands."""
    if k == len(xy):
        return np.arange(k)
    tree = cKDTree(xy)
    reach = tree.query(xy, k=[k])[0][:, 0]
    group: NDArray[np.intp] = tree.query(xy[np.argmin(reach)], k=np.arange(1, k + 1))[1]
    return group
