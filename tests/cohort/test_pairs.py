"""Cohorts of pairs: the published 22 and 4 to the printed digits, and every number that is not defined."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from hetscore.cohort.pairs import (
    MAX_EXACT,
    LossCounts,
    PairedTest,
    PairSummary,
    mcnemar_test,
    sign_test,
    signed_rank_test,
    summarize_by_baseline,
    summarize_pairs,
    weighted_kappa,
)
from hetscore.domain import Her2Score, IshResult, PairOutcome, Sample
from hetscore.errors import UsageError
from hetscore.scoring.pairs import compare_pair
from tests.cohort.published import AFTER, AMP, BEFORE, FOUR_PATIENTS, NOT, UNK, ish_tables, make_pairs

S0, S1, S2, S3 = Her2Score
LOST, KEPT, NA = PairOutcome.LOST, PairOutcome.RETAINED, PairOutcome.NOT_ASSESSABLE

TABLES = list(ish_tables())
SOME_TABLE = TABLES[0]


@pytest.fixture(scope="module")
def of_22() -> PairSummary:
    """Summary of the 22 pairs of Pietrantonio 2016."""
    return summarize_pairs(make_pairs(SOME_TABLE))


@pytest.fixture(scope="module")
def of_4() -> PairSummary:
    """Summary of the four patients of Bon 2020."""
    return summarize_pairs([compare_pair(f"P{i}", *pair) for i, pair in FOUR_PATIENTS.items()])


def test_the_22_pairs_as_printed(of_22: PairSummary) -> None:
    """Loss of positivity in 6 of 19 and of overexpression in 7 of 22, with their Clopper-Pearson intervals."""
    positivity, overexpression = of_22.positivity, of_22.overexpression
    assert (of_22.n_pairs, positivity.n_assessable, positivity.n_not_assessable) == (22, 19, 3)
    assert (positivity.n_lost, positivity.n_retained) == (6, 13)
    assert (overexpression.n_lost, overexpression.n_assessable, overexpression.n_retained) == (7, 22, 15)
    assert (positivity.share, overexpression.share) == (Fraction(6, 19), Fraction(7, 22))
    assert positivity.interval == pytest.approx((0.1258, 0.5655), abs=5e-5)
    assert overexpression.interval == pytest.approx((0.1386, 0.5487), abs=5e-5)
    assert (of_22.n_down, of_22.n_up, of_22.n_unchanged, of_22.n_not_compared) == (10, 1, 11, 0)


def test_the_22_pairs_by_baseline_score() -> None:
    """Table 3: 4 of 5 against 2 of 14 lost positivity, 5 of 8 against 2 of 14 overexpression."""
    by_score = summarize_by_baseline(make_pairs(SOME_TABLE))
    assert list(by_score) == [S2, S3]
    assert (by_score[S2].positivity.share, by_score[S3].positivity.share) == (Fraction(4, 5), Fraction(2, 14))
    assert (by_score[S2].overexpression.share, by_score[S3].overexpression.share) == (Fraction(5, 8), Fraction(2, 14))


def test_every_ish_table_that_fits_the_paper_says_the_same() -> None:
    """Table 2 leaves the joint ISH results open in 1008 ways; the losses are the same in all, also by baseline."""
    margins = Counter((UNK,) * 4 + (AMP,) * 18), Counter((AMP,) * 11 + (NOT,) * 7 + (UNK,) * 4)
    expected = Counter({(S2, LOST): 4, (S2, KEPT): 1, (S2, NA): 3, (S3, LOST): 2, (S3, KEPT): 12})

    assert len(TABLES) == 1008
    for rows in TABLES:
        assert (Counter(row[2] for row in rows), Counter(row[3] for row in rows)) == margins
        assert Counter((p.before.score, p.positivity) for p in make_pairs(rows)) == expected
    assert sorted((row[0], row[1]) for row in SOME_TABLE) == sorted(zip(BEFORE, AFTER, strict=True))


def test_the_tests_of_the_22_pairs(of_22: PairSummary) -> None:
    """Signed ranks W = 3.5 and p = 0.0073, sign test 0.0117, McNemar 0.03125 and 0.015625; each names its method."""
    score = of_22.score_test
    assert (score.statistic, score.n_pairs, score.n_down, score.n_up) == (3.5, 22, 10, 1)
    assert score.p_value == pytest.approx(0.0073, abs=5e-5)
    assert "normal approximation" in score.method
    assert of_22.sign_test.p_value == pytest.approx(0.0117, abs=5e-5)
    assert (of_22.positivity_test.p_value, of_22.overexpression_test.p_value) == (0.03125, 0.015625)
    assert (of_22.positivity_test.n_pairs, of_22.positivity_test.n_down) == (19, 6)
    assert all(test.method and test.can_be_significant for test in of_22.tests if test.name != "percent")


def test_the_kappas_of_the_22_pairs(of_22: PairSummary) -> None:
    """Linear 0.237 and quadratic 0.300."""
    assert of_22.linear_kappa == pytest.approx(0.237, abs=5e-4)
    assert of_22.quadratic_kappa == pytest.approx(0.300, abs=5e-4)


def test_without_percents_there_is_no_test_of_them(of_22: PairSummary) -> None:
    """The 22 pairs are printed without percents."""
    test = of_22.percent_test
    assert (test.n_pairs, test.statistic, test.p_value, test.smallest_p) == (0, None, None, None)
    assert test.remark == "No pair can be compared: the test is not defined."
    assert not test.can_be_significant


def test_four_pairs_prove_nothing(of_4: PairSummary) -> None:
    """All four fell, which is the least p that four pairs can give, and it is 0.125; percent 0.25."""
    assert (of_4.n_down, of_4.n_up, of_4.n_unchanged) == (4, 0, 0)
    assert (of_4.score_test.p_value, of_4.score_test.smallest_p, of_4.score_test.statistic) == (0.125, 0.125, 0)
    assert (of_4.percent_test.p_value, of_4.percent_test.smallest_p, of_4.percent_test.n_down) == (0.25, 0.125, 3)
    assert "exact over all signs" in of_4.score_test.method
    assert not any(test.can_be_significant for test in of_4.tests)
    for test in of_4.tests:
        assert test.remark == "With 4 pairs no result can be significant: the smallest p possible is 0.125."


def test_the_four_patients_as_a_cohort(of_4: PairSummary) -> None:
    """All lost overexpression, two of four positivity."""
    assert (of_4.overexpression.n_lost, of_4.overexpression.share) == (4, Fraction(1))
    assert of_4.overexpression.interval == pytest.approx((0.025 ** (1 / 4), 1))
    assert (of_4.positivity.n_lost, of_4.positivity.n_retained) == (2, 2)


def test_no_pairs() -> None:
    """Counts are 0; shares, intervals, tests and kappas are None."""
    summary = summarize_pairs([])
    assert summary.positivity == summary.overexpression == LossCounts(0, 0, 0, 0, None)
    assert summary.positivity.share is None
    assert (summary.n_pairs, summary.n_down, summary.n_up, summary.n_unchanged, summary.n_not_compared) == (0,) * 5
    assert {(t.statistic, t.p_value, t.smallest_p) for t in summary.tests} == {(None, None, None)}
    assert (summary.linear_kappa, summary.quadratic_kappa) == (None, None)
    assert summarize_by_baseline([]) == {}


def test_pairs_that_cannot_be_compared_are_counted_apart() -> None:
    """No second sample, and no score on either side: three pairs of four are left out of every test."""
    summary = summarize_pairs(
        [
            compare_pair("no second", Sample(S3), None),
            compare_pair("second not judged", Sample(S3), Sample(None)),
            compare_pair("first not judged", Sample(None), Sample(S0, NOT)),
            compare_pair("good", Sample(S3), Sample(S0, NOT)),
        ]
    )
    assert (summary.n_pairs, summary.n_not_compared, summary.n_down) == (4, 3, 1)
    assert (summary.positivity.n_not_assessable, summary.overexpression.n_not_assessable) == (3, 3)
    assert {t.n_pairs for t in summary.tests} == {0, 1}
    assert summary.score_test.remark == "With 1 pair no result can be significant: the smallest p possible is 1."


def test_no_pair_changed() -> None:
    """Tests are not defined; kappa is not either where all scores are one, and is 1 where they differ."""
    same = [compare_pair(f"P{i}", Sample(S3), Sample(S3)) for i in range(8)]
    summary = summarize_pairs(same)
    assert {(t.p_value, t.statistic) for t in summary.tests} == {(None, None)}
    assert summary.score_test.remark == "No pair changed: the test is not defined."
    assert summary.score_test.can_be_significant
    assert (summary.linear_kappa, summary.positivity.share) == (None, Fraction(0))
    assert summary.positivity.interval == pytest.approx((0, 1 - 0.025 ** (1 / 8)))
    mixed = summarize_pairs([*same, compare_pair("other", Sample(S2, AMP), Sample(S2, AMP))])
    assert (mixed.linear_kappa, mixed.quadratic_kappa) == (1, 1)


def test_mcnemar_refuses_a_cohort_that_could_have_gained() -> None:
    """A pair negative at baseline may gain, which is not counted: a p from losses alone would be wrong."""
    lost = [compare_pair(f"P{i}", Sample(S2, AMP), Sample(S0, NOT)) for i in range(6)]
    summary = summarize_pairs([*lost, compare_pair("gained", Sample(S0, NOT), Sample(S3, AMP))])
    assert (summary.positivity.n_not_applicable, summary.positivity_test.p_value) == (1, None)
    assert summary.overexpression_test.p_value is None
    assert summary.positivity_test.remark.startswith("1 pair had nothing to lose at baseline")
    assert not summary.positivity_test.can_be_significant
    assert summarize_pairs(lost).positivity_test.p_value == 0.03125


@pytest.mark.parametrize(("n", "can"), [(1, False), (5, False), (6, True), (MAX_EXACT, True), (MAX_EXACT + 1, True)])
def test_six_pairs_are_the_least_that_can_be_significant(n: int, can: bool) -> None:
    """And the smallest p is what a test gives when all pairs fall alike, by either way of the signed ranks."""
    fallen = [-1] * n
    lost = LossCounts(n_lost=n, n_retained=0, n_not_assessable=0, n_not_applicable=0, interval=None)
    for test in (signed_rank_test("x", fallen), sign_test("x", fallen), mcnemar_test("x", lost)):
        assert test.p_value == pytest.approx(test.smallest_p)
        assert test.can_be_significant is can
        assert bool(test.remark) is not can


def test_equal_fractions_share_a_rank() -> None:
    """-1/3 twice and +1/3: three equal ranks of 2, so W is 2 and p is that of one against two signs."""
    test = signed_rank_test("x", [Fraction(-1, 3), Fraction(-2, 6), Fraction(1, 3), 0])
    assert (test.statistic, test.p_value, test.n_pairs, test.n_down, test.n_up) == (2, 1, 4, 2, 1)


def test_the_normal_approximation_is_close_where_it_is_used() -> None:
    """Within 0.01 of the exact p wherever that is below 0.1, for 11 to 30 differences without ties; at 5 it is not."""
    assert max(_approximation_error(n) for n in range(MAX_EXACT + 1, 31)) < 0.01
    assert _approximation_error(5) > 0.019


def _approximation_error(n: int) -> float:
    """Largest error of the normal p against the exact one, which is counted by adding one rank after another."""
    ways = np.ones(1)
    for rank in range(1, n + 1):
        without, with_rank = np.pad(ways, (0, rank)), np.pad(ways, (rank, 0))
        ways = (without + with_rank) / 2
    exact = 2 * np.cumsum(ways)
    spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    normal = 2 * norm.cdf((np.arange(len(ways)) - n * (n + 1) / 4) / spread)
    return float(np.max(np.abs(normal - exact)[exact < 0.1]))


@pytest.mark.parametrize(
    ("scores", "power", "expected"),
    [
        ([(S0, S0), (S3, S3)], 1, 1.0),
        ([(S0, S3), (S3, S0)], 1, -1.0),
        ([(S0, S0), (S0, S3), (S3, S0), (S3, S3)], 2, 0.0),
        # |i - j| is 1 in one of 4 pairs; by chance (3/4 and 1/4 against 1/2 and 1/2) in half of them
        ([(S2, S2), (S2, S2), (S2, S3), (S3, S3)], 1, 0.5),
        ([(S3, S3), (S3, S3)], 1, None),
        ([(S3, S2), (S3, S2)], 2, 0.0),
        ([], 1, None),
    ],
)
def test_weighted_kappa(scores: list[tuple[Her2Score, Her2Score]], power: int, expected: float | None) -> None:
    """Full, opposite and chance agreement, one by hand, and where it is not defined."""
    assert weighted_kappa(scores, power=power) == expected


def test_a_name_twice_is_refused() -> None:
    """Two pairs of one patient are not independent."""
    pair = compare_pair("P1", Sample(S3), Sample(S3))
    with pytest.raises(UsageError, match=r"P1: 2 pairs of this name; expected one pair a patient\. "):
        summarize_pairs([pair, pair])


SAMPLES = st.builds(Sample, st.none() | st.sampled_from(Her2Score), st.sampled_from(IshResult))


@given(st.lists(st.tuples(SAMPLES, st.none() | SAMPLES), max_size=15))
def test_laws_of_a_summary(drawn: list[tuple[Sample, Sample | None]]) -> None:
    """Every pair is counted once in each place, no p lies below the smallest possible, and order is irrelevant."""
    changes = [compare_pair(f"P{i}", before, after) for i, (before, after) in enumerate(drawn)]
    summary = summarize_pairs(changes)
    for counts in (summary.positivity, summary.overexpression):
        assert counts.n_assessable + counts.n_not_assessable + counts.n_not_applicable == len(changes)
        assert counts.share is None or (counts.interval and counts.interval[0] <= counts.share <= counts.interval[1])
    assert summary.n_down + summary.n_up + summary.n_unchanged + summary.n_not_compared == len(changes)
    assert all(_is_possible(test) for test in summary.tests)
    assert summarize_pairs(changes[::-1]) == summary


def _is_possible(test: PairedTest) -> bool:
    if test.p_value is None:
        return bool(test.remark)
    return test.smallest_p is not None and test.smallest_p * (1 - 1e-9) <= test.p_value <= 1
