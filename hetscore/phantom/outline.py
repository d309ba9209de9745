"""The outline of a biopsy fragment: elongated, bent, torn.

Comes in: a size and a generator. Goes out: a mask, cropped to the piece and its margin of glass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.phantom.epithelium import Mask
from hetscore.phantom.noise import smooth_noise

_Grid = NDArray[np.float64]


@dataclass(frozen=True)
class OutlineParams:
    """How fragments are shaped; by eye on pictures of forceps biopsies, which are 2-3 mm strips and lumps."""

    aspect: tuple[float, float, float] = (1.0, 1.35, 3.0)
    """Length over breadth: least, commonest, most."""
    bend: float = 0.25
    """Standard deviation of how far the middle lies off the line between the ends, in half lengths."""
    lobes: float = 0.2
    """Standard deviation of the longest wave along the outline, in radii."""
    max_clefts: int = 3
    cleft_depth: tuple[float, float] = (0.25, 0.75)
    """Range, in half breadths."""

    def at_most(self, aspect: float) -> OutlineParams:
        """Limit length over breadth."""
        least, commonest, most = self.aspect
        most = max(least + 1e-3, min(most, aspect))
        return replace(self, aspect=(least, min(commonest, (least + most) / 2), most))


def draw_outline(
    rng: np.random.Generator, diameter: float, margin: int, roughness: float, params: OutlineParams | None = None
) -> Mask:
    """Draw the outline of a fragment.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides the shape.
    diameter : float
        Longest extent, pixels; the piece may be a little smaller.
    margin : int
        Pixels outside the piece on every side.
    roughness : float
        Scale of the frayed edge, pixels.
    params : OutlineParams, optional
        Proportions.

    Returns
    -------
    (h, w) bool
        One connected piece without holes.
    """
    params = params or OutlineParams()
    side = math.ceil(1.1 * diameter) + 2
    aspect = float(rng.triangular(*params.aspect))
    turns = np.linspace(-math.pi, math.pi, 361)
    wave = _wave(rng, turns, params)
    along, across = _axes(rng, side, diameter, params)
    center, length = _extent(wave * np.cos(turns), wave * np.sin(turns) / aspect)
    along, across = along * length / 2 + center[0], across * length / 2 + center[1]
    radius = np.hypot(along, across * aspect)
    edge = np.interp(np.arctan2(across * aspect, along), turns, wave)
    inside = radius < edge - _fray(rng, (side, side), roughness, diameter)
    for _ in range(int(rng.integers(params.max_clefts + 1))):
        inside &= ~_cleft(rng, along, across * aspect, params)
    return _cropped(_largest_piece(inside), margin)


def _axes(rng: np.random.Generator, side: int, diameter: float, params: OutlineParams) -> tuple[_Grid, _Grid]:
    """Coordinates along and across the fragment, in half lengths, bent like a bow."""
    y, x = (np.indices((side, side)) - (side - 1) / 2) / (diameter / 2)
    angle = rng.uniform(0, math.pi)
    along = x * math.cos(angle) + y * math.sin(angle)
    across = y * math.cos(angle) - x * math.sin(angle)
    bend = float(np.clip(params.bend * rng.standard_normal(), -0.4, 0.4))
    return along, across + bend * (along**2 - 0.35)


def _wave(rng: np.random.Generator, turns: _Grid, params: OutlineParams) -> _Grid:
    """Radius of the outline in each direction."""
    wave = 1 + sum(
        rng.normal(0, params.lobes / k) * np.cos(k * turns + rng.uniform(0, 2 * math.pi)) for k in (2, 3, 4, 5, 7)
    )
    radius: _Grid = np.clip(wave, 0.4, 1.8)
    return radius


def _extent(x: _Grid, y: _Grid) -> tuple[tuple[float, float], float]:
    """Middle and longest extent of a closed line."""
    longest = np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :]).max()
    return (float(x.min() + x.max()) / 2, float(y.min() + y.max()) / 2), float(longest)


def _fray(rng: np.random.Generator, shape: tuple[int, int], roughness: float, diameter: float) -> NDArray[np.float32]:
    """How much the edge is frayed, in half lengths: a lot on some sides, little on the mucosal surface."""
    torn = np.clip(0.9 + 0.7 * smooth_noise(rng, shape, diameter / 4), 0.2, 2.0)
    fine = 0.5 * np.abs(smooth_noise(rng, shape, roughness)) + 0.25 * np.abs(smooth_noise(rng, shape, 0.4 * roughness))
    coarse = 0.8 * np.abs(smooth_noise(rng, shape, 3 * roughness))
    bites = 0.045 * np.abs(smooth_noise(rng, shape, diameter / 9))
    bites += 0.02 * np.abs(smooth_noise(rng, shape, diameter / 22))
    fray: NDArray[np.float32] = torn * ((fine + coarse) * roughness / (diameter / 2) + bites)
    return fray


def _cleft(rng: np.random.Generator, along: _Grid, across: _Grid, params: OutlineParams) -> Mask:
    """Draw a wedge open to the outside, at a random place of the outline."""
    phi = rng.uniform(0, 2 * math.pi)
    lean = rng.normal(0, 0.35)
    inwards = (1 - along * math.cos(phi) - across * math.sin(phi)) / rng.uniform(*params.cleft_depth)
    sideways = across * math.cos(phi) - along * math.sin(phi) - lean * inwards * (inwards - 0.5)
    sideways += 0.03 * smooth_noise(rng, (along.shape[0], along.shape[1]), along.shape[0] / 14)
    width = rng.uniform(0.02, 0.09) * np.clip(1 - inwards, 0, None)
    wedge: Mask = np.abs(sideways) < width * (1 + 0.3 * smooth_noise(rng, (along.shape[0], along.shape[1]), 16.0))
    return wedge


def _largest_piece(mask: Mask) -> Mask:
    """Find the largest connected piece, its holes filled; a single pixel if the mask is empty."""
    if not mask.any():
        mask = mask.copy()
        mask[mask.shape[0] // 2, mask.shape[1] // 2] = True
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    piece = np.pad(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), 1)
    _, outside, _, _ = cv2.connectedComponentsWithStats((~piece).astype(np.uint8), connectivity=4)
    filled: Mask = outside != outside[0, 0]
    return filled


def _cropped(piece: Mask, margin: int) -> Mask:
    rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
    cropped: Mask = np.pad(piece[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], margin)
    return cropped
