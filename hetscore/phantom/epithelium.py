"""The words of drawn tissue, and solid sheets: what a pixel is, what a cell is, where cells are meant to lie.

A fragment is planned in microns on a picture of one micron a pixel, `Plan`; `hetscore.phantom.raster` then paints plan
and cells at the slide's resolution. Row i of the cells is label i + 1 of the painted pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
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
    VACUOLE = 4
    """Mucin inside a cell: of goblet and signet-ring cells."""
    MUSCLE = 5
    NECROSIS = 6
    CRUSH = 7
    DEBRIS = 8
    MUCUS = 9
    BLOOD = 10


class CellType(IntEnum):
    """What a cell is."""

    TUMOR = 0
    FOVEOLAR = 1
    FIBROBLAST = 2
    LYMPHOCYTE = 3
    METAPLASTIC = 4
    """Absorptive and goblet cells of intestinal metaplasia."""
    PLASMA = 5
    MUSCLE = 6
    ENDOTHELIUM = 7
    NEUTROPHIL = 8


X, Y, ANGLE, LONG, SHORT = range(5)
"""Columns of a table of ellipses, microns and radians: center, direction of the long axis from x towards y, semi-axes.
A semi-axis of 0 stands for no ellipse."""


@dataclass(frozen=True)
class Sites:
    """Cells as they are meant to be, n rows."""

    nucleus: Floats
    """(n, 5) ellipses."""
    body: Floats
    """(n, 5) ellipses: how far a cell's territory reaches where no neighbor is nearer."""
    vacuole: Floats
    """(n, 5) ellipses."""
    home: NDArray[np.int8]
    """`Ground` on which the cell lies before it is painted."""
    type: NDArray[np.int8]
    """`CellType`."""
    pattern: NDArray[np.int8]
    """`MembranePattern` the cell would have if stained."""

    def __len__(self) -> int:
        return len(self.type)


def join_sites(parts: list[Sites]) -> Sites:
    """Put sites one after another; no parts are no sites."""
    parts = [no_sites(), *parts]
    return Sites(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Sites)})


def no_sites() -> Sites:
    """Make sites without a row."""
    none = np.zeros((0, 5))
    return Sites(none, none, none, *(np.zeros(0, np.int8) for _ in range(3)))


def take_sites(sites: Sites, rows: Mask | NDArray[np.intp]) -> Sites:
    """Take some rows."""
    return Sites(**{f.name: getattr(sites, f.name)[rows] for f in fields(Sites)})


@dataclass(frozen=True)
class NucleusShape:
    """Size and shape of the nuclei of one cell type."""

    area_um2: float
    area_sd: float
    """Standard deviation of the logarithm of the area: pleomorphism."""
    elongation: float
    """Long over short axis, mean; drawn within a quarter of it."""


NUCLEI = {
    CellType.TUMOR: NucleusShape(48.0, 0.25, 1.45),
    CellType.FOVEOLAR: NucleusShape(30.0, 0.10, 1.2),
    CellType.FIBROBLAST: NucleusShape(24.0, 0.25, 3.6),
    CellType.LYMPHOCYTE: NucleusShape(27.0, 0.10, 1.1),
    CellType.METAPLASTIC: NucleusShape(34.0, 0.12, 1.9),
    CellType.PLASMA: NucleusShape(30.0, 0.08, 1.1),
    CellType.MUSCLE: NucleusShape(32.0, 0.20, 5.0),
    CellType.ENDOTHELIUM: NucleusShape(18.0, 0.20, 3.4),
    CellType.NEUTROPHIL: NucleusShape(30.0, 0.10, 1.1),
}
"""Judged by eye on the cores of `eac-tma` (0.25 um/px): tumor nuclei 8-9 by 5-7 um, vesicular and uneven; those of
stroma thin; lymphocytes round, 5.5-6 um across, the yardstick of every pathologist. Muscle and metaplasia by eye on
the `cldn18-gastric` tiles: cigars of 12-14 um, pencils of 9 um. Of a neutrophil, the disk that holds its lobes."""


def draw_sites(
    rng: np.random.Generator,
    xy: Floats,
    angle: Floats,
    cell_type: CellType,
    pattern: MembranePattern = MembranePattern.NONE,
    home: Ground = Ground.STROMA,
) -> Sites:
    """Give nuclei of one type to the places `xy`, (n, 2) microns, with their long axes at `angle`; no bodies."""
    shape, n = NUCLEI[cell_type], len(xy)
    area = shape.area_um2 * np.exp(shape.area_sd * rng.standard_normal(n))
    elongation = np.maximum(1.0, shape.elongation * rng.uniform(0.75, 1.25, n))
    short = np.sqrt(area / (math.pi * elongation))
    none = np.zeros((n, 5))
    columns = (np.full(n, value, np.int8) for value in (home, cell_type, pattern))
    return Sites(np.column_stack([xy, angle, short * elongation, short]), none, none, *columns)


def with_bodies(sites: Sites, xy: Floats, angle: Floats, long: Floats, short: Floats) -> Sites:
    """Give every cell a territory: an ellipse around `xy`, semi-axes in microns."""
    return replace(sites, body=np.column_stack([xy, angle, long, short]))


PLAN_UM = 1.0
"""Side of a pixel of the plan: a tenth of a cell; borders are smoothed when painted."""


@dataclass(frozen=True)
class Plan:
    """The picture being planned; filled in place by the functions that lay tissue."""

    ground: NDArray[np.uint8]
    """`Ground`; pixel (row, column) covers microns (column, row) to (column + 1, row + 1)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, microns."""
        return self.ground.shape[0], self.ground.shape[1]

    @property
    def stroma(self) -> Mask:
        """Where nothing has been laid yet."""
        mask: Mask = self.ground == Ground.STROMA
        return mask


def pixel_of(xy: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the plan's pixels that hold the places `xy`, which must lie inside."""
    column, row = np.floor(xy / PLAN_UM).astype(np.intp).T
    return row, column


def distance_inside(mask: Mask) -> NDArray[np.float32]:
    """Distance of each pixel to the nearest one outside `mask`, in pixels; outside the picture is outside."""
    padded = np.pad(mask, 1).astype(np.uint8)
    distance: NDArray[np.float32] = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return distance


def distance_to(mask: Mask) -> NDArray[np.float32]:
    """Distance of each pixel to the nearest one of `mask`, in pixels; a large number if there is none."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    distance: NDArray[np.float32] = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return distance


def eroded(mask: Mask, distance_um: float) -> Mask:
    """Keep what lies deeper than `distance_um` inside."""
    deep: Mask = distance_inside(mask) > distance_um / PLAN_UM
    return deep


def opened(mask: Mask, radius_um: float) -> Mask:
    """Keep the parts of `mask` that a disk of `radius_um` can reach: corners get round, spurs go."""
    reached: Mask = mask & (distance_to(eroded(mask, radius_um)) <= radius_um / PLAN_UM)
    return reached


def zone(rng: np.random.Generator, room: Mask, share: float, scale_um: float) -> Mask:
    """Take smooth patches, `scale_um` across, that cover `share` of `room`."""
    if share <= 0 or not room.any():
        return np.zeros(room.shape, bool)
    field = smooth_noise(rng, (room.shape[0], room.shape[1]), scale_um / PLAN_UM)
    patches: Mask = room & (field >= np.quantile(field[room], 1 - min(share, 1.0)))
    return patches


def jittered_grid(rng: np.random.Generator, shape: tuple[int, int], pitch: float, jitter: float) -> Floats:
    """Points of a hexagonal grid, each moved by a normal deviate of `jitter` pitches; (n, 2) inside `shape`."""
    rows, columns = math.ceil(shape[0] / (pitch * 0.866)), math.ceil(shape[1] / pitch)
    row, column = np.indices((rows, columns))
    xy = np.column_stack([((column + 0.5 * (row % 2)) * pitch).ravel(), (row * 0.866 * pitch).ravel()])
    xy = xy + rng.normal(0, jitter * pitch, xy.shape)
    inside = (xy >= 0).all(axis=1) & (xy[:, 0] <= shape[1] - 1) & (xy[:, 1] <= shape[0] - 1)
    return xy[inside]


def grid_in(rng: np.random.Generator, room: Mask, pitch_um: float, jitter: float) -> Floats:
    """Points of a jittered grid, microns, that lie in `room`."""
    xy = jittered_grid(rng, (room.shape[0], room.shape[1]), pitch_um / PLAN_UM, jitter) * PLAN_UM
    inside: Floats = xy[room[pixel_of(xy)]]
    return inside


SHEET_PITCH_UM = 10.2
"""Between the cells of a sheet: 90 um2 a cell, as in `eac-tma` crop 0_aa1d_01 (103 tumor nuclei on 96 x 96 um)."""

SHEET_REACH_UM = 8.4
"""A cell at the edge of a sheet ends this far from its center, so that the edge is scalloped."""

_NEST_ROUNDING_UM = 12.0
"""Nests have no spur thinner than twice this: two cells."""


def lay_sheets(rng: np.random.Generator, plan: Plan, room: Mask, share: float) -> Sites:
    """Lay solid nests of tumor cells over about `share` of `room`.

    Nests are as large as 60 to 130 um, from fragment to fragment, and stain completely.
    """
    patches = zone(rng, room, share, float(rng.uniform(60, 130)))
    nests = opened(patches, _NEST_ROUNDING_UM)
    nests = nests if nests.any() else room  # a scrap too small for a nest is one
    sites = fill_with_cells(rng, nests, SHEET_PITCH_UM * float(rng.uniform(0.95, 1.08)))
    if len(sites):
        seeds = np.zeros(room.shape, bool)
        seeds[pixel_of(sites.body[:, :2])] = True
        plan.ground[room & plan.stroma & (distance_to(seeds) <= SHEET_REACH_UM)] = Ground.EPITHELIUM
    return sites


def fill_with_cells(rng: np.random.Generator, room: Mask, pitch_um: float) -> Sites:
    """Fill `room` with polygonal tumor cells, `pitch_um` apart."""
    xy = grid_in(rng, room, pitch_um, 0.2)
    n = len(xy)
    angle = rng.uniform(0, math.pi, n)
    off_center = xy + rng.normal(0, 0.07 * pitch_um, xy.shape)
    sites = draw_sites(rng, off_center, angle, CellType.TUMOR, MembranePattern.COMPLETE, Ground.EPITHELIUM)
    size = SHEET_REACH_UM * np.exp(0.11 * rng.standard_normal(n))
    stretch = rng.uniform(1.0, 1.35, n)
    return with_bodies(sites, xy, angle, size * np.sqrt(stretch), size / np.sqrt(stretch))
