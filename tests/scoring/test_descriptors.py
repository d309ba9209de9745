"""HER2-low and its kin, and the magnification rule: names beside a score, each row and each boundary."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Her2Score, IshResult
from hetscore.scoring.descriptors import (
    LOW_GUIDELINE,
    LOW_TABLE,
    WIDTH_TABLE,
    LowRow,
    StainedShare,
    describe_low,
    describe_width,
    share_stained,
)
from hetscore.scoring.guidelines import GUIDELINES, Counts, decide_score

ZERO, ONE, TWO, THREE = Her2Score
AMPLIFIED, NOT_AMPLIFIED, UNKNOWN = IshResult
N = st.integers(0, 30)
ANY_COUNTS = st.tuples(N, N, N, N).filter(any)
OF_SHARE: dict[StainedShare, Counts | None] = {
    StainedShare.NONE: (20, 0, 0, 0),
    StainedShare.UP_TO_TENTH: (18, 2, 0, 0),
    StainedShare.MORE: (17, 3, 0, 0),
    StainedShare.UNKNOWN: None,
}


class TestDescribeLow:
    """Low is IHC 1+, or 2+ not amplified; ultralow is 0 with some staining, of at most 10 % of the tumor cells."""

    @pytest.mark.parametrize(
        ("score", "ish", "expected"),
        [
            (THREE, AMPLIFIED, "not-low"),
            (THREE, NOT_AMPLIFIED, "not-low"),
            (THREE, UNKNOWN, "not-low"),
            (TWO, AMPLIFIED, "not-low"),
            (TWO, NOT_AMPLIFIED, "her2-low"),
            (TWO, UNKNOWN, "unknown"),
            (ONE, AMPLIFIED, "not-low"),
            (ONE, NOT_AMPLIFIED, "her2-low"),
            (ONE, UNKNOWN, "her2-low"),
            (ZERO, AMPLIFIED, "not-low"),
            (ZERO, NOT_AMPLIFIED, "unknown"),
            (ZERO, UNKNOWN, "unknown"),
            (None, AMPLIFIED, "unknown"),
            (None, NOT_AMPLIFIED, "unknown"),
            (None, UNKNOWN, "unknown"),
        ],
    )
    def test_without_counts(self, score: Her2Score | None, ish: IshResult, expected: str) -> None:
        """Every score with every ISH result."""
        assert describe_low(score, ish, None).value == expected

    @pytest.mark.parametrize("ish", [NOT_AMPLIFIED, UNKNOWN])
    @pytest.mark.parametrize(
        ("counts", "expected"),
        [
            ((10000, 0, 0, 0), ("her2-null", "ihc-0-unstained")),
            ((9999, 1, 0, 0), ("her2-ultralow", "ihc-0-stained")),
            ((9000, 1000, 0, 0), ("her2-ultralow", "ihc-0-stained")),
            ((9999, 0, 1, 0), ("unknown", "ihc-0-stained-otherwise")),
            ((9901, 0, 0, 99), ("unknown", "ihc-0-stained-otherwise")),
            ((8999, 1001, 0, 0), ("unknown", "ihc-0-stained-otherwise")),
            ((0, 0, 0, 0), ("unknown", "ihc-0-uncounted")),
        ],
    )
    def test_score_0_by_its_staining(self, counts: Counts, expected: tuple[str, str], ish: IshResult) -> None:
        """No cell, one cell, exactly 10.00 %, and one more; one cell that is not faint and incomplete is none of it."""
        decision = describe_low(ZERO, ish, counts)
        assert (decision.value, decision.rule) == expected

    @pytest.mark.parametrize("score", [None, *Her2Score])
    def test_exactly_one_row_fits(self, score: Her2Score | None) -> None:
        """Every score, ISH result and stained share is in one row and in no other, so their order is free."""
        for ish, stained in product(IshResult, StainedShare):
            fitting = [r.name for r in LOW_TABLE if score in r.scores and ish in r.ish and stained in r.stained]
            assert len(fitting) == 1, (ish, stained, fitting)

    @pytest.mark.parametrize("row", LOW_TABLE, ids=lambda row: row.name)
    def test_every_row_decides_what_it_is_for(self, row: LowRow) -> None:
        """All its scores, ISH results and stained shares lead to it."""
        for score, ish, stained in product(row.scores, row.ish, row.stained):
            decision = describe_low(score, ish, OF_SHARE[stained])
            assert (decision.value, decision.rule, decision.text) == (row.value, row.name, row.text)

    @given(st.tuples(N, N).filter(any))
    def test_faint_stain_is_told_apart_by_the_guideline_it_rests_on(self, faint: tuple[int, int]) -> None:
        """Scored from the same counts by the edition of 2018: null without stain, ultralow to a tenth, low above."""
        counts = (faint[0], faint[1], 0, 0)
        score, _ = decide_score(GUIDELINES[LOW_GUIDELINE], counts, (0, 0, 0))
        value = describe_low(score, NOT_AMPLIFIED, counts).value
        is_over_tenth = 10 * counts[1] > sum(counts)
        assert value == ("her2-null" if not counts[1] else "her2-low" if is_over_tenth else "her2-ultralow")

    def test_sentences_say_that_it_is_no_result(self) -> None:
        """Every sentence tells that ASCO/CAP makes no category of it."""
        assert all("ASCO/CAP 2023 makes none of these names a result category" in row.text for row in LOW_TABLE)


class TestDescribeWidth:
    """Mean widths of 0.64, 1.0 and 2.14 um for 1+, 2+ and 3+ (Scheel 2018); the limits are midpoints of ours."""

    @pytest.mark.parametrize(
        ("width_um", "expected"),
        [
            (0.0, "x40"),
            (0.64, "x40"),
            (0.7999, "x40"),
            (0.8, "x10-20"),
            (float(np.float32(0.8)), "x10-20"),
            (1.0, "x10-20"),
            (1.5999, "x10-20"),
            (1.6, "x2.5-5"),
            (float(np.float32(1.6)), "x2.5-5"),
            (2.14, "x2.5-5"),
        ],
    )
    def test_boundaries(self, width_um: float, expected: str) -> None:
        """The printed means fall into their rows, and a limit belongs to the thicker line."""
        decision = describe_width(width_um)
        assert decision is not None
        assert decision.value == expected

    def test_no_line(self) -> None:
        """Where no line was measured nothing is said."""
        assert describe_width(None) is None

    @pytest.mark.parametrize("width_um", [-0.01, float("nan"), float("inf")])
    def test_what_is_no_width(self, width_um: float) -> None:
        """Not a number is not "no line": the caller must say None."""
        with pytest.raises(ValueError, match="expected a finite one, or None"):
            describe_width(width_um)

    @given(st.floats(0, 5), st.floats(0, 5))
    def test_a_thicker_line_needs_no_stronger_objective(self, a: float, b: float) -> None:
        """Along the table the lines get thicker."""
        thin, thick = describe_width(min(a, b)), describe_width(max(a, b))
        names = [row.name for row in WIDTH_TABLE]
        assert thin is not None
        assert thick is not None
        assert names.index(thin.rule) <= names.index(thick.rule)

    def test_limits_are_midpoints(self) -> None:
        """0.82 and 1.57 between the printed means, to one decimal; the last row is open."""
        means = (0.64, 1.0, 2.14)
        limits = [row.below_um for row in WIDTH_TABLE]
        assert limits[-1] is None
        assert [float(um) for um in limits if um] == [round((a + b) / 2, 1) for a, b in pairwise(means)]

    def test_sentences_say_whose_limits_they_are(self) -> None:
        """Nobody published the limits."""
        assert all("The limits 0.8 and 1.6 um are ours" in row.text for row in WIDTH_TABLE)


class TestShareStained:
    """How many cells are stained at all, exactly."""

    @given(ANY_COUNTS)
    def test_by_percent(self, counts: Counts) -> None:
        """Ten times the stained cells against all cells, and no cell stained more than faintly."""
        n_stained, n_cells = sum(counts[1:]), sum(counts)
        is_faint = 10 * n_stained <= n_cells and n_stained == counts[1]
        expected = StainedShare.UP_TO_TENTH if is_faint else StainedShare.MORE
        assert share_stained(counts) is (expected if n_stained else StainedShare.NONE)

    def test_nothing_counted(self) -> None:
        """No counts and counts of no cell are unknown, never unstained."""
        assert share_stained(None) is share_stained((0, 0, 0, 0)) is StainedShare.UNKNOWN
