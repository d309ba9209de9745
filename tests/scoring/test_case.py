"""Whole cases: score, status, label, flags, and the sentence a pathologist reads."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import CaseLabel, CaseScore, FragmentScore, Her2Score, Her2Status, IshData, IshResult
from hetscore.errors import UsageError
from hetscore.flags import FLAGS, Severity
from hetscore.scoring.case import score_case
from hetscore.scoring.fragment import FragmentParams
from hetscore.scoring.guidelines import GUIDELINES, Counts
from hetscore.scoring.status import RULE_SETS
from tests.scoring.builders import (
    HOMO,
    NEGATIVE,
    NO_TUMOR,
    UNSCORED,
    make_evidence,
    make_score,
    score_picture,
    weigh_by_size,
)

FOUR_HOMO = [make_score(k) for k in (1, 2, 3, 4)]
FIVE = make_score(3, (41, 0, 0, 500), negative=(41,))
ONE_PLUS = make_score(1, (200, 50, 0, 0), Her2Score.ONE_PLUS, largest_cluster=(40, 0, 0), negative=(250,))
FAINT = make_score(2, (0, 90, 0, 0), Her2Score.ONE_PLUS, largest_cluster=(90, 0, 0), negative=(90,))
TWO_PLUS = make_score(1, (0, 0, 300, 0), Her2Score.TWO_PLUS, largest_cluster=(300, 300, 0))
ALWAYS = "uncalibrated"
N = st.integers(0, 40)
RARE = " Misread cells alone make so much in fewer than 1 of 100 homogeneous cases like this one."


def _score(
    fragments: list[FragmentScore],
    ish: IshResult | IshData = IshResult.UNKNOWN,
    *,
    guideline: str = "gastric-biopsy",
    rule_set: str = "yagi-2019",
    slide_flags: tuple[str, ...] = (),
    n_failed_tiles: int = 0,
    pieces: Mapping[int, int] | None = None,
) -> CaseScore:
    return score_case(
        "case-1",
        fragments,
        IshData(ish) if isinstance(ish, IshResult) else ish,
        guideline=GUIDELINES[guideline],
        rule_set=RULE_SETS[rule_set],
        slide_flags=slide_flags,
        n_failed_tiles=n_failed_tiles,
        pieces=pieces or {},
        weigh=weigh_by_size,
    )


class TestReasons:
    """The label and its sentence."""

    @pytest.mark.parametrize(
        ("fragments", "label", "reason"),
        [
            (
                FOUR_HOMO,
                CaseLabel.HOMO,
                "All 4 tumor fragments overexpress HER2: none of the 2,000 scored tumor cells is below 2+.",
            ),
            (
                [make_score(1, (1, 0, 0, 999), negative=(1,))],
                CaseLabel.HOMO,
                "The one tumor fragment overexpresses HER2: of 1,000 scored tumor cells 1 is below 2+.",
            ),
            (
                [HOMO, make_score(2, (8, 0, 0, 492), negative=(4, 4))],
                CaseLabel.HOMO,
                "Both tumor fragments overexpress HER2: of 1,000 scored tumor cells 8 are below 2+, no 5 of them"
                " connected.",
            ),
            (
                [HOMO, NEGATIVE, make_score(3), make_score(4)],
                CaseLabel.HETERO,
                "3 of 4 tumor fragments overexpress HER2; fragment 2 (612 tumor cells) does not.",
            ),
            (
                [HOMO, NEGATIVE, make_score(3, (90, 0, 0, 0), Her2Score.ZERO, negative=(90,))],
                CaseLabel.HETERO,
                "1 of 3 tumor fragments overexpresses HER2; fragment 2 (612 tumor cells) and fragment 3 (90 tumor"
                " cells) do not.",
            ),
            (
                [HOMO, *(make_score(k, (90, 0, 0, 0), Her2Score.ZERO, negative=(90,)) for k in (2, 3, 4, 5, 6))],
                CaseLabel.HETERO,
                "1 of 6 tumor fragments overexpresses HER2; fragment 2 (90 tumor cells), fragment 3 (90 tumor cells),"
                " fragment 4 (90 tumor cells) and 2 more do not.",
            ),
            (
                [HOMO, make_score(2), FIVE],
                CaseLabel.HETERO,
                "All 3 tumor fragments overexpress HER2, but fragment 3 holds 41 connected tumor cells below 2+."
                + RARE,
            ),
            (
                [make_score(1, (20, 0, 0, 500), negative=(9, 7)), make_score(2, (5, 0, 0, 90), negative=(5,))],
                CaseLabel.HETERO,
                "Both tumor fragments overexpress HER2, but fragments 1 and 2 hold 3 clusters below 2+, the largest"
                " of 9 connected tumor cells." + RARE,
            ),
            (
                [make_score(1, (20, 0, 0, 500), negative=(9, 7))],
                CaseLabel.HETERO,
                "The one tumor fragment overexpresses HER2, but fragment 1 holds 2 clusters below 2+, the largest of 9"
                " connected tumor cells." + RARE,
            ),
            (
                [HOMO, UNSCORED],
                CaseLabel.INDETERMINATE,
                "Both tumor fragments overexpress HER2 as far as scored, but 60 of the 500 tumor cells of fragment 4"
                " could not be scored and may be below 2+.",
            ),
            (
                [
                    UNSCORED,
                    make_score(5, (0, 0, 0, 900), n_unscored=600, flags=("many-unscored",)),
                    make_score(6, n_unscored=1),
                ],
                CaseLabel.INDETERMINATE,
                "All 3 tumor fragments overexpress HER2 as far as scored, but 660 of the 2,000 tumor cells of fragments"
                " 4 and 5 could not be scored and may be below 2+.",
            ),
            (
                [ONE_PLUS],
                CaseLabel.NOT_APPLICABLE,
                "The case is HER2-negative (IHC 1+): homo or hetero is asked only of HER2-positive cases.",
            ),
            (
                [TWO_PLUS],
                CaseLabel.NOT_APPLICABLE,
                "The case is IHC 2+ and waits for an ISH result: homo or hetero is asked only of positive cases.",
            ),
            ([NO_TUMOR], CaseLabel.NOT_ASSESSABLE, FLAGS["no-tumor"].text),
            ([], CaseLabel.NOT_ASSESSABLE, FLAGS["no-tumor"].text),
        ],
    )
    def test_sentences(self, fragments: list[FragmentScore], label: CaseLabel, reason: str) -> None:
        """As printed in the report."""
        case = _score(fragments)
        assert (case.label, case.reason) == (label, reason)

    @pytest.mark.parametrize(("n", "tiles"), [(1, "1 tile"), (1200, "1,200 tiles")])
    def test_failed_tiles(self, n: int, tiles: str) -> None:
        """Nothing negative was seen, but not everything was seen."""
        case = _score([HOMO], n_failed_tiles=n)
        assert (case.score, case.status) == (Her2Score.THREE_PLUS, Her2Status.POSITIVE)
        assert case.label is case.literal_label is CaseLabel.NOT_ASSESSABLE
        assert case.reason == (
            f"The one tumor fragment overexpresses HER2 as far as seen, but {tiles} could not be read and may hide"
            " cells below 2+."
        )
        assert "failed-tiles" in case.flags

    @pytest.mark.parametrize(
        ("fragments", "seen"), [([NEGATIVE], "0"), ([ONE_PLUS], "1+"), ([TWO_PLUS], "2+"), ([TWO_PLUS, FAINT], "2+")]
    )
    @pytest.mark.parametrize("rule_set", RULE_SETS)
    @pytest.mark.parametrize("ish", IshResult)
    def test_failed_tiles_leave_no_score_below_3plus(
        self, fragments: list[FragmentScore], seen: str, rule_set: str, ish: IshResult
    ) -> None:
        """Unread tiles could raise the score, so there is none, whatever ISH and rules say; fragments keep theirs."""
        case = _score(fragments, ish, rule_set=rule_set, n_failed_tiles=2)
        assert (case.score, case.status) == (None, Her2Status.NOT_ASSESSABLE)
        assert case.label is case.literal_label is CaseLabel.NOT_ASSESSABLE
        assert (case.score_decision.value, case.score_decision.rule) == ("not-assessable", "failed-tiles")
        assert case.reason == case.score_decision.text
        assert case.reason == (
            f"The tiles that were read score {seen}, but 2 tiles could not be read and may hold a stronger cluster."
        )
        assert [f.score for f in case.fragments] == [f.score for f in fragments]

    @pytest.mark.parametrize("other", [NEGATIVE, FIVE])
    def test_failed_tiles_do_not_undo_hetero(self, other: FragmentScore) -> None:
        """In a case of 3+ the negative cells that were seen stay, and so does the sentence."""
        whole, torn = _score([HOMO, other]), _score([HOMO, other], n_failed_tiles=3)
        assert (torn.score, torn.label, torn.literal_label) == (
            Her2Score.THREE_PLUS,
            CaseLabel.HETERO,
            CaseLabel.HETERO,
        )
        assert (torn.reason, torn.decisive) == (whole.reason, whole.decisive)

    def test_one_negative_cell_and_a_failed_tile(self) -> None:
        """Too little to call it hetero, but the literal rule needs no more than one cell."""
        case = _score([make_score(1, (1, 0, 0, 999), negative=(1,))], n_failed_tiles=1)
        assert (case.label, case.literal_label) == (CaseLabel.NOT_ASSESSABLE, CaseLabel.HETERO)

    def test_a_slide_that_failed_outweighs_its_tiles(self) -> None:
        """The weightier cause is the one named."""
        case = _score([TWO_PLUS], slide_flags=("slide-failed",), n_failed_tiles=1)
        assert case.reason == FLAGS["slide-failed"].text

    def test_scattered_cells_close_together_make_hetero(self) -> None:
        """The scan alone may decide, without five connected cells to name."""
        fragments = [make_score(1, (8, 0, 0, 492), negative=(4, 4))]
        case = score_case(
            "case-1",
            fragments,
            IshData(IshResult.UNKNOWN),
            guideline=GUIDELINES["gastric-biopsy"],
            rule_set=RULE_SETS["yagi-2019"],
            weigh=lambda _: make_evidence(p_scan=0.0005),
        )
        seen = "of 500 scored tumor cells 8 are below 2+, no 5 of them connected."
        assert (case.label, case.reason) == (
            CaseLabel.HETERO,
            f"The one tumor fragment overexpresses HER2: {seen}{RARE}",
        )

    def test_a_fragment_scored_with_many_blanks_is_not_homo(self) -> None:
        """Of 25 tumor cells 3 have no class: more than a tenth; 2 of 25 are not."""
        picture = "3 " * 22
        assert _score([score_picture(picture + "? ? ?")]).label is CaseLabel.INDETERMINATE
        assert _score([score_picture(picture + "3 ? ?")]).label is CaseLabel.HOMO

    def test_clusters_that_are_not_kept_are_counted(self) -> None:
        """Of 22 clusters of five cells 20 are kept for the pictures; the sentence counts 22."""
        fragment = score_picture("3 3 3 3 3 " + "0 0 0 0 0 3 " * 22)
        case = _score([fragment])
        assert len(fragment.negative_clusters) == 20
        assert case.reason.endswith("holds 22 clusters below 2+, the largest of 5 connected tumor cells." + RARE)

    def test_a_case_positive_by_ish_alone(self) -> None:
        """By the rule set of the paired samples ISH suffices; then no fragment need overexpress."""
        case = _score([ONE_PLUS], IshResult.AMPLIFIED, rule_set="pietrantonio-2016")
        assert (case.status, case.label) == (Her2Status.POSITIVE, CaseLabel.HETERO)
        assert case.reason.endswith("none of its tumor fragments overexpresses HER2 by itself.")
        assert "ish-discordant" in case.flags

    def test_a_status_that_cannot_be_told_is_the_reason(self) -> None:
        """There the sentence of the rule set says what is missing."""
        case = _score([ONE_PLUS], rule_set="pietrantonio-2016")
        assert case.label is CaseLabel.NOT_ASSESSABLE
        assert case.reason == case.status_decision.text
        assert "without an ISH result" in case.reason


class TestScoreCase:
    """What the record of a case holds."""

    def test_all_cells_2plus_and_amplified_is_homo(self) -> None:
        """'IHC3+ or IHC2+': 2+ counts as overexpressed once the case is positive."""
        case = _score([TWO_PLUS], IshResult.AMPLIFIED)
        assert (case.label, case.literal_label, case.is_provisional) == (CaseLabel.HOMO, CaseLabel.HOMO, True)
        assert (case.score, case.status_decision.rule) == (Her2Score.TWO_PLUS, "ihc-2plus-amplified")

    def test_one_negative_cell_is_borne_but_told(self) -> None:
        """The literal rule says hetero, the verdict bears a single cell and shows it."""
        case = _score([make_score(1, (1, 0, 0, 999), negative=(1,))])
        assert (case.literal_label, case.label) == (CaseLabel.HETERO, CaseLabel.HOMO)
        assert [(d.kind, d.n_cells) for d in case.decisive] == [("cell", 1)]

    def test_ish_copies_are_read(self) -> None:
        """The record holds the result as read and how it was read."""
        case = _score([TWO_PLUS], IshData(her2_copies=8.4, cep17_copies=2.1, n_cells=40))
        assert (case.ish.result, case.ish.her2_copies) == (IshResult.AMPLIFIED, Fraction("8.4"))
        assert case.ish.decision.rule == "ratio-amplified"
        with pytest.raises(UsageError):
            _score([TWO_PLUS], IshData(her2_copies=-1))

    def test_no_cluster_crosses_fragments(self) -> None:
        """Two fragments of four 3+ cells each do not make eight."""
        case = _score([score_picture("3 3 3 3 0", fragment=k) for k in (1, 2)])
        assert case.score is Her2Score.ZERO

    @pytest.mark.parametrize("picture", ["3 " * 19, "3 3 3 3 3 3 3 3 3 . . . " * 20], ids=["few", "scattered"])
    def test_a_cluster_among_too_little_tumor_leaves_no_lower_score(self, picture: str) -> None:
        """Five connected 3+ cells are 3+ at any share; in a fragment not judged they forbid a 0 and prove no 3+."""
        unjudged = score_picture(picture, params=FragmentParams(), fragment=2)
        assert not unjudged.is_assessable
        case = _score([NEGATIVE, unjudged])
        assert (case.score, case.score_decision.rule, case.label) == (None, "unjudged-stain", CaseLabel.NOT_ASSESSABLE)
        assert "unjudged-stain" in case.flags
        assert _score([HOMO, unjudged]).score is Her2Score.THREE_PLUS
        assert _score([NEGATIVE, unjudged], guideline="gastric-resection").score is Her2Score.ZERO

    @pytest.mark.parametrize(
        ("fragments", "n_failed_tiles"),
        [([NEGATIVE], 0), ([TWO_PLUS], 0), ([NO_TUMOR], 0), (FOUR_HOMO, 1)],
        ids=["negative", "equivocal", "no tumor", "failed tiles"],
    )
    def test_no_sweep_where_the_question_is_not_asked(
        self, fragments: list[FragmentScore], n_failed_tiles: int
    ) -> None:
        """Only of positive cases is homo or hetero asked, and not where tiles are missing; nor is a pattern."""
        case = _score(fragments, n_failed_tiles=n_failed_tiles)
        assert case.cutoff_sweep == ()
        assert (case.pattern is None) == (n_failed_tiles == 0)

    @given(st.lists(st.tuples(N, N, N, N).filter(any), min_size=1, max_size=4))
    def test_all_of_the_cells_is_the_literal_label(self, counts: list[Counts]) -> None:
        """Wherever there is a sweep its last row, pooled or of the worst fragment, says what the literal label says."""
        fragments = [make_score(k, c, largest_cluster=(sum(c[1:]), c[2] + c[3], c[3])) for k, c in enumerate(counts)]
        case = _score(fragments, IshResult.AMPLIFIED)
        for row in case.cutoff_sweep[-1:]:
            assert row.pooled == row.worst_fragment == (case.literal_label is CaseLabel.HOMO)

    def test_cells_without_a_class_do_not_make_a_fragment_negative(self) -> None:
        """Ten groups of four 2+ cells, parted by cells that were not scored: nothing negative was seen."""
        parted = score_picture("2 2 2 2 ? " * 10, params=FragmentParams(), fragment=2)
        assert (parted.score, parted.n_negative) == (Her2Score.ZERO, 0)
        assert _score([HOMO, parted]).label is CaseLabel.INDETERMINATE

    def test_a_resection_pools_its_fragments(self) -> None:
        """30 % of a small fragment and none of a large one are under a tenth of the specimen."""
        small = make_score(1, (70, 0, 0, 30), Her2Score.THREE_PLUS)
        large = make_score(2, (900, 0, 0, 0), Her2Score.ZERO, largest_cluster=(0, 0, 0))
        assert _score([small, large], guideline="gastric-resection").score is Her2Score.ZERO
        assert _score([small, large]).score is Her2Score.THREE_PLUS

    @pytest.mark.parametrize("name", [f.name for f in FLAGS.values() if f.severity is Severity.BLOCKING])
    def test_a_blocking_flag_blocks(self, name: str) -> None:
        """No score, no status, no label; the flag's sentence is the reason."""
        case = _score([*FOUR_HOMO, NEGATIVE], slide_flags=("dropped-specks", name))
        assert (case.score, case.status) == (None, Her2Status.NOT_ASSESSABLE)
        assert case.label is case.literal_label is CaseLabel.NOT_ASSESSABLE
        assert (case.reason, case.score_decision.rule) == (FLAGS[name].text, name)
        assert {"dropped-specks", name} <= set(case.flags)
        assert case.decisive == ()

    def test_sections_of_one_piece_are_one_piece_of_evidence(self) -> None:
        """Four fragments that are two pieces in two levels are limited sampling; each keeps its score."""
        numbers = [f.fragment for f in FOUR_HOMO]
        pieces = dict(zip(numbers, [*numbers[:2], *numbers[:2]], strict=True))
        assert "limited-sampling" not in _score(FOUR_HOMO).flags
        assert "limited-sampling" in _score(FOUR_HOMO, pieces=pieces).flags
        assert _score(FOUR_HOMO, pieces=pieces).fragments == _score(FOUR_HOMO).fragments

    @pytest.mark.parametrize(
        ("fragments", "ish", "flags"),
        [
            (FOUR_HOMO, IshResult.UNKNOWN, {ALWAYS}),
            (FOUR_HOMO, IshResult.NOT_AMPLIFIED, {ALWAYS, "ish-discordant"}),
            (FOUR_HOMO[:3], IshResult.UNKNOWN, {ALWAYS, "limited-sampling"}),
            ([make_score(k, (0, 0, 0, 50)) for k in range(4)], IshResult.UNKNOWN, {ALWAYS}),
            (
                [make_score(k, (0, 0, 0, 50 - (k == 0))) for k in range(4)],
                IshResult.UNKNOWN,
                {ALWAYS, "limited-sampling"},
            ),
            ([TWO_PLUS], IshResult.UNKNOWN, {ALWAYS, "limited-sampling", "ish-needed"}),
            ([NO_TUMOR], IshResult.UNKNOWN, {ALWAYS, "no-tumor"}),
            (
                [*FOUR_HOMO, make_score(5, flags=("many-unscored",)), make_score(6, flags=("many-unscored",))],
                IshResult.UNKNOWN,
                {ALWAYS, "many-unscored"},
            ),
        ],
    )
    def test_flags(self, fragments: list[FragmentScore], ish: IshResult, flags: set[str]) -> None:
        """Exactly the doubts there are, each once, in alphabetical order."""
        assert _score(fragments, ish).flags == tuple(sorted(flags))

    def test_every_flag_is_registered(self) -> None:
        """No flag without a sentence."""
        cases = [_score([TWO_PLUS], n_failed_tiles=1), _score([]), _score(FOUR_HOMO, IshResult.NOT_AMPLIFIED)]
        assert {name for case in cases for name in case.flags} <= set(FLAGS)

    def test_an_unknown_slide_flag_is_a_mistake(self) -> None:
        """A doubt that is not in the registry cannot be passed on."""
        with pytest.raises(KeyError, match="blurry"):
            _score(FOUR_HOMO, slide_flags=("blurry",))

    def test_the_order_of_the_fragments_does_not_matter(self) -> None:
        """Fragments come back in order of their number."""
        fragments = [HOMO, NEGATIVE, FIVE]
        assert _score(fragments[::-1]) == _score(fragments)

    @given(st.lists(st.tuples(N, N, N, N).filter(any), min_size=1, max_size=5), st.sampled_from([0, 4, 5, 40]))
    def test_the_case_has_the_highest_score_of_its_fragments(self, counts: list[Counts], reach: int) -> None:
        """Read through clusters, the case scores as its best fragment."""
        pictures = [
            score_picture(" ".join("3" * min(c[3], reach) + "2" * c[2] + "1" * c[1] + "0" * c[0]) or "0", fragment=k)
            for k, c in enumerate(counts, start=1)
        ]
        assert _score(pictures).score == max(p.score for p in pictures if p.score is not None)
