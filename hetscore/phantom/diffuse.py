"""Lay poorly cohesive tumor: cells in files, small groups and singly, with or without the vacuole of a signet ring."""

from __future__ import annotations

import math

import numpy as np

from hetscore.domain import MembranePattern
from hetscore.phantom.epithelium import (
    ANGLE,
    LONG,
    PLAN_UM,
    SHORT,
    CellType,
    Floats,
    Mask,
    Sites,
    draw_sites,
    grid_in,
    pixel_of,
    with_bodies,
    zone,
)
from hetscore.phantom.noise import smooth_noise, streaked_noise

DIFFUSE_PITCH_UM = 10.4
"""Between neighbors in a file: they touch, their bodies being 9 to 13 um across."""

FILE_UM = (60.0, 8.5)
"""Length and breadth of a file: one cell broad, some six long."""

SIGNET_PITCH_UM = 14.5
SIGNET_RADIUS_UM = (7.3, 0.9)
"""Mean and standard deviation: signet-ring cells measure 12-18 um across."""


def lay_diffuse(rng: np.random.Generator, room: Mask, angle: float, share: float) -> Sites:
    """Lay poorly cohesive cells over the places of `room`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Chooses the places.
    room : (h, w) bool
        Pixels of the plan, stroma.
    angle : float
        Direction of the files, that of the stroma's fibers.
    share : float
        Of all places a cell could take, how many are taken: some half of them by files, the others by groups and
        single cells.

    Returns
    -------
    Sites
        Cells that lie on stroma and touch only where neighbors are taken.
    """
    xy = grid_in(rng, room, DIFFUSE_PITCH_UM, 0.16)
    files = streaked_noise(rng, (room.shape[0], room.shape[1]), FILE_UM, angle)[pixel_of(xy)]
    files += 0.4 * smooth_noise(rng, (room.shape[0], room.shape[1]), 150 / PLAN_UM)[pixel_of(xy)]
    in_file = files > np.quantile(files, 1 - 0.5 * share) if len(xy) else np.zeros(0, bool)
    in_group = zone(rng, room, 0.35 * share, 28.0)[pixel_of(xy)]
    return _single_cells(rng, xy[in_file | in_group | (rng.random(len(xy)) < 0.2 * share)], angle)


def _single_cells(rng: np.random.Generator, xy: Floats, angle: float) -> Sites:
    n = len(xy)
    turned = angle + 0.4 * rng.standard_normal(n)
    radius, stretch = rng.uniform(4.7, 6.6, n), rng.uniform(1.0, 1.45, n)
    eccentric = 0.16 * radius[:, None] * rng.standard_normal((n, 2))
    sites = draw_sites(rng, xy + eccentric, turned, CellType.TUMOR, MembranePattern.COMPLETE)
    room = 0.74 * radius / np.sqrt(sites.nucleus[:, LONG] * sites.nucleus[:, SHORT])
    sites.nucleus[:, LONG:] *= np.minimum(1.0, room)[:, None]
    return with_bodies(sites, xy, turned, radius * np.sqrt(stretch), radius / np.sqrt(stretch))


def lay_signet(rng: np.random.Generator, room: Mask, angle: float, share: float) -> Sites:
    """Lay signet-ring cells over `share` of the places of `room`, a fifth of the cells without a vacuole.

    They gather in loose groups; see `lay_diffuse` for the parameters.
    """
    xy = grid_in(rng, room, SIGNET_PITCH_UM, 0.16)
    field = smooth_noise(rng, (room.shape[0], room.shape[1]), 45 / PLAN_UM)[pixel_of(xy)] + rng.normal(0, 0.5, len(xy))
    xy = xy[field > np.quantile(field, 1 - share)] if len(xy) else xy
    is_plain = rng.random(len(xy)) < 0.2
    sites = _single_cells(rng, xy, angle)
    _fill_with_mucin(rng, sites, ~is_plain)
    return sites


def _fill_with_mucin(rng: np.random.Generator, sites: Sites, chosen: Mask) -> None:
    """Round the chosen cells up around a vacuole with a crescent of a nucleus beside it; in place."""
    n = int(np.count_nonzero(chosen))
    xy, phi = sites.body[chosen, :2], rng.uniform(0, 2 * math.pi, n)
    radius = np.clip(SIGNET_RADIUS_UM[0] + SIGNET_RADIUS_UM[1] * rng.standard_normal(n), 5.4, 9.5)
    aside = np.column_stack([np.cos(phi), np.sin(phi)])
    sites.body[chosen, LONG] = radius * 1.04
    sites.body[chosen, SHORT] = radius / 1.04
    sizes = (0.74 * radius, 0.68 * radius)
    sites.vacuole[chosen] = np.column_stack([xy - 0.2 * radius[:, None] * aside, phi + math.pi / 2, *sizes])
    sites.nucleus[chosen, :2] = xy + 0.64 * radius[:, None] * aside
    sites.nucleus[chosen, ANGLE] = phi + math.pi / 2
    sites.nucleus[chosen, LONG] = 0.64 * radius
    sites.nucleus[chosen, SHORT] = 0.34 * radius
