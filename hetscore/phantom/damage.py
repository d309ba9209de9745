"""Damage a planned fragment: necrosis, crush, ulcer debris, mucus and blood take the place of tissue.

A cell whose nucleus was meant to lie in a damaged region is lost as a whole, so that the region's border runs along
cells, and no cell is cut in two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hetscore.phantom.epithelium import (
    LONG,
    PLAN_UM,
    CellType,
    Ground,
    Mask,
    Plan,
    Sites,
    distance_inside,
    draw_sites,
    eroded,
    grid_in,
    join_sites,
    pixel_of,
    take_sites,
)
from hetscore.phantom.noise import smooth_noise
from hetscore.phantom.spec import Damage

GROUNDS = {
    Damage.NECROSIS: Ground.NECROSIS,
    Damage.CRUSH: Ground.CRUSH,
    Damage.DEBRIS: Ground.DEBRIS,
    Damage.MUCUS: Ground.MUCUS,
    Damage.BLOOD: Ground.BLOOD,
}

SCALES_UM = {
    Damage.NECROSIS: 130.0,
    Damage.CRUSH: 110.0,
    Damage.DEBRIS: 160.0,
    Damage.MUCUS: 80.0,
    Damage.BLOOD: 70.0,
}
"""Size of a damaged region, by eye: necrosis in fields, mucus and blood in pools."""

RIM_UM = {Damage.CRUSH: 90.0, Damage.DEBRIS: 120.0}
"""What comes from outside, the forceps or the ulcer, prefers the rim, to about this depth."""

NEUTROPHIL_PITCH_UM = 8.5
NEUTROPHIL_SHARE = 0.55
"""Of the places in debris, this far apart, that hold a neutrophil: dense, in swarms."""


def find_damage(rng: np.random.Generator, outline: Mask, shares: Mapping[Damage, float]) -> NDArray[np.uint8]:
    """Draw where a fragment is damaged.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides the regions.
    outline : (h, w) bool
        The fragment, pixels of the plan.
    shares : mapping of Damage to float
        Share of the fragment; together at most 1.

    Returns
    -------
    (h, w) uint8
        `Ground` of the damage, 0 (glass) where there is none. Regions do not overlap and have the shares asked for,
        but for what the last kinds lack when the fragment is full.
    """
    damage = np.zeros(outline.shape, np.uint8)
    rim = distance_inside(outline) * PLAN_UM
    for kind in Damage:
        free = outline & (damage == 0)
        n: int = min(round(shares.get(kind, 0.0) * int(outline.sum())), int(free.sum()))
        if n > 0:
            field = smooth_noise(rng, (outline.shape[0], outline.shape[1]), SCALES_UM[kind] / PLAN_UM)
            field += 0.25 * smooth_noise(rng, (outline.shape[0], outline.shape[1]), 15 / PLAN_UM)
            field -= rim / RIM_UM[kind] if kind in RIM_UM else 0
            damage[free & (field >= np.partition(field[free], -n)[-n])] = GROUNDS[kind]
    return damage


def damage_plan(
    rng: np.random.Generator, plan: Plan, sites: Sites, damage: NDArray[np.uint8]
) -> tuple[Sites, NDArray[np.uint8]]:
    """Put damage in the place of tissue.

    Parameters
    ----------
    rng : numpy.random.Generator
        Scatters the neutrophils.
    plan : Plan
        Changed in place, epithelium excepted: that goes with its cells.
    sites : Sites
        The cells so far.
    damage : (h, w) uint8
        As `find_damage` draws it.

    Returns
    -------
    sites : Sites
        Lost cells without a territory are gone, those with one have no nucleus; neutrophils are added.
    fate : (n,) uint8
        By cell, the ground its territory turns into; 0 if it lives.
    """
    hit = (damage > 0) & (plan.ground != Ground.EPITHELIUM)
    plan.ground[hit] = damage[hit]
    fate = damage[pixel_of(_inside(sites.nucleus[:, :2], plan))]
    has_body = sites.body[:, LONG] > 0
    is_kept = has_body | (fate == 0)
    sites, fate = take_sites(sites, is_kept), fate[is_kept]
    sites.nucleus[fate > 0, LONG] = 0
    neutrophils = _neutrophils(rng, damage == Ground.DEBRIS)
    return join_sites([sites, neutrophils]), np.concatenate([fate, np.zeros(len(neutrophils), np.uint8)])


def _inside(xy: NDArray[np.float64], plan: Plan) -> NDArray[np.float64]:
    clipped: NDArray[np.float64] = np.clip(xy, 0, np.array(plan.shape[::-1]) * PLAN_UM - PLAN_UM)
    return clipped


def _neutrophils(rng: np.random.Generator, debris: Mask) -> Sites:
    xy = grid_in(rng, eroded(debris, 3.0), NEUTROPHIL_PITCH_UM, 0.25)
    swarms = smooth_noise(rng, (debris.shape[0], debris.shape[1]), 40 / PLAN_UM)[pixel_of(xy)] + rng.standard_normal(
        len(xy)
    )
    xy = xy[swarms > np.quantile(swarms, 1 - NEUTROPHIL_SHARE)] if len(xy) else xy
    return draw_sites(rng, xy, rng.uniform(0, math.pi, len(xy)), CellType.NEUTROPHIL, home=Ground.DEBRIS)
