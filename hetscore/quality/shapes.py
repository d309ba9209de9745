"""Masks: smoothing, growing, connected pieces; what the finders of artefacts share.

Each looks at the part of the picture that holds something of the mask, and at nothing where it is empty: blank glass
takes no time.
"""

from __future__ import annotations

from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]
Place = tuple[slice, slice]
"""Rows and columns."""


def smooth(image: Image, sigma_px: float) -> Image:
    """Blur with a Gaussian; the border is held."""
    blurred: Image = cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return blurred


def find_place(mask: Mask, reach_px: float = 0.0) -> Place | None:
    """Find the rows and columns that a mask and what lies within reach of it take; None where it is empty."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8)) if mask.size else (0, 0, 0, 0)
    if not width:
        return None
    reach = ceil(reach_px)
    return slice(max(0, y - reach), y + height + reach), slice(max(0, x - reach), x + width + reach)


def put(part: Mask, place: Place, like: Mask) -> Mask:
    """Put a part of a mask into its place; the rest is empty."""
    whole = np.zeros(like.shape, bool)
    whole[place] = part
    return whole


def grow(mask: Mask, radius_px: float) -> Mask:
    """Add what lies within a radius."""
    place = find_place(mask, round(radius_px))
    if place is None:
        return np.zeros(mask.shape, bool)
    return put(cv2.dilate(mask[place].astype(np.uint8), _disc(radius_px)).astype(bool), place, mask)


def is_near(mask: Mask, radius_px: float) -> Mask:
    """Mask of what lies within a radius, however large; nothing is near an empty mask."""
    place = find_place(mask, radius_px + 1)
    if place is None:
        return np.zeros(mask.shape, bool)
    return put(cv2.distanceTransform((~mask[place]).astype(np.uint8), cv2.DIST_L2, 5) <= radius_px, place, mask)


def close_gaps(mask: Mask, radius_px: float) -> Mask:
    """Add gaps that no disk of this radius fits into."""
    place = find_place(mask)
    if place is None:
        return np.zeros(mask.shape, bool)
    radius = round(radius_px)
    padded = np.pad(mask[place].astype(np.uint8), radius)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, _disc(radius_px)).astype(bool)
    return put(closed[radius : closed.shape[0] - radius, radius : closed.shape[1] - radius], place, mask)


def _disc(radius_px: float) -> NDArray[np.uint8]:
    side = 2 * round(radius_px) + 1
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return disc


def keep_seeded(mask: Mask, seed: Mask) -> Mask:
    """Keep the connected pieces that hold a seed."""
    place = find_place(mask)
    if place is None:
        return np.zeros(mask.shape, bool)
    part = mask[place]
    n, labels = cv2.connectedComponents(part.astype(np.uint8), connectivity=8)
    is_kept = np.zeros(n, bool)
    is_kept[labels[part & seed[place]]] = True
    return put(is_kept[labels], place, mask)


def keep_large(mask: Mask, min_px: float) -> Mask:
    """Keep the connected pieces of at least this area."""
    place = find_place(mask)
    if place is None:
        return np.zeros(mask.shape, bool)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask[place].astype(np.uint8), connectivity=8)
    is_kept = stats[:, cv2.CC_STAT_AREA] >= min_px
    is_kept[0] = False
    return put(is_kept[labels], place, mask)


def fill_holes(mask: Mask, max_px: float) -> Mask:
    """Fill what is enclosed and not larger than this; what touches the picture's border is not enclosed."""
    place = find_place(mask)
    if place is None:
        return np.zeros(mask.shape, bool)
    part = mask[place]
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~part).astype(np.uint8), connectivity=4)
    is_hole = stats[:, cv2.CC_STAT_AREA] <= max_px
    is_hole[0] = False
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        is_hole[border] = False
    return put(part | is_hole[labels], place, mask)


def take_slivers(mask: Mask, ground: Mask, radius_px: float, reach_px: float) -> Mask:
    """Add what a mask leaves of the ground near it, within `reach_px`, that no disk of `radius_px` fits into."""
    place = find_place(mask, round(reach_px) + 2 * round(radius_px) + 1)
    if place is None:
        return np.zeros(mask.shape, bool)
    part = mask[place]
    rest = ground[place] & ~part
    broad = grow(~grow(~rest, radius_px), radius_px)
    return put(part | (rest & ~broad & grow(part, reach_px)), place, mask)
