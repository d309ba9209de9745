"""Cells from the pixels and labels of a tile: what the rays saw, summed up a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.domain import Cells, MembraneClass, MembranePattern, TileImage, TileLabels
from hetscore.membrane.params import RAYS_A_CORNER, MembraneParams
from hetscore.membrane.rays import Rays, cast_rays
from hetscore.stain import Image, Stain, unmix, unmix_residual

Floats = NDArray[np.float64]


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
    seen = _look(image, labels, stain, params)
    owned, x, y = seen.owned, seen.x, seen.y
    nuclei = seen.nuclei[owned]
    step_px = params.step_um / tile.mpp * tile.downsample
    outline_xy, outline_start = _outlines(x, y, seen.rays, step_px)
    return Cells(
        x=x,
        y=y,
        fragment=np.zeros(len(owned), np.int32),
        nucleus_area_um2=(nuclei[:, 0] * (labels.shrink * tile.mpp) ** 2).astype(np.float32),
        p_tumor=labels.p_tumor[owned].astype(np.float32),
        membrane_class=np.full(len(owned), MembraneClass.UNSCORED, np.int8),
        p_class=np.zeros((len(owned), 4), np.float32),
        nucleus_od=nuclei[:, 3].astype(np.float32),
        nucleus_residual_od=np.round(nuclei[:, 4], 4).astype(np.float32),
        outline_xy=outline_xy,
        outline_start=outline_start,
        **_membrane_columns(seen.rays, params),
    )


@dataclass(frozen=True)
class Lines:
    """The membrane lines of a tile's cells, to be drawn: one row a cell, in the order of `measure_cells`."""

    xy: Floats
    """(n, n_rays, 2), level-0 pixels, the place of the line on each ray."""
    height_od: Floats
    """(n, n_rays), density of the line above its sides, as it counts."""


def find_lines(image: TileImage, labels: TileLabels, stain: Stain, params: MembraneParams = MembraneParams()) -> Lines:
    """Find where on each ray the membrane was measured; parameters as those of `measure_cells`."""
    seen = _look(image, labels, stain, params)
    angles = np.arange(params.n_rays) * (2 * np.pi / params.n_rays)
    step = seen.rays.place * (params.step_um / image.tile.mpp * image.tile.downsample)
    along = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * step[..., None]
    return Lines(np.stack([seen.x, seen.y], axis=-1)[:, None] + along, _middle_of_three(seen.rays.height_od))


@dataclass(frozen=True)
class _Seen:
    """The cells of a tile as they were looked at."""

    nuclei: Floats
    """`_nucleus_table` of all nuclei."""
    owned: NDArray[np.int64]
    """Rows of those whose center the tile's core holds; below, one row each."""
    x: Floats
    y: Floats
    """Center of the nucleus, level-0 pixels."""
    rays: Rays


def _look(image: TileImage, labels: TileLabels, stain: Stain, params: MembraneParams) -> _Seen:
    tile = image.tile
    _, dab = unmix(image.rgb, stain)
    nuclei = _nucleus_table(labels.nuclei, len(labels.p_tumor), dab, unmix_residual(image.rgb, stain), labels.shrink)
    x = _snap(tile.box.x + (nuclei[:, 1] + 0.5) * labels.shrink * tile.downsample)
    y = _snap(tile.box.y + (nuclei[:, 2] + 0.5) * labels.shrink * tile.downsample)
    owned = np.flatnonzero((nuclei[:, 0] > 0) & tile.core.contains(x, y))
    return _Seen(nuclei, owned, x[owned], y[owned], cast_rays(labels, nuclei, owned, dab, tile.mpp, params))


def _snap(values: Floats) -> Floats:
    """Round to 1/64 px: exact in binary, so the last bits of a sum cannot tell where the tile began."""
    snapped: Floats = np.round(values * 64) / 64
    return snapped


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


def _membrane_columns(rays: Rays, params: MembraneParams) -> dict[str, Any]:
    """Membrane measures of each cell from its rays."""
    height = _middle_of_three(rays.height_od)
    length = np.maximum(rays.border, 1.0)
    share = length / length.sum(axis=1, keepdims=True)
    stained = height >= params.stained_od
    completeness = (share * stained).sum(axis=1)
    arc = longest_arc(stained, share)
    is_measurable = rays.border.max(axis=1) > 0  # else the nucleus is so bent that its center lies outside the cell
    membrane_od = np.where(is_measurable, _upper_half(height, share), np.nan)
    return {
        "membrane_od": np.round(membrane_od, 4).astype(np.float32),
        "membrane_completeness": np.round(completeness, 4).astype(np.float32),
        "membrane_arc": np.round(arc, 4).astype(np.float32),
        "membrane_pattern": find_pattern(completeness, arc, params),
        "membrane_width_um": np.round(rays.width * params.step_um, 4).astype(np.float32),
        "cytoplasm_od": np.round(rays.baseline_od, 4).astype(np.float32),
    }


def _middle_of_three(height: Floats) -> Floats:
    """Median of each ray and its two neighbors: a single odd ray is no membrane, and no gap."""
    triples = np.stack([np.roll(height, 1, axis=1), height, np.roll(height, -1, axis=1)])
    middle: Floats = np.median(triples, axis=0)
    return middle


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


def _outlines(x: Floats, y: Floats, rays: Rays, step_px: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Outlines through the ends of every third ray, level-0 pixels: 16 corners a cell; a step is `step_px` of them."""
    reach = (rays.border[:, ::RAYS_A_CORNER] + 0.5) * step_px
    angles = np.arange(reach.shape[1]) * (2 * np.pi / reach.shape[1])
    corner_x = x[:, None] + reach * np.cos(angles)
    corner_y = y[:, None] + reach * np.sin(angles)
    corners = np.round(np.stack([corner_x, corner_y], axis=-1) * 8) / 8
    return corners.reshape(-1, 2).astype(np.float32), np.arange(len(x) + 1, dtype=np.int64) * reach.shape[1]
