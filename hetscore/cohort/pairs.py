"""Pairs of samples before and after treatment -> how many lost HER2, and whether so few pairs can prove anything.

In: `PairChange` of many patients. Out: `PairSummary`: counts with exact intervals, paired tests each with its method
named and the smallest p that so many pairs can give, and the agreement of the two scores. What is not defined is None.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from scipy.stats import binomtest, norm, rankdata

from hetscore.domain import Her2Score, PairChange, PairOutcome
from hetscore.errors import UsageError

SIGNIFICANCE = 0.05
"""The cut-off of the papers (Pietrantonio 2016, Statistical analysis)."""

CONFIDENCE = 0.95
"""Of the intervals, as in the papers."""

MAX_EXACT = 10
"""Changed pairs up to which the signed-rank test goes through all assignments of signs. From 11 differences on (without
ties) the normal approximation lies within 0.01 of the exact p wherever that is below 0.1; for 5 it gives 0.043 where
the exact p is 0.0625."""


@dataclass(frozen=True)
class LossCounts:
    """One outcome over all pairs."""

    n_lost: int
    n_retained: int
    n_not_assessable: int
    n_not_applicable: int
    """Pairs with nothing to lose at baseline."""
    interval: tuple[float, float] | None
    """Clopper-Pearson 95 % interval of `share`, [0, 1]; None where no pair is assessable."""

    @property
    def n_assessable(self) -> int:
        """Pairs that lost or retained it."""
        return self.n_lost + self.n_retained

    @property
    def share(self) -> Fraction | None:
        """Lost among the assessable; None where there is none."""
        return Fraction(self.n_lost, self.n_assessable) if self.n_assessable else None


@dataclass(frozen=True)
class PairedTest:
    """One two-sided paired test with its method; nothing is corrected for testing several things at once."""

    name: str
    method: str
    n_pairs: int
    """Pairs in which both sides are known."""
    n_down: int
    n_up: int
    statistic: float | None
    """The smaller sum of ranks of a signed-rank test, else the smaller of `n_down` and `n_up`."""
    p_value: float | None
    """None where the test is not defined; `remark` says why."""
    smallest_p: float | None
    """The smallest p that `n_pairs` can give at all: when all of them change the same way."""
    remark: str
    """What keeps the reader from a wrong conclusion; may be empty."""

    @property
    def can_be_significant(self) -> bool:
        """Whether any result with so many pairs has p below 0.05."""
        return self.smallest_p is not None and self.smallest_p < SIGNIFICANCE


@dataclass(frozen=True)
class PairSummary:
    """What became of HER2 in a cohort of pairs."""

    n_pairs: int
    """All pairs, those without a second sample included."""
    positivity: LossCounts
    overexpression: LossCounts
    n_down: int
    n_up: int
    n_unchanged: int
    n_not_compared: int
    """Pairs by their IHC scores; not compared are those with a score missing on either side."""
    score_test: PairedTest
    percent_test: PairedTest
    """Wilcoxon signed-rank tests."""
    sign_test: PairedTest
    """Of the scores."""
    positivity_test: PairedTest
    overexpression_test: PairedTest
    """Exact McNemar tests."""
    linear_kappa: float | None
    quadratic_kappa: float | None
    """Weighted kappa of the scores before and after."""

    @property
    def tests(self) -> tuple[PairedTest, ...]:
        """All five, in the order of the fields."""
        return self.score_test, self.percent_test, self.sign_test, self.positivity_test, self.overexpression_test


def summarize_pairs(changes: Sequence[PairChange]) -> PairSummary:
    """Count what became of HER2 in many pairs, with intervals and paired tests.

    Parameters
    ----------
    changes : sequence of PairChange
        One a patient, in any order.

    Returns
    -------
    PairSummary
        The same for any order of the pairs.

    Raises
    ------
    UsageError
        If two pairs bear the same name: tests and intervals need independent patients.

    Notes
    -----
    Without pairs all counts are 0, and shares, intervals, p-values and kappas are None. A pair with a value missing is
    left out of what needs that value, and only of that. See `signed_rank_test`, `sign_test`, `mcnemar_test` and
    `weighted_kappa` for what each leaves undefined.
    """
    _check_names(changes)
    steps = [c.score_change for c in changes if c.score_change is not None]
    percents = [c.percent_change for c in changes if c.percent_change is not None]
    scores = [(c.before.score, c.after.score) for c in changes if c.after is not None]
    known = [(first, second) for first, second in scores if first is not None and second is not None]
    positivity = _count_losses(c.positivity for c in changes)
    overexpression = _count_losses(c.overexpression for c in changes)
    return PairSummary(
        n_pairs=len(changes),
        positivity=positivity,
        overexpression=overexpression,
        n_down=sum(step < 0 for step in steps),
        n_up=sum(step > 0 for step in steps),
        n_unchanged=steps.count(0),
        n_not_compared=len(changes) - len(steps),
        score_test=signed_rank_test("score (signed rank)", steps),
        percent_test=signed_rank_test("percent", percents),
        sign_test=sign_test("score (sign)", steps),
        positivity_test=mcnemar_test("positivity", positivity),
        overexpression_test=mcnemar_test("overexpression", overexpression),
        linear_kappa=weighted_kappa(known, power=1),
        quadratic_kappa=weighted_kappa(known, power=2),
    )


def summarize_by_baseline(changes: Sequence[PairChange]) -> dict[Her2Score, PairSummary]:
    """Summarize the pairs of each first IHC score apart, lowest score first; pairs without one are in none."""
    found = sorted({c.before.score for c in changes if c.before.score is not None})
    return {score: summarize_pairs([c for c in changes if c.before.score is score]) for score in found}


def signed_rank_test(name: str, differences: Sequence[Fraction | int]) -> PairedTest:
    """Test by Wilcoxon's signed ranks whether differences lie about zero.

    Parameters
    ----------
    name : str
        Of what was compared.
    differences : sequence of Fraction or int
        After less before, of every pair with both values.

    Returns
    -------
    PairedTest
        With the smaller sum of ranks as statistic.

    Notes
    -----
    Differences of 0 are left out and equal ones share their mean rank. Up to `MAX_EXACT` differences the p is exact:
    the share of all assignments of signs to these ranks that are at least as extreme. Above, it is the normal
    approximation with the variance of these ranks (hence corrected for ties), without correction for continuity.
    Without any difference the test is not defined.

    References
    ----------
    .. [1] Wilcoxon F, Biometrics Bulletin 1945;1:80-83.
    .. [2] Pratt JW, J Am Stat Assoc 1959;54:655-667, on differences of zero and ties.
    """
    changed = [Fraction(d) for d in differences if d != 0]
    sizes = sorted({abs(d) for d in changed})
    ranks = [float(r) for r in rankdata([sizes.index(abs(d)) for d in changed])]  # places, so that equal is exact
    up = math.fsum(rank for rank, d in zip(ranks, changed, strict=True) if d > 0)
    smaller = min(up, math.fsum(ranks) - up)
    is_exact = len(changed) <= MAX_EXACT
    p_value = _exact_rank_p(ranks, smaller) if is_exact else _normal_rank_p(ranks, smaller)
    how = "exact over all signs" if is_exact else "normal approximation corrected for ties"
    # With ranks of any kind the normal p is least when all are equal, where it is that of sqrt(n).
    n = len(differences)
    smallest = _smallest_binomial_p(n) if n <= MAX_EXACT else 2 * float(norm.sf(math.sqrt(n)))
    method = f"Wilcoxon signed-rank test, {how}, unchanged pairs left out"
    return _make_test(name, method, differences, smaller, p_value, smallest)


def sign_test(name: str, differences: Sequence[Fraction | int]) -> PairedTest:
    """Test by the exact sign test whether as many pairs fell as rose; unchanged pairs are left out.

    References
    ----------
    .. [1] Dixon WJ, Mood AM, J Am Stat Assoc 1946;41:557-566.
    """
    n_down, n_up = _count_signs(differences)
    smaller, p_value = min(n_down, n_up), _binomial_p(n_down, n_up)
    method = "sign test, exact binomial, unchanged pairs left out"
    return _make_test(name, method, differences, smaller, p_value, _smallest_binomial_p(len(differences)))


def mcnemar_test(name: str, counts: LossCounts) -> PairedTest:
    """Test by the exact McNemar test whether as many pairs lost something as gained it.

    Parameters
    ----------
    name : str
        Of what was lost.
    counts : LossCounts
        Over all pairs.

    Returns
    -------
    PairedTest
        Of the assessable pairs.

    Notes
    -----
    In a cohort taken in because it had something to lose, nobody can gain: the test then only says how unlikely so many
    losses are if loss and gain were equally likely, and errors of the first sample alone would tend the same way. Where
    some pairs had nothing to lose, their gains belong into the test and are not counted: it is not defined.

    References
    ----------
    .. [1] McNemar Q, Psychometrika 1947;12:153-157.
    """
    method = "exact McNemar test; all pairs had it at baseline, so none could gain it"
    differences = [-1] * counts.n_lost + [0] * counts.n_retained
    if counts.n_not_applicable:
        had = "1 pair had" if counts.n_not_applicable == 1 else f"{counts.n_not_applicable} pairs had"
        remark = f"{had} nothing to lose at baseline, and gains are not counted: the test is not defined."
        return PairedTest(name, "exact McNemar test", len(differences), counts.n_lost, 0, None, None, None, remark)
    p_value, smallest = _binomial_p(counts.n_lost, 0), _smallest_binomial_p(len(differences))
    return _make_test(name, method, differences, 0, p_value, smallest)


def weighted_kappa(scores: Sequence[tuple[Her2Score, Her2Score]], *, power: int) -> float | None:
    """Agreement of two scores beyond chance, with disagreements weighted by their distance.

    Parameters
    ----------
    scores : sequence of (Her2Score, Her2Score)
        Before and after.
    power : int
        Of the distance: 1 for linear, 2 for quadratic weights.

    Returns
    -------
    float or None
        Up to 1. None without pairs, or where all samples of both sides have the same score, so that chance alone would
        agree always.

    Notes
    -----
    A cohort chosen by its first score has a narrow range of it, which lowers kappa: compare it with nothing but cohorts
    chosen the same way.

    References
    ----------
    .. [1] Cohen J, Psychol Bull 1968;70:213-220.
    """
    before, after = Counter(first for first, _ in scores), Counter(second for _, second in scores)
    seen = len(scores) * sum(abs(first - second) ** power for first, second in scores)
    # Both sums are n squared times a mean, so that the quotient is one of whole numbers.
    by_chance = sum(abs(i - j) ** power * before[i] * after[j] for i, j in product(Her2Score, repeat=2))
    return float(1 - Fraction(seen, by_chance)) if by_chance else None


def _check_names(changes: Sequence[PairChange]) -> None:
    for name, n in Counter(c.case_id for c in changes).items():
        if n > 1:
            raise UsageError(f"{name}: {n} pairs of this name; expected one pair a patient. Keep one of them.")


def _count_losses(outcomes: Iterable[PairOutcome]) -> LossCounts:
    n = Counter(outcomes)
    n_lost, n_retained = n[PairOutcome.LOST], n[PairOutcome.RETAINED]
    return LossCounts(
        n_lost=n_lost,
        n_retained=n_retained,
        n_not_assessable=n[PairOutcome.NOT_ASSESSABLE],
        n_not_applicable=n[PairOutcome.NOT_APPLICABLE],
        interval=_clopper_pearson(n_lost, n_lost + n_retained),
    )


def _clopper_pearson(part: int, whole: int) -> tuple[float, float] | None:
    """Exact interval of a share (Clopper CJ, Pearson ES, Biometrika 1934;26:404-413); None of nothing."""
    if not whole:
        return None
    interval = binomtest(part, whole).proportion_ci(CONFIDENCE, method="exact")
    return float(interval.low), float(interval.high)


def _make_test(
    name: str,
    method: str,
    differences: Sequence[Fraction | int],
    statistic: float,
    p_value: float | None,
    smallest_p: float | None,
) -> PairedTest:
    """Put a test together and say what its p cannot."""
    n, (n_down, n_up) = len(differences), _count_signs(differences)
    remarks = []
    if n and p_value is None:
        remarks.append("No pair changed: the test is not defined.")
    if smallest_p is None:
        remarks.append("No pair can be compared: the test is not defined.")
    elif smallest_p >= SIGNIFICANCE:
        pairs = "1 pair" if n == 1 else f"{n} pairs"
        remarks.append(f"With {pairs} no result can be significant: the smallest p possible is {smallest_p:g}.")
    known = None if p_value is None else float(statistic)
    return PairedTest(name, method, n, n_down, n_up, known, p_value, smallest_p, " ".join(remarks))


def _count_signs(differences: Sequence[Fraction | int]) -> tuple[int, int]:
    return sum(d < 0 for d in differences), sum(d > 0 for d in differences)


def _binomial_p(n_down: int, n_up: int) -> float | None:
    """Two-sided exact p of so many falls and rises if both are equally likely; None where nothing changed."""
    return float(binomtest(n_down, n_down + n_up).pvalue) if n_down + n_up else None


def _smallest_binomial_p(n: int) -> float | None:
    """All of n pairs change the same way: one assignment of signs in 2^n, counted for both ways; None of no pair."""
    return 2.0 ** (1 - n) if n else None


def _exact_rank_p(ranks: Sequence[float], smaller: float) -> float | None:
    if not ranks:
        return None
    sums = [sum(chosen) for chosen in product(*((0.0, rank) for rank in ranks))]  # halves add up exactly
    return min(1.0, 2 * sum(total <= smaller for total in sums) / len(sums))


def _normal_rank_p(ranks: Sequence[float], smaller: float) -> float:
    mean, variance = sum(ranks) / 2, sum(rank**2 for rank in ranks) / 4
    return 2 * float(norm.cdf((smaller - mean) / math.sqrt(variance)))
