"""Paint a planned fragment at the slide's resolution: ground, territories, vacuoles, nuclei.

Comes in: a plan in microns and tables of ellipses. Goes out: label pictures. Every painter walks over the small windows
of its ellipses, so time grows with the tissue, and no painter holds a second picture of the same size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hetscore.phantom.epithelium import ANGLE, LONG, PLAN_UM, SHORT, Floats, Ground, Plan, X, Y
from hetscore.phantom.noise import Field, smooth_noise

Labels = NDArray[np.int32]

_GROUNDS = len(Ground)
_STROMA, _EPITHELIUM, _VACUOLE = (int(g) for g in (Ground.STROMA, Ground.EPITHELIUM, Ground.VACUOLE))
_X, _Y, _ANGLE, _LONG, _SHORT = X, Y, ANGLE, LONG, SHORT


Shifts = NDArray[np.int16]

_UM = 1 / 512
"""Shifts are kept as whole numbers of 1/512 um: 2 bytes a pixel instead of 4, and up to 64 um."""


@dataclass(frozen=True)
class Warp:
    """A smooth displacement that bends ideal geometry: a pixel of the pictures shows the plan's place `shift` away."""

    x: Shifts
    y: Shifts
    """(h, w) shifts at the pixels of the painted pictures."""
    mpp: float
    """Microns per pixel of the painted pictures."""

    @property
    def maps(self) -> tuple[Shifts, Shifts, float]:
        """As the painters take it."""
        return self.x, self.y, self.mpp


def draw_warp(
    rng: np.random.Generator, shape: tuple[int, int], waves_um: tuple[tuple[float, float], ...], mpp: float
) -> Warp:
    """Draw a warp over a plan of `shape` as the sum of waves of (scale, amplitude) in microns."""
    size = round(shape[0] * PLAN_UM / mpp), round(shape[1] * PLAN_UM / mpp)
    fine = []
    for _ in range(2):
        coarse = np.zeros(shape, np.float32)
        for scale, amplitude in waves_um:
            coarse += np.float32(amplitude) * smooth_noise(rng, shape, scale / PLAN_UM)
        fine.append(np.zeros(size, np.int16))
        _refine(fine[-1], coarse, mpp)
    return Warp(fine[0], fine[1], mpp)


@njit(cache=True)
def _refine(fine: Shifts, coarse: Field, mpp: float) -> None:
    """Interpolate between the centers of the plan's pixels."""
    for row in range(fine.shape[0]):
        v = min(max((row + 0.5) * mpp / PLAN_UM - 0.5, 0.0), coarse.shape[0] - 1.001)
        r = int(v)
        f = v - r
        for column in range(fine.shape[1]):
            u = min(max((column + 0.5) * mpp / PLAN_UM - 0.5, 0.0), coarse.shape[1] - 1.001)
            c = int(u)
            g = u - c
            upper = coarse[r, c] * (1 - g) + coarse[r, c + 1] * g
            lower = coarse[r + 1, c] * (1 - g) + coarse[r + 1, c + 1] * g
            fine[row, column] = round((upper * (1 - f) + lower * f) / _UM)


def paint_ground(plan: Plan, warp: Warp) -> NDArray[np.uint8]:
    """Paint the plan's ground, its borders smoothed: near a border a pixel takes what prevails around it."""
    painted = np.zeros(warp.x.shape, np.uint8)
    _paint_ground(painted, plan.ground, warp.x, warp.y, warp.mpp)
    return painted


@njit(cache=True)
def _paint_ground(painted: NDArray[np.uint8], plan: NDArray[np.uint8], dx: Shifts, dy: Shifts, mpp: float) -> None:
    weight_x, weight_y, votes = np.zeros(4), np.zeros(4), np.zeros(_GROUNDS)
    for row in range(painted.shape[0]):
        for column in range(painted.shape[1]):
            u = ((column + 0.5) * mpp + dx[row, column] * _UM) / PLAN_UM - 0.5
            v = ((row + 0.5) * mpp + dy[row, column] * _UM) / PLAN_UM - 0.5
            c = min(max(math.floor(u), 1), plan.shape[1] - 3)
            r = min(max(math.floor(v), 1), plan.shape[0] - 3)
            if _is_uniform(plan, r, c):
                painted[row, column] = plan[r, c]
                continue
            _spline_weights(u - c, weight_x)
            _spline_weights(v - r, weight_y)
            votes[:] = 0.0
            for i in range(4):
                for j in range(4):
                    votes[plan[r - 1 + i, c - 1 + j]] += weight_y[i] * weight_x[j]
            painted[row, column] = np.argmax(votes)


@njit(cache=True)
def _is_uniform(plan: NDArray[np.uint8], r: int, c: int) -> bool:
    first = plan[r, c]
    for i in range(r - 1, r + 3):
        for j in range(c - 1, c + 3):
            if plan[i, j] != first:
                return False
    return True


@njit(cache=True)
def _spline_weights(t: float, weights: Floats) -> None:
    """Fill in the four weights of the uniform cubic B-spline at `t` in [0, 1]."""
    t = min(max(t, 0.0), 1.0)
    weights[0] = (1 - t) ** 3 / 6
    weights[1] = (3 * t**3 - 6 * t**2 + 4) / 6
    weights[2] = (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6
    weights[3] = t**3 / 6


@njit(cache=True)
def _center(ellipse: Floats, dx: Shifts, dy: Shifts, mpp: float) -> tuple[float, float]:
    """Where an ellipse's center comes to lie in the pictures, microns."""
    x, y = ellipse[_X], ellipse[_Y]
    for _ in range(4):  # the place whose shift leads to the center: a fixed point, the shift being smooth
        column = min(max(int(x / mpp), 0), dx.shape[1] - 1)
        row = min(max(int(y / mpp), 0), dx.shape[0] - 1)
        x = ellipse[_X] - dx[row, column] * _UM
        y = ellipse[_Y] - dy[row, column] * _UM
    return x, y


@njit(cache=True)
def _window(
    ellipse: Floats, stretch: float, dx: Shifts, dy: Shifts, mpp: float
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of the pictures that an ellipse can touch, from and to."""
    x, y = _center(ellipse, dx, dy, mpp)
    column, row = int(x / mpp), int(y / mpp)
    cos, sin = math.cos(ellipse[_ANGLE]), math.sin(ellipse[_ANGLE])
    wide = math.hypot(ellipse[_LONG] * cos, ellipse[_SHORT] * sin)
    high = math.hypot(ellipse[_LONG] * sin, ellipse[_SHORT] * cos)
    right, down = math.ceil((stretch * wide + 1.0) / mpp) + 1, math.ceil((stretch * high + 1.0) / mpp) + 1
    rows = max(0, row - down), min(dx.shape[0], row + down + 1)
    return rows, (max(0, column - right), min(dx.shape[1], column + right + 1))


_Placed: TypeAlias = tuple[float, float, float, float, float, float]
"""Center, cosine and sine of the angle, one over the semi-axes: an ellipse as the painters use it, in registers."""


@njit(cache=True)
def _placed(ellipse: Floats) -> _Placed:
    """Prepare an ellipse; one without extent gets a border infinitely near."""
    cos, sin = math.cos(ellipse[_ANGLE]), math.sin(ellipse[_ANGLE])
    long, short = max(ellipse[_LONG], 1e-9), max(ellipse[_SHORT], 1e-9)
    return ellipse[_X], ellipse[_Y], cos, sin, 1.0 / long, 1.0 / short


@njit(cache=True)
def _within(placed: _Placed, x: float, y: float) -> tuple[float, float]:
    """Coordinates of a place in an ellipse, along and across: 1 at its border."""
    center_x, center_y, cos, sin, per_long, per_short = placed
    dx, dy = x - center_x, y - center_y
    return (dx * cos + dy * sin) * per_long, (dy * cos - dx * sin) * per_short


_SWELLING = 1.22
"""A cell keeps about a micron around its nucleus."""

_PRESSURE = 0.2
"""Nearness at the nucleus's border, in radii of the body; in a row of columnar cells neighbors meet at 0.3."""


@njit(cache=True)
def paint_bodies(
    cells: Labels,
    nearest: Field,
    ground: NDArray[np.uint8],
    bodies: Floats,
    kernels: Floats,
    homes: NDArray[np.int8],
    warp: tuple[Shifts, Shifts, float],
) -> None:
    """Give each pixel to the body that holds it, lies on its ground and, of several, is the nearest in own radii.

    Within `_SWELLING` radii of its kernel, the nucleus, a body counts as nearer than it is: cells bulge around their
    nuclei and press their neighbors to strands. `nearest` is working space of the pictures' shape, filled with a number
    above 1.
    """
    dx, dy, mpp = warp
    for i in range(len(bodies)):
        if bodies[i, _LONG] <= 0:
            continue
        body, kernel, home = _placed(bodies[i]), _placed(kernels[i]), homes[i]
        rows, columns = _window(bodies[i], 1.0, dx, dy, mpp)
        for row in range(rows[0], rows[1]):
            for column in range(columns[0], columns[1]):
                if ground[row, column] != home:
                    continue
                x = (column + 0.5) * mpp + dx[row, column] * _UM
                y = (row + 0.5) * mpp + dy[row, column] * _UM
                u, v = _within(body, x, y)
                rho2 = u * u + v * v
                if rho2 > 1:
                    continue
                u, v = _within(kernel, x, y)
                if u * u + v * v <= _SWELLING**2:
                    rho2 = min(rho2, _PRESSURE**2 * (u * u + v * v))
                if rho2 < nearest[row, column]:
                    nearest[row, column] = rho2
                    cells[row, column] = i + 1


@njit(cache=True)
def settle(ground: NDArray[np.uint8], cells: Labels, fate: NDArray[np.uint8], grounds: NDArray[np.uint8]) -> None:
    """Make ground and territories agree.

    A cell whose `fate`, by label, is not 0 is lost: its pixels become that ground. The pixels of the others get the
    ground that `grounds` says, by label; epithelium that no cell took becomes stroma.
    """
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            label = cells[row, column]
            if label > 0 and fate[label] != 0:
                ground[row, column] = fate[label]
                cells[row, column] = 0
            elif label > 0:
                ground[row, column] = grounds[label]
            elif ground[row, column] == _EPITHELIUM:
                ground[row, column] = _STROMA


@njit(cache=True)
def paint_vacuoles(
    ground: NDArray[np.uint8], cells: Labels, vacuoles: Floats, clearance: int, warp: tuple[Shifts, Shifts, float]
) -> None:
    """Paint the vacuole of each cell inside its own territory, `clearance` pixels from its border."""
    dx, dy, mpp = warp
    for i in range(len(vacuoles)):
        if vacuoles[i, _LONG] <= 0:
            continue
        vacuole = _placed(vacuoles[i])
        rows, columns = _window(vacuoles[i], 1.0, dx, dy, mpp)
        for row in range(rows[0], rows[1]):
            for column in range(columns[0], columns[1]):
                if cells[row, column] == i + 1 and _is_deep(cells, row, column, clearance):
                    x = (column + 0.5) * mpp + dx[row, column] * _UM
                    u, v = _within(vacuole, x, (row + 0.5) * mpp + dy[row, column] * _UM)
                    if u * u + v * v <= 1:
                        ground[row, column] = _VACUOLE


@njit(cache=True)
def _is_deep(cells: Labels, row: int, column: int, clearance: int) -> bool:
    """Whether the pixels `clearance` away in eight directions are of the same cell."""
    own, slant = cells[row, column], (7 * clearance + 5) // 10
    if row < clearance or column < clearance:
        return False
    if row + clearance >= cells.shape[0] or column + clearance >= cells.shape[1]:
        return False
    for i in range(-1, 2):
        for j in range(-1, 2):
            step = clearance if i * j == 0 else slant
            if cells[row + i * step, column + j * step] != own:
                return False
    return True


@njit(cache=True)
def paint_nuclei(
    nuclei: Labels,
    depth: Field,
    pictures: tuple[NDArray[np.uint8], Labels],
    shapes: Floats,
    owners: NDArray[np.int64],
    vacuoles: Floats,
    homes: NDArray[np.int8],
    clearance: int,
    warp: tuple[Shifts, Shifts, float],
) -> None:
    """Paint dented ellipses where their cells allow; where two overlap, a pixel goes to the nearer center.

    A row of `shapes` is an ellipse, then cosine and sine parts of its dents of order 2, 3 and 4; `owners` is its cell.
    A nucleus whose home is epithelium stays `clearance` pixels inside its territory and off its vacuole, which dents
    it; the others lie on their home ground. The warp moves nuclei but does not bend them: their sizes are a yardstick.
    `depth` must be filled with a number above 1.
    """
    ground, cells = pictures
    dx, dy, mpp = warp
    for k in range(len(shapes)):
        if shapes[k, _LONG] <= 0:
            continue
        i = owners[k]
        shape, vacuole, has_vacuole = _placed(shapes[k]), _placed(vacuoles[i]), vacuoles[i, _LONG] > 0
        center_x, center_y = _center(shapes[k], dx, dy, mpp)
        rows, columns = _window(shapes[k], 1.2, dx, dy, mpp)
        for row in range(rows[0], rows[1]):
            for column in range(columns[0], columns[1]):
                x, y = (column + 0.5) * mpp, (row + 0.5) * mpp
                u, v = _within(shape, x - center_x + shape[0], y - center_y + shape[1])
                rho = math.sqrt(u * u + v * v)
                if rho > 1.3 or not _may_hold(ground, cells, row, column, i + 1, homes[i], clearance):
                    continue
                rho /= _dent(shapes[k], u, v)
                if has_vacuole:
                    u, v = _within(vacuole, x + dx[row, column] * _UM, y + dy[row, column] * _UM)
                    rho = max(rho, 2.0 - math.sqrt(u * u + v * v))
                if rho <= 1 and rho < depth[row, column]:
                    depth[row, column] = rho
                    nuclei[row, column] = i + 1


@njit(cache=True)
def _may_hold(
    ground: NDArray[np.uint8], cells: Labels, row: int, column: int, label: int, home: int, clearance: int
) -> bool:
    if cells[row, column] == label:
        return bool(ground[row, column] != _VACUOLE) and _is_deep(cells, row, column, clearance)
    return bool(cells[row, column] == 0 and ground[row, column] == home and home != _EPITHELIUM)


@njit(cache=True)
def _dent(shape: Floats, u: float, v: float) -> float:
    """Radius of a dented ellipse over that of the ellipse, in the direction of (u, v)."""
    rho = max(math.sqrt(u * u + v * v), 1e-9)
    cos, sin = u / rho, v / rho
    real, imaginary, dent = cos, sin, 1.0
    for k in range(3):
        real, imaginary = real * cos - imaginary * sin, real * sin + imaginary * cos
        dent += shape[5 + k] * real + shape[8 + k] * imaginary
    return dent


@njit(cache=True)
def measure(labels: Labels, n: int) -> Floats:
    """Pixels, mean x and mean y of each label 1..n, (n, 3); the first pixel's center is at 0.5, NaN without pixel."""
    sums = np.zeros((n, 3))
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            label = labels[row, column]
            if label > 0:
                sums[label - 1, 0] += 1
                sums[label - 1, 1] += column + 0.5
                sums[label - 1, 2] += row + 0.5
    for i in range(n):
        count = sums[i, 0] if sums[i, 0] > 0 else np.nan
        sums[i, 1] /= count
        sums[i, 2] /= count
    return sums


@njit(cache=True)
def drop_labels(labels: Labels, is_dropped: NDArray[np.bool_]) -> None:
    """Set the pixels of the labels 1..n that are dropped to 0, in place."""
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            if labels[row, column] > 0 and is_dropped[labels[row, column] - 1]:
                labels[row, column] = 0


def find_contacts(cells: Labels) -> Labels:
    """Find the pairs of cells whose territories share an edge, (m, 2) rows with the smaller first, sorted."""
    keys = np.unique(_contact_keys(cells, int(cells.max(initial=0)) + 1))
    n = int(cells.max(initial=0)) + 1
    return (np.column_stack([keys // n, keys % n]) - 1).astype(np.int32)


@njit(cache=True)
def _contact_keys(cells: Labels, n: int) -> NDArray[np.int64]:
    """Smaller label times `n` plus larger, for each place where two territories meet, but for repeats in a row."""
    count, previous = 0, np.int64(-1)
    keys = np.empty(1024, np.int64)
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            own = cells[row, column]
            for step in range(2):
                if own == 0 or row + step >= cells.shape[0] or column + 1 - step >= cells.shape[1]:
                    continue
                other = cells[row + step, column + 1 - step]
                if other == 0 or other == own:
                    continue
                key = np.int64(min(own, other)) * n + max(own, other)
                if key == previous:
                    continue
                previous = key
                if count == len(keys):
                    keys = np.concatenate((keys, np.empty(len(keys), np.int64)))
                keys[count] = key
                count += 1
    return keys[:count]
