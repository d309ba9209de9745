"""A place on an open slide -> its picture for the report.

Comes in: a slide and a box. Goes out: pixels with the box they show. What is to be shown, and why, the caller knows.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from hetscore.domain import Picture
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.slides import Slide

PICTURE_UM = 200.0
"""Least side of a picture of a deciding field: about 20 cells, what a pathologist sees at x40."""
PICTURE_MAX_UM = 600.0
"""Largest side: beyond it single membranes are not seen any more; the thumbnail shows the whole."""
PICTURE_PX = 800
"""A picture is shrunk until its side is at most this many pixels."""


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
        rgb, caption = np.full((side // downsample, side // downsample, 3), 128, np.uint8), f"{caption} (not readable)"
    return Picture(slide.info.path.name, box, rgb, mpp * downsample, caption)
