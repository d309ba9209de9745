"""A place on an open slide -> its picture for the report.

Comes in: a slide and a box, or another slide's picture and where it lies here. Goes out: pixels with the box they show.
What is to be shown, and why, the caller knows.
"""

from __future__ import annotations

from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Affine, FragmentMatch, Picture, Rgb
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.slides import Slide

PICTURE_UM = 200.0
"""Least side of a picture of a deciding field: about 20 cells, what a pathologist sees at x40."""
PICTURE_MAX_UM = 600.0
"""Largest side: beyond it single membranes are not seen any more; the thumbnail shows the whole."""
PICTURE_PX = 800
"""A picture is shrunk until its side is at most this many pixels."""
GRAY = 128
"""What cannot be read."""


def take_picture(slide: Slide, bounds: Box, caption: str) -> Picture:
    """Take a picture of a place and its surroundings.

    Parameters
    ----------
    slide : Slide
        Open, of known microns per pixel.
    bounds : Box
        The place, in level-0 pixels.
    caption : str
        What is to be seen.

    Returns
    -------
    Picture
        A square about the middle of the place, half as wide again, within `PICTURE_UM` and `PICTURE_MAX_UM`. Where the
        slide cannot be read it is gray, and the caption says so: the place itself was measured, so only its
        surroundings are damaged.
    """
    mpp = slide.require_mpp()
    side_um = np.clip(1.5 * max(bounds.width, bounds.height) * mpp, PICTURE_UM, PICTURE_MAX_UM)
    downsample = max(1, ceil(side_um / mpp / PICTURE_PX))
    side = round(float(side_um) / mpp / downsample) * downsample
    x = (bounds.x + (bounds.width - side) // 2) // downsample * downsample
    y = (bounds.y + (bounds.height - side) // 2) // downsample * downsample
    box = Box(x, y, side, side)
    try:
        rgb = slide.read(box, downsample)
    except SlideError:
        rgb, caption = np.full((side // downsample, side // downsample, 3), GRAY, np.uint8), f"{caption} (not readable)"
    return Picture(slide.info.path.name, box, rgb, mpp * downsample, caption)


def take_companion(slide: Slide, picture: Picture, match: FragmentMatch) -> Picture:
    """Take the same field of the companion, turned and stretched to lie as the picture does.

    Parameters
    ----------
    slide : Slide
        The companion, open, of known microns per pixel.
    picture : Picture
        Of the HER2 slide.
    match : FragmentMatch
        Not refused: where the fragment lies on the companion.

    Returns
    -------
    Picture
        As large as `picture`; its box is what had to be read of the companion. Gray where that cannot be read, which
        the caption says.

    Raises
    ------
    ValueError
        If the match has no transform.
    """
    if match.affine is None:
        raise ValueError(f"fragment {match.fragment} has no place on the companion")
    box, downsample = _box_there(picture, match.affine, slide.require_mpp())
    caption = f"H&E, registered; estimated error {match.error_um or 0:.0f} um"
    height, width = picture.rgb.shape[:2]
    try:
        rgb = _laid_under(slide.read(box, downsample), box, downsample, picture, match.affine)
    except SlideError:
        rgb, caption = np.full((height, width, 3), GRAY, np.uint8), f"{caption} (not readable)"
    return Picture(slide.info.path.name, box, rgb, picture.mpp, caption)


def _box_there(picture: Picture, affine: Affine, mpp: float) -> tuple[Box, int]:
    """Find what to read of the companion, about as finely as the picture shows the HER2 slide."""
    downsample = max(1, floor(picture.mpp / mpp))
    box = picture.bounds
    corners = np.array([(x, y) for x in (box.x, box.right) for y in (box.y, box.bottom)], np.float64)
    there = (corners @ affine[:, :2].T + affine[:, 2]) / downsample
    left, top = (floor(v) - 1 for v in there.min(axis=0))
    right, bottom = (ceil(v) + 1 for v in there.max(axis=0))
    return Box(*(downsample * side for side in (left, top, right - left, bottom - top))), downsample


def _laid_under(rgb: Rgb, box: Box, downsample: int, picture: Picture, affine: Affine) -> Rgb:
    """Read the pixels of `rgb` at the places of the picture's pixels."""
    height, width = picture.rgb.shape[:2]
    own = _frame(picture.bounds, picture.bounds.width / width)
    matrix = np.linalg.inv(_frame(box, downsample)) @ np.vstack([affine, [0, 0, 1]]) @ own
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid: Rgb = cv2.warpAffine(rgb, matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return laid


def _frame(box: Box, step: float) -> NDArray[np.float64]:
    """Matrix from pixels, the middle of the first at (0, 0) as OpenCV counts, to level-0 pixels."""
    return np.array([[step, 0, box.x + step / 2], [0, step, box.y + step / 2], [0, 0, 1.0]])
