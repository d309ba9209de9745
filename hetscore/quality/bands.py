"""The thumbnail in bands of rows: what is computed of every pixel never takes memory by the size of the slide.

A band is as wide as the thumbnail and is computed with a margin as wide as its smoothing reaches, so that its pixels
are those of the whole, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from hetscore.domain import Rgb
from hetscore.quality.shapes import Image, Mask, smooth
from hetscore.stain import Stain, unmix, unmix_dab

BAND_ROWS = 256
"""Of a thumbnail 6,250 px wide (a slide of 25 mm) the floats of a band take 6 MB; its margin adds a tenth to the work.
Changes no result."""

_ROUNDING = 0.999
"""A mean of pixels exceeds the largest of them by rounding at most."""


@dataclass(frozen=True)
class Band:
    """Some rows of the thumbnail."""

    core: slice
    """What it tells of."""
    read: slice
    """What is looked at for it: the core and its margin."""

    @property
    def inner(self) -> slice:
        """The core within what is looked at."""
        first = self.core.start - self.read.start
        return slice(first, first + self.core.stop - self.core.start)


def plan_bands(height: int, margin_px: int = 0) -> Iterator[Band]:
    """Cut a number of rows into bands from the top down, each but the last of `BAND_ROWS`."""
    for first in range(0, height, BAND_ROWS):
        last = min(first + BAND_ROWS, height)
        yield Band(slice(first, last), slice(max(0, first - margin_px), min(height, last + margin_px)))


def margin_of(sigma_px: float) -> int:
    """How far smoothing by a Gaussian looks: OpenCV cuts it off at four standard deviations."""
    return ceil(4 * sigma_px) + 1


@dataclass(frozen=True)
class Densities:
    """Densities of the stains at each pixel of a thumbnail, computed where they are asked for.

    Kept as floats, the two would take almost three times the memory of the thumbnail.
    """

    rgb: Rgb
    stain: Stain

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.rgb.shape[0], self.rgb.shape[1]

    def of(self, rows: slice) -> tuple[Image, Image]:
        """Compute hematoxylin and DAB, optical density, of some rows."""
        return unmix(self.rgb[rows], self.stain)

    def smooth_dab(self, rows: slice, sigma_px: float) -> Image:
        """Compute the smoothed density of DAB of some rows."""
        margin = margin_of(sigma_px)
        read = slice(max(0, rows.start - margin), min(self.shape[0], rows.stop + margin))
        return smooth(unmix_dab(self.rgb[read], self.stain), sigma_px)[Band(rows, read).inner]

    def smooth_hematoxylin(self, sigma_px: float, within: Mask) -> Iterator[tuple[slice, Image]]:
        """Yield rows and their smoothed density of hematoxylin, band by band, where a mask holds something."""
        for band in plan_bands(self.shape[0], margin_of(sigma_px)):
            if within[band.core].any():
                yield band.core, smooth(self.of(band.read)[0], sigma_px)[band.inner]

    def smooth_both(self, sigma_px: float, least: float) -> Iterator[tuple[slice, Image, Image]]:
        """Yield rows and their smoothed densities, band by band, where that of hematoxylin may exceed `least`."""
        for band in plan_bands(self.shape[0], margin_of(sigma_px)):
            hematoxylin, dab = self.of(band.read)
            if hematoxylin.max() > _ROUNDING * least:  # on glass it is not, and nothing needs to be smoothed
                yield band.core, smooth(hematoxylin, sigma_px)[band.inner], smooth(dab, sigma_px)[band.inner]

    def find_dense(self, sigma_px: float, least: float) -> Mask:
        """Mask of the pixels where both stains together, smoothed, exceed `least`."""
        found = np.zeros(self.shape, bool)
        for band in plan_bands(self.shape[0], margin_of(sigma_px)):
            hematoxylin, dab = self.of(band.read)
            total = hematoxylin + dab
            if total.max() > _ROUNDING * least:
                found[band.core] = smooth(total, sigma_px)[band.inner] > least
        return found
