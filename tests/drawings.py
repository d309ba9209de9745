"""Pictures drawn from known densities, so that every measure has a truth to be held to.

A picture is two density images, hematoxylin and DAB, turned to light as a scanner would see it. Lengths are in pixels
of the picture unless a name says otherwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb, Thumbnail, Tile, TileImage
from hetscore.geometry import Box
from hetscore.stain import Stain, StainVectors

Image = NDArray[np.float64]
"""(height, width), float64."""
Mask = NDArray[np.bool_]

WHITE = (241.0, 240.0, 242.0)
VECTORS = StainVectors(hematoxylin=(0.642, 0.627, 0.447), dab=(0.36, 0.567, 0.741))
STAIN = Stain(WHITE, VECTORS)
EOSIN = (0.07, 0.99, 0.11)
"""Ruifrok and Johnston 2001."""


def shine(density: NDArray[np.floating]) -> Rgb:
    """Light that passes through the density of each channel, (..., 3), before glass of color `WHITE`."""
    light = (np.array(WHITE) + 1) * 10.0 ** -np.asarray(density, np.float64) - 1
    return np.clip(np.round(light), 0, 255).astype(np.uint8)


def paint(hematoxylin: NDArray[np.floating], dab: NDArray[np.floating]) -> Rgb:
    """Picture with these densities of the two stains."""
    return shine(
        np.multiply.outer(hematoxylin, _unit(VECTORS.hematoxylin)) + np.multiply.outer(dab, _unit(VECTORS.dab))
    )


def _unit(vector: tuple[float, float, float]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = np.array(vector) / np.linalg.norm(vector)
    return unit


def glass(height: int, width: int) -> Rgb:
    """Empty glass."""
    return paint(np.zeros((height, width)), np.zeros((height, width)))


def distance(shape: tuple[int, int], x: float, y: float) -> Image:
    """Distance of each pixel's center from (x, y); pixel (0, 0) has its center at (0.5, 0.5)."""
    rows, columns = np.indices(shape) + 0.5
    return np.asarray(np.hypot(columns - x, rows - y), np.float64)


def disc(shape: tuple[int, int], x: float, y: float, radius: float) -> Mask:
    """Pixels nearer than `radius` to (x, y)."""
    return distance(shape, x, y) < radius


def nuclei_picture(shape: tuple[int, int], centers: list[tuple[float, float]], radius: float = 7.0) -> Image:
    """Hematoxylin of round nuclei of density 0.35 on a cytoplasm of 0.1, their rims soft over a pixel."""
    nearest = np.min([distance(shape, x, y) for x, y in centers], axis=0)
    return np.asarray(0.10 + 0.25 * np.clip(radius + 0.5 - nearest, 0, 1))


def make_thumbnail(rgb: Rgb) -> Thumbnail:
    """Thumbnail at 4 um/px of a slide of 0.25 um/px."""
    return Thumbnail(rgb, downsample=16, mpp=4.0)


def make_tile(rgb: Rgb, *, mpp: float = 0.5, origin: tuple[int, int] = (0, 0), margin: int = 0) -> TileImage:
    """Tile of a picture at level 0, whose core lies `margin` pixels inside it."""
    box = Box(*origin, rgb.shape[1], rgb.shape[0])
    return TileImage(Tile(id=0, box=box, core=box.grown(-margin), downsample=1, mpp=mpp), rgb)
