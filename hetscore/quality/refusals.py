"""Thumbnail -> the blocking flags of a slide that is no HER2 IHC.

A wrong slide is not an error: it gives blocking flags, so the case is "not assessable" with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb, Thumbnail
from hetscore.quality.bands import plan_bands
from hetscore.quality.shapes import Image
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
    seen_od: float = 0.06
    """Mean density from which there is something: tissue's seed of `hetscore.tissue`, nuclei of unstained slides."""
    max_gray_spread: float = 0.1
    """A slide is gray where the channels of 99 of 100 pixels of what is seen differ by less than this share of their
    mean: a gray level is 0.02-0.04 of it, and color slides, the palest drawn ones without DAB, have 0.33 and more."""
    blue_ratio: float = 0.6
    """A pixel holds hematoxylin when its red density exceeds this share of its blue one: DAB alone has 0.49 (0.36 over
    0.74), hematoxylin 1.42, and a density of 0.3 of it under 1.2 of DAB still 0.62."""
    min_blue_share: float = 0.01
    """Of what is seen, the least share that holds hematoxylin: 0.06 and more on the slides at hand, real and drawn;
    one drawn with DAB alone has 0."""
    max_likeness: float = 0.1
    """Noise has no correlation between neighboring pixels, of either sign; slides at hand have 0.33 and more,"""
    min_noise_share: float = 0.6
    """and it is everywhere; glass makes up most of a slide."""


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
        One of "not-brightfield", "noise", "grayscale", "wrong-stain" and "no-counterstain".

    Notes
    -----
    Hematoxylin alone is not refused: a HER2-negative slide looks so. Nor is a blank slide, of which
    `hetscore.fragments` tells that there is no tissue.
    """
    if dark_share(thumbnail.rgb, params) > params.max_dark_share:
        return ("not-brightfield",)
    look = _look(thumbnail.rgb, white, params)
    if look.n_seen < params.min_stained_px:
        return ()
    is_full = look.n_seen / thumbnail.rgb[..., 0].size > params.min_noise_share
    seen = {
        "noise": is_full and abs(_likeness(_mean_density(thumbnail.rgb, white))) < params.max_likeness,
        "grayscale": float(np.quantile(look.spread, 0.99)) < params.max_gray_spread,
        "wrong-stain": look.pink_share(params) > params.max_pink_share,
        "no-counterstain": look.n_blue / look.n_seen < params.min_blue_share,
    }
    return tuple(name for name, is_so in seen.items() if is_so)[:1]


@dataclass(frozen=True)
class _Look:
    """What the pixels in which there is something tell, all together."""

    spread: NDArray[np.float32]
    """Difference between the channels of each over their mean."""
    n_blue: int
    """Pixels whose red density exceeds a share of the blue one."""
    n_stained: int
    n_pink: int

    @property
    def n_seen(self) -> int:
        return len(self.spread)

    def pink_share(self, params: RefusalParams) -> float:
        """Share of pink among the stained pixels; 0 where too few are stained to tell."""
        return self.n_pink / self.n_stained if self.n_stained >= params.min_stained_px else 0.0


def _look(rgb: Rgb, white: tuple[float, float, float], params: RefusalParams) -> _Look:
    """Look at a thumbnail band by band, so that its densities are never held whole."""
    spreads, n_blue, n_stained, n_pink = [np.zeros(0, np.float32)], 0, 0, 0
    for band in plan_bands(len(rgb)):
        density = optical_density(rgb[band.core], white)
        mean = _mean(density)
        seen = density[mean > params.seen_od]
        spreads.append((seen.max(axis=1) - seen.min(axis=1)) / seen.mean(axis=1))
        n_blue += int(np.count_nonzero(seen[:, 0] > params.blue_ratio * seen[:, 2]))
        stained = density[mean > params.stained_od]
        n_stained += len(stained)
        excess = stained[:, 1] - np.maximum(stained[:, 0], stained[:, 2])
        n_pink += int(np.count_nonzero(excess > params.eosin_share * stained[:, 1]))
    return _Look(np.concatenate(spreads), n_blue, n_stained, n_pink)


def _mean(density: NDArray[np.float32]) -> Image:
    """Mean of the three channels; channel by channel, as numpy sums along three numbers several times more slowly."""
    mean: Image = (density[..., 0] + density[..., 1] + density[..., 2]) / np.float32(3)
    return mean


def _mean_density(rgb: Rgb, white: tuple[float, float, float]) -> Image:
    return np.concatenate([_mean(optical_density(rgb[band.core], white)) for band in plan_bands(len(rgb))])


def _likeness(mean: NDArray[np.float32]) -> float:
    """Correlation of pixels with those to their right; 1 where nothing varies."""
    detail = mean - cv2.GaussianBlur(mean, (0, 0), _COARSE_PX)
    total = float((detail * detail).mean())
    return float((detail[:, :-1] * detail[:, 1:]).mean()) / total if total > 0 else 1.0


_COARSE_PX = 8.0
"""Coarser detail than this, a few cells, is alike from pixel to pixel in any picture with a border."""


def dark_share(rgb: Rgb, params: RefusalParams) -> float:
    """Share of pixels whose brightest channel is dark."""
    is_dark = (rgb[..., 0] < params.dark_level) & (rgb[..., 1] < params.dark_level) & (rgb[..., 2] < params.dark_level)
    return float(is_dark.mean())
