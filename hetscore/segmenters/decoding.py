"""How cells are read from the maps of the segmentation network: `segmenters.network` makes them.

Centers are peaks of the first map, so touching nuclei part where the network sees two, and each nucleus and cell grows
from its center within its map. What is found at a place depends on the maps around it and not on the tile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from hetscore.segmenters import DeviceName
from hetscore.segmenters.calibration import mean_over
from hetscore.segmenters.growth import Labels, drop_small, find_peaks, join_peaks
from hetscore.segmenters.kernels import grow_seeds

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
    1,690 cells of five places on four cores none changes with 128 or 96 instead of 192 um; with 64 one is 0.02 denser,
    with 32 two are lost and four change sides (`scripts/measure_margin.py`)."""
    device: DeviceName = "auto"
    """Where the network runs."""
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
    chance = expit(maps[:TUMOR])
    peaks = find_peaks(chance[CENTER], params.min_center, params.min_distance_um / mpp)
    seeds = join_peaks(chance[CENTER], peaks, params.one_nucleus_um / mpp, params.one_nucleus_saddle)
    rows, columns = seeds[:, 0], seeds[:, 1]
    cost = (1 + np.rint(_BORDER_COST * chance[BORDER])).astype(np.uint8)
    is_nucleus = chance[NUCLEUS] >= _MORE_LIKELY
    is_nucleus[rows, columns] = True
    nuclei = grow_seeds(rows, columns, cost * is_nucleus, int(params.nucleus_reach_um * _BORDER_SLACK / mpp))
    nuclei, keep = drop_small(nuclei, len(seeds), params.min_area_um2 / mpp**2)
    rows, columns = rows[keep], columns[keep]
    cost[nuclei > 0] = 1
    is_cell = (chance[CELL] >= _MORE_LIKELY) | (nuclei > 0)
    cells = grow_seeds(rows, columns, cost * is_cell, int(params.cell_reach_um / mpp))
    return nuclei, np.where(nuclei > 0, nuclei, cells), mean_over(nuclei, len(rows), maps[TUMOR])


_MORE_LIKELY = 0.5
"""Chance from which a map says yes."""
_BORDER_COST = 6
"""Steps that a pixel of a sure border costs more than another: two cells meet on it, not halfway between nuclei."""
_BORDER_SLACK = 1.5
"""A nucleus's own edge is part border, so its reach is counted in dearer steps."""
