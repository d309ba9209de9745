"""Cases read by hand: what a person noted settles the score, contradicts it, or leaves it open."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hetscore.domain import CaseLabel, Her2Score, IshData, IshResult
from hetscore.errors import UsageError
from hetscore.scoring.by_hand import HandCase, HandFragment, bound_score, score_by_hand
from hetscore.scoring.guidelines import GUIDELINES, Guideline, decide_score
from hetscore.scoring.heterogeneity import literal_label
from hetscore.scoring.status import RULE_SETS
from tests.scoring.builders import make_score

BIOPSY, RESECTION, YAGI = GUIDELINES["gastric-biopsy"], GUIDELINES["gastric-resection"], RULE_SETS["yagi-2019"]
AMPLIFIED = IshData(IshResult.AMPLIFIED)
S0, S1, S2, S3 = Her2Score
N = st.integers(0, 12)
COUNTS = st.tuples(N, N, N, N).filter(any)


def _score(*fragments: HandFragment, ish: IshData = AMPLIFIED, guideline: str = "gastric-biopsy") -> HandCase:
    return score_by_hand("A", fragments, ish, guideline=GUIDELINES[guideline], rule_set=YAGI)


class TestBoundScore:
    """What counts without the sizes of clusters leave open."""

    @pytest.mark.parametrize(
        ("counts", "clusters", "bounds"),
        [
            ((90, 0, 0, 4), (None, None, None), (S0, S0)),
            ((90, 0, 0, 5), (None, None, None), (S0, S3)),
            ((90, 0, 0, 5), (None, None, 5), (S3, S3)),
            ((90, 0, 0, 9), (None, None, 4), (S0, S2)),
            ((90, 0, 0, 9), (None, 4, 4), (S0, S1)),
            ((90, 0, 0, 9), (4, 4, 4), (S0, S0)),
            ((90, 0, 2, 3), (None, 5, None), (S2, S2)),
            ((90, 0, 2, 3), (4, None, None), (S0, S0)),
            ((90, 3, 2, 0), (None, None, None), (S0, S1)),
        ],
    )
    def test_small_examples(
        self,
        counts: tuple[int, int, int, int],
        clusters: tuple[int | None, int | None, int | None],
        bounds: tuple[Her2Score, Her2Score],
    ) -> None:
        """A cluster of five of a class is one of every weaker class; fewer cells than five are no cluster."""
        assert bound_score(HandFragment("1", counts=counts, clusters=clusters), BIOPSY) == bounds

    @given(COUNTS, st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.sets(st.integers(0, 2)))
    def test_what_is_noted_lies_within_the_bounds(
        self, counts: tuple[int, int, int, int], faint: int, moderate: int, strong: int, hidden: set[int]
    ) -> None:
        """Hide any of the sizes: the score that they give together is still possible."""
        faint = min(faint, sum(counts[1:]))
        moderate = min(moderate, faint, sum(counts[2:]))
        strong = min(strong, moderate, counts[3])
        noted = [None if k in hidden else size for k, size in enumerate((faint, moderate, strong))]
        fragment = HandFragment("1", counts=counts, clusters=(noted[0], noted[1], noted[2]))
        lowest, highest = bound_score(fragment, BIOPSY)
        assert lowest <= decide_score(BIOPSY, counts, (faint, moderate, strong))[0] <= highest

    @given(COUNTS)
    def test_shares_leave_nothing_open(self, counts: tuple[int, int, int, int]) -> None:
        """A guideline of shares needs no clusters."""
        lowest, highest = bound_score(HandFragment("1", counts=counts), RESECTION)
        assert lowest is highest

    @given(COUNTS, st.sampled_from(list(GUIDELINES.values())))
    def test_the_score_of_counts_lies_within_the_bounds_of_their_percent(
        self, counts: tuple[int, int, int, int], guideline: Guideline
    ) -> None:
        """Whoever notes the percent of 2+ and 3+ in place of the counts is never told of a contradiction."""
        percent = 100 * Fraction(counts[2] + counts[3], sum(counts))
        lowest, highest = bound_score(HandFragment("1", percent_overexpressed=percent), guideline)
        clusters = (sum(counts[1:]), sum(counts[2:]), counts[3])
        assert lowest <= decide_score(guideline, counts, clusters)[0] <= highest


class TestScore:
    """From the notes on the fragments to the score of the case."""

    def test_the_highest_fragment_scores_the_case(self) -> None:
        """A biopsy case; the row tells which fragment decided."""
        case = _score(HandFragment("left", score=S1), HandFragment("right", score=S3), HandFragment("top", score=S3))
        assert (case.score, case.score_decision.text) == (S3, "Fragment right was scored 3+.")

    def test_a_resection_pools_the_cells(self) -> None:
        """9 of 100 and 11 of 100 make 10 percent."""
        blocks = [HandFragment("1", counts=(91, 0, 0, 9)), HandFragment("2", counts=(89, 0, 0, 11))]
        assert _score(*blocks, guideline="gastric-resection").score is S3

    def test_0_or_1plus_may_stay_open_where_another_fragment_decides(self) -> None:
        """Twelve faint cells, connected or not, change nothing beside a fragment of 3+; alone they must be settled."""
        faint = HandFragment("faint", counts=(170, 12, 0, 0))
        case = _score(HandFragment("strong", score=S3), faint)
        assert (case.score, case.label, case.tally.positive) == (S3, CaseLabel.HETERO, 1)
        with pytest.raises(UsageError, match=r"case A: the counts allow 0 to 1\+ by gastric-biopsy, which asks"):
            _score(faint)

    def test_without_tumor_nothing_is_scored(self) -> None:
        """No tumor is not score 0."""
        case = _score(HandFragment("1", has_tumor=False), HandFragment("2", has_tumor=False))
        assert (case.score, case.label, case.tally.total) == (None, CaseLabel.NOT_ASSESSABLE, 2)
        assert _score().label is CaseLabel.NOT_ASSESSABLE

    @pytest.mark.parametrize(
        ("fragment", "fault"),
        [
            (HandFragment("7", counts=(90, 0, 0, 9)), "fragment 7: the counts allow 0 to 3[+] by gastric-biopsy"),
            (HandFragment("7"), "fragment 7: tumor cells, but none with a class, and no score; expected a score"),
            (HandFragment("7", score=S3, counts=(9, 0, 0, 4)), r"score 3\+, but the counts give 0 by gastric-biopsy"),
            (HandFragment("7", score=S0, counts=(9, 0, 0, 9), clusters=(9, 9, 9)), "score 0, but the counts give 3"),
        ],
    )
    def test_notes_that_settle_nothing_or_contradict(self, fragment: HandFragment, fault: str) -> None:
        """Refused, never guessed."""
        with pytest.raises(UsageError, match=fault):
            _score(fragment)


class TestLabel:
    """The literal rule over what was noted."""

    @pytest.mark.parametrize(
        ("fragment", "label", "rule"),
        [
            (HandFragment("2", score=S3, percent_overexpressed=Fraction(100)), CaseLabel.HOMO, "all-overexpressed"),
            (HandFragment("2", score=S3, percent_overexpressed=Fraction(999, 10)), CaseLabel.HETERO, "some-negative"),
            (HandFragment("2", score=S3), CaseLabel.INDETERMINATE, "cells-not-counted"),
            (HandFragment("2", score=S1), CaseLabel.HETERO, "some-negative"),
            (HandFragment("2", score=S3, counts=(1, 0, 0, 999)), CaseLabel.HETERO, "some-negative"),
            (HandFragment("2", score=S3, counts=(0, 0, 0, 99), n_unscored=1), CaseLabel.HOMO, "all-overexpressed"),
            (HandFragment("2", has_tumor=False), CaseLabel.HOMO, "all-overexpressed"),
        ],
    )
    def test_each_way(self, fragment: HandFragment, label: CaseLabel, rule: str) -> None:
        """Beside a fragment of which all cells are 3+."""
        case = _score(HandFragment("1", score=S3, counts=(0, 0, 0, 200)), fragment)
        assert (case.label, case.label_decision.rule) == (label, rule)

    @pytest.mark.parametrize(("n_unscored", "label"), [(20, CaseLabel.HOMO), (21, CaseLabel.INDETERMINATE)])
    def test_cells_that_were_not_classed_may_be_a_tenth(self, n_unscored: int, label: CaseLabel) -> None:
        """Of 200 cells 20 are borne; one more leaves the label open and is flagged, as on a slide."""
        case = _score(HandFragment("1", score=S3, counts=(0, 0, 0, 200 - n_unscored), n_unscored=n_unscored))
        assert case.label is label
        assert ("many-unscored" in case.flags) == (label is CaseLabel.INDETERMINATE)

    def test_one_negative_cell_outweighs_many_unclassed_ones(self) -> None:
        """What was not classed never undoes hetero."""
        assert _score(HandFragment("1", score=S3, counts=(1, 0, 0, 9), n_unscored=90)).label is CaseLabel.HETERO

    def test_four_3plus_cells_are_not_negative(self) -> None:
        """A fragment of four tumor cells, all 3+, scores 0 but holds no cell below 2+."""
        case = _score(HandFragment("1", score=S3, counts=(0, 0, 0, 200)), HandFragment("2", counts=(0, 0, 0, 4)))
        assert (case.label, case.tally.positive) == (CaseLabel.HOMO, 1)

    def test_negative_cells_outweigh_uncounted_ones(self) -> None:
        """Whatever was not noted, one negative cell is enough."""
        case = _score(HandFragment("1", score=S3), HandFragment("2", score=S3, counts=(1, 0, 0, 99)))
        assert case.label is CaseLabel.HETERO
        assert case.label_decision.text == "Some tumor cells of fragment 2 are below 2+."

    @given(st.lists(COUNTS, min_size=1, max_size=5))
    @example([(0, 0, 0, 5), (0, 0, 0, 4)])
    def test_counted_cases_are_labeled_as_slides_are(self, counts: list[tuple[int, int, int, int]]) -> None:
        """With all cells counted, the same rule as for the cells of a slide."""
        fragments = [
            HandFragment(str(k), counts=c, clusters=(sum(c[1:]), c[2] + c[3], c[3])) for k, c in enumerate(counts)
        ]
        case = _score(*fragments)
        scores = [make_score(k, c) for k, c in enumerate(counts)]
        assert case.label is literal_label(case.status, scores)[0]
        is_asked = case.label in (CaseLabel.HOMO, CaseLabel.HETERO)
        assert len(case.cutoff_sweep) == (8 if is_asked else 0)
        if is_asked:
            assert (
                case.cutoff_sweep[-1].pooled == case.cutoff_sweep[-1].worst_fragment == (case.label is CaseLabel.HOMO)
            )

    @given(st.lists(COUNTS, min_size=1, max_size=5), st.randoms(use_true_random=False))
    def test_the_order_of_the_fragments_does_not_matter(
        self, counts: list[tuple[int, int, int, int]], random: object
    ) -> None:
        """Nor how they are named."""
        fragments = [
            HandFragment(str(k), counts=c, clusters=(sum(c[1:]), c[2] + c[3], c[3])) for k, c in enumerate(counts)
        ]
        shuffled = list(fragments)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        one, other = _score(*fragments), _score(*shuffled)
        assert (one.label, one.score, one.status, one.indices) == (
            other.label,
            other.score,
            other.status,
            other.indices,
        )


@pytest.mark.parametrize(("n_fragments", "flags"), [(0, ()), (1, ("limited-sampling",)), (4, ())])
def test_few_fragments_are_flagged(n_fragments: int, flags: tuple[str, ...]) -> None:
    """One tumor fragment can be homo, but says little of the tumor; of a resection there is but one."""
    fragments = [HandFragment(str(k), score=S3, counts=(0, 0, 0, 100)) for k in range(n_fragments)]
    assert _score(*fragments, ish=IshData()).flags == flags
    assert _score(*fragments, ish=IshData(), guideline="gastric-resection").flags == ()


def test_low_is_said_of_breast_alone() -> None:
    """With counts, score 0 is told apart as well."""
    rules = {"guideline": GUIDELINES["asco-cap-breast-2018"], "rule_set": RULE_SETS["asco-cap-breast-2018"]}
    case = score_by_hand("A", [HandFragment("1", counts=(95, 5, 0, 0))], IshData(), **rules)  # type: ignore[arg-type]
    assert case.low is not None
    assert case.low.value == "her2-ultralow"
    assert _score(HandFragment("1", score=S1)).low is None
