"""Drawn tissue at the thumbnail's 4 um/px: nuclei on every other pixel, and layers laid over it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.drawings import VECTORS, Image, Mask, disc

SHAPE = (160, 200)
MPP = 4.0
TISSUE = disc(SHAPE, 100, 80, 60)
BLUE_INK, BLACK = (0.66, 0.48, 0.16), (0.62, 0.62, 0.57)
"""Densities of what was seen through blue ink and through black things, drawn ones of `hetscore.phantom`."""

rows, columns = np.indices(SHAPE)
NUCLEI = TISSUE & (rows % 2 == 0) & (columns % 2 == 0)
STROKE = (rows > 60) & (rows <= 100) & (columns > 20)
"""A pen's stroke, 160 um wide."""
HAIR = np.abs(columns - 110) <= 4
"""A hair, 36 um wide."""
RING = np.abs(np.hypot(columns - 100, rows - 80) - 25) <= 1
"""The rim of a bubble, 200 um across."""


def density_of(hematoxylin: NDArray[np.floating], dab: NDArray[np.floating]) -> Image:
    """Density of the three channels, (h, w, 3)."""
    unit = [np.array(v) / np.linalg.norm(v) for v in (VECTORS.hematoxylin, VECTORS.dab)]
    return np.asarray(np.multiply.outer(hematoxylin, unit[0]) + np.multiply.outer(dab, unit[1]))


def lay(mask: Mask, color: tuple[float, float, float], strength: float = 1.0) -> Image:
    """Density of something laid over."""
    return np.asarray(np.multiply.outer(strength * mask, np.array(color)))
