"""What a fragment is composed of, by kind of tissue: where glands, sheets, single cells, muscle and stroma go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from hetscore.domain import MembranePattern
from hetscore.phantom.diffuse import lay_diffuse, lay_signet
from hetscore.phantom.epithelium import (
    LONG,
    CellType,
    Ground,
    Mask,
    Plan,
    Sites,
    distance_to,
    eroded,
    join_sites,
    lay_sheets,
    zone,
)
from hetscore.phantom.glands import lay_glands, lay_surface
from hetscore.phantom.spec import FragmentSpec, Tissue
from hetscore.phantom.stroma import StromaParams, lay_muscle, lay_stroma, lay_vessels


@dataclass(frozen=True)
class CompositionParams:
    """Shares of the parts; a range is drawn from once a fragment."""

    edge_um: float = 7.0
    """Epithelium keeps this far from the outline, so that no cell is cut by it."""
    apart_um: float = 6.0
    """Stroma between two kinds of epithelium."""
    gland_share: tuple[float, float] = (0.55, 0.85)
    """Of the room, in tumor glands."""
    mixed_share: tuple[float, float] = (0.3, 0.6)
    """Of a mixed tumor, the part that forms glands; patches, not a mixture."""
    sheet_share: tuple[float, float] = (0.55, 0.85)
    diffuse_share: tuple[float, float] = (0.25, 0.6)
    """Of the places between stromal cells."""
    signet_share: tuple[float, float] = (0.25, 0.55)
    benign_share: tuple[float, float] = (0.45, 0.7)
    """In normal and metaplastic glands."""
    surface_share: tuple[float, float] = (0.15, 0.45)
    """Of the outline, that is lined by surface epithelium, in fragments without tumor."""
    normal_chance: float = 0.3
    """Of a tumor fragment to carry normal mucosa, so that tumor and normal glands lie side by side."""
    normal_share: tuple[float, float] = (0.1, 0.3)
    """Of such a fragment, its normal part."""
    metaplasia_chance: float = 0.4
    """That this normal part is intestinal metaplasia: common beside gastric cancer of the intestinal type."""
    least_normal_um: float = 350.0
    """Fragments smaller than this carry no normal part: it would leave too little tumor."""
    stroma: StromaParams = field(default_factory=StromaParams)


@dataclass(frozen=True)
class _Scene:
    """What every composer needs to know."""

    plan: Plan
    room: Mask
    spec: FragmentSpec
    angle: float
    params: CompositionParams


_Composer: TypeAlias = Callable[[np.random.Generator, _Scene], Sites]


def compose(rng: np.random.Generator, plan: Plan, spec: FragmentSpec, angle: float, params: CompositionParams) -> Sites:
    """Lay all tissue of a fragment into `plan`, whose ground is stroma within the outline.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides everything the specification leaves open.
    plan : Plan
        Filled in place.
    spec : FragmentSpec
        Its kind of tissue decides the composer.
    angle : float
        Along which stroma, files and muscle run, radians.
    params : CompositionParams
        Shares.

    Returns
    -------
    Sites
        All cells.
    """
    outline = plan.stroma
    room = eroded(outline, params.edge_um)
    parts = [_normal_part(rng, plan, room, spec, params)]
    room &= distance_to(plan.ground != Ground.STROMA) > params.apart_um if len(parts[0]) else room
    parts.append(COMPOSERS[spec.tissue](rng, _Scene(plan, room, spec, angle, params)))
    parts.append(lay_vessels(rng, plan, params.stroma))
    own = join_sites(parts)
    is_single = (own.home == Ground.STROMA) & (own.body[:, LONG] > 0)
    return join_sites([own, lay_stroma(rng, plan, angle, own.body[is_single], params.stroma)])


def _between(rng: np.random.Generator, values: tuple[float, float]) -> float:
    return float(rng.uniform(*values))


def _normal_part(
    rng: np.random.Generator, plan: Plan, room: Mask, spec: FragmentSpec, params: CompositionParams
) -> Sites:
    """Lay normal or metaplastic glands into a part of some tumor fragments."""
    is_large = spec.diameter_um >= params.least_normal_um
    if not (spec.has_tumor and spec.has_normal and is_large and rng.random() < params.normal_chance):
        return join_sites([])
    part = zone(rng, room, _between(rng, params.normal_share), spec.diameter_um / 3)
    kind = CellType.METAPLASTIC if rng.random() < params.metaplasia_chance else CellType.FOVEOLAR
    return lay_glands(rng, plan, part, kind, MembranePattern.NONE, _between(rng, params.benign_share))


def _glands(rng: np.random.Generator, scene: _Scene) -> Sites:
    share = _between(rng, scene.params.gland_share)
    glands = lay_glands(rng, scene.plan, scene.room, CellType.TUMOR, scene.spec.gland_pattern, share)
    if len(glands):
        return glands
    nest = lay_sheets(rng, scene.plan, scene.room, 1.0)  # no gland fits: one cut along its wall
    return replace(nest, pattern=np.full(len(nest), scene.spec.gland_pattern, np.int8))


def _sheets(rng: np.random.Generator, scene: _Scene) -> Sites:
    return lay_sheets(rng, scene.plan, scene.room, _between(rng, scene.params.sheet_share))


def _mixed(rng: np.random.Generator, scene: _Scene) -> Sites:
    in_glands = zone(rng, scene.room, _between(rng, scene.params.mixed_share), scene.spec.diameter_um / 3)
    glands = lay_glands(rng, scene.plan, in_glands, CellType.TUMOR, scene.spec.gland_pattern, 0.8)
    rest = scene.room & (distance_to(scene.plan.ground > Ground.STROMA) > scene.params.apart_um)
    return join_sites([glands, lay_sheets(rng, scene.plan, rest, _between(rng, scene.params.sheet_share))])


def _diffuse(rng: np.random.Generator, scene: _Scene) -> Sites:
    return lay_diffuse(rng, scene.room, scene.angle, _between(rng, scene.params.diffuse_share))


def _signet(rng: np.random.Generator, scene: _Scene) -> Sites:
    return lay_signet(rng, scene.room, scene.angle, _between(rng, scene.params.signet_share))


def _mucosa(cell_type: CellType) -> _Composer:
    """Compose mucosa without tumor: surface epithelium, and glands below it."""

    def lay(rng: np.random.Generator, scene: _Scene) -> Sites:
        params, plan = scene.params, scene.plan
        surface = lay_surface(rng, plan, plan.stroma, cell_type, _between(rng, params.surface_share))
        rest = scene.room & (distance_to(plan.ground == Ground.EPITHELIUM) > 2 * params.apart_um)
        share = _between(rng, params.benign_share)
        return join_sites([surface, lay_glands(rng, plan, rest, cell_type, MembranePattern.NONE, share)])

    return lay


def _muscle(rng: np.random.Generator, scene: _Scene) -> Sites:
    return lay_muscle(rng, scene.plan, eroded(scene.plan.stroma, 2.0), scene.angle)


COMPOSERS: Mapping[Tissue, _Composer] = MappingProxyType(
    {
        Tissue.GLANDS: _glands,
        Tissue.SHEETS: _sheets,
        Tissue.MIXED: _mixed,
        Tissue.DIFFUSE: _diffuse,
        Tissue.SIGNET_RING: _signet,
        Tissue.BENIGN: _mucosa(CellType.FOVEOLAR),
        Tissue.METAPLASIA: _mucosa(CellType.METAPLASTIC),
        Tissue.MUSCLE: _muscle,
    }
)
"""By kind of tissue: how its own cells are laid; vessels and stroma are laid afterwards for all."""
