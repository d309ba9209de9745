"""ISH arithmetic: the tables of every rule set at their boundaries, counts, summaries, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Her2Score, IshCounts, IshData, IshResult
from hetscore.errors import UsageError
from hetscore.scoring.ish import IshRow, IshRule, Span, compare_locations, holds, is_in, read_ish
from hetscore.scoring.status import RULE_SETS

AMP, NOT, UNK = IshResult.AMPLIFIED, IshResult.NOT_AMPLIFIED, IshResult.UNKNOWN
RULES = {name: rule_set.ish_rule for name, rule_set in RULE_SETS.items()}
YAGI, PIETRANTONIO = RULES["yagi-2019"], RULES["pietrantonio-2016"]
BREAST_2007, BREAST_2013, BREAST_2018 = (RULES[f"asco-cap-breast-{year}"] for year in (2007, 2013, 2018))

BOUNDARIES = [Fraction(n) for n in ("0", "1.79", "1.8", "1.99", "2", "2.2", "2.21", "3.99", "4", "5.99", "6", "6.01")]
NUMBERS = st.sampled_from(BOUNDARIES) | st.fractions(0, 12, max_denominator=400)
SCORES = st.sampled_from([None, *Her2Score])
UNREADABLE = "The ISH numbers cannot be read without the mean HER2 copies per nucleus"


def _count(her2: Sequence[int], cep17: Sequence[int] | None = None) -> IshData:
    return IshData(counts=IshCounts(tuple(her2), None if cep17 is None else tuple(cep17)))


def _share(n_amplified: int, n: int) -> IshData:
    """Count `n` nuclei, `n_amplified` of them with a ratio of 3, the others with a ratio of 1."""
    return _count([6] * n_amplified + [2] * (n - n_amplified), [2] * n)


class TestTables:
    """Exactly one row decides, wherever the numbers lie."""

    @pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
    @given(ratio=NUMBERS, her2=NUMBERS, score=SCORES)
    def test_the_rows_are_disjoint_and_cover_all(
        self, rule: IshRule, ratio: Fraction, her2: Fraction, score: Her2Score | None
    ) -> None:
        """One row of each table holds; without an IHC score at most one."""
        for rows, known in ((rule.dual, ratio), (rule.single, None)):
            n_held = sum(holds(row, known, her2, score) for row in rows)
            assert n_held == 1 or (n_held == 0 and score is None)

    @pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
    def test_every_row_can_decide_and_has_a_sentence_and_a_name_of_its_own(self, rule: IshRule) -> None:
        """No row is dead, and a report can name it; single-probe rows ask for no ratio."""
        for rows in (rule.dual, rule.single):
            for row in rows:
                pairs = ((r, h) for r in BOUNDARIES for h in BOUNDARIES)
                assert any(holds(row, r, h, score) for r, h in pairs for score in Her2Score)
                assert row.text.endswith(".")
            assert len({row.name for row in rows}) == len(rows)
        assert all(row.ratio is None for row in rule.single)

    @given(number=NUMBERS, low=NUMBERS, high=NUMBERS, is_low_in=st.booleans(), is_high_in=st.booleans())
    def test_an_interval_and_the_parts_beside_it_cover_the_line(
        self, number: Fraction, low: Fraction, high: Fraction, is_low_in: bool, is_high_in: bool
    ) -> None:
        """A number is below, inside or above, and in one of them only."""
        low, high = min(low, high), max(low, high)
        if low == high:
            is_low_in, is_high_in = True, True
        below = Span(high=low, is_high_in=not is_low_in)
        inside = Span(low, high, is_low_in, is_high_in)
        above = Span(low=high, is_low_in=not is_high_in)
        assert [is_in(number, span) for span in (below, inside, above)].count(True) == 1

    def test_a_table_with_a_gap_is_a_slip_of_its_author(self) -> None:
        """It must not pass for an unknown result."""
        rule = IshRule(dual=(IshRow("high", AMP, "High.", ratio=Span(low=Fraction(2))),), single=())
        with pytest.raises(ValueError, match="no row speaks of these numbers"):
            read_ish(IshData(ratio=1.9), rule)


class TestBoundaries:
    """The last number of one row and the first of the next."""

    @pytest.mark.parametrize(
        ("ratio", "her2", "expected", "group"),
        [
            # by Yagi 2019, Pietrantonio 2016, ASCO/CAP 2007 and 2013; group of 2018
            # "HER2/CEP17 ratio was >=2 or when HER2 gene copy number was of > 6" (Pietrantonio 2016)
            (1.79, 3.0, (NOT, NOT, NOT, NOT), 5),
            (1.80, 3.0, (NOT, NOT, UNK, NOT), 5),
            (1.99, 3.99, (NOT, NOT, UNK, NOT), 5),
            (2.00, 3.99, (AMP, AMP, UNK, AMP), 2),
            (2.00, 4.00, (AMP, AMP, UNK, AMP), 1),
            (2.20, 4.00, (AMP, AMP, UNK, AMP), 1),
            (2.21, 4.00, (AMP, AMP, AMP, AMP), 1),
            (1.99, 4.00, (NOT, NOT, UNK, UNK), 4),
            (1.99, 5.99, (NOT, NOT, UNK, UNK), 4),
            (1.99, 6.00, (NOT, NOT, UNK, AMP), 3),
            (1.99, 6.01, (NOT, AMP, UNK, AMP), 3),
        ],
    )
    def test_dual_probe(self, ratio: float, her2: float, expected: tuple[IshResult, ...], group: int) -> None:
        """Ratio 1.80, 2.00 and 2.20, copies 4.0 and 6.0, from both sides."""
        data = IshData(her2_copies=her2, ratio=ratio, n_cells=20)
        read = [read_ish(data, rule) for rule in (YAGI, PIETRANTONIO, BREAST_2007, BREAST_2013)]
        assert tuple(reading.result for reading in read) == expected
        assert read_ish(data, BREAST_2018).group == group
        assert all(reading.group is None for reading in read)

    @pytest.mark.parametrize(
        ("her2", "expected"),
        [
            # by Yagi 2019, Pietrantonio 2016, ASCO/CAP 2007 and 2013
            (3.99, [UNK, UNK, NOT, NOT]),
            (4.00, [UNK, UNK, UNK, UNK]),
            (5.99, [UNK, UNK, UNK, UNK]),
            (6.00, [UNK, UNK, UNK, AMP]),
            (6.01, [UNK, AMP, AMP, AMP]),
        ],
    )
    def test_single_probe(self, her2: float, expected: list[IshResult]) -> None:
        """2007 asks for more than 6, 2013 for 6; where the ratio alone decides nothing is known."""
        data = IshData(her2_copies=her2, n_cells=20)
        assert [read_ish(data, rule).result for rule in (YAGI, PIETRANTONIO, BREAST_2007, BREAST_2013)] == expected

    @pytest.mark.parametrize(
        ("her2", "low", "two_plus", "three_plus", "none"),
        [
            (3.99, "copies-not-amplified", "copies-not-amplified", "copies-not-amplified", "copies-not-amplified"),
            (4.00, "copies-ihc-low", "copies-ihc-2plus", "copies-ihc-3plus", "no-score"),
            (5.99, "copies-ihc-low", "copies-ihc-2plus", "copies-ihc-3plus", "no-score"),
            (6.00, "copies-amplified", "copies-amplified", "copies-amplified", "copies-amplified"),
        ],
    )
    def test_single_probe_of_2018(self, her2: float, low: str, two_plus: str, three_plus: str, none: str) -> None:
        """4.0 to 6.0 copies are resolved by IHC: negative at 0 or 1+, a dual-probe test at 2+."""
        data = IshData(her2_copies=her2, n_cells=20)
        scores = (Her2Score.ZERO, Her2Score.ONE_PLUS, Her2Score.TWO_PLUS, Her2Score.THREE_PLUS, None)
        readings = [read_ish(data, BREAST_2018, score) for score in scores]
        assert [reading.decision.rule for reading in readings] == [low, low, two_plus, three_plus, none]
        results = {"copies-not-amplified": NOT, "copies-ihc-low": NOT, "copies-amplified": AMP}
        assert [reading.result for reading in readings] == [results.get(r.decision.rule, UNK) for r in readings]

    def test_no_rounding_moves_a_ratio_over_its_threshold(self) -> None:
        """3.98/1.99 and 6.6/3.3 are 2 exactly, though binary fractions are not; 5.99/3 is below by 1/300."""
        for her2, cep17, expected in ((3.98, 1.99, AMP), (6.6, 3.3, AMP), (5.99, 3.0, NOT)):
            assert read_ish(IshData(her2_copies=her2, cep17_copies=cep17), YAGI).result is expected
        assert read_ish(IshData(her2_copies=6.6, cep17_copies=3.0), BREAST_2007).decision.rule == "ratio-equivocal"


class TestCounts:
    """Signals counted nucleus by nucleus."""

    def test_the_ratio_is_of_the_means(self) -> None:
        """Ten nuclei of 8/2 and ten of 8/8: 160/100 = 1.6, though the mean of the ratios is 2.5."""
        reading = read_ish(_count([8] * 20, [2] * 10 + [8] * 10), YAGI)
        assert (reading.ratio, reading.result) == (Fraction(8, 5), NOT)
        assert (reading.her2_copies, reading.cep17_copies, reading.n_cells) == (Fraction(8), Fraction(5), 20)

    @pytest.mark.parametrize(("n", "expected", "rule"), [(19, UNK, "few-cells"), (20, AMP, "ratio-amplified")])
    def test_twenty_nuclei_are_needed(self, n: int, expected: IshResult, rule: str) -> None:
        """19 leave it unknown, counted or given, and leave no share and no flag either."""
        reading = read_ish(_count([9] * n, [3] * n), YAGI)
        assert (reading.result, reading.decision.rule, reading.amplified_share) == (expected, rule, {20: 1}.get(n))
        assert reading.flags == (("cep17-polysomy",) if n == 20 else ())
        assert read_ish(IshData(her2_copies=9, cep17_copies=3, n_cells=n), YAGI).decision.rule == rule

    def test_no_nucleus_at_all(self) -> None:
        """Nothing counted has no mean, and is too few."""
        reading = read_ish(_count([], []), YAGI)
        assert (reading.decision.rule, reading.her2_copies, reading.n_cells) == ("few-cells", None, 0)

    def test_one_probe(self) -> None:
        """HER2 counts without CEP17 are read by the single-probe rows."""
        reading = read_ish(_count([6] * 20), BREAST_2013)
        assert (reading.result, reading.decision.rule, reading.ratio) == (AMP, "copies-amplified", None)
        assert reading.amplified_share is None
        assert reading.decision.text == "6 HER2 copies per nucleus in 20 nuclei. 6.0 or more HER2 copies are amplified."

    @given(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), min_size=20, max_size=60).filter(
            lambda pairs: any(cep17 for _, cep17 in pairs)
        ),
        st.randoms(use_true_random=False),
        st.integers(1, 3),
    )
    def test_neither_order_nor_repetition_changes_a_reading(
        self, pairs: list[tuple[int, int]], random: Random, times: int
    ) -> None:
        """Every nucleus counts the same: means, ratio, share and row stay."""
        shuffled = pairs * times
        random.shuffle(shuffled)
        first, second = (
            read_ish(_count([h for h, _ in nuclei], [c for _, c in nuclei]), BREAST_2013)
            for nuclei in (pairs, shuffled)
        )
        assert (first.ratio, first.her2_copies, first.result) == (second.ratio, second.her2_copies, second.result)
        assert first.decision.rule == second.decision.rule
        if first.amplified_share is not None:
            assert first.amplified_share == second.amplified_share

    def test_counts_are_read_where_a_summary_agrees(self) -> None:
        """61/30 nuclei is 2.0333: a summary of 2.03 or 2 agrees, and the exact number is kept."""
        counts = IshCounts((2,) * 29 + (3,), (1,) * 30)
        for given_ratio in (2.03, 2.033, 2.0):
            reading = read_ish(IshData(her2_copies=2.03, cep17_copies=1.0, ratio=given_ratio, counts=counts), YAGI)
            assert reading.ratio == reading.her2_copies == Fraction(61, 30)

    @pytest.mark.parametrize(
        ("summary", "message"),
        [
            (IshData(her2_copies=4.1), "her2_copies is 4.1, but the counts give 4;"),
            (IshData(cep17_copies=2.06), "cep17_copies is 2.06, but the counts give 2;"),
            (IshData(ratio=1.99), "ish_ratio is 1.99, but the counts give 2;"),
            (IshData(n_cells=40), "ish_cells is 40, but 20 nuclei are counted;"),
        ],
    )
    def test_counts_and_a_summary_that_disagree(self, summary: IshData, message: str) -> None:
        """Neither is preferred in silence."""
        counts = IshCounts((4,) * 20, (2,) * 20)
        data = IshData(UNK, summary.her2_copies, summary.cep17_copies, summary.n_cells, summary.ratio, counts)
        with pytest.raises(UsageError, match=f"^ISH: {message} expected them to agree as far as rounded"):
            read_ish(data, YAGI)

    @pytest.mark.parametrize(
        ("her2", "cep17", "message"),
        [
            ((2, 2), (2,), "2 nuclei have HER2 counts and 1 have CEP17 counts; expected one of each"),
            ((2, -1), (2, 2), "nucleus 2 has -1 HER2 signals; expected 0, 1, 2"),
            ((2, 2), (2.5, 2), "nucleus 1 has 2.5 CEP17 signals; expected 0, 1, 2"),
            ((2, float("nan")), None, "nucleus 2 has nan HER2 signals; expected 0, 1, 2"),
            ((2, float("inf")), None, "nucleus 2 has inf HER2 signals; expected 0, 1, 2"),
            ((2, 2), (0, 0), "none of 2 nuclei has a CEP17 signal; expected at least one"),
        ],
    )
    def test_impossible_counts_are_refused(
        self, her2: tuple[int, ...], cep17: tuple[int, ...] | None, message: str
    ) -> None:
        """Unequal lengths, negative and broken numbers, and a probe that never lit."""
        with pytest.raises(UsageError, match=f"^ISH: {message}"):
            read_ish(IshData(counts=IshCounts(her2, cep17)), YAGI)


class TestSummary:
    """Mean copies, ratio and number of nuclei as a laboratory reports them."""

    @pytest.mark.parametrize(
        ("data", "rule", "expected"),
        [
            (IshData(), BREAST_2013, "No ISH result and no HER2 copies are given."),
            (IshData(cep17_copies=2), YAGI, "No ISH result and no HER2 copies are given."),
            (IshData(ratio=1.5), PIETRANTONIO, f"{UNREADABLE}."),
            (IshData(ratio=1.5), BREAST_2018, f"{UNREADABLE} and the IHC score of the case."),
        ],
    )
    def test_what_is_missing_is_said(self, data: IshData, rule: IshRule, expected: str) -> None:
        """Unknown is a value, is never guessed, and says what would help."""
        reading = read_ish(data, rule)
        assert (reading.result, reading.decision.rule, reading.decision.text) == (UNK, "no-copies", expected)
        assert reading.decision.value == "unknown"

    def test_a_ratio_alone_is_enough_where_copies_do_not_matter(self) -> None:
        """ToGA: a ratio of 2 or more, irrespective of the copies."""
        assert read_ish(IshData(ratio=2.0), YAGI).result is AMP
        assert read_ish(IshData(ratio=2.0), PIETRANTONIO).result is AMP
        assert read_ish(IshData(ratio=1.99), YAGI).result is NOT

    def test_a_number_of_nuclei_not_given_is_not_held_against_the_laboratory(self) -> None:
        """The laboratory is taken at its word."""
        assert read_ish(IshData(her2_copies=8, cep17_copies=2), YAGI).result is AMP

    def test_the_sentence_holds_the_numbers_and_the_row(self) -> None:
        """A reader can follow it."""
        reading = read_ish(IshData(her2_copies=8.4, cep17_copies=2.1, n_cells=40), YAGI)
        seen = "HER2/CEP17 is 4, 8.4 HER2 copies and 2.1 CEP17 copies per nucleus in 40 nuclei."
        assert reading.decision.text == f"{seen} A HER2/CEP17 ratio of 2.0 or more is amplified."

    def test_a_given_result_is_used_and_a_contradiction_is_told(self) -> None:
        """The laboratory's word stands, but numbers that read otherwise are shown with it."""
        reading = read_ish(IshData(NOT, her2_copies=8, cep17_copies=2, n_cells=40), YAGI)
        assert (reading.result, reading.decision.rule, reading.decision.value) == (NOT, "given-result", "not-amplified")
        assert "given with it would read amplified: HER2/CEP17 is 4, 8 HER2 copies" in reading.decision.text
        assert read_ish(IshData(AMP), YAGI).decision.text == "The ISH result was given as amplified."
        agreeing = read_ish(IshData(AMP, her2_copies=8, cep17_copies=2), YAGI)
        assert agreeing.decision.text == "The ISH result was given as amplified."

    def test_a_contradicted_result_is_flagged(self) -> None:
        """It stands, but nobody must have to find the contradiction in a sentence."""
        data = IshData(NOT, her2_copies=20.0, cep17_copies=2.0, n_cells=30)
        assert (read_ish(data, YAGI).result, read_ish(data, YAGI).flags) == (NOT, ("ish-contradicted",))
        assert read_ish(IshData(NOT, her2_copies=2.0, cep17_copies=2.0), YAGI).flags == ()

    @pytest.mark.parametrize(
        ("rule", "data"),
        [
            (BREAST_2007, IshData(ratio=1.8)),
            (BREAST_2007, IshData(ratio=2.2)),
            (BREAST_2007, IshData(her2_copies=6.0)),
            (BREAST_2013, IshData(her2_copies=5.0, cep17_copies=2.9)),
            (BREAST_2013, IshData(her2_copies=4.0)),
        ],
    )
    def test_equivocal_counts_are_flagged(self, rule: IshRule, data: IshData) -> None:
        """The result is open, and not for want of a test: the guideline asks for another."""
        reading = read_ish(data, rule)
        assert (reading.result, reading.flags) == (UNK, ("ish-equivocal",))
        assert reading.decision.rule in ("ratio-equivocal", "copies-equivocal")

    def test_a_given_result_keeps_its_group_and_asks_for_no_recount(self) -> None:
        """Whoever gave a result has resolved the group."""
        data = IshData(NOT, her2_copies=4.4, cep17_copies=4.0, n_cells=20)
        reading = read_ish(data, BREAST_2018, Her2Score.TWO_PLUS)
        assert (reading.group, reading.flags) == (4, ("cep17-polysomy",))

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (IshData(her2_copies=-1), "her2_copies is -1; expected a mean number of copies"),
            (IshData(her2_copies=float("nan")), "her2_copies is nan; expected a mean number of copies"),
            (IshData(her2_copies=4, cep17_copies=0), "cep17_copies is 0; expected a mean number of copies"),
            (IshData(AMP, cep17_copies=float("inf")), "cep17_copies is inf; expected a mean number of copies"),
            (IshData(ratio=0), "ish_ratio is 0; expected HER2/CEP17 above 0"),
            (IshData(ratio=-2), "ish_ratio is -2; expected HER2/CEP17 above 0"),
            (IshData(ratio=float("nan")), "ish_ratio is nan; expected HER2/CEP17 above 0"),
            (IshData(her2_copies=4, n_cells=-1), "ish_cells is -1; expected a number of nuclei"),
        ],
    )
    def test_impossible_numbers_are_refused(self, data: IshData, message: str) -> None:
        """A number that cannot be one is an error of the table, not an unknown result."""
        with pytest.raises(UsageError, match=f"^ISH: {message}.*Correct the table"):
            read_ish(data, YAGI)

    def test_no_her2_signal_is_a_result(self) -> None:
        """0 copies are possible, and read as far as numbers go."""
        assert read_ish(IshData(her2_copies=0.0, cep17_copies=2.0), YAGI).result is NOT
        least = read_ish(IshData(her2_copies=4.0, cep17_copies=5e-324), YAGI)
        assert least.decision.text.startswith("HER2/CEP17 is 8.00000e+323, ")

    @pytest.mark.parametrize(
        ("her2", "cep17", "ratio", "is_refused"),
        [
            # 4.95..5.05 over 2.35..2.45 is 2.02..2.15
            (5.0, 2.4, 2.08, False),
            (5.0, 2.4, 2.02, False),
            (5.0, 2.4, 2.0, False),  # 2.0 may have been 2.04
            (5.0, 2.4, 2.01, True),
            (5.0, 2.4, 2.15, False),
            (5.0, 2.4, 2.16, True),
            (5.0, 2.4, 0.48, True),  # the wrong way round
        ],
    )
    def test_a_ratio_must_agree_with_its_means(self, her2: float, cep17: float, ratio: float, is_refused: bool) -> None:
        """As far as the decimals shown can tell."""
        data = IshData(her2_copies=her2, cep17_copies=cep17, ratio=ratio)
        if is_refused:
            with pytest.raises(
                UsageError, match=r"the copies are 5 and 2.4, which give 2.08333; expected them to agree"
            ):
                read_ish(data, YAGI)
        else:
            assert read_ish(data, YAGI).ratio == Fraction(repr(ratio))

    @given(
        st.integers(0, 800), st.integers(20, 200), st.integers(20, 100), st.sampled_from([1, 2, 3]), st.integers(1, 3)
    )
    def test_rounding_alone_is_never_refused(
        self, n_her2: int, n_cep17: int, n_cells: int, digits: int, ratio_digits: int
    ) -> None:
        """A true count reported to one to three decimals, whatever they are, agrees with itself."""
        her2, cep17 = round(n_her2 / n_cells, digits), round(n_cep17 / n_cells, digits)
        ratio = round(n_her2 / n_cep17, ratio_digits)
        if cep17 > 0 and ratio > 0:
            data = IshData(her2_copies=her2, cep17_copies=cep17, ratio=ratio, n_cells=n_cells)
            assert read_ish(data, YAGI).ratio == Fraction(repr(ratio))


class TestDoubts:
    """Polysomy and genomic heterogeneity."""

    @pytest.mark.parametrize(("cep17", "is_flagged"), [(2.99, False), (3.0, True)])
    def test_polysomy(self, cep17: float, is_flagged: bool) -> None:
        """Three CEP17 copies or more on average; nothing else depends on it."""
        reading = read_ish(IshData(her2_copies=4.0, cep17_copies=cep17, n_cells=20), YAGI)
        assert ("cep17-polysomy" in reading.flags) == is_flagged
        assert reading.result is NOT

    # "the presence of >5% but <50% of infiltrating tumor cells with HER2 amplification by ISH" (Luque-Cabal 2016)
    @pytest.mark.parametrize(
        ("n_amplified", "n", "is_flagged"),
        [(0, 20, False), (1, 20, False), (5, 100, False), (6, 100, True), (49, 100, True), (50, 100, False)],
    )
    def test_genomic_heterogeneity(self, n_amplified: int, n: int, is_flagged: bool) -> None:
        """Exactly 5 % is not, and from 50 % on the tumor is amplified."""
        reading = read_ish(_share(n_amplified, n), YAGI)
        assert reading.amplified_share == Fraction(n_amplified, n)
        assert reading.flags == (("genomic-heterogeneity",) if is_flagged else ())

    @pytest.mark.parametrize(("her2", "cep17", "expected"), [(11, 5, 0), (9, 4, 1), (2, 1, 0), (7, 3, 1)])
    def test_a_nucleus_is_amplified_above_2_2(self, her2: int, cep17: int, expected: int) -> None:
        """11/5 is 2.2 and is not; 9/4 is."""
        assert read_ish(_count([her2] * 20, [cep17] * 20), YAGI).amplified_share == expected

    def test_nuclei_without_cep17_have_no_ratio_of_their_own(self) -> None:
        """They are left out of the share and told, but count in the ratio of the means."""
        reading = read_ish(_count([6] * 2 + [2] * 18 + [4] * 2, [2] * 20 + [0] * 2), YAGI)
        assert (reading.amplified_share, reading.ratio) == (Fraction(1, 10), Fraction(56, 40))
        blind = "2 nuclei have no CEP17 signal and no ratio of their own."
        assert reading.decision.text.endswith(f"{blind} 2 of 20 nuclei are amplified by themselves (10 %).")
        assert reading.flags == ("genomic-heterogeneity",)

    def test_too_few_nuclei_with_a_ratio_have_no_share(self) -> None:
        """20 nuclei are read, but only 19 of them have a ratio."""
        reading = read_ish(_count([6] * 20, [2] * 19 + [0]), YAGI)
        assert (reading.result, reading.amplified_share) == (AMP, None)
        assert reading.decision.text.endswith("1 nucleus has no CEP17 signal and no ratio of its own.")

    def test_a_given_result_has_its_share_too(self) -> None:
        """Heterogeneity is a fact of the counts, whoever gave the result."""
        reading = read_ish(IshData(NOT, counts=_share(6, 40).counts), YAGI)
        assert (reading.decision.rule, reading.flags) == ("given-result", ("genomic-heterogeneity",))
        assert reading.decision.text.endswith("6 of 40 nuclei are amplified by themselves (15 %).")


class TestLocations:
    """'... an area with amplification in > 5 % and < 50 % of cells, or a negative area' in two places (Filho 2021)."""

    @pytest.mark.parametrize(
        ("amplified", "expected"),
        [
            ((20, 20), "heterogeneous"),
            ((50, 50), "homogeneous"),
            ((50, 49), "heterogeneous"),
            ((60, 0), "heterogeneous"),
            ((60,), "not-assessable"),
            ((), "not-assessable"),
        ],
    )
    def test_two_places_of_a_hundred_nuclei(self, amplified: tuple[int, ...], expected: str) -> None:
        """So many nuclei of each place with 12 HER2 signals, the others with 2; two CEP17 signals in all."""
        readings = [read_ish(_count([12] * n + [2] * (100 - n), [2] * 100), YAGI) for n in amplified]
        assert compare_locations(readings).value == expected

    def test_what_is_not_known_leaves_it_open(self) -> None:
        """A result without counted nuclei has no share; a negative place is enough all the same."""
        known, told = read_ish(_count([12] * 20, [2] * 20), YAGI), read_ish(IshData(AMP), YAGI)
        assert compare_locations([known, told]).value == "not-assessable"
        assert compare_locations([told, read_ish(IshData(NOT), YAGI)]).value == "heterogeneous"
