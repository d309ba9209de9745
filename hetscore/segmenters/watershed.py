"""The segmenter without weights: hematoxylin blobs, grown to nuclei, grown to cells, called tumor by their shape.

Comes in: a tile's pixels and the slide's stain. Goes out: nuclei, cells and a tumor probability each. It is the
baseline a network must beat and the fallback where no model is at hand. The tumor call should not lean on DAB, which
would drop just the unstained tumor cells that make a case hetero; it does lean through one measure, the gaps around a
cell, where pale cytoplasm counts unless it is brown (figures by membrane class in the model's card).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import expit

from hetscore.domain import TileImage, TileLabels
from hetscore.segmenters.growth import (
    Labels,
    blur,
    drop_small,
    find_gaps,
    find_peaks,
    find_shrink,
    shrink_by,
    step_costs,
)
from hetscore.segmenters.kernels import grow_seeds, region_sums
from hetscore.stain import Image, Stain, unmix

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WatershedParams:
    """How nuclei and cells are found; lengths in micrometers, so they hold at any resolution."""

    mpp: float = 0.5
    """Working resolution: nuclei are 8 um across, so 16 px; labels lie between 0.35 and 0.7 um/px, by whole pixels."""
    blob_sigmas_um: tuple[float, ...] = (2.3,)
    """Scales of the blob filter; a disc of radius r answers most at r / sqrt(2): radius 3.3 um. On the development
    crops and phantoms more scales find the same nuclei (F1 within 0.005) and up to three times the false ones."""
    min_blob: float = 0.012
    """Least blob answer (OD) of a nucleus. On the development crops 0.008-0.016 gives the same F1 within 0.02; above,
    the pale nuclei of unstained cores go missing, and with them the cells that make a case hetero."""
    min_blob_per_dab: float = 0.08
    """What the floor gains per OD of DAB around: the gaps of a brown net answer like pale nuclei (same crops)."""
    membrane_weight: float = 0.35
    """Share of the DAB density taken from the hematoxylin one before blobs are sought: a brown outline round a pale
    nucleus then raises the answer instead of hiding it."""
    min_distance_um: float = 3.0
    """Two nuclei are never closer: half of a small lymphocyte's diameter (6-7 um)."""
    nucleus_reach_um: float = 6.5
    """A nucleus ends at most this far from its seed; the largest tumor nuclei here are 12 um long."""
    cell_reach_um: float = 12.0
    """A cell ends at most this far from its seed: columnar cells are up to 20 um high, the nucleus below the middle."""
    min_area_um2: float = 9.0
    """Smaller regions are specks; a lymphocyte's nucleus is 25 um2 and more."""
    background_um: float = 7.0
    """Scale of the local background against which a nucleus is dark: about one nucleus and its cytoplasm."""
    context_um: float = 8.0
    """Scale of the maps that tell epithelium from loose stroma: two cell widths."""
    neighbor_um: float = 22.0
    """Neighbors within this distance count for the tumor call: two to three cells."""


@dataclass(frozen=True)
class LogisticModel:
    """Logistic regression over named measures, standardized: the tumor call."""

    names: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def probability(self, features: Floats) -> Floats:
        """Probability for each row of `features`, (n, len(names))."""
        standardized = (features - np.array(self.center)) / np.array(self.scale)
        within = np.clip(standardized, -4, 4)  # beyond the training data a measure says no more than at its edge
        result: Floats = expit(within @ np.array(self.weights) + self.intercept)
        return result


FEATURES = (
    "log_area",
    "minor_um",
    "elongation",
    "hematoxylin",
    "contrast",
    "texture",
    "context_hematoxylin",
    "context_gaps",
    "context_roughness",
    "n_neighbors",
    "neighbors_log_area",
    "neighbors_minor_um",
    "neighbors_hematoxylin",
    "neighbors_elongation",
    "log_area_squared",
    "hematoxylin_squared",
    "context_hematoxylin_squared",
    "context_gaps_squared",
)
"""Measures of the tumor call, in the order of the columns `measure_nuclei` returns. The squares let it say "neither too
small nor too large": lymphocytes are smaller and darker than tumor nuclei, blurred ones larger and paler."""


def from_card(card: Mapping[str, Any], _folder: Path, params: WatershedParams) -> Watershed:
    """Make the segmenter from a model's card; its ``[tumor]`` table must name just the measures of this version."""
    values = card["tumor"]
    names = tuple(values["names"])
    if names != FEATURES:
        raise ValueError(f"tumor.names are {', '.join(names)}; this version measures {', '.join(FEATURES)}")
    center, scale, weights = (tuple(float(v) for v in values[key]) for key in ("center", "scale", "weights"))
    if not len(center) == len(scale) == len(weights) == len(names):
        raise ValueError("tumor.center, scale and weights are not as many as tumor.names")
    return Watershed(LogisticModel(names, center, scale, weights, float(values["intercept"])), params)


@dataclass(frozen=True)
class Watershed:
    """The segmenter: parameters and the tumor call's model."""

    tumor: LogisticModel
    params: WatershedParams = WatershedParams()

    @property
    def device(self) -> str:
        """What it runs on."""
        return "cpu"

    def margin_um(self, _tile_mpp: float, /) -> float:
        """How far beyond its core a tile must be read so that every owned cell is as if the slide were one tile."""
        p = self.params
        smoothing = 3 * max(p.background_um, p.context_um, 1.3 * max(p.blob_sigmas_um))
        rivals = 3 * p.nucleus_reach_um + 2 * p.min_distance_um  # a neighbor's nucleus, cut by its own neighbor's
        return max(p.neighbor_um, p.cell_reach_um) + p.nucleus_reach_um + rivals + smoothing

    def glass_um(self, tile_mpp: float, /) -> float:
        """How much of the margin must be read where it is empty glass: all, so that cells are exactly the same."""
        return self.margin_um(tile_mpp)

    def segment(self, image: TileImage, stain: Stain) -> TileLabels:
        """Find the nuclei and cells of a tile.

        Parameters
        ----------
        image : TileImage
            Pixels of the tile's box.
        stain : Stain
            The slide's white point and stain vectors.

        Returns
        -------
        TileLabels
            Near `WatershedParams.mpp` (see `find_shrink`), labels in reading order of the seeds.
        """
        shrink = find_shrink(image.tile.mpp, self.params.mpp)
        views = find_views(image, stain, shrink, self.params)
        nuclei, seeds = find_nuclei(views, self.params)
        cells = grow_cells(nuclei, seeds, views, self.params)
        p_tumor = self.tumor.probability(measure_nuclei(nuclei, seeds, views, self.params))
        return TileLabels(nuclei, cells, np.round(p_tumor, 6), shrink)


@dataclass(frozen=True)
class Views:
    """The tile as the segmenter sees it, all (h, w) float32 at `mpp`."""

    mpp: float
    hematoxylin: Image
    dab: Image
    gaps: Image
    """1 where there is glass or lumen."""
    blob: Image
    """Largest blob answer over the scales, less the floor a nucleus must pass."""


def find_views(image: TileImage, stain: Stain, shrink: int, params: WatershedParams) -> Views:
    """Densities, gaps and the blob answer of a tile at the working resolution."""
    mpp = image.tile.mpp * shrink
    hematoxylin, dab = unmix(shrink_by(image.rgb, shrink), stain)
    gaps = find_gaps(hematoxylin, dab, mpp).astype(np.float32)
    source = hematoxylin - np.float32(params.membrane_weight) * dab
    floor = params.min_blob + params.min_blob_per_dab * blur(np.maximum(dab, 0), params.context_um / mpp)
    blob = blob_answer(source, mpp, params.blob_sigmas_um) - floor.astype(np.float32)
    return Views(mpp, hematoxylin, dab, gaps, blob)


def blob_answer(source: Image, mpp: float, sigmas_um: tuple[float, ...]) -> Image:
    """Largest scale-normalized blob answer: difference of Gaussians at ratio 1.6, near the Laplacian.

    References
    ----------
    .. [1] Marr D, Hildreth E. Theory of edge detection. Proceedings of the Royal Society B 207:187-217, 1980 (the
       ratio 1.6).
    """
    answers: list[Image] = [blur(source, s / 1.265 / mpp) - blur(source, s * 1.265 / mpp) for s in sigmas_um]
    strongest: Image = np.maximum.reduce(answers)
    return strongest


def find_nuclei(views: Views, params: WatershedParams) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Nuclei as regions around the blobs' peaks.

    Returns
    -------
    nuclei : ndarray of int32, (h, w)
        Labels in reading order of the seeds.
    seeds : ndarray of int64, (n, 2)
        Row and column of each nucleus's seed.
    """
    seeds = find_peaks(views.blob, 0.0, params.min_distance_um / views.mpp)
    smooth = blur(views.hematoxylin, 0.6 / views.mpp)
    is_dark = smooth > blur(views.hematoxylin, params.background_um / 3 / views.mpp)
    is_dark[seeds[:, 0], seeds[:, 1]] = True
    labels = grow_seeds(seeds[:, 0], seeds[:, 1], is_dark.astype(np.uint8), round(params.nucleus_reach_um / views.mpp))
    nuclei, keep = drop_small(labels, len(seeds), params.min_area_um2 / views.mpp**2)
    return nuclei, seeds[keep]


def grow_cells(nuclei: Labels, seeds: NDArray[np.int64], views: Views, params: WatershedParams) -> Labels:
    """Territories: each nucleus grown outward until it meets a neighbor, a gap, a brown line or its reach."""
    cost = step_costs(nuclei, views.dab, views.gaps > 0, views.mpp)
    cells: Labels = grow_seeds(seeds[:, 0], seeds[:, 1], cost, round(params.cell_reach_um / views.mpp))
    return np.where(nuclei > 0, nuclei, cells)


def measure_nuclei(
    nuclei: NDArray[np.int32], seeds: NDArray[np.int64], views: Views, params: WatershedParams
) -> Floats:
    """Measures for the tumor call, (n, len(FEATURES)); see `FEATURES` for the columns."""
    if not len(seeds):
        return np.zeros((0, len(FEATURES)))
    sums = region_sums(nuclei, len(seeds), views.hematoxylin)
    area, minor, elongation = shape_of(sums, views.mpp)
    mean = sums[:, 6] / sums[:, 0]
    texture = np.sqrt(np.maximum(sums[:, 7] / sums[:, 0] - mean**2, 0))
    rows, columns = seeds[:, 0], seeds[:, 1]
    local = blur(views.hematoxylin, params.background_um / views.mpp)[rows, columns]
    context = blur(views.hematoxylin, params.context_um / views.mpp)[rows, columns]
    gaps = blur(views.gaps, params.context_um / views.mpp)[rows, columns]
    detail = np.abs(views.hematoxylin - blur(views.hematoxylin, 1.0 / views.mpp))
    roughness = blur(detail, params.context_um / views.mpp)[rows, columns]
    own = [np.log(area), minor, elongation, mean, mean - local, texture]
    shared = np.stack([np.log(area), minor, mean, elongation], axis=1)
    around = neighbor_means(seeds, shared, params.neighbor_um / views.mpp)
    squares = [np.log(area) ** 2, mean**2, context**2, gaps**2]
    return np.column_stack([*own, context, gaps, roughness, around, *squares]).astype(np.float64)


def shape_of(sums: Floats, mpp: float) -> tuple[Floats, Floats, Floats]:
    """Area in um2, minor axis in um and elongation (major / minor) of regions, from the sums of `region_sums`.

    The axes are those of the ellipse with the same second moments; 1/12 px2 is a pixel's own moment.
    """
    n = sums[:, 0]
    mean_x, mean_y = sums[:, 1] / n, sums[:, 2] / n
    var_x, var_y = sums[:, 3] / n - mean_x**2 + 1 / 12, sums[:, 4] / n - mean_y**2 + 1 / 12
    cov = sums[:, 5] / n - mean_x * mean_y
    half, spread = (var_x + var_y) / 2, np.sqrt(((var_x - var_y) / 2) ** 2 + cov**2)
    major, minor = 4 * np.sqrt(half + spread) * mpp, 4 * np.sqrt(np.maximum(half - spread, 1 / 12)) * mpp
    return n * mpp**2, minor, major / minor


def neighbor_means(seeds: NDArray[np.int64], values: Floats, reach_px: float) -> Floats:
    """Count the neighbors within reach and average their values; (n, 1 + values.shape[1]).

    A nucleus without neighbors gets its own values. Sums run over pairs in reading order, so they are the same in
    whatever tile the nuclei stand.
    """
    pairs = cKDTree(seeds).query_pairs(reach_px, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    count = np.bincount(both[:, 0], minlength=len(seeds)).astype(np.float64)
    sums = [np.bincount(both[:, 0], weights=column[both[:, 1]], minlength=len(seeds)) for column in values.T]
    means = np.where(count[:, None] > 0, np.stack(sums, axis=1) / np.maximum(count, 1)[:, None], values)
    return np.column_stack([count, means])
