"""Densities -> the rim of the tissue where it is brown for no reason of its own: edge artefact.

Reagents dry and pool at the rim of a section, so that everything there, stroma and nuclei too, is brown, most of all at
the very edge. True stain is no such thing: glass beside it makes the edge paler, stroma among it stays pale, and
between its membranes lies pale cytoplasm.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hetscore.domain import TissueMask
from hetscore.errors import SlideError
from hetscore.quality import bands
from hetscore.quality.bands import Densities, plan_bands
from hetscore.quality.reading import Read, find_step, plan_blocks, read_block
from hetscore.quality.shapes import Image, Mask, close_gaps, fill_holes, find_place, grow, keep_large, smooth
from hetscore.stain import Stain, unmix_dab

Points = NDArray[np.float64]
"""(n, 2), x first, thumbnail pixels."""


@dataclass(frozen=True)
class RimParams:
    """What is a stained rim. Constants were chosen by `scripts/measure_quality.py`, see docs/quality.md."""

    min_rise_od: float = 0.025
    """The palest tenth of the rim must be browner than the palest quarter of what lies beneath it by this much: seven
    development cores have at most 0.011, and from 0.05 on stroma reads as stained tumor (see docs/quality.md)."""
    rim_um: tuple[float, float] = (8.0, 20.0)
    """The rim, depths from the glass: not the very edge, where glass shines into the pixels,"""
    beneath_um: tuple[float, float] = (36.0, 60.0)
    """and what lies beneath: the stain of drawn rims falls to a tenth over 35 um."""
    palest: float = 0.1
    """Quantile of the rim's density that must be raised: stroma between stained glands stays pale."""
    usual: float = 0.25
    """Quantile of what lies beneath that it is compared with: not the stained glands there."""
    window_um: float = 120.0
    """Radius within which a place of the rim is judged: wider than most glands that touch the glass."""
    step_um: float = 40.0
    """Places are this far apart."""
    min_ground_share: float = 0.40
    """Of the mean density, what is left in the palest spot within `spot_um`: 0.22-0.35 where membranes are stained (the
    development cores of score 2+ and 3+, clones at the rim of phantoms), 0.41-0.56 where everything is."""
    spot_um: float = 6.0
    """A nucleus, or the cytoplasm between two membranes, is found within this radius."""
    mpp: float = 2.0
    """Resolution at which that is read, um/px: at 4 a membrane's pixel holds its cytoplasm too."""
    min_od: float = 0.03
    """Smoothed density above which there is tissue; a rim that is raised is darker."""
    min_area_mm2: float = 0.04
    """Smaller pieces are no fragment and have no rim; smaller holes are lumens, their walls are no rim either."""
    min_band_um2: float = 6000.0
    """Smaller bands are the tops of stained glands: this is 25 um deep and twice `window_um` long."""
    block_px: int = 256
    """Side of what is read at once, thumbnail pixels: keeps memory constant, changes no result."""


def find_rims(densities: Densities, tissue: TissueMask, read: Read, params: RimParams, *, known: Mask) -> Mask:
    """Mask of rims with stain that is not specific, at the thumbnail's scale.

    Parameters
    ----------
    densities : Densities
        Of hematoxylin and DAB, at the thumbnail's scale.
    tissue : TissueMask
        Tissue of the slide.
    read : callable
        Reads a box of the slide at a downsample; asked only where the thumbnail shows a raised rim.
    params : RimParams
        What is a stained rim.
    known : (h, w) bool
        Ink, hairs and the like: their border is no rim, and they tell nothing.

    Returns
    -------
    (h, w) bool
        From the glass to the depth where the stain no longer stands out; reaches over the glass.

    Notes
    -----
    A rim beside tumor that is stained as strongly within as at the rim is missed, and so is one of which nothing finer
    than the thumbnail can be read. A fragment thinner than twice `beneath_um` has no inside to be compared with.
    """
    mpp = tissue.mpp
    depth = _measure_depth(densities, mpp, params, known)
    band = (depth > 0) & (depth <= params.beneath_um[1]) & ~known
    places = _choose_places(depth, mpp, params)
    reach = _measure_reach(places, band, depth, densities, mpp, params)
    suspect = _paint(places, reach, tissue.mask, depth, mpp, params)
    if not suspect.any():
        return suspect
    shares = _read_shares(suspect, tissue, densities.stain, read, params)
    told, window = band & np.isfinite(shares), _Window(params.window_um / mpp)
    ground = np.array([_quantile(window.take(place, told, shares)[0], 0.5) for place in places])
    return _paint(places, np.where(ground > params.min_ground_share, reach, 0), tissue.mask, depth, mpp, params)


def _measure_depth(densities: Densities, mpp: float, params: RimParams, known: Mask) -> Image:
    """Depth below the glass in um, 0 on glass."""
    area_px = params.min_area_mm2 * 1e6 / mpp**2
    is_dark = densities.find_dense(_SMOOTH_UM / mpp, params.min_od)
    body = keep_large(fill_holes(close_gaps(is_dark, 20.0 / mpp), area_px), area_px) | known
    depth = np.zeros(body.shape, np.float32)
    place = find_place(body, 1)  # with the glass around it
    if place is not None:
        padded = np.pad(body[place], 1, mode="edge").astype(np.uint8)  # the slide's own border is no rim
        del body
        np.multiply(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32(mpp), out=depth[place])
    return depth


_SMOOTH_UM = 4.0
"""Standard deviation of the smoothing of the thumbnail's densities: one of its pixels."""


def _choose_places(depth: Image, mpp: float, params: RimParams) -> Points:
    """Choose places on the tissue's border, one in each square of `step_um` it crosses."""
    rows, columns = np.nonzero((depth > 0) & (depth < 1.5 * mpp))
    step = params.step_um / mpp
    square = (rows // step) * depth.shape[1] + columns // step  # fewer squares than pixels in a row
    _, first = np.unique(square, return_index=True)
    return np.column_stack([columns, rows])[first].astype(np.float64)


class _Window:
    """A disk that is laid on the thumbnail, to take out the pixels beneath it."""

    def __init__(self, radius_px: float) -> None:
        self.reach = int(radius_px)
        away = np.arange(-self.reach, self.reach + 1)
        self._disc: Mask = away[:, None] ** 2 + away**2 <= radius_px**2

    def take(self, place: NDArray[np.float64], of: Mask, *images: Image) -> list[NDArray[np.float32]]:
        """Take the pixels of images that lie in a mask and within the window of a place, x first."""
        (left, top), (height, width) = (int(v) - self.reach for v in place), of.shape
        rows, columns = (slice(max(0, at), at + len(self._disc)) for at in (top, left))
        disc = self._disc[rows.start - top : height - top, columns.start - left : width - left]
        is_in = of[rows, columns] & disc
        return [image[rows, columns][is_in] for image in images]


def _measure_reach(
    places: Points, band: Mask, depth: Image, densities: Densities, mpp: float, params: RimParams
) -> NDArray[np.float64]:
    """By place, how deep the stain reaches, um; 0 where it is not raised."""
    window, reaches = _Window(params.window_um / mpp), np.zeros(len(places))
    numbers = places[:, 1] // bands.BAND_ROWS  # places of one band share the densities round them
    for number in np.unique(numbers):
        chosen = np.flatnonzero(numbers == number)
        at = places[chosen, 1]
        rows = slice(max(0, int(at.min()) - window.reach), min(len(band), int(at.max()) + window.reach + 1))
        dab = densities.smooth_dab(rows, _SMOOTH_UM / mpp)
        for i in chosen:
            brown, below = window.take(places[i] - (0, rows.start), band[rows], dab, depth[rows])
            reaches[i] = _find_reach(brown, below, mpp, params)
    return reaches


def _find_reach(dab: NDArray[np.float32], depth: NDArray[np.float32], mpp: float, params: RimParams) -> float:
    """Find how deep the stain of pixels of given depths reaches, um; 0 where it is not raised."""
    rim, beneath = (dab[(depth > low) & (depth <= high)] for low, high in (params.rim_um, params.beneath_um))
    if min(len(rim), len(beneath)) < _FEWEST:
        return 0.0
    usual = float(np.quantile(beneath, params.usual))
    if not np.quantile(rim, params.palest) - usual > params.min_rise_od:
        return 0.0
    edges = np.arange(mpp, params.beneath_um[0] + mpp, mpp)
    steps = [_quantile(dab[(depth > low) & (depth <= low + mpp)], params.usual) for low in edges]
    return _reach(np.array(steps) - usual, edges + mpp, params.min_rise_od)


_FEWEST = 25
"""Pixels on either side below which nothing is told: 400 um2, a few cells."""


def _reach(rises: NDArray[np.float64], edges: NDArray[np.float64], least: float) -> float:
    """Depth down to which the stain is raised; the edge itself, where glass shines in, may be paler."""
    raised = np.flatnonzero(rises > least)
    return float(edges[raised[-1]]) if len(raised) else 0.0


def _quantile(values: NDArray[np.float32], share: float) -> float:
    """Quantile; -inf of nothing, which is never above a limit."""
    return float(np.quantile(values, share)) if len(values) else -np.inf


def _paint(
    places: Points, reach: NDArray[np.float64], tissue: Mask, depth: Image, mpp: float, params: RimParams
) -> Mask:
    """Mask of the tissue less deep than the stain reaches at the nearest place, and of the glass before it."""
    mask = np.zeros(tissue.shape, bool)
    if not reach.any():
        return mask
    tree, limits = cKDTree(places), np.append(reach, -1.0)  # nothing near has the index n
    for band in plan_bands(len(mask)):
        below = depth[band.core]
        rows, columns = np.nonzero((tissue[band.core] | (below > 0)) & (below <= reach.max()))
        at = np.column_stack([columns, rows + band.core.start])
        far, nearest = tree.query(at, distance_upper_bound=params.window_um / mpp)
        limit = limits[nearest]
        is_in = np.isfinite(far) & (limit > 0) & (below[rows, columns] <= limit)
        mask[band.core][rows[is_in], columns[is_in]] = True
    return keep_large(grow(mask, 1), params.min_band_um2 / mpp**2)


def _read_shares(suspect: Mask, tissue: TissueMask, stain: Stain, read: Read, params: RimParams) -> Image:
    """Share of the density of DAB that lies between membranes too, at the thumbnail's scale; NaN where not read."""
    shares = np.full(suspect.shape, np.nan, np.float32)
    step = find_step(tissue, params.mpp)
    if step is None:
        return shares
    mpp = tissue.mpp * step / tissue.downsample
    for core, box in plan_blocks(suspect, 4 * _WINDOW_UM / tissue.mpp, params.block_px):
        with suppress(SlideError):  # its tiles will fail too, and are counted there
            dab = unmix_dab(read_block(box, tissue, read, step), stain)
            found = cv2.resize(_ground_share(dab, mpp, params.spot_um), (box.width, box.height))
            shares[core.slices] = found[core.shifted(-box.x, -box.y).slices]
    shares[~suspect] = np.nan
    return shares


_WINDOW_UM = 8.0
"""Standard deviation of the window over which ground and whole are averaged: a cell."""


def _ground_share(dab: Image, mpp: float, spot_um: float) -> Image:
    """Density of the palest spot nearby over the mean density, both averaged over a cell; NaN where there is none."""
    side = 2 * round(spot_um / mpp) + 1
    spots = cv2.erode(smooth(dab, 2.0 / mpp), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    ground, whole = smooth(spots, _WINDOW_UM / mpp), smooth(dab, _WINDOW_UM / mpp)
    share: Image = np.divide(ground, whole, out=np.full_like(whole, np.nan), where=whole > _NO_DAB)
    return share


_NO_DAB = 0.005
"""Density of DAB that is no stain: a quarter of what must stand out."""
