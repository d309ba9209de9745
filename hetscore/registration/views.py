"""A fragment on an open slide -> its hematoxylin, small, with its outline.

Hematoxylin is the one stain that both slides have; each is unmixed with vectors of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Fragment, Rgb
from hetscore.geometry import Box
from hetscore.registration.params import RegistrationParams
from hetscore.stain import Stain, StainVectors, unmix

HE_VECTORS = StainVectors(hematoxylin=(0.65, 0.70, 0.29), dab=(0.07, 0.99, 0.11))
"""Of an H&E slide; eosin stands in the place of DAB. Ruifrok AC, Johnston DA. Quantification of histochemical staining
by color deconvolution. Anal Quant Cytol Histol 23:291-299, 2001."""

Picture = NDArray[np.float32]
"""(height, width), float32."""


@dataclass(frozen=True)
class Section:
    """A slide to be registered: its fragments, and how to read and unmix it."""

    name: str
    """Of the file."""
    mpp: float
    """Microns per level-0 pixel."""
    stain: Stain
    fragments: tuple[Fragment, ...]
    read: Callable[[Box, int], Rgb]
    """As `hetscore.slides.Slide.read`."""


@dataclass(frozen=True)
class View:
    """One fragment, small. Pixel (i, j) covers the square of `mpp` microns at (j, i) * mpp + origin."""

    hematoxylin: Picture
    """Optical density, smoothed, 0 outside of the fragment."""
    detail: Picture
    """The same, less what is broader than a few cells: where nuclei stand close and where they do not."""
    mask: NDArray[np.bool_]
    mpp: float
    origin: tuple[float, float]
    """Microns from the slide's corner."""

    def to_um(self) -> NDArray[np.float64]:
        """Matrix (3, 3) from pixels, the middle of the first at (0, 0) as OpenCV counts, to microns of the slide."""
        x, y = self.origin
        half = self.mpp / 2
        return np.array([[self.mpp, 0, x + half], [0, self.mpp, y + half], [0, 0, 1.0]])


def view_fragment(section: Section, fragment: Fragment, params: RegistrationParams) -> View:
    """Read one fragment, small, with a little glass around it."""
    downsample = max(1, round(params.mpp / section.mpp))
    margin = params.margin_um / section.mpp
    x, y = (floor((v - margin) / downsample) * downsample for v in (fragment.bounds.x, fragment.bounds.y))
    right, bottom = (ceil((v + margin) / downsample) for v in (fragment.bounds.right, fragment.bounds.bottom))
    box = Box(x, y, right * downsample - x, bottom * downsample - y)
    density, _ = unmix(section.read(box, downsample), section.stain)
    mask = _draw_mask(fragment, box, downsample)
    scale = section.mpp * downsample
    smooth = np.where(mask, _blur(np.maximum(density, 0), params.smooth_um / scale), 0)
    detail = _without_broad(smooth, mask, params.broad_um / scale)
    return View(smooth, detail, mask, scale, (x * section.mpp, y * section.mpp))


def _blur(picture: Picture, sigma_px: float) -> Picture:
    blurred: Picture = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), sigma_px)
    return blurred


def _without_broad(picture: Picture, mask: NDArray[np.bool_], sigma_px: float) -> Picture:
    """Subtract from each pixel the mean of the tissue around it."""
    around = _blur(picture, sigma_px) / np.maximum(_blur(mask.astype(np.float32), sigma_px), np.float32(1e-3))
    detail: Picture = np.where(mask, picture - around, 0).astype(np.float32)
    return detail


def _draw_mask(fragment: Fragment, box: Box, downsample: int) -> NDArray[np.bool_]:
    rings = [np.round((ring - (box.x, box.y)) / downsample - 0.5).astype(np.int32) for ring in fragment.outlines]
    mask = np.zeros((box.height // downsample, box.width // downsample), np.uint8)
    for ring in rings:
        cv2.fillPoly(mask, [ring], 1)
    return mask.astype(bool)


def shrink_view(view: View, factor: int) -> View:
    """Average squares of `factor` pixels; what fills no whole square is left out."""
    if factor == 1:
        return view
    mask = _shrink(view.mask.astype(np.float32), factor) >= 0.5
    return View(_shrink(view.hematoxylin, factor), _shrink(view.detail, factor), mask, view.mpp * factor, view.origin)


def _shrink(picture: Picture, factor: int) -> Picture:
    height, width = (max(n // factor, 1) for n in picture.shape)
    whole = picture[: height * factor, : width * factor]
    shrunk: Picture = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return shrunk
