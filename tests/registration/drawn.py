"""Two drawn sections of the same tissue: an oval of speckled hematoxylin, and the same one turned and moved."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Affine, Fragment, Rgb
from hetscore.geometry import Box
from hetscore.registration import HE_VECTORS, Section
from hetscore.stain import Stain

MPP = 4.0
WHITE = (240.0, 240.0, 240.0)
SIDE = 300
"""Pixels of a slide of one piece."""


def draw_tissue(seed: int, long_um: float = 760.0, short_um: float = 420.0) -> NDArray[np.float32]:
    """Draw hematoxylin in an oval in the middle of a slide of `SIDE` pixels: speckles of 10 um, patches of 60."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((SIDE, SIDE)).astype(np.float32)
    speckles, patches = (cv2.GaussianBlur(noise, (0, 0), um / MPP) for um in (10.0, 60.0))
    density = 0.3 + 0.12 * speckles / speckles.std() + 0.08 * patches / patches.std()
    y, x = (np.indices((SIDE, SIDE)) - (SIDE - 1) / 2) * MPP
    is_tissue = (2 * x / long_um) ** 2 + (2 * y / short_um) ** 2 <= 1
    return np.where(is_tissue, np.clip(density, 0.05, None), 0).astype(np.float32)


def turned(density: NDArray[np.float32], degrees: float, shift_um: tuple[float, float]) -> NDArray[np.float32]:
    """Turn a slide about its middle and move it."""
    matrix = pixel_matrix(degrees, shift_um)
    moved: NDArray[np.float32] = cv2.warpAffine(density, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    return moved


def pixel_matrix(degrees: float, shift_um: tuple[float, float]) -> Affine:
    """Matrix of `turned`, pixels to pixels, as OpenCV counts."""
    matrix: Affine = cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), -degrees, 1.0)
    matrix[:, 2] += np.array(shift_um) / MPP
    return matrix


def level0_matrix(degrees: float, shift_um: tuple[float, float]) -> Affine:
    """Make the same matrix count from the corner of the first pixel, as hetscore does."""
    matrix = pixel_matrix(degrees, shift_um)
    matrix[:, 2] += 0.5 - matrix[:, :2] @ (0.5, 0.5)
    return matrix


def to_rgb(density: NDArray[np.float32]) -> Rgb:
    """Stain a density with hematoxylin."""
    vector = np.array(HE_VECTORS.hematoxylin) / np.linalg.norm(HE_VECTORS.hematoxylin)
    light = 10.0 ** (-density[..., None] * vector) * (np.array(WHITE) + 1) - 1
    rgb: Rgb = np.rint(light).astype(np.uint8)
    return rgb


def make_section(*densities: NDArray[np.float32], name: str = "he.tif") -> Section:
    """Put slides of one piece side by side on one; a fragment a piece that holds anything."""
    rgb = np.hstack([to_rgb(density) for density in densities])
    fragments: list[Fragment] = []
    for place, density in enumerate(densities):
        rings, _ = cv2.findContours((density > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if rings:
            ring = max(rings, key=len)[:, 0] + (place * SIDE + 0.5, 0.5)
            fragments.append(make_fragment(len(fragments) + 1, ring))

    def read(box: Box, downsample: int) -> Rgb:
        assert downsample == 1
        padded = cv2.copyMakeBorder(rgb, SIDE, SIDE, SIDE, SIDE, cv2.BORDER_CONSTANT, value=WHITE)
        part: Rgb = padded[box.y + SIDE : box.bottom + SIDE, box.x + SIDE : box.right + SIDE]
        return part

    return Section(name, MPP, Stain(WHITE, HE_VECTORS), tuple(fragments), read)


def make_fragment(number: int, ring: NDArray[np.float64], section_of: int | None = None) -> Fragment:
    """Make a fragment of one ring."""
    x, y = (math.floor(v) for v in ring.min(axis=0))
    right, bottom = (math.ceil(v) for v in ring.max(axis=0))
    return Fragment(number, "her2.tif", (ring,), Box(x, y, right - x, bottom - y), 0.2, section_of=section_of)
