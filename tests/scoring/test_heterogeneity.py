"""The literal rule row by row, the cut-off sweep, and the indices on a known mixture."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import CaseLabel, CutoffRow, FragmentScore, Her2Score, Her2Status
from hetscore.scoring.heterogeneity import (
    CUTOFFS,
    h_score,
    literal_label,
    rao_quadratic_entropy,
    shannon_entropy,
    sweep_cutoffs,
)
from tests.scoring.builders import HOMO, NEGATIVE, NO_TUMOR, make_score

POSITIVE = Her2Status.POSITIVE
N = st.integers(0, 50)
FRAGMENT = st.builds(
    lambda counts, score: make_score(counts=counts, score=Her2Score(score)),
    st.tuples(N, N, N, N).filter(any),
    st.integers(0, 3),
)
FRAGMENTS = st.lists(FRAGMENT, min_size=1, max_size=6)


class TestLiteralLabel:
    """'... when all tumor cells in all biopsy specimens stained HER2 IHC3+ or IHC2+ ...' (Yagi 2019)."""

    @pytest.mark.parametrize(
        ("fragments", "label", "why"),
        [
            ([HOMO] * 4, CaseLabel.HOMO, "4 fragments all cells 2+ or 3+"),
            ([HOMO] * 3 + [NEGATIVE], CaseLabel.HETERO, "3 fragments positive, 1 fragment all 0 or 1+"),
            ([make_score(counts=(1, 0, 0, 999))], CaseLabel.HETERO, "1 fragment, 1 negative cell in 1000"),
            ([HOMO, NO_TUMOR], CaseLabel.HOMO, "a fragment without tumor does not vote"),
            ([make_score(counts=(0, 0, 300, 0), score=Her2Score.TWO_PLUS)], CaseLabel.HOMO, "all cells 2+"),
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
            ([make_score(counts=(1, 0, 0, 999))], CaseLabel.HETERO, "some-negative"),
            ([NO_TUMOR], CaseLabel.NOT_ASSESSABLE, "no-tumor"),
        ],
    )
    def test_failed_tiles(self, fragments: list[FragmentScore], label: CaseLabel, rule: str) -> None:
        """'All tumor cells' cannot be said of cells not seen; a negative cell that was seen stays."""
        decided, decision = literal_label(POSITIVE, fragments, n_failed_tiles=1)
        assert (decided, decision.rule, decision.value) == (label, rule, label.value)


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


class TestIndices:
    """Shares of 0.1, 0.2, 0.3, 0.4 over the classes 0 to 3, computed by hand."""

    MIXED = (10, 20, 30, 40)

    def test_h_score(self) -> None:
        """20 + 2 x 30 + 3 x 40 = 200."""
        assert h_score(self.MIXED) == 200

    def test_shannon_entropy(self) -> None:
        """1.846439 bits."""
        assert shannon_entropy(self.MIXED) == pytest.approx(1.846439, abs=1e-6)

    def test_rao_quadratic_entropy(self) -> None:
        """1.08 classes."""
        assert rao_quadratic_entropy(self.MIXED) == Fraction(108, 100)

    @pytest.mark.parametrize("place", range(4))
    def test_a_pure_class_is_not_heterogeneous(self, place: int) -> None:
        """One class only: no entropy, an H-score of 100 a class."""
        counts = (7 * (place == 0), 7 * (place == 1), 7 * (place == 2), 7 * (place == 3))
        assert shannon_entropy(counts) == rao_quadratic_entropy(counts) == 0
        assert h_score(counts) == 100 * place
