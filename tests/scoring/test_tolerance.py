"""Arithmetic of rules under error, held to the printed digits of the tables it was first worked out in."""

from __future__ import annotations

from math import comb, exp, isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.scoring.tolerance import (
    any_cluster_chance,
    count_animals,
    detection_chance,
    expected_clusters,
    false_hetero_chance,
    log_beta_binomial,
    needed_rate,
    smallest_clone,
    tolerated_negatives,
)


class TestLiteralRule:
    """One misread cell makes a homogeneous case hetero."""

    @pytest.mark.parametrize(
        ("n_cells", "printed"),
        [
            (500, "0.005 0.049 0.394 0.918 0.993"),
            (1000, "0.010 0.095 0.632 0.993 1.000"),
            (5000, "0.049 0.393 0.993 1.000 1.000"),
        ],
    )
    def test_false_hetero(self, n_cells: int, printed: str) -> None:
        """With one in a hundred cells misread nearly every homogeneous case is called hetero."""
        rates = (1e-5, 1e-4, 1e-3, 0.005, 0.01)
        assert " ".join(f"{false_hetero_chance(n_cells, rate):.3f}" for rate in rates) == printed

    @pytest.mark.parametrize(("n_cells", "printed"), [(500, "1.03e-04"), (1000, "5.13e-05"), (5000, "1.03e-05")])
    def test_needed_rate(self, n_cells: int, printed: str) -> None:
        """To be wrong in one case of twenty, no more than one cell in 100,000 of 5,000 may be misread."""
        assert f"{needed_rate(n_cells):.2e}" == printed

    @given(st.integers(1, 10**6), st.floats(1e-6, 0.999))
    def test_one_undoes_the_other(self, n_cells: int, chance: float) -> None:
        """The rate needed for a chance of error gives that chance."""
        assert isclose(false_hetero_chance(n_cells, needed_rate(n_cells, chance)), chance, rel_tol=1e-9)


class TestClusters:
    """Clusters that independent errors make."""

    @pytest.mark.parametrize(
        ("n_cells", "shapes"),
        [
            (1, {6: 1}),
            (2, {8: 3}),
            (3, {9: 2, 10: 9}),
            (5, {11: 6, 12: 21, 13: 66, 14: 93}),
        ],
    )
    def test_shapes(self, n_cells: int, shapes: dict[int, int]) -> None:
        """Three cells: two triangles have nine neighbors, the nine chains ten."""
        assert dict(count_animals(n_cells)) == shapes

    def test_totals(self) -> None:
        """The shapes are as many as there are fixed polyhexes."""
        assert [sum(count_animals(n).values()) for n in range(1, 8)] == [1, 3, 11, 44, 186, 814, 3652]

    def test_single_cells(self) -> None:
        """A cluster of one is a misread cell with six others around it."""
        assert isclose(expected_clusters(100, 0.1, 1), 100 * 0.1 * 0.9**6)

    @pytest.mark.parametrize(
        ("rate", "printed"), [(0.01, "8.5e-05"), (0.03, "0.017"), (0.05, "0.17"), (0.07, "0.55"), (0.10, "0.97")]
    )
    def test_any_of_five(self, rate: float, printed: str) -> None:
        """Five connected misread cells of 5,000 are rare if one in a hundred is misread, and the rule at one in ten."""
        assert f"{any_cluster_chance(5000, rate):.2g}" == printed

    @pytest.mark.parametrize("at_least", [0, 8])
    def test_sizes_not_counted(self, at_least: int) -> None:
        """No answer is given for clusters that were not counted."""
        with pytest.raises(ValueError, match=f"at_least: {at_least}; expected 1 to 7"):
            any_cluster_chance(5000, 0.01, at_least=at_least)


class TestBetaBinomial:
    """Counts of cells that are alike."""

    def test_independent(self) -> None:
        """Without likeness it is the binomial."""
        assert isclose(exp(log_beta_binomial(3, 10, 0.2, 0.0)), comb(10, 3) * 0.2**3 * 0.8**7)

    def test_two_cells(self) -> None:
        """Two cells are both negative with probability p * (p + icc * (1 - p)): that is what the correlation means."""
        assert isclose(exp(log_beta_binomial(2, 2, 0.2, 0.3)), 0.2 * (0.2 + 0.3 * 0.8))

    @given(st.integers(1, 300), st.floats(0.001, 0.999), st.sampled_from([0.0, 1e-7, 0.001, 0.2, 0.9]))
    def test_moments(self, n_cells: int, rate: float, icc: float) -> None:
        """The chances add up to one, with the mean and the variance that the correlation gives."""
        counts = np.arange(n_cells + 1)
        chances = np.exp(log_beta_binomial(counts, n_cells, rate, icc))
        mean = chances @ counts
        assert isclose(chances.sum(), 1, rel_tol=1e-6)
        assert isclose(mean, n_cells * rate, rel_tol=1e-5)
        variance = n_cells * rate * (1 - rate) * (1 + (n_cells - 1) * icc)
        assert isclose(chances @ (counts - mean) ** 2, variance, rel_tol=1e-4)


class TestTolerance:
    """The bound on the number of negatives, and what it lets through."""

    @pytest.mark.parametrize(
        ("n_cells", "rate", "icc", "bound", "clone", "printed"),
        [
            (1200, 0.01, 0.0, 18, 14, 14),
            (1200, 0.01, 0.005, 30, 43, 43),
            (1200, 0.03, 0.0, 46, 21, 21),
            (1200, 0.03, 0.005, 65, 64, 64),
            (5000, 0.01, 0.0, 62, 25, 25),
            (5000, 0.01, 0.005, 120, 163, 165),
            (5000, 0.03, 0.0, 170, 41, 45),
            (5000, 0.03, 0.005, 263, 246, 250),
        ],
    )
    def test_printed_table(self, n_cells: int, rate: float, icc: float, bound: int, clone: int, printed: int) -> None:
        """The table was printed in whole thousandths of the fragment: the first at which the power is reached."""
        assert tolerated_negatives(n_cells, rate, icc=icc) == bound
        assert smallest_clone(n_cells, rate, icc=icc) == clone
        thousandths = -(-clone * 1000 // n_cells)
        assert thousandths * n_cells // 1000 == printed

    def test_by_hand(self) -> None:
        """Of two cells misread half the time both are so in a quarter: at a level of a quarter one is borne."""
        assert tolerated_negatives(2, 0.5, level=0.25) == 1
        assert tolerated_negatives(2, 0.5, level=0.2499) == 2
        assert tolerated_negatives(2, 0.5, level=0.75) == 0

    @given(
        st.integers(1, 400), st.floats(0.001, 0.4), st.sampled_from([0.0, 0.005, 0.1]), st.sampled_from([0.01, 0.05])
    )
    def test_bound_is_smallest(self, n_cells: int, rate: float, icc: float, level: float) -> None:
        """More than the bound are rarer than the level, more than one less are not."""
        bound = tolerated_negatives(n_cells, rate, icc=icc, level=level)
        chances = np.exp(log_beta_binomial(np.arange(n_cells + 1), n_cells, rate, icc))
        assert chances[bound + 1 :].sum() <= level * (1 + 1e-9)
        assert bound == 0 or chances[bound:].sum() > level * (1 - 1e-9)

    @given(st.integers(1, 400), st.floats(0.001, 0.4), st.sampled_from([0.0, 0.005, 0.1]))
    def test_clone_is_smallest(self, n_cells: int, rate: float, icc: float) -> None:
        """The clone reaches the power, one cell less does not; none is named where no clone does."""
        clone = smallest_clone(n_cells, rate, icc=icc)
        if clone is None:
            assert detection_chance(n_cells, n_cells, rate, icc=icc) < 0.9
        else:
            assert detection_chance(clone, n_cells, rate, icc=icc) >= 0.9
            assert clone == 0 or detection_chance(clone - 1, n_cells, rate, icc=icc) < 0.9

    def test_a_single_cell(self) -> None:
        """Of one cell, misread in one of ten, a negative is borne, so that no clone is found."""
        assert tolerated_negatives(1, 0.1) == 1
        assert smallest_clone(1, 0.1) is None
