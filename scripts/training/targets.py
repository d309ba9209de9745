"""From an example to what the network should say of it, and where anything is known to say."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.segmenters.network import BORDER, CELL, CENTER, MAPS, NUCLEUS
from hetscore.segmenters.network import TUMOR as TUMOR_MAP
from scripts.training.examples import DOUBT, NOT_READ, TUMOR

Labels = NDArray[np.uint16]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TargetParams:
    """Lengths in pixels of about 0.5 um."""

    center_sigma_px: float = 2.5
    """Of the hill on a center: 1.25 um, so that hills of the closest nuclei, 5 um apart, stay two."""
    disc_px: float = 3.0
    """A point says this far around itself that there is a nucleus and whose: readers are good to 3 level-0 pixels."""
    doubt_px: float = 8.0
    """Nothing is asked this far around a nucleus of which nothing is known: half the width of a large one."""
    empty_px: float = 14.0
    """From here on around a point of a fully read crop there is no nucleus, as far as the next: 7 um."""
    far_weight: float = 0.3
    """Of tumor or not between nucleus and border of a cell, where it shows less, against the nucleus; and of every
    pixel of a region, of whose nuclei nothing is known."""


@dataclass(frozen=True)
class Target:
    """Wanted maps and their weights, (5, h, w) float32."""

    maps: Floats
    weights: Floats


def make_target(
    xy: Floats,
    kind: NDArray[np.int8],
    known: NDArray[np.bool_],
    labels: tuple[Labels, Labels] | None,
    params: TargetParams,
    tissue: NDArray[np.int8] | None = None,
) -> Target:
    """Make the target of a patch.

    Parameters
    ----------
    xy, kind : ndarray
        Points within or near the patch, pixels.
    known : (h, w) bool
        Where all nuclei are among the points.
    labels : (nuclei, cells), optional
        (h, w) each; rows of `kind` are labels 1..n. Without them points alone speak.
    params : TargetParams
        Sizes.
    tissue : (h, w) int8, optional
        `OTHER` or `TUMOR` in regions, `NOT_READ` elsewhere.
    """
    height, width = known.shape
    maps, weights = np.zeros((len(MAPS), height, width), np.float32), np.zeros((len(MAPS), height, width), np.float32)
    weights[CENTER] = known
    is_sure = kind != DOUBT
    _stamp_hills(maps[CENTER], xy[is_sure], params.center_sigma_px)
    if labels is not None:
        _from_labels(maps, weights, kind, known, labels, params)
    else:
        _from_points(maps, weights, xy, kind, known, params)
    if tissue is not None:
        maps[TUMOR_MAP] = tissue == TUMOR
        weights[TUMOR_MAP] = params.far_weight * (tissue != NOT_READ)
    if not is_sure.all():
        weights[:, _find_doubtful((height, width), xy, is_sure, params)] = 0
    return Target(maps, weights)


def _from_labels(
    maps: Floats,
    weights: Floats,
    kind: NDArray[np.int8],
    known: NDArray[np.bool_],
    labels: tuple[Labels, Labels],
    params: TargetParams,
) -> None:
    nuclei, cells = labels
    whole = np.where(nuclei > 0, nuclei, cells)
    maps[NUCLEUS], maps[CELL], maps[BORDER] = nuclei > 0, whole > 0, find_borders(whole)
    weights[[NUCLEUS, CELL, BORDER]] = known
    is_tumor = np.concatenate([[False], kind == TUMOR])
    maps[TUMOR_MAP] = is_tumor[whole]
    weights[TUMOR_MAP] = known * np.where(nuclei > 0, 1.0, np.where(whole > 0, params.far_weight, 0.0))


def _from_points(
    maps: Floats, weights: Floats, xy: Floats, kind: NDArray[np.int8], known: NDArray[np.bool_], params: TargetParams
) -> None:
    shape = known.shape[0], known.shape[1]
    is_nucleus = _discs(shape, xy[kind != DOUBT], params.disc_px)
    is_far = ~_discs(shape, xy, params.empty_px)
    maps[NUCLEUS] = is_nucleus
    weights[NUCLEUS] = known & (is_nucleus | is_far)
    maps[TUMOR_MAP] = _discs(shape, xy[kind == TUMOR], params.disc_px)
    weights[TUMOR_MAP] = known & is_nucleus


def find_borders(labels: Labels) -> NDArray[np.bool_]:
    """Pixels beside another label, or beside none."""
    border = np.zeros(labels.shape, bool)
    for before, after in (((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
                          ((slice(1, None), slice(None)), (slice(None, -1), slice(None)))):  # fmt: skip
        differs = labels[before] != labels[after]
        border[before] |= differs
        border[after] |= differs
    return border


def _find_doubtful(
    shape: tuple[int, int], xy: Floats, is_sure: NDArray[np.bool_], params: TargetParams
) -> NDArray[np.bool_]:
    return _discs(shape, xy[~is_sure], params.doubt_px) & ~_discs(shape, xy[is_sure], params.center_sigma_px * 2)


def _discs(shape: tuple[int, int], xy: Floats, radius_px: float) -> NDArray[np.bool_]:
    mask = np.zeros(shape, np.uint8)
    for x, y in xy:
        cv2.circle(mask, (int(x * 16 - 8), int(y * 16 - 8)), int(radius_px * 16), 1, cv2.FILLED, shift=4)
    return mask.astype(bool)


@njit(cache=True)
def _stamp_hills(image: Floats, xy: Floats, sigma: float) -> None:
    """Raise a hill of height 1 at each point; where they meet the higher one counts."""
    reach = int(3 * sigma)
    for k in range(len(xy)):
        column, row = int(xy[k, 0]), int(xy[k, 1])
        for i in range(max(0, row - reach), min(image.shape[0], row + reach + 1)):
            for j in range(max(0, column - reach), min(image.shape[1], column + reach + 1)):
                d2 = (j + 0.5 - xy[k, 0]) ** 2 + (i + 0.5 - xy[k, 1]) ** 2
                image[i, j] = max(image[i, j], np.exp(-0.5 * d2 / sigma**2))
