"""Measures of each cell: membrane, cytoplasm, nucleus. What the measures mean is decided in `scoring`.

Comes in: a tile's pixels at up to 0.25 um/px and its labels. Goes out: `Cells` in level-0 pixels, one row for each cell
whose nucleus the tile's core owns. Rays run from the nucleus outward; on each the membrane is the darkest brown point
near the cell's border, read above the cell's own cytoplasm, so haze does not count as membrane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.domain import Cells, MembraneClass, MembranePattern, TileImage, TileLabels
from hetscore.stain import Image, Stain, unmix

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
        could not be measured.
    """
    tile = image.tile
    n = len(labels.p_tumor)
    _, dab = unmix(image.rgb, stain)
    nuclei = _nucleus_table(labels.nuclei, n, dab, labels.shrink)
    per_pixel = tile.downsample
    x = tile.box.x + (nuclei[:, 1] + 0.5) * labels.shrink * per_pixel
    y = tile.box.y + (nuclei[:, 2] + 0.5) * labels.shrink * per_pixel
    x, y = _snap(x), _snap(y)
    owned = np.flatnonzero((nuclei[:, 0] > 0) & tile.core.contains(x, y))
    rays = _cast_rays(labels, nuclei, owned, dab, tile.mpp, params)
    area_um2 = nuclei[owned, 0] * (labels.shrink * tile.mpp) ** 2
    columns = _membrane_columns(rays, nuclei[owned], params)
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
        membrane_width_um=np.full(len(owned), np.nan, np.float32),
        nucleus_residual_od=np.zeros(len(owned), np.float32),
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
    """What the rays saw; all (n cells, n_rays) unless said."""

    peak_od: Floats
    """Darkest brown on the ray near the border."""
    border_px: Floats
    """Where the cell's territory ends."""
    cytoplasm_od: Floats
    """(n,), median density between nucleus and membrane; NaN where there is too little of it."""


def _cast_rays(
    labels: TileLabels, nuclei: Floats, owned: NDArray[np.int64], dab: Image, mpp: float, params: MembraneParams
) -> Rays:
    angles = np.arange(params.n_rays) * (2 * np.pi / params.n_rays)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centers = (nuclei[owned, 1:3] + 0.5) * labels.shrink - 0.5
    inside, outside, reach = (round(v / mpp) for v in (params.inside_um, params.outside_um, params.reach_um))
    band = round(params.min_band_um / mpp * params.n_rays)
    window = np.array([inside, outside, reach, band], np.int64)
    peak, border, cytoplasm = _walk(
        dab, labels.nuclei, labels.cells, labels.shrink, owned + 1, centers, directions, window
    )
    return Rays(peak, border, cytoplasm)


@njit(cache=True, nogil=True)
def _nucleus_table(nuclei: NDArray[np.int32], n: int, dab: Image, shrink: int) -> Floats:
    """Area (label px), mean x, mean y (label px) and mean DAB of each nucleus, (n, 4)."""
    table = np.zeros((n, 4))
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
    for k in range(n):
        if table[k, 0] > 0:
            table[k, 1] = first[k, 0] + table[k, 1] / table[k, 0]
            table[k, 2] = first[k, 1] + table[k, 2] / table[k, 0]
            table[k, 3] /= table[k, 0]
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
    window: NDArray[np.int64],
) -> tuple[Floats, Floats, Floats]:
    """Walk all rays of all cells; see `Rays` for what comes out."""
    n, n_rays = len(ids), len(directions)
    inside, outside, reach, band = window[0], window[1], window[2], window[3]
    peak, border = np.zeros((n, n_rays)), np.zeros((n, n_rays))
    cytoplasm = np.full(n, np.nan)
    pool = np.empty(n_rays * (reach + 1))
    profile = np.empty(reach + outside + 4)
    for c in range(n):
        used = 0
        for r in range(n_rays):
            dx, dy = directions[r, 0], directions[r, 1]
            last_nucleus, last_cell = 0, 0
            for step in range(reach + 1):
                i = int(centers[c, 1] + step * dy + 0.5) // shrink
                j = int(centers[c, 0] + step * dx + 0.5) // shrink
                if i < 0 or j < 0 or i >= cells.shape[0] or j >= cells.shape[1] or cells[i, j] != ids[c]:
                    break
                last_cell = step
                if nuclei[i, j] == ids[c]:
                    last_nucleus = step
            stop = last_cell + outside
            for step in range(stop + 2):
                profile[step] = _sample(dab, centers[c, 0] + step * dx, centers[c, 1] + step * dy)
            for step in range(last_nucleus + 1, last_cell - inside + 1):
                pool[used] = profile[step]
                used += 1
            best = -1.0
            for step in range(max(1, last_nucleus - 1, last_cell - inside), stop + 1):
                value = (profile[step - 1] + profile[step] + profile[step + 1]) / 3
                best = max(best, value)
            peak[c, r], border[c, r] = best, last_cell
        if used >= band:
            cytoplasm[c] = np.median(pool[:used])
    return peak, border, cytoplasm


def _membrane_columns(rays: Rays, nuclei: Floats, params: MembraneParams) -> dict[str, Any]:
    """Membrane measures of each cell from its rays."""
    nucleus_od = nuclei[:, 3]
    baseline = np.where(np.isnan(rays.cytoplasm_od), nucleus_od, rays.cytoplasm_od)
    height = rays.peak_od - baseline[:, None]
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
        "cytoplasm_od": np.round(baseline, 4).astype(np.float32),
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
