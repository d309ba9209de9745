"""Thumbnail -> opaque gray particles (soot, metal) and their surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Thumbnail
from hetscore.stain import optical_density

Mask = NDArray[np.bool_]


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
    density = cv2.GaussianBlur(optical_density(thumbnail.rgb, white), (0, 0), 2.0)  # larger than any one nucleus
    red, green, blue = cv2.split(density)
    palest, darkest = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    is_gray = darkest - palest < params.max_spread / 3 * (red + green + blue)
    core: Mask = is_gray & (palest > params.min_od)
    if known is not None:
        core &= ~known
    radius = round(params.margin_um / thumbnail.mpp)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown: Mask = cv2.dilate(core.astype(np.uint8), disc).astype(bool)
    return grown
