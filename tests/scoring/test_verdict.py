"""The label, rule by rule, and the places shown to the reader."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import (
    Answer,
    AnswerKind,
    CaseLabel,
    Decision,
    Detectable,
    Evidence,
    FragmentScore,
    Her2Score,
    Her2Status,
)
from hetscore.geometry import Box
from hetscore.scoring.decisive import list_open, rank_decisive
from hetscore.scoring.review import read_answers, settle
from hetscore.scoring.verdict import HIDDEN_TISSUE, REVIEWABLE, WEAK_EVIDENCE, decide_verdict, forbid_homo
from tests.scoring.builders import HOMO, NEGATIVE, NO_TUMOR, UNSCORED, make_evidence, make_score, weigh_by_size

POSITIVE = Her2Status.POSITIVE
FOUR = make_score(1, (7, 0, 0, 500), negative=(4, 2, 1))
FIVE = make_score(5, (6, 0, 0, 500), negative=(5, 1))
SCATTERED = make_score(6, (400, 0, 0, 9), Her2Score.ZERO, negative=(3,))
SILENT = make_score(8, (0, 0, 0, 4), None, n_unscored=40, flags=("many-unscored",))
BLIND = make_score(7, (500, 0, 0, 0), None, negative=(500,))


class TestDecideVerdict:
    """The first rule that holds."""

    @pytest.mark.parametrize(
        ("fragments", "n_failed", "label", "rule"),
        [
            ([HOMO] * 4, 0, CaseLabel.HOMO, "no-negative-cluster"),
            ([HOMO, FOUR], 0, CaseLabel.HOMO, "no-negative-cluster"),
            ([HOMO, FIVE], 0, CaseLabel.HETERO, "negative-cluster"),
            ([HOMO, NEGATIVE], 0, CaseLabel.HETERO, "negative-fragment"),
            ([HOMO, NEGATIVE, FIVE], 0, CaseLabel.HETERO, "negative-fragment"),
            ([HOMO, SCATTERED], 0, CaseLabel.HETERO, "negative-fragment"),
            ([HOMO, NO_TUMOR], 0, CaseLabel.HOMO, "no-negative-cluster"),
            ([HOMO, BLIND], 0, CaseLabel.HOMO, "no-negative-cluster"),
            ([HOMO], 1, CaseLabel.NOT_ASSESSABLE, "failed-tiles"),
            ([HOMO, NEGATIVE], 1, CaseLabel.HETERO, "negative-fragment"),
            ([HOMO, UNSCORED], 0, CaseLabel.INDETERMINATE, "many-unscored"),
            ([HOMO, UNSCORED], 1, CaseLabel.NOT_ASSESSABLE, "failed-tiles"),
            ([NEGATIVE, UNSCORED], 0, CaseLabel.HETERO, "negative-fragment"),
            ([FIVE, UNSCORED], 0, CaseLabel.HETERO, "negative-cluster"),
            ([HOMO, SILENT], 0, CaseLabel.HOMO, "no-negative-cluster"),
            ([HOMO, FIVE], 1, CaseLabel.HETERO, "negative-cluster"),
            ([NO_TUMOR], 0, CaseLabel.NOT_ASSESSABLE, "no-tumor"),
        ],
    )
    def test_rules(self, fragments: list[FragmentScore], n_failed: int, label: CaseLabel, rule: str) -> None:
        """Four connected negatives are borne, five are not; what was not seen forbids homo but never hides hetero."""
        decided, decision = decide_verdict(POSITIVE, fragments, weigh_by_size(fragments), n_failed_tiles=n_failed)
        assert (decided, decision.rule, decision.value) == (label, rule, label.value)

    @pytest.mark.parametrize(
        ("status", "label"),
        [
            (Her2Status.NEGATIVE, CaseLabel.NOT_APPLICABLE),
            (Her2Status.EQUIVOCAL, CaseLabel.NOT_APPLICABLE),
            (Her2Status.NOT_ASSESSABLE, CaseLabel.NOT_ASSESSABLE),
        ],
    )
    def test_only_positive_cases_are_asked(self, status: Her2Status, label: CaseLabel) -> None:
        """A negative fragment of a negative case is not heterogeneity."""
        assert decide_verdict(status, [NEGATIVE], None)[0] is label

    @given(
        st.lists(st.sampled_from([HOMO, FOUR, FIVE, NEGATIVE, SCATTERED, NO_TUMOR, BLIND, UNSCORED]), max_size=5),
        st.sampled_from(Her2Status),
        st.integers(1, 9),
    )
    def test_failed_tiles_never_give_homo(
        self, fragments: list[FragmentScore], status: Her2Status, n_failed: int
    ) -> None:
        """A failed tile turns homo and indeterminate into not assessable and changes nothing else."""
        evidence = weigh_by_size(fragments)
        whole, _ = decide_verdict(status, fragments, evidence)
        torn, _ = decide_verdict(status, fragments, evidence, n_failed_tiles=n_failed)
        is_turned = whole in (CaseLabel.HOMO, CaseLabel.INDETERMINATE)
        assert torn is (CaseLabel.NOT_ASSESSABLE if is_turned else whole)

    @given(
        st.lists(st.sampled_from([HOMO, FOUR, FIVE, NEGATIVE, SCATTERED, NO_TUMOR, BLIND]), max_size=5),
        st.sampled_from(Her2Status),
    )
    def test_many_unscored_cells_never_give_homo(self, fragments: list[FragmentScore], status: Her2Status) -> None:
        """One more fragment of 3+ that is mostly unseen turns homo into indeterminate and never undoes hetero."""
        evidence = weigh_by_size(fragments)
        whole, _ = decide_verdict(status, [*fragments, HOMO], evidence)
        doubtful, _ = decide_verdict(status, [*fragments, UNSCORED], evidence)
        assert doubtful is (CaseLabel.INDETERMINATE if whole is CaseLabel.HOMO else whole)


class TestEvidence:
    """What the same cells give under other errors of their reading."""

    @pytest.mark.parametrize(
        ("fragments", "evidence", "label", "rule"),
        [
            ([HOMO, FIVE], make_evidence(0.003), CaseLabel.HETERO, "negative-cluster"),
            ([HOMO, FIVE], make_evidence(0.0034), CaseLabel.INDETERMINATE, "cluster-not-excluded"),
            ([HOMO, FIVE], make_evidence(0.9), CaseLabel.INDETERMINATE, "cluster-not-excluded"),
            ([HOMO, FOUR], make_evidence(0.9), CaseLabel.HOMO, "no-negative-cluster"),
            ([HOMO, FOUR], make_evidence(0.03), CaseLabel.INDETERMINATE, "p-between"),
            ([HOMO, FOUR], make_evidence(p_scan=0.001), CaseLabel.HETERO, "negative-cluster"),
            ([HOMO, FIVE], make_evidence(0.001, p_clear=0.2), CaseLabel.INDETERMINATE, "borderline-stain"),
            ([HOMO, FOUR], make_evidence(p_fraction=0.001, p_clear=0.2), CaseLabel.INDETERMINATE, "borderline-stain"),
            ([HOMO, NEGATIVE], make_evidence(0.001, 1.0, 0.001, p_clear=0.2), CaseLabel.HETERO, "negative-fragment"),
            ([HOMO], make_evidence(detectable=(Detectable(0.95, 113),)), CaseLabel.HOMO, "no-negative-cluster"),
            ([HOMO], make_evidence(detectable=(Detectable(0.95, 160),)), CaseLabel.INDETERMINATE, "weak-evidence"),
            ([HOMO], make_evidence(detectable=(Detectable(0.95, None),)), CaseLabel.INDETERMINATE, "weak-evidence"),
            (
                [HOMO, FIVE],
                make_evidence(0.9, detectable=(Detectable(0.95, None),)),
                CaseLabel.INDETERMINATE,
                "cluster-not-excluded",
            ),
            ([HOMO, FOUR], make_evidence(p_fraction=0.001), CaseLabel.HETERO, "negative-share"),
            ([HOMO, NEGATIVE], make_evidence(0.001, 1.0, 0.001), CaseLabel.HETERO, "negative-fragment"),
            ([HOMO, NEGATIVE], make_evidence(), CaseLabel.INDETERMINATE, "cluster-not-excluded"),
            ([HOMO], None, CaseLabel.INDETERMINATE, "no-error-model"),
            ([HOMO, NEGATIVE], None, CaseLabel.INDETERMINATE, "no-error-model"),
            ([HOMO], make_evidence(is_unlike=True), CaseLabel.INDETERMINATE, "unlike-calibration"),
            ([NEGATIVE], make_evidence(0.0, is_unlike=True), CaseLabel.INDETERMINATE, "unlike-calibration"),
        ],
    )
    def test_rules(
        self, fragments: list[FragmentScore], evidence: Evidence | None, label: CaseLabel, rule: str
    ) -> None:
        """Hetero below 0.01, homo from 0.10 on and without a cluster of five, else indeterminate; none by guess."""
        decided, decision = decide_verdict(POSITIVE, fragments, evidence)
        assert (decided, decision.rule) == (label, rule)

    def test_unread_tiles_weigh_more_than_borderline_stain(self) -> None:
        """What is not hetero beyond doubt may hide behind them."""
        evidence = make_evidence(0.001, p_clear=0.2)
        label, decision = decide_verdict(POSITIVE, [HOMO, FIVE], evidence, n_failed_tiles=1)
        assert (label, decision.rule) == (CaseLabel.NOT_ASSESSABLE, "failed-tiles")

    def test_a_reviewer_does_not_clear_what_could_not_be_seen(self) -> None:
        """Where a large clone could hide among the errors, the places shown are not all there is."""
        evidence = make_evidence(0.9, detectable=(Detectable(0.95, None),))
        assert forbid_homo([HOMO, FIVE], 0, evidence, is_hidden=False, is_control_doubtful=False) is WEAK_EVIDENCE
        assert forbid_homo([HOMO, FIVE], 0, make_evidence(), is_hidden=False, is_control_doubtful=False) is None

    @pytest.mark.parametrize(("p_tumor", "label"), [(0.9, CaseLabel.HETERO), (0.6, CaseLabel.INDETERMINATE)])
    def test_a_cluster_must_be_tumor(self, p_tumor: float, label: CaseLabel) -> None:
        """A cluster called tumor no more firmly than glands that are none is left to a reviewer."""
        doubtful = replace(FIVE, negative_clusters=tuple(replace(c, p_tumor=p_tumor) for c in FIVE.negative_clusters))
        decided, decision = decide_verdict(POSITIVE, [HOMO, doubtful], make_evidence(0.001, false_tumor_p=0.8))
        assert decided is label
        assert decision.rule == ("negative-cluster" if label is CaseLabel.HETERO else "tumor-unverified")

    @pytest.mark.parametrize(("p_tumor", "rule"), [(0.9, "negative-share"), (0.6, "tumor-unverified")])
    def test_scattered_cells_must_be_tumor(self, p_tumor: float, rule: str) -> None:
        """A mosaic is believed only of cells called tumor firmly, all of its groups taken together."""
        groups = (*FOUR.negative_clusters[:2], replace(FOUR.negative_clusters[2], p_tumor=1.0))
        mixed = replace(FOUR, negative_clusters=(*(replace(c, p_tumor=p_tumor) for c in groups[:2]), groups[2]))
        assert (
            decide_verdict(POSITIVE, [HOMO, mixed], make_evidence(p_fraction=0.001, false_tumor_p=0.8))[1].rule == rule
        )

    def test_tumor_that_was_not_recognized_forbids_homo(self) -> None:
        """The fragment is shown before any cluster, and a reviewer may say that it holds no tumor."""
        maybe = replace(NO_TUMOR, flags=("maybe-tumor",), expected_tumor=49.6, bounds=Box(0, 0, 800, 600))
        decided = decide_verdict(POSITIVE, [FOUR, maybe], make_evidence())
        shown = list_open([FOUR, maybe])
        answers = [Answer("a.svs", place.x, place.y, AnswerKind.NO_TUMOR) for place in shown]
        assert (decided[0], decided[1].rule) == (CaseLabel.INDETERMINATE, "tumor-unrecognized")
        assert shown[0].text == "Fragment 3 may hold tumor: 50 tumor cells are to be expected, 4 are called so."
        assert settle(decided, shown, answers)[0] is CaseLabel.HOMO

    def test_hidden_tissue_forbids_homo_and_nothing_else(self) -> None:
        """What was not judged may hold negative cells."""
        homo, _ = decide_verdict(POSITIVE, [HOMO], make_evidence(), is_hidden=True)
        hetero, _ = decide_verdict(POSITIVE, [HOMO, FIVE], make_evidence(0.001), is_hidden=True)
        assert (homo, hetero) == (CaseLabel.INDETERMINATE, CaseLabel.HETERO)
        beside_a_core = decide_verdict(POSITIVE, [HOMO], make_evidence(), is_control_doubtful=True)
        assert (beside_a_core[0], beside_a_core[1].rule) == (CaseLabel.INDETERMINATE, "control-unconfirmed")
        under_a_fold, benign = (replace(f, flags=("hidden-tissue",)) for f in (HOMO, NO_TUMOR))
        assert decide_verdict(POSITIVE, [under_a_fold], make_evidence())[0] is CaseLabel.INDETERMINATE
        assert decide_verdict(POSITIVE, [HOMO, benign], make_evidence())[0] is CaseLabel.HOMO

    @given(st.floats(0, 1), st.floats(0, 1), st.booleans())
    def test_more_evidence_never_turns_hetero_into_homo(self, one: float, other: float, is_clustered: bool) -> None:
        """Labels follow the p-value: the smaller, the nearer to hetero."""
        order = [CaseLabel.HETERO, CaseLabel.INDETERMINATE, CaseLabel.HOMO]
        fragments = [HOMO, FIVE if is_clustered else FOUR]
        less, more = (decide_verdict(POSITIVE, fragments, make_evidence(p))[0] for p in sorted((one, other)))
        assert order.index(less) <= order.index(more)


class TestSettle:
    """A reviewer's answers."""

    SHOWN = list_open([HOMO, make_score(5, (20, 0, 0, 500), negative=(12, 7, 1))])
    OPEN = decide_verdict(POSITIVE, [HOMO, FIVE], make_evidence())

    def _answer(self, place: int, kind: AnswerKind, slide: str = "a.svs") -> Answer:
        return Answer(slide, self.SHOWN[place].x, self.SHOWN[place].y, kind)

    def test_one_negative_place_is_enough(self) -> None:
        """Truly negative tumor cells at one place make the case hetero."""
        label, decision = settle(self.OPEN, self.SHOWN, [self._answer(1, AnswerKind.NEGATIVE)])
        assert (label, decision.rule) == (CaseLabel.HETERO, "reviewed-negative")

    def test_all_places_must_be_answered_for_homo(self) -> None:
        """One place left open, or unclear, leaves the case indeterminate."""
        misread, unclear = AnswerKind.OVEREXPRESSED, AnswerKind.UNCLEAR
        some = [self._answer(0, misread)]
        assert settle(self.OPEN, self.SHOWN, some) == self.OPEN
        assert settle(self.OPEN, self.SHOWN, [*some, self._answer(1, unclear)]) == self.OPEN
        whole = settle(self.OPEN, self.SHOWN, [*some, self._answer(1, AnswerKind.NO_TUMOR)])
        assert whole[0] is CaseLabel.HOMO

    def test_what_was_not_seen_forbids_homo_all_the_same(self) -> None:
        """Every place refuted, but a tenth of the tissue was never judged."""
        refuted = [self._answer(i, AnswerKind.NO_TUMOR) for i in range(len(self.SHOWN))]
        assert settle(self.OPEN, self.SHOWN, refuted)[0] is CaseLabel.HOMO
        assert settle(self.OPEN, self.SHOWN, refuted, HIDDEN_TISSUE)[1].rule == "hidden-tissue"

    def test_answers_that_contradict_are_unclear(self) -> None:
        """Whatever their order in the table."""
        both = [self._answer(0, AnswerKind.NEGATIVE), self._answer(0, AnswerKind.OVEREXPRESSED)]
        for answers in (both, both[::-1]):
            assert settle(self.OPEN, self.SHOWN, [*answers, self._answer(1, AnswerKind.NO_TUMOR)]) == self.OPEN

    def test_an_answer_speaks_of_one_place(self) -> None:
        """A cluster inside the box of a whole fragment: the answer is the cluster's."""
        maybe = replace(NO_TUMOR, flags=("maybe-tumor",), expected_tumor=50.0, bounds=Box(0, 0, 9000, 9000))
        places = list_open([FIVE, maybe])
        cluster = places[1]
        answers = [Answer(cluster.slide, cluster.x, cluster.y, AnswerKind.NO_TUMOR)]
        assert [p.kind for p in places] == ["fragment", "cluster"]
        assert read_answers(places, answers) == [None, AnswerKind.NO_TUMOR]

    def test_what_was_not_shown_is_open_too(self) -> None:
        """Six clusters are open, five are shown; once these are answered the sixth is, and only then is it homo."""
        six = make_score(1, (60, 0, 0, 500), negative=(9, 9, 8, 7, 6, 5))
        first = rank_decisive([six], CaseLabel.INDETERMINATE)
        answers = [Answer(p.slide, p.x, p.y, AnswerKind.NO_TUMOR) for p in first]
        last = rank_decisive([six], CaseLabel.INDETERMINATE, answers)
        assert (len(first), [p.n_cells for p in last]) == (5, [5])
        assert settle(self.OPEN, list_open([six]), answers) == self.OPEN
        answers.append(Answer(last[0].slide, last[0].x, last[0].y, AnswerKind.OVEREXPRESSED))
        assert settle(self.OPEN, list_open([six]), answers)[0] is CaseLabel.HOMO

    def test_answers_elsewhere_say_nothing(self) -> None:
        """Another slide, or a place that was not shown."""
        elsewhere = Answer("a.svs", 1e6, 1e6, AnswerKind.NEGATIVE)
        assert settle(self.OPEN, self.SHOWN, [elsewhere, self._answer(0, AnswerKind.NEGATIVE, "b.svs")]) == self.OPEN

    @pytest.mark.parametrize(
        "decided",
        [
            decide_verdict(POSITIVE, [HOMO], make_evidence()),
            decide_verdict(POSITIVE, [HOMO, FIVE], make_evidence(0.001)),
            decide_verdict(POSITIVE, [HOMO], make_evidence(), is_hidden=True),
            decide_verdict(POSITIVE, [HOMO, UNSCORED], make_evidence()),
        ],
    )
    def test_only_what_can_be_looked_at_is_settled(self, decided: tuple[CaseLabel, Decision]) -> None:
        """An automatic label stands, and answers on some places say nothing of tissue that was not judged."""
        assert decided[1].rule not in REVIEWABLE
        assert settle(decided, self.SHOWN, [self._answer(0, AnswerKind.NEGATIVE)]) == decided


class TestRankDecisive:
    """What would change the label."""

    def test_negative_fragments_come_before_clusters(self) -> None:
        """Fragments by their negative cells, then clusters of the others by size, with a sentence each."""
        large = make_score(8, (30, 0, 0, 500), negative=(20, 10))
        shown = rank_decisive([HOMO, FIVE, SCATTERED, large, NEGATIVE], CaseLabel.HETERO)
        assert [(d.kind, d.fragment, d.n_cells) for d in shown] == [
            ("fragment", 2, 612),
            ("fragment", 6, 400),
            ("cluster", 8, 20),
            ("cluster", 8, 10),
            ("cluster", 5, 5),
        ]
        assert shown[0].text == "Fragment 2 scores 0: 612 of its 612 scored tumor cells are below 2+."
        assert shown[2].text == "20 connected tumor cells are below 2+ in fragment 8."
        assert (shown[0].x, shown[0].bounds) == (200.0, NEGATIVE.negative_clusters[0].bounds)

    def test_the_list_is_short(self) -> None:
        """The reader sees as many as asked for, the weightiest ones."""
        many = make_score(1, (60, 0, 0, 500), negative=(9, 8, 7, 6, 5, 5, 5))
        assert [d.n_cells for d in rank_decisive([many], CaseLabel.HETERO, limit=3)] == [9, 8, 7]

    @pytest.mark.parametrize("label", [CaseLabel.HOMO, CaseLabel.INDETERMINATE])
    def test_near_misses_of_a_homo_case(self, label: CaseLabel) -> None:
        """The largest negative clusters that were borne; a single one is a cell."""
        shown = rank_decisive([HOMO, FOUR, BLIND], label)
        assert [(d.kind, d.n_cells) for d in shown] == [("cluster", 4), ("cluster", 2), ("cell", 1)]
        assert shown[0].text == "4 connected tumor cells are below 2+ in fragment 1."
        assert shown[2].text.startswith("1 tumor cell is below 2+")

    @pytest.mark.parametrize("label", [CaseLabel.NOT_APPLICABLE, CaseLabel.NOT_ASSESSABLE])
    def test_nothing_decides_what_was_not_asked(self, label: CaseLabel) -> None:
        """No places without a question."""
        assert rank_decisive([NEGATIVE], label) == ()

    def test_a_mosaic_is_shown_by_its_largest_groups(self) -> None:
        """Where no cluster of five is there, smaller ones tell."""
        assert [d.n_cells for d in rank_decisive([HOMO, FOUR], CaseLabel.HETERO)] == [4, 2, 1]


def test_a_negative_fragment_with_unread_tiles_decides_only_by_its_clusters() -> None:
    """Unread tiles may hold the cluster that raises it to 2+, but five connected negative cells stay five."""
    positive = make_score(1)
    scattered = make_score(2, (30, 0, 0, 0), Her2Score.ZERO, negative=(4, 3), flags=("failed-tiles",))
    clustered = make_score(2, (30, 0, 0, 0), Her2Score.ZERO, negative=(5, 3), flags=("failed-tiles",))

    labels = [
        decide_verdict(POSITIVE, [positive, fragment], weigh_by_size([positive, fragment]), n_failed_tiles=1)[0]
        for fragment in (scattered, clustered)
    ]

    assert labels == [CaseLabel.NOT_ASSESSABLE, CaseLabel.HETERO]
