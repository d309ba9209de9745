"""Rays from each nucleus outward, and what they see of the membrane: place, height and width of the line.

All loops over cells, rays and steps are here, compiled. Along a ray everything is counted in steps of
`MembraneParams.step_um`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.domain import TileLabels
from hetscore.membrane.params import MembraneParams
from hetscore.stain import Image

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rays:
    """What the rays saw; one row a cell."""

    height_od: Floats
    """(n, n_rays), darkest brown on the ray near the border, above the darker of its two sides."""
    place: Floats
    """(n, n_rays), where the line is, steps from the center."""
    border: Floats
    """(n, n_rays), where the cell's territory ends, steps from the center."""
    baseline_od: Floats
    """(n,), median density between nucleus and membrane: the cytoplasm; the nucleus where there is too little."""
    width: Floats
    """(n,), median width of the line, steps; NaN where too few rays show one."""


class _Window(NamedTuple):
    """`MembraneParams` in steps along a ray, for the compiled loops."""

    inside: int
    outside: int
    side: int
    reach: int
    band: int
    """Fewest samples of cytoplasm, over all rays, that make a baseline."""
    widest: float
    width_rays: int
    stained_od: float
    plateau: float


def cast_rays(
    labels: TileLabels, nuclei: Floats, owned: NDArray[np.int64], dab: Image, mpp: float, params: MembraneParams
) -> Rays:
    """Cast the rays of the cells that a tile owns.

    Parameters
    ----------
    labels : TileLabels
        Nuclei and cells.
    nuclei : ndarray of float64, (n, 5)
        Area, center x and y (label pixels), mean DAB and mean residual of each nucleus.
    owned : ndarray of int64
        Rows of the cells to measure.
    dab : ndarray of float32, (h, w)
        Density of DAB, pixels of the tile.
    mpp : float
        Microns per pixel of the tile.
    params : MembraneParams
        How the membrane is looked for.

    Returns
    -------
    Rays
        One row for each of `owned`.
    """
    angles = np.arange(params.n_rays) * (2 * np.pi / params.n_rays)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (params.step_um / mpp)
    centers = (nuclei[owned, 1:3] + 0.5) * labels.shrink - 0.5
    lengths = params.inside_um, params.outside_um, params.side_um, params.reach_um
    inside, outside, side, reach = (round(v / params.step_um) for v in lengths)
    band = round(params.min_band_um / params.step_um * params.n_rays)
    widest, least = params.max_width_um / params.step_um, params.min_width_rays
    window = _Window(inside, outside, side, reach, band, widest, least, params.stained_od, params.plateau)
    baseline = nuclei[owned, 3]
    height, place, border, width = _walk(
        dab, labels.nuclei, labels.cells, labels.shrink, owned + 1, centers, directions, baseline, window
    )
    return Rays(height, place, border, baseline, width)


@njit(cache=True, nogil=True)
def _sample(image: Image, x: float, y: float) -> float:
    """Bilinear value of `image` at (x, y); the edge's value beyond the edge."""
    height, width = image.shape
    x, y = min(max(x, 0.0), width - 1.001), min(max(y, 0.0), height - 1.001)
    j, i = int(x), int(y)
    fx, fy = x - j, y - i
    top = image[i, j] * (1 - fx) + image[i, j + 1] * fx
    bottom = image[i + 1, j] * (1 - fx) + image[i + 1, j + 1] * fx
    return float(top * (1 - fy) + bottom * fy)


@njit(cache=True, nogil=True)
def _walk(
    dab: Image,
    nuclei: NDArray[np.int32],
    cells: NDArray[np.int32],
    shrink: int,
    ids: NDArray[np.int64],
    centers: Floats,
    directions: Floats,
    baseline: Floats,
    window: _Window,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Walk all rays of all cells; see `Rays` for what comes out.

    `baseline` comes in as the density of the nuclei and is overwritten where there is cytoplasm.
    """
    n, n_rays = len(ids), len(directions)
    height, border, width = np.zeros((n, n_rays)), np.zeros((n, n_rays)), np.full(n, np.nan)
    places = np.zeros((n, n_rays))
    ends = np.zeros((n_rays, 3), np.int64)  # last step in the nucleus, step of the peak, first step not yet sampled
    pool = np.empty(n_rays * (window.reach + 1))
    seen = window.side + window.side // 2 + 1  # past the end of the search: half a side to its middle, and a side
    beyond = max(seen, int(window.widest) + 4)
    profiles = np.empty((n_rays, window.reach + window.outside + beyond))
    for c in range(n):
        used = 0
        for r in range(n_rays):
            dx, dy = directions[r, 0], directions[r, 1]
            last_nucleus, last_cell = 0, 0
            for step in range(window.reach + 1):
                i = int(centers[c, 1] + step * dy + 0.5) // shrink
                j = int(centers[c, 0] + step * dx + 0.5) // shrink
                if i < 0 or j < 0 or i >= cells.shape[0] or j >= cells.shape[1] or cells[i, j] != ids[c]:
                    break
                last_cell = step
                if nuclei[i, j] == ids[c]:
                    last_nucleus = step
            stop = last_cell + window.outside
            profile = profiles[r]
            for step in range(stop + seen):
                profile[step] = _sample(dab, centers[c, 0] + step * dx, centers[c, 1] + step * dy)
            for step in range(last_nucleus + 1, last_cell - window.inside + 1):
                pool[used] = profile[step]
                used += 1
            best, place = -1.0, 1
            for step in range(max(1, last_nucleus - 1, last_cell - window.inside), stop + 1):
                value = (profile[step - 1] + profile[step] + profile[step + 1]) / 3
                if value > best:
                    best, place = value, step
            places[c, r] = _middle(profile, place, window.plateau * best, stop + window.side // 2)
            height[c, r] = best - _darker_side(profile, int(places[c, r]), window.side)
            border[c, r] = last_cell
            ends[r, 0], ends[r, 1], ends[r, 2] = last_nucleus, place, stop + seen
        if used >= window.band:
            baseline[c] = np.median(pool[:used])
        width[c] = _median_width(dab, profiles, ends, centers[c], directions, height[c], baseline[c], window)
    return height, places, border, width


@njit(cache=True, nogil=True)
def _middle(profile: Floats, place: int, least: float, end: int) -> int:
    """Find the middle of the flat top around `place`: of what keeps `least`, from the center out to `end`."""
    first, last = place, place
    while least > 0 and first > 1 and profile[first - 1] >= least:
        first -= 1
    while least > 0 and last < end and profile[last + 1] >= least:
        last += 1
    return (first + last) // 2


@njit(cache=True, nogil=True)
def _darker_side(profile: Floats, place: int, side: int) -> float:
    """Least density within `side` steps on each side of the line, and of these two the greater.

    The center of the nucleus ends the inner side.
    """
    inner, outer = profile[place], profile[place]
    for step in range(1, side + 1):
        inner, outer = min(inner, profile[max(0, place - step)]), min(outer, profile[place + step])
    return float(max(inner, outer))


@njit(cache=True, nogil=True)
def _median_width(
    dab: Image,
    profiles: Floats,
    ends: NDArray[np.int64],
    center: Floats,
    directions: Floats,
    height: Floats,
    baseline: float,
    window: _Window,
) -> float:
    """Width of one cell's line, steps: the median over its stained rays; NaN where too few of them show a width."""
    widths = np.empty(len(height))
    used = 0
    for r in range(len(height)):
        if height[r] >= window.stained_od:
            ray = center[0], center[1], directions[r, 0], directions[r, 1]
            width = _line_width(dab, profiles, ends, r, ray, baseline, window.widest)
            if width <= window.widest:
                widths[used] = width
                used += 1
    return float(np.median(widths[:used])) if used >= window.width_rays else np.nan


@njit(cache=True, nogil=True, error_model="numpy")  # where the profile is flat, NaN and no error
def _line_width(
    dab: Image,
    profiles: Floats,
    ends: NDArray[np.int64],
    r: int,
    ray: tuple[float, float, float, float],
    baseline: float,
    widest: float,
) -> float:
    """Full width at half maximum on ray `r`, steps, straight lines between samples.

    Infinite where the profile does not fall to half its height before it enters the nucleus, or within `widest`.
    """
    last_nucleus, top, n_sampled = ends[r, 0], ends[r, 1], ends[r, 2]
    for step in (top - 1, top + 1):  # the peak was found in the mean of three, which is lower than a narrow line
        if profiles[r, step] > profiles[r, top]:
            top = step
    if profiles[r, top] <= baseline:
        return np.inf
    half = (profiles[r, top] + baseline) / 2
    inner, outer = top - 1, top + 1
    while inner >= last_nucleus and profiles[r, inner] > half:
        inner -= 1
    if inner < last_nucleus:
        return np.inf
    start = inner + (half - profiles[r, inner]) / (profiles[r, inner + 1] - profiles[r, inner])
    while outer - start <= widest + 1:
        if outer >= n_sampled:
            profiles[r, outer] = _sample(dab, ray[0] + outer * ray[2], ray[1] + outer * ray[3])
        if profiles[r, outer] <= half:
            end = outer - (half - profiles[r, outer]) / (profiles[r, outer - 1] - profiles[r, outer])
            return float(end - start)
        outer += 1
    return np.inf
