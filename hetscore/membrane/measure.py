"""Cells from the pixels and labels of a tile: what the rays saw, summed up a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.domain import Cells, MembraneClass, MembranePattern, Rgb, TileImage, TileLabels
from hetscore.membrane.kernels import Rays
from hetscore.membrane.params import RAYS_A_CORNER, MembraneParams
from hetscore.membrane.rays import cast_rays
from hetscore.stain import Image, Stain, residual_tables, unmix_dab

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
    rgb = np.ascontiguousarray(image.rgb)
    dab = unmix_dab(rgb, stain)
    nuclei = _nucleus_table(labels.nuclei, len(labels.p_tumor), dab, rgb, residual_tables(stain), labels.shrink)
    x = _snap(tile.box.x + (nuclei[:, 1] + 0.5) * labels.shrink * tile.downsample)
    y = _snap(tile.box.y + (nuclei[:, 2] + 0.5) * labels.shrink * tile.downsample)
    owned = np.flatnonzero((nuclei[:, 0] > 0) & tile.core.contains(x, y))
    return _Seen(nuclei, owned, x[owned], y[owned], cast_rays(image, labels, nuclei, owned, dab, stain, params))


def _snap(values: Floats) -> Floats:
    """Round to 1/64 px: exact in binary, so the last bits of a sum cannot tell where the tile began."""
    snapped: Floats = np.round(values * 64) / 64
    return snapped


def _nucleus_table(
    nuclei: NDArray[np.int32], n: int, dab: Image, rgb: Rgb, residual: NDArray[np.float32], shrink: int
) -> Floats:
    """Area (label px), mean x, mean y (label px), mean DAB and mean residual of each nucleus, (n, 5)."""
    table, first = np.zeros((n, 5)), np.zeros((n, 2))  # made here: numba takes long to compile their making
    _sum_nuclei(nuclei, dab, rgb, residual, shrink, table, first)
    table[:, 1:] /= np.maximum(table[:, :1], 1)
    table[:, 1:3] += first
    return table


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_nuclei(
    nuclei: NDArray[np.int32],
    dab: Image,
    rgb: Rgb,
    residual: NDArray[np.float32],
    shrink: int,
    table: Floats,
    first: Floats,
) -> None:
    """Sum over each nucleus what `_nucleus_table` gives the means of; places from its first pixel, put in `first`."""
    side, share = np.uint64(shrink), 1 / (shrink * shrink)
    columns = np.uint64(nuclei.shape[1])
    for i in range(np.uint64(nuclei.shape[0])):
        j = np.uint64(0)
        while j < columns:
            label = nuclei[i, j]
            if label == 0:
                j += np.uint64(1)
                continue
            k = np.uint64(label - 1)
            if table[k, 0] == 0:
                first[k, 0], first[k, 1] = j, i
            start, density, rest = j, table[k, 3], table[k, 4]
            while j < columns and nuclei[i, j] == label:  # a run at once, in registers
                for row in range(i * side, (i + np.uint64(1)) * side):
                    for column in range(j * side, (j + np.uint64(1)) * side):
                        red, green, blue = rgb[row, column, 0], rgb[row, column, 1], rgb[row, column, 2]
                        density += dab[row, column] * share
                        rest += abs(residual[0, red] + residual[1, green] + residual[2, blue]) * share
                table[k, 1] += np.float64(j) - first[k, 0]
                j += np.uint64(1)
            run = np.float64(j - start)
            table[k, 0] += run
            table[k, 2] += run * (np.float64(i) - first[k, 1])
            table[k, 3], table[k, 4] = density, rest


def _membrane_columns(rays: Rays, params: MembraneParams) -> dict[str, Any]:
    """Membrane measures of each cell from its rays."""
    height = _middle_of_three(rays.height_od)
    length = np.maximum(rays.border, 1.0)
    share = length / length.sum(axis=1, keepdims=True)
    stained = height >= params.stained_od
    completeness = (share * stained).sum(axis=1)
    arc = longest_arc(stained, share)
    lumen_share = (share * rays.faces_lumen).sum(axis=1)
    stained_of_lumen = (share * (stained & rays.faces_lumen)).sum(axis=1)
    chosen = _choose_band(height, params.band)
    membrane_od = np.where(_is_measurable(rays, share), _mean_of(chosen, height, share), np.nan)
    columns = {
        "membrane_od": membrane_od,
        "membrane_completeness": completeness,
        "membrane_arc": arc,
        "membrane_width_um": rays.width * params.step_um,
        "membrane_ground_od": _mean_of(chosen, rays.ground_od, share),
        "gap_deg": find_gap(stained, share),
        "lumen_share": lumen_share,
        "lumen_stained": stained_of_lumen / np.where(lumen_share > 0, lumen_share, np.nan),
        "saturated_share": (share * rays.is_saturated).sum(axis=1),
        "cytoplasm_od": rays.baseline_od,
    }
    return {name: np.round(column, 4).astype(np.float32) for name, column in columns.items()} | {
        "membrane_pattern": find_pattern(completeness, arc, params),
        "membrane_arcs": count_arcs(stained),
    }


def _is_measurable(rays: Rays, share: Floats) -> NDArray[np.bool_]:
    """Tell where there is a membrane to measure.

    There is none where the nucleus is so bent that its center lies outside the cell; and where the ground is too dark
    for the camera along half of the border, a line cannot stand out, and faint would be said of the darkest cells.
    """
    is_dark: NDArray[np.bool_] = (share * rays.is_ground_saturated).sum(axis=1) >= 0.5
    is_measurable: NDArray[np.bool_] = (rays.border.max(axis=1) > 0) & ~is_dark
    return is_measurable


def _middle_of_three(height: Floats) -> Floats:
    """Median of each ray and its two neighbors: a single odd ray is no membrane, and no gap."""
    before, after = np.roll(height, 1, axis=1), np.roll(height, -1, axis=1)
    low, high = np.minimum(before, after), np.maximum(before, after)
    middle: Floats = np.clip(height, low, high)
    return middle


def _choose_band(height: Floats, band: tuple[float, float]) -> NDArray[np.intp]:
    """Rays between two shares of the border, counted from the highest down."""
    first, last = (round(share * height.shape[1]) for share in band)
    order: NDArray[np.intp] = np.argsort(-height, axis=1, kind="stable")[:, first:last]
    return order


def _mean_of(chosen: NDArray[np.intp], values: Floats, share: Floats) -> Floats:
    """Mean over some rays of each cell, by the length of border they stand for."""
    value, weight = np.take_along_axis(values, chosen, axis=1), np.take_along_axis(share, chosen, axis=1)
    result: Floats = (value * weight).sum(axis=1) / weight.sum(axis=1)
    return result


def _bridge(stained: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Stain single unstained rays between two stained ones: that is less than the width of a strong line."""
    return stained | (np.roll(stained, 1, axis=1) & np.roll(stained, -1, axis=1))


def count_arcs(stained: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Count the stained arcs of each cell, as `longest_arc` sees them; a ring is one."""
    bridged = _bridge(stained)
    begins = bridged & ~np.roll(bridged, 1, axis=1)
    return np.where(bridged.all(axis=1), 1, begins.sum(axis=1)).astype(np.int8)


def find_gap(stained: NDArray[np.bool_], share: Floats) -> Floats:
    """Find where the longest unstained stretch of each stained cell has its middle.

    Parameters
    ----------
    stained, share : ndarray, (n, rays)
        As for `longest_arc`.

    Returns
    -------
    ndarray of float64, (n,)
        Degrees from the right, growing downward, [0, 360); NaN where the membrane is stained all around or nowhere. Of
        stretches of the same length, the first.
    """
    bridged = _bridge(stained)
    _, middle = _longest_run(~bridged, share)
    return np.where(bridged.any(axis=1), middle * (360 / stained.shape[1]), np.nan)


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
    longest: Floats = _longest_run(_bridge(stained), share)[0]
    return longest


def _longest_run(is_in: NDArray[np.bool_], share: Floats) -> tuple[Floats, Floats]:
    """Share and middle (rays, [0, n_rays)) of the longest run of each row, which is a ring; of equal ones, the first.

    A row without any has the share 0 and the middle NaN; so has a full one no middle.
    """
    longest, middle = np.zeros(len(is_in)), np.full(len(is_in), np.nan)
    _find_runs(is_in, share, longest, middle)
    is_full = is_in.all(axis=1)
    longest[is_full], middle[is_full] = 1.0, np.nan
    return longest, middle


@njit(cache=True, nogil=True, error_model="numpy")
def _find_runs(is_in: NDArray[np.bool_], share: Floats, longest: Floats, middle: Floats) -> None:
    """Find the longest run of each row that does not go all around."""
    n, n_rays = is_in.shape
    for c in range(n):
        run, first = 0.0, 0
        for step in range(2 * n_rays):
            r = step % n_rays
            if not is_in[c, r]:
                run, first = 0.0, step + 1
                continue
            run += share[c, r]
            if run > longest[c] + _SAME_SHARE and step - first < n_rays:
                longest[c], middle[c] = run, (first + step) / 2 % n_rays


_SAME_SHARE = 1e-9
"""Runs whose shares differ by less are as long: their sums differ by rounding."""


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
