"""Smooth random fields: what makes drawn tissue look grown.

A field is a coarse grid of random numbers, drawn once, and a rule to read it at any place. Reading is arithmetic in a
fixed order, so a field read block by block is the field read at once, on any machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""(height, width), float32."""

_Weights = tuple[np.float32, np.float32, np.float32, np.float32]

_SAMPLES = 160
"""A field is standardized on at most this many places along each side: its spread is then known within 0.5 %."""


@njit(cache=True)
def _cubic(t: float) -> _Weights:
    """Weights of four nodes around a place `t` beyond the second: Keys's cubic, which keeps straight lines straight."""
    s = 1 - t
    w0, w3 = -0.5 * t * s * s, -0.5 * s * t * t
    w1 = (1.5 * t - 2.5) * t * t + 1
    return np.float32(w0), np.float32(w1), np.float32(1 - w0 - w1 - w3), np.float32(w3)


@njit(cache=True)
def _read_rows(nodes: Field, start: tuple[float, float], step: tuple[float, float], out: Field) -> None:
    """Read an upright grid: pixel (row, column) of `out` lies at node (start + step * pixel), x first."""
    last_x, last_y = nodes.shape[1] - 3, nodes.shape[0] - 3
    at = np.empty(out.shape[1], np.int32)
    w = np.empty((4, out.shape[1]), np.float32)
    for column in range(out.shape[1]):
        gx = min(max(start[0] + step[0] * column, 1.0), last_x + 1.0)
        at[column] = min(int(gx), last_x)
        w[0, column], w[1, column], w[2, column], w[3, column] = _cubic(gx - at[column])
    line = np.empty(nodes.shape[1], np.float32)
    for row in range(out.shape[0]):
        gy = min(max(start[1] + step[1] * row, 1.0), last_y + 1.0)
        top = min(int(gy), last_y)
        v0, v1, v2, v3 = _cubic(gy - top)
        for i in range(line.size):
            line[i] = v0 * nodes[top - 1, i] + v1 * nodes[top, i] + v2 * nodes[top + 1, i] + v3 * nodes[top + 2, i]
        for column in range(out.shape[1]):
            i = at[column]
            near = w[1, column] * line[i] + w[2, column] * line[i + 1]
            out[row, column] = near + (w[0, column] * line[i - 1] + w[3, column] * line[i + 2])


@njit(cache=True)
def _line(nodes: Field, row: int, left: int, w: _Weights) -> np.float32:
    near: np.float32 = w[1] * nodes[row, left] + w[2] * nodes[row, left + 1]
    far: np.float32 = w[0] * nodes[row, left - 1] + w[3] * nodes[row, left + 2]
    return near + far


@njit(cache=True)
def _read_places(nodes: Field, matrix: NDArray[np.float64], x: Field, y: Field, out: Field) -> None:
    """Read a turned grid at the places (x, y), pixels, given as columns."""
    last_x, last_y = nodes.shape[1] - 3, nodes.shape[0] - 3
    for i in range(out.size):
        gx = min(max(matrix[0, 0] * x[i] + matrix[0, 1] * y[i] + matrix[0, 2], 1.0), last_x + 1.0)
        gy = min(max(matrix[1, 0] * x[i] + matrix[1, 1] * y[i] + matrix[1, 2], 1.0), last_y + 1.0)
        left, top = min(int(gx), last_x), min(int(gy), last_y)
        w, v = _cubic(gx - left), _cubic(gy - top)
        a, b = _line(nodes, top - 1, left, w), _line(nodes, top, left, w)
        c, d = _line(nodes, top + 1, left, w), _line(nodes, top + 2, left, w)
        out[i] = v[0] * a + v[1] * b + v[2] * c + v[3] * d


@dataclass(frozen=True)
class SmoothField:
    """A field known on a coarse grid, read between the nodes with cubics; beyond the grid the border's value holds."""

    nodes: Field
    """At least 4 x 4; the outermost serve only to read between the others."""
    matrix: NDArray[np.float64]
    """(2, 3), from a pixel's (x, y, 1) to the grid's (column, row)."""
    width: int
    """Of the picture it is for."""

    def rows(self, top: int, bottom: int) -> Field:
        """Read the pixels of the rows from `top` up to `bottom`, (bottom - top, width)."""
        out = np.empty((bottom - top, self.width), np.float32)
        m = self.matrix
        if m[0, 1] == 0 and m[1, 0] == 0:
            _read_rows(self.nodes, (m[0, 2], m[1, 1] * top + m[1, 2]), (m[0, 0], m[1, 1]), out)
        else:
            y, x = np.indices(out.shape, dtype=np.float32)
            _read_places(self.nodes, m, x.ravel(), y.ravel() + np.float32(top), out.ravel())
        return out

    def at(self, x: Field, y: Field) -> Field:
        """Read the places (x, y), pixels, columns of one length."""
        out = np.empty(len(x), np.float32)
        _read_places(self.nodes, self.matrix, x, y, out)
        return out


def draw_field(
    rng: np.random.Generator, shape: tuple[int, int], scale_px: float | tuple[float, float], angle: float = 0.0
) -> SmoothField:
    """Draw a smooth random field of mean 0 and standard deviation 1, to be read block by block.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : (int, int)
        Height and width of the picture.
    scale_px : float or (float, float)
        Distance in pixels over which the field forgets itself; along and across `angle` if two are given.
    angle : float
        Of the streaks, radians from x towards y.

    Returns
    -------
    SmoothField
        Normal deviates on a grid of that pitch. Mean and spread are set on a sample of the picture, so they hold for
        the picture drawn, not only on average over all pictures.
    """
    along, across = scale_px if isinstance(scale_px, tuple) else (scale_px, scale_px)
    if angle == 0:
        matrix = np.array([[1 / along, 0, 1.0], [0, 1 / across, 1.0]])
        size = (math.ceil(shape[0] / across) + 4, math.ceil(shape[1] / along) + 4)
    else:
        side = math.hypot(*shape) + 4 * max(along, across)
        size = (math.ceil(side / across) + 1, math.ceil(side / along) + 1)
        matrix = _turned(shape, (along, across), angle, size)
    return _standardize(SmoothField(rng.standard_normal(size, dtype=np.float32), matrix, shape[1]), shape[0])


def _turned(
    shape: tuple[int, int], scale_px: tuple[float, float], angle: float, size: tuple[int, int]
) -> NDArray[np.float64]:
    cos, sin = math.cos(angle), math.sin(angle)
    to_grid = np.array([[cos, sin], [-sin, cos]]) / np.array(scale_px)[:, None]
    center = np.array([size[1] - 1, size[0] - 1]) / 2 - to_grid @ np.array([shape[1], shape[0]]) / 2
    return np.column_stack([to_grid, center])


def _standardize(field: SmoothField, height: int) -> SmoothField:
    """Shift and scale the nodes; the weights of a reading sum to 1, so what is read moves with them."""
    lines = (np.linspace(0, n - 1, min(n, _SAMPLES)) for n in (height, field.width))
    y, x = np.meshgrid(*lines, indexing="ij")
    sample = field.at(x.ravel().astype(np.float32), y.ravel().astype(np.float32)).astype(np.float64)
    nodes = (field.nodes - sample.mean()) / max(float(sample.std()), 1e-6)
    return SmoothField(nodes.astype(np.float32), field.matrix, field.width)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale_px: float) -> Field:
    """Draw a smooth random field of mean 0 and standard deviation 1, read everywhere; see `draw_field`."""
    return draw_field(rng, shape, scale_px).rows(0, shape[0])


def streaked_noise(
    rng: np.random.Generator, shape: tuple[int, int], scale_px: tuple[float, float], angle: float
) -> Field:
    """Draw a smooth random field with streaks: `scale_px` along and across `angle` (radians, from x towards y)."""
    return draw_field(rng, shape, scale_px, angle).rows(0, shape[0])


def read_nearest(image: NDArray[Any], maps: tuple[Field, Field]) -> NDArray[Any]:
    """Read a label image through displacement maps, nearest pixel, edges held."""
    column = np.clip(np.rint(maps[0]), 0, image.shape[1] - 1).astype(np.intp)
    row = np.clip(np.rint(maps[1]), 0, image.shape[0] - 1).astype(np.intp)
    return image[row, column]


@njit(cache=True)
def _nearest_sites(sites: NDArray[np.float32], pitch: float, x: Field, y: Field, out: NDArray[np.float32]) -> None:
    """Fill rows (distance to the nearest site, to the second, mark of the nearest) for the places (x, y)."""
    last_x, last_y = sites.shape[1] - 1, sites.shape[0] - 1
    for i in range(x.size):
        column, row = math.floor(x[i] / pitch) + 1, math.floor(y[i] / pitch) + 1
        first, second, mark = np.float32(1e9), np.float32(1e9), np.float32(0)
        for r in range(max(row - 1, 0), min(row + 1, last_y) + 1):
            for c in range(max(column - 1, 0), min(column + 1, last_x) + 1):
                dx, dy = x[i] - sites[r, c, 0], y[i] - sites[r, c, 1]
                d = dx * dx + dy * dy
                if d < first:
                    first, second, mark = d, first, sites[r, c, 2]
                elif d < second:
                    second = d
        out[0, i], out[1, i], out[2, i] = math.sqrt(first), math.sqrt(second), mark


@dataclass(frozen=True)
class PackedField:
    """Scattered sites, about one in each square of side `pitch`: packed disks, nets of borders, specks."""

    sites: NDArray[np.float32]
    """(rows, columns, 3): x, y in pixels and a mark, uniform in [0, 1)."""
    pitch: float

    def at(self, x: Field, y: Field) -> tuple[Field, Field, Field]:
        """Give for the places (x, y) the distance to the nearest site, to the second nearest, and the former's mark."""
        out = np.empty((3, len(x)), np.float32)
        _nearest_sites(self.sites, self.pitch, x, y, out)
        return out[0], out[1], out[2]


def draw_packed(rng: np.random.Generator, shape: tuple[int, int], pitch_px: float, jitter: float = 0.5) -> PackedField:
    """Draw sites over a picture: a square grid with every other row moved by half, each site moved by up to `jitter`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : (int, int)
        Height and width of the picture.
    pitch_px : float
        Between rows and columns.
    jitter : float
        In pitches; at most 0.5, else the nearest site may lie too far to be looked for.

    Returns
    -------
    PackedField
        With a row and a column of sites outside on every side.
    """
    rows, columns = (math.ceil(n / pitch_px) + 3 for n in shape)
    row, column = np.indices((rows, columns), dtype=np.float32)
    moves = rng.uniform(-jitter, jitter, (2, rows, columns))
    x = (column - 0.5 + 0.25 * (2 * (row % 2) - 1) + moves[0]) * pitch_px
    y = (row - 0.5 + moves[1]) * pitch_px
    return PackedField(np.stack([x, y, rng.random((rows, columns))], axis=2).astype(np.float32), pitch_px)
