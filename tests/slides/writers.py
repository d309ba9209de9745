"""Slides of a small picture, lossless, in a format each reader takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from hetscore.domain import Rgb

Writer = Callable[[Path, Rgb], None]

MPP = 0.25

TRESTLE = "Background Color=FFFFFF;White Balance=FFFFFF;Objective Power=40;JPEG Quality=100;OverlapsXY= 0 0 0 0"
"""ImageDescription of a Trestle slide without overlaps: the one scanner format that is plain, lossless TIFF."""


def write_png(path: Path, rgb: Rgb) -> None:
    """Write a plain picture."""
    Image.fromarray(rgb).save(path, format="PNG")


def write_tiff(path: Path, rgb: Rgb) -> None:
    """Write a tiled, lossless pyramid of the downsamples 1 and 2, with resolution tags in pixels per centimeter."""
    with tifffile.TiffWriter(path) as writer:
        _write_levels(writer, rgb, resolution=(10_000 / MPP, 10_000 / MPP), resolutionunit="CENTIMETER")


def write_trestle(path: Path, rgb: Rgb) -> None:
    """Write the same as a Trestle slide, whose resolution tags are microns per pixel."""
    with tifffile.TiffWriter(path) as writer:
        _write_levels(writer, rgb, resolution=(MPP, MPP), description=TRESTLE, software="MedScan")


def _write_levels(writer: tifffile.TiffWriter, rgb: Rgb, **tags: object) -> None:
    half = rgb.reshape(rgb.shape[0] // 2, 2, rgb.shape[1] // 2, 2, 3).sum((1, 3), dtype=np.uint16)
    for level, kind in ((rgb, 0), (((half + 2) // 4).astype(np.uint8), 1)):
        writer.write(
            level, tile=(64, 64), photometric="rgb", compression="deflate", subfiletype=kind, metadata=None, **tags
        )


WRITERS: dict[str, tuple[str, Writer]] = {
    "openslide": (".tif", write_trestle),
    "tiff": (".tif", write_tiff),
    "image": (".png", write_png),
}
"""Reader -> (suffix, writer of a lossless file that this reader takes)."""
