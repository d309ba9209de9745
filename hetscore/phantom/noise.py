"""Smooth random fields: what makes drawn tissue look grown."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""(height, width), float32."""


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale_px: float) -> Field:
    """Draw a smooth random field of mean 0 and standard deviation 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : (int, int)
        Height and width.
    scale_px : float
        Distance in pixels over which the field forgets itself.

    Returns
    -------
    (h, w) float32
        Normal deviates on a coarse grid, interpolated with cubics, then standardized.
    """
    return streaked_noise(rng, shape, (scale_px, scale_px), 0.0)


def streaked_noise(
    rng: np.random.Generator, shape: tuple[int, int], scale_px: tuple[float, float], angle: float
) -> Field:
    """Draw a smooth random field with streaks: `scale_px` along and across `angle` (radians, from x towards y)."""
    side = math.hypot(*shape) + 4 * max(scale_px)
    grid = rng.standard_normal((math.ceil(side / scale_px[1]) + 1, math.ceil(side / scale_px[0]) + 1))
    cos, sin = math.cos(angle), math.sin(angle)
    to_grid = np.array([[cos, sin], [-sin, cos]]) / np.array(scale_px)[:, None]
    center = np.array([grid.shape[1] - 1, grid.shape[0] - 1]) / 2 - to_grid @ np.array([shape[1], shape[0]]) / 2
    matrix = np.column_stack([to_grid, center]).astype(np.float64)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    field = cv2.warpAffine(
        grid.astype(np.float32), matrix, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    standardized: Field = (field - field.mean()) / max(float(field.std()), 1e-6)
    return standardized


def warp_maps(
    rng: np.random.Generator, shape: tuple[int, int], waves_px: tuple[tuple[float, float], ...]
) -> tuple[Field, Field]:
    """Draw a smooth displacement: for each pixel, the place (x, y) to read from.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : (int, int)
        Height and width.
    waves_px : tuple of (scale, amplitude)
        Waves to add up, in pixels.

    Returns
    -------
    map_x, map_y : (h, w) float32
        Ready for ``cv2.remap``.
    """
    y, x = np.indices(shape, dtype=np.float32)
    for scale, amplitude in waves_px:
        x += amplitude * smooth_noise(rng, shape, scale)
        y += amplitude * smooth_noise(rng, shape, scale)
    return x, y


def read_nearest(image: NDArray[Any], maps: tuple[Field, Field]) -> NDArray[Any]:
    """Read a label image through displacement maps, nearest pixel, edges held."""
    column = np.clip(np.rint(maps[0]), 0, image.shape[1] - 1).astype(np.intp)
    row = np.clip(np.rint(maps[1]), 0, image.shape[0] - 1).astype(np.intp)
    return image[row, column]
