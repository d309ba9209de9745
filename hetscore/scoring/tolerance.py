"""How many misread cells a homogeneous case must bear: arithmetic that shows what a rule can and cannot do.

In: numbers of cells, rates of error and how alike the errors of a fragment are. Out: how often a rule would call a
homogeneous case heterogeneous, and the smallest negative clone it would still find. Nothing here reads a case; the
label comes from `hetscore.scoring.verdict`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from math import exp, expm1, log1p
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, gammaln, xlog1py, xlogy

_Cell = tuple[int, int]
_Animal = frozenset[_Cell]

NO_ICC = 1e-8
"""Errors less alike are taken for independent. So little widens the count of 100,000 cells by a thousandth, and below
it the beta function of the beta-binomial, a difference of large numbers, loses its digits."""
FALSE_POSITIVE = 0.03
"""Negative cells read as positive, unless measured: the share that the simulations of the verdict were run with."""
_NEIGHBORS: tuple[_Cell, ...] = ((1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1))
"""Of a cell of the hexagonal lattice, in axial coordinates."""
_LARGEST_ANIMAL = 7
"""Larger clusters of independent errors change the chance of any cluster by 0.006 at most (5,000 cells, up to one in
ten misread) and take seconds to count."""


def false_hetero_chance(n_cells: int, rate: float) -> float:
    """Find the chance that the literal rule calls a homogeneous case heterogeneous.

    Parameters
    ----------
    n_cells : int
        Tumor cells, all of which overexpress HER2.
    rate : float
        Chance that one of them is read as negative, independently of the others; below 1.

    Returns
    -------
    float
        Chance of at least one false negative, ``1 - (1 - rate) ** n_cells``.
    """
    return -expm1(n_cells * log1p(-rate))


def needed_rate(n_cells: int, chance: float = 0.05) -> float:
    """Find the rate of false negatives at which `false_hetero_chance` is so large."""
    return -expm1(log1p(-chance) / n_cells)


def count_animals(n_cells: int) -> Mapping[int, int]:
    """Count the connected shapes of so many cells on the hexagonal lattice by the number of cells that border them.

    Parameters
    ----------
    n_cells : int
        Cells of the shape, at least 1. Time grows more than fourfold with each: a third of a second for 7.

    Returns
    -------
    Mapping of int to int
        Number of shapes by number of bordering cells. Shapes that differ by a turn or a reflection count apart.

    Notes
    -----
    All shapes of one more cell come of adding a bordering cell to each shape, and dropping doubles. The totals, 1, 3,
    11, 44, 186, 814, 3652, are those of the fixed polyhexes [1]_.

    References
    ----------
    .. [1] The On-Line Encyclopedia of Integer Sequences, A001207.
    """
    return MappingProxyType(Counter(len(_border(animal)) for animal in _grow_animals(n_cells)))


def expected_clusters(n_cells: int, rate: float, size: int) -> float:
    """Count the negative clusters of one size to expect of independent errors in homogeneous tumor.

    Parameters
    ----------
    n_cells : int
        Tumor cells, each with six neighbors; cells at a border have fewer, so that the number is a little too large.
    rate : float
        Chance that a cell is read as negative.
    size : int
        Connected cells of a cluster.

    Returns
    -------
    float
        ``n_cells * sum(g * rate**size * (1 - rate)**t)`` over the shapes g bordered by t cells [1]_.

    References
    ----------
    .. [1] Stauffer D, Aharony A. Introduction to Percolation Theory. 2nd ed. Taylor & Francis 1994, section 2.3.
    """
    return n_cells * sum(g * rate**size * (1 - rate) ** t for t, g in _count_animals_once(size).items())


def any_cluster_chance(n_cells: int, rate: float, *, at_least: int = 5) -> float:
    """Find the chance that independent errors make a negative cluster of at least so many cells in homogeneous tumor.

    Parameters
    ----------
    n_cells, rate
        As for `expected_clusters`.
    at_least : int
        Smallest cluster that counts, at most 7.

    Returns
    -------
    float
        By Poisson's law from the expected numbers of clusters of up to 7 cells.

    Raises
    ------
    ValueError
        If `at_least` is below 1 or above 7.
    """
    if not 1 <= at_least <= _LARGEST_ANIMAL:
        raise ValueError(f"at_least: {at_least}; expected 1 to {_LARGEST_ANIMAL}")
    return 1 - exp(-sum(expected_clusters(n_cells, rate, size) for size in range(at_least, _LARGEST_ANIMAL + 1)))


def log_beta_binomial(n_negative: ArrayLike, n_cells: ArrayLike, rate: ArrayLike, icc: float) -> NDArray[np.float64]:
    """Find the log probability of a count of negatives among cells whose errors are alike.

    Parameters
    ----------
    n_negative, n_cells : int or array
        Negative cells among so many.
    rate : float or array
        Mean chance of a cell to be read as negative, above 0 and below 1.
    icc : float
        Intraclass correlation in [0, 1): of two cells of a fragment being both misread. 0 is the binomial.

    Returns
    -------
    ndarray, float64
        Of the shape that the arguments share.

    Notes
    -----
    The chance of the fragment is drawn from ``Beta(rate * k, (1 - rate) * k)`` with ``k = 1 / icc - 1``, the cells are
    then independent; the variance of the count is that of the binomial times ``1 + (n_cells - 1) * icc`` [1]_.

    References
    ----------
    .. [1] Johnson NL, Kemp AW, Kotz S. Univariate Discrete Distributions. 3rd ed. Wiley 2005, section 6.2.2.
    """
    n_other = np.subtract(n_cells, n_negative)
    log_ways = gammaln(np.add(n_cells, 1)) - gammaln(np.add(n_negative, 1)) - gammaln(n_other + 1)
    if icc < NO_ICC:
        chance = xlogy(n_negative, rate) + xlog1py(n_other, np.negative(rate))
    else:
        k = 1 / icc - 1
        a, b = np.multiply(rate, k), np.subtract(1, rate) * k
        chance = betaln(n_negative + a, n_other + b) - betaln(a, b)
    return np.asarray(log_ways + chance, np.float64)


def tolerated_negatives(n_cells: int, rate: float, *, icc: float = 0.0, level: float = 0.05) -> int:
    """Count the negative cells that a homogeneous fragment exceeds by error with at most a given chance.

    Parameters
    ----------
    n_cells : int
        Scored tumor cells.
    rate : float
        Chance of a false negative, above 0 and below 1; it must be known, for the count cannot tell it from a clone.
    icc : float
        How alike the errors of a fragment are, see `log_beta_binomial`.
    level : float
        Accepted chance that a homogeneous fragment has more.

    Returns
    -------
    int
        The smallest c with ``P(X > c) <= level``.
    """
    chances = np.exp(log_beta_binomial(np.arange(n_cells + 1), n_cells, rate, icc))
    # summed from the far end, where they are small
    above = np.cumsum(chances[::-1])[::-1][1:]
    return int(np.count_nonzero(above > level))


def detection_chance(
    n_clone: int, n_cells: int, rate: float, *, icc: float = 0.0, false_positive: float = FALSE_POSITIVE
) -> float:
    """Find the chance that a fragment with a negative clone has more negatives than `tolerated_negatives`.

    Parameters
    ----------
    n_clone, n_cells : int
        Truly negative tumor cells among all of them.
    rate, icc
        As for `tolerated_negatives`.
    false_positive : float
        Chance that a negative cell is read as positive.

    Returns
    -------
    float
        At the level of 0.05. The negatives are beta-binomial about ``p * (1 - false_positive) + (1 - p) * rate``, where
        ``p = n_clone / n_cells``.
    """
    return _exceed(
        _mix(n_clone / n_cells, rate, false_positive), n_cells, icc, tolerated_negatives(n_cells, rate, icc=icc)
    )


def smallest_clone(
    n_cells: int,
    rate: float,
    *,
    icc: float = 0.0,
    false_positive: float = FALSE_POSITIVE,
    power: float = 0.9,
) -> int | None:
    """Count the truly negative cells that a fragment must hold so that their number alone gives them away.

    Parameters
    ----------
    n_cells, rate, icc, false_positive
        As for `detection_chance`.
    power : float
        Chance wanted to have more negatives than `tolerated_negatives`.

    Returns
    -------
    int or None
        Cells of the clone, wherever they lie; None if not even a wholly negative fragment is found with that chance.
    """
    bound = tolerated_negatives(n_cells, rate, icc=icc)

    def is_found(n_clone: int) -> bool:
        return _exceed(_mix(n_clone / n_cells, rate, false_positive), n_cells, icc, bound) >= power

    return _first_true(is_found, n_cells) if is_found(n_cells) else None


def _mix(share: float, rate: float, false_positive: float) -> float:
    """Share of cells read as negative where a given share is so."""
    return share * (1 - false_positive) + (1 - share) * rate


def _exceed(read_negative: float, n_cells: int, icc: float, bound: int) -> float:
    """Chance of more than so many negatives."""
    return float(np.exp(log_beta_binomial(np.arange(bound + 1, n_cells + 1), n_cells, read_negative, icc)).sum())


def _first_true(holds: Callable[[int], bool], last: int) -> int:
    """Bisect for the first number from 0 at which a condition holds that stays true up to the last."""
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


@cache
def _count_animals_once(n_cells: int) -> Mapping[int, int]:
    return count_animals(n_cells)


def _grow_animals(n_cells: int) -> set[_Animal]:
    animals = {frozenset([(0, 0)])}
    for _ in range(n_cells - 1):
        animals = {_move_to_origin(animal | {cell}) for animal in animals for cell in _border(animal)}
    return animals


def _border(animal: _Animal) -> set[_Cell]:
    return {(q + dq, r + dr) for q, r in animal for dq, dr in _NEIGHBORS} - animal


def _move_to_origin(animal: _Animal) -> _Animal:
    least_q, least_r = (min(cell[axis] for cell in animal) for axis in (0, 1))
    return frozenset((q - least_q, r - least_r) for q, r in animal)
