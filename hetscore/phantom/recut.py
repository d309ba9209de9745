"""Cut grown tissue anew: the next serial section of a fragment, or a round control core out of one.

The cells stay the cells they were, with class and pattern; what is seen of their nuclei, and which cells touch, is read
anew from the changed pictures.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.phantom.epithelium import Ground
from hetscore.phantom.noise import smooth_noise
from hetscore.phantom.raster import drop_labels, find_contacts, measure
from hetscore.phantom.tissue import FragmentTissue, TissueParams

WAVES_UM = ((250.0, 7.0), (60.0, 2.5), (14.0, 0.6))
"""Scale and amplitude of what a section is stretched and compressed against its neighbor: a few microns between glands
that lie next to one another, as sections 3-4 um apart show."""

NODES_UM = 2.0
"""The displacement is drawn at places this far apart, finer than any of its waves."""

SPARE_UM = 40.0
"""Glass added around for the stretching: more than five times the largest amplitude."""

LOST_SHARE = 0.15
"""Of the nuclei of a section, those that are not drawn in the next. In truth about half of them, at a step of half a
nucleus, make room for others; a section is meant to be recognized here, so that only some go and none come."""

DENT_UM = 5.0
"""Standard deviation of what the rim of a core lacks here and there: a needle's cut, not a compass's."""

MARGIN_UM = 12.0
"""Glass around a core in its own picture."""

_Pictures = dict[str, NDArray[Any]]


def _pictures(tissue: FragmentTissue) -> _Pictures:
    """Every picture of the tissue, by field."""
    named = {field.name: getattr(tissue, field.name) for field in fields(tissue)}
    return {name: value for name, value in named.items() if getattr(value, "shape", None) == tissue.ground.shape}


def next_section(tissue: FragmentTissue, rng: np.random.Generator) -> FragmentTissue:
    """Cut a neighboring section of the same fragment: the same glands a little displaced, some nuclei out of plane."""
    spare, step = math.ceil(SPARE_UM / tissue.mpp), max(1, round(NODES_UM / tissue.mpp))
    height, width = (side + 2 * spare for side in tissue.ground.shape)
    nodes = (height // step + 2, width // step + 2)
    waves = [(scale / (step * tissue.mpp), amplitude / tissue.mpp) for scale, amplitude in WAVES_UM]
    shift = np.stack([sum(a * smooth_noise(rng, nodes, scale) for scale, a in waves) for _ in "xy"])
    moved = {}
    for name, picture in _pictures(tissue).items():
        moved[name] = np.empty((height, width), picture.dtype)
        _read_displaced(picture, shift.astype(np.float32), step, spare, moved[name])
    drop_labels(moved["nuclei"], rng.random(len(tissue.x)) < LOST_SHARE)
    return _reread(tissue, _cropped(moved, tissue.mpp))


@njit(cache=True)
def _read_displaced(
    picture: NDArray[Any], shift: NDArray[np.float32], step: int, spare: int, out: NDArray[Any]
) -> None:
    """Fill `out` with the nearest pixels of `picture`, `spare` pixels further in and displaced; edges are held.

    `shift` holds the displacement along x and y at every `step`-th pixel, and is interpolated in between.
    """
    height, width = picture.shape
    for row in range(out.shape[0]):
        i, v = row // step, (row % step) / step
        for column in range(out.shape[1]):
            j, u = column // step, (column % step) / step
            a, b, c, d = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
            dx = a * shift[0, i, j] + b * shift[0, i, j + 1] + c * shift[0, i + 1, j] + d * shift[0, i + 1, j + 1]
            dy = a * shift[1, i, j] + b * shift[1, i, j + 1] + c * shift[1, i + 1, j] + d * shift[1, i + 1, j + 1]
            x = min(max(round(column - spare + dx), 0), width - 1)
            y = min(max(round(row - spare + dy), 0), height - 1)
            out[row, column] = picture[y, x]


def cut_core(tissue: FragmentTissue, rng: np.random.Generator, diameter_um: float) -> FragmentTissue:
    """Cut a disc out of a fragment, of the diameter asked for or as large as the fragment allows, its rim uneven."""
    solid = _without_holes(tissue.ground != Ground.GLASS)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    radius = min(float(depth[row, column]) - 1, diameter_um / 2 / tissue.mpp)
    y, x = np.ogrid[: depth.shape[0], : depth.shape[1]]
    dent = DENT_UM / tissue.mpp * np.abs(smooth_noise(rng, (depth.shape[0], depth.shape[1]), DENT_UM * 4 / tissue.mpp))
    is_outside = np.hypot(y - row, x - column) > radius - dent
    cut = {name: picture.copy() for name, picture in _pictures(tissue).items()}
    for name in ("ground", "cells", "nuclei"):
        cut[name][is_outside] = 0
    return _reread(tissue, _cropped(cut, tissue.mpp))


def _without_holes(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill clefts that do not reach the outside; the picture's own border is glass."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid: NDArray[np.uint8] = cv2.drawContours(np.zeros(mask.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
    return np.pad(solid, 1)[1:-1, 1:-1]


def _cropped(pictures: _Pictures, mpp: float) -> _Pictures:
    """Leave `MARGIN_UM` of glass around the tissue, where the picture has as much."""
    margin = math.ceil(MARGIN_UM / mpp)
    window = []
    for axis in (1, 0):
        at = np.flatnonzero((pictures["ground"] != Ground.GLASS).any(axis=axis))
        window.append(slice(max(0, int(at[0]) - margin), int(at[-1]) + margin + 1))
    return {name: np.ascontiguousarray(picture[tuple(window)]) for name, picture in pictures.items()}


def _reread(tissue: FragmentTissue, pictures: _Pictures) -> FragmentTissue:
    """Read anew what follows from the pictures; what is left of a cut nucleus may be too little to be called one."""
    seen = measure(pictures["nuclei"], len(tissue.x))
    is_small = seen[:, 0] * tissue.mpp**2 < TissueParams().least_nucleus_um2
    drop_labels(pictures["nuclei"], is_small)
    seen[is_small] = np.nan
    named: dict[str, Any] = {**pictures, "x": seen[:, 1], "y": seen[:, 2]}
    return replace(tissue, contacts=find_contacts(pictures["cells"]), **named)
