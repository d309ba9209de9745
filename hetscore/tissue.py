"""Thumbnail -> TissueMask: where there is tissue, pale tissue included.

HER2-negative tissue is hardly darker than glass, so the threshold is set by the glass's own noise, not by a histogram
of the whole slide: Otsu's cut falls between brown and pale tissue and loses the fragments that make a case hetero.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb, Thumbnail, TissueMask
from hetscore.stain import optical_density

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class TissueParams:
    """What counts as tissue."""

    mpp: float = 4.0
    """Resolution of the thumbnail, um/px: a 1 mm biopsy is 250 px across, a 100,000 px slide 6,250."""
    blur_um: float = 12.0
    """Sigma of the smoothing before the threshold: two cells, so that cytoplasm between nuclei counts."""
    noise_factor: float = 5.0
    """The threshold lies this many noise widths above the glass,"""
    min_od: float = 0.012
    """but never below this mean density (uneven light reaches 0.011 on the glass of one development core),"""
    max_od: float = 0.03
    """nor above this, the density of the palest cytoplasm that still reads as color."""
    min_texture_od: float = 0.004
    """Local standard deviation of the density above which there is tissue however pale: glass has 0.001-0.003 on the
    development cores, the palest of them (signet-ring cells, mean density 0.010) 0.006 and more."""
    texture_factor: float = 3.0
    """On a noisier scanner the texture must exceed the quietest tenth of the slide by this factor,"""
    max_texture_od: float = 0.008
    """but never needs to exceed this: a field full of tissue has no quiet tenth."""
    halo_um: float = 24.0
    """Taken off all around: how far the smoothing carries an edge beyond the tissue. Measured: six development cores
    agree best with outlines drawn by hand (docs/fragments.md)."""
    max_hole_mm2: float = 0.5
    """Larger enclosed areas stay open: a dilated gland's lumen is up to 0.2 mm2 on the development cores, while a
    coverslip's edge or a ring of pen encloses the whole specimen and must not make one fragment of it."""
    seed_od: float = 0.06
    """A piece needs pixels at least this dark before smoothing (nuclei): smears of mucus, glue and the shadow of the
    scanner's stitching stay below;"""
    seed_area_um2: float = 2000.0
    """and together they must cover this: about 50 nuclei."""


def find_tissue(
    thumbnail: Thumbnail, white: tuple[float, float, float], excluded: dict[str, Mask], params: TissueParams
) -> TissueMask:
    """Find the tissue of a slide.

    Parameters
    ----------
    thumbnail : Thumbnail
        The whole slide at about `TissueParams.mpp`.
    white : tuple of float
        Red, green, blue of empty glass.
    excluded : dict of str to ndarray of bool
        Area that must not be judged, by reason; taken out of the tissue and kept apart.
    params : TissueParams
        What counts as tissue.

    Returns
    -------
    TissueMask
        `mask` holds the tissue to be judged, holes filled; `excluded` what would have been tissue otherwise.
    """
    is_seed, candidates = _find_candidates(thumbnail, white, params)
    candidates = _fill_holes(candidates, params.max_hole_mm2 / (thumbnail.mpp / 1000) ** 2)
    tissue = _keep_seeded(_erode(candidates, params.halo_um / thumbnail.mpp), is_seed, thumbnail.mpp, params)
    n_specks = count_specks(candidates, is_seed, tissue)
    blocked: dict[str, Mask] = {}
    for reason, mask in excluded.items():
        blocked[reason], tissue = mask & tissue, tissue & ~mask
    return TissueMask(tissue, thumbnail.downsample, thumbnail.mpp, blocked, n_specks)


def _find_candidates(
    thumbnail: Thumbnail, white: tuple[float, float, float], params: TissueParams
) -> tuple[Mask, Mask]:
    """Masks of what is dark enough for a nucleus and of what is denser or less even than glass."""
    density, sigma = _measure_density(thumbnail.rgb, white), params.blur_um / thumbnail.mpp
    is_seed = density > params.seed_od
    smooth = _smooth(density, sigma)
    rough = density  # its place is taken: of floats there are never more than three to a pixel
    np.subtract(density, smooth, out=rough)
    np.square(rough, out=rough)
    is_dense = smooth > find_threshold(smooth, params)
    del smooth
    texture = _smooth(rough, sigma)
    del density, rough
    np.sqrt(texture, out=texture)
    floor = np.clip(params.texture_factor * np.quantile(texture, 0.1), params.min_texture_od, params.max_texture_od)
    return is_seed, is_dense | (texture > floor)


def _measure_density(rgb: Rgb, white: tuple[float, float, float]) -> NDArray[np.float32]:
    """Measure the mean density of the three channels, some rows at a time; brighter than glass is glass."""
    density = np.empty(rgb.shape[:2], np.float32)
    for first in range(0, len(rgb), _ROWS):
        rows = slice(first, first + _ROWS)
        channels = optical_density(rgb[rows], white)
        # channel by channel: numpy sums along three numbers several times more slowly
        density[rows] = (channels[..., 0] + channels[..., 1] + channels[..., 2]) / np.float32(3)
    return np.maximum(density, 0, out=density)


_ROWS = 256
"""The densities of a band of 6,250 px take 19 MB; changes no result."""


def _smooth(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    result: NDArray[np.float32] = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return result


def find_threshold(smooth: NDArray[np.float32], params: TissueParams) -> float:
    """Density between glass and tissue, from the glass's noise.

    The darker half of the glass's spread is hidden by pale tissue, so the lighter half (below the commonest value)
    gives the width.
    """
    counts, edges = np.histogram(smooth, bins=250, range=(0.0, 0.05))
    mode = float(edges[int(np.argmax(counts))] + 0.5 * (edges[1] - edges[0]))
    below = smooth[smooth < mode]
    np.subtract(mode, below, out=below)
    width = (
        float(np.median(below, overwrite_input=True)) / 0.6745 if below.size else 0.0
    )  # median to sigma of a normal distribution
    glass = min(mode, params.min_od)  # a field full of tissue has no glass: its mode is tissue
    return float(np.clip(glass + params.noise_factor * width, params.min_od, params.max_od))


def _keep_seeded(candidates: Mask, is_seed: Mask, mpp: float, params: TissueParams) -> Mask:
    """Keep the connected pieces of `candidates` that hold enough seed."""
    n, labels = cv2.connectedComponents(candidates.astype(np.uint8), connectivity=8)
    seeds = np.bincount(labels[candidates & is_seed], minlength=n)
    is_kept = seeds * mpp**2 >= params.seed_area_um2
    is_kept[0] = False
    kept: Mask = is_kept[labels]
    return kept


def count_specks(candidates: Mask, is_seed: Mask, tissue: Mask) -> int:
    """Count the pieces dark enough to be something that are not, even in part, taken for tissue."""
    n, labels = cv2.connectedComponents(candidates.astype(np.uint8), connectivity=8)
    is_dark, is_tissue = np.zeros(n, bool), np.zeros(n, bool)
    is_dark[labels[candidates & is_seed]] = True
    is_tissue[labels[tissue]] = True
    return int((is_dark & ~is_tissue).sum())


def _erode(mask: Mask, radius_px: float) -> Mask:
    """Take a band off all around; the slide's own border is not an edge of tissue."""
    side = 2 * max(1, round(radius_px)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    eroded: Mask = cv2.erode(mask.astype(np.uint8), disc, borderType=cv2.BORDER_REPLICATE).astype(bool)
    return eroded


def _fill_holes(mask: Mask, max_px: float) -> Mask:
    """Fill what is enclosed and small: lumens and tears belong to the piece round them."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    is_hole = stats[:, cv2.CC_STAT_AREA] <= max_px
    is_hole[0] = False
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        is_hole[border] = False  # open to the outside of the picture, so not enclosed
    filled: Mask = mask | is_hole[labels]
    return filled
