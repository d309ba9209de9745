"""Write an RGB picture as the plain tiled pyramid that OpenSlide calls generic-tiff.

The bytes depend on the pixels and the arguments alone: no date, no software name, no host. Memory holds some rows of
tiles, whatever the size of the picture.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from hetscore.phantom.canvas import Canvas, Rows, new_canvas

LEVEL_STEP = 4
"""Downsample between levels: the 1, 4, 16 of the common slide scanners."""

SMALLEST_SIDE = 1024
"""Levels are added until the longest side is below this: one screenful, what a thumbnail needs."""

_MICRONS_PER_CM = 10_000


def write_pyramid(path: Path, rgb: Rows, mpp: float, *, tile: int = 256, quality: int = 90) -> None:
    """Write a picture as a tiled, JPEG-compressed, pyramidal TIFF.

    Parameters
    ----------
    path : Path
        File to write; an existing file is replaced. The smaller levels are kept beside it while it is written.
    rgb : (h, w, 3) uint8
        Level 0, sRGB: an array or a `Canvas`.
    mpp : float
        Microns per pixel of level 0; written as the resolution tags, in pixels per centimeter.
    tile : int
        Side of the square tiles in pixels, a multiple of 16.
    quality : int
        JPEG quality, 1 to 100. Chroma is halved in both directions, as most scanners do.
    """
    with tempfile.TemporaryDirectory(prefix=".levels-", dir=path.parent) as folder, tifffile.TiffWriter(path) as writer:
        for index, level in enumerate(_levels(rgb, Path(folder))):
            per_cm = _MICRONS_PER_CM / (mpp * LEVEL_STEP**index)
            writer.write(
                _tiles(level, tile),
                shape=level.shape,
                dtype=np.uint8,
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


def _tiles(level: Rows, side: int) -> Iterator[NDArray[np.uint8]]:
    """Cut into tiles, the last ones filled up with their edge: JPEG would smear black into the picture."""
    for y in range(0, level.shape[0], side):
        row = np.array(level[y : y + side])
        missing = ((0, side - row.shape[0]), (0, -row.shape[1] % side), (0, 0))
        row = np.pad(row, missing, mode="edge")
        for x in range(0, row.shape[1], side):
            yield np.ascontiguousarray(row[:, x : x + side])


def _levels(rgb: Rows, folder: Path) -> Iterator[Rows]:
    yield rgb
    while max(rgb.shape[:2]) >= SMALLEST_SIDE:
        rgb = _shrunk(rgb, folder / f"{max(rgb.shape[:2])}.raw")
        yield rgb


def _shrunk(rgb: Rows, path: Path) -> Canvas:
    """Average whole blocks of pixels; a last row or column that fills no block is repeated to fill one."""
    height, width = (-(-side // LEVEL_STEP) for side in rgb.shape[:2])
    small = new_canvas(path, height, width)
    for strip in small.strips():
        rows = rgb[strip.start * LEVEL_STEP : strip.stop * LEVEL_STEP]
        missing = (strip.stop - strip.start) * LEVEL_STEP - len(rows), width * LEVEL_STEP - rows.shape[1]
        padded = cv2.copyMakeBorder(rows, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
        small[strip][...] = cv2.resize(padded, (width, strip.stop - strip.start), interpolation=cv2.INTER_AREA)
    return small
