"""Lay glands of columnar cells, round, long, branching and cribriform.

The room is parted like cracked mud and parts are fused; along each wall cells stand side by side on a line. Whatever
the shape of a gland, its epithelium is what lies within a cell's height of its base; deeper lies the lumen, or a
honeycomb of cells where the wall was cut along its surface.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hetscore.domain import MembranePattern
from hetscore.phantom.epithelium import (
    ANGLE,
    LONG,
    PLAN_UM,
    SHORT,
    CellType,
    Floats,
    Ground,
    Mask,
    Plan,
    Sites,
    distance_inside,
    distance_to,
    draw_sites,
    fill_with_cells,
    jittered_grid,
    join_sites,
    opened,
    pixel_of,
    with_bodies,
)
from hetscore.phantom.noise import Field, read_nearest, smooth_noise
from hetscore.phantom.raster import find_contacts

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class GlandStyle:
    """Shape of the glands of one cell type; ranges are drawn from once a fragment."""

    pitch_um: tuple[float, float]
    """Between the middles of two glands side by side; along a gland, longer by its aspect."""
    aspect: tuple[float, float]
    """Length over breadth."""
    height_um: tuple[float, float]
    """Of the epithelium."""
    width_um: float
    """Of a cell, half-way up."""
    gap_um: tuple[float, float]
    """Of stroma between two glands."""
    rounding_um: float
    """Radius of the corners."""
    nucleus: tuple[float, float]
    """Mean and standard deviation of the nucleus's distance from the base, in heights: pseudostratified if the latter
    is large."""
    slimness: float = 1.0
    """Elongation of the nuclei, times that of their type."""
    stratified: tuple[float, float] = (0.0, 0.0)
    """Range: 0, cells stand in one row; 1, their bodies lie as high or low as their nuclei, interlocked and crowded."""
    fused: float = 0.0
    """Probability that two neighbors share their lumen: a branching gland."""
    cribriform: float = 0.0
    """Probability that two neighbors stand wall to wall without stroma."""
    solid: float = 0.0
    """Share of the glands cut along their wall: no lumen but a honeycomb of cells."""
    goblet_share: float = 0.0
    """Share of the cells that hold a mucin vacuole."""


GLANDS = {
    CellType.TUMOR: GlandStyle(
        (54.0, 100.0),
        (1.0, 2.2),
        (18.0, 30.0),
        7.4,
        (3.0, 13.0),
        12.0,
        (0.40, 0.15),
        slimness=1.4,
        stratified=(0.15, 1.0),
        fused=0.11,
        cribriform=0.09,
        solid=0.16,
    ),
    CellType.FOVEOLAR: GlandStyle((48.0, 62.0), (1.0, 2.6), (15.0, 20.0), 6.8, (6.0, 16.0), 13.0, (0.24, 0.03)),
    CellType.METAPLASTIC: GlandStyle(
        (54.0, 70.0), (1.0, 2.4), (18.0, 23.0), 6.2, (6.0, 18.0), 14.0, (0.30, 0.05), goblet_share=0.22
    ),
}
"""Tumor: tall cells, 7-9 um wide at the nucleus, 20 to 35 um high and pseudostratified, as in the tumor glands of
`eac-tma` cores 0_aa1d and 2_da59; walls cut along the surface show a honeycomb. Foveolar and metaplastic: round or
long cross-sections with basal nuclei in wide stroma, by eye on the `cldn18-gastric` tiles."""


def lay_glands(
    rng: np.random.Generator, plan: Plan, room: Mask, cell_type: CellType, pattern: MembranePattern, share: float
) -> Sites:
    """Lay glands over about `share` of `room`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides the shapes.
    plan : Plan
        Gets epithelium and lumens.
    room : (h, w) bool
        Pixels of the plan that glands may take.
    cell_type : CellType
        A key of `GLANDS`.
    pattern : MembranePattern
        Of the cells, if stained.
    share : float
        Of the room; gaps and rounded corners leave a little less.

    Returns
    -------
    Sites
        The cells; none where the room is too small.
    """
    style = GLANDS[cell_type]
    if not room.any() or share <= 0:
        return join_sites([])
    regions, groups = _part_room(rng, room, style, share)
    depth = _depth_from_base(rng, regions, groups, style)
    height = float(rng.uniform(*style.height_um))
    is_solid = rng.random(int(regions.max()) + 1) < style.solid
    local = height * (1 + 0.1 * smooth_noise(rng, plan.shape, 25 / PLAN_UM))
    hollow = opened((depth > local) & ~is_solid[regions], 3.0)
    wall = (depth > 0) & ~hollow & (distance_to(depth > _LINE * height) <= _LINE * height + 1.5)
    plan.ground[wall] = Ground.EPITHELIUM
    plan.ground[hollow] = Ground.LUMEN
    stratified = float(rng.uniform(*style.stratified))
    line = _contours(depth, _LINE * height, style.width_um * (1 - _CROWDING * stratified))
    row = _stand_cells(rng, line, depth, (style, height, stratified), cell_type, pattern)
    core = fill_with_cells(rng, (depth > 0.85 * height) & is_solid[regions], 1.3 * style.width_um)
    retyped = replace(core, type=np.full(len(core), cell_type, np.int8), pattern=np.full(len(core), pattern, np.int8))
    return join_sites([row, retyped])


_CROWDING = 0.12
"""How much narrower stratified cells stand on their line."""

_FILLED = 0.65
"""Share of a parted room that is gland when all parts are kept, about: the rest is gaps and corners."""

_LINE = 0.4
"""Height of the line on which cells stand side by side, in heights of the epithelium: where the nuclei are."""


def _part_room(rng: np.random.Generator, room: Mask, style: GlandStyle, share: float) -> tuple[Labels, Labels]:
    """Part the room: labels of the regions, and of the groups of regions that make one gland; 0 is no gland."""
    cracks = _crack(rng, room.shape, float(rng.uniform(*style.pitch_um)), float(rng.uniform(*style.aspect)))
    cracks[~room] = 0
    n = int(cracks.max()) + 1
    pairs = find_contacts(cracks) + 1
    luck = rng.random(len(pairs))
    region_of = _joined(pairs[luck < style.fused], n)
    group_of = _joined(pairs[luck < style.fused + style.cribriform], n)
    is_kept = _keep(rng, np.bincount(group_of[cracks[room]], minlength=n), share / _FILLED)[group_of]
    is_kept[0] = False
    region_of, group_of = (np.where(is_kept, labels + 1, 0).astype(np.int32) for labels in (region_of, group_of))
    return region_of[cracks], group_of[cracks]


def _keep(rng: np.random.Generator, areas: NDArray[np.intp], share: float) -> Mask:
    """Keep groups that make up `share` of the whole area: the largest, and others by chance."""
    order = rng.permutation(len(areas))
    order = np.concatenate([[np.argmax(areas)], order[order != np.argmax(areas)]])
    before = np.cumsum(areas[order]) - areas[order]
    is_kept = np.zeros(len(areas), bool)
    is_kept[order[before < share * areas.sum()]] = True
    return is_kept


def _crack(rng: np.random.Generator, shape: tuple[int, ...], pitch: float, aspect: float) -> Labels:
    """Labels of the areas nearest to jittered seeds, stretched along a random direction, with wavy borders."""
    height, width = shape[0], shape[1]
    side = math.ceil(math.hypot(height, width)) + 2 * math.ceil(pitch)
    column, row = np.floor(jittered_grid(rng, (side, side), pitch / PLAN_UM, 0.24)).astype(np.intp).T
    away = np.ones((side, side), np.uint8)
    away[row, column] = 0
    _, labels = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    angle = rng.uniform(0, math.pi)
    y, x = np.indices((height, width), dtype=np.float32)
    y += 5 * smooth_noise(rng, (height, width), 45 / PLAN_UM) - height / 2
    x += 5 * smooth_noise(rng, (height, width), 45 / PLAN_UM) - width / 2
    along = ((x * math.cos(angle) + y * math.sin(angle)) / aspect + side / 2).astype(np.float32)
    across = (y * math.cos(angle) - x * math.sin(angle) + side / 2).astype(np.float32)
    cracked: Labels = read_nearest(labels, (along, across))
    return cracked


def _joined(pairs: Labels, n: int) -> NDArray[np.int32]:
    """Label the `n` items so that the members of each pair get the same label."""
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


def _depth_from_base(rng: np.random.Generator, regions: Labels, groups: Labels, style: GlandStyle) -> Field:
    """Distance from the base of the epithelium, microns; 0 outside glands."""
    gap = float(rng.uniform(*style.gap_um)) / 2
    gaps = gap * np.clip(1 + 0.5 * smooth_noise(rng, (groups.shape[0], groups.shape[1]), 50 / PLAN_UM), 0.3, 2)
    walls = distance_inside((regions > 0) & ~_borders(regions))
    rough = np.minimum(walls, distance_inside((groups > 0) & ~_borders(groups)) - gaps / PLAN_UM)
    outer = (rough > 0) & (distance_to(rough > style.rounding_um / PLAN_UM) <= style.rounding_um / PLAN_UM)
    depth: Field = (distance_inside(outer & ~_borders(regions)) * PLAN_UM).astype(np.float32)
    depth[outer & (depth == 0)] = 0.5 * PLAN_UM
    return depth


def _borders(labels: Labels) -> Mask:
    """Pixels whose right or lower neighbor has another label."""
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:-1] |= labels[:-1] != labels[1:]
    return border


def _contours(depth: Field, level_um: float, width_um: float) -> Floats:
    """Points along the middle of the epithelium, a cell's width apart: (n, 4), place and direction to the inside."""
    loops, _ = cv2.findContours((depth > level_um).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    lines = [_spaced((loop[:, 0, :] + 0.5) * PLAN_UM, width_um) for loop in loops]
    return np.concatenate([np.zeros((0, 4)), *lines])


_SMOOTHING = np.ones(5) / 5
"""Running mean along a contour, which steps from pixel to pixel."""


def _spaced(loop: NDArray[np.float64], width_um: float) -> Floats:
    """Points equally spaced along a closed contour, with the normal to its right; none if there is room for two."""
    if len(loop) < 3 * width_um / PLAN_UM:
        return np.zeros((0, 4))
    around = np.concatenate([loop[-2:], loop, loop[:2]])
    smooth = np.column_stack([np.convolve(around[:, k], _SMOOTHING, "valid") for k in (0, 1)])
    closed = np.concatenate([smooth, smooth[:1]])
    arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.arange(round(arc[-1] / width_um)) * width_um * arc[-1] / max(1.0, round(arc[-1] / width_um) * width_um)
    xy, ahead, behind = (
        np.column_stack([np.interp((at + d) % arc[-1], arc, closed[:, k]) for k in (0, 1)]) for d in (0, 3.0, -3.0)
    )
    tangent = ahead - behind
    length = np.maximum(np.hypot(*tangent.T), 1e-6)
    return np.column_stack([xy, -tangent[:, 1] / length, tangent[:, 0] / length])


def _stand_cells(
    rng: np.random.Generator,
    line: Floats,
    depth: Field,
    styled: tuple[GlandStyle, float, float],
    cell_type: CellType,
    pattern: MembranePattern,
) -> Sites:
    """Stand columnar cells on a line, upright, with their bases where `depth` falls to 0.

    `styled` is the style, the height of the epithelium, and how stratified it is.
    """
    style, height, stratified = styled
    xy, up = line[:, :2], _uphill(line, depth)
    n = len(xy)
    xy = xy + rng.normal(0, 0.16 * style.width_um, n)[:, None] * up[:, ::-1] * (1, -1)
    from_base = np.clip(style.nucleus[0] + style.nucleus[1] * rng.standard_normal(n), 0.17, 0.72) * height
    angle = np.arctan2(up[:, 1], up[:, 0])
    places = xy + (from_base - _LINE * height)[:, None] * up
    tilt = 0.1 * rng.standard_normal(n)
    sites = draw_sites(rng, places, angle + tilt, cell_type, pattern, Ground.EPITHELIUM)
    sites.nucleus[:, LONG] *= math.sqrt(style.slimness)
    sites.nucleus[:, SHORT] /= math.sqrt(style.slimness)
    middles = xy + stratified * (places - xy)
    lean = angle + 0.08 * rng.standard_normal(n)
    size = np.exp(0.07 * rng.standard_normal(n))
    sites = with_bodies(sites, middles, lean, 0.95 * height * size, 1.7 * style.width_um * size)
    is_goblet = rng.random(n) < style.goblet_share
    _make_goblets(rng, sites, is_goblet, (xy, up), height)
    return sites


def _uphill(line: Floats, depth: Field) -> Floats:
    """Turn the normals of a line so that `depth` grows along them."""
    ends = []
    for step in (3.0, -3.0):
        ends.append(np.clip(line[:, :2] + step * line[:, 2:], 0, np.array(depth.shape[::-1]) * PLAN_UM - PLAN_UM))
    rises = depth[pixel_of(ends[0])] >= depth[pixel_of(ends[1])]
    return np.where(rises, 1.0, -1.0)[:, None] * line[:, 2:]


GOBLET_UM = (6.6, 4.0)
"""Semi-axes of the vacuole of a goblet cell, by eye on `cldn18-gastric` tile moderate_3."""


def _make_goblets(
    rng: np.random.Generator, sites: Sites, is_goblet: Mask, xy_up: tuple[Floats, Floats], height: float
) -> None:
    """Fill cells with a vacuole that widens them and presses the nucleus flat against the base; in place."""
    xy, up = xy_up[0][is_goblet], xy_up[1][is_goblet]
    angle, n = np.arctan2(up[:, 1], up[:, 0]), len(xy)
    swell = np.exp(0.1 * rng.standard_normal(n))
    sites.body[is_goblet, LONG] *= 1.3
    sites.body[is_goblet, SHORT] *= 1.5
    axes = swell[:, None] * GOBLET_UM
    sites.vacuole[is_goblet] = np.column_stack([xy + 0.24 * height * up, angle, axes])
    sites.nucleus[is_goblet, :2] = xy - 0.21 * height * up
    sites.nucleus[is_goblet, ANGLE] = angle + math.pi / 2
    sites.nucleus[is_goblet, LONG] = 3.2
    sites.nucleus[is_goblet, SHORT] = 2.2


def lay_surface(rng: np.random.Generator, plan: Plan, outline: Mask, cell_type: CellType, share: float) -> Sites:
    """Line about `share` of the outline with epithelium, its apical side to the glass: the mucosal surface."""
    style = GLANDS[cell_type]
    height = float(rng.uniform(*style.height_um))
    depth = (distance_inside(outline) * PLAN_UM).astype(np.float32)
    line = _contours(depth, (1 - _LINE) * height, style.width_um)
    if not len(line):
        return join_sites([])
    side = smooth_noise(rng, plan.shape, 0.6 * max(plan.shape))[pixel_of(line[:, :2])]
    line = line[side >= np.quantile(side, 1 - share)]
    marked = np.zeros(outline.shape, bool)
    marked[pixel_of(line[:, :2])] = True
    wall = outline & (depth <= height) & (distance_to(marked) <= (1 - _LINE) * height + 1)
    plan.ground[wall] = Ground.EPITHELIUM
    return _stand_cells(rng, line, height - depth, (style, height, 0.0), cell_type, MembranePattern.NONE)
