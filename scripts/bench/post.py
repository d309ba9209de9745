"""Post-processing: our reading of the network's maps beside the same duties written with scikit-image.

Both take the same maps of one tile and hand back nuclei, cells and a tumor value each. The scikit-image version is
what a competent user would write with its functions: peaks, two of one nucleus joined, a watershed of the nuclei,
specks dropped, a watershed of the cells, a mean over each nucleus.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import expit
from skimage.feature import peak_local_max
from skimage.measure import profile_line, regionprops_table
from skimage.morphology import remove_small_objects
from skimage.segmentation import expand_labels, relabel_sequential, watershed

from hetscore.segmenters.decoding import BORDER, CELL, CENTER, NUCLEUS, TUMOR, Maps, NetworkParams
from hetscore.segmenters.growth import find_shrink, shrink_by
from hetscore.segmenters.network import find_cells
from scripts.bench.agreement import REACH_UM, Points, shared_part
from scripts.bench.material import DENSE, USUAL, Field, Slides
from scripts.bench.table import Findings, Row
from scripts.bench.tiles import NETWORK, as_network, box_mp, fullest, load_run, plan_slide
from scripts.bench.timing import on_one_core, race

Labels = NDArray[np.int32]


def find_cells_by_skimage(maps: Maps, mpp: float, params: NetworkParams) -> tuple[Labels, Labels, NDArray[np.float64]]:
    """Read nuclei and cells from the maps with scikit-image.

    Parameters
    ----------
    maps : ndarray of float32, (5, h, w)
        Logits of `hetscore.segmenters.decoding.MAPS`.
    mpp : float
        Microns per pixel of the maps.
    params : NetworkParams
        Sizes, the same as for `find_cells`.

    Returns
    -------
    nuclei, cells : ndarray of int32, (h, w)
        Labels 1..n, 0 elsewhere.
    tumor : ndarray of float64, (n,)
        Mean logit of the tumor map over each nucleus.
    """
    chance = expit(maps[:TUMOR])
    distance = max(1, round(params.min_distance_um / mpp))
    peaks = peak_local_max(chance[CENTER], min_distance=distance, threshold_abs=params.min_center, exclude_border=False)
    seeds = _join(chance[CENTER], peaks, params.one_nucleus_um / mpp, params.one_nucleus_saddle)
    markers = np.zeros(chance.shape[1:], np.int32)
    markers[tuple(seeds.T)] = np.arange(1, len(seeds) + 1)
    is_nucleus = _near(markers, params.nucleus_reach_um / mpp) & (chance[NUCLEUS] >= 0.5)
    nuclei = watershed(chance[BORDER], markers, mask=is_nucleus)
    nuclei = remove_small_objects(nuclei, max_size=int(np.ceil(params.min_area_um2 / mpp**2)) - 1)
    nuclei = relabel_sequential(nuclei)[0].astype(np.int32)
    is_cell = _near(nuclei, params.cell_reach_um / mpp) & ((chance[CELL] >= 0.5) | (nuclei > 0))
    cells = watershed(chance[BORDER], nuclei, mask=is_cell)
    tumor = regionprops_table(nuclei, maps[TUMOR], properties=("mean_intensity",))["mean_intensity"]
    return nuclei, cells.astype(np.int32), np.asarray(tumor, np.float64)


def _near(labels: Labels, reach_px: float) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = expand_labels(labels, reach_px) > 0
    return near


def _join(image: NDArray[np.float32], peaks: NDArray[np.int64], reach_px: float, saddle: float) -> NDArray[np.int64]:
    """Drop the lower of two peaks between which the map stays high: both are of one long nucleus."""
    heights = image[tuple(peaks.T)]
    keep = np.ones(len(peaks), bool)
    for first, second in cKDTree(peaks).query_pairs(reach_px) if len(peaks) else ():
        lower = min(heights[first], heights[second])
        if profile_line(image, peaks[first], peaks[second], order=0).min() >= saddle * lower:
            keep[first if heights[first] < heights[second] else second] = False
    return peaks[keep]


def bench_post(slides: Slides, rounds: int) -> Findings:
    """Compare both on a tile of each field."""
    rows: list[Row] = []
    figures: dict[str, float] = {}
    with on_one_core():
        for field in (USUAL, DENSE):
            ours, theirs, shared = _compare(slides, field, rounds)
            suffix = "" if field is USUAL else f"_{field.name}"
            note = f"{shared:.1%} of the cells are the same within {REACH_UM:g} um"
            what = f"{field.name}: maps to cells"
            rows.append(Row(what, ours, "ms/MP", "scikit-image", theirs, theirs / ours, note))
            figures |= {f"post_vs_skimage{suffix}": theirs / ours, f"post_shared_cells{suffix}": shared}
    return Findings(tuple(rows), figures)


def _compare(slides: Slides, field: Field, rounds: int) -> tuple[float, float, float]:
    """Milliseconds per megapixel of the maps, ours and theirs, and the part of the cells that both find."""
    run = load_run(NETWORK)
    segmenter = as_network(run)
    with plan_slide(slides.find(field), run) as planned:
        tile = fullest(planned.tiles, planned.fragments)
        shrink = find_shrink(tile.mpp, segmenter.params.mpp)
        maps = segmenter.predict(shrink_by(planned.read(tile).rgb, shrink), planned.stain.white)
    mpp = tile.mpp * shrink
    finders = {"ours": find_cells, "skimage": find_cells_by_skimage}
    spread = race({name: partial(find, maps, mpp, segmenter.params) for name, find in finders.items()}, rounds)
    centers = [find_centers(find(maps, mpp, segmenter.params)[0]) * mpp for find in finders.values()]
    ours, theirs = (1000 * seconds.median / box_mp(tile) for seconds in spread.values())
    return ours, theirs, shared_part(centers[0], centers[1], REACH_UM)


def find_centers(nuclei: Labels) -> Points:
    """Find the middle of each nucleus, (n, 2) pixels."""
    numbers = np.arange(1, nuclei.max(initial=0) + 1)
    return np.asarray(ndimage.center_of_mass(nuclei > 0, nuclei, numbers), np.float64).reshape(-1, 2)
