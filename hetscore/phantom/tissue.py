"""Grow one fragment: outline, epithelium, stroma and nuclei, with the truth of every cell.

Comes in: a `FragmentSpec` and a generator. Goes out: a `FragmentTissue`, still without color.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hetscore.domain import MembraneClass, MembranePattern
from hetscore.phantom.epithelium import (
    GLANDS,
    CellType,
    Floats,
    Ground,
    Layout,
    Mask,
    Sites,
    draw_sites,
    jittered_grid,
    join_sites,
    paint_gland,
    paint_sheets,
    place_glands,
)
from hetscore.phantom.noise import Field, read_nearest, smooth_noise, warp_maps
from hetscore.phantom.spec import FragmentSpec, Tissue


@dataclass(frozen=True)
class TissueParams:
    """How a fragment is composed."""

    margin_um: float = 12.0
    """Glass around the fragment in its own picture: more than any warp moves a pixel."""
    edge_um: float = 7.0
    """Epithelium keeps this far from the outline, so that no cell is cut by it."""
    gland_share: float = 0.75
    """Of the room, asked for; throwing at random fills a little less."""
    mixed_gland_share: float = 0.3
    sheet_share: float = 0.8
    """Of the room left by the glands."""
    benign_gland_share: float = 0.35
    stroma_pitch_um: float = 13.0
    """Between stromal cells: 5.5 a 1,000 um2, as the non-tumor nuclei of `eac-tma` crop 2_0123_20."""
    stroma_clearance_um: float = 3.0
    """Between the center of a stromal nucleus and epithelium or glass: the radius of a lymphocyte's nucleus."""
    lymphocyte_share: float = 0.45
    """Of the stromal cells; they gather in clouds."""
    least_nucleus_um2: float = 12.0
    """A smaller visible part is not called a nucleus, by readers neither."""
    membrane_clearance_um: float = 0.5
    """Between a nucleus and the cell's border."""
    warps_um: tuple[tuple[float, float], ...] = ((70.0, 5.0), (22.0, 1.6), (6.0, 0.6))
    """Scale and amplitude of the waves that bend the ideal geometry."""


@dataclass(frozen=True)
class FragmentTissue:
    """A fragment before staining. Row i of the columns is label i + 1 of the pictures."""

    ground: NDArray[np.uint8]
    """`Ground`."""
    cells: NDArray[np.int32]
    """Territories of epithelial cells."""
    nuclei: NDArray[np.int32]
    """The part of each nucleus that can be seen."""
    depth: Field
    """Inside a nucleus: 0 at the center, 1 at its border."""
    mpp: float
    x: Floats
    y: Floats
    """Centroid of the visible nucleus, pixels of the pictures, first pixel's center at 0.5; NaN without nucleus."""
    type: NDArray[np.int8]
    pattern: NDArray[np.int8]
    """`MembranePattern` as painted; NONE on unstained cells."""
    membrane_class: NDArray[np.int8]
    """`MembraneClass`; UNSCORED on cells that are not tumor."""
    contacts: NDArray[np.int32]
    """(m, 2) rows of cells whose territories touch."""
    stroma_angle: float
    """Along which the fibers run, radians from x towards y."""

    @property
    def is_tumor(self) -> Mask:
        """Which cells are tumor cells."""
        tumor: Mask = self.type == CellType.TUMOR
        return tumor

    @property
    def has_nucleus(self) -> Mask:
        """Which cells show a nucleus: only these are in the truth."""
        return np.isfinite(self.x)


def grow_fragment(
    spec: FragmentSpec, mpp: float, rng: np.random.Generator, params: TissueParams | None = None
) -> FragmentTissue:
    """Grow a fragment.

    Parameters
    ----------
    spec : FragmentSpec
        What to grow.
    mpp : float
        Microns per pixel of the pictures.
    rng : numpy.random.Generator
        Decides everything the specification leaves open.
    params : TissueParams, optional
        Composition.

    Returns
    -------
    FragmentTissue
        Every tumor cell of it is of the class the specification says.
    """
    params = params or TissueParams()
    outline = draw_outline(rng, spec.diameter_um / mpp, math.ceil(params.margin_um / mpp), 14.0 / mpp)
    layout = Layout(outline.astype(np.uint8) * int(Ground.STROMA), np.zeros(outline.shape, np.int32), mpp)
    sites = _fill_epithelium(rng, layout, spec, params)
    angle = float(rng.uniform(0, math.pi))
    sites = join_sites([sites, _stroma_sites(rng, layout, angle, params)])
    nuclei, depth = _paint_nuclei(rng, layout, sites)
    maps = warp_maps(rng, layout.ground.shape, tuple((s / mpp, a / mpp) for s, a in params.warps_um))
    warped = Layout(read_nearest(layout.ground, maps), read_nearest(layout.cells, maps), mpp)
    nuclei = _visible(warped, read_nearest(nuclei, maps), params)
    depth = cv2.remap(depth, *maps, cv2.INTER_LINEAR)
    return _assemble(rng, spec, warped, sites, (nuclei, depth), angle)


def draw_outline(rng: np.random.Generator, diameter: float, margin: int, roughness: float) -> Mask:
    """Draw a ragged blob, one piece without holes, at most `diameter` pixels across, `margin` pixels from the edges."""
    side = math.ceil(diameter) + 2 * margin
    y, x = np.indices((side, side)) - (side - 1) / 2
    theta, radius = np.arctan2(y, x), np.hypot(x, y)
    wave = sum(rng.normal(0, 0.16 / k) * np.cos(k * theta + rng.uniform(0, 2 * math.pi)) for k in (2, 3, 4, 5))
    edge = (1 + wave) / (1 + np.max(wave)) * diameter / 2
    rough = edge - 0.35 * roughness * np.abs(smooth_noise(rng, (side, side), roughness))
    return _largest_piece(radius < rough)


def _largest_piece(mask: Mask) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    piece = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    _, outside, _, _ = cv2.connectedComponentsWithStats((~piece).astype(np.uint8), connectivity=4)
    filled: Mask = outside != outside[0, 0]
    return filled


def _fill_epithelium(rng: np.random.Generator, layout: Layout, spec: FragmentSpec, params: TissueParams) -> Sites:
    room = _eroded(layout.ground == Ground.STROMA, params.edge_um / layout.mpp)
    if spec.tissue is Tissue.BENIGN:
        return _fill_glands(rng, layout, room, CellType.FOVEOLAR, MembranePattern.NONE, params.benign_gland_share)
    share = {Tissue.GLANDS: params.gland_share, Tissue.MIXED: params.mixed_gland_share, Tissue.SHEETS: 0.0}[spec.tissue]
    glands = _fill_glands(rng, layout, room, CellType.TUMOR, spec.gland_pattern, share)
    if spec.tissue is Tissue.GLANDS:
        return glands
    rest = _eroded(room & (layout.ground == Ground.STROMA), GLANDS[CellType.TUMOR].gap_um / layout.mpp)
    return join_sites([glands, paint_sheets(rng, layout, rest, params.sheet_share, len(glands) + 1)])


def _fill_glands(
    rng: np.random.Generator,
    layout: Layout,
    room: Mask,
    cell_type: CellType,
    pattern: MembranePattern,
    share: float,
) -> Sites:
    parts = [draw_sites(rng, np.zeros((0, 2)), np.zeros(0), cell_type, pattern, layout.mpp)]
    for gland in place_glands(rng, room, GLANDS[cell_type], share, layout.mpp):
        first = sum(len(part) for part in parts) + 1
        parts.append(paint_gland(rng, layout, gland, first, cell_type, pattern))
    return join_sites(parts)


def _eroded(mask: Mask, distance_px: float) -> Mask:
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    eroded: Mask = inside > distance_px
    return eroded


def _stroma_sites(rng: np.random.Generator, layout: Layout, angle: float, params: TissueParams) -> Sites:
    shape = (layout.ground.shape[0], layout.ground.shape[1])
    xy = jittered_grid(rng, shape, params.stroma_pitch_um / layout.mpp, 0.2)
    column, row = np.rint(xy).astype(np.intp).T
    room = _eroded(layout.ground == Ground.STROMA, params.stroma_clearance_um / layout.mpp)
    clouds = smooth_noise(rng, shape, 60 / layout.mpp)[row, column] + 0.6 * rng.standard_normal(len(xy))
    is_lymphocyte = clouds > np.quantile(clouds, 1 - params.lymphocyte_share)
    parts = []
    for cell_type, chosen in ((CellType.LYMPHOCYTE, is_lymphocyte), (CellType.FIBROBLAST, ~is_lymphocyte)):
        at = xy[chosen & room[row, column]]
        angles = angle + 0.3 * rng.standard_normal(len(at))
        parts.append(draw_sites(rng, at, angles, cell_type, MembranePattern.NONE, layout.mpp))
    return join_sites(parts)


def _paint_nuclei(rng: np.random.Generator, layout: Layout, sites: Sites) -> tuple[NDArray[np.int32], Field]:
    """Paint the nuclei as slightly dented ellipses; where two overlap, a pixel goes to the nearer center."""
    labels = np.zeros(layout.ground.shape, np.int32)
    depth = np.full(layout.ground.shape, 2.0, np.float32)
    dents = rng.normal(0, 0.045, (len(sites), 2))
    phases = rng.uniform(0, 2 * math.pi, (len(sites), 2))
    for i in range(len(sites)):
        box, rho = _ellipse(sites, i, dents[i], phases[i], labels.shape)
        nearer = rho < depth[box]
        depth[box][nearer] = rho[nearer]
        labels[box][nearer & (rho <= 1)] = i + 1
    return labels, depth


def _ellipse(
    sites: Sites, i: int, dents: Floats, phases: Floats, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], Field]:
    reach = math.ceil(1.3 * sites.long_px[i]) + 1
    x, y = round(float(sites.x[i])), round(float(sites.y[i]))
    rows = slice(max(0, y - reach), min(shape[0], y + reach + 1))
    columns = slice(max(0, x - reach), min(shape[1], x + reach + 1))
    dy = np.arange(rows.start, rows.stop)[:, None] - sites.y[i]
    dx = np.arange(columns.start, columns.stop)[None, :] - sites.x[i]
    cos, sin = math.cos(sites.angle[i]), math.sin(sites.angle[i])
    u, v = (dx * cos + dy * sin) / sites.long_px[i], (dy * cos - dx * sin) / sites.short_px[i]
    phi = np.arctan2(v, u)
    dented = 1 + dents[0] * np.cos(2 * phi + phases[0]) + dents[1] * np.cos(3 * phi + phases[1])
    return (rows, columns), (np.hypot(u, v) / dented).astype(np.float32)


def _visible(layout: Layout, nuclei: NDArray[np.int32], params: TissueParams) -> NDArray[np.int32]:
    """Keep of each nucleus what lies within its own cell, or in stroma; drop what is too small to be seen."""
    in_cell = (layout.cells == nuclei) & ~_near_border(layout.cells, params.membrane_clearance_um / layout.mpp)
    is_seen = (nuclei > 0) & np.where(layout.cells > 0, in_cell, layout.ground == Ground.STROMA)
    is_seen &= (layout.cells > 0) | (nuclei > layout.cells.max())
    visible = np.where(is_seen, nuclei, 0)
    area_um2 = np.bincount(visible.ravel()) * layout.mpp**2
    visible[area_um2[visible] < params.least_nucleus_um2] = 0
    return visible


def _near_border(cells: NDArray[np.int32], distance_px: float) -> Mask:
    same = np.ones(cells.shape, np.uint8)
    same[:, :-1] &= cells[:, :-1] == cells[:, 1:]
    same[:-1] &= cells[:-1] == cells[1:]
    near: Mask = cv2.distanceTransform(same, cv2.DIST_L2, 5) <= distance_px
    return near


def _assemble(
    rng: np.random.Generator,
    spec: FragmentSpec,
    layout: Layout,
    sites: Sites,
    nuclei_depth: tuple[NDArray[np.int32], Field],
    angle: float,
) -> FragmentTissue:
    nuclei, depth = nuclei_depth
    x, y = _centroids(nuclei, len(sites))
    meant_xy = np.column_stack([sites.x, sites.y])
    classes = assign_classes(rng, spec, meant_xy, sites.type == CellType.TUMOR, np.isfinite(x))
    is_faint_sheet = (classes == MembraneClass.FAINT) & (sites.pattern == MembranePattern.COMPLETE)
    pattern = np.where(classes > 0, sites.pattern, MembranePattern.NONE)
    return FragmentTissue(
        ground=layout.ground,
        cells=layout.cells,
        nuclei=nuclei,
        depth=depth,
        mpp=layout.mpp,
        x=x,
        y=y,
        type=sites.type,
        pattern=np.where(is_faint_sheet, MembranePattern.PARTIAL, pattern).astype(np.int8),
        membrane_class=classes,
        contacts=find_contacts(layout.cells),
        stroma_angle=angle,
    )


def _centroids(labels: NDArray[np.int32], n: int) -> tuple[Floats, Floats]:
    row, column = np.nonzero(labels)
    label = labels[row, column]
    count = np.bincount(label, minlength=n + 1)[1:]
    with np.errstate(invalid="ignore"):
        x = np.bincount(label, column + 0.5, minlength=n + 1)[1:] / count
        y = np.bincount(label, row + 0.5, minlength=n + 1)[1:] / count
    return x, y


def assign_classes(
    rng: np.random.Generator, spec: FragmentSpec, xy: Floats, is_tumor: Mask, is_seen: Mask
) -> NDArray[np.int8]:
    """Give every tumor cell its membrane class: the fragment's, but for the clone and the mosaic.

    Parameters
    ----------
    rng : numpy.random.Generator
        Picks the cells of the mosaic.
    spec : FragmentSpec
        Class, clone and mosaic.
    xy : (n, 2) float64
        Where the nuclei were meant to lie.
    is_tumor, is_seen : (n,) bool
        Tumor cells; cells whose nucleus is seen. Clone and mosaic are counted in cells that are both.

    Returns
    -------
    (n,) int8
        `MembraneClass`; UNSCORED where not tumor.

    Notes
    -----
    The clone is the cell whose ``clone_cells - 1`` nearest tumor cells lie closest, with those: the densest place there
    is. A tumor cell without a visible nucleus takes the class of the nearest one with a nucleus.
    """
    classes = np.where(is_tumor, spec.membrane_class, MembraneClass.UNSCORED).astype(np.int8)
    seen, unseen = np.flatnonzero(is_tumor & is_seen), np.flatnonzero(is_tumor & ~is_seen)
    if not len(seen):
        return classes
    classes[rng.permutation(seen)[: round(spec.mosaic_share * len(seen))]] = spec.minor_class
    if spec.clone_cells:
        classes[seen[_densest_group(xy[seen], min(spec.clone_cells, len(seen)))]] = spec.minor_class
    classes[unseen] = classes[seen[cKDTree(xy[seen]).query(xy[unseen])[1]]]
    return classes


def _densest_group(xy: Floats, k: int) -> NDArray[np.intp]:
    distance, nearest = cKDTree(xy).query(xy, k=np.arange(1, k + 1))
    group: NDArray[np.intp] = nearest[np.argmin(distance[:, -1])]
    return group


def find_contacts(cells: NDArray[np.int32]) -> NDArray[np.int32]:
    """Find the pairs of cells whose territories share an edge, (m, 2) rows with the smaller first, sorted."""
    beside = np.stack([cells[:, :-1].ravel(), cells[:, 1:].ravel()])
    below = np.stack([cells[:-1].ravel(), cells[1:].ravel()])
    pairs = np.concatenate([beside, below], axis=1)
    pairs = pairs[:, (pairs[0] != pairs[1]) & (pairs > 0).all(axis=0)] - 1
    unique: NDArray[np.int32] = np.unique(np.sort(pairs, axis=0), axis=1).T
    return unique
