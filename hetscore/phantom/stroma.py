"""Lay what lies between glands: vessels, smooth muscle, fibroblasts, lymphocytes and plasma cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hetscore.phantom.epithelium import (
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
    draw_sites,
    eroded,
    grid_in,
    join_sites,
    pixel_of,
    with_bodies,
)
from hetscore.phantom.noise import smooth_noise, streaked_noise


@dataclass(frozen=True)
class StromaParams:
    """How dense stroma is."""

    fibroblast_pitch_um: float = 13.5
    """Between fibroblasts: with the inflammatory cells 5.5 a 1,000 um2 or more, as the non-tumor nuclei of `eac-tma`
    crop 2_0123_20."""
    inflammatory_pitch_um: float = 8.0
    """Between the places that lymphocytes and plasma cells may take: packed in the middle of a cloud."""
    inflammatory_share: tuple[float, float] = (0.08, 0.42)
    """Range of the share of these places that is taken, from fragment to fragment; gastric mucosa is rich in both."""
    plasma_share: float = 0.4
    """Of the inflammatory cells; they keep apart from the lymphocytes, more or less."""
    clearance_um: float = 2.8
    """Between the center of a stromal nucleus and epithelium or glass: the radius of a lymphocyte's nucleus."""
    vessel_area_um2: float = 24_000.0
    """Of stroma for each vessel: a few in a field, as in the lamina propria of the `cldn18-gastric` tiles."""
    vessel_radius_um: tuple[float, float] = (3.5, 12.0)
    """Capillaries and venules."""
    blood_share: float = 0.5
    """Of the vessels: the others were washed empty."""


def lay_vessels(rng: np.random.Generator, plan: Plan, params: StromaParams) -> Sites:
    """Lay small vessels into the stroma: a lumen, empty or full of blood, in a ring of thin nuclei."""
    depth = distance_inside(plan.stroma) * PLAN_UM
    ys, xs = np.nonzero(depth > params.vessel_radius_um[0] + 5)
    wanted = rng.poisson(np.count_nonzero(plan.stroma) * PLAN_UM**2 / params.vessel_area_um2)
    parts, places = [], np.zeros((0, 2))
    for k in rng.permutation(len(xs))[: int(wanted)]:
        xy = (np.array([xs[k], ys[k]]) + 0.5) * PLAN_UM
        room = min(float(depth[ys[k], xs[k]]) - 4, params.vessel_radius_um[1])
        if len(places) and np.hypot(*(places - xy).T).min() < 4 * params.vessel_radius_um[1]:
            continue
        places = np.vstack([places, xy])
        ring = (float(rng.uniform(params.vessel_radius_um[0], room)), float(rng.uniform(0.45, 1.0)))
        parts.append(_lay_vessel(rng, plan, xy, ring, rng.random() < params.blood_share))
    return join_sites(parts)


def _lay_vessel(rng: np.random.Generator, plan: Plan, xy: Floats, ring: tuple[float, float], is_full: bool) -> Sites:
    """Lay one vessel of a long semi-axis and an aspect."""
    long, short, angle = ring[0], max(ring[0] * ring[1], 2.2), rng.uniform(0, math.pi)
    rows, columns = _box(plan, xy, long)
    y, x = np.ogrid[rows, columns]
    y, x = (y + 0.5) * PLAN_UM - xy[1], (x + 0.5) * PLAN_UM - xy[0]
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    inside = np.hypot(along / long, across / short) <= 1
    plan.ground[rows, columns][inside] = Ground.BLOOD if is_full else Ground.LUMEN
    n = max(2, round(math.pi * (long + short) / 15))
    phi = 2 * math.pi * (np.arange(n) + rng.uniform(-0.3, 0.3, n)) / n + rng.uniform(0, 2 * math.pi)
    u, v = (long + 1.4) * np.cos(phi), (short + 1.4) * np.sin(phi)
    tangent = np.arctan2((short + 1.4) * np.cos(phi), -(long + 1.4) * np.sin(phi)) + angle
    places = xy + np.column_stack(
        [u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)]
    )
    return draw_sites(rng, places, tangent, CellType.ENDOTHELIUM)


def _box(plan: Plan, xy: Floats, reach: float) -> tuple[slice, slice]:
    column, row = int(xy[0] / PLAN_UM), int(xy[1] / PLAN_UM)
    r = math.ceil(reach / PLAN_UM) + 1
    height, width = plan.shape
    return slice(max(0, row - r), min(height, row + r + 1)), slice(max(0, column - r), min(width, column + r + 1))


def lay_muscle(rng: np.random.Generator, plan: Plan, room: Mask, angle: float) -> Sites:
    """Lay bundles of smooth muscle along `angle`, stroma and slits between them, some bundles cut across."""
    bundles = streaked_noise(rng, plan.shape, (260 / PLAN_UM, 55 / PLAN_UM), angle) > -0.9
    seams = streaked_noise(rng, plan.shape, (110 / PLAN_UM, 7 / PLAN_UM), angle)
    muscle = room & bundles & (seams < 1.7)
    plan.ground[muscle] = Ground.MUSCLE
    plan.ground[room & bundles & (seams > 2.3)] = Ground.GLASS
    is_across = smooth_noise(rng, plan.shape, 130 / PLAN_UM) > 1.0
    parts = []
    for chosen, pitch in ((muscle & ~is_across, 14.0), (muscle & is_across, 11.0)):
        xy = grid_in(rng, eroded(chosen, 2.0), pitch, 0.25)
        parts.append(
            draw_sites(rng, xy, angle + 0.1 * rng.standard_normal(len(xy)), CellType.MUSCLE, home=Ground.MUSCLE)
        )
    parts[1].nucleus[:, LONG] = parts[1].nucleus[:, SHORT] = rng.uniform(2.1, 2.7, len(parts[1]))
    return join_sites(parts)


def lay_stroma(rng: np.random.Generator, plan: Plan, angle: float, others: Floats, params: StromaParams) -> Sites:
    """Lay the scattered cells of stroma.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides places and shapes.
    plan : Plan
        Read only.
    angle : float
        Of the fibers, along which fibroblasts lie.
    others : (n, 5) float64
        Ellipses that lie on stroma already: kept free.
    params : StromaParams
        Densities.

    Returns
    -------
    Sites
        Lymphocytes, plasma cells and fibroblasts; the first two in clouds, where the last are rare.
    """
    room = eroded(plan.stroma, params.clearance_um)
    clouds = smooth_noise(rng, plan.shape, 75 / PLAN_UM)
    clouds += 0.4 * smooth_noise(rng, plan.shape, 20 / PLAN_UM)
    xy = _free(grid_in(rng, room, params.inflammatory_pitch_um, 0.15), others, 4.0)
    fields = clouds[pixel_of(xy)] + 0.6 * rng.standard_normal(len(xy))
    cut = float(np.quantile(fields, 1 - rng.uniform(*params.inflammatory_share))) if len(xy) else 0.0
    xy = xy[fields > cut]
    kinds = smooth_noise(rng, plan.shape, 60 / PLAN_UM)[pixel_of(xy)] + 0.7 * rng.standard_normal(len(xy))
    is_plasma = kinds > (np.quantile(kinds, 1 - params.plasma_share) if len(xy) else 0)
    spindles = _free(grid_in(rng, room, params.fibroblast_pitch_um, 0.22), others, 3.0)
    is_crowded = clouds[pixel_of(spindles)] > cut
    thin = 0.75 + 0.25 * smooth_noise(rng, plan.shape, 50 / PLAN_UM)[pixel_of(spindles)]
    spindles = spindles[rng.random(len(spindles)) < np.where(is_crowded, 0.3, thin)]
    plasma = _plasma_cells(rng, xy[is_plasma])
    lymphocytes = _free(xy[~is_plasma], plasma.body, 1.5)
    return join_sites(
        [
            draw_sites(rng, lymphocytes, rng.uniform(0, math.pi, len(lymphocytes)), CellType.LYMPHOCYTE),
            plasma,
            draw_sites(rng, spindles, angle + 0.35 * rng.standard_normal(len(spindles)), CellType.FIBROBLAST),
        ]
    )


def _free(xy: Floats, others: Floats, clearance_um: float) -> Floats:
    """Keep the places farther than `clearance_um` from the ellipses `others`, taken as circles."""
    if not len(others) or not len(xy):
        return xy
    distance, nearest = cKDTree(others[:, :2]).query(xy)
    far: Floats = xy[distance > others[nearest, LONG] + clearance_um]
    return far


def _plasma_cells(rng: np.random.Generator, xy: Floats) -> Sites:
    """Oval cells with a round nucleus at one end."""
    n = len(xy)
    angle = rng.uniform(0, 2 * math.pi, n)
    aside = np.column_stack([np.cos(angle), np.sin(angle)])
    sites = draw_sites(rng, xy + 1.5 * aside, angle, CellType.PLASMA)
    return with_bodies(sites, xy, angle, rng.uniform(4.9, 5.7, n), rng.uniform(3.8, 4.3, n))
