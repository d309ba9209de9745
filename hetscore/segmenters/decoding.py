"""How cells are read from the maps of the segmentation network: `segmenters.network` makes them.

Centers are peaks of the first map, so touching nuclei part where the network sees two, and each nucleus and cell grows
from its center within its map. What is found at a place depends on the maps around it and not on the tile.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from hetscore.segmenters import DeviceName, RuntimeName
from hetscore.segmenters.growth import Labels, find_peaks, join_peaks, keep_regions
from hetscore.segmenters.kernels import count_steps, grow_seeds, total_values

Maps = NDArray[np.float32]
"""(len(MAPS), height, width), float32, logits."""

MAPS = ("center", "nucleus", "cell", "border", "tumor")
"""Centers of nuclei, nuclei, cells, borders of cells, tumor cells."""

CENTER, NUCLEUS, CELL, BORDER, TUMOR = range(5)
"""Channels of the maps."""


@dataclass(frozen=True)
class NetworkParams:
    """How the network is run and cells are read from its maps; lengths in um, so they hold at any resolution."""

    mpp: float = 0.5
    """Working resolution; labels lie between 0.35 and 0.7 um/px, by whole pixels."""
    min_center: float = 0.3
    """Least height of a center. From 0.2 to 0.5 the left-out cores give the same F1 within 0.003."""
    min_distance_um: float = 2.5
    """Two nuclei are never closer: two lymphocytes that overlap are 4 um apart."""
    one_nucleus_um: float = 7.0
    """Two centers within this may be of one long nucleus: a tumor nucleus is up to 12 um long."""
    one_nucleus_saddle: float = 0.75
    """They are if the map between them keeps this share of the lower one. Between 0.7 (F1 0.954 on `typical` phantoms,
    0.858 on left-out cores) and 0.8 (0.948, 0.868); without (0.932, 0.872) long nuclei are found twice."""
    nucleus_reach_um: float = 9.0
    """A nucleus ends at most this far from its center; fibroblasts are up to 20 um long."""
    cell_reach_um: float = 14.0
    """A cell ends at most this far from its center: columnar cells are 20 um high, the nucleus in the lower half."""
    min_area_um2: float = 8.0
    """Smaller regions are specks; a lymphocyte's nucleus is 25 um2 and more."""
    margin_um: float = 96.0
    """Read around a tile at most, though the maps could depend on 165 um: what lies far away weighs next to nothing. Of
    1,690 cells of five places on four cores none changes with 128 or 96 instead of 192 um (`scripts/measure_margin`).
    Of the 55,274 cells of four cores and four drawn slides none changes when tiles are a sixteenth as large
    (`tiling.core_px` 512). With 64 um, for a tenth less work, 9 of these are lost, 4 change sides and 5 their class."""
    glass_um: float = 32.0
    """Of the margin, as much is read where it is empty glass: a step of the tiles' alignment at 0.25 um/px. Of the same
    55,274 cells one is lost, and none changes its side or its class, against 96 um of glass."""
    device: DeviceName = "auto"
    """Where the network runs."""
    runtime: RuntimeName = "auto"
    """What runs it. All give the same maps to rounding, but for openvino-int8, which is the fastest."""
    flips: bool = False
    """Whether each tile is shown in four mirrorings and the maps averaged: four times the work."""

    @property
    def reach_um(self) -> float:
        """How far the maps around a center can change its cell.

        A cell's pixel can go to a rival that is one reach farther. Whether the rival is there depends on how large its
        nucleus is, and so on the rivals of that, down to where two peaks exclude each other.
        """
        apart = max(self.min_distance_um, self.one_nucleus_um)
        return 2 * self.cell_reach_um + 2 * self.nucleus_reach_um * _BORDER_SLACK + apart


def find_cells(maps: Maps, mpp: float, params: NetworkParams) -> tuple[Labels, Labels, NDArray[np.float64]]:
    """Read nuclei and cells from the maps.

    Parameters
    ----------
    maps : ndarray of float32, (5, h, w)
        Logits of `MAPS`.
    mpp : float
        Microns per pixel of the maps.
    params : NetworkParams
        Sizes.

    Returns
    -------
    nuclei, cells : ndarray of int32, (h, w)
        Labels 1..n in reading order of the centers, 0 elsewhere; a nucleus lies within its cell.
    tumor : ndarray of float64, (n,)
        Mean logit of the tumor map over each nucleus.

    Notes
    -----
    A center where the map of nuclei says no is a nucleus of one pixel and so a speck. A nucleus where the map of cells
    says no is its own cell.
    """
    seeds = _find_centers(maps[CENTER], mpp, params)
    cost = 1 + count_steps(np.ascontiguousarray(maps[BORDER]), _BORDER_STEPS)
    weight = cost * (maps[NUCLEUS] >= _MORE_LIKELY)
    nuclei = grow_seeds(seeds[:, 0], seeds[:, 1], weight, int(params.nucleus_reach_um * _BORDER_SLACK / mpp))
    area, total = total_values(nuclei, len(seeds), np.ascontiguousarray(maps[TUMOR]))
    keep = area >= params.min_area_um2 / mpp**2
    nuclei = keep_regions(nuclei, keep)
    is_nucleus = nuclei > 0
    weight = cost * (maps[CELL] >= _MORE_LIKELY)
    np.copyto(weight, 1, where=is_nucleus)
    cells = grow_seeds(seeds[keep, 0], seeds[keep, 1], weight, int(params.cell_reach_um / mpp))
    np.copyto(cells, nuclei, where=is_nucleus)
    return nuclei, cells, total[keep] / area[keep]


def _find_centers(logits: NDArray[np.float32], mpp: float, params: NetworkParams) -> NDArray[np.int64]:
    """Row and column of each nucleus's center, reading order."""
    chances = _chances_from(logits, params.min_center * min(1.0, params.one_nucleus_saddle))
    peaks = find_peaks(chances, params.min_center, params.min_distance_um / mpp)
    return join_peaks(chances, peaks, params.one_nucleus_um / mpp, params.one_nucleus_saddle)


def _chances_from(logits: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    """Chances of at least `least`, 0 for smaller ones: only a pixel in twenty is near a center."""
    chances = np.zeros(logits.size, np.float32)
    places = np.flatnonzero(logits >= np.float32(logit(max(least, 0.0)) - _MARGIN))
    chances[places] = expit(logits.ravel()[places])
    return chances.reshape(logits.shape)


_MARGIN = 0.01
"""Logits below that of the least chance that are still looked at: far more than the rounding of a float32."""


def _least_logit(measure: Callable[[np.float32], float], least: float) -> np.float32:
    """Find the smallest logit, of all float32 from -100 to 100, whose measure is at least `least`.

    A map compared with it says of every pixel what its measure would, with a hundredth of the work.
    """
    last = int(np.float32(100).view(np.int32))  # the bits of positive floats, read as numbers, are in order
    numbers = range(-last, last + 1)
    return _float_of(numbers[bisect_left(numbers, least, key=lambda number: measure(_float_of(number)))])


def _float_of(number: int) -> np.float32:
    return np.float32(np.copysign(np.int32(abs(number)).view(np.float32), number))


_MORE_LIKELY = _least_logit(expit, 0.5)
"""Logit from which a map says yes: about 0."""
_BORDER_COST = 6
"""Steps that a pixel of a sure border costs more than another: two cells meet on it, not halfway between nuclei."""
_BORDER_STEPS = np.array(
    [_least_logit(lambda value: np.rint(_BORDER_COST * expit(value)), n) for n in range(1, _BORDER_COST + 1)]
)
"""Logits from which a pixel of the border costs a step more: the steps are its chance's share of `_BORDER_COST`."""
_BORDER_SLACK = 1.5
"""A nucleus's own edge is part border, so its reach is counted in dearer steps."""
