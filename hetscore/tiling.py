"""Fragments -> Tiles: what to read, and which tile owns which place.

Cores lie on a grid anchored at the slide's corner and never overlap; each is trimmed to the tissue in it. Boxes add the
margin that the segmenter needs to see every owned cell as if the slide were one tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from hetscore.domain import Fragments, Tile
from hetscore.geometry import Box, grid_boxes


@dataclass(frozen=True)
class TilingParams:
    """How the slide is cut."""

    core_px: int = 2048
    """Side of a core in tile-image pixels, a multiple of `ALIGN_PX`. It changes speed and memory, never a cell."""
    mpp: float = 0.25
    """Finest useful resolution, um/px: a 1+ line is 0.64 um wide (Scheel 2018), so this samples it two and a half
    times."""
    max_mpp: float = 0.6
    """Coarser slides are refused: a 1+ line would be narrower than a pixel."""


ALIGN_PX = 128
"""Boxes and cores start and end at multiples of this many tile-image pixels, so that the same pixels are always joined,
whatever the tile: averaging joins up to 4 for a label pixel, and a network of five levels 32 of these."""


MAX_CORE_PX = 8192
"""Largest core: memory goes with its area, and a mistyped size must not fill it."""


def find_downsample(mpp: float, params: TilingParams) -> int:
    """Level-0 pixels per tile-image pixel: whole, so that no pixel is ever interpolated; 1 at 0.17-0.37 um/px."""
    return max(1, round(params.mpp / mpp))


def plan_tiles(fragments: Fragments, mpp: float, margin_um: float, params: TilingParams) -> tuple[Tile, ...]:
    """Plan the tiles that cover the fragments.

    Parameters
    ----------
    fragments : Fragments
        What to cover.
    mpp : float
        Microns per level-0 pixel.
    margin_um : float
        Margin the segmenter asks for.
    params : TilingParams
        How the slide is cut.

    Returns
    -------
    tuple of Tile
        Reading order, ids from 0. Each place of a fragment lies in exactly one core.
    """
    downsample = find_downsample(mpp, params)
    unit = ALIGN_PX * downsample
    margin = ceil(margin_um / (mpp * unit)) * unit
    cores = _find_cores(fragments, params.core_px * downsample, unit)
    return tuple(
        Tile(i, core.grown(margin), core, downsample, mpp * downsample)
        for i, core in enumerate(sorted(cores, key=_row))
    )


def _row(core: Box) -> tuple[int, int]:
    return core.y, core.x


def _find_cores(fragments: Fragments, size: int, unit: int) -> list[Box]:
    """Grid cells that hold tissue, trimmed to it; level-0 pixels."""
    height, width = fragments.labels.shape
    bounds = Box(0, 0, width * fragments.downsample, height * fragments.downsample)
    trimmed = [_trim(cell, fragments, unit) for cell in grid_boxes(bounds, size)]
    return [core for core in trimmed if core is not None]


def _trim(cell: Box, fragments: Fragments, unit: int) -> Box | None:
    """Smallest aligned part of a grid cell that holds all of its tissue; None where it holds none."""
    scale = fragments.downsample
    x, y = cell.x // scale, cell.y // scale
    part = fragments.labels[y : ceil(cell.bottom / scale), x : ceil(cell.right / scale)]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return None
    left, top = (x + int(columns[0])) * scale // unit * unit, (y + int(rows[0])) * scale // unit * unit
    right = ceil((x + int(columns[-1]) + 1) * scale / unit) * unit
    bottom = ceil((y + int(rows[-1]) + 1) * scale / unit) * unit
    box = Box(left, top, right - left, bottom - top).clipped(cell)
    return None if box.is_empty else box
