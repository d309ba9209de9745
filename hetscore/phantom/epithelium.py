"""Lay out glands and solid sheets: which pixel belongs to which cell, and where each nucleus is meant to lie.

Everything is in pixels of the fragment's own picture. Label i of the territories is row i - 1 of the cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import MembranePattern
from hetscore.phantom.noise import smooth_noise

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Ground(IntEnum):
    """What a pixel is."""

    GLASS = 0
    STROMA = 1
    LUMEN = 2
    EPITHELIUM = 3


class CellType(IntEnum):
    """What a cell is."""

    TUMOR = 0
    FOVEOLAR = 1
    FIBROBLAST = 2
    LYMPHOCYTE = 3


@dataclass(frozen=True)
class Sites:
    """Cells as they are meant to be, columns of length n: the nucleus's ellipse, type and pattern."""

    x: Floats
    y: Floats
    angle: Floats
    """Of the long axis, radians from x towards y."""
    long_px: Floats
    short_px: Floats
    """Semi-axes."""
    type: NDArray[np.int8]
    """`CellType`."""
    pattern: NDArray[np.int8]
    """`MembranePattern` the cell would have if stained."""

    def __len__(self) -> int:
        return len(self.x)


def join_sites(parts: list[Sites]) -> Sites:
    """Put sites one after another."""
    names = ("x", "y", "angle", "long_px", "short_px", "type", "pattern")
    return Sites(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True)
class NucleusShape:
    """Size and shape of the nuclei of one cell type."""

    area_um2: float
    area_sd: float
    """Standard deviation of the logarithm of the area: pleomorphism."""
    elongation: float
    """Long over short axis, mean; drawn within a quarter of it."""


NUCLEI = {
    CellType.TUMOR: NucleusShape(48.0, 0.22, 1.45),
    CellType.FOVEOLAR: NucleusShape(30.0, 0.10, 1.2),
    CellType.FIBROBLAST: NucleusShape(24.0, 0.25, 3.6),
    CellType.LYMPHOCYTE: NucleusShape(27.0, 0.10, 1.1),
}
"""Judged by eye on the cores of `eac-tma` (0.25 um/px): tumor nuclei 8-9 by 5-7 um, vesicular and uneven; those of
stroma thin; lymphocytes round, 5.5-6 um across, the yardstick of every pathologist."""


def draw_sites(
    rng: np.random.Generator, xy: Floats, angle: Floats, cell_type: CellType, pattern: MembranePattern, mpp: float
) -> Sites:
    """Give nuclei of one type to the places `xy`, (n, 2) pixels, with their long axes at `angle`."""
    shape, n = NUCLEI[cell_type], len(xy)
    area_px = shape.area_um2 * np.exp(shape.area_sd * rng.standard_normal(n)) / mpp**2
    elongation = np.maximum(1.0, shape.elongation * rng.uniform(0.75, 1.25, n))
    short = np.sqrt(area_px / (math.pi * elongation))
    return Sites(
        x=xy[:, 0],
        y=xy[:, 1],
        angle=angle,
        long_px=short * elongation,
        short_px=short,
        type=np.full(n, cell_type, np.int8),
        pattern=np.full(n, pattern, np.int8),
    )


@dataclass(frozen=True)
class GlandShape:
    """Size of the glands of one cell type, in microns."""

    semi_axes_um: tuple[float, float]
    """Range of the larger semi-axis of the middle of the epithelium."""
    aspect: tuple[float, float]
    """Range of smaller over larger semi-axis."""
    height_um: float
    """Of the epithelium."""
    width_um: float
    """Of a cell, half-way up."""
    nucleus_um: tuple[float, float]
    """Mean and standard deviation of the nucleus's distance from the base: pseudostratified if the latter is large."""
    gap_um: float
    """Least stroma between two glands."""


GLANDS = {
    CellType.TUMOR: GlandShape((20.0, 36.0), (0.55, 1.0), 20.0, 6.6, (7.5, 2.2), 5.0),
    CellType.FOVEOLAR: GlandShape((16.0, 22.0), (0.85, 1.0), 18.0, 6.8, (4.4, 0.4), 14.0),
}
"""Tumor: tall cells, 7-9 um wide at the nucleus, as in the tumor glands of `eac-tma` core 2_da59.
Foveolar: small round cross-sections with basal nuclei and clear mucin above, by eye on the `cldn18-gastric` tiles."""


@dataclass(frozen=True)
class Gland:
    """One gland: an ellipse through the middle of its epithelium, in pixels."""

    x: float
    y: float
    major: float
    minor: float
    angle: float
    height: float

    @property
    def reach(self) -> float:
        """Radius of the circle that holds the gland."""
        return self.major + self.height / 2


GLAND_THROWS = 600
"""Failed throws before the room is called full; the glands thrown shrink to `SHRINK` on the way, to fill the gaps."""

SHRINK = 0.6

_THROW_UM = 1.0
"""Places of glands are tried on a grid this fine; it makes no visible difference and is quick."""


def place_glands(rng: np.random.Generator, room: Mask, shape: GlandShape, share: float, mpp: float) -> list[Gland]:
    """Throw glands into `room` until they cover `share` of it or `GLAND_THROWS` throws have failed."""
    step = max(1, round(_THROW_UM / mpp))
    coarse = _throw_glands(rng, room[::step, ::step], shape, share, mpp * step)
    return [Gland(g.x * step, g.y * step, g.major * step, g.minor * step, g.angle, g.height * step) for g in coarse]


def _throw_glands(rng: np.random.Generator, room: Mask, shape: GlandShape, share: float, mpp: float) -> list[Gland]:
    free, gap = room.copy(), shape.gap_um / mpp
    ys, xs = _gland_centers(free, shape.height_um / mpp)
    glands: list[Gland] = []
    missing, failures = share * np.count_nonzero(room), 0
    while missing > 0 and failures < GLAND_THROWS and len(xs):
        k = int(rng.integers(len(xs)))
        scale = 1 - (1 - SHRINK) * failures / GLAND_THROWS
        gland = _draw_gland(rng, float(xs[k]), float(ys[k]), shape, scale, mpp)
        box = _window(gland, free.shape, margin=math.ceil(gap))
        height = _height(gland, box) - gland.height / 2
        if not free[box][height <= 0].all():
            failures += 1
            continue
        glands.append(gland)
        missing -= np.count_nonzero(height <= 0)
        free[box][height <= gap] = False
        ys, xs = _gland_centers(free, shape.height_um / mpp)
    return glands


def _gland_centers(free: Mask, height: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places with room for the smallest gland: a ring of cells around a point."""
    depth = cv2.distanceTransform(np.pad(free, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    ys, xs = np.nonzero(depth > height)
    return ys, xs


def _draw_gland(rng: np.random.Generator, x: float, y: float, shape: GlandShape, scale: float, mpp: float) -> Gland:
    height = shape.height_um * rng.uniform(0.9, 1.1)
    major = max(rng.uniform(*shape.semi_axes_um) * scale, height / 2 + 3.0)
    minor = max(major * rng.uniform(*shape.aspect), height / 2 + 2.0)
    return Gland(x, y, major / mpp, minor / mpp, rng.uniform(0, math.pi), height / mpp)


@dataclass(frozen=True)
class Layout:
    """The pictures being painted; their arrays are filled in place by the functions below."""

    ground: NDArray[np.uint8]
    """`Ground`."""
    cells: NDArray[np.int32]
    """Territories; 0 is no epithelial cell."""
    mpp: float


def paint_gland(
    rng: np.random.Generator, layout: Layout, gland: Gland, first: int, cell_type: CellType, pattern: MembranePattern
) -> Sites:
    """Paint a gland into `layout`, its cells labeled from `first`, and return them in the order of their labels."""
    shape = GLANDS[cell_type]
    turn, bounds = _cell_bounds(rng, gland, shape.width_um / layout.mpp)
    box = _window(gland, layout.ground.shape)
    theta, height = _angle(gland, box), _height(gland, box)
    wall = np.abs(height) <= gland.height / 2
    lumen = height < -gland.height / 2
    index = np.searchsorted(bounds, (theta - turn) % (2 * math.pi), side="right") - 1
    layout.ground[box][wall] = Ground.EPITHELIUM
    layout.ground[box][lumen] = Ground.LUMEN
    layout.cells[box][wall] = first + index[wall]
    return _gland_sites(rng, gland, turn + _centers(bounds), cell_type, pattern, layout.mpp)


def _window(gland: Gland, shape: tuple[int, ...], margin: int = 2) -> tuple[slice, slice]:
    r = math.ceil(gland.reach) + margin
    x, y = round(gland.x), round(gland.y)
    return slice(max(0, y - r), min(shape[0], y + r + 1)), slice(max(0, x - r), min(shape[1], x + r + 1))


def _angle(gland: Gland, box: tuple[slice, slice]) -> Floats:
    y, x = np.mgrid[box]
    angle: Floats = np.arctan2(y - gland.y, x - gland.x) - gland.angle
    return angle


def _height(gland: Gland, box: tuple[slice, slice]) -> Floats:
    """Distance outwards from the middle of the epithelium."""
    y, x = np.mgrid[box]
    height: Floats = np.hypot(x - gland.x, y - gland.y) - _ellipse_radius(gland, _angle(gland, box))
    return height


def _ellipse_radius(gland: Gland, theta: Floats) -> Floats:
    a, b = gland.major, gland.minor
    radius: Floats = a * b / np.hypot(b * np.cos(theta), a * np.sin(theta))
    return radius


def _cell_bounds(rng: np.random.Generator, gland: Gland, width: float) -> tuple[float, Floats]:
    """Where the side walls stand: a random first angle, and angles from there, equal in arc length but for jitter."""
    turn = float(rng.uniform(0, 2 * math.pi))
    theta = np.linspace(0, 2 * math.pi, 721)
    arc = np.concatenate([[0], np.cumsum(_ellipse_radius(gland, turn + theta[:-1] + theta[1] / 2) * theta[1])])
    n = max(5, round(arc[-1] / width))
    steps = np.arange(n) + np.concatenate([[0], rng.uniform(-0.18, 0.18, n - 1)])
    return turn, np.interp(steps * arc[-1] / n, arc, theta)


def _centers(bounds: Floats) -> Floats:
    centers: Floats = (bounds + np.append(bounds[1:], 2 * math.pi)) / 2
    return centers


def _gland_sites(
    rng: np.random.Generator, gland: Gland, theta: Floats, cell_type: CellType, pattern: MembranePattern, mpp: float
) -> Sites:
    mean, sd = GLANDS[cell_type].nucleus_um
    from_base = np.clip(mean + sd * rng.standard_normal(len(theta)), 4.0, 13.0) / mpp
    radius = _ellipse_radius(gland, theta) + gland.height / 2 - from_base
    angle = theta + gland.angle
    xy = np.column_stack([gland.x + radius * np.cos(angle), gland.y + radius * np.sin(angle)])
    tilt = 0.12 * rng.standard_normal(len(theta))
    return draw_sites(rng, xy, angle + tilt, cell_type, pattern, mpp)


SHEET_PITCH_UM = 10.2
"""Between the cells of a sheet: 90 um2 a cell, as in `eac-tma` crop 0_aa1d_01 (103 tumor nuclei on 96 x 96 um)."""

SHEET_REACH_UM = 7.5
"""A cell at the edge of a sheet ends this far from its center, so that the edge is scalloped."""


def paint_sheets(rng: np.random.Generator, layout: Layout, room: Mask, share: float, first: int) -> Sites:
    """Paint solid nests of tumor cells over about `share` of `room`; cells labeled from `first`, in order."""
    pitch = SHEET_PITCH_UM / layout.mpp
    nests = smooth_noise(rng, (room.shape[0], room.shape[1]), 5 * pitch)
    xy = jittered_grid(rng, (room.shape[0], room.shape[1]), pitch, 0.14)
    column, row = np.rint(xy).astype(np.intp).T
    is_nest = room[row, column] & (nests[row, column] > np.quantile(nests[room], 1 - share) if room.any() else False)
    xy = xy[is_nest]
    _paint_nearest(layout, xy, room, first)
    off_center = xy + rng.normal(0, 0.06 * pitch, xy.shape)
    angle = rng.uniform(0, math.pi, len(xy))
    return draw_sites(rng, off_center, angle, CellType.TUMOR, MembranePattern.COMPLETE, layout.mpp)


def jittered_grid(rng: np.random.Generator, shape: tuple[int, int], pitch: float, jitter: float) -> Floats:
    """Points of a hexagonal grid, each moved by a normal deviate of `jitter` pitches; (n, 2) inside `shape`."""
    rows, columns = math.ceil(shape[0] / (pitch * 0.866)), math.ceil(shape[1] / pitch)
    row, column = np.indices((rows, columns))
    xy = np.column_stack([((column + 0.5 * (row % 2)) * pitch).ravel(), (row * 0.866 * pitch).ravel()])
    xy = xy + rng.normal(0, jitter * pitch, xy.shape)
    inside = (xy >= 0).all(axis=1) & (xy[:, 0] <= shape[1] - 1) & (xy[:, 1] <= shape[0] - 1)
    return xy[inside]


def _paint_nearest(layout: Layout, xy: Floats, room: Mask, first: int) -> None:
    """Give each pixel of `room` near enough to a point of `xy` to the nearest one."""
    if not len(xy):
        return
    column, row = np.rint(xy).astype(np.intp).T
    away = np.ones(layout.cells.shape, np.uint8)
    away[row, column] = 0
    distance, nearest = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    label_of = np.zeros(int(nearest.max()) + 1, np.int32)
    label_of[nearest[row, column]] = first + np.arange(len(xy), dtype=np.int32)
    painted = room & (distance <= SHEET_REACH_UM / layout.mpp)
    layout.cells[painted] = label_of[nearest[painted]]
    layout.ground[painted] = Ground.EPITHELIUM
