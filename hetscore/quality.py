"""Thumbnail -> what cannot be judged: slides of another kind, and masks of what lies on the tissue.

A wrong slide is not an error: it gives blocking flags, so the case is "not assessable" with the reason. Later checks
(focus, folds, pen) add masks by reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb, Thumbnail
from hetscore.stain import optical_density

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class QualityParams:
    """When a slide is refused and what is masked."""

    dark_level: int = 50
    """Gray level (of the brightest channel) below which a pixel is dark. At 4 um/px a thousandth of the brownest
    development core lies below 127, and one dirt particle below 50."""
    max_dark_share: float = 0.3
    """No brightfield slide is this dark; the two fluorescence scans at hand are dark over 0.78 and 0.98."""
    stained_od: float = 0.15
    """Mean density from which a pixel has enough color to tell the stain by."""
    eosin_share: float = 0.12
    """A pixel is pink when its green density exceeds the red and blue ones by this share of it. Hematoxylin (0.64,
    0.63, 0.45) and DAB (0.36, 0.57, 0.74) give less than 0; eosin (0.07, 0.99, 0.11; Ruifrok 2001) 0.9."""
    max_pink_share: float = 0.25
    """More pink among the stained pixels than this is eosin: the development cores have at most 0.003, the three H&E
    slides at hand 0.97 and more."""
    min_stained_px: int = 200
    """Fewer stained pixels tell nothing about the stain."""
    opaque_od: float = 0.25
    """Density in every channel of an opaque particle (0.2-0.4 on the one among the development cores);"""
    opaque_spread: float = 0.09
    """and its channels differ by less than this share of the mean: soot and metal are gray (0.07 in the middle of that
    one), hematoxylin and DAB mixed differ by 0.11 or more in whatever shares."""
    opaque_margin_um: float = 40.0
    """Tissue this near an opaque particle is out of focus or shaded."""


def find_refusals(thumbnail: Thumbnail, white: tuple[float, float, float], params: QualityParams) -> tuple[str, ...]:
    """Names of the blocking flags of a slide that is no HER2 IHC; empty where nothing speaks against it.

    Parameters
    ----------
    thumbnail : Thumbnail
        The whole slide.
    white : tuple of float
        Red, green, blue of empty glass.
    params : QualityParams
        When a slide is refused.

    Returns
    -------
    tuple of str
        Of "not-brightfield" and "wrong-stain".
    """
    if dark_share(thumbnail.rgb, params) > params.max_dark_share:
        return ("not-brightfield",)
    if pink_share(thumbnail.rgb, white, params) > params.max_pink_share:
        return ("wrong-stain",)
    return ()


def dark_share(rgb: Rgb, params: QualityParams) -> float:
    """Share of pixels whose brightest channel is dark."""
    return float((rgb.max(axis=2) < params.dark_level).mean())


def pink_share(rgb: Rgb, white: tuple[float, float, float], params: QualityParams) -> float:
    """Share of pink among the stained pixels; 0 where too few are stained to tell."""
    density = optical_density(rgb, white)
    stained = density[density.mean(axis=2) > params.stained_od]
    if len(stained) < params.min_stained_px:
        return 0.0
    excess = stained[:, 1] - np.maximum(stained[:, 0], stained[:, 2])
    return float((excess > params.eosin_share * stained[:, 1]).mean())


def find_opaque(thumbnail: Thumbnail, white: tuple[float, float, float], params: QualityParams) -> Mask:
    """Mask of opaque gray particles and their surroundings, at the thumbnail's scale."""
    density = cv2.GaussianBlur(optical_density(thumbnail.rgb, white), (0, 0), 2.0)  # larger than any one nucleus
    mean = density.mean(axis=2)
    is_gray = (density.max(axis=2) - density.min(axis=2)) < params.opaque_spread * mean
    core = is_gray & (density.min(axis=2) > params.opaque_od)
    radius = round(params.opaque_margin_um / thumbnail.mpp)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown: Mask = cv2.dilate(core.astype(np.uint8), disc).astype(bool)
    return grown
