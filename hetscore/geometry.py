"""Boxes in one frame: level-0 pixels, (x, y), x first.

Row and column order exists only inside arrays; `Box.slices` is the one place where the change is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, order=True)
class Box:
    """A rectangle of whole pixels: left, top, width, height. The frame is named by whoever holds it."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.y + self.height

    @property
    def is_empty(self) -> bool:
        """Whether the box holds no pixel."""
        return self.width <= 0 or self.height <= 0

    def grown(self, margin: int) -> Box:
        """Return the box with `margin` pixels more on each side."""
        return Box(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def clipped(self, other: Box) -> Box:
        """Return the part of the box inside `other`; it may be empty."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Box(x, y, min(self.right, other.right) - x, min(self.bottom, other.bottom) - y)

    def shifted(self, dx: int, dy: int) -> Box:
        """Return the box moved by (dx, dy)."""
        return Box(self.x + dx, self.y + dy, self.width, self.height)

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell for each point whether it lies in the half-open box [x, right) x [y, bottom)."""
        return (x >= self.x) & (x < self.right) & (y >= self.y) & (y < self.bottom)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices of the box, for an array whose pixel (0, 0) is the frame's origin."""
        return slice(self.y, self.bottom), slice(self.x, self.right)


def grid_boxes(bounds: Box, size: int) -> Iterator[Box]:
    """Yield the cells of the square grid anchored at (0, 0) that meet `bounds`, row by row.

    The grid is anchored at the frame's origin, not at the bounds, so the same place of the slide always falls into the
    same cell.
    """
    for y in range(bounds.y // size * size, bounds.bottom, size):
        for x in range(bounds.x // size * size, bounds.right, size):
            yield Box(x, y, size, size)
