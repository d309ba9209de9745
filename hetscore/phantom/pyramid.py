"""Write an RGB picture as the plain tiled pyramid that OpenSlide calls generic-tiff.

The bytes depend on the pixels and the arguments alone: no date, no software name, no host.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

LEVEL_STEP = 4
"""Downsample between levels: the 1, 4, 16 of the common slide scanners."""

SMALLEST_SIDE = 1024
"""Levels are added until the longest side is below this: one screenful, what a thumbnail needs."""

_MICRONS_PER_CM = 10_000


def write_pyramid(path: Path, rgb: NDArray[np.uint8], mpp: float, *, tile: int = 256, quality: int = 90) -> None:
    """Write a picture as a tiled, JPEG-compressed, pyramidal TIFF.

    Parameters
    ----------
    path : Path
        File to write; an existing file is replaced.
    rgb : (h, w, 3) uint8
        Level 0, sRGB.
    mpp : float
        Microns per pixel of level 0; written as the resolution tags, in pixels per centimeter.
    tile : int
        Side of the square tiles in pixels, a multiple of 16.
    quality : int
        JPEG quality, 1 to 100. Chroma is halved in both directions, as most scanners do.
    """
    with tifffile.TiffWriter(path) as writer:
        for index, level in enumerate(_levels(rgb)):
            per_cm = _MICRONS_PER_CM / (mpp * LEVEL_STEP**index)
            writer.write(
                _tiles(level, tile),
                shape=level.shape,
                dtype=level.dtype,
                photometric="rgb",
                tile=(tile, tile),
                compression="jpeg",
                compressionargs={"level": quality},
                subsampling=(2, 2),
                resolution=(per_cm, per_cm),
                resolutionunit="CENTIMETER",
                subfiletype=1 if index else 0,
                metadata=None,
                software=False,
            )


def _tiles(level: NDArray[np.uint8], side: int) -> Iterator[NDArray[np.uint8]]:
    """Cut into tiles, the last ones filled up with their edge: JPEG would smear black into the picture."""
    for y in range(0, level.shape[0], side):
        for x in range(0, level.shape[1], side):
            tile = level[y : y + side, x : x + side]
            missing = ((0, side - tile.shape[0]), (0, side - tile.shape[1]), (0, 0))
            yield np.pad(tile, missing, mode="edge")


def _levels(rgb: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    yield rgb
    while max(rgb.shape[:2]) >= SMALLEST_SIDE:
        rgb = _shrunk(rgb)
        yield rgb


def _shrunk(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average whole blocks of pixels; a last row or column that fills no block is repeated to fill one."""
    height, width = rgb.shape[:2]
    padded = cv2.copyMakeBorder(rgb, 0, -height % LEVEL_STEP, 0, -width % LEVEL_STEP, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // LEVEL_STEP, padded.shape[0] // LEVEL_STEP)
    shrunk: NDArray[np.uint8] = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    return shrunk
