"""Change a part of a finished slide: dim it, put it out of focus, lay other tissue over it.

What is to be done is said on a coarse grid of cells; the pixels are changed some rows at a time, in place, so that the
slide may lie in a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from hetscore.domain import Rgb
from hetscore.geometry import Box
from hetscore.phantom.noise import Field, SmoothField
from hetscore.phantom.optics import STRIP, Light, blur, round_light

Mask = NDArray[np.bool_]

CELL_UM = 2.0
"""Side of a cell, at most: fine enough for the edge of a bubble, coarse enough for a mask of a slide to be small."""

_SEEN = 0.02
"""A cell is changed if its light changes by more than this share: some four gray levels on glass."""


def cell_px(mpp: float) -> int:
    """Side of a cell in whole pixels, at least one."""
    return max(1, math.floor(CELL_UM / mpp + 1e-9))


def to_cells(mask: Mask, mpp: float) -> Mask:
    """Reduce a mask of pixels to cells: those at whose middle it is set. The last ones may reach beyond the picture."""
    cell = cell_px(mpp)
    row, column = (np.minimum(np.arange(cell // 2, n + cell // 2, cell), n - 1) for n in mask.shape)
    return np.ascontiguousarray(mask[row][:, column])


@dataclass(frozen=True)
class Patch:
    """A part of the slide, and its cells."""

    box: Box
    """Pixels of the slide; inside it."""
    mpp: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        cell = cell_px(self.mpp)
        return -(-self.box.height // cell), -(-self.box.width // cell)

    def middles_um(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give x and y of the cells' middles on the slide, microns, each (rows, columns)."""
        cell = cell_px(self.mpp)
        row, column = np.indices(self.shape, dtype=np.float64)
        return (self.box.x + (column + 0.5) * cell) * self.mpp, (self.box.y + (row + 0.5) * cell) * self.mpp

    def spread(self, values: NDArray[np.floating]) -> SmoothField:
        """Make a field of cells readable at pixels."""
        return spread_cells(values, cell_px(self.mpp), self.box.width)


def spread_cells(values: NDArray[np.floating], cell: int, width: int) -> SmoothField:
    """Make values at the middles of cells of `cell` pixels readable at the pixels of a picture `width` wide."""
    offset = 2 - 0.5 + 0.5 / cell
    matrix = np.array([[1 / cell, 0, offset], [0, 1 / cell, offset]])
    return SmoothField(np.pad(values, 2, mode="edge").astype(np.float32), matrix, width)


@dataclass(frozen=True)
class Overlay:
    """Tissue to lay over."""

    share: Field
    """By cell: 1 where it lies, 0 where not."""
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """By cell: which pixel of `source` comes to lie on its middle."""
    source: Rgb


@dataclass(frozen=True)
class Retouch:
    """What to do to a patch. Fields are by cell."""

    factor: Field | None = None
    """(rows, columns, 3): factor on red, green and blue."""
    softness: Field | None = None
    """0 where in focus, 1 where wholly out of focus."""
    defocus_um: float = 0.0
    """Standard deviation of the blur where wholly out of focus."""
    overlays: tuple[Overlay, ...] = field(default=())

    def changed(self, shape: tuple[int, int]) -> Mask:
        """Tell which cells are changed; a cell beside a changed one counts, for cells shade into one another."""
        strength = np.zeros(shape)
        if self.factor is not None:
            strength = np.maximum(strength, np.abs(self.factor - 1).max(axis=2))
        if self.softness is not None:
            strength = np.maximum(strength, self.softness)
        for overlay in self.overlays:
            strength = np.maximum(strength, overlay.share)
        grown: Mask = ndimage.binary_dilation(strength > _SEEN, np.ones((3, 3)))
        return grown


def retouch(rgb: Rgb, patch: Patch, what: Retouch, white: tuple[float, float, float]) -> None:
    """Change the pixels of a patch in place.

    Parameters
    ----------
    rgb : (h, w, 3) uint8
        The slide; may be mapped from a file.
    patch : Patch
        Where.
    what : Retouch
        What to do; first the focus, then the tissue laid over, then the factors.
    white : (float, float, float)
        Of the slide's glass: through what is laid over, light passes once more.
    """
    picture = rgb[patch.box.slices]
    before = picture.copy()
    soft = _Soft(before, what.defocus_um / patch.mpp) if what.softness is not None else None
    factors = [] if what.factor is None else [patch.spread(what.factor[..., c]) for c in range(3)]
    softness = None if what.softness is None else patch.spread(what.softness)
    overlays = [_Above(overlay, patch) for overlay in what.overlays]
    glass = np.array(white, np.float32)
    for top, bottom in _strips(what.changed(patch.shape), patch):
        light = before[top:bottom].astype(np.float32)
        if soft is not None and softness is not None:
            light += np.clip(softness.rows(top, bottom), 0, 1)[..., None] * (soft.rows(top, bottom) - light)
        for overlay in overlays:
            light *= overlay.rows(top, bottom, glass)
        for c, factor in enumerate(factors):
            light[..., c] *= factor.rows(top, bottom)
        round_light(light, picture[top:bottom])


def _strips(changed: Mask, patch: Patch) -> Iterator[tuple[int, int]]:
    """Cut the rows of a patch into strips, without those in which nothing is changed."""
    cell = cell_px(patch.mpp)
    step = max(1, STRIP // cell) * cell
    for top in range(0, patch.box.height, step):
        if changed[top // cell : (top + step) // cell].any():
            yield top, min(top + step, patch.box.height)


class _Above:
    """Tissue that is laid over, read by rows."""

    def __init__(self, overlay: Overlay, patch: Patch) -> None:
        self._source = overlay.source
        self._share, self._x, self._y = (patch.spread(values) for values in (overlay.share, overlay.x, overlay.y))

    def rows(self, top: int, bottom: int, glass: NDArray[np.float32]) -> Light:
        """Give the factors by which it dims the light."""
        share = np.clip(self._share.rows(top, bottom), 0, 1)[..., None]
        light = np.empty((*share.shape[:2], 3), np.float32)
        _sample(self._source, self._x.rows(top, bottom), self._y.rows(top, bottom), light)
        light /= glass
        light -= 1
        light *= share
        light += 1
        return light


class _Soft:
    """A picture out of focus. It is kept as small as its blur allows, and read as large as it was."""

    def __init__(self, picture: Rgb, sigma_px: float) -> None:
        shrink = max(1, int(sigma_px / 1.5))
        left = math.sqrt(max(sigma_px**2 - (shrink**2 - 1) / 12, 0)) / shrink
        small = _shrunk(picture, shrink)
        self._channels = [
            spread_cells(blur(np.ascontiguousarray(small[..., c]), left), shrink, picture.shape[1]) for c in range(3)
        ]

    def rows(self, top: int, bottom: int) -> Light:
        """Read some rows."""
        return np.stack([channel.rows(top, bottom) for channel in self._channels], axis=2)


def _shrunk(picture: Rgb, shrink: int) -> Light:
    """Average squares of pixels; the last ones are filled up with the edge."""
    height, width = (-(-n // shrink) for n in picture.shape[:2])
    small = np.empty((height, width, 3), np.float32)
    for row in range(height):
        part = picture[row * shrink : (row + 1) * shrink].astype(np.float32)
        line = np.pad(part.mean(axis=0), ((0, width * shrink - part.shape[1]), (0, 0)), mode="edge")
        small[row] = line.reshape(width, shrink, 3).mean(axis=1)
    return small


def defocused(picture: Rgb, sigma_px: float) -> Rgb:
    """Put a whole picture out of focus."""
    soft, out = _Soft(picture, sigma_px), np.empty_like(picture)
    for top in range(0, len(out), STRIP):
        strip = out[top : top + STRIP]
        round_light(soft.rows(top, top + len(strip)), strip)
    return out


@njit(cache=True)
def _sample(source: Rgb, x: Field, y: Field, out: Light) -> None:
    """Read a picture at places between its pixels, linearly, edges held."""
    last_x, last_y = source.shape[1] - 1, source.shape[0] - 1
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            at_x = min(max(x[row, column], np.float32(0)), np.float32(last_x))
            at_y = min(max(y[row, column], np.float32(0)), np.float32(last_y))
            left, top = min(int(at_x), max(last_x - 1, 0)), min(int(at_y), max(last_y - 1, 0))
            right, bottom = min(left + 1, last_x), min(top + 1, last_y)
            u, v = at_x - left, at_y - top
            for c in range(3):
                above = (1 - u) * source[top, left, c] + u * source[top, right, c]
                below = (1 - u) * source[bottom, left, c] + u * source[bottom, right, c]
                out[row, column, c] = (1 - v) * above + v * below
