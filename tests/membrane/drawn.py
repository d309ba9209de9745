"""Cells drawn with known density and extent, and the labels a perfect segmenter would give them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hetscore.domain import Cells, MembranePattern, TileImage, TileLabels
from hetscore.membrane import measure_cells
from hetscore.scoring.guidelines import GUIDELINES
from tests.drawings import STAIN, Image, distance, make_tile, paint

BIOPSY = GUIDELINES["gastric-biopsy"]
RING = ((0.0, 360.0),)
U_SHAPE = ((5.0, 275.0),)
"""Three sides of a square: the apical side is free. No arc ends on a ray."""
TWO_SIDES = ((5.0, 95.0), (185.0, 275.0))
ONE_SIDE = ((5.0, 74.0),)
NOWHERE = ()

Arcs = tuple[tuple[float, float], ...]
PATTERNS = {
    MembranePattern.COMPLETE: RING,
    MembranePattern.BASOLATERAL: U_SHAPE,
    MembranePattern.LATERAL: TWO_SIDES,
    MembranePattern.PARTIAL: ONE_SIDE,
    MembranePattern.NONE: NOWHERE,
}


@dataclass(frozen=True)
class DrawnCell:
    """A round cell; lengths in um, angles in degrees from the right, growing downward."""

    x: float = 16.0
    y: float = 16.0
    radius: float = 7.0
    nucleus_radius: float = 3.5
    stained: Arcs = RING
    """Arcs of the border that carry the line."""
    od: float = 0.6
    """Density of the line above the cytoplasm."""
    width: float = 1.5
    haze: float = 0.0
    """DAB of the cytoplasm,"""
    nucleus_dab: float | None = None
    """and of the nucleus; None is as much as the cytoplasm."""


def draw(*cells: DrawnCell, mpp: float = 0.25, side_um: float = 32.0) -> tuple[TileImage, TileLabels]:
    """Draw cells on glass, with the labels a perfect segmenter at 0.5 um/px would give."""
    shape = (round(side_um / mpp), round(side_um / mpp))
    dab = np.max([draw_dab(cell, shape, mpp) for cell in cells], axis=0)
    hematoxylin = np.max([0.3 * (distance_um(cell, shape, mpp) < cell.nucleus_radius) for cell in cells], axis=0)
    small = (round(side_um / 0.5), round(side_um / 0.5))
    nuclei, territories = np.zeros(small, np.int32), np.zeros(small, np.int32)
    for number, cell in enumerate(cells, start=1):
        nearness = distance_um(cell, small, 0.5)
        territories[nearness < cell.radius] = number
        nuclei[nearness < cell.nucleus_radius] = number
    labels = TileLabels(nuclei, territories, np.full(len(cells), 0.9), shrink=round(0.5 / mpp))
    return make_tile(paint(hematoxylin, dab), mpp=mpp), labels


def distance_um(cell: DrawnCell, shape: tuple[int, int], mpp: float) -> Image:
    """Distance of each pixel from the cell's center."""
    return distance(shape, cell.x / mpp, cell.y / mpp) * mpp


def draw_dab(cell: DrawnCell, shape: tuple[int, int], mpp: float) -> Image:
    """Haze, and the line centered on the border, its edges soft over a pixel."""
    away = distance_um(cell, shape, mpp)
    rows, columns = (np.indices(shape) + 0.5) * mpp
    angle = np.degrees(np.arctan2(rows - cell.y, columns - cell.x)) % 360
    is_on = np.any([(angle >= start) & (angle < stop) for start, stop in (*cell.stained, (-1, -1))], axis=0)
    line = np.clip((cell.width / 2 - np.abs(away - cell.radius)) / mpp + 0.5, 0, 1)
    nucleus_dab = cell.haze if cell.nucleus_dab is None else cell.nucleus_dab
    ground = np.where(away < cell.nucleus_radius, nucleus_dab, cell.haze * (away < cell.radius))
    return np.asarray(ground + cell.od * is_on * line, np.float64)


def measure(*cells: DrawnCell, mpp: float = 0.25) -> Cells:
    """Draw cells and measure them."""
    return measure_cells(*draw(*cells, mpp=mpp), STAIN)
