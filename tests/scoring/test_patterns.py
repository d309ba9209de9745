"""The spatial pattern of heterogeneity: every row of its table, every boundary, and random mixtures."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from hetscore.domain import CaseLabel, FragmentScore, Her2Score, Her2Status, HeterogeneityPattern
from hetscore.scoring.guidelines import Counts
from hetscore.scoring.heterogeneity import literal_label
from hetscore.scoring.patterns import PATTERNS, find_pattern
from tests.scoring.builders import HOMO, NEGATIVE, NO_TUMOR, make_score, score_picture
from tests.scoring.strategies import FRAGMENTS, SHUFFLED


def scatter(counts: Counts, *, largest: int = 1, n: int = 1, flags: tuple[str, ...] = ()) -> FragmentScore:
    """Make a 3+ fragment whose negative and whose overexpressing cells both lie in clusters of `largest` at most."""
    return make_score(n, counts, negative=(largest, 1), largest_cluster=(largest, largest, 0), flags=flags)


class TestFindPattern:
    """Discrete clones ("cluster") or single cells in a background of the opposite status ("mosaic")."""

    @pytest.mark.parametrize(
        ("fragments", "pattern", "rule"),
        [
            ([HOMO, HOMO], HeterogeneityPattern.NONE, "one-kind"),
            ([NEGATIVE, NEGATIVE], HeterogeneityPattern.NONE, "one-kind"),
            ([HOMO, NEGATIVE], HeterogeneityPattern.FRAGMENT, "whole-fragment"),
            ([scatter((30, 0, 0, 170), largest=30)], HeterogeneityPattern.CLUSTER, "discrete-clone"),
            ([scatter((30, 0, 0, 170))], HeterogeneityPattern.MOSAIC, "intermixed"),
            ([scatter((3, 0, 0, 197))], HeterogeneityPattern.SPARSE, "few-cells"),
        ],
    )
    def test_every_row(self, fragments: list[FragmentScore], pattern: HeterogeneityPattern, rule: str) -> None:
        """One example of each row, in the order of the table."""
        found, decision = find_pattern(fragments)
        assert (found, decision.value, decision.rule) == (pattern, pattern.value, rule)

    @pytest.mark.parametrize("fragments", [[], [NO_TUMOR], [make_score(1, (0, 0, 0, 0))]])
    def test_without_tumor_there_is_no_pattern(self, fragments: list[FragmentScore]) -> None:
        """Not even the pattern "none"."""
        found, decision = find_pattern(fragments)
        assert (found, decision.value, decision.rule) == (None, "not-assessable", "no-tumor")

    @pytest.mark.parametrize(
        ("largest", "pattern"), [(20, HeterogeneityPattern.MOSAIC), (21, HeterogeneityPattern.CLUSTER)]
    )
    @pytest.mark.parametrize("counts", [(40, 0, 0, 160), (160, 0, 0, 40)])
    def test_exactly_10_percent_is_no_clone(self, counts: Counts, largest: int, pattern: HeterogeneityPattern) -> None:
        """'... above 10%': 20 connected cells of 200 are not, 21 are, be the minority negative or positive."""
        assert find_pattern([scatter(counts, largest=largest)])[0] is pattern

    @pytest.mark.parametrize(
        ("n_negative", "pattern"), [(49, HeterogeneityPattern.SPARSE), (50, HeterogeneityPattern.MOSAIC)]
    )
    def test_exactly_5_percent_is_a_mosaic(self, n_negative: int, pattern: HeterogeneityPattern) -> None:
        """Of 1,000 cells 49 are too few and 50 are enough."""
        assert find_pattern([scatter((n_negative, 0, 0, 1000 - n_negative))])[0] is pattern

    @pytest.mark.parametrize(
        ("largest", "pattern"), [(4, HeterogeneityPattern.MOSAIC), (5, HeterogeneityPattern.CLUSTER)]
    )
    def test_four_connected_cells_are_no_clone(self, largest: int, pattern: HeterogeneityPattern) -> None:
        """In a fragment of 20 cells even 4 are more than 10 percent; 5 make a cluster, as in the guideline."""
        assert find_pattern([scatter((6, 0, 0, 14), largest=largest)])[0] is pattern

    def test_only_the_minority_makes_a_clone(self) -> None:
        """900 connected positive cells are the background of 100 scattered negative ones, not a clone."""
        score = make_score(1, (100, 0, 0, 900), negative=(1,), largest_cluster=(900, 900, 900))
        assert find_pattern([score])[0] is HeterogeneityPattern.MOSAIC

    def test_of_two_halves_the_negative_is_the_minority(self) -> None:
        """Half the cells are positive and connected, half negative and scattered: a mosaic, of exactly 50 percent."""
        score = make_score(1, (100, 0, 0, 100), negative=(1,), largest_cluster=(100, 100, 100))
        assert find_pattern([score])[0] is HeterogeneityPattern.MOSAIC

    def test_homogeneous_fragments_do_not_dilute_a_clone(self) -> None:
        """A third of one fragment is a clone, though it is only 2 percent of the case."""
        clone = make_score(1, (100, 0, 0, 200), negative=(100,))
        assert find_pattern([clone, *[HOMO] * 10])[0] is HeterogeneityPattern.CLUSTER

    def test_a_fragment_read_in_part_is_not_negative(self) -> None:
        """What was not read may raise its score, so the table goes on to its cells."""
        partly = replace(scatter((150, 0, 0, 50), n=2, flags=("failed-tiles",)), score=Her2Score.ZERO)
        assert find_pattern([HOMO, partly])[0] is HeterogeneityPattern.MOSAIC
        assert find_pattern([HOMO, replace(partly, flags=())])[0] is HeterogeneityPattern.FRAGMENT

    def test_unscored_cells_count_neither_way(self) -> None:
        """50 of 1,000 scored cells are 5 percent, whatever lies unscored beside them."""
        assert find_pattern([replace(scatter((50, 0, 0, 950)), n_unscored=500)])[0] is HeterogeneityPattern.MOSAIC

    @pytest.mark.parametrize(
        ("picture", "pattern"),
        [
            (
                """
                3 3 3 3 3 3 3
                 3 3 0 0 3 3 3
                3 3 0 0 0 3 3
                 3 3 3 3 3 3 3
                3 3 3 3 3 3 3
                """,
                HeterogeneityPattern.CLUSTER,
            ),
            (
                """
                3 3 3 3 3 3 3
                 3 0 3 3 3 0 3
                3 3 3 0 3 3 3
                 3 3 3 3 3 3 3
                3 0 3 3 3 0 3
                """,
                HeterogeneityPattern.MOSAIC,
            ),
        ],
    )
    def test_the_same_cells_in_two_arrangements(self, picture: str, pattern: HeterogeneityPattern) -> None:
        """5 negative cells of 35, touching or apart."""
        score = score_picture(picture)
        assert score.counts == (5, 0, 0, 30)
        assert find_pattern([score])[0] is pattern

    @pytest.mark.parametrize(("n_negative", "n_clones"), [(100, 0), (250, 10)])
    def test_a_random_mixture_of_halves_looks_like_a_clone(self, n_negative: int, n_clones: int) -> None:
        """Of 10 random mixtures of 500 cells none is a cluster at 20 percent negative, and all are at 50."""
        rng = np.random.default_rng(7)
        found = [find_pattern([score_picture(draw_mixture(rng, n_negative))])[0] for _ in range(10)]
        assert found.count(HeterogeneityPattern.CLUSTER) == n_clones
        assert found.count(HeterogeneityPattern.MOSAIC) == 10 - n_clones

    @given(SHUFFLED)
    def test_order_and_non_voters_are_irrelevant(self, orders: tuple[list[FragmentScore], list[FragmentScore]]) -> None:
        """Some row always holds, and neither order nor fragments without tumor change which."""
        fragments, shuffled = orders
        assert find_pattern(shuffled) == find_pattern(fragments)

    @given(FRAGMENTS)
    def test_none_of_a_positive_case_is_the_literal_rule(self, fragments: list[FragmentScore]) -> None:
        """Where some cell is 2+ or 3+, "none" says what the literal rule calls homo."""
        if any(f.n_overexpressed for f in fragments):
            is_homo = literal_label(Her2Status.POSITIVE, fragments)[0] is CaseLabel.HOMO
            assert (find_pattern(fragments)[0] is HeterogeneityPattern.NONE) == is_homo

    def test_the_table_is_complete(self) -> None:
        """Every pattern has one row with a source; the sentences name the thresholds that the rows hold."""
        assert [row.pattern for row in PATTERNS] == list(HeterogeneityPattern)
        assert all(row.source and row.text.endswith(".") for row in PATTERNS)
        assert (PATTERNS[2].cluster_above, PATTERNS[3].minority_from) == (Fraction(10, 100), Fraction(5, 100))


def draw_mixture(rng: np.random.Generator, n_negative: int) -> str:
    """Draw 20 rows of 25 tumor cells, `n_negative` of them 0 and the others 3+, mixed at random."""
    marks = rng.permutation(np.array(["0"] * n_negative + ["3"] * (500 - n_negative)))
    return "\n".join(" " * (j % 2) + " ".join(row) for j, row in enumerate(marks.reshape(20, 25).tolist()))
