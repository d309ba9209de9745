"""Density of hematoxylin -> tissue that lies on itself: folds, and floaters on a fragment.

Two layers hold twice the nuclei of one. Hematoxylin tells it, not DAB: a stained clone is no fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hetscore.quality.bands import Densities
from hetscore.quality.shapes import Mask, grow, keep_large, keep_seeded


@dataclass(frozen=True)
class FoldParams:
    """What is a fold. Constants were chosen by `scripts/measure_quality.py`, see docs/quality.md."""

    smooth_um: float = 6.0
    """Standard deviation of the smoothing: a nucleus by itself is no layer."""
    factor: float = 1.6
    """Over this times the slide's own dark tissue (`dark_level`) there are two layers;"""
    grow_share: float = 0.8
    """what hangs on to them is part of them down to this share of the density."""
    min_od: float = 0.15
    """Never below this: the development cores, of one layer, have 0.12-0.14 at the 99.9th percentile."""
    min_area_um2: float = 3000.0
    """Smaller dark spots are clumps of lymphocytes."""
    margin_um: float = 4.0
    """Grown by this much: the fold's edge."""


def find_folds(densities: Densities, tissue: Mask, level: float, mpp: float, params: FoldParams) -> Mask:
    """Mask of folds and other tissue of two layers.

    Parameters
    ----------
    densities : Densities
        At the thumbnail's scale.
    tissue : (h, w) bool
        Where to look: all tissue that nothing else covers.
    level : float
        `dark_level` of that tissue.
    mpp : float
        Microns per pixel.
    params : FoldParams
        What is a fold.

    Returns
    -------
    (h, w) bool
        May reach beyond the tissue by the margin.

    Notes
    -----
    A fold of pale tissue on a slide of darker tissue is missed, and so is a second layer that holds few nuclei.
    """
    limit = max(params.min_od, params.factor * level)
    soft, seed = np.zeros(tissue.shape, bool), np.zeros(tissue.shape, bool)
    for rows, density in densities.smooth_hematoxylin(params.smooth_um / mpp, within=tissue):
        soft[rows], seed[rows] = (density > params.grow_share * limit) & tissue[rows], density > limit
    doubled = keep_seeded(soft, seed)
    return grow(keep_large(doubled, params.min_area_um2 / mpp**2), params.margin_um / mpp)
