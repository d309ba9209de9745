"""Masks: smoothing, growing, connected pieces; what the finders of artefacts share."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]


def smooth(image: Image, sigma_px: float) -> Image:
    """Blur with a Gaussian; the border is held."""
    blurred: Image = cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return blurred


def grow(mask: Mask, radius_px: float) -> Mask:
    """Add what lies within a radius."""
    grown: Mask = cv2.dilate(mask.astype(np.uint8), _disc(radius_px)).astype(bool)
    return grown


def is_near(mask: Mask, radius_px: float) -> Mask:
    """Mask of what lies within a radius, however large; nothing is near an empty mask."""
    if not mask.any():
        return np.zeros(mask.shape, bool)
    near: Mask = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= radius_px
    return near


def close_gaps(mask: Mask, radius_px: float) -> Mask:
    """Add gaps that no disk of this radius fits into."""
    radius = round(radius_px)
    padded = np.pad(mask.astype(np.uint8), radius)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, _disc(radius_px)).astype(bool)
    inner: Mask = closed[radius : closed.shape[0] - radius, radius : closed.shape[1] - radius]
    return inner


def _disc(radius_px: float) -> NDArray[np.uint8]:
    side = 2 * round(radius_px) + 1
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return disc


def keep_seeded(mask: Mask, seed: Mask) -> Mask:
    """Keep the connected pieces that hold a seed."""
    n, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    is_kept = np.zeros(n, bool)
    is_kept[labels[mask & seed]] = True
    kept: Mask = is_kept[labels]
    return kept


def keep_large(mask: Mask, min_px: float) -> Mask:
    """Keep the connected pieces of at least this area."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    is_kept = stats[:, cv2.CC_STAT_AREA] >= min_px
    is_kept[0] = False
    kept: Mask = is_kept[labels]
    return kept


def fill_holes(mask: Mask, max_px: float) -> Mask:
    """Fill what is enclosed and not larger than this; what touches the picture's border is not enclosed."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    is_hole = stats[:, cv2.CC_STAT_AREA] <= max_px
    is_hole[0] = False
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        is_hole[border] = False
    filled: Mask = mask | is_hole[labels]
    return filled


def take_slivers(mask: Mask, ground: Mask, radius_px: float, reach_px: float) -> Mask:
    """Add what a mask leaves of the ground near it, within `reach_px`, that no disk of `radius_px` fits into."""
    rest = ground & ~mask
    broad = grow(~grow(~rest, radius_px), radius_px)
    return mask | (rest & ~broad & grow(mask, reach_px))
