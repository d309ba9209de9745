"""Pictures too large for memory: kept in a file, read and written some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Rgb

STRIP_ROWS = 512
"""Rows worked on at once: 40 MB of a slide 25,000 pixels wide."""


class Rows(Protocol):
    """Anything that gives rows of an RGB picture when sliced: an array, or a `Canvas`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width, 3."""

    def __getitem__(self, rows: slice, /) -> Rgb:
        """Give some rows, (n, w, 3)."""


@dataclass(frozen=True)
class Canvas:
    """An RGB picture in a file of raw bytes.

    What it gives are windows on the file: to write into one is to write into the file, and memory is given back with
    the window.
    """

    path: Path
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, 3."""
        return self.height, self.width, 3

    def __getitem__(self, rows: slice) -> Rgb:
        """Give a window on whole rows, (n, w, 3); its changes are kept."""
        top, bottom, _ = rows.indices(self.height)
        shape = (max(0, bottom - top), self.width, 3)
        if 0 in shape:
            return np.zeros(shape, np.uint8)
        return np.memmap(self.path, np.uint8, "r+", offset=top * self.width * 3, shape=shape)

    def strips(self) -> Iterator[slice]:
        """Cut into strips of `STRIP_ROWS` rows, the last one shorter."""
        for top in range(0, self.height, STRIP_ROWS):
            yield slice(top, min(top + STRIP_ROWS, self.height))


def new_canvas(path: Path, height: int, width: int) -> Canvas:
    """Make a black picture in a new file; the disk is filled only as the picture is."""
    with path.open("wb") as file:
        file.truncate(height * width * 3)
    return Canvas(path, height, width)


def paste(canvas: Canvas, picture: NDArray[np.uint8], x: int, y: int) -> None:
    """Put a picture with its first pixel at (x, y), some rows at a time; it must lie inside."""
    height, width = picture.shape[:2]
    for top in range(0, height, STRIP_ROWS):
        part = picture[top : top + STRIP_ROWS]
        canvas[y + top : y + top + len(part)][:, x : x + width] = part
