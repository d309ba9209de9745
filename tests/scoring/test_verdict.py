"""The label, rule by rule, and the places shown to the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import CaseLabel, FragmentScore, Her2Score, Her2Status
from hetscore.scoring.verdict import VerdictParams, decide_verdict, rank_decisive
from tests.scoring.builders import HOMO, NEGATIVE, NO_TUMOR, UNSCORED, make_score

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
        decided, decision = decide_verdict(POSITIVE, fragments, n_failed_tiles=n_failed)
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
        assert decide_verdict(status, [NEGATIVE])[0] is label

    @given(
        st.lists(st.sampled_from([HOMO, FOUR, FIVE, NEGATIVE, SCATTERED, NO_TUMOR, BLIND, UNSCORED]), max_size=5),
        st.sampled_from(Her2Status),
        st.integers(1, 9),
    )
    def test_failed_tiles_never_give_homo(
        self, fragments: list[FragmentScore], status: Her2Status, n_failed: int
    ) -> None:
        """A failed tile turns homo and indeterminate into not assessable and changes nothing else."""
        whole, _ = decide_verdict(status, fragments)
        torn, _ = decide_verdict(status, fragments, n_failed_tiles=n_failed)
        is_turned = whole in (CaseLabel.HOMO, CaseLabel.INDETERMINATE)
        assert torn is (CaseLabel.NOT_ASSESSABLE if is_turned else whole)

    @given(
        st.lists(st.sampled_from([HOMO, FOUR, FIVE, NEGATIVE, SCATTERED, NO_TUMOR, BLIND]), max_size=5),
        st.sampled_from(Her2Status),
    )
    def test_many_unscored_cells_never_give_homo(self, fragments: list[FragmentScore], status: Her2Status) -> None:
        """One more fragment of 3+ that is mostly unseen turns homo into indeterminate and never undoes hetero."""
        whole, _ = decide_verdict(status, [*fragments, HOMO])
        doubtful, _ = decide_verdict(status, [*fragments, UNSCORED])
        assert doubtful is (CaseLabel.INDETERMINATE if whole is CaseLabel.HOMO else whole)


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
        nearly = "4 connected tumor cells are below 2+ in fragment 1; 5 would make the case hetero-HER2."
        assert shown[0].text == nearly
        assert shown[2].text.startswith("1 tumor cell is below 2+")

    @pytest.mark.parametrize("label", [CaseLabel.NOT_APPLICABLE, CaseLabel.NOT_ASSESSABLE])
    def test_nothing_decides_what_was_not_asked(self, label: CaseLabel) -> None:
        """No places without a question."""
        assert rank_decisive([NEGATIVE], label) == ()

    def test_the_size_of_a_cluster_is_a_parameter(self) -> None:
        """With ten cells needed, five are a near miss."""
        params = VerdictParams(min_negative_cluster=10)
        assert decide_verdict(POSITIVE, [FIVE], params=params)[0] is CaseLabel.HOMO
        assert "10 would make" in rank_decisive([FIVE], CaseLabel.HOMO, params=params)[0].text


def test_a_negative_fragment_with_unread_tiles_decides_only_by_its_clusters() -> None:
    """Unread tiles may hold the cluster that raises it to 2+, but five connected negative cells stay five."""
    positive = make_score(1)
    scattered = make_score(2, (30, 0, 0, 0), Her2Score.ZERO, negative=(4, 3), flags=("failed-tiles",))
    clustered = make_score(2, (30, 0, 0, 0), Her2Score.ZERO, negative=(5, 3), flags=("failed-tiles",))

    labels = [
        decide_verdict(Her2Status.POSITIVE, [positive, fragment], n_failed_tiles=1)[0]
        for fragment in (scattered, clustered)
    ]

    assert labels == [CaseLabel.NOT_ASSESSABLE, CaseLabel.HETERO]
