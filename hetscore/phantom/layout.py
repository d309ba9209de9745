"""Where the pieces lie on the glass: fragments in rows, serial sections in ribbons, control cores in a corner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hetscore.geometry import Box

GRID_PX = 16
"""Pieces start at multiples of this, so that truth masks at this downsample hold whole blocks of them."""

GAP_UM = 400.0
"""Least glass between two pieces, so that no reader takes two for one."""

PLAY_UM = 60.0
"""Pieces lie up to this far from their place in the rows, well below a row's height: reading order stays plain."""

BORDER_UM = 150.0
"""Glass around all."""

Size = tuple[int, int]
"""Width and height of a piece's picture, level-0 pixels."""


@dataclass(frozen=True)
class Places:
    """Boxes of the pieces, level-0 pixels; none overlap."""

    levels: tuple[tuple[Box, ...], ...]
    """Of the fragments, by level."""
    controls: tuple[Box, ...]
    width: int
    height: int
    """Of the slide, multiples of `GRID_PX`."""

    @property
    def all(self) -> tuple[Box, ...]:
        """Every box."""
        return (*(box for level in self.levels for box in level), *self.controls)


def place_pieces(
    levels: Sequence[Sequence[Size]], controls: Sequence[Size], mpp: float, rng: np.random.Generator
) -> Places:
    """Place the pieces of a slide.

    Parameters
    ----------
    levels : sequence of sequence of (width, height)
        Pictures of the fragments, by level: at least one level with at least one fragment.
    controls : sequence of (width, height)
        Pictures of the control cores.
    mpp : float
        Microns per pixel.
    rng : numpy.random.Generator
        Moves each piece a little.

    Returns
    -------
    Places
        One level: about as many rows as columns, in reading order. Several levels: a row a level. Control cores stand
        in a column of their own, from the upper right corner down.
    """
    border = _on_grid(BORDER_UM / mpp)
    rows = _cut_rows(levels[0]) if len(levels) == 1 else [list(level) for level in levels]
    boxes, y = [], border
    for row in rows:
        boxes.append(_place_row(row, border, y, mpp, rng))
        y = _below(boxes[-1], mpp)
    flat = [box for row in boxes for box in row]
    column, x = [], max(box.right for box in flat) + _on_grid(GAP_UM / mpp)
    y = border
    for size in controls:
        column += _place_row([size], _on_grid(x), y, mpp, rng)
        y = _below(column[-1:], mpp)
    width, height = (max(ends) + border for ends in zip(*((b.right, b.bottom) for b in [*flat, *column]), strict=True))
    by_level = (tuple(flat),) if len(levels) == 1 else tuple(map(tuple, boxes))
    return Places(by_level, tuple(column), _on_grid(width), _on_grid(height))


def _cut_rows(sizes: Sequence[Size]) -> list[list[Size]]:
    n_columns = math.ceil(math.sqrt(len(sizes)))
    return [list(sizes[i : i + n_columns]) for i in range(0, len(sizes), n_columns)]


def _place_row(sizes: Sequence[Size], left: int, top: int, mpp: float, rng: np.random.Generator) -> list[Box]:
    """Place pieces side by side, their middles about level."""
    tallest = max(height for _, height in sizes)
    boxes, x = [], left
    for width, height in sizes:
        dx, dy = rng.uniform(0, PLAY_UM / mpp, 2)
        boxes.append(Box(_on_grid(x + dx), _on_grid(top + (tallest - height) / 2 + dy), width, height))
        x = boxes[-1].right + math.ceil(GAP_UM / mpp)
    return boxes


def _below(boxes: Sequence[Box], mpp: float) -> int:
    return _on_grid(max(box.bottom for box in boxes) + GAP_UM / mpp)


def _on_grid(length: float) -> int:
    return math.ceil(length / GRID_PX) * GRID_PX
