"""A piece of tissue -> the pieces that touch in it: two notches of its outline face each other, a short cut apart.

A crack through one piece has walls that lie side by side; between two pieces that touch the glass opens wide. So clefts
narrower than the bridging distance are filled before notches are looked for. A neck is a guess that carries its
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

_STEP_UM = 16.0
"""Between two points of an outline: four pixels of the thumbnail, so that the pixels' stairs do not show."""
_NOTCH_UM = (64.0, 128.0, 256.0)
"""Reach to both sides at which a notch is measured: from some cells to half a small biopsy. A choice."""
_MOST_LOOKS = 40
"""Cuts tried until one lies within the piece: the best ones are neighbors of one another."""

_Points = NDArray[np.float64]
"""(n, 2) x, y, um, a closed outline."""


@dataclass(frozen=True)
class Neck:
    """Where a piece would be cut in two."""

    parts: tuple[Mask, Mask]
    """Of the piece's own picture; together the piece."""
    width_um: float
    """Length of the cut."""
    ratio: float
    """Length of the cut over the square root of the smaller part's area."""
    notch: float
    """How sharply the outline turns in at the ends of the cut, see `measure_notches`; both ends together."""
    log_odds: float
    """That the parts are two pieces that touch."""

    @property
    def confidence(self) -> float:
        """Probability that the parts are two pieces that touch, [0, 1]."""
        return 1 / (1 + math.exp(-self.log_odds))


@dataclass(frozen=True)
class _Cuts:
    """Every way to cut an outline between two of its points."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    width_um: NDArray[np.float64]
    ratio: NDArray[np.float64]
    notch: NDArray[np.float64]


def find_neck(mask: Mask, mpp: float, params: FragmentParams) -> Neck | None:
    """Find the neck at which a piece is likeliest two.

    Parameters
    ----------
    mask : ndarray, shape (h, w), bool
        The piece in its own picture.
    mpp : float
        Microns per pixel.
    params : FragmentParams
        How short a cut, how sharp its notches and how large its parts must be.

    Returns
    -------
    Neck or None
        None where no cut leaves two parts that are large enough.

    Notes
    -----
    Every two points of the outline are the ends of a cut. Pieces that touch do so along a cut that is short for the
    size of its parts and ends in a notch on both sides; the log odds are linear in the logarithm of the one and in the
    other. Where only glass lies along the cut the parts are likelier those of a torn piece.
    """
    solid = _fill(mask, params.bridge_um / mpp)
    points = trace_outline(solid, mpp)
    cuts = _list_cuts(points, params.neck_min_part_um**2)
    odds = params.neck_slope * np.log(params.neck_even / cuts.ratio) + params.neck_notch * cuts.notch
    for k in np.argsort(-odds, kind="stable")[:_MOST_LOOKS]:
        first, second = int(cuts.first[k]), int(cuts.second[k])
        if not _is_inside(points[[first, second]] / mpp, solid):
            continue
        parts = _part(mask, points / mpp, first, second)
        if not (parts[0].any() and parts[1].any()):
            continue
        width_um = float(cuts.width_um[k])
        tear = 0.0 if _are_touching(parts, width_um / mpp) else params.tear_cost
        return Neck(parts, width_um, float(cuts.ratio[k]), float(cuts.notch[k]), float(odds[k]) - tear)
    return None


def _fill(mask: Mask, gap_px: float) -> NDArray[np.uint8]:
    """Fill clefts and leave all but the largest part out."""
    solid = fill_clefts(mask, gap_px)
    rings, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(rings, key=cv2.contourArea)
    return np.asarray(cv2.drawContours(np.zeros_like(solid), [largest], -1, 1, cv2.FILLED))


def trace_outline(solid: NDArray[np.uint8], mpp: float) -> _Points:
    """Trace the outline of a picture of one part, in points as far from one another, a little smoothed.

    Parameters
    ----------
    solid : ndarray of uint8
        1 where there is tissue.
    mpp : float
        Microns per pixel.

    Returns
    -------
    ndarray, shape (n, 2)
        x and y in um; the area is on the right of the line, on the screen.
    """
    rings, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    ring = rings[0][:, 0, :].astype(np.float64) * mpp
    closed = np.concatenate([ring, ring[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    places = np.linspace(0, length[-1], max(12, round(length[-1] / _STEP_UM)), endpoint=False)
    points = np.column_stack([np.interp(places, length, closed[:, 0]), np.interp(places, length, closed[:, 1])])
    smooth: _Points = (np.roll(points, 1, axis=0) + 2 * points + np.roll(points, -1, axis=0)) / 4
    return smooth if _sum_area(smooth)[-1] > 0 else smooth[::-1].copy()


def _sum_area(points: _Points) -> NDArray[np.float64]:
    """Signed area between the origin and the outline up to each point, and at last the whole."""
    x, y = points.T
    steps = (x * np.roll(y, -1) - y * np.roll(x, -1)) / 2
    return np.concatenate([[0.0], np.cumsum(steps)])


def measure_notches(points: _Points) -> NDArray[np.float64]:
    """Measure how far each point of an outline lies within the line between the points on both sides of it.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        See `trace_outline`.

    Returns
    -------
    ndarray, shape (n,)
        Over the reach to either side, a mean of three reaches; about 0.7 in a notch of a right angle, negative where
        the outline bulges.
    """
    depth = np.zeros(len(points))
    for reach_um in _NOTCH_UM:
        k = max(1, round(reach_um / _STEP_UM))
        before = np.roll(points, k, axis=0)
        line, offset = np.roll(points, -k, axis=0) - before, points - before
        across = line[:, 0] * offset[:, 1] - line[:, 1] * offset[:, 0]
        depth += across / np.maximum(np.hypot(*line.T), 1e-9) / reach_um
    return depth / len(_NOTCH_UM)


def _list_cuts(points: _Points, least_um2: float) -> _Cuts:
    """List the cuts that leave parts of at least some area."""
    first, second = np.triu_indices(len(points), 2)
    upto, (x, y) = _sum_area(points), points.T
    area = upto[second] - upto[first] + (x[second] * y[first] - y[second] * x[first]) / 2
    smaller = np.minimum(area, upto[-1] - area)
    is_large = smaller >= least_um2
    first, second, smaller = first[is_large], second[is_large], smaller[is_large]
    width = np.maximum(np.hypot(x[first] - x[second], y[first] - y[second]), _STEP_UM / 2)
    notch = measure_notches(points)
    return _Cuts(first, second, width, width / np.sqrt(smaller), notch[first] + notch[second])


def _is_inside(ends: NDArray[np.float64], solid: NDArray[np.uint8]) -> bool:
    """Whether a cut runs through tissue, but for the pixels at its ends."""
    along = np.linspace(0.1, 0.9, 9)[:, None]
    x, y = np.rint(ends[0] * (1 - along) + ends[1] * along).astype(np.intp).T
    return bool(solid[y, x].mean() > 0.8)


def _part(mask: Mask, points_px: _Points, first: int, second: int) -> tuple[Mask, Mask]:
    """Part a piece along a cut; what lies outside the outline goes to the nearer side."""
    rings = points_px[first : second + 1], np.concatenate([points_px[second:], points_px[: first + 1]])
    distances = []
    for ring in rings:
        away = cv2.fillPoly(np.ones(mask.shape, np.uint8), [np.rint(ring).astype(np.int32)], (0,))
        distances.append(cv2.distanceTransform(away, cv2.DIST_L2, 5))
    is_second = distances[1] < distances[0]
    return mask & ~is_second, mask & is_second


def _are_touching(parts: tuple[Mask, Mask], width_px: float) -> bool:
    """Tell whether tissue lies along a tenth of a cut or more."""
    beside = cv2.dilate(parts[0].astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return bool(np.count_nonzero(beside & parts[1]) >= 0.1 * width_px)
