"""Regions of tumor and of what is not -> what a person said of each cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from hetscore.domain import Region, RegionKind


def call_tumor(x: NDArray[np.float64], y: NDArray[np.float64], regions: Sequence[Region]) -> NDArray[np.int8]:
    """Say which cells are no tumor cells by hand.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        Middles of the nuclei, level-0 pixels.
    regions : sequence of Region
        Everything that was drawn on the slide.

    Returns
    -------
    ndarray of int8, shape (n,)
        As `Cells.tumor_by_hand`: -1 outside all regions of tumor, where there are any, and inside regions of what is
        no tumor; else 0. Nothing makes a cell a tumor cell: stroma lies within every tumor.
    """
    tumor, other = (_join(regions, kind) for kind in (RegionKind.TUMOR, RegionKind.NON_TUMOR))
    is_other = np.zeros(len(x), bool)
    if tumor is not None:
        is_other |= ~shapely.contains_xy(tumor, x, y)
    if other is not None:
        is_other |= shapely.contains_xy(other, x, y)
    return np.where(is_other, -1, 0).astype(np.int8)


def _join(regions: Sequence[Region], kind: RegionKind) -> Any | None:  # noqa: ANN401 - shapely is untyped
    """Join the regions of a kind, made ready for many questions; None without any."""
    shapes = [region.shape for region in regions if region.kind is kind]
    if not shapes:
        return None
    joined = shapely.union_all(shapes)
    shapely.prepare(joined)
    return joined
