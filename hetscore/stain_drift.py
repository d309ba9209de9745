"""The colors of the two stains on a slide, against those the model was calibrated on.

Comes in: a few patches of the slide. Goes out: the direction of each stain in optical density, how far it lies from the
model's, and what the model's two stains leave unexplained. Nothing is measured with the estimate: densities keep the
model's vectors, which every threshold was calibrated with, and a reader is told where those no longer fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Fragments, Rgb, StainEstimate
from hetscore.geometry import Box
from hetscore.stain import Stain, StainVectors, optical_density

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StainDriftParams:
    """Where to look, which pixels count, and from where on a slide is told apart.

    "Cores" are the eight development cores, "typical" eight phantoms of that preset (seeds 91 and 191); the figures are
    those of ``scripts/measure_stain.py``.
    """

    max_patches: int = 16
    """A design choice: a million pixels, and four patches of each of four biopsies."""
    patch_um: float = 128.0
    """Side of a patch: some hundred cells, and small against a biopsy."""
    mpp: float = 0.5
    """Resolution of the patches. At 0.25 um/px the noise of a pixel is twice as large; at 1 um/px a pixel is as wide as
    a membrane of 2+, and the stains run together."""
    tissue_od: float = 0.15
    """Length of a pixel's three densities from which it is tissue: the threshold of Macenko 2009."""
    hematoxylin_od: float = 0.20
    """The same, of a pixel that tells the color of hematoxylin: the darker parts of nuclei (95th percentile on the
    cores 0.19-0.33)."""
    dab_od: float = 0.35
    """The same, of DAB: lines from 2+ on (0.33-0.58 on the cores), which hide most of what lies beneath them."""
    hematoxylin_percentile: float = 10.0
    """Of the angles toward DAB of the pixels on hematoxylin's side. A little haze of DAB lies over most nuclei, so the
    middle would tell how much; the least tells of noise."""
    dab_percentile: float = 75.0
    """Of the angles of the pixels on DAB's side: above the middle, since nuclei shine through."""
    min_share: float = 0.03
    """Least share of a stain's pixels in the tissue. Slides without DAB have up to 0.013 of dark nuclei and pigment on
    its side, the three cores of 2+ and 3+ with tumor 0.057 and more."""
    min_pixels: int = 500
    """Fewest pixels of a stain: angles spread by some 5 degrees, so the 10th percentile of 500 has a standard error of
    0.4, were they independent."""
    max_degrees: float = 15.0
    """An estimate never lies farther from the model's vector: farther, it is another dye or no stain at all."""
    hematoxylin_limit: float = 8.0
    """Degrees from the model's vector above which the color of hematoxylin has drifted. Cores 1.7-7.6, typical 2.0-3.3,
    contrast scanner 5.2 and 5.7; fields of another laboratory 1.8-12.3, 8 of 12 above. Turned by 10 degrees either way,
    11 of 16 cores and 16 of 16 typical are above: haze and hue of a core may make up for the turn."""
    dab_limit: float = 5.0
    """The same of DAB; also what the sensitivity panel turns it by. Cores 0.9-1.9, typical 0.3-3.7; of the slides of 2+
    the warm and the cool scanner give 6.3 and 6.7. Turned by 10 degrees either way, 5 of 6 cores and 8 of 8 typical
    where DAB is seen are told, with AEC for DAB all."""


def plan_patches(fragments: Fragments, mpp: float, params: StainDriftParams) -> tuple[tuple[Box, ...], int]:
    """Choose patches spread evenly over the tissue of all fragments.

    Parameters
    ----------
    fragments : Fragments
        Where the tissue is.
    mpp : float
        Microns per level-0 pixel.
    params : StainDriftParams
        How many, how large, how fine.

    Returns
    -------
    boxes : tuple of Box
        Level-0 pixels, squares each centered on tissue; they may reach over a border of tissue or slide. Each fragment
        has a part of them that goes with its area. Empty without tissue.
    downsample : int
        At which to read them; the boxes are multiples of it.

    Notes
    -----
    The tissue is walked through fragment by fragment and row by row, and patches stand at equal distances on that walk.
    Nothing else enters, so they do not depend on tiles or workers.
    """
    downsample = max(1, round(params.mpp / mpp))
    side = ceil(params.patch_um / (mpp * downsample)) * downsample
    n_labels = int(fragments.labels.max(initial=0))
    by_row = np.array([np.bincount(row, minlength=n_labels + 1)[1:] for row in fragments.labels])
    upto = by_row.T.ravel().cumsum()  # pixels walked through at the end of each row of each fragment
    n_walked = int(upto[-1]) if len(upto) else 0
    n = min(params.max_patches, n_walked)

    def start(index: int) -> int:
        middle = (index + 0.5) * fragments.downsample
        return round((middle - side / 2) / downsample) * downsample

    boxes = []
    for stop in ((np.arange(n) + 0.5) * n_walked / max(n, 1)).astype(np.intp):
        at = int(np.searchsorted(upto, stop, side="right"))
        number, row = divmod(at, len(by_row))
        columns = np.flatnonzero(fragments.labels[row] == number + 1)
        boxes.append(Box(start(int(columns[stop - upto[at]])), start(row), side, side))
    return tuple(boxes), downsample


def estimate_stain(
    patches: Sequence[Rgb], stain: Stain, params: StainDriftParams = StainDriftParams()
) -> StainEstimate:
    """Estimate the directions of the two stains on a slide.

    Parameters
    ----------
    patches : sequence of ndarray of uint8, (h, w, 3)
        Parts of the slide at about 0.5 um/px, in any order and of any size.
    stain : Stain
        The slide's white point and the model's vectors; the site's scale of DAB is no matter here.
    params : StainDriftParams
        Which pixels count.

    Returns
    -------
    StainEstimate
        A stain is None where fewer than `min_pixels` pixels or less than `min_share` of the tissue tell of it: a
        slide of HER2 0 has no DAB. Without tissue, or without patches, all is None.

    Notes
    -----
    As in [1]_, a stain lies at the edge of the fan of angles that the pixels fill, and a percentile finds it. The fan
    is seen in the plane of the model's vectors rather than in one fitted to the slide: on a slide with one stain alone
    a fitted plane would turn about it. The angle midway between the model's vectors parts the pixels, and each stain
    has its own percentile among its own, so the share of one does not move the other. The direction is then the median
    over the pixels within two degrees of that angle, and leaves the plane as they do. It does not depend on the order
    of pixels or patches.

    Haze of DAB over all nuclei looks like a hematoxylin nearer to DAB, and no color tells the two apart: on the cores
    the estimate lies from -7.6 to 6.6 degrees in the plane. A DAB turned toward hematoxylin by about half the angle
    between them falls in with it, and then is None rather than far away where there is little of it.

    References
    ----------
    .. [1] Macenko M et al. A method for normalizing histology slides for quantitative analysis. IEEE ISBI 2009:
       1107-1110.
    """
    density = _find_tissue(patches, stain, params)
    if not len(density):
        return StainEstimate(None, None, None, None, None, 0)
    frame = _make_frame(stain.vectors)
    length, angle = _find_lengths(density), _find_angles(density, frame)
    models = [_unit(stain.vectors.hematoxylin), _unit(stain.vectors.dab)]
    middle = _degrees_between(*models) / 2
    chosen = (
        ((angle < middle) & (length > params.hematoxylin_od), params.hematoxylin_percentile),
        ((angle >= middle) & (length > params.dab_od), params.dab_percentile),
    )
    found = [
        _estimate_vector(density[is_of], angle[is_of], percentile, model, len(density), params)
        for (is_of, percentile), model in zip(chosen, models, strict=True)
    ]
    (hematoxylin, hematoxylin_degrees), (dab, dab_degrees) = found
    residual = float(np.median(np.abs(_project(density, frame[2]))))
    return StainEstimate(hematoxylin, dab, hematoxylin_degrees, dab_degrees, residual, len(density))


def has_drifted(estimate: StainEstimate, params: StainDriftParams = StainDriftParams()) -> bool:
    """Tell whether a stain lies farther from the model's than slides of the model's own kind do; None does not."""
    limits = (
        (estimate.hematoxylin_degrees, params.hematoxylin_limit),
        (estimate.dab_degrees, params.dab_limit),
    )
    return any(degrees is not None and degrees > limit for degrees, limit in limits)


def _find_tissue(patches: Sequence[Rgb], stain: Stain, params: StainDriftParams) -> _Floats:
    """(n, 3) densities of the tissue pixels of all patches."""
    pixels = [optical_density(rgb, stain.white).reshape(-1, 3).astype(np.float64) for rgb in patches]
    density: _Floats = np.concatenate([np.zeros((0, 3)), *pixels])
    tissue: _Floats = density[_find_lengths(density) > params.tissue_od]
    return tissue


def _find_lengths(density: _Floats) -> _Floats:
    """Length of each row; column by column, as numpy sums along rows of three several times more slowly."""
    red, green, blue = density.T
    return np.asarray(np.sqrt(red * red + green * green + blue * blue))


def _make_frame(vectors: StainVectors) -> _Floats:
    """Three axes: hematoxylin, at right angles to it toward DAB in the plane of both, and out of the plane."""
    hematoxylin = _unit(vectors.hematoxylin)
    normal = _unit(np.cross(hematoxylin, _unit(vectors.dab)))
    return np.stack([hematoxylin, np.cross(normal, hematoxylin), normal])


def _find_angles(density: _Floats, frame: _Floats) -> _Floats:
    """Degrees from hematoxylin toward DAB, in their plane."""
    return np.asarray(np.degrees(np.arctan2(_project(density, frame[1]), _project(density, frame[0]))))


def _project(density: _Floats, axis: _Floats) -> _Floats:
    """Length along an axis; not by a matrix product, whose last bits depend on the row."""
    red, green, blue = density.T
    return np.asarray(red * axis[0] + green * axis[1] + blue * axis[2])


_NEAR_DEGREES = 2.0
"""Pixels this near the angle found tell the direction: wider than the noise of one of them, about 1 at a density of 0.3
by the noise of glass (1.5 to 2.8 gray levels)."""

_Vector = tuple[float, float, float]


def _estimate_vector(
    density: _Floats, angle: _Floats, percentile: float, model: _Floats, n_tissue: int, params: StainDriftParams
) -> tuple[_Vector, float] | tuple[None, None]:
    """Direction of a stain from its pixels, and its degrees from the model's; None for both where they are few."""
    if len(density) < max(params.min_pixels, params.min_share * n_tissue):
        return None, None
    near = density[np.abs(angle - np.percentile(angle, percentile, method="nearest")) <= _NEAR_DEGREES]
    direction = _unit(np.median(near / np.linalg.norm(near, axis=1, keepdims=True), axis=0))
    bounded = _bound(direction, model, params.max_degrees)
    red, green, blue = bounded.tolist()
    return (red, green, blue), _degrees_between(bounded, model)


def _bound(direction: _Floats, model: _Floats, max_degrees: float) -> _Floats:
    """Turn a direction back toward the model's until it is at most `max_degrees` from it."""
    if _degrees_between(direction, model) <= max_degrees:
        return direction
    across = _unit(direction - (direction @ model) * model)
    return np.asarray(cos(radians(max_degrees)) * model + sin(radians(max_degrees)) * across)


def _degrees_between(one: _Floats, other: _Floats) -> float:
    """Angle between two directions; exact for small ones, which the arc cosine is not."""
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other)))


def _unit(vector: Sequence[float] | _Floats) -> _Floats:
    direction = np.asarray(vector, np.float64)
    return np.asarray(direction / np.linalg.norm(direction), np.float64)
