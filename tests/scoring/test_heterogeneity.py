"""The literal rule row by row, the cut-off sweep, and k of F fragments."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from hetscore.domain import CaseLabel, CutoffRow, FragmentScore, Her2Score, Her2Status, IshResult
from hetscore.scoring.heterogeneity import (
    CUTOFFS,
    FragmentTally,
    count_fragments,
    label_by_fragments,
    literal_label,
    sweep_cutoffs,
)
from hetscore.scoring.status import RULE_SETS, decide_status
from tests.scoring.builders import FEW_NEGATIVE, HOMO, NEGATIVE, NO_TUMOR, make_score
from tests.scoring.strategies import FRAGMENTS, SHUFFLED

POSITIVE = Her2Status.POSITIVE
FISH_POSITIVE, FISH_NEGATIVE, NO_FISH = IshResult.AMPLIFIED, IshResult.NOT_AMPLIFIED, IshResult.UNKNOWN
ALL_2PLUS = make_score(counts=(0, 0, 300, 0), score=Her2Score.TWO_PLUS)
ONE_IN_1000 = make_score(counts=(1, 0, 0, 999), negative=(1,))


class TestLiteralLabel:
    """'... when all tumor cells in all biopsy specimens stained HER2 IHC3+ or IHC2+ ...' (Yagi 2019)."""

    @pytest.mark.parametrize(
        ("fragments", "label", "why"),
        [
            ([HOMO] * 4, CaseLabel.HOMO, "4 fragments all cells 2+ or 3+"),
            ([HOMO] * 3 + [NEGATIVE], CaseLabel.HETERO, "3 fragments positive, 1 fragment all 0 or 1+"),
            ([ONE_IN_1000], CaseLabel.HETERO, "1 fragment, 1 negative cell in 1000"),
            ([HOMO, NO_TUMOR], CaseLabel.HOMO, "a fragment without tumor does not vote"),
            ([HOMO, FEW_NEGATIVE], CaseLabel.HOMO, "nor one with too little tumor, though most of it be negative"),
            ([HOMO, FEW_NEGATIVE], CaseLabel.HOMO, "nor does one with too little tumor, negative though it be"),
            ([ALL_2PLUS], CaseLabel.HOMO, "all cells 2+"),
            ([HOMO], CaseLabel.HOMO, "one tumor fragment only"),
            ([make_score(n_unscored=9)], CaseLabel.HOMO, "unscored cells count neither way"),
            ([NO_TUMOR], CaseLabel.NOT_ASSESSABLE, "no tumor at all"),
            ([], CaseLabel.NOT_ASSESSABLE, "no fragment at all"),
        ],
    )
    def test_rows_of_the_reference_table(self, fragments: list[FragmentScore], label: CaseLabel, why: str) -> None:
        """Every positive case the reference table lists."""
        decided, decision = literal_label(POSITIVE, fragments)
        assert decided is label, why
        assert decision.value == label

    @pytest.mark.parametrize(
        ("score", "fish", "label", "rule"),
        [
            (Her2Score.TWO_PLUS, FISH_POSITIVE, CaseLabel.HOMO, "all-overexpressed"),
            (Her2Score.TWO_PLUS, FISH_NEGATIVE, CaseLabel.NOT_APPLICABLE, "status-negative"),
            (Her2Score.TWO_PLUS, NO_FISH, CaseLabel.NOT_APPLICABLE, "status-equivocal"),
        ],
    )
    def test_all_cells_2plus_wait_for_fish(
        self, score: Her2Score, fish: IshResult, label: CaseLabel, rule: str
    ) -> None:
        """2+ counts as overexpressed, but only in a case that FISH makes positive."""
        status, _ = decide_status(RULE_SETS["yagi-2019"], score, fish)
        decided, decision = literal_label(status, [ALL_2PLUS])
        assert (decided, decision.rule) == (label, rule)

    @pytest.mark.parametrize(
        ("status", "label", "rule"),
        [
            (Her2Status.NEGATIVE, CaseLabel.NOT_APPLICABLE, "status-negative"),
            (Her2Status.EQUIVOCAL, CaseLabel.NOT_APPLICABLE, "status-equivocal"),
            (Her2Status.NOT_ASSESSABLE, CaseLabel.NOT_ASSESSABLE, "no-status"),
        ],
    )
    def test_only_positive_cases_are_asked(self, status: Her2Status, label: CaseLabel, rule: str) -> None:
        """The paper: 'In patients with HER2 positive gastric cancer ... we evaluated intratumoral heterogeneity'."""
        decided, decision = literal_label(status, [HOMO])
        assert (decided, decision.rule) == (label, rule)

    @pytest.mark.parametrize(
        ("fragments", "label", "rule"),
        [
            ([HOMO], CaseLabel.NOT_ASSESSABLE, "failed-tiles"),
            ([ONE_IN_1000], CaseLabel.HETERO, "some-negative"),
            ([NO_TUMOR], CaseLabel.NOT_ASSESSABLE, "no-tumor"),
        ],
    )
    def test_failed_tiles(self, fragments: list[FragmentScore], label: CaseLabel, rule: str) -> None:
        """'All tumor cells' cannot be said of cells not seen; a negative cell that was seen stays."""
        decided, decision = literal_label(POSITIVE, fragments, n_failed_tiles=1)
        assert (decided, decision.rule, decision.value) == (label, rule, label.value)

    @given(SHUFFLED)
    def test_order_and_non_voters_are_irrelevant(self, orders: tuple[list[FragmentScore], list[FragmentScore]]) -> None:
        """Neither the order of the fragments nor those without tumor change the label."""
        fragments, shuffled = orders
        assert literal_label(POSITIVE, shuffled) == literal_label(POSITIVE, fragments)


class TestSweepCutoffs:
    """'Un-unified cut-off values from 30 to 100%' (Yagi 2019, Discussion)."""

    def test_the_three_readings_are_kept_apart(self) -> None:
        """Shares of 90, 60 and 30 percent: pooled exactly 60, worst 30, two of three fragments positive."""
        fragments = [
            make_score(1, (10, 0, 0, 90)),
            make_score(2, (40, 0, 0, 60)),
            make_score(3, (70, 0, 15, 15), Her2Score.ONE_PLUS),
            NO_TUMOR,
        ]
        rows = sweep_cutoffs(fragments)
        assert [row.cutoff for row in rows] == [30, 40, 50, 60, 70, 80, 90, 100]
        assert [row.cutoff for row in rows if row.pooled] == [30, 40, 50, 60]
        assert [row.cutoff for row in rows if row.worst_fragment] == [30]
        assert [row.cutoff for row in rows if row.fragments] == [30, 40, 50, 60]

    def test_a_cell_short_of_the_cutoff_is_short(self) -> None:
        """2,999,999 of 10,000,000 are not 30 percent."""
        rows = sweep_cutoffs([make_score(counts=(7_000_001, 0, 0, 2_999_999))])
        assert rows[0] == CutoffRow(30, pooled=False, worst_fragment=False, fragments=True)

    def test_a_positive_fragment_may_hold_negative_cells(self) -> None:
        """At 100 percent the fragments column says homo where the literal rule says hetero."""
        assert sweep_cutoffs([ONE_IN_1000])[-1] == CutoffRow(100, pooled=False, worst_fragment=False, fragments=True)

    def test_no_vote_no_sweep(self) -> None:
        """Without an assessable fragment there is nothing to cut."""
        assert sweep_cutoffs([NO_TUMOR]) == ()

    @given(FRAGMENTS)
    def test_no_column_rises_again(self, fragments: list[FragmentScore]) -> None:
        """Once a case is not homo at a cut-off, it is not at a higher one."""
        rows = sweep_cutoffs(fragments)
        for column in ("pooled", "worst_fragment", "fragments"):
            values = [getattr(row, column) for row in rows]
            assert values == sorted(values, reverse=True)

    @given(FRAGMENTS)
    def test_all_of_the_cells_is_the_literal_rule(self, fragments: list[FragmentScore]) -> None:
        """At 100 percent the pooled and the worst-fragment reading both say what the literal rule says."""
        last = sweep_cutoffs(fragments)[-1]
        is_homo = literal_label(POSITIVE, fragments)[0] is CaseLabel.HOMO
        assert last.cutoff == CUTOFFS[-1] == 100
        assert last.pooled == last.worst_fragment == is_homo

    @given(FRAGMENTS)
    def test_what_holds_for_the_worst_holds_for_the_pool(self, fragments: list[FragmentScore]) -> None:
        """The pooled share lies between the smallest and the largest share of a fragment."""
        for row in sweep_cutoffs(fragments):
            assert row.pooled >= row.worst_fragment

    @given(SHUFFLED)
    def test_order_and_non_voters_are_irrelevant(self, orders: tuple[list[FragmentScore], list[FragmentScore]]) -> None:
        """Neither the order of the fragments nor those without tumor change a row."""
        fragments, shuffled = orders
        assert sweep_cutoffs(shuffled) == sweep_cutoffs(fragments)


class TestCountFragments:
    """'The median number of fragments containing cancer cells was 4 (range 1-8) ...' (Yagi 2019)."""

    def test_each_count_is_a_part_of_the_one_before(self) -> None:
        """Five fragments: one without tumor, one negative, one 2+ and two 3+."""
        fragments = [HOMO, HOMO, ALL_2PLUS, NEGATIVE, NO_TUMOR]
        assert count_fragments(fragments) == FragmentTally(total=5, with_tumor=4, positive=3, strong=2)

    def test_nothing_to_count(self) -> None:
        """No fragment, and one without tumor."""
        assert count_fragments([]) == FragmentTally(0, 0, 0, 0)
        assert count_fragments([NO_TUMOR]) == FragmentTally(1, 0, 0, 0)

    @given(SHUFFLED)
    def test_non_voters_count_in_the_total_alone(self, orders: tuple[list[FragmentScore], list[FragmentScore]]) -> None:
        """Fragments without tumor are reported, and enter no denominator."""
        fragments, shuffled = orders
        assert count_fragments(shuffled) == replace(count_fragments(fragments), total=len(shuffled))


class TestLabelByFragments:
    """Homo if at least k of the F tumor fragments score 2+ or 3+: the steps between some and all."""

    FIVE = (HOMO, HOMO, ALL_2PLUS, NEGATIVE, NO_TUMOR)

    @pytest.mark.parametrize(
        ("k", "label", "rule"),
        [
            (1, CaseLabel.HOMO, "enough-fragments"),
            (3, CaseLabel.HOMO, "enough-fragments"),
            (4, CaseLabel.HETERO, "too-few-fragments"),
        ],
    )
    def test_three_of_four_are_positive(self, k: int, label: CaseLabel, rule: str) -> None:
        """Exactly k are enough; the fragment without tumor is not among the four."""
        decided, decision = label_by_fragments(self.FIVE, k)
        assert (decided, decision.value, decision.rule) == (label, label.value, rule)
        assert decision.text == f"Tumor fragments of 2+ or 3+: 3 of 4; at least {k} asked for."

    @pytest.mark.parametrize("k", [-1, 0, 5])
    def test_a_rule_that_cannot_fail_or_pass_is_a_mistake(self, k: int) -> None:
        """There are four tumor fragments, so k is 1 to 4."""
        with pytest.raises(ValueError, match=rf"k is {k}; expected 1 or more, of 4"):
            label_by_fragments(self.FIVE, k)

    @pytest.mark.parametrize("fragments", [[], [NO_TUMOR]])
    def test_without_tumor_there_is_nothing_to_label(self, fragments: list[FragmentScore]) -> None:
        """Whatever k, as long as it is a number of fragments."""
        decided, decision = label_by_fragments(fragments, 3)
        assert (decided, decision.rule) == (CaseLabel.NOT_ASSESSABLE, "no-tumor")
        with pytest.raises(ValueError, match="k is 0"):
            label_by_fragments(fragments, 0)

    @given(FRAGMENTS)
    def test_every_cutoff_is_some_k(self, fragments: list[FragmentScore]) -> None:
        """The fragments column at a cut-off is k = cut-off x F / 100, rounded up; at 100 percent k is F."""
        for row in sweep_cutoffs(fragments):
            k = -(-row.cutoff * len(fragments) // 100)
            assert row.fragments == (label_by_fragments(fragments, k)[0] is CaseLabel.HOMO)
        assert k == len(fragments)

    @given(SHUFFLED)
    def test_order_and_non_voters_are_irrelevant(self, orders: tuple[list[FragmentScore], list[FragmentScore]]) -> None:
        """Neither the order of the fragments nor those without tumor change the label."""
        fragments, shuffled = orders
        assert label_by_fragments(shuffled, 1) == label_by_fragments(fragments, 1)
