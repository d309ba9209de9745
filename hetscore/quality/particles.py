"""Thumbnail -> opaque gray particles (soot, metal) and their surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hetscore.domain import Rgb, Thumbnail
from hetscore.quality.bands import margin_of, plan_bands
from hetscore.quality.shapes import Image, Mask, grow
from hetscore.stain import optical_density

_SMOOTH_PX = 2.0
"""Standard deviation of the smoothing, pixels of the thumbnail: larger than any one nucleus."""


@dataclass(frozen=True)
class ParticleParams:
    """What is an opaque particle."""

    min_od: float = 0.25
    """Density in every channel of an opaque particle (0.2-0.4 on the one among the development cores);"""
    max_spread: float = 0.09
    """and its channels differ by less than this share of the mean: soot and metal are gray (0.07 in the middle of that
    one), hematoxylin and DAB mixed differ by 0.11 or more in whatever shares."""
    margin_um: float = 40.0
    """Tissue this near an opaque particle is out of focus or shaded."""


def find_opaque(
    thumbnail: Thumbnail, white: tuple[float, float, float], params: ParticleParams, *, known: Mask | None = None
) -> Mask:
    """Mask of opaque gray particles and their surroundings, at the thumbnail's scale.

    Parameters
    ----------
    thumbnail : Thumbnail
        The whole slide.
    white : tuple of float
        Red, green, blue of empty glass.
    params : ParticleParams
        What is an opaque particle.
    known : (h, w) bool, optional
        Ink, hairs and the like, which may be as gray: nothing there is taken for a particle.

    Returns
    -------
    (h, w) bool
        Particles, grown by the margin.
    """
    core: Mask = np.zeros(thumbnail.rgb.shape[:2], bool)
    for band in plan_bands(len(core), margin_of(_SMOOTH_PX)):
        rgb = thumbnail.rgb[band.read]
        if _may_be_opaque(rgb, white, params):
            core[band.core] = _is_opaque(optical_density(rgb, white), params)[band.inner]
    if known is not None:
        core &= ~known
    return grow(core, params.margin_um / thumbnail.mpp)


def _may_be_opaque(rgb: Rgb, white: tuple[float, float, float], params: ParticleParams) -> bool:
    """Whether each channel is dark somewhere: glass needs no smoothing."""
    darkest = optical_density(rgb.reshape(-1, 3).min(axis=0), white)
    return bool(darkest.min() > 0.999 * params.min_od)  # smoothing adds no more than its rounding


def _is_opaque(density: Image, params: ParticleParams) -> Mask:
    """Mask of what is dense and gray, of the densities of the three channels."""
    red, green, blue = cv2.split(cv2.GaussianBlur(density, (0, 0), _SMOOTH_PX))
    palest, darkest = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    is_gray = darkest - palest < params.max_spread / 3 * (red + green + blue)
    opaque: Mask = is_gray & (palest > params.min_od)
    return opaque
