"""Tissue -> the blocks in which a finder reads it in finer pixels than the thumbnail's, and what was read.

Blocks keep memory constant and change no result: each is read with a margin as wide as the finder's windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil

from hetscore.domain import Rgb, TissueMask
from hetscore.geometry import Box
from hetscore.quality.shapes import Mask

Read = Callable[[Box, int], Rgb]
"""Reads a box of level-0 pixels at a downsample, as `Slide.read` does."""


def find_step(tissue: TissueMask, mpp: float) -> int | None:
    """Downsample at which to read for about `mpp`; None where the thumbnail is as fine as the slide gets."""
    step = max(1, round(tissue.downsample * mpp / tissue.mpp))
    return step if step < tissue.downsample else None


def plan_blocks(wanted: Mask, margin_px: float, block_px: int) -> Iterator[tuple[Box, Box]]:
    """Cut the thumbnail into blocks that hold something wanted.

    Parameters
    ----------
    wanted : (h, w) bool
        At the thumbnail's scale.
    margin_px : float
        How far the finder's windows reach, thumbnail pixels.
    block_px : int
        Side of a block, thumbnail pixels.

    Yields
    ------
    core, box : Box
        What the block is to tell of, and what is to be read for it; thumbnail pixels.
    """
    height, width = wanted.shape
    whole = Box(0, 0, width, height)
    for y in range(0, height, block_px):
        for x in range(0, width, block_px):
            core = Box(x, y, block_px, block_px).clipped(whole)
            if wanted[core.slices].any():
                yield core, core.grown(ceil(margin_px)).clipped(whole)


def read_block(box: Box, tissue: TissueMask, read: Read, step: int) -> Rgb:
    """Read a block of thumbnail pixels at a downsample, whole pixels of both."""
    left, top = (v * tissue.downsample // step * step for v in (box.x, box.y))
    width, height = (ceil(v * tissue.downsample / step) * step for v in (box.width, box.height))
    return read(Box(left, top, width, height), step)
