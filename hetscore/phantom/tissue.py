"""Grow one fragment: outline, epithelium, stroma, damage and nuclei, with the truth of every cell.

Comes in: a `FragmentSpec` and a generator. Goes out: a `FragmentTissue`, still without color.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import MembraneClass, MembranePattern
from hetscore.phantom.classes import assign_classes
from hetscore.phantom.composition import CompositionParams, compose
from hetscore.phantom.damage import damage_plan, find_damage
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
    X,
    Y,
    distance_to,
)
from hetscore.phantom.noise import Field, smooth_noise, streaked_noise
from hetscore.phantom.outline import OutlineParams, draw_outline
from hetscore.phantom.raster import (
    draw_warp,
    drop_labels,
    find_contacts,
    measure,
    paint_bodies,
    paint_ground,
    paint_nuclei,
    paint_vacuoles,
    settle,
)
from hetscore.phantom.spec import FragmentSpec


@dataclass(frozen=True)
class TissueParams:
    """How a fragment is grown."""

    margin_um: float = 12.0
    """Glass around the fragment in its own picture: more than any warp moves a pixel."""
    least_breadth_um: float = 180.0
    """Small fragments are less elongated, to be about this broad: a gland needs a third of it."""
    roughness_um: float = 14.0
    """Scale of the frayed edge."""
    outline: OutlineParams = field(default_factory=OutlineParams)
    composition: CompositionParams = field(default_factory=CompositionParams)
    hidden_share: float = 0.04
    """Of the cells with a territory, those cut beside their nucleus; a section is thinner than a cell. Most such cells
    are not noticed, so the share is small."""
    size_sd: float = 0.06
    """Standard deviation, from fragment to fragment, of the logarithm of the diameter of tumor nuclei."""
    tear_share: float = 0.5
    """Of the fragments, those in which epithelium came off the stroma here and there: shrinkage in processing."""
    least_nucleus_um2: float = 12.0
    """A smaller visible part is not called a nucleus, by readers neither."""
    clearance_um: float = 0.5
    """Between a nucleus or a vacuole and the cell's border."""
    dents: tuple[float, float] = (0.025, 0.045)
    """Standard deviation of the dents of a nucleus, in radii: of most cells, of tumor cells."""
    warps_um: tuple[tuple[float, float], ...] = ((22.0, 1.6), (9.0, 0.75), (4.5, 0.3))
    """Scale and amplitude of the waves that bend the ideal geometry."""


@dataclass(frozen=True)
class FragmentTissue:
    """A fragment before staining. Row i of the columns is label i + 1 of the pictures."""

    ground: NDArray[np.uint8]
    """`Ground`."""
    cells: NDArray[np.int32]
    """Territories, of epithelial and plasma cells."""
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
        Composition and shapes.

    Returns
    -------
    FragmentTissue
        Every tumor cell of it is of the class the specification says. The pictures hold the fragment and
        ``margin_um`` of glass on every side.
    """
    params = params or TissueParams()
    margin = math.ceil(params.margin_um / PLAN_UM)
    shape = params.outline.at_most(spec.diameter_um / params.least_breadth_um)
    outline = draw_outline(rng, spec.diameter_um / PLAN_UM, margin, params.roughness_um / PLAN_UM, shape)
    plan = Plan(outline.astype(np.uint8) * np.uint8(Ground.STROMA))
    angle = float(rng.uniform(0, math.pi))
    damage = find_damage(rng, outline, spec.damage)
    sites = compose(rng, plan, spec, angle, params.composition)
    if rng.random() < params.tear_share:
        _tear(rng, plan, angle)
    sites, fate = damage_plan(rng, plan, sites, damage)
    _vary_nuclei(rng, sites, params)
    return _paint(rng, spec, plan, (sites, fate), angle, mpp, params)


def _tear(rng: np.random.Generator, plan: Plan, angle: float) -> None:
    """Open slits between epithelium and stroma, and some within the stroma."""
    loose = smooth_noise(rng, plan.shape, 70 / PLAN_UM) + 0.5 * smooth_noise(rng, plan.shape, 18 / PLAN_UM)
    gap = 3.0 * np.clip(loose - 0.7, 0, 1) / PLAN_UM
    slits = streaked_noise(rng, plan.shape, (45 / PLAN_UM, 5 / PLAN_UM), angle)
    torn = plan.stroma & ((distance_to(plan.ground == Ground.EPITHELIUM) <= gap) & (gap > 0) | (slits > 2.7))
    plan.ground[torn] = Ground.GLASS


def _vary_nuclei(rng: np.random.Generator, sites: Sites, params: TissueParams) -> None:
    """Make the tumor nuclei of this fragment larger or smaller, and hide the nuclei of a few cells; in place."""
    size = math.exp(params.size_sd * rng.standard_normal())
    sites.nucleus[sites.type == CellType.TUMOR, LONG:] *= size
    is_hidden = (sites.body[:, LONG] > 0) & (rng.random(len(sites)) < params.hidden_share)
    sites.nucleus[is_hidden, LONG] = 0


def _paint(
    rng: np.random.Generator,
    spec: FragmentSpec,
    plan: Plan,
    sites_fate: tuple[Sites, NDArray[np.uint8]],
    angle: float,
    mpp: float,
    params: TissueParams,
) -> FragmentTissue:
    sites, fate = sites_fate
    warp = draw_warp(rng, plan.shape, params.warps_um, mpp)
    ground = paint_ground(plan, warp)
    cells, depth = np.zeros(ground.shape, np.int32), np.full(ground.shape, 2.0, np.float32)
    clearance = max(1, round(params.clearance_um / mpp))
    maps = warp.maps
    paint_bodies(cells, depth, ground, sites.body, _kernels(sites), sites.home, maps)
    settle(ground, cells, _by_label(fate), _by_label(_ground_of(sites)))
    paint_vacuoles(ground, cells, sites.vacuole, clearance, maps)
    depth.fill(2.0)
    nuclei = np.zeros_like(cells)
    shapes, owners = _nucleus_shapes(rng, sites, params)
    homes = np.where(sites.body[:, LONG] > 0, Ground.EPITHELIUM, sites.home).astype(np.int8)
    paint_nuclei(nuclei, depth, (ground, cells), shapes, owners, sites.vacuole, homes, clearance, maps)
    seen = measure(nuclei, len(sites))
    is_small = seen[:, 0] * mpp**2 < params.least_nucleus_um2
    drop_labels(nuclei, is_small)
    seen[is_small] = np.nan
    return _assemble(rng, spec, (ground, cells, nuclei, depth), (sites, seen), angle, mpp)


def _kernels(sites: Sites) -> Floats:
    """Nuclei around which cells bulge: those of cells that press on one another."""
    kernels = sites.nucleus.copy()
    kernels[sites.home != Ground.EPITHELIUM, LONG] = 0
    return kernels


def _by_label(column: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([np.zeros(1, np.uint8), column])


def _ground_of(sites: Sites) -> NDArray[np.uint8]:
    """Say what a territory makes of its pixels: plasma cells stay in the stroma."""
    return np.where(sites.type == CellType.PLASMA, Ground.STROMA, Ground.EPITHELIUM).astype(np.uint8)


LOBES = 3
"""Of a neutrophil's nucleus, seen in a section; each a disk."""


def _nucleus_shapes(rng: np.random.Generator, sites: Sites, params: TissueParams) -> tuple[Floats, NDArray[np.int64]]:
    """Ellipses with dents, (m, 11), and the cell of each: one to a cell, `LOBES` to a neutrophil."""
    is_lobed = sites.type == CellType.NEUTROPHIL
    owners = np.repeat(np.arange(len(sites)), np.where(is_lobed, LOBES, 1))
    shapes = sites.nucleus[owners].copy()
    lobed = np.flatnonzero(is_lobed[owners])
    radius = np.sqrt(shapes[lobed, LONG] * shapes[lobed, SHORT])
    phi = shapes[lobed, ANGLE] + 1.7 * (np.arange(len(lobed)) % LOBES) + rng.uniform(-0.5, 0.5, len(lobed))
    shapes[lobed, X] += 0.45 * radius * np.cos(phi)
    shapes[lobed, Y] += 0.45 * radius * np.sin(phi)
    shapes[lobed, LONG] = shapes[lobed, SHORT] = radius * rng.uniform(0.42, 0.6, len(lobed))
    sd = np.where(sites.type[owners] == CellType.TUMOR, params.dents[1], params.dents[0])
    dents = rng.standard_normal((len(owners), 6)) * sd[:, None] * (1.0, 0.7, 0.5, 1.0, 0.7, 0.5)
    return np.column_stack([shapes, dents]), owners


def _assemble(
    rng: np.random.Generator,
    spec: FragmentSpec,
    pictures: tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32], Field],
    sites_seen: tuple[Sites, Floats],
    angle: float,
    mpp: float,
) -> FragmentTissue:
    (ground, cells, nuclei, depth), (sites, seen) = pictures, sites_seen
    x, y = seen[:, 1], seen[:, 2]
    classes = assign_classes(rng, spec, sites.nucleus[:, :2], sites.type == CellType.TUMOR, np.isfinite(x))
    is_faint_sheet = (classes == MembraneClass.FAINT) & (sites.pattern == MembranePattern.COMPLETE)
    pattern = np.where(classes > 0, sites.pattern, MembranePattern.NONE)
    return FragmentTissue(
        ground=ground,
        cells=cells,
        nuclei=nuclei,
        depth=depth,
        mpp=mpp,
        x=x,
        y=y,
        type=sites.type,
        pattern=np.where(is_faint_sheet, MembranePattern.PARTIAL, pattern).astype(np.int8),
        membrane_class=classes,
        contacts=find_contacts(cells),
        stroma_angle=angle,
    )
