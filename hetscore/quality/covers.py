"""Densities -> what lies over the tissue and takes its light: ink, hairs, bubbles, coverslip edges.

Whatever is gray, blue or green reads as much hematoxylin, however brown the tissue below: DAB takes none of it. So
brown alone, be it ever so dark, is not taken for an artefact, and a stained clone is not lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.quality.bands import Densities
from hetscore.quality.shapes import (
    Mask,
    Place,
    close_gaps,
    fill_holes,
    find_place,
    grow,
    is_near,
    keep_large,
    keep_seeded,
    put,
)

Values = NDArray[np.floating]
"""(n,), one a pixel or one a piece."""


@dataclass(frozen=True)
class CoverParams:
    """What lies over the tissue. Constants were chosen by `scripts/measure_quality.py`, see docs/quality.md."""

    smooth_um: float = 4.0
    """Standard deviation of the smoothing: nuclei are thinned, a hair is not."""
    min_od: float = 0.36
    """Smoothed density of hematoxylin above which it is no tissue; the development cores have at most 0.29, but for a
    particle,"""
    factor: float = 1.8
    """and it must be this much more than in the dark parts of the slide's own tissue (`dark_level`): at 1.6 the dense
    glands of heavily stained phantoms pass it, at 2 the edges of hairs are lost;"""
    max_od: float = 0.65
    """but never more than this: the 99.9th percentile of the heaviest stained phantom is 0.55, and where ink covers
    most of the tissue, the ink would set the level."""
    max_brown: float = 1.25
    """DAB over hematoxylin, in the darkest of a piece, above which it is stained tissue: black and gray things over
    brown tissue read 0.3-1.0, the dense glands of the heaviest stained phantom 1.5,"""
    brown_radius_um: float = 24.0
    """if a disk of this radius fits into it; through what is thinner the brown around it shines."""
    grow_share: float = 0.62
    """What hangs on to it is part of it down to this share of the density: soft edges, and the pale core of a hair."""
    gap_um: float = 12.0
    """Gaps narrower than twice this are closed: the bright core of a hair, streaks in ink."""
    pen_radius_um: float = 60.0
    """A disk of this radius fits into a pen's stroke; hairs are up to 35 um in radius,"""
    pen_area_mm2: float = 0.1
    """and a stroke is this large: 200 um wide and half a millimeter long; the particle on core 1_f8a2 has 0.003."""
    min_length_um: float = 150.0
    """Thinner things are this long: hairs, edges, the rim of a bubble; a clump of nuclei is shorter."""
    max_hole_mm2: float = 0.5
    """What a rim encloses lies under the bubble; a coverslip's edge round the specimen encloses more."""
    pen_margin_um: float = 12.0
    """Ink fades over this much: it lies on the coverslip, above the focus."""
    margin_um: float = 4.0
    """Other things are grown by this much: a pixel of the thumbnail."""
    sliver_um: float = 16.0
    """Where no disk of this radius fits beside them they take all: the haze that smoothing the tissue leaves round ink
    on glass would join fragments to one another and to the slide's edge,"""
    sliver_reach_um: float = 40.0
    """as far as that: the smoothing's width three times over."""
    bare_um: float = 300.0
    """What covers a place farther than this from any tissue that is seen lies on glass: a stroke's half width."""
    min_seen_mm2: float = 0.01
    """Less than this left beside ink is its own soft edge, no tissue: three quarters of a stroke's end."""


def dark_level(densities: Densities, tissue: Mask, mpp: float) -> float:
    """Density of hematoxylin in the dark parts of a slide's tissue, smoothed over 8 um; 0 without tissue.

    A fifth of all hematoxylin lies in places darker than this. Weighting by the density keeps a slide of much pale
    muscle and little epithelium from calling the epithelium too dark.
    """
    parts = [density[tissue[rows]] for rows, density in densities.smooth_hematoxylin(8.0 / mpp, within=tissue)]
    if not parts:
        return 0.0
    values = np.concatenate(parts)
    values.sort()
    mass = np.cumsum(np.maximum(values, 0), dtype=np.float64)
    return float(values[np.searchsorted(mass, 0.8 * mass[-1])])


def find_dark(densities: Densities, level: float, mpp: float, params: CoverParams) -> Mask:
    """Mask of what is darker than tissue can be, by color other than DAB's.

    Parameters
    ----------
    densities : Densities
        Of hematoxylin and DAB, at the thumbnail's scale.
    level : float
        `dark_level` of the slide.
    mpp : float
        Microns per pixel.
    params : CoverParams
        What lies over the tissue.

    Returns
    -------
    (h, w) bool
        Ink, hairs, edges; and particles and clumps of nuclei, which `find_pen` and `find_foreign` leave out.
    """
    limit = min(max(params.min_od, params.factor * level), params.max_od)
    low = params.grow_share * limit
    soft, seed = np.zeros(densities.shape, bool), np.zeros(densities.shape, bool)
    of_seeds: list[tuple[Values, Values]] = []
    for rows, density, dab in densities.smooth_both(params.smooth_um / mpp, low):
        soft[rows], seed[rows] = density > low, density > limit
        of_seeds.append((density[seed[rows]], dab[seed[rows]]))
    if not seed.any():
        return seed
    dark = close_gaps(keep_seeded(soft, seed), params.gap_um / mpp)
    total, brown = (np.concatenate(values) for values in zip(*of_seeds, strict=True))
    return dark & ~_find_stained(dark, (total, brown), seed, mpp, params)


def _find_stained(mask: Mask, of_seeds: tuple[Values, Values], seed: Mask, mpp: float, params: CoverParams) -> Mask:
    """Mask of the broad pieces whose seeds hold more DAB, for their hematoxylin, than what covers tissue does."""
    pieces = _measure(mask, mpp)
    number = pieces.labels[seed[pieces.place]]
    total, brown = (np.bincount(number, values, minlength=len(pieces.radius_um)) for values in of_seeds)
    return pieces.keep((brown > params.max_brown * total) & (pieces.radius_um >= params.brown_radius_um), mask)


def find_pen(dark: Mask, mpp: float, params: CoverParams) -> Mask:
    """Mask of pen strokes: dark, broad and large."""
    pieces = _measure(dark, mpp)
    is_pen = (pieces.radius_um >= params.pen_radius_um) & (pieces.area_mm2 >= params.pen_area_mm2)
    return grow(pieces.keep(is_pen, dark), params.pen_margin_um / mpp)


def find_foreign(dark: Mask, mpp: float, params: CoverParams) -> Mask:
    """Mask of hairs, rims of bubbles with what they enclose, and coverslip edges: dark, thin and long."""
    pieces = _measure(dark, mpp)
    is_line = (pieces.radius_um < params.pen_radius_um) & (pieces.length_um >= params.min_length_um)
    lines = pieces.keep(is_line, dark)
    return fill_holes(grow(lines, params.margin_um / mpp), params.max_hole_mm2 * 1e6 / mpp**2)


def find_bare(cover: Mask, tissue: Mask, mpp: float, params: CoverParams) -> Mask:
    """Mask of what covers bare glass: farther than `bare_um` from any tissue that is seen.

    Parameters
    ----------
    cover : (h, w) bool
        Ink, hairs, bubbles, particles.
    tissue : (h, w) bool
        Tissue, with the covers where they were taken for it.
    mpp : float
        Microns per pixel.
    params : CoverParams
        What lies over the tissue.

    Returns
    -------
    (h, w) bool
        Tissue that lies wholly under a cover is not seen, and goes with it.
    """
    if not cover.any():
        return cover
    seen = keep_large(tissue & ~cover, params.min_seen_mm2 * 1e6 / mpp**2)
    return cover & ~is_near(seen, params.bare_um / mpp)


@dataclass(frozen=True)
class _Pieces:
    """The connected pieces of a mask, numbered from 1; each measure has a first row that means nothing."""

    place: Place
    """The part of the picture that holds them."""
    labels: NDArray[np.int32]
    """Of that part."""
    length_um: Values
    radius_um: Values
    """Of the largest disk in it."""
    area_mm2: Values

    def keep(self, is_kept: NDArray[np.bool_], mask: Mask) -> Mask:
        """Mask of the chosen ones."""
        chosen = is_kept.copy()
        chosen[0] = False
        return put(chosen[self.labels], self.place, mask)


_NOWHERE = (slice(0, 0), slice(0, 0))


def _measure(mask: Mask, mpp: float) -> _Pieces:
    place = find_place(mask) or _NOWHERE
    padded = np.pad(mask[place].astype(np.uint8), 1)
    n, labels, stats, _ = cv2.connectedComponentsWithStats(padded, connectivity=8)
    radius = np.zeros(n)
    np.maximum.at(radius, labels[padded > 0], cv2.distanceTransform(padded, cv2.DIST_L2, 5)[padded > 0])
    length = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) * mpp
    return _Pieces(place, labels[1:-1, 1:-1], length, radius * mpp, stats[:, cv2.CC_STAT_AREA] * (mpp / 1000) ** 2)
