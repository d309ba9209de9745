"""Measures of each cell: membrane, cytoplasm, nucleus. What the measures mean is decided in `scoring`.

Comes in: a tile's pixels at up to 0.25 um/px and its labels. Goes out: `Cells` in level-0 pixels, one row for each cell
whose nucleus the tile's core owns. Rays run from the nucleus outward; on each the membrane is the darkest brown point
near the cell's border, read above the cell's own cytoplasm, so haze does not count as membrane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.domain import Cells, MembraneClass, MembranePattern, TileImage, TileLabels
from hetscore.stain import Image, Stain, unmix, unmix_residual

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MembraneParams:
    """How the membrane is looked for; lengths in micrometers."""

    n_rays: int = 36
    """One every 10 degrees: 0.9 um of membrane on a cell 10 um across, about the width of the line itself."""
    reach_um: float = 14.0
    """Longest ray; territories reach 12 um from the seed."""
    inside_um: float = 1.0
    """The line may lie this far inside the cell's border, and"""
    outside_um: float = 1.5
    """this far outside: territories of two cells meet somewhere on the brown line, which is up to 2.1 um wide (3+)."""
    min_band_um: float = 0.35
    """Mean width of the band between nucleus and membrane from which its median is the cytoplasm; where there is less,
    it is the membrane's own blur, and the nucleus gives the baseline instead."""
    stained_od: float = 0.10
    """Height above the cytoplasm from which a point of the membrane counts as stained: below nearly all 2+ cells of the
    development crops (`membrane_od` 0.114 at their 5th percentile), above nearly all 0 (0.066 at their 95th)."""
    complete_share: float = 0.85
    """Stained share from which a membrane is complete; 1 is never reached where two cells pull apart."""
    basolateral_arc: float = 0.45
    """Longest arc from which a partial membrane is U-shaped: base and two sides of a square are 0.75 of its border, of
    a tall cell with its apical third free still above this."""
    lateral_share: float = 0.30
    """Stained share from which two opposite arcs are a lateral pattern: two sides of a square are 0.5."""
    max_width_um: float = 4.0
    """Widest line. Lines of 3+ are 2.14 um wide, SD 0.4 (Scheel et al., Diagn Pathol 2018;13:19): four SD above are
    3.74. What is wider is haze, or lines that run into one another, and has no width."""
    min_width_rays: int = 3
    """Fewer rays have no median to speak of; of three, one may be wrong."""


def measure_cells(
    image: TileImage, labels: TileLabels, stain: Stain, params: MembraneParams = MembraneParams()
) -> Cells:
    """Measure the cells that a tile owns.

    Parameters
    ----------
    image : TileImage
        The tile's pixels.
    labels : TileLabels
        Nuclei, cells and tumor probabilities on the same box.
    stain : Stain
        The slide's white point and stain vectors.
    params : MembraneParams, optional
        How the membrane is looked for.

    Returns
    -------
    Cells
        Unclassified (`MembraneClass.UNSCORED`) and not yet given to a fragment. `membrane_od` is NaN where the membrane
        could not be measured, `membrane_width_um` where no line is seen.

    Notes
    -----
    The width is that of the picture, the blur of the optics included, and of rays from the nucleus: they cut the sides
    of a cell twice as long as wide aslant, which adds a tenth.
    """
    tile = image.tile
    n = len(labels.p_tumor)
    _, dab = unmix(image.rgb, stain)
    nuclei = _nucleus_table(labels.nuclei, n, dab, unmix_residual(image.rgb, stain), labels.shrink)
    per_pixel = tile.downsample
    x = tile.box.x + (nuclei[:, 1] + 0.5) * labels.shrink * per_pixel
    y = tile.box.y + (nuclei[:, 2] + 0.5) * labels.shrink * per_pixel
    x, y = _snap(x), _snap(y)
    owned = np.flatnonzero((nuclei[:, 0] > 0) & tile.core.contains(x, y))
    rays = _cast_rays(labels, nuclei, owned, dab, tile.mpp, params)
    area_um2 = nuclei[owned, 0] * (labels.shrink * tile.mpp) ** 2
    columns = _membrane_columns(rays, tile.mpp, params)
    outline_xy, outline_start = _outlines(x[owned], y[owned], rays, per_pixel)
    return Cells(
        x=x[owned],
        y=y[owned],
        fragment=np.zeros(len(owned), np.int32),
        nucleus_area_um2=area_um2.astype(np.float32),
        p_tumor=labels.p_tumor[owned].astype(np.float32),
        membrane_class=np.full(len(owned), MembraneClass.UNSCORED, np.int8),
        p_class=np.zeros((len(owned), 4), np.float32),
        nucleus_od=nuclei[owned, 3].astype(np.float32),
        nucleus_residual_od=np.round(nuclei[owned, 4], 4).astype(np.float32),
        outline_xy=outline_xy,
        outline_start=outline_start,
        **columns,
    )


def _snap(values: Floats) -> Floats:
    """Round to 1/64 px: exact in binary, so the last bits of a sum cannot tell where the tile began."""
    snapped: Floats = np.round(values * 64) / 64
    return snapped


@dataclass(frozen=True)
class Rays:
    """What the rays saw; one row a cell."""

    peak_od: Floats
    """(n, n_rays), darkest brown on the ray near the border."""
    border_px: Floats
    """(n, n_rays), where the cell's territory ends."""
    baseline_od: Floats
    """(n,), median density between nucleus and membrane; where there is too little of it, that of the nucleus."""
    width_px: Floats
    """(n,), median width of the line; NaN where too few rays show one."""


class _Window(NamedTuple):
    """`MembraneParams` in pixels of the tile, for the compiled loops."""

    inside: int
    outside: int
    reach: int
    band: int
    """Fewest pixels of cytoplasm, over all rays, that make a baseline."""
    widest: float
    width_rays: int
    stained_od: float


def _cast_rays(
    labels: TileLabels, nuclei: Floats, owned: NDArray[np.int64], dab: Image, mpp: float, params: MembraneParams
) -> Rays:
    angles = np.arange(params.n_rays) * (2 * np.pi / params.n_rays)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centers = (nuclei[owned, 1:3] + 0.5) * labels.shrink - 0.5
    inside, outside, reach = (round(v / mpp) for v in (params.inside_um, params.outside_um, params.reach_um))
    band = round(params.min_band_um / mpp * params.n_rays)
    window = _Window(inside, outside, reach, band, params.max_width_um / mpp, params.min_width_rays, params.stained_od)
    baseline = nuclei[owned, 3]
    peak, border, width = _walk(
        dab, labels.nuclei, labels.cells, labels.shrink, owned + 1, centers, directions, baseline, window
    )
    return Rays(peak, border, baseline, width)


@njit(cache=True, nogil=True)
def _nucleus_table(nuclei: NDArray[np.int32], n: int, dab: Image, residual: Image, shrink: int) -> Floats:
    """Area (label px), mean x, mean y (label px), mean DAB and mean residual of each nucleus, (n, 5)."""
    table = np.zeros((n, 5))
    first = np.zeros((n, 2), np.int64)
    for i in range(nuclei.shape[0]):
        for j in range(nuclei.shape[1]):
            k = nuclei[i, j] - 1
            if k < 0:
                continue
            if table[k, 0] == 0:
                first[k, 0], first[k, 1] = j, i
            table[k, 0] += 1
            table[k, 1] += j - first[k, 0]
            table[k, 2] += i - first[k, 1]
            for di in range(shrink):
                for dj in range(shrink):
                    table[k, 3] += dab[i * shrink + di, j * shrink + dj] / (shrink * shrink)
                    table[k, 4] += residual[i * shrink + di, j * shrink + dj] / (shrink * shrink)
    for k in range(n):
        if table[k, 0] > 0:
            table[k, 1] = first[k, 0] + table[k, 1] / table[k, 0]
            table[k, 2] = first[k, 1] + table[k, 2] / table[k, 0]
            table[k, 3] /= table[k, 0]
            table[k, 4] /= table[k, 0]
    return table


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
) -> tuple[Floats, Floats, Floats]:
    """Walk all rays of all cells; see `Rays` for what comes out.

    `baseline` comes in as the density of the nuclei and is overwritten where there is cytoplasm.
    """
    n, n_rays = len(ids), len(directions)
    peak, border, width = np.zeros((n, n_rays)), np.zeros((n, n_rays)), np.full(n, np.nan)
    ends = np.zeros((n_rays, 3), np.int64)  # last step in the nucleus, step of the peak, first step not yet sampled
    pool = np.empty(n_rays * (window.reach + 1))
    profiles = np.empty((n_rays, window.reach + window.outside + int(window.widest) + 4))
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
            for step in range(stop + 2):
                profile[step] = _sample(dab, centers[c, 0] + step * dx, centers[c, 1] + step * dy)
            for step in range(last_nucleus + 1, last_cell - window.inside + 1):
                pool[used] = profile[step]
                used += 1
            best, place = -1.0, 1
            for step in range(max(1, last_nucleus - 1, last_cell - window.inside), stop + 1):
                value = (profile[step - 1] + profile[step] + profile[step + 1]) / 3
                if value > best:
                    best, place = value, step
            peak[c, r], border[c, r] = best, last_cell
            ends[r, 0], ends[r, 1], ends[r, 2] = last_nucleus, place, stop + 2
        if used >= window.band:
            baseline[c] = np.median(pool[:used])
        width[c] = _median_width(dab, profiles, ends, centers[c], directions, peak[c], baseline[c], window)
    return peak, border, width


@njit(cache=True, nogil=True)
def _median_width(
    dab: Image,
    profiles: Floats,
    ends: NDArray[np.int64],
    center: Floats,
    directions: Floats,
    peak: Floats,
    baseline: float,
    window: _Window,
) -> float:
    """Width of one cell's line, pixels: the median over its stained rays; NaN where too few of them show a width."""
    widths = np.empty(len(peak))
    used = 0
    for r in range(len(peak)):
        if peak[r] - baseline >= window.stained_od:
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
    """Full width at half maximum on ray `r`, pixels, straight lines between samples.

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


def _membrane_columns(rays: Rays, mpp: float, params: MembraneParams) -> dict[str, Any]:
    """Membrane measures of each cell from its rays."""
    height = rays.peak_od - rays.baseline_od[:, None]
    length = np.maximum(rays.border_px, 1.0)
    share = length / length.sum(axis=1, keepdims=True)
    stained = height >= params.stained_od
    completeness = (share * stained).sum(axis=1)
    arc = longest_arc(stained, share)
    is_measurable = rays.border_px.max(axis=1) > 0  # else the nucleus is so bent that its center lies outside the cell
    membrane_od = np.where(is_measurable, _upper_half(height, share), np.nan)
    return {
        "membrane_od": np.round(membrane_od, 4).astype(np.float32),
        "membrane_completeness": np.round(completeness, 4).astype(np.float32),
        "membrane_arc": np.round(arc, 4).astype(np.float32),
        "membrane_pattern": find_pattern(completeness, arc, params),
        "membrane_width_um": np.round(rays.width_px * mpp, 4).astype(np.float32),
        "cytoplasm_od": np.round(rays.baseline_od, 4).astype(np.float32),
    }


def _upper_half(height: Floats, share: Floats) -> Floats:
    """Mean height over the higher half of the rays: the stained part of a U-shaped membrane, not diluted by its gap."""
    n_half = height.shape[1] // 2
    order = np.argsort(-height, axis=1, kind="stable")[:, :n_half]
    chosen, weight = np.take_along_axis(height, order, axis=1), np.take_along_axis(share, order, axis=1)
    result: Floats = (chosen * weight).sum(axis=1) / weight.sum(axis=1)
    return result


def longest_arc(stained: NDArray[np.bool_], share: Floats) -> Floats:
    """Longest run of stained rays round each cell, as a share of the membrane's length.

    Parameters
    ----------
    stained : ndarray of bool, (n, rays)
        Whether the membrane is stained on each ray; the last ray neighbors the first. A single unstained ray between
        two stained ones does not break an arc: it is less than the width of a strong line.
    share : ndarray of float64, (n, rays)
        Share of the membrane's length that each ray stands for; rows sum to 1.

    Returns
    -------
    ndarray of float64, (n,)
        In [0, 1]; 1 where every ray is stained.
    """
    bridged = stained | (np.roll(stained, 1, axis=1) & np.roll(stained, -1, axis=1))
    n_rays = stained.shape[1]
    twice = np.concatenate([bridged, bridged], axis=1)
    run = np.zeros(len(stained))
    best = np.zeros(len(stained))
    for r in range(2 * n_rays):
        run = np.where(twice[:, r], run + share[:, r % n_rays], 0.0)
        best = np.maximum(best, run)
    return np.minimum(best, 1.0)


def find_pattern(completeness: Floats, arc: Floats, params: MembraneParams) -> NDArray[np.int8]:
    """Which sides of each cell are stained, as `MembranePattern`; the first that holds, from complete downward."""
    conditions = [
        completeness >= params.complete_share,
        arc >= params.basolateral_arc,
        completeness >= params.lateral_share,
        completeness > 0,
    ]
    order = [
        MembranePattern.COMPLETE,
        MembranePattern.BASOLATERAL,
        MembranePattern.LATERAL,
        MembranePattern.PARTIAL,
    ]
    return np.select(conditions, order, MembranePattern.NONE).astype(np.int8)


def _outlines(x: Floats, y: Floats, rays: Rays, per_pixel: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Outlines through the ends of every second ray, level-0 pixels: at most 18 corners a cell."""
    reach = rays.border_px[:, ::2] + 0.5
    angles = np.arange(reach.shape[1]) * (2 * np.pi / reach.shape[1])
    corner_x = x[:, None] + reach * np.cos(angles) * per_pixel
    corner_y = y[:, None] + reach * np.sin(angles) * per_pixel
    corners = np.round(np.stack([corner_x, corner_y], axis=-1) * 8) / 8
    return corners.reshape(-1, 2).astype(np.float32), np.arange(len(x) + 1, dtype=np.int64) * reach.shape[1]
