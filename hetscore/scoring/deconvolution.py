"""How many of the negative cells are truly negative: counts of fragments and measured errors -> a posterior.

In: negatives of each fragment, the rates of error with what is known of them. Out: the probability that no fragment
holds truly negative tumor cells, and their share with a 95 % interval. Where the cells lie is not looked at, and what
all fragments share cannot be told from a rate of error that is wrong: see the notes of `estimate_negatives`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, pi, sqrt

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy import fft
from scipy.special import betaincinv, expit, logit, logsumexp, xlog1py, xlogy

from hetscore.domain import NegativeShare
from hetscore.errors import UsageError
from hetscore.scoring.error_model import Rate
from hetscore.scoring.tolerance import log_beta_binomial

_Floats = NDArray[np.float64]

PRIOR_HOMO = 0.39
"""34 of 87 HER2-positive cases (Yagi S et al., Gastric Cancer 2019;22:518-525)."""
HAS_NEGATIVES = 0.5
"""Of a hetero case, chance that a fragment holds truly negative cells: no source, so neither is made likelier."""
_TAIL = 1e-12
"""Chance left out at either end of what is believed of a rate, so that counts far from it still move it."""
_NODES_PER_SD = 2.0
"""Grid points per standard deviation of what the counts say; twice as many change no probability of the tests' cases by
0.00001 and no interval of a fragment by a hundredth of its width."""
_LEAST_NODES = 256
"""Of the share of negative cells, so that its prior is followed where the cells say little."""
_N_LATTICE = 1024
"""Steps from 0 to the largest plausible pooled share: its interval is found to two thousandths of that."""
_BEYOND = 1e-6
"""Chance of larger shares of a fragment, left out of the pooled share."""
_BOUNDS = (0.025, 0.975)
"""Of the 95 % interval."""


@dataclass(frozen=True)
class FragmentNegatives:
    """What was counted in a fragment."""

    n_negative: int
    """Cells called tumor that read 0 or 1+."""
    n_scored: int
    """Cells called tumor that have a class."""
    contamination: float
    """Expected share of the scored cells that are no tumor; these read as negative."""

    def __post_init__(self) -> None:
        """Refuse what no counting gives."""
        if not 0 <= self.n_negative <= self.n_scored or self.n_scored < 1 or not 0 <= self.contamination < 1:
            raise ValueError(f"{self}: expected n_negative from 0 to n_scored, at least 1, and contamination in [0, 1)")

    @property
    def n_tumor(self) -> float:
        """Scored cells that are tumor, as expected."""
        return self.n_scored * (1 - self.contamination)


@dataclass(frozen=True)
class Deconvolved:
    """What counts and measured errors say of a case."""

    probability_homo: float
    """That no fragment holds truly negative tumor cells; the shares of the fragments are in the order given."""
    by_fragment: tuple[NegativeShare, ...]
    pooled: NegativeShare
    """Of all tumor cells of the case."""


@dataclass(frozen=True)
class _Grid:
    """The shares of negative cells of a fragment that are tried, in equal steps of the arcsine of their root."""

    edges: _Floats
    """(s + 1,) bounds of s cells from 0 to 1."""
    share: _Floats
    """(1 + s,) none, and the middle of each cell."""
    log_prior: _Floats
    """(1 + s,) log of what the prior gives each."""


@dataclass(frozen=True)
class _Group:
    """Fragments whose errors have one unknown rate; each may be free of negative cells whatever the others are."""

    n_tumor: _Floats
    """(f,) expected tumor cells."""
    rates: _Floats
    """(e,) chance of each rate given the counts."""
    free: _Floats
    """(f, e) chance that the fragment holds no negative cells, given the rate."""
    shares: _Floats
    """(f, e, s) chances of its share, given the rate."""
    log_all_free: float
    """Log chance that none of the fragments holds any."""

    def weigh_shares(self) -> _Floats:
        """(f, s) chances of each fragment's share, whatever the rate."""
        chances: _Floats = np.einsum("e,fes->fs", self.rates, self.shares)
        return chances


def rogan_gladen(
    n_negative: int, n_scored: int, *, false_negative: float, false_positive: float, contamination: float = 0.0
) -> float:
    """Estimate the share of truly negative tumor cells from the share read as negative.

    Parameters
    ----------
    n_negative, n_scored : int
        Cells called tumor that read as negative, and all that have a class.
    false_negative, false_positive : float
        Chance that a positive cell is read as negative, and a negative one as positive.
    contamination : float
        NegativeShare of the scored cells that are no tumor and read as negative.

    Returns
    -------
    float
        ``(q - false_negative) / (1 - false_negative - false_positive)`` [1]_, q being the share read as negative among
        tumor cells; 0 or 1 where that is less or more.

    Raises
    ------
    UsageError
        If the two rates add up to 1 or more: such a reading tells nothing.

    References
    ----------
    .. [1] Rogan WJ, Gladen B. Estimating prevalence from the results of a screening test. Am J Epidemiol
       1978;107:71-76.
    """
    return _clip(_solve_share(FragmentNegatives(n_negative, n_scored, contamination), false_negative, false_positive))


def icc_of(fragment_sd: float, rate: float) -> float:
    """Turn the spread of a rate between fragments into the intraclass correlation of their cells.

    Parameters
    ----------
    fragment_sd : float
        Standard deviation of the log odds of the rate between fragments.
    rate : float
        The rate in the middling fragment, above 0 and below 1.

    Returns
    -------
    float
        In [0, 1); nearly ``rate * (1 - rate) * fragment_sd**2`` where the spread is small.

    Notes
    -----
    Given its fragment's rate P a cell errs independently, so two cells of a fragment have the covariance Var(P), and
    each has the variance ``E(P) * (1 - E(P))``: their correlation is the quotient. Both moments are taken of normal log
    odds, by Gauss-Hermite quadrature. The beta-binomial of the same correlation has the same mean and variance.
    """
    nodes, weights = hermegauss(64)
    weights = weights / weights.sum()
    rates = expit(logit(rate) + fragment_sd * nodes)
    mean = float(weights @ rates)
    return float(weights @ (rates - mean) ** 2) / (mean * (1 - mean))


def estimate_negatives(
    fragments: Sequence[FragmentNegatives],
    false_negative: Rate | Sequence[Rate],
    false_positive: Rate,
    *,
    icc: float,
    prior_homo: float = PRIOR_HOMO,
    has_negatives: float = HAS_NEGATIVES,
) -> Deconvolved:
    """Tell truly negative cells from misread ones by their number.

    Parameters
    ----------
    fragments : sequence of FragmentNegatives
        Of the case, those that vote.
    false_negative : Rate or sequence of Rate
        Positive tumor cells read as negative: one rate for all, or one for each fragment. Equal ones are one unknown
        rate that the fragments share, so that more fragments do not average its error away.
    false_positive : Rate
        Negative tumor cells read as positive; its mean is used.
    icc : float
        Likeness of the errors within a fragment, in [0, 1); see `icc_of`.
    prior_homo : float
        Probability of homo before the cells are counted.
    has_negatives : float
        Probability that a fragment of a hetero case holds truly negative cells.

    Returns
    -------
    Deconvolved
        Probability of homo, and the share of truly negative cells by fragment and of the case.

    Raises
    ------
    ValueError
        If there is no fragment or not one rate for each, or if a probability is out of its range.
    UsageError
        If the rates tell nothing, see `rogan_gladen`.

    Notes
    -----
    The negatives of fragment f are beta-binomial about ``(1 - k) * (p * (1 - d) + (1 - p) * e) + k``: k the
    contamination, d the false positives, e the false negatives, p the share of truly negative cells. What is believed
    of e is ``Beta(a + 1/2, b + 1/2)``, a errors and b other cells having been counted, both divided by the design
    effect [1]_ that the upper bound of the rate's interval shows over that of independent cells. In a homo case all p
    are 0. In a hetero case each p is 0 or, with probability `has_negatives`, drawn from Beta(1/2, 1); that all are 0 is
    excluded, which leaves the odds of homo to `prior_homo` whatever the number of fragments.

    Sums over grids of e and p in equal steps of the arcsine of the root, on which a binomial is about equally wide
    everywhere; no random numbers. Time grows with the fragments and the number of cells that are left after `icc`.

    That the errors are those that were measured is assumed: a stain too weak and as many true negatives in every
    fragment look the same here, and shares within the spread of the rate go unseen.

    References
    ----------
    .. [1] Kish L. Survey Sampling. Wiley 1965, section 8.2.
    """
    rates = [false_negative] * len(fragments) if isinstance(false_negative, Rate) else list(false_negative)
    _check(fragments, rates, icc, (prior_homo, has_negatives))
    points = [_solve_share(f, r.value, false_positive.value) for f, r in zip(fragments, rates, strict=True)]
    grid = _make_grid(max(_effective_cells(f, icc) for f in fragments), has_negatives)
    members = {rate: [i for i, own in enumerate(rates) if own == rate] for rate in rates}
    groups = [
        _weigh_group([fragments[i] for i in own], rate, false_positive, icc, grid) for rate, own in members.items()
    ]
    homo, scale = _weigh_homo(sum(g.log_all_free for g in groups), (1 - has_negatives) ** len(fragments), prior_homo)
    chances = scale * np.concatenate([g.weigh_shares() for g in groups])
    place = np.argsort(np.concatenate(list(members.values())))
    by_fragment = [NegativeShare(_clip(p), *_bound_share(grid, c)) for p, c in zip(points, chances[place], strict=True)]
    # below 0 it is chance, which evens out over fragments; above 1 it is a false positive rate that is too high here
    pooled = _clip(float(np.average(np.minimum(points, 1), weights=[f.n_tumor for f in fragments])))
    return Deconvolved(homo, tuple(by_fragment), NegativeShare(pooled, *_bound_pooled(groups, grid, scale)))


def _check(fragments: Sequence[FragmentNegatives], rates: Sequence[Rate], icc: float, priors: Sequence[float]) -> None:
    if not fragments or len(rates) != len(fragments):
        raise ValueError(f"{len(fragments)} fragments with {len(rates)} rates; expected one for each, at least one")
    if not 0 <= icc < 1 or not all(0 < prior < 1 for prior in priors):
        raise ValueError(f"icc {icc}, priors {priors}; expected an icc in [0, 1) and priors above 0 and below 1")


def _solve_share(fragment: FragmentNegatives, false_negative: float, false_positive: float) -> float:
    """NegativeShare of truly negative cells that would give so many negatives; below 0 for fewer than errors make."""
    informed = 1 - false_negative - false_positive
    if informed <= 0:
        seen = f"rates of {false_negative:.3g} false negatives and {false_positive:.3g} false positives"
        raise UsageError(
            f"error model: {seen}; expected a sum below 1. Measure them on more cells (hetscore calibrate)."
        )
    read_negative = (fragment.n_negative / fragment.n_scored - fragment.contamination) / (1 - fragment.contamination)
    return (read_negative - false_negative) / informed


def _clip(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _effective_cells(fragment: FragmentNegatives, icc: float) -> float:
    """Independent cells whose count would vary as much."""
    return fragment.n_scored / (1 + (fragment.n_scored - 1) * icc)


def _make_grid(n_cells: float, has_negatives: float) -> _Grid:
    """Grid fine enough for a count of so many independent cells."""
    # the arcsine of the root of a binomial share has a standard deviation of 1 / (2 sqrt(n))
    n_nodes = max(_LEAST_NODES, ceil(pi * sqrt(n_cells) * _NODES_PER_SD))
    root = np.sin(np.linspace(0, pi / 2, 2 * n_nodes + 1))
    # the distribution function of Beta(1/2, 1) is the root
    prior = np.append(1 - has_negatives, has_negatives * np.diff(root[::2]))
    return _Grid(root[::2] ** 2, np.append(0.0, root[1::2] ** 2), np.log(prior))


def _believe(rate: Rate) -> tuple[float, float]:
    """Parameters of the beta distribution of a rate: Jeffreys' prior and the counts by their design effect."""
    n_right = rate.n_cells - rate.n_errors
    if not n_right:
        return rate.n_errors + 0.5, 0.5
    # Clopper and Pearson's bound were the cells fewer: it grows to 1
    effects = np.geomspace(1, rate.n_cells, 400)
    upper = betaincinv(rate.n_errors / effects + 1, n_right / effects, _BOUNDS[1])
    effect = float(np.interp(rate.high, upper, effects))
    return rate.n_errors / effect + 0.5, n_right / effect + 0.5


def _spread_rate(rate: Rate, n_cells: float) -> tuple[_Floats, _Floats]:
    """(e,) values of a rate and the logs of their chances, fine enough for a count of so many independent cells."""
    a, b = _believe(rate)
    low, high = (np.arcsin(sqrt(float(betaincinv(a, b, tail)))) for tail in (_TAIL, 1 - _TAIL))
    n_nodes = ceil((high - low) * 2 * sqrt(a + b + n_cells) * _NODES_PER_SD)
    angle = low + (high - low) * (np.arange(n_nodes) + 0.5) / n_nodes
    value = np.sin(angle) ** 2
    log_chance = xlogy(a - 0.5, value) + xlog1py(b - 0.5, -value)
    return value, log_chance - logsumexp(log_chance)


def _weigh_group(
    fragments: Sequence[FragmentNegatives], rate: Rate, false_positive: Rate, icc: float, grid: _Grid
) -> _Group:
    """Weigh every rate and share by the counts of fragments that have one rate of error."""
    value, log_rate = _spread_rate(rate, sum(_effective_cells(f, icc) for f in fragments))
    read_negative = grid.share * (1 - false_positive.value) + (1 - grid.share) * value[:, None]
    counts = np.array([(f.n_negative, f.n_scored, f.contamination) for f in fragments])
    n_negative, n_scored, other = counts.T[..., None, None]
    joint = log_beta_binomial(n_negative, n_scored, other + (1 - other) * read_negative, icc) + grid.log_prior
    top = joint.max(axis=2, keepdims=True)
    chance = np.exp(joint - top)
    total = chance.sum(axis=2, keepdims=True)
    log_seen = log_rate + (top + np.log(total)).sum(axis=(0, 2))
    log_case = logsumexp(log_seen)
    chance /= total
    return _Group(
        n_tumor=np.array([f.n_tumor for f in fragments]),
        rates=np.exp(log_seen - log_case),
        free=chance[..., 0],
        shares=chance[..., 1:],
        log_all_free=float(logsumexp(log_rate + joint[..., 0].sum(axis=0)) - log_case),
    )


def _weigh_homo(log_all_free: float, all_free_prior: float, prior_homo: float) -> tuple[float, float]:
    """Probability of homo, and the factor on the chance of all else.

    In the groups all fragments may be free by chance. That is homo, but under another prior: the odds are changed.
    """
    # rounding may lift the log above 0
    all_free = float(np.exp(min(log_all_free, 0.0)))
    odds = prior_homo / (1 - prior_homo) * (1 - all_free_prior) / all_free_prior
    total = odds * all_free + 1 - all_free
    return odds * all_free / total, 1 / total


def _bound_share(grid: _Grid, chances: _Floats) -> tuple[float, float]:
    """95 % interval of a share with chances by cell of the grid; the rest of the chance is on 0."""
    below = 1 - chances.sum() + np.append(0.0, np.cumsum(chances))
    low, high = (float(np.interp(bound, below, grid.edges)) for bound in _BOUNDS)
    return low, high


def _bound_pooled(groups: Sequence[_Group], grid: _Grid, scale: float) -> tuple[float, float]:
    """95 % interval of the share of all tumor cells: independent given the rates, so that sums of shares convolve."""
    n_tumor = float(sum(g.n_tumor.sum() for g in groups))
    lattice = np.linspace(0, sum(_find_largest(g, grid) for g in groups), _N_LATTICE + 1)
    # each fragment may reach a point beyond the end
    n_points = len(lattice) + sum(len(g.n_tumor) for g in groups)
    size = fft.next_fast_len(n_points, real=True)
    spectrum = np.prod([_transform_group(g, grid, lattice, size) for g in groups], axis=0)
    chances = scale * np.maximum(fft.irfft(spectrum, size)[1:n_points], 0)
    # what is not on the other points is on 0; they stand for half a step to either side
    below = 1 - chances.sum() + np.append(0.0, np.cumsum(chances))
    ends = np.append(0.0, np.arange(1, n_points) + 0.5) * lattice[1] / n_tumor
    low, high = (min(float(np.interp(bound, below, ends)), 1.0) for bound in _BOUNDS)
    return low, high


def _find_largest(group: _Group, grid: _Grid) -> float:
    """Negative cells that the fragments of a group hold together at most."""
    above = np.cumsum(group.weigh_shares()[:, ::-1], axis=1)[:, ::-1]
    last = np.count_nonzero(above > _BEYOND, axis=1)
    return float(group.n_tumor @ grid.edges[np.maximum(last, 1)])


def _transform_group(group: _Group, grid: _Grid, lattice: _Floats, size: int) -> NDArray[np.complex128]:
    """Fourier transform of the chances of a group's number of negative cells on the points of a lattice."""
    spectrum = group.rates[:, None].astype(np.complex128)
    for n_tumor, free, shares in zip(group.n_tumor, group.free, group.shares, strict=True):
        cells = grid.edges * n_tumor
        within = np.clip((lattice - cells[:-1, None]) / np.diff(cells)[:, None], 0, 1)
        steps = shares @ np.diff(within, axis=1)
        # what lies evenly between two points goes half to either, which keeps the mean
        points = np.zeros((len(free), len(lattice)))
        points[:, :-1] = steps / 2
        points[:, 1:] += steps / 2
        points[:, 0] += free
        spectrum = spectrum * fft.rfft(points, size, axis=1)
    total: NDArray[np.complex128] = spectrum.sum(axis=0)
    return total
