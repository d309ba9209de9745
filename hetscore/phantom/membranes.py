"""Draw the stained membranes: lines of known width and peak along the borders of cells.

A line is drawn with the width and the peak density it has in the finished picture, so that what is measured back can
be compared with what was asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.domain import MembranePattern
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.noise import Field, SmoothField, draw_field
from hetscore.phantom.optics import STRIP, blur, blur_reach
from hetscore.phantom.stain import FWHM_TO_SD, StainParams
from hetscore.phantom.tissue import FragmentTissue

_SIDE = (Ground.EPITHELIUM, Ground.VACUOLE)
_APEX = (Ground.LUMEN, Ground.MUCUS)
_BASE = tuple(ground for ground in Ground if ground not in _SIDE + _APEX)

STAINED_SIDES = {
    MembranePattern.NONE: (),
    MembranePattern.PARTIAL: _SIDE + _BASE + _APEX,
    MembranePattern.LATERAL: _SIDE,
    MembranePattern.BASOLATERAL: _SIDE + _BASE,
    MembranePattern.COMPLETE: _SIDE + _BASE + _APEX,
}
"""By what lies beyond it, the sides of a cell that are stained. A partial line comes and goes along all of them."""

SMOOTHING_PX = 0.75
"""Standard deviation of the blur that rounds the steps of a line drawn pixel by pixel; the line is drawn that much
narrower and denser before, so that its final width and peak are those asked for."""

_REACH_SD = 4.5
"""A line ends this many standard deviations from its middle, at 0.00004 of its peak."""

_WIDTH_RANGE = (0.6, 1.6)
"""Of the factor on the width along a line; three standard deviations."""

_GAP_LEVEL = -0.4
"""A partial line has a gap where the field of gaps is below this: in a third of its length."""


@dataclass(frozen=True)
class _Borders:
    """What decides the lines of a fragment; tables are by label, row 0 for no cell."""

    kind: NDArray[np.uint8]
    """Class of the line, 0 for none."""
    pattern: NDArray[np.uint8]
    od: NDArray[np.float32]
    """Peak before smoothing."""
    sd_px: NDArray[np.float32]
    """By class, before smoothing."""
    is_stained: NDArray[np.bool_]
    """By pattern and by the ground beyond."""
    gaps: SmoothField
    width: tuple[SmoothField, SmoothField]
    texture: tuple[SmoothField, SmoothField]


def paint_membranes(
    tissue: FragmentTissue, rng: np.random.Generator, params: StainParams, *, extra_blur_um: float = 0.0
) -> Field:
    """Draw the stained membranes.

    Parameters
    ----------
    tissue : FragmentTissue
        Territories with class and pattern.
    rng : numpy.random.Generator
        Decides the texture.
    params : StainParams
        Peak density and width by class.
    extra_blur_um : float
        Standard deviation of a blur beyond the one that the asked width allows for.

    Returns
    -------
    (h, w) float32
        DAB of the lines: a Gaussian profile across the border.

    Notes
    -----
    A border between two tumor cells is one line, of the stronger of the two; a border with anything else is the tumor
    cell's own. Where lines meet, the denser wins.
    """
    borders = _draw_borders(tissue, rng, params)
    lines = np.zeros(tissue.cells.shape, np.float32)
    sigma = math.hypot(SMOOTHING_PX, extra_blur_um / tissue.mpp)
    if borders.kind.any():
        for top in range(0, len(lines), STRIP):
            lines[top : top + STRIP] = _paint_strip(tissue, borders, params, top, sigma)
    return lines


def _draw_borders(tissue: FragmentTissue, rng: np.random.Generator, params: StainParams) -> _Borders:
    shape, mpp = (tissue.cells.shape[0], tissue.cells.shape[1]), tissue.mpp
    line_class = np.maximum(tissue.membrane_class, 0)
    peak = np.array(params.membrane_od)[line_class]
    peak = peak * np.exp(params.membrane_cell_sd * rng.standard_normal(len(peak)))
    asked = np.maximum(np.array(params.membrane_fwhm_um) * FWHM_TO_SD / mpp, 1.2 * SMOOTHING_PX)
    drawn = np.sqrt(asked**2 - SMOOTHING_PX**2)
    return _Borders(
        kind=_by_label(line_class).astype(np.uint8),
        pattern=_by_label(tissue.pattern).astype(np.uint8),
        od=_by_label(peak * (asked / drawn)[line_class]).astype(np.float32),
        sd_px=drawn.astype(np.float32),
        is_stained=_side_table(),
        gaps=draw_field(rng, shape, 5 / mpp),
        width=draw_clumps(rng, shape, mpp),
        texture=draw_clumps(rng, shape, mpp),
    )


def _by_label(column: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.concatenate([[0.0], column])


def _side_table() -> NDArray[np.bool_]:
    table = np.zeros((len(MembranePattern), len(Ground)), bool)
    for pattern, grounds in STAINED_SIDES.items():
        table[pattern, list(grounds)] = True
    return table


def draw_clumps(rng: np.random.Generator, shape: tuple[int, int], mpp: float) -> tuple[SmoothField, SmoothField]:
    """Draw what makes DAB granular: clumps of two sizes."""
    return draw_field(rng, shape, 0.9 / mpp), draw_field(rng, shape, 4 / mpp)


def read_clumps(clumps: tuple[SmoothField, SmoothField], top: int, bottom: int) -> Field:
    """Read rows of clumps, standard deviation about 1."""
    field = clumps[0].rows(top, bottom)
    field += clumps[1].rows(top, bottom)
    field *= np.float32(0.7)
    return field


def _paint_strip(tissue: FragmentTissue, borders: _Borders, params: StainParams, top: int, sigma: float) -> Field:
    """Draw the rows from `top`, with as many more on either side as a line reaches."""
    height = len(tissue.cells)
    reach = math.ceil(_REACH_SD * _WIDTH_RANGE[1] * float(borders.sd_px.max())) + blur_reach(sigma) + 1
    bottom = min(height, top + STRIP)
    first, last = max(0, top - reach), min(height, bottom + reach)
    rows = slice(first, last)
    edges = np.zeros((last - first, tissue.cells.shape[1]), np.int32)
    is_gap = borders.gaps.rows(first, last) < _GAP_LEVEL
    tables = (borders.kind, borders.pattern, borders.is_stained)
    _mark_edges(tissue.cells[rows], tissue.ground[rows], is_gap, tables, edges)
    lines = np.zeros(edges.shape, np.float32)
    if not edges.any():
        return lines[top - first : bottom - first]
    width = read_clumps(borders.width, first, last)
    width *= np.float32(params.membrane_width_sd)
    _draw_lines(edges, (borders.kind, borders.od, borders.sd_px), width, lines)
    lines = blur(lines, sigma)[top - first : bottom - first]
    _texture_lines(lines, read_clumps(borders.texture, top, bottom), params.membrane_texture_sd)
    return lines


@njit(cache=True)
def _mark_edges(
    cells: NDArray[np.int32],
    ground: NDArray[np.uint8],
    is_gap: NDArray[np.bool_],
    tables: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]],
    edges: NDArray[np.int32],
) -> None:
    """Write into `edges`, where a territory ends to the right or below, the label whose line stands there, or 0."""
    kind, pattern, is_stained = tables
    height, width = cells.shape
    for row in range(height):
        for column in range(width):
            strongest = 0
            for down, right in ((0, 1), (1, 0)):
                if row + down >= height or column + right >= width:
                    continue
                here, there = cells[row, column], cells[row + down, column + right]
                if here == there:
                    continue
                beyond = ground[row, column], ground[row + down, column + right]
                for label, other in ((here, beyond[1]), (there, beyond[0])):
                    if kind[label] <= kind[strongest] or not is_stained[pattern[label], other]:
                        continue
                    if not (pattern[label] == _PARTIAL and is_gap[row, column]):
                        strongest = label
            edges[row, column] = strongest


_PARTIAL = int(MembranePattern.PARTIAL)


@njit(cache=True)
def _draw_lines(
    edges: NDArray[np.int32],
    tables: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]],
    width: Field,
    lines: Field,
) -> None:
    """Raise `lines` around every edge pixel to a bump of its cell's peak and its class's width times exp(`width`)."""
    kind, od, sds = tables
    bump = np.empty(2 * 64 + 1, np.float32)
    for row in range(edges.shape[0]):
        for column in range(edges.shape[1]):
            label = edges[row, column]
            if label == 0:
                continue
            factor = min(max(math.exp(width[row, column]), _WIDTH_RANGE[0]), _WIDTH_RANGE[1])
            sd = sds[kind[label]] * factor
            reach = min(math.ceil(_REACH_SD * sd), 64)
            for k in range(-reach, reach + 1):
                bump[k + reach] = math.exp(-0.5 * (k / sd) ** 2)
            left, right = max(column - reach, 0), min(column + reach + 1, edges.shape[1])
            for r in range(max(row - reach, 0), min(row + reach + 1, edges.shape[0])):
                peak = od[label] * bump[r - row + reach]
                for c in range(left, right):
                    lines[r, c] = max(lines[r, c], peak * bump[c - column + reach])


@njit(cache=True)
def _texture_lines(lines: Field, clumps: Field, sd: float) -> None:
    for row in range(lines.shape[0]):
        for column in range(lines.shape[1]):
            if lines[row, column] > 0:
                lines[row, column] *= math.exp(sd * clumps[row, column])
