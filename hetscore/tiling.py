"""Fragments -> Tiles: what to read, and which tile owns which place.

Cores never overlap and are cut to fit the tissue: what is read beside it, and read twice, costs as much time as what is
wanted. Boxes add the margin that the segmenter needs to see every owned cell as if the slide were one tile; of empty
glass as much as it asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Fragments, Tile
from hetscore.geometry import Box

Grid = NDArray[np.bool_]
"""Where tissue lies, in steps of the alignment."""


@dataclass(frozen=True)
class TilingParams:
    """How the slide is cut."""

    core_px: int = 2560
    """Largest side of a core in tile-image pixels, a multiple of `ALIGN_PX`. It changes speed and memory, never a cell:
    by those of 2560 a tenth fewer pixels are read than by 2048, and 3.7 mm2 peak at 1.34 instead of 1.27 GiB; by 3072
    at 1.57."""
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


def plan_tiles(
    fragments: Fragments,
    mpp: float,
    margin_um: float,
    params: TilingParams,
    *,
    glass_um: float | None = None,
    beside: NDArray[np.bool_] | None = None,
) -> tuple[Tile, ...]:
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
    glass_um : float, optional
        As much of the margin as is needed where it is empty glass; by default all of it.
    beside : (h, w) bool, optional
        What else is no empty glass, at the fragments' scale: tissue that is not to be covered, dirt, ink.

    Returns
    -------
    tuple of Tile
        Reading order, ids from 0. Each place of a fragment lies in exactly one core.
    """
    downsample = find_downsample(mpp, params)
    unit = ALIGN_PX * downsample
    margin = ceil(margin_um / (mpp * unit))
    glass = margin if glass_um is None else ceil(glass_um / (mpp * unit))
    tissue = _mark(fragments.labels > 0, fragments.downsample, unit)
    seen = tissue if beside is None else tissue | _mark(beside, fragments.downsample, unit)
    plan = _Plan(tissue, seen, margin, glass, params.core_px // ALIGN_PX)
    cores = sorted(_cut(plan.whole, plan), key=_row)
    return tuple(
        Tile(i, _scaled(_add_margin(core, plan), unit), _scaled(core, unit), downsample, mpp * downsample)
        for i, core in enumerate(cores)
    )


@dataclass(frozen=True)
class _Plan:
    """What is to be cut and how; lengths in steps of the alignment."""

    tissue: Grid
    """What cores must cover."""
    seen: Grid
    """What is no empty glass."""
    margin: int
    glass: int
    """Glass that is read beyond the last that is none, if the margin is wider."""
    size: int
    """Largest side of a core."""

    @property
    def whole(self) -> Box:
        return Box(0, 0, self.tissue.shape[1], self.tissue.shape[0])


def _add_margin(core: Box, plan: _Plan) -> Box:
    """Grow a core that holds tissue by the margin, but on no side far into empty glass."""
    box = core.grown(plan.margin)
    seen = _trim(box.clipped(plan.whole), plan.seen)
    return box if seen is None else box.clipped(seen.grown(plan.glass))


def _row(core: Box) -> tuple[int, int]:
    return core.y, core.x


def _scaled(box: Box, unit: int) -> Box:
    return Box(box.x * unit, box.y * unit, box.width * unit, box.height * unit)


def _mark(mask: NDArray[np.bool_], downsample: int, unit: int) -> Grid:
    """Mark the squares of `unit` level-0 pixels that a pixel of a mask of the thumbnail reaches into."""
    rows, columns = (_reach(n, downsample, unit) for n in mask.shape)
    by_row = np.stack([mask[step].any(axis=0) for step in rows])
    grid: Grid = np.stack([by_row[:, step].any(axis=1) for step in columns], axis=1)
    return grid


def _reach(n: int, downsample: int, unit: int) -> list[slice]:
    """Thumbnail pixels, of `n` along a side, in each step of `unit`."""
    steps = range(ceil(n * downsample / unit))
    return [slice(k * unit // downsample, min(-(-(k + 1) * unit // downsample), n)) for k in steps]


def _cut(box: Box, plan: _Plan) -> Iterator[Box]:
    """Cut a part of the slide into cores, along whole lines, until a further cut would cost more than it saves."""
    core = _trim(box, plan.tissue)
    if core is None:
        return
    uncut = _cost(core, plan) if max(core.width, core.height) <= plan.size else np.inf
    parts = min(_find_cuts(core, plan), key=lambda halves: _cost_of(halves, plan), default=None)
    if parts is None or _cost_of(parts, plan) >= uncut:
        yield core
        return
    for part in parts:
        yield from _cut(part, plan)


def _trim(box: Box, tissue: Grid) -> Box | None:
    """Smallest part of a box that holds all of its tissue; None where it holds none."""
    part = tissue[box.slices]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return None
    x, y = int(columns[0]), int(rows[0])
    return Box(box.x + x, box.y + y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)


def _find_cuts(core: Box, plan: _Plan) -> Iterator[tuple[Box, Box]]:
    """Yield ways to cut a core in two: where a gap in the tissue begins, and, if it is too large, in the middle.

    Near the middle, so that each half again has room for whole cores, and cuts go as deep as the logarithm of cores.
    """
    part = plan.tissue[core.slices]
    for x in _find_lines(np.asarray(part.any(axis=0)), plan.size):
        yield Box(core.x, core.y, x, core.height), Box(core.x + x, core.y, core.width - x, core.height)
    for y in _find_lines(np.asarray(part.any(axis=1)), plan.size):
        yield Box(core.x, core.y, core.width, y), Box(core.x, core.y + y, core.width, core.height - y)


def _find_lines(has_tissue: NDArray[np.bool_], size: int) -> list[int]:
    n = len(has_tissue)
    gaps = [i for i, (before, here) in enumerate(pairwise(has_tissue), start=1) if before and not here]
    n_parts = ceil(n / size)
    return gaps + ([round(n * (n_parts // 2) / n_parts)] if n_parts > 1 else [])


def _cost_of(boxes: tuple[Box, Box], plan: _Plan) -> float:
    cores = (_trim(box, plan.tissue) for box in boxes)
    return sum(_cost(core, plan) for core in cores if core is not None)


def _cost(core: Box, plan: _Plan) -> float:
    """Squares to be read for a part of the slide: with the margins of as many even cores as it needs."""
    box, across, down = _add_margin(core, plan), ceil(core.width / plan.size), ceil(core.height / plan.size)
    return (box.width + 2 * plan.margin * (across - 1)) * (box.height + 2 * plan.margin * (down - 1))
