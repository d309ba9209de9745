"""The same duties as a plain scikit-image pipeline: tissue, nuclei, cells, and the membrane of each cell.

Written as a competent user would in an afternoon: OpenSlide reads, whole tiles go through scikit-image, and a loop
over `regionprops` measures what hetscore measures. Nothing is slowed down on purpose: rays are sampled for all of a
cell at once. It classes nothing and scores nothing, which favors it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import openslide
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates, uniform_filter1d
from skimage.color import rgb2gray, separate_stains
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import regionprops
from skimage.morphology import remove_small_objects
from skimage.segmentation import expand_labels, watershed
from skimage.transform import downscale_local_mean

from hetscore.membrane import MembraneParams

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Region = Any
"""scikit-image's own, which is untyped."""

CORE_PX = 2048
"""Tiles as large as ours."""
MARGIN_PX = 128
"""32 um, more than any cell is long."""
THUMBNAIL = 32
"""Level-0 pixels per pixel of the thumbnail: 8 um, as ours."""
SHRINK = 2
"""Nuclei are looked for at 0.5 um/px, membranes at 0.25, as ours."""
MPP = 0.25
SMOOTH_UM = 0.5
"""Standard deviation of the blur before the threshold, and"""
SMOOTH_DISTANCE_PX = 1.0
"""of the distance transform: tried from 0.5 to 1 um and 1 to 2 px, these agree best with hetscore."""
MIN_DISTANCE_UM = 3.0
MIN_AREA_UM2 = 9.0
"""As the watershed segmenter has them."""
EXPAND_UM = 5.0
"""From nucleus to membrane, the usual cell expansion of QuPath's users (its default is 5 um)."""
PER_OD = 6.0
"""scikit-image divides densities by log(1e-6); this makes optical density of them, base 10."""
HEMATOXYLIN, DAB = (0.642, 0.627, 0.447), (0.36, 0.567, 0.741)
"""Stain vectors of the models: with those of `rgb2hed` brown leaks into hematoxylin, and half of the cells are lost."""
GLASS_OD = 0.05
"""Less of both stains is glass, which must not move the threshold between nuclei and the rest."""
PARAMS = MembraneParams()


@dataclass(frozen=True)
class NaiveCells:
    """What the loop measured; columns of length n."""

    x: Floats
    y: Floats
    """Level-0 pixels."""
    membrane_od: Floats
    completeness: Floats
    arc: Floats
    width_um: Floats
    cytoplasm_od: Floats
    nucleus_od: Floats


def analyze(path: Path) -> NaiveCells:
    """Find and measure all cells of a slide of 0.25 um/px.

    Parameters
    ----------
    path : Path
        A slide that OpenSlide reads.

    Returns
    -------
    NaiveCells
        Tile by tile; each cell once.
    """
    with openslide.OpenSlide(path) as slide:
        rows = [row for x, y in _find_tiles(slide) for row in _analyze_tile(slide, x, y)]
    columns = np.array(rows, np.float64).reshape(-1, len(fields(NaiveCells))).T
    return NaiveCells(*columns)


def _find_tiles(slide: openslide.OpenSlide) -> Iterator[tuple[int, int]]:
    """Yield the corners of the tiles that hold tissue."""
    width, height = slide.dimensions
    gray = rgb2gray(np.asarray(slide.get_thumbnail((width // THUMBNAIL, height // THUMBNAIL)).convert("RGB")))
    tissue = remove_small_objects(gray < threshold_otsu(gray), max_size=100)
    side = CORE_PX // THUMBNAIL
    for y in range(0, tissue.shape[0], side):
        for x in range(0, tissue.shape[1], side):
            if tissue[y : y + side, x : x + side].any():
                yield x * THUMBNAIL, y * THUMBNAIL


def _analyze_tile(slide: openslide.OpenSlide, x: int, y: int) -> Iterator[tuple[float, ...]]:
    """Yield a row for each cell whose nucleus has its middle in the core."""
    left, top, side = x - MARGIN_PX, y - MARGIN_PX, CORE_PX + 2 * MARGIN_PX
    stains = PER_OD * separate_stains(_read_on_white(slide, left, top, side), _unmixing())
    hematoxylin, dab = stains[..., 0], stains[..., 1]
    nuclei = find_nuclei(*(downscale_local_mean(stain, (SHRINK, SHRINK)) for stain in (hematoxylin, dab)))
    cells = expand_labels(nuclei, EXPAND_UM / (SHRINK * MPP))
    nuclei, cells = (labels.repeat(SHRINK, axis=0).repeat(SHRINK, axis=1) for labels in (nuclei, cells))
    core = slice(MARGIN_PX, MARGIN_PX + CORE_PX)
    for region in regionprops(nuclei, intensity_image=dab):
        row, column = region.centroid
        if core.start <= row < core.stop and core.start <= column < core.stop:
            membrane = measure_membrane(region, nuclei, cells, dab)
            yield left + column, top + row, *membrane, float(region.intensity_mean)


def _read_on_white(slide: openslide.OpenSlide, left: int, top: int, side: int) -> NDArray[np.uint8]:
    """Read a square; what is beyond the slide's edge comes back transparent, and is glass."""
    rgba = np.asarray(slide.read_region((left, top), 0, (side, side)))
    return np.where(rgba[..., 3:] > 0, rgba[..., :3], np.uint8(255))


def _unmixing() -> Floats:
    """Find the matrix that `separate_stains` multiplies by; the third stain is at right angles to the two."""
    stains = np.array([HEMATOXYLIN, DAB, np.cross(HEMATOXYLIN, DAB)])
    return np.asarray(np.linalg.inv(stains / np.linalg.norm(stains, axis=1, keepdims=True)))


def find_nuclei(hematoxylin: Floats, dab: Floats) -> Labels:
    """Find nuclei at 0.5 um/px: threshold, distance transform, peaks, watershed."""
    mpp = SHRINK * MPP
    smooth = gaussian(hematoxylin, SMOOTH_UM / mpp)
    tissue = smooth[hematoxylin + dab > GLASS_OD]
    is_dark = smooth > (threshold_otsu(tissue) if len(tissue) else np.inf)
    mask = remove_small_objects(is_dark, max_size=round(MIN_AREA_UM2 / mpp**2))
    distance = distance_transform_edt(mask)
    peaks = peak_local_max(
        gaussian(distance, SMOOTH_DISTANCE_PX), min_distance=round(MIN_DISTANCE_UM / mpp), labels=mask.astype(int)
    )
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    nuclei: Labels = watershed(-distance, markers, mask=mask)
    return nuclei


def measure_membrane(region: Region, nuclei: Labels, cells: Labels, dab: Floats) -> tuple[float, ...]:
    """Measure the membrane of one cell on rays from the middle of its nucleus.

    Parameters
    ----------
    region : RegionProperties
        The nucleus.
    nuclei, cells : ndarray of int32, (h, w)
        Label images.
    dab : ndarray of float64, (h, w)
        Density of DAB.

    Returns
    -------
    tuple of float
        Membrane density, completeness, longest arc, width in um, density of the cytoplasm; NaN where not measurable.
    """
    p = PARAMS
    angles = np.arange(p.n_rays) * 2 * np.pi / p.n_rays
    steps = np.arange(round((p.reach_um + p.outside_um + p.max_width_um) / p.step_um))
    distance = steps * p.step_um / MPP
    y = region.centroid[0] + np.sin(angles)[:, None] * distance
    x = region.centroid[1] + np.cos(angles)[:, None] * distance
    profiles = map_coordinates(dab, [y, x], order=1, mode="nearest")
    i, j = (np.clip(np.rint(v).astype(int), 0, n - 1) for v, n in zip((y, x), dab.shape, strict=True))
    is_cell, is_nucleus = cells[i, j] == region.label, nuclei[i, j] == region.label
    border = np.where(is_cell.all(axis=1), len(steps), is_cell.argmin(axis=1)) - 1
    rays = [_measure_ray(profile, int(end)) for profile, end in zip(profiles, border, strict=True)]
    height, width = (np.array(column) for column in zip(*rays, strict=True))
    stained = height >= p.stained_od
    inner = is_cell & ~is_nucleus & (steps < (border[:, None] - p.inside_um / p.step_um))
    strongest = np.sort(height)[::-1][: p.n_rays // 2].mean()
    line = float(np.nanmedian(width[stained])) * p.step_um if np.isfinite(width[stained]).any() else np.nan
    cytoplasm = float(np.median(profiles[inner])) if inner.any() else float(region.intensity_mean)
    return float(strongest), float(stained.mean()), longest_run(stained) / p.n_rays, line, cytoplasm


def _measure_ray(profile: Floats, border: int) -> tuple[float, float]:
    """Height of the line near the cell's border above the darker of its sides, and its width at half that height."""
    p = PARAMS
    inside, outside, side = (round(v / p.step_um) for v in (p.inside_um, p.outside_um, p.side_um))
    start, stop = max(1, border - inside), max(2, min(border + outside + 1, len(profile) - 1))
    smooth = uniform_filter1d(profile, 3)
    place = start + int(np.argmax(smooth[start:stop]))
    sides = profile[max(0, place - side) : place + 1].min(), profile[place : place + side + 1].min()
    height = float(smooth[place] - max(sides))
    below = profile < profile[place] - height / 2
    inner, outer = np.flatnonzero(below[:place]), np.flatnonzero(below[place:])
    is_whole = len(inner) > 0 and len(outer) > 0
    return height, float(place + outer[0] - inner[-1] - 1) if is_whole else np.nan


def longest_run(stained: NDArray[np.bool_]) -> int:
    """Longest run of stained rays; the last neighbors the first."""
    longest = run = 0
    for is_stained in np.tile(stained, 2):
        run = run + 1 if is_stained else 0
        longest = max(longest, run)
    return min(longest, len(stained))
