"""Three tests of "this case is homogeneous, and what is negative in it was misread", each against the error model.

In: the tumor cells of the voting fragments as they were read, and the measured errors of the reading. Out: how often
errors alone make so large a cluster of negative cells, so dense a place, so negative a fragment; and how small a
negative clone would still have been noticed among these cells.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial, reduce

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from hetscore.domain import Detectable, Evidence
from hetscore.scoring.clusters import Edges
from hetscore.scoring.error_model import ErrorModel
from hetscore.scoring.scan import scan
from hetscore.scoring.simulator import Bools, Draws, Nest, draw_shared, simulate, take_group

_Floats = NDArray[np.float64]
SEED = 2019
"""Of the simulation: the same case gives the same p-values, always."""
N_TESTS = 3
RIM_FALSE_POSITIVE = 0.95
"""Negative cells beside overexpressing ones that are read as 2+ or 3+, where an error model does not tell: of drawn
ones 301 of 313 are."""


@dataclass(frozen=True)
class EvidenceParams:
    """How finely the tests are simulated."""

    replicates: int = 1999
    """Homogeneous cases simulated: p-values are multiples of 1/2,000, and three tests joined resolve 0.0015, a
    sixth of the smallest limit that a verdict asks for."""
    clone_replicates: int = 199
    """Simulated cases for each size of clone tried: a power of 0.95 is known to 0.03."""
    powers: tuple[float, ...] = (0.8, 0.95)
    """For which the smallest detectable clone is told."""
    clone_sizes: tuple[int, ...] = (3, 5, 7, 10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320, 640, 1280)
    """Sizes tried, each larger by the square root of two."""


@dataclass(frozen=True)
class Statistics:
    """The three test statistics of readings of a case, one entry a reading."""

    cluster: _Floats
    """Cells of the largest connected group of negative cells."""
    scan: _Floats
    """Largest log likelihood ratio of a window against its fragment."""
    fraction: _Floats
    """Largest negative share of a fragment."""

    def join(self, other: Statistics) -> Statistics:
        """Take the larger of each, as of two fragments of the same case."""
        return Statistics(*(np.maximum(getattr(self, n), getattr(other, n)) for n in ("cluster", "scan", "fraction")))

    def p_values(self, null: Statistics) -> NDArray[np.float64]:
        """(3, readings) share of the null readings, and of these themselves, that reach as far: (1 + #>=) / (B + 1)."""
        return np.stack([_exceeded(getattr(null, n), getattr(self, n)) for n in ("cluster", "scan", "fraction")])


def _exceeded(null: _Floats, seen: _Floats) -> _Floats:
    below = np.searchsorted(np.sort(null), seen - 1e-9, side="left")  # as large but for rounding is as large
    share: _Floats = (1 + len(null) - below) / (len(null) + 1)
    return share


def join_p(p: NDArray[np.float64]) -> _Floats:
    """P-value of the case: three times the smallest of the three, at most 1 (Bonferroni)."""
    joined: _Floats = np.minimum(1.0, N_TESTS * p.min(axis=0))
    return joined


def measure(nest: Nest, negative: Bools) -> Statistics:
    """Measure readings of a fragment.

    Parameters
    ----------
    nest : Nest
        Its cells.
    negative : ndarray, shape (r, n), bool
        One row a reading.

    Returns
    -------
    Statistics
        One entry a reading.
    """
    share = np.count_nonzero(negative, axis=1) / max(1, len(nest))
    return Statistics(_largest_groups(negative, nest.edges), scan(negative, nest.windows), share)


def _largest_groups(negative: Bools, edges: Edges) -> _Floats:
    """(r,) cells of the largest connected group of each reading, all readings in one graph."""
    largest = np.zeros(len(negative))
    reading = np.nonzero(negative)[0]
    if not len(reading):
        return largest
    rank = np.cumsum(negative.ravel(), dtype=np.int32).reshape(negative.shape)
    first, second = edges.T
    where, link = np.nonzero(negative[:, first] & negative[:, second])
    ends = rank[where, first[link]] - 1, rank[where, second[link]] - 1
    graph = csr_array((np.ones(len(link), np.int8), ends), shape=(len(reading), len(reading)))
    group = connected_components(graph, directed=False)[1]
    np.maximum.at(largest, reading, np.bincount(group)[group].astype(np.float64))
    return largest


@dataclass(frozen=True)
class NullCases:
    """Homogeneous cases made of the cells of one case and the errors of one model, to judge readings of that case."""

    nests: tuple[Nest, ...]
    model: ErrorModel
    statistics: Statistics
    params: EvidenceParams = field(default_factory=EvidenceParams)


def simulate_null(
    nests: Sequence[Nest],
    model: ErrorModel,
    params: EvidenceParams = EvidenceParams(),
    *,
    n_threads: int | None = None,
) -> NullCases:
    """Simulate what the tests would give if all tumor cells of a case overexpressed HER2.

    Parameters
    ----------
    nests : sequence of Nest
        The voting fragments; at least one, none of them empty.
    model : ErrorModel
        Errors of the reading.
    params : EvidenceParams, optional
        How finely.
    n_threads : int, optional
        Fragments worked on at once; by default as many as processors may be used. Never changes the result.

    Returns
    -------
    NullCases
        For `judge`.
    """
    statistics = simulate_statistics(nests, model, params.replicates, SEED, n_threads=n_threads)
    return NullCases(tuple(nests), model, statistics, params)


def simulate_statistics(
    nests: Sequence[Nest],
    model: ErrorModel,
    n: int,
    seed: int,
    *,
    clone_cells: int = 0,
    is_rim_stained: bool = False,
    n_threads: int | None = None,
) -> Statistics:
    """Simulate cases of some fragments, homogeneous ones or with one negative clone each.

    Parameters
    ----------
    nests : sequence of Nest
        The voting fragments.
    model : ErrorModel
        Errors of the reading.
    n : int
        Cases.
    seed : int
        Of the simulation.
    clone_cells : int
        Size of a compact negative clone, somewhere in one of the fragments, in larger ones more often; 0 for none. Its
        cells are misread as overexpressing as often as the model says.
    is_rim_stained : bool
        Whether the clone's cells that touch others always read as overexpressing, as they do: they share walls.
    n_threads : int, optional
        See `simulate_null`.

    Returns
    -------
    Statistics
        One entry a case.
    """
    # every fragment has its own stream of chance, so that threads do not matter
    shared, *streams = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(len(nests) + 1))
    draws = draw_shared(model, n, shared)
    where = _place_clones(nests, clone_cells, n, shared, is_rim_stained=is_rim_stained)
    work = partial(_simulate_one, model=model, draws=draws)
    with ThreadPoolExecutor(n_threads or len(os.sched_getaffinity(0))) as pool:
        parts = list(pool.map(work, nests, streams, where))
    return _join(parts)


def _simulate_one(
    nest: Nest, rng: np.random.Generator, clone: _Placed | None, model: ErrorModel, draws: Draws
) -> Statistics:
    """Statistics of one fragment in all replicates."""
    found = []
    for part, negative in simulate(nest, model, draws, rng):
        if clone is not None:
            _add_clones(negative, nest, clone, part, model, rng)
        found.append(measure(nest, negative))
    return Statistics(*(np.concatenate([getattr(f, n) for f in found]) for n in ("cluster", "scan", "fraction")))


@dataclass(frozen=True)
class _Placed:
    """Clones of one fragment: their size, and which replicates have theirs here."""

    n_cells: int
    is_here: Bools
    is_rim_stained: bool


def _place_clones(
    nests: Sequence[Nest], clone_cells: int, n: int, rng: np.random.Generator, *, is_rim_stained: bool
) -> list[_Placed | None]:
    """Give each case's clone to a fragment, larger fragments more often."""
    if not clone_cells:
        return [None] * len(nests)
    sizes = np.array([len(nest) for nest in nests], float)
    chosen = rng.choice(len(nests), n, p=sizes / sizes.sum())
    return [_Placed(clone_cells, chosen == i, is_rim_stained) for i in range(len(nests))]


def _add_clones(
    negative: Bools, nest: Nest, clone: _Placed, part: slice, model: ErrorModel, rng: np.random.Generator
) -> None:
    """Make the cells of a clone negative, but for those that are read as 2+ or 3+.

    On drawn slides 0 of 5 cells of a clone read as negative, 1 of 10, 6 of 20 and 30 of 50: as many as are linked to
    cells of the clone alone. Those at its rim share walls with cells that overexpress HER2.
    """
    beside = model.false_positive_beside
    at_rim = RIM_FALSE_POSITIVE if beside is None else beside.value
    for row in np.flatnonzero(clone.is_here[part]):
        cells = take_group(nest, int(rng.integers(len(nest))), clone.n_cells)
        is_sheltered = is_inner(nest, cells) if clone.is_rim_stained else np.ones(len(cells), np.bool_)
        misread = np.where(is_sheltered, model.false_positive.value, at_rim)
        negative[row, cells] = rng.random(len(cells)) >= misread


def is_inner(nest: Nest, cells: NDArray[np.int64]) -> Bools:
    """Tell which cells of a group are linked to no cell outside of it."""
    member = np.zeros(len(nest), np.bool_)
    member[cells] = True
    first, second = nest.edges.T
    is_crossed = member[first] != member[second]
    at_rim = np.zeros(len(nest), np.bool_)
    at_rim[first[is_crossed]] = True
    at_rim[second[is_crossed]] = True
    inner: Bools = ~at_rim[cells]
    return inner


def judge(null: NullCases, nests: Sequence[Nest] | None = None) -> Evidence:
    """Test a case.

    Parameters
    ----------
    null : NullCases
        From `simulate_null`.
    nests : sequence of Nest, optional
        The case as it was read; by default the reading that the null cases were made with.

    Returns
    -------
    Evidence
        P-values of the three tests and of the case; the smallest detectable clones are left to `find_detectable`.
    """
    read = null.nests if nests is None else nests
    seen = _join(measure(nest, nest.is_negative[None, :]) for nest in read)
    clear = _join(measure(n, (n.is_negative if n.is_clear is None else n.is_clear)[None, :]) for n in read)
    p = seen.p_values(null.statistics)
    p_case, p_clear = (float(join_p(p)[0]) for p in (p, clear.p_values(null.statistics)))
    return Evidence(
        p_cluster=float(p[0, 0]),
        p_scan=float(p[1, 0]),
        p_fraction=float(p[2, 0]),
        p_case=p_case,
        p_clear=max(p_case, p_clear),  # the scan can find fewer cells in a row the odder
        largest_negative_cluster=int(seen.cluster[0]),
        worst_fraction=float(seen.fraction[0]),
        n_replicates=len(null.statistics.cluster),
        error_model=null.model.id,
    )


def _join(parts: Iterable[Statistics]) -> Statistics:
    """Statistics of all fragments of a case together."""
    return reduce(Statistics.join, parts)


def find_detectable(null: NullCases, hetero_p: float, *, n_threads: int | None = None) -> tuple[Detectable, ...]:
    """Find the smallest negative clone that would make this case hetero-HER2.

    Parameters
    ----------
    null : NullCases
        From `simulate_null`.
    hetero_p : float
        P-value of the case below which it is hetero.
    n_threads : int, optional
        See `simulate_null`.

    Returns
    -------
    tuple of Detectable
        One for each power of the parameters. `n_cells` is None where even the largest clone that fits the largest
        fragment is not detected so often.
    """
    most = max(len(nest) for nest in null.nests)
    sizes = [size for size in null.params.clone_sizes if size <= most]
    power = _remember(lambda i: _power(null, sizes[i], hetero_p, n_threads))
    found = []
    for wanted in null.params.powers:
        i = _first_true(len(sizes), lambda k, wanted=wanted: power(k) >= wanted)  # type: ignore[misc]
        found.append(Detectable(wanted, sizes[i] if i < len(sizes) else None))
    return tuple(found)


def _power(null: NullCases, n_cells: int, hetero_p: float, n_threads: int | None) -> float:
    """Share of simulated cases with such a clone that are called hetero."""
    params, seed = null.params, SEED + n_cells
    n = params.clone_replicates
    seen = simulate_statistics(
        null.nests, null.model, n, seed, clone_cells=n_cells, is_rim_stained=True, n_threads=n_threads
    )
    return float(np.mean(join_p(seen.p_values(null.statistics)) < hetero_p))


def _remember(function: Callable[[int], float]) -> Callable[[int], float]:
    known: dict[int, float] = {}

    def remembered(i: int) -> float:
        if i not in known:
            known[i] = function(i)
        return known[i]

    return remembered


def _first_true(n: int, holds: Callable[[int], bool]) -> int:
    """First of 0..n-1 where a rising condition holds, by halving; n where none does."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
