"""What the ways of finding cells share: steps between resolutions, peaks, and growth from nuclei to the membrane.

Every result at a pixel depends on the picture within a known reach of it, so cells do not change with the tile grid.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb
from hetscore.segmenters.kernels import count_pixels, peak_places, renumber, stand_alone
from hetscore.stain import Image

Labels = NDArray[np.int32]
"""(height, width), int32; 0 is background."""


def find_shrink(tile_mpp: float, wanted_mpp: float) -> int:
    """Tile-image pixels per label pixel: the power of two nearest the wanted resolution.

    Powers of two divide the alignment of the tiles, so averaging joins the same pixels whatever the tile.
    """
    return int(2 ** max(0, round(float(np.log2(wanted_mpp / tile_mpp)))))


def shrink_by(rgb: Rgb, shrink: int) -> Rgb:
    """Average whole blocks of pixels; what fills no block is left out."""
    if shrink == 1:
        return rgb
    height, width = (side // shrink for side in rgb.shape[:2])
    whole = rgb[: height * shrink, : width * shrink]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def blur(image: Image, sigma_px: float) -> Image:
    """Gaussian blur with a kernel cut at 3 sigma, so that its reach is known."""
    size = 2 * int(np.ceil(3 * sigma_px)) + 1
    result: Image = cv2.GaussianBlur(image, (size, size), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return result


def find_peaks(image: Image, floor: float, distance_px: float) -> NDArray[np.int64]:
    """Places where `image` is the largest within `distance_px` and above `floor`, (n, 2) row and column, reading order.

    Of equal neighbors the first in reading order stays.
    """
    side = np.arange(-int(distance_px), int(distance_px) + 1)
    squared = side[:, None] ** 2 + side[None, :] ** 2
    offsets = np.argwhere((squared > 0) & (squared <= distance_px**2))
    nearest_first = np.argsort(squared[offsets[:, 0], offsets[:, 1]], kind="stable")
    around = offsets[nearest_first].astype(np.int64) - int(distance_px)
    peaks: NDArray[np.int64] = peak_places(np.ascontiguousarray(image), np.float32(floor), around)
    return peaks


def join_peaks(image: Image, peaks: NDArray[np.int64], reach_px: float, saddle: float) -> NDArray[np.int64]:
    """Leave one of two peaks that are one hill.

    Parameters
    ----------
    image : (h, w) float32
        Where the peaks stand.
    peaks : (n, 2) int64
        Row and column, reading order.
    reach_px : float
        Peaks farther apart are two.
    saddle : float
        Peaks are one hill if the straight way between them nowhere falls below this share of the lower one.

    Returns
    -------
    (m, 2) int64
        In the same order: of one hill the higher peak stays, of equal ones the first. Each pair is judged alone, so
        what stays does not depend on what lies beyond the reach.
    """
    is_alone: NDArray[np.bool_] = stand_alone(np.ascontiguousarray(image), peaks, float(reach_px), np.float32(saddle))
    return peaks[is_alone]


def drop_small(nuclei: Labels, n: int, least_px: float) -> tuple[Labels, NDArray[np.bool_]]:
    """Take out regions of fewer than `least_px` pixels and number the others anew; which of the n were kept, (n,)."""
    keep: NDArray[np.bool_] = count_pixels(nuclei, n) >= least_px
    return keep_regions(nuclei, keep), keep


def keep_regions(labels: Labels, keep: NDArray[np.bool_]) -> Labels:
    """Leave some of the regions 1..n, by `keep`, (n,), and number them anew in the same order."""
    numbers = np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.int32)
    kept: Labels = renumber(labels, numbers)
    return kept


def find_gaps(hematoxylin: Image, dab: Image, mpp: float) -> NDArray[np.bool_]:
    """Where there is glass or lumen."""
    gaps: NDArray[np.bool_] = blur(hematoxylin + dab, 0.7 / mpp) < _GAP_OD
    return gaps


_GAP_OD = 0.05
"""Summed density below which there is no tissue. Pale unstained cytoplasm comes near it, so a little DAB leaks in here;
at 0.03 less leaks, but the AUC of the watershed's tumor call on left-out development cores falls from 0.86 to 0.81."""


def step_costs(nuclei: Labels, dab: Image, gaps: NDArray[np.bool_], mpp: float) -> NDArray[np.uint8]:
    """Price each pixel for a cell that grows over it: 1 in a nucleus, more along brown, 0 in a gap, where none can go.

    Going along brown is dear, so two neighbors meet on the membrane between them rather than halfway.
    """
    ridge = np.clip(blur(dab, 0.4 / mpp) / _RIDGE_STEP_OD, 0, 6)
    cost: NDArray[np.uint8] = (1 + ridge).astype(np.uint8)
    cost[gaps] = 0
    cost[nuclei > 0] = 1
    return cost


_RIDGE_STEP_OD = 0.06
"""DAB density that adds one free step to the cost of a pixel: about the height of the faintest line read as 1+."""
