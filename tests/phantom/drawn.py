"""Tissue laid by hand, small enough to know every pixel of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import MembraneClass, MembranePattern
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.tissue import FragmentTissue


def two_cells(left: MembraneClass, right: MembraneClass, pattern: MembranePattern) -> FragmentTissue:
    """Lay two tumor cells side by side, 20 x 40 um each: stroma on their left, lumen on their right."""
    cells = np.zeros((160, 320), np.int32)
    cells[:, 80:160], cells[:, 160:240] = 1, 2
    ground = np.where(cells > 0, Ground.EPITHELIUM, Ground.STROMA).astype(np.uint8)
    ground[:, 240:] = Ground.LUMEN
    classes = np.array([left, right], np.int8)
    return FragmentTissue(
        ground=ground,
        cells=cells,
        nuclei=np.zeros_like(cells),
        depth=np.full(cells.shape, 2.0, np.float32),
        mpp=0.25,
        x=np.array([120.0, 200.0]),
        y=np.array([80.0, 80.0]),
        type=np.full(2, CellType.TUMOR, np.int8),
        pattern=np.where(classes > 0, pattern, MembranePattern.NONE).astype(np.int8),
        membrane_class=classes,
        contacts=np.array([[0, 1]], np.int32),
        stroma_angle=0.0,
    )


def bare(ground: NDArray[np.uint8], mpp: float = 0.25) -> FragmentTissue:
    """Take a picture of grounds for tissue without a cell; fibers run along x."""
    none = np.zeros(ground.shape, np.int32)
    column, labels = np.zeros(0), np.zeros(0, np.int8)
    return FragmentTissue(
        ground=ground,
        cells=none,
        nuclei=none,
        depth=np.full(ground.shape, 2.0, np.float32),
        mpp=mpp,
        x=column,
        y=column,
        type=labels,
        pattern=labels,
        membrane_class=labels,
        contacts=np.zeros((0, 2), np.int32),
        stroma_angle=0.0,
    )


def one_nucleus(cell_type: CellType, radius_px: int = 16) -> FragmentTissue:
    """Put one round nucleus in the middle of stroma, 40 um square."""
    y, x = np.indices((160, 160)) - 79.5
    depth = (np.hypot(x, y) / radius_px).astype(np.float32)
    nuclei = (depth <= 1).astype(np.int32)
    return FragmentTissue(
        ground=np.full(nuclei.shape, Ground.STROMA, np.uint8),
        cells=np.zeros_like(nuclei),
        nuclei=nuclei,
        depth=depth,
        mpp=0.25,
        x=np.array([80.0]),
        y=np.array([80.0]),
        type=np.array([cell_type], np.int8),
        pattern=np.array([MembranePattern.NONE], np.int8),
        membrane_class=np.array([MembraneClass.UNSCORED], np.int8),
        contacts=np.zeros((0, 2), np.int32),
        stroma_angle=0.0,
    )
