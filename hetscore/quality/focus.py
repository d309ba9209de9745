"""Tissue -> the area that is out of focus.

In focus, the finest lines of the tissue (periods of 4-6 um) are about as strong as the coarser ones (10-20 um); blur
takes away the fine ones first. So the two are compared, at each place with each other: stain and kind of tissue change
both alike.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np

from hetscore.domain import TissueMask
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.quality.reading import Read, find_step, plan_blocks, read_block
from hetscore.quality.shapes import Image, Mask, close_gaps, grow, keep_large, smooth
from hetscore.stain import optical_density


@dataclass(frozen=True)
class FocusParams:
    """What is out of focus. Constants were chosen by `scripts/measure_quality.py`, see docs/quality.md."""

    mpp: float = 2.0
    """Resolution at which the tissue is read, um/px. At 4 the blur of 2 um (standard deviation) that hides a membrane
    is hardly seen; at 1 the sharpening of the scanner is what is measured (1.3-2.5 on cores, 0.8 on phantoms)."""
    fine_um: float = 2.0
    """What a Gaussian of this width takes away is fine,"""
    coarse_um: float = 6.0
    """and what it leaves, but one of this width takes away, is coarse."""
    window_um: float = 12.0
    """Standard deviation of the window over which both are averaged: a cell and its neighbors."""
    share: float = 0.6
    """A place is out of focus where fine over coarse (root of the mean squares) is below this share of the slide's own
    median: scanners differ, and a slide that is a little soft all over can still be judged;"""
    min_ratio: float = 0.7
    """but always below this,"""
    max_ratio: float = 0.95
    """and never above this. In focus, a hundredth of the development cores lies below 1.05."""
    min_area_um2: float = 3000.0
    """Smaller blurred spots are single smooth cells or mucus."""
    margin_um: float = 20.0
    """Grown by this much: the soft border of a blurred patch."""
    gap_um: float = 24.0
    """Gaps narrower than twice this are closed: a dark nucleus in a blurred patch looks sharp."""
    known_margin_um: float = 12.0
    """What lies over the tissue, e.g. a hair, changes the detail this far beyond its edge: twice `coarse_um`."""
    block_px: int = 256
    """Side of what is read at once, thumbnail pixels: keeps memory constant, changes no result."""


def find_blur(
    tissue: TissueMask, read: Read, white: tuple[float, float, float], params: FocusParams, *, known: Mask | None = None
) -> Mask:
    """Mask of tissue out of focus, at the tissue's scale.

    Parameters
    ----------
    tissue : TissueMask
        Where to look; nothing else is read.
    read : callable
        Reads a box of the slide at a downsample, e.g. `Slide.read`.
    white : tuple of float
        Red, green, blue of empty glass.
    params : FocusParams
        What is out of focus.
    known : (h, w) bool, optional
        Ink, hairs and the like: their soft edges would read as blur, so what lies near them is judged without them.

    Returns
    -------
    (h, w) bool
        May reach beyond the tissue by the margin. A slide whose thumbnail is its finest level has no finer detail to
        look at: nothing is masked.
    """
    step = find_step(tissue, params.mpp)
    if step is None or not tissue.mask.any():
        return np.zeros(tissue.mask.shape, bool)
    counts = ~grow(known, params.known_margin_um / tissue.mpp) if known is not None else np.ones_like(tissue.mask)
    sharpness = np.full(tissue.mask.shape, np.inf, np.float32)
    margin_px = 4 * (params.window_um + params.coarse_um) / tissue.mpp
    for core, box in plan_blocks(tissue.mask, margin_px, params.block_px):
        with suppress(SlideError):  # its tiles will fail too, and are counted there
            detail = _detail(box, tissue, read, white, step, params)
            found = _sharpness(*detail, counts[box.slices], params.window_um / tissue.mpp)
            sharpness[core.slices] = found[core.shifted(-box.x, -box.y).slices]
    usual = float(
        np.median(sharpness[tissue.mask], overwrite_input=True)
    )  # infinite only where hardly anything could be read
    limit = min(max(params.share * usual, params.min_ratio), params.max_ratio)
    is_soft = (sharpness < limit) & tissue.mask
    del sharpness  # as large as all that follows
    blurred = keep_large(is_soft, params.min_area_um2 / tissue.mpp**2)
    return close_gaps(grow(blurred, params.margin_um / tissue.mpp), params.gap_um / tissue.mpp)


def _detail(
    box: Box, tissue: TissueMask, read: Read, white: tuple[float, float, float], step: int, params: FocusParams
) -> tuple[Image, Image]:
    """Mean squares of fine and of coarse detail at each thumbnail pixel of `box`."""
    density = cv2.transform(optical_density(read_block(box, tissue, read, step), white), _MEAN)
    mpp = tissue.mpp * step / tissue.downsample
    softer, softest = (smooth(density, um / mpp) for um in (params.fine_um, params.coarse_um))
    size = (box.width, box.height)
    fine, coarse = (
        cv2.resize(detail**2, size, interpolation=cv2.INTER_AREA) for detail in (density - softer, softer - softest)
    )
    return fine, coarse


def _sharpness(fine: Image, coarse: Image, counts: Mask, sigma_px: float) -> Image:
    """Fine over coarse detail within a window, of the pixels that count; infinite where there is no detail at all."""
    above, below = smooth(fine * counts, sigma_px), smooth(coarse * counts, sigma_px)
    ratio: Image = np.sqrt(np.divide(above, below, out=np.full_like(above, np.inf), where=below > _NO_DETAIL))
    return ratio


_MEAN = np.full((1, 3), 1 / 3, np.float32)
"""Of the three channels; four times as fast as numpy's."""
_NO_DETAIL = 1e-10
"""Mean square of density, far below the noise of any camera (0.001 squared): what an artefact hides altogether."""
