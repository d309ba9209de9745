"""The indices on a mixture computed by hand, on pure classes, where they are undefined, and their laws."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import FragmentScore, Indices
from hetscore.scoring.guidelines import Counts
from hetscore.scoring.indices import (
    cell_level_heterogeneity,
    gini_simpson,
    h_score,
    rao_quadratic_entropy,
    shannon_entropy,
    summarize_indices,
    tumor_level_heterogeneity,
)
from tests.scoring.builders import HOMO, NO_TUMOR, make_score

MIXED = (10, 20, 30, 40)
NO_CELLS = (0, 0, 0, 0)
N = st.integers(0, 50)
COUNTS = st.tuples(N, N, N, N).filter(any)
PARTS = st.lists(COUNTS, min_size=2, max_size=6)


def make_fragments(parts: list[Counts]) -> list[FragmentScore]:
    """Make one voting fragment of each of the counts."""
    return [make_score(number, counts) for number, counts in enumerate(parts, start=1)]


def link(score: FragmentScore, n_links: int, n_link_steps: int) -> FragmentScore:
    """Give a fragment links by hand."""
    return replace(score, n_links=n_links, n_link_steps=n_link_steps)


def pure(place: int) -> Counts:
    """Seven cells of one class."""
    none, faint, moderate, strong = (7 * (place == c) for c in range(4))
    return none, faint, moderate, strong


def variance(counts: Counts) -> Fraction:
    """Variance of the class, the slow way."""
    classes = [c for c, n in enumerate(counts) for _ in range(n)]
    mean = Fraction(sum(classes), len(classes))
    return sum(((c - mean) ** 2 for c in classes), Fraction(0)) / len(classes)


def summarize(parts: list[Counts]) -> Indices:
    """Summarize voting fragments of these counts."""
    return summarize_indices(make_fragments(parts))


class TestMixture:
    """Shares of 0.1, 0.2, 0.3, 0.4 over the classes 0 to 3, computed by hand."""

    def test_h_score(self) -> None:
        """20 + 2 x 30 + 3 x 40 = 200."""
        assert h_score(MIXED) == 200

    @pytest.mark.parametrize(("base", "entropy"), [(math.e, 1.279854), (2, 1.846439), (4, 0.923220)])
    def test_shannon_entropy(self, base: float, entropy: float) -> None:
        """1.279854 nats are 1.846439 bits, or 0.923220 of the most that four classes can have."""
        assert shannon_entropy(MIXED, base) == pytest.approx(entropy, abs=1e-6)

    def test_gini_simpson(self) -> None:
        """1 - (0.01 + 0.04 + 0.09 + 0.16) = 0.70."""
        assert gini_simpson(MIXED) == Fraction(70, 100)

    def test_rao_quadratic_entropy(self) -> None:
        """2 x (0.02 + 2 x 0.03 + 3 x 0.04 + 0.06 + 2 x 0.08 + 0.12) = 1.08 classes; squared, twice a variance of 1."""
        assert rao_quadratic_entropy(MIXED) == Fraction(108, 100)
        assert rao_quadratic_entropy(MIXED, 2) == 2


class TestEnds:
    """The least and the most that each index can be, and where it is not defined."""

    @pytest.mark.parametrize("place", range(4))
    def test_a_pure_class_is_not_heterogeneous(self, place: int) -> None:
        """One class only: no entropy of any kind, an H-score of 100 a class."""
        counts = pure(place)
        assert shannon_entropy(counts) == gini_simpson(counts) == 0
        assert rao_quadratic_entropy(counts) == rao_quadratic_entropy(counts, 2) == 0
        assert h_score(counts) == 100 * place

    def test_four_equal_classes_have_the_most_entropy(self) -> None:
        """Two bits, all of the most possible, and three chances of four to draw another class."""
        equal = (9, 9, 9, 9)
        assert shannon_entropy(equal) == 2
        assert shannon_entropy(equal, 4) == 1
        assert gini_simpson(equal) == Fraction(3, 4)

    def test_the_two_ends_are_the_furthest_apart(self) -> None:
        """Half 0 and half 3+: Rao's entropy is at its most, while Shannon's takes it for any two classes."""
        far, near = (8, 0, 0, 8), (0, 0, 8, 8)
        assert shannon_entropy(far) == shannon_entropy(near) == 1
        assert rao_quadratic_entropy(far) == Fraction(3, 2)
        assert rao_quadratic_entropy(near) == Fraction(1, 2)
        assert rao_quadratic_entropy(far, 2) == Fraction(9, 2)

    def test_the_h_score_does_not_see_the_mixture(self) -> None:
        """All cells 2+, or a third of them 0 and the rest 3+: 200 both."""
        assert h_score((0, 0, 30, 0)) == h_score((10, 0, 0, 20)) == 200

    def test_without_cells_nothing_is_defined(self) -> None:
        """No cells is None, never 0."""
        assert h_score(NO_CELLS) is None
        assert shannon_entropy(NO_CELLS) is None
        assert gini_simpson(NO_CELLS) is None
        assert rao_quadratic_entropy(NO_CELLS) is None


class TestLaws:
    """What must hold of any counts."""

    @given(COUNTS, st.integers(2, 9))
    def test_only_the_shares_matter(self, counts: Counts, times: int) -> None:
        """The same mixture in a larger fragment has the same indices."""
        none, faint, moderate, strong = (times * n for n in counts)
        larger = (none, faint, moderate, strong)
        assert h_score(larger) == h_score(counts)
        assert gini_simpson(larger) == gini_simpson(counts)
        assert rao_quadratic_entropy(larger) == rao_quadratic_entropy(counts)
        assert shannon_entropy(larger) == pytest.approx(shannon_entropy(counts), abs=1e-12)

    @given(COUNTS)
    def test_the_squared_distance_is_twice_the_variance(self, counts: Counts) -> None:
        """E (X - Y)^2 = 2 Var X for two independent draws."""
        assert rao_quadratic_entropy(counts, 2) == 2 * variance(counts)

    @given(COUNTS)
    def test_no_index_leaves_its_range(self, counts: Counts) -> None:
        """The least and most of `TestEnds` are the least and most of all."""
        for value, most in (
            (h_score(counts), Fraction(300)),
            (gini_simpson(counts), Fraction(3, 4)),
            (rao_quadratic_entropy(counts), Fraction(3, 2)),
            (rao_quadratic_entropy(counts, 2), Fraction(9, 2)),
        ):
            assert value is not None
            assert 0 <= value <= most
        share = shannon_entropy(counts, 4)
        assert share is not None
        assert 0 <= share <= 1 + 1e-12

    @given(COUNTS)
    def test_the_far_end_mirrors_the_near_end(self, counts: Counts) -> None:
        """Turned round, a mixture is as mixed; its H-score is what was missing to 300."""
        none, faint, moderate, strong = counts
        mirrored = (strong, moderate, faint, none)
        assert rao_quadratic_entropy(mirrored) == rao_quadratic_entropy(counts)
        turned, straight = h_score(mirrored), h_score(counts)
        assert turned is not None
        assert straight is not None
        assert turned + straight == 300


class TestCellLevel:
    """'... consistency of protein expression within neighboring cells in a tumor nest ...' (Potts 2012)."""

    def test_a_fragment_weighs_by_its_links(self) -> None:
        """30 steps over 10 links and none over 90 are 0.3 a link, not the mean of 3 and 0."""
        fragments = [link(HOMO, 10, 30), link(HOMO, 90, 0)]
        assert cell_level_heterogeneity(fragments) == Fraction(3, 10)

    def test_without_links_there_are_no_neighbors(self) -> None:
        """Single cells far apart, and no fragment at all."""
        assert cell_level_heterogeneity([link(HOMO, 0, 0)]) is None
        assert cell_level_heterogeneity([]) is None

    def test_a_fragment_that_is_not_assessable_does_not_vote(self) -> None:
        """Its links do not count."""
        assert cell_level_heterogeneity([link(HOMO, 10, 5), link(NO_TUMOR, 6, 18)]) == Fraction(1, 2)
        assert cell_level_heterogeneity([link(NO_TUMOR, 6, 18)]) is None


class TestTumorLevel:
    """'... differences of protein expression across a tumor as represented by a tissue section ...' (Potts 2012)."""

    def test_each_fragment_pure_is_all_between(self) -> None:
        """Half the fragments 0, half 3+: nothing within them, all 1.5 between."""
        assert tumor_level_heterogeneity(make_fragments([(40, 0, 0, 0), (0, 0, 0, 40)])) == Fraction(3, 2)

    def test_each_fragment_mixed_alike_is_all_within(self) -> None:
        """The same shares in a small and in a large fragment: nothing between."""
        assert tumor_level_heterogeneity(make_fragments([(10, 0, 0, 10), (200, 0, 0, 200)])) == 0

    def test_a_fragment_weighs_by_its_cells(self) -> None:
        """Pooled (30, 0, 0, 70) has 2 x 3 x 0.21 = 1.26; within, 0.6 x 1.5 of the mixed and 0 of the pure."""
        fragments = make_fragments([(30, 0, 0, 30), (0, 0, 0, 40)])
        assert tumor_level_heterogeneity(fragments) == Fraction(126, 100) - Fraction(6, 10) * Fraction(3, 2)

    @pytest.mark.parametrize("fragments", [[], [NO_TUMOR], [HOMO], [HOMO, NO_TUMOR], [HOMO, make_score(2, NO_CELLS)]])
    def test_fewer_than_two_fragments_have_no_between(self, fragments: list[FragmentScore]) -> None:
        """One voting fragment with cells, or none: not defined."""
        assert tumor_level_heterogeneity(fragments) is None

    @given(PARTS)
    def test_never_negative(self, parts: list[Counts]) -> None:
        """Rao's entropy with |i - j| is concave: pooling never makes a mixture purer than its parts."""
        between, total = tumor_level_heterogeneity(make_fragments(parts)), summarize(parts).rao_linear
        assert between is not None
        assert total is not None
        assert 0 <= between <= total + 1e-12

    @given(PARTS)
    def test_zero_only_where_all_fragments_are_alike(self, parts: list[Counts]) -> None:
        """Nothing lies between fragments exactly where they have the same shares."""
        shares = {tuple(Fraction(n, sum(counts)) for n in counts) for counts in parts}
        assert (tumor_level_heterogeneity(make_fragments(parts)) == 0) == (len(shares) == 1)


class TestSummary:
    """All indices of a case at once."""

    def test_the_mixture_in_two_fragments(self) -> None:
        """The pool is the mixture of `TestMixture`; a fragment that does not vote changes nothing."""
        fragments = [link(make_score(1, (10, 20, 0, 0)), 40, 10), link(make_score(2, (0, 0, 30, 40)), 60, 20)]
        indices = summarize_indices([*fragments, NO_TUMOR])
        assert indices == summarize_indices(fragments)
        assert asdict(indices) == pytest.approx(
            {
                "h_score": 200,
                "shannon_bits": 1.846439,
                "shannon_share": 0.923220,
                "gini_simpson": 0.7,
                "rao_linear": 1.08,
                "rao_squared": 2.0,
                "cell_level": 0.3,
                "tumor_level": 1.08
                - 0.3 * 4 / 9
                - 0.7 * 24 / 49,  # 4/9 within the one fragment, 24/49 within the other
            },
            abs=1e-6,
        )

    @pytest.mark.parametrize("fragments", [[], [NO_TUMOR]])
    def test_no_vote_no_index(self, fragments: list[FragmentScore]) -> None:
        """Where no fragment votes every field is None."""
        indices = summarize_indices(fragments)
        assert set(asdict(indices).values()) == {None}

    @given(PARTS.flatmap(lambda parts: st.tuples(st.just(parts), st.permutations(parts))))
    def test_the_order_of_fragments_is_irrelevant(self, orders: tuple[list[Counts], list[Counts]]) -> None:
        """Shuffled fragments give the very same numbers."""
        parts, shuffled = orders
        assert summarize(shuffled) == summarize(parts)
