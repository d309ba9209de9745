"""What a homogeneous case would look like through the errors of its reading: cell calls drawn from an error model.

In: where the tumor cells of a fragment lie and who touches whom, and an error model. Out: readings of the same cells,
many at once, in which every negative is an error. Errors are drawn as they were measured: at a rate that is known only
so well, higher in some fragments than in others, clumped among neighbors, beside cells and whole groups that are no
tumor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.spatial import cKDTree
from scipy.special import expit, logit, ndtr, ndtri, owens_t

from hetscore.scoring.clusters import Edges
from hetscore.scoring.error_model import ErrorModel, Stratum
from hetscore.scoring.scan import find_windows

Bools = NDArray[np.bool_]
_Floats = NDArray[np.float64]

_NODE_STEP = 0.8
"""Distance of the nodes of white noise that a field is made of, in standard deviations of its kernel: its correlation
is that of a continuous one to 0.05 (tested)."""
MAX_LATENT = 0.95
"""Largest share of the variance that neighbors have in common: above, a field is one lump, and no error is single."""
_BLOCK_CALLS = 2_000_000
"""Calls of a cell drawn at once: some 20 MB."""
DEFAULT_OBJECT = 5
"""Cells of a false object where none was ever seen: the least that could make a case hetero."""


@dataclass(frozen=True)
class Nest:
    """The scored tumor cells of a fragment: what errors are drawn on."""

    fragment: int
    x_um: _Floats
    y_um: _Floats
    edges: Edges
    """Links among these cells."""
    is_negative: Bools
    """Read as 0 or 1+."""
    stratum: str
    """Strength of stain, see `Stratum`."""
    area_mm2: float
    is_clear: Bools | None = None
    """Which of the negative are so beyond doubt; None where all of them count as such."""

    def __len__(self) -> int:
        return len(self.x_um)

    @cached_property
    def windows(self) -> NDArray[np.int32]:
        """Nearest cells of each, for the scan."""
        return find_windows(self.x_um, self.y_um)

    def field(self, reach: float) -> Field:
        """Make a field on the cells, once for each reach; see `Stratum.reach`."""
        known: dict[float, Field] = self.__dict__.setdefault("_fields", {})
        if reach not in known:
            known[reach] = _make_field(self.x_um, self.y_um, self.edges, reach * self.spacing_um)
        return known[reach]

    @cached_property
    def spacing_um(self) -> float:
        """Median length of a link; 1 um where there is none, which leaves every cell alone."""
        first, second = self.edges.T
        lengths = np.hypot(self.x_um[first] - self.x_um[second], self.y_um[first] - self.y_um[second])
        return max(1.0, float(np.median(lengths))) if len(lengths) else 1.0


@dataclass(frozen=True)
class Field:
    """A Gaussian field of unit variance on some cells."""

    kernel: csr_array
    """(cells, nodes) weights of white noise on the nodes of a grid; each row has length 1."""
    linked_correlation: float
    """Mean correlation at linked cells."""


def _make_field(x: _Floats, y: _Floats, edges: Edges, sigma: float) -> Field:
    """Weigh nodes up to 2.5 standard deviations away."""
    reach, step = 2.5 * sigma, _NODE_STEP * sigma
    along = [np.arange(part.min() - reach, part.max() + reach + step, step) for part in (x, y)]
    nodes = np.stack(np.meshgrid(*along), axis=-1).reshape(-1, 2)
    tree = cKDTree(np.column_stack([x, y]))
    near = tree.sparse_distance_matrix(cKDTree(nodes), reach, output_type="ndarray")
    weight = np.exp(-0.5 * (near["v"] / sigma) ** 2)
    length = np.sqrt(np.bincount(near["i"], weight**2, minlength=len(x)))
    values = (weight / length[near["i"]]).astype(np.float32)
    used, node = np.unique(near["j"], return_inverse=True)  # sparse tissue leaves most of the grid empty
    kernel = csr_array((values, (near["i"], node)), shape=(len(x), len(used)))
    first, second = edges[:: max(1, len(edges) // 2000)].T
    linked = np.asarray((kernel[first] * kernel[second]).sum(axis=1)) if len(first) else np.ones(1)
    return Field(kernel, float(linked.mean()))


def neighbor_probability(rate: float, correlation: float) -> float:
    """Chance that a cell is an error if one is whose latent value correlates so with its own.

    Phi2(z, z; c) / rate with z = Phi^-1(rate), by Owen's T: Phi2(z, z; c) = Phi(z) - 2 T(z, sqrt((1-c)/(1+c))) (Owen
    DB, Annals of Mathematical Statistics 1956;27:1075-1090).
    """
    z = float(ndtri(rate))
    return float((ndtr(z) - 2 * owens_t(z, np.sqrt((1 - correlation) / (1 + correlation)))) / rate)


def find_latent(rate: float, neighbor_ratio: float, linked_correlation: float) -> float:
    """Share of the variance that lies in the field, so that linked cells are errors together as often as measured.

    Parameters
    ----------
    rate : float
        Of errors.
    neighbor_ratio : float
        See `Stratum.neighbor_ratio`.
    linked_correlation : float
        Of the field at linked cells.

    Returns
    -------
    float
        0 to `MAX_LATENT`; 0 where errors are independent.
    """
    wanted = rate * neighbor_ratio
    if neighbor_ratio <= 1:
        return 0.0
    if wanted >= neighbor_probability(rate, MAX_LATENT * linked_correlation):
        return MAX_LATENT
    root = brentq(lambda r: neighbor_probability(rate, r * linked_correlation) - wanted, 0.0, MAX_LATENT)
    return float(root)


@dataclass(frozen=True)
class Draws:
    """What the fragments of a replicate have in common, one entry a replicate: how far the rates were misjudged."""

    false_negative: _Floats
    """Shift in standard errors of the log odds; so is"""
    false_tumor: _Floats
    objects_per_mm2: _Floats


def draw_shared(model: ErrorModel, n: int, rng: np.random.Generator) -> Draws:
    """Draw the true rates of each replicate: a case's fragments err together, and errors are not averaged away."""
    objects = rng.gamma(len(model.objects.items) + 0.5, size=n) / model.objects.area_mm2
    return Draws(rng.standard_normal(n), rng.standard_normal(n), objects)


def simulate(nest: Nest, model: ErrorModel, draws: Draws, rng: np.random.Generator) -> Iterator[tuple[slice, Bools]]:
    """Draw readings of a fragment whose tumor cells all overexpress HER2.

    Parameters
    ----------
    nest : Nest
        The cells; how they were really read does not matter.
    model : ErrorModel
        How often and how the reading errs.
    draws : Draws
        Of the replicates.
    rng : numpy.random.Generator
        Source of chance.

    Yields
    ------
    tuple of slice and ndarray, shape (r, n), bool
        Which replicates, and which cells are read as negative in each.
    """
    stratum = model.stratum(nest.stratum)
    field = nest.field(stratum.reach)
    latent = find_latent(stratum.false_negative.value, stratum.neighbor_ratio, field.linked_correlation)
    n_draws = len(draws.false_negative)
    step = max(1, _BLOCK_CALLS // max(1, len(nest)))
    for first in range(0, n_draws, step):
        part = slice(first, min(first + step, n_draws))
        limits = ndtri(_draw_rates(stratum, draws.false_negative[part], rng)).astype(np.float32)
        negative = _draw_field(field, latent, len(limits), rng) < limits[:, None]
        scattered = _draw_scattered(model, draws.false_tumor[part], rng)
        negative |= rng.random(negative.shape, np.float32) < scattered[:, None]
        _add_objects(negative, nest, model, draws.objects_per_mm2[part], rng)
        yield part, negative


def _draw_rates(stratum: Stratum, shared: _Floats, rng: np.random.Generator) -> _Floats:
    """Rate of false negatives of the fragment in each replicate."""
    rate = stratum.false_negative
    shift = shared * rate.logit_se + stratum.fragment_sd * rng.standard_normal(len(shared))
    return _shift_odds(rate.value, shift)


def _draw_scattered(model: ErrorModel, shared: _Floats, rng: np.random.Generator) -> NDArray[np.float32]:
    """Share of the fragment's cells that are no tumor in each replicate."""
    rate = model.false_tumor
    shift = shared * rate.logit_se + model.false_tumor_sd * rng.standard_normal(len(shared))
    return _shift_odds(rate.value, shift).astype(np.float32)


def _shift_odds(rate: float, shift: _Floats) -> _Floats:
    shifted: _Floats = expit(logit(rate) + shift)
    return shifted


def _draw_field(field: Field, latent: float, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(n, cells) standard normal values, alike among neighbors by the latent share."""
    n_cells, n_nodes = field.kernel.shape
    own = rng.standard_normal((n, n_cells), np.float32)
    if latent == 0.0:
        return own
    shared = (field.kernel @ rng.standard_normal((n_nodes, n), np.float32)).T
    value: NDArray[np.float32] = np.float32(np.sqrt(1 - latent)) * own + np.float32(np.sqrt(latent)) * shared
    return value


def _add_objects(negative: Bools, nest: Nest, model: ErrorModel, per_mm2: _Floats, rng: np.random.Generator) -> None:
    """Make groups of neighbors negative: as many and as large as groups of other cells were called tumor."""
    sizes = np.array([item.n_cells for item in model.objects.items] or [DEFAULT_OBJECT])
    shape = model.objects.shape
    uneven = per_mm2 if np.isinf(shape) else per_mm2 * rng.gamma(shape, 1 / shape, len(per_mm2))
    for row in np.repeat(np.arange(len(per_mm2)), rng.poisson(uneven * nest.area_mm2)):
        negative[row, take_group(nest, int(rng.integers(len(nest))), int(rng.choice(sizes)))] = True


def take_group(nest: Nest, center: int, n_cells: int) -> NDArray[np.int64]:
    """Take a compact group: a cell and those nearest to it, the whole fragment at most."""
    away = np.hypot(nest.x_um - nest.x_um[center], nest.y_um - nest.y_um[center])
    n_taken = min(n_cells, len(nest))
    return np.argpartition(away, n_taken - 1)[:n_taken]
