"""A piece of tissue -> the pieces that touch in it: where a narrow neck joins two bulky parts.

A crack through one piece has walls that lie side by side; between two pieces that touch the glass opens wide. So clefts
narrower than the bridging distance are filled before necks are looked for. A neck is a guess that carries its
confidence: what is cut, and what is nearly cut, is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.fragments.params import FragmentParams
from hetscore.fragments.pieces import Mask, fill_clefts

_LOOK_UM = 8.0
"""Necks are looked for at about this scale: a quarter of the narrowest that is cut is several pixels."""
_N_DEPTHS = 40
"""Depths at which a piece is looked at: a neck's width is known to 2.5 % of the piece's."""


@dataclass(frozen=True)
class Neck:
    """Where a piece would be cut in two."""

    parts: tuple[Mask, Mask]
    """Of the piece's own picture; together the piece."""
    width_um: float
    ratio: float
    """Width of the neck over that of the slimmer part."""
    confidence: float
    """Probability that the parts are two pieces that touch, [0, 1]."""


def find_neck(mask: Mask, mpp: float, params: FragmentParams) -> Neck | None:
    """Find the narrowest neck between two bulky parts of a piece.

    Parameters
    ----------
    mask : ndarray, shape (h, w), bool
        The piece in its own picture.
    mpp : float
        Microns per pixel.
    params : FragmentParams
        How narrow a neck and how bulky a part must be.

    Returns
    -------
    Neck or None
        None where there is no neck at all.

    Notes
    -----
    The depth of a place is its distance from the glass. Above a rising threshold of depth the piece falls into parts;
    the threshold at which two bulky ones first part is half the width of their neck.
    """
    shrink = max(1, round(_LOOK_UM / mpp))
    depth = _measure_depth(mask, shrink, params.bridge_um / mpp)
    least = params.neck_min_part_um / 2 / (mpp * shrink)
    for threshold in np.linspace(0, params.neck_max_ratio * float(depth.max()), _N_DEPTHS, endpoint=False):
        n, marks = cv2.connectedComponents((depth > threshold).astype(np.uint8), connectivity=8)
        if n < 3:
            continue
        peaks = np.zeros(n, np.float32)
        np.maximum.at(peaks, marks.ravel(), depth.ravel())
        peaks[0] = 0
        first, second = np.argsort(-peaks, kind="stable")[:2]
        if peaks[second] >= max(least, threshold / params.neck_max_ratio):
            ratio, width_um = float(threshold / peaks[second]), float(2 * threshold * mpp * shrink)
            is_second = _is_nearer_second(marks, first, second, mask.shape, shrink)
            parts = mask & ~is_second, mask & is_second
            return Neck(parts, width_um, ratio, _weigh(ratio, parts, params))
    return None


def _measure_depth(mask: Mask, shrink: int, gap_px: float) -> NDArray[np.float32]:
    """Measure the distance from the glass, in pixels of the shrunk picture with one of glass around it."""
    solid = fill_clefts(mask, gap_px)
    rings, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = cv2.drawContours(np.zeros_like(solid), [max(rings, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    height, width = (-(-side // shrink) * shrink for side in whole.shape)
    padded = np.pad(whole, ((0, height - whole.shape[0]), (0, width - whole.shape[1])))
    small = np.pad(padded[shrink // 2 :: shrink, shrink // 2 :: shrink], 1)
    depth: NDArray[np.float32] = cv2.distanceTransform(small, cv2.DIST_L2, 5).astype(np.float32)
    return depth


def _is_nearer_second(marks: NDArray[np.int32], first: int, second: int, shape: tuple[int, ...], shrink: int) -> Mask:
    """Tell for each place of the full picture whether it lies nearer to the second mark."""
    to_first, to_second = (
        cv2.distanceTransform((marks != mark).astype(np.uint8), cv2.DIST_L2, 5) for mark in (first, second)
    )
    rows, columns = (np.arange(side) // shrink + 1 for side in shape)
    return np.asarray((to_second < to_first)[np.ix_(rows, columns)])


def _weigh(ratio: float, parts: tuple[Mask, Mask], params: FragmentParams) -> float:
    """Probability that two parts are pieces that touch; where only glass lies between them a tear is likelier."""
    beside = cv2.dilate(parts[0].astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    even = params.neck_even if bool((beside & parts[1]).any()) else params.gap_even
    return 1 / (1 + math.exp((ratio - even) / params.neck_spread))
