"""Shares of truly negative cells: the printed fixtures, a slow readable reference, and laws."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import isclose

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, betabinom, binom, binomtest

from hetscore.domain import NegativeShare
from hetscore.errors import UsageError
from hetscore.scoring.deconvolution import (
    Deconvolved,
    FragmentNegatives,
    estimate_negatives,
    icc_of,
    rogan_gladen,
)
from hetscore.scoring.error_model import Rate

CONTAMINATION = 0.02
HAS_NEGATIVES = 0.5


def make_rate(n_errors: int, n_cells: int) -> Rate:
    """Rate of independent cells, with the interval of Clopper and Pearson."""
    interval = binomtest(n_errors, n_cells).proportion_ci()
    return Rate(n_errors, n_cells, float(interval.low), float(interval.high))


FALSE_NEGATIVE = make_rate(20, 2000)
FALSE_POSITIVE = make_rate(3, 100)


def estimate(
    negatives: Sequence[int], n_scored: int = 1200, rate: Rate = FALSE_NEGATIVE, icc: float = 0.002, prior: float = 0.39
) -> Deconvolved:
    """Deconvolve fragments of one size without contamination."""
    fragments = [FragmentNegatives(n, n_scored, 0.0) for n in negatives]
    return estimate_negatives(fragments, rate, FALSE_POSITIVE, icc=icc, prior_homo=prior)


class TestRoganGladen:
    """The estimate from one count."""

    @pytest.mark.parametrize(
        ("n_negative", "printed"), [(20, "0.00694"), (60, "0.04167"), (300, "0.25000"), (5, "0.00000")]
    )
    def test_printed(self, n_negative: int, printed: str) -> None:
        """Of 1,200 cells read with 1 % false negatives and 3 % false positives."""
        assert f"{rogan_gladen(n_negative, 1200, false_negative=0.01, false_positive=0.03):.5f}" == printed

    @given(st.floats(0, 1), st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0, 0.5))
    def test_undoes_the_errors(self, share: float, false_negative: float, false_positive: float, other: float) -> None:
        """From what is read on average the true share comes back, to the cell in a billion."""
        n_scored = 10**9
        read = (1 - other) * (share * (1 - false_positive) + (1 - share) * false_negative) + other
        found = rogan_gladen(
            round(n_scored * read),
            n_scored,
            false_negative=false_negative,
            false_positive=false_positive,
            contamination=other,
        )
        assert isclose(found, share, abs_tol=1e-7)

    def test_never_beyond_all(self) -> None:
        """More negatives than a wholly negative fragment would show are a share of 1."""
        assert rogan_gladen(1200, 1200, false_negative=0.01, false_positive=0.03) == 1

    def test_reading_by_chance(self) -> None:
        """Rates that add up to 1 cannot be undone, and the message says what to do."""
        with pytest.raises(
            UsageError, match=r"0.6 false negatives and 0.4 false positives; expected a sum below 1. Mea"
        ):
            rogan_gladen(5, 10, false_negative=0.6, false_positive=0.4)


class TestIcc:
    """Likeness of the cells of a fragment, from the spread of the rate between fragments."""

    def test_no_spread(self) -> None:
        """Where all fragments have one rate, cells of a fragment are no more alike than others."""
        assert icc_of(0.0, 0.01) == 0

    def test_small_spread(self) -> None:
        """For a small spread it is the variance of the rate over that of a cell, the slope of the logit undone."""
        assert isclose(icc_of(0.01, 0.2), 0.2 * 0.8 * 0.01**2, rel_tol=1e-3)

    @given(st.floats(0.1, 2), st.floats(0.001, 0.5))
    def test_moments(self, fragment_sd: float, rate: float) -> None:
        """The two moments of the rate are those of a fine histogram of its log odds."""
        z = np.linspace(-9, 9, 20_001)
        weight = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
        rates = 1 / (1 + (1 / rate - 1) * np.exp(-fragment_sd * z))
        mean = weight @ rates
        assert isclose(icc_of(fragment_sd, rate), weight @ (rates - mean) ** 2 / (mean * (1 - mean)), rel_tol=1e-5)


class TestPrintedPosterior:
    """Four fragments of 1,200 cells; 20 of 2,000 and 3 of 100 cells misread in validation; prior of homo 0.39."""

    @pytest.mark.parametrize(
        ("negatives", "icc", "printed"),
        [
            ((12, 12, 12, 12), 0.0, "0.9705"),
            ((12, 12, 12, 12), 0.002, "0.957"),
            ((12, 12, 12, 12), 0.005, "0.944"),
            ((12, 12, 12, 30), 0.0, "0.083"),
            ((12, 12, 12, 30), 0.002, "0.868"),
            ((12, 12, 12, 30), 0.005, "0.901"),
            ((12, 12, 12, 60), 0.0, "0.000"),
            ((12, 12, 12, 60), 0.002, "0.009"),
            ((12, 12, 12, 60), 0.005, "0.344"),
            ((12, 12, 12, 1150), 0.0, "0.000"),
            ((12, 12, 12, 1150), 0.002, "0.000"),
            ((12, 12, 12, 1150), 0.005, "0.000"),
        ],
    )
    def test_homo(self, negatives: tuple[int, ...], icc: float, printed: str) -> None:
        """Errors taken for independent make 30 of 1,200 nearly surely hetero; a little likeness makes them homo."""
        assert f"{estimate(negatives, icc=icc).probability_homo:.{len(printed) - 2}f}" == printed

    def test_negative_fragment(self) -> None:
        """A wholly negative fragment of four has a share of nearly 1, the case of nearly a quarter."""
        found = estimate((12, 12, 12, 1150))
        assert found.by_fragment[3].low > 0.95
        assert found.by_fragment[0] == NegativeShare(0.0, 0.0, found.by_fragment[0].high)
        assert 0.24 < found.pooled.low < found.pooled.point < found.pooled.high < 0.26

    def test_reading_negative_throughout(self) -> None:
        """A fragment without a single positive reading is no more than wholly negative, and the case half so."""
        assert estimate((0, 1200)).by_fragment[1].point == 1
        assert estimate((12, 1200)).pooled.point == pytest.approx(0.5, abs=0.001)
        assert estimate((20_000,) * 3, 20_000, icc=0.0).pooled.low > 0.997

    def test_prior_of_one_half(self) -> None:
        """The printed example at even odds: .083, .868 and .901 become .124, .911 and .934."""
        found = [estimate((12, 12, 12, 30), icc=icc, prior=0.5).probability_homo for icc in (0.0, 0.002, 0.005)]
        assert [f"{homo:.3f}" for homo in found] == ["0.124", "0.911", "0.934"]

    @pytest.mark.parametrize(("n_negative", "printed"), [(12, "0.957"), (24, "0.896"), (48, "0.011")])
    def test_uniform_mosaic(self, n_negative: int, printed: str) -> None:
        """Twice the measured errors in every fragment pass for errors, be they true negatives; four times do not."""
        assert f"{estimate((n_negative,) * 4).probability_homo:.3f}" == printed

    def test_odds(self) -> None:
        """The prior multiplies the odds of homo and does nothing else."""
        odds = [p / (1 - p) for p in (estimate((12, 40), prior=prior).probability_homo for prior in (0.39, 0.5))]
        assert isclose(odds[1] / odds[0], 0.61 / 0.39)


def weigh_slowly(counts: Sequence[tuple[int, int]], rates: Sequence[Rate], icc: float) -> tuple[float, list[float]]:
    """Sum over coarse grids cell by cell; return the probability of homo and the mean share of each fragment."""
    root = (np.arange(100) + 0.5) / 100
    shares, prior = np.append(0, root**2), np.append(1 - HAS_NEGATIVES, np.full(100, HAS_NEGATIVES / 100))
    levels = (np.arange(24) + 0.5) / 24
    values = {r: beta.ppf(levels, r.n_errors + 0.5, r.n_cells - r.n_errors + 0.5) for r in rates}
    homo, hetero, means = 0.0, 0.0, np.zeros(len(counts))
    for at in product(range(24), repeat=len(values)):
        value = {rate: values[rate][i] for rate, i in zip(values, at, strict=True)}
        chances = [weigh_shares(x, n, value[r], shares, icc) for (x, n), r in zip(counts, rates, strict=True)]
        free = np.prod([chance[0] for chance in chances])
        total = np.prod([prior @ chance for chance in chances])
        homo += free
        hetero += total - free * (1 - HAS_NEGATIVES) ** len(counts)
        means += [total * ((prior * shares) @ chance) / (prior @ chance) for chance in chances]
    not_all_free = 1 - (1 - HAS_NEGATIVES) ** len(counts)
    seen = 0.39 * homo + 0.61 * hetero / not_all_free
    return 0.39 * homo / seen, list(0.61 * means / not_all_free / seen)


def weigh_shares(x: int, n: int, rate: float, shares: np.ndarray, icc: float) -> np.ndarray:
    """Chance of a count for each share."""
    read = shares * (1 - FALSE_POSITIVE.value) + (1 - shares) * rate
    read = CONTAMINATION + (1 - CONTAMINATION) * read
    if not icc:
        return np.asarray(binom.pmf(x, n, read))
    k = 1 / icc - 1
    return np.asarray(betabinom.pmf(x, n, read * k, (1 - read) * k))


class TestReference:
    """The same sums without any of the shortcuts."""

    @pytest.mark.parametrize("icc", [0.0, 0.01])
    @pytest.mark.parametrize(
        ("counts", "n_rates"), [([(9, 100)], 1), ([(9, 100), (3, 60)], 1), ([(9, 100), (3, 60), (8, 50)], 2)]
    )
    def test_probability(self, counts: list[tuple[int, int]], n_rates: int, icc: float) -> None:
        """One fragment, two that share a rate, and three of two strata."""
        rates = [make_rate(5, 200)] * (len(counts) - n_rates + 1) + [make_rate(8, 100)] * (n_rates - 1)
        fragments = [FragmentNegatives(x, n, CONTAMINATION) for x, n in counts]
        found = estimate_negatives(fragments, rates, FALSE_POSITIVE, icc=icc)
        homo, means = weigh_slowly(counts, rates, icc)
        assert found.probability_homo == pytest.approx(homo, abs=0.002)
        for share, mean in zip(found.by_fragment, means, strict=True):
            assert share.low <= mean <= share.high

    def test_interval_of_one(self) -> None:
        """A single fragment, far from free, has the bounds of its posterior, and is the whole case."""
        found = estimate((300,), 1000, make_rate(2, 10_000), icc=0.0)
        # free of error but for 3 %: 300 negatives read are 309 of 1,000
        exact = beta.ppf([0.025, 0.975], 300.5, 700.5) / (1 - FALSE_POSITIVE.value)
        assert [found.by_fragment[0].low, found.by_fragment[0].high] == pytest.approx(exact, abs=0.001)
        assert [found.pooled.low, found.pooled.high] == pytest.approx(exact, abs=0.001)

    def test_interval_of_the_pool(self) -> None:
        """Of two such fragments, one twice as large, the case has the weighted mean, and a variance that adds up."""
        fragments = [FragmentNegatives(300, 1000, 0.0), FragmentNegatives(1000, 2000, 0.0)]
        found = estimate_negatives(fragments, make_rate(2, 10_000), FALSE_POSITIVE, icc=0.0)
        parts = [beta(300.5, 700.5), beta(1000.5, 1000.5)]
        mean = (parts[0].mean() + 2 * parts[1].mean()) / 3 / (1 - FALSE_POSITIVE.value)
        half = 1.96 * np.sqrt(parts[0].var() + 4 * parts[1].var()) / 3 / (1 - FALSE_POSITIVE.value)
        assert [found.pooled.low, found.pooled.high] == pytest.approx([mean - half, mean + half], abs=0.001)
        assert found.pooled.point == pytest.approx(mean, abs=0.001)


class TestRates:
    """What is believed of the rate of false negatives."""

    def test_clustered_validation(self) -> None:
        """An interval ten times wider in variance counts as ten times fewer cells."""
        few = make_rate(2, 200)
        wide = Rate(20, 2000, few.low, few.high)
        pairs = zip(estimate((40,), rate=wide).by_fragment, estimate((40,), rate=few).by_fragment, strict=True)
        assert all((a.low, a.high) == pytest.approx((b.low, b.high), abs=1e-4) for a, b in pairs)

    def test_shared_rate(self) -> None:
        """Six fragments with twice the expected negatives: one shared error explains them, six separate ones less."""
        fragments = [FragmentNegatives(30, 1200, 0.0)] * 6
        apart = [make_rate(8 + i, 800 + 100 * i) for i in range(6)]
        rate = make_rate(8, 800)
        together = estimate_negatives(fragments, rate, FALSE_POSITIVE, icc=0.002)
        separate = estimate_negatives(fragments, apart, FALSE_POSITIVE, icc=0.002)
        assert together == estimate_negatives(fragments, [rate] * 6, FALSE_POSITIVE, icc=0.002)
        assert together.probability_homo > separate.probability_homo

    def test_nothing_measured(self) -> None:
        """Rates that nothing was counted for are half each and tell nothing."""
        unknown = Rate(0, 0, 0.0, 1.0)
        with pytest.raises(UsageError, match=r"0\.5 false negatives and 0\.5 false positives"):
            estimate_negatives([FragmentNegatives(1, 10, 0.0)], unknown, unknown, icc=0.0)

    def test_every_cell_wrong(self) -> None:
        """A rate found on one cell that was wrong is no ground for anything, yet no failure either."""
        assert 0 < estimate((1,), 10, Rate(1, 1, 0.025, 1.0)).probability_homo < 1


class TestLaws:
    """What must hold whatever the counts."""

    negatives = st.lists(st.integers(0, 200), min_size=1, max_size=4)
    icc = st.sampled_from([0.0, 0.002, 0.05])
    rate = st.sampled_from([make_rate(0, 50), FALSE_NEGATIVE, make_rate(90, 1000)])

    @given(negatives, icc, rate)
    @settings(max_examples=20, deadline=None)
    def test_bounds(self, negatives: list[int], icc: float, rate: Rate) -> None:
        """Probabilities and shares lie in [0, 1], and intervals do not turn round."""
        found = estimate(negatives, 200, rate, icc)
        assert 0 <= found.probability_homo <= 1
        for share in (*found.by_fragment, found.pooled):
            assert 0 <= share.low <= share.high <= 1
            assert 0 <= share.point <= 1

    @given(negatives, icc, rate)
    @settings(max_examples=20, deadline=None)
    def test_one_more_negative(self, negatives: list[int], icc: float, rate: Rate) -> None:
        """A negative cell more in the fragment that has the most never speaks for homo."""
        most = int(np.argmax(negatives))
        more = [n + (i == most) for i, n in enumerate(negatives)]
        before, after = (estimate(counts, 201, rate, icc).probability_homo for counts in (negatives, more))
        assert after <= before + 1e-12

    def test_one_more_elsewhere(self) -> None:
        """Negatives where there are few may speak for homo: they make errors commoner, also where there are many."""
        assert estimate((0, 30, 30)).probability_homo < estimate((12, 30, 30)).probability_homo

    @given(
        st.lists(st.integers(0, 200), min_size=2, max_size=4).flatmap(
            lambda n: st.tuples(st.just(n), st.permutations(n))
        )
    )
    @settings(max_examples=10, deadline=None)
    def test_order(self, orders: tuple[list[int], list[int]]) -> None:
        """The order of the fragments changes nothing but the order of their shares."""
        one, other = (estimate(counts, 200) for counts in orders)
        assert other.probability_homo == pytest.approx(one.probability_homo, rel=1e-9, abs=1e-12)
        assert (other.pooled.low, other.pooled.high) == pytest.approx((one.pooled.low, one.pooled.high), abs=0.002)

    @given(st.permutations(range(4)))
    @settings(max_examples=6, deadline=None)
    def test_order_of_strata(self, order: list[int]) -> None:
        """Each fragment keeps its own rate and its own share."""
        fragments = [FragmentNegatives(n, 300, 0.01) for n in (3, 20, 60, 250)]
        rates = [FALSE_NEGATIVE, make_rate(9, 100), FALSE_NEGATIVE, make_rate(9, 100)]
        straight = estimate_negatives(fragments, rates, FALSE_POSITIVE, icc=0.002)
        turned = estimate_negatives([fragments[i] for i in order], [rates[i] for i in order], FALSE_POSITIVE, icc=0.002)
        for found, i in zip(turned.by_fragment, order, strict=True):
            assert found.high == pytest.approx(straight.by_fragment[i].high, abs=1e-9)

    @given(st.integers(30, 150), st.sampled_from([0.0, 0.002]))
    @settings(max_examples=10, deadline=None)
    def test_more_validation(self, n_negative: int, icc: float) -> None:
        """The same rate found on more cells narrows the share of a case that is surely hetero."""
        widths = []
        for n_cells in (100, 800, 6400):
            pooled = estimate((n_negative, 190), 200, make_rate(n_cells // 50, n_cells), icc).pooled
            widths.append(pooled.high - pooled.low)
        assert widths[0] > widths[1] > widths[2]

    @given(st.floats(0.01, 0.98))
    @settings(max_examples=10, deadline=None)
    def test_prior(self, prior: float) -> None:
        """A likelier homo stays likelier."""
        assert (
            estimate((12, 35), prior=prior).probability_homo < estimate((12, 35), prior=prior + 0.01).probability_homo
        )


class TestRefusals:
    """What no case has."""

    @pytest.mark.parametrize("counts", [(3, 2, 0.0), (-1, 2, 0.0), (0, 0, 0.0), (1, 2, 1.0), (1, 2, -0.1)])
    def test_counts(self, counts: tuple[int, int, float]) -> None:
        """Counts must be of scored cells, some of which are tumor."""
        with pytest.raises(ValueError, match="expected n_negative from 0 to n_scored"):
            FragmentNegatives(*counts)

    @pytest.mark.parametrize(("n_fragments", "n_rates"), [(0, 0), (2, 1)])
    def test_rates(self, n_fragments: int, n_rates: int) -> None:
        """There is a rate for each fragment, and a fragment."""
        fragments = [FragmentNegatives(1, 9, 0.0)] * n_fragments
        with pytest.raises(ValueError, match=f"{n_fragments} fragments with {n_rates} rates"):
            estimate_negatives(fragments, [FALSE_NEGATIVE] * n_rates, FALSE_POSITIVE, icc=0.0)

    @pytest.mark.parametrize(("icc", "prior"), [(1.0, 0.39), (-0.1, 0.39), (0.0, 0.0), (0.0, 1.0)])
    def test_probabilities(self, icc: float, prior: float) -> None:
        """A certain prior would need no cells."""
        with pytest.raises(ValueError, match="expected an icc in"):
            estimate((1,), 9, icc=icc, prior=prior)
