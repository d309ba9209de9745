"""Fragments on a lattice and error models by hand, for the simulation and its tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hetscore.scoring.clusters import link_cells
from hetscore.scoring.error_model import ErrorModel, FalseObject, FalseObjects, Rate, Stratum
from hetscore.scoring.simulator import Nest, take_group

SPACING_UM = 12.0
CELLS_PER_MM2 = 5000.0
N_KNOWN = 100_000


def make_nest(n_cells: int = 900, fragment: int = 1, *, area_mm2: float | None = None) -> Nest:
    """Make a fragment of tumor cells 12 um apart on a hexagonal lattice, each moved by about a micrometer."""
    rng = np.random.default_rng(fragment)
    side = int(np.ceil(np.sqrt(n_cells)))
    row, column = np.divmod(np.arange(n_cells), side)
    x = (column + row % 2 / 2) * SPACING_UM + rng.normal(0, 1, n_cells)
    y = row * SPACING_UM * np.sqrt(3) / 2 + rng.normal(0, 1, n_cells)
    area = n_cells / CELLS_PER_MM2 if area_mm2 is None else area_mm2
    return Nest(fragment, x, y, link_cells(x, y), np.zeros(n_cells, np.bool_), "3+", area)


def with_clone(nest: Nest, n_cells: int) -> Nest:
    """Make a compact group in the middle of a fragment negative."""
    x, y = nest.x_um - nest.x_um.mean(), nest.y_um - nest.y_um.mean()
    negative = nest.is_negative.copy()
    negative[take_group(nest, int(np.hypot(x, y).argmin()), n_cells)] = True
    return replace(nest, is_negative=negative)


def known_rate(share: float, n_cells: int = N_KNOWN) -> Rate:
    """Make a rate so well known that its own uncertainty does not matter."""
    n_errors = round(share * n_cells)
    return Rate(n_errors, n_cells, 0.999 * n_errors / n_cells, 1.001 * n_errors / n_cells)


def make_errors(
    false_negative: float = 0.01,
    neighbor_ratio: float = 1.0,
    *,
    fragment_sd: float = 0.0,
    reach: float = 2.0,
    false_tumor: float = 0.0,
    objects: tuple[int, ...] = (),
    area_mm2: float = 1000.0,
    false_positive: float = 0.03,
) -> ErrorModel:
    """Make an error model by hand; objects are so many cells each, found on `area_mm2`."""
    return ErrorModel(
        id="by-hand",
        model="none",
        model_sha256="",
        calibration="none",
        created="2026-01-01",
        is_site=True,
        n_slides=10,
        n_fragments=40,
        strata=(Stratum("3+", known_rate(false_negative), neighbor_ratio, fragment_sd, reach=reach),),
        false_positive=known_rate(false_positive),
        false_tumor=known_rate(false_tumor),
        false_tumor_sd=0.0,
        objects=FalseObjects(tuple(FalseObject(n, 0.7) for n in objects), area_mm2),
        missed=known_rate(0.05),
        domain={},
    )
