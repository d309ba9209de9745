"""Thumbnail -> the blocking flags of a slide that is no HER2 IHC.

A wrong slide is not an error: it gives blocking flags, so the case is "not assessable" with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hetscore.domain import Rgb, Thumbnail
from hetscore.stain import optical_density


@dataclass(frozen=True)
class RefusalParams:
    """When a slide is refused."""

    dark_level: int = 50
    """Gray level (of the brightest channel) below which a pixel is dark. At 4 um/px a thousandth of the brownest
    development core lies below 127, and one dirt particle below 50."""
    max_dark_share: float = 0.3
    """No brightfield slide is this dark; the two fluorescence scans at hand are dark over 0.78 and 0.98."""
    stained_od: float = 0.15
    """Mean density from which a pixel has enough color to tell the stain by."""
    eosin_share: float = 0.2
    """A pixel is pink when its green density exceeds the red and blue ones by this share of it. Hematoxylin (0.64,
    0.63, 0.45) and DAB (0.36, 0.57, 0.74) give less than 0; eosin (0.07, 0.99, 0.11; Ruifrok 2001) 0.9. Much
    hematoxylin over pale DAB, on a scanner of hard contrast, gives 0.11 in the middle and 0.18 at the 99th percentile
    of a drawn slide; the H&E field at hand 0.35 in the middle and 0.21 at the first percentile."""
    max_pink_share: float = 0.25
    """More pink among the stained pixels than this is eosin: the development cores and the drawn slides have at most
    0.01, the three H&E slides at hand 0.9 and more."""
    min_stained_px: int = 200
    """Fewer stained pixels tell nothing about the stain."""


def find_refusals(thumbnail: Thumbnail, white: tuple[float, float, float], params: RefusalParams) -> tuple[str, ...]:
    """Names of the blocking flags of a slide that is no HER2 IHC; empty where nothing speaks against it.

    Parameters
    ----------
    thumbnail : Thumbnail
        The whole slide.
    white : tuple of float
        Red, green, blue of empty glass.
    params : RefusalParams
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


def dark_share(rgb: Rgb, params: RefusalParams) -> float:
    """Share of pixels whose brightest channel is dark."""
    return float((rgb.max(axis=2) < params.dark_level).mean())


def pink_share(rgb: Rgb, white: tuple[float, float, float], params: RefusalParams) -> float:
    """Share of pink among the stained pixels; 0 where too few are stained to tell."""
    density = optical_density(rgb, white)
    stained = density[density.mean(axis=2) > params.stained_od]
    if len(stained) < params.min_stained_px:
        return 0.0
    excess = stained[:, 1] - np.maximum(stained[:, 0], stained[:, 2])
    return float((excess > params.eosin_share * stained[:, 1]).mean())
