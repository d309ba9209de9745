"""How far errors are from independent: clumped among neighbors, and more in some fragments than in others.

In: counts of errors by case. Out: the neighbor ratio and the spread between fragments, with intervals. Errors too few
to measure it on are taken for clumped, never for independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from hetscore.scoring.error_count import FAR, FragmentErrors
from hetscore.scoring.simulator import find_latent

Floats = NDArray[np.float64]
Range = tuple[float, float]

MIN_ERRORS = 10
"""Fewest false negatives from which clumping is measured: among 10, chance alone seldom puts two side by side."""
UNSEEN_RATIO, UNSEEN_SD = 5.0, 0.5
"""Where fewer were seen: what a latent correlation of 0.3 makes of a rate of 1 %, and the spread between fragments of
the simulations that the verdict's limits were chosen on."""
UNSEEN_REACH = 2.0
"""Of the field of the same simulations."""
MOST_REACH = 8.0
"""Beyond, a field covers a fragment: that is the spread between fragments."""
TAIL = 0.025
"""On either side of a 95 % interval."""


@dataclass(frozen=True)
class Spread:
    """How far errors are from independent, with 95 % intervals; None where too few were seen to tell."""

    neighbor_ratio: float
    fragment_sd: float
    ratio_range: Range | None
    sd_range: Range | None
    reach: float = UNSEEN_REACH


def find_spread(cases: Sequence[Sequence[FragmentErrors]], draws: NDArray[np.int64]) -> Spread:
    """Measure how clumped false negatives are, and how their rate differs between fragments.

    Parameters
    ----------
    cases : sequence of sequence of FragmentErrors
        Fragments by case; a case may have none.
    draws : ndarray, shape (draws, cases), int64
        How often each case is in each draw of the bootstrap.

    Returns
    -------
    Spread
        `UNSEEN_RATIO` and `UNSEEN_SD` where fewer than `MIN_ERRORS` errors were seen.

    Notes
    -----
    The neighbor ratio is that of linked pairs that are both misread, over all fragments, to as many as there would be
    if each fragment's errors lay anywhere in it; at least 1. For the spread between fragments see `find_fragment_sd`.
    Intervals are percentiles of the cluster bootstrap.
    """
    rows = np.array([_sum_terms(case) for case in cases])
    total = rows.sum(axis=0)
    if total[0] < MIN_ERRORS:
        return Spread(UNSEEN_RATIO, UNSEEN_SD, None, None)
    drawn = draws @ rows
    ratio, sd = neighbor_ratio(total[None]), find_fragment_sd(total[None])
    ratios, sds = neighbor_ratio(drawn), find_fragment_sd(drawn)
    rate = float(total[0] / total[1])
    reach = _find_reach(cases, rate, float(ratio[0]))
    return Spread(float(ratio[0]), float(sd[0]), _middle(ratios), _middle(sds), reach)


def _find_reach(cases: Sequence[Sequence[FragmentErrors]], rate: float, ratio: float) -> float:
    """Say how far the clumping reaches, from pairs of errors next to each other and `FAR` apart.

    The correlation of a Gaussian field with a kernel of standard deviation s falls as ``exp(-d^2 / (4 s^2))``: from
    that at d = 1 and at d = `FAR`, each found from how often errors come in pairs there, s follows.
    """
    seen, expected = (sum(getattr(f, n) for case in cases for f in case) for n in ("n_far_pairs", "expected_far"))
    far_ratio = seen / expected if expected > 0 else 1.0
    near, far = (find_latent(rate, value, 1.0) for value in (ratio, far_ratio))
    if near <= 0 or far <= 0:
        return UNSEEN_REACH
    fall = log(near / far)
    most = (FAR**2 - 1) / (4 * MOST_REACH**2)
    return float(sqrt((FAR**2 - 1) / (4 * max(fall, most))))


def _middle(values: Floats) -> Range:
    """Where the middle 95 % lie."""
    low, high = np.quantile(values, (TAIL, 1 - TAIL))
    return float(low), float(high)


_N_TERMS = 9


def _sum_terms(case: Sequence[FragmentErrors]) -> Floats:
    terms = np.array([_spread_terms(fragment) for fragment in case], np.float64).reshape(-1, _N_TERMS)
    total: Floats = terms.sum(axis=0)
    return total


def _spread_terms(f: FragmentErrors) -> tuple[float, ...]:
    """List terms to be summed over fragments: errors, cells, links, their expectation, squares of groups, moments."""
    c, n = float(f.n_false_negative), float(f.n_overexpressed)
    return c, n, f.n_error_links, f.expected_links, f.group_squares, f.expected_squares, c * c, c * n, n * n


def neighbor_ratio(terms: Floats) -> Floats:
    """(draws,) ratio of links between two errors to those expected; 1 at least, and where none is expected."""
    seen, expected = terms[:, 2], terms[:, 3]
    ratio: Floats = np.maximum(1.0, np.divide(seen, expected, out=np.ones_like(seen), where=expected > 0))
    return ratio


def find_fragment_sd(terms: Floats) -> Floats:
    """Give the spread of the log odds of the rate between fragments, by the method of moments.

    Parameters
    ----------
    terms : ndarray, shape (draws, 9), float64
        Sums of `_spread_terms`.

    Returns
    -------
    ndarray, shape (draws,)
        0 where the counts vary no more than chance and clumping explain.

    Notes
    -----
    Of counts c of n with a common mean p, the squared deviations from n p sum to ``D p (1-p) sum(n) + tau^2 sum(n^2)``
    [1]_, where tau is the spread of the rate. D allows for errors in groups: the count of things that come in groups of
    size s varies by sum(s^2) in place of sum(s) [2]_, here over what as many errors would make anywhere. The spread of
    the log odds is that of the log-normal with the same ratio of spread and mean, ``sqrt(log(1 + (tau/(p(1-p)))^2))``.

    References
    ----------
    .. [1] Kleinman JC. Proportions with extraneous variance: single and independent samples. Journal of the American
       Statistical Association 1973;68:46-54.
    .. [2] Feller W. An introduction to probability theory and its applications, volume 1. Wiley 1968, section XII.2.
    """
    c, n, _, _, groups, expected_groups, cc, cn, nn = terms.T
    p = np.divide(c, n, out=np.zeros_like(c), where=n > 0)
    clumping = np.maximum(1.0, np.divide(groups, expected_groups, out=np.ones_like(c), where=expected_groups > 0))
    deviations = cc - 2 * p * cn + p * p * nn
    tau2 = np.maximum(0.0, deviations - clumping * p * (1 - p) * (n - nn / np.maximum(n, 1.0))) / np.maximum(nn, 1.0)
    odds = np.maximum(p * (1 - p), 1e-12)
    sd: Floats = np.sqrt(np.log1p(tau2 / odds**2))
    return sd


def find_plain_sd(counts: Sequence[tuple[int, int]]) -> float:
    """Give the spread between fragments of a rate whose errors do not come in groups, from errors and cells of each."""
    c, n = np.array(counts, float).reshape(-1, 2).T
    if c.sum() < MIN_ERRORS:
        return UNSEEN_SD
    terms = [c.sum(), n.sum(), 0, 0, 0, 0, (c * c).sum(), (c * n).sum(), (n * n).sum()]
    return float(find_fragment_sd(np.array([terms]))[0])
