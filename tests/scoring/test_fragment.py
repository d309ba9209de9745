"""One fragment: pictures small enough to count, and the laws of the score."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Cells, FragmentScore, Her2Score, empty_cells, join_cells
from hetscore.geometry import Box
from hetscore.scoring.fragment import FragmentParams, find_nest, link_tumor, score_fragment
from hetscore.scoring.guidelines import GUIDELINES
from tests.scoring.builders import ANY_SIZE, MPP, draw_cells, make_cells, make_fragment, score_picture

ISLAND = """
    3 3 3 3 3 3 3
     3 3 0 1 3 3
    3 3 3 0 3 3 0
     3 3 3 3 3 3
    """
"""26 tumor cells; three connected negatives in the middle, one at the border."""


def _score(cells: Cells, params: FragmentParams = ANY_SIZE) -> FragmentScore:
    return score_fragment(make_fragment(), cells, MPP, GUIDELINES["gastric-biopsy"], params)


def _without_places(score: FragmentScore) -> FragmentScore:
    """Forget where the clusters are, not how large."""
    nowhere = Box(0, 0, 1, 1)
    clusters = tuple(replace(c, x=0.0, y=0.0, bounds=nowhere) for c in score.negative_clusters)
    return replace(score, negative_clusters=clusters)


@st.composite
def lattices(draw: st.DrawFn) -> Cells:
    """Draw a hexagonal lattice of up to 6 x 6 places, each empty or a cell of any kind."""
    rows = draw(st.lists(st.text("00112233?n.", min_size=6, max_size=6), min_size=1, max_size=6))
    return draw_cells("\n".join(" " * (j % 2) + " ".join(row) for j, row in enumerate(rows)))


class TestExamples:
    """What a fragment reports."""

    def test_an_island_of_negatives(self) -> None:
        """Counts, clusters, score and the two negative clusters, each with its place."""
        result = score_picture(ISLAND, params=FragmentParams())
        assert (result.n_cells, result.n_tumor, result.n_unscored) == (26, 26, 0)
        assert result.counts == (3, 1, 0, 22)
        assert result.largest_cluster == (23, 22, 22)
        assert (result.n_overexpressed, result.n_negative) == (22, 4)
        assert (result.score, result.decision.rule) == (Her2Score.THREE_PLUS, "cluster-3plus")
        assert [c.n_cells for c in result.negative_clusters] == [3, 1]
        assert result.flags == ("few-tumor-cells",)

    def test_a_cluster_is_bounded_with_its_nuclei(self) -> None:
        """Two nuclei of 5.8 um, 10 um apart at 0.5 um per pixel: 20 + 11.6 pixels wide, 11.6 high, in whole pixels."""
        cluster = score_picture("3 3 0 0").negative_clusters[0]
        assert (cluster.n_cells, cluster.x, cluster.y) == (2, 1050.0, 2000.0)
        assert cluster.bounds == Box(1034, 1994, 32, 12)

    @pytest.mark.parametrize(
        ("picture", "n_links", "n_link_steps"),
        [
            ("3", 0, 0),
            ("3 3 3", 2, 0),
            ("3 0 1", 2, 4),
            ("3 ? 1 0", 1, 1),
            ("3 n n n 1", 0, 0),
            (" 2 0\n3 3 1", 7, 10),
        ],
    )
    def test_links_of_scored_cells_are_counted(self, picture: str, n_links: int, n_link_steps: int) -> None:
        """Each pair of neighbors counts once, with its difference in class; unscored cells have no class to differ."""
        result = score_picture(picture)
        assert (result.n_links, result.n_link_steps) == (n_links, n_link_steps)

    def test_every_negative_cluster_is_counted_and_the_largest_are_placed(self) -> None:
        """Of 40 negative clusters, of two cells and of one in turn, the sizes of all are known, and where 20 lie."""
        result = score_picture("0 0 3 0 3 " * 20)
        assert result.negative_cluster_sizes == (2,) * 20 + (1,) * 20
        assert [c.n_cells for c in result.negative_clusters] == [2] * 20
        assert [c.x for c in result.negative_clusters] == [1010.0 + 100 * k for k in range(20)]

    def test_unscored_cells_are_counted_apart(self) -> None:
        """They are tumor cells, but neither negative nor stained, and they part the clusters they stand between."""
        result = score_picture("0 0 ? 0 3 3 ? 3 3")
        assert (result.n_tumor, result.n_unscored, result.counts) == (9, 2, (3, 0, 0, 4))
        assert result.largest_cluster == (2, 2, 2)
        assert [c.n_cells for c in result.negative_clusters] == [2, 1]

    def test_only_so_many_clusters_are_kept(self) -> None:
        """Of three negative clusters the two largest stay, ties in reading order; the sizes of all are told."""
        params = FragmentParams(min_tumor_cells=1, min_tumor_cluster=1, max_negative_clusters=2)
        result = score_picture("0 3 0 3 0 0", params=params)
        assert [(c.n_cells, c.x) for c in result.negative_clusters] == [(2, 1090.0), (1, 1000.0)]
        assert result.negative_cluster_sizes == (2, 1, 1)

    def test_a_tumor_cell_is_more_likely_tumor_than_not(self) -> None:
        """Exactly 0.5 is a tumor cell, less is not."""
        result = _score(make_cells([0, 20], [0, 0], [3, 3], [0.5, 0.49]))
        assert (result.n_cells, result.n_tumor) == (2, 1)


class TestAssessable:
    """Fewer than 20 tumor cells are not assessable, 20 to 99 are read with caution, 100 and more are enough."""

    @pytest.mark.parametrize(
        ("rows", "rule"),
        [
            ([], "no-tumor"),
            (["3 " * 19], "few-tumor"),
            (["3 " * 19 + "?"], "few-scored"),
            (["3 " * 20], "cluster-3plus"),
            (["n " * 500], "no-tumor"),
        ],
    )
    def test_twenty_scored_tumor_cells_are_needed(self, rows: list[str], rule: str) -> None:
        """19 are not assessable, whatever else lies around them; the decision says why."""
        cells = draw_cells("\n".join(rows)) if rows else empty_cells()
        result = _score(cells, FragmentParams())
        assert result.decision.rule == rule
        assert result.is_assessable == (rule == "cluster-3plus")
        assert (result.score is None) == (not result.is_assessable)
        assert result.decision.value == (result.score.label if result.score else "not-assessable")

    @pytest.mark.parametrize(("size", "rule"), [(9, "scattered-tumor"), (10, "cluster-3plus")])
    def test_scattered_tumor_calls_are_no_tumor(self, size: int, rule: str) -> None:
        """Thirty tumor cells in groups of nine are not believed; one group of ten is."""
        group = "3 " * size + ". . . "
        assert _score(draw_cells(group * 4), FragmentParams()).decision.rule == rule

    @pytest.mark.parametrize(("n", "flagged"), [(20, True), (99, True), (100, False)])
    def test_few_tumor_cells_are_flagged(self, n: int, flagged: bool) -> None:
        """20 to 99 cells are read with caution."""
        assert ("few-tumor-cells" in _score(draw_cells("3 " * n), FragmentParams()).flags) == flagged

    @pytest.mark.parametrize(("n_unscored", "flagged"), [(10, False), (11, True)])
    def test_many_unscored_cells_are_flagged(self, n_unscored: int, flagged: bool) -> None:
        """Exactly a tenth of a hundred tumor cells is not more than a tenth."""
        picture = "3 " * (100 - n_unscored) + "? " * n_unscored
        assert ("many-unscored" in _score(draw_cells(picture), FragmentParams()).flags) == flagged

    @pytest.mark.parametrize(
        ("picture", "flagged"),
        [
            ("0 0 3 3 3 3 0", True),
            ("2 2 2 2 2 3 3", True),
            ("2 2 2 2 2 1 0", False),
            ("2 2 2 2 1 1 0", True),
            ("1 1 1 1 1 1 0", False),
            ("3 3 3 3 3 2 0", False),
        ],
    )
    def test_stain_without_a_cluster_is_noted(self, picture: str, flagged: bool) -> None:
        """Four cells of 3+ do not score, but they are not passed over; faint ones are."""
        assert ("sub-cluster-stain" in score_picture(picture).flags) == flagged

    def test_a_guideline_of_shares_knows_no_stray_stain(self) -> None:
        """Where clusters do not count, their absence is no doubt."""
        assert "sub-cluster-stain" not in score_picture("0 0 3 3 3 3 0", guideline="gastric-resection").flags


class TestDarkStain:
    """Fragments too dark to be seen well say so."""

    @pytest.mark.parametrize(("n_dark", "flagged"), [(2, False), (3, True)])
    @pytest.mark.parametrize(
        ("column", "dark", "flag"), [("saturated_share", 0.5, "saturated-stain"), ("nucleus_od", 0.32, "hidden-nuclei")]
    )
    def test_more_than_a_tenth(self, column: str, dark: float, flag: str, n_dark: int, *, flagged: bool) -> None:
        """Two of twenty tumor cells are a tenth, three are more; other cells do not count."""
        cells = draw_cells("3 " * 20 + "n " * 20)
        values = np.where(np.arange(40) < n_dark, dark, 0).astype(np.float32)
        values[20:] = dark
        score = _score(cells.with_columns(**{column: values}), FragmentParams())
        assert (flag in score.flags) == flagged


class TestLaws:
    """The score of any fragment."""

    @given(lattices(), st.randoms(use_true_random=False))
    def test_the_order_of_the_cells_does_not_matter(self, cells: Cells, random: object) -> None:
        """Shuffled cells give the same score down to the last digit."""
        order = list(range(len(cells)))
        random.shuffle(order)  # type: ignore[attr-defined]
        assert _score(cells.take(np.array(order, np.int64))) == _score(cells)

    @given(lattices(), st.floats(0, 6.28), st.sampled_from([0.0, 2e5]))
    def test_a_turned_or_moved_slide_has_the_same_score(self, cells: Cells, angle: float, shift: float) -> None:
        """Nothing depends on how the tissue lies but where its clusters are."""
        cos, sin = np.cos(angle), np.sin(angle)
        turned = cells.with_columns(x=cos * cells.x - sin * cells.y + shift, y=sin * cells.x + cos * cells.y - shift)
        assert _without_places(_score(turned)) == _without_places(_score(cells))

    @given(lattices(), st.lists(st.tuples(st.floats(900, 1200), st.floats(1900, 2200)), max_size=20))
    def test_cells_that_are_not_tumor_change_nothing(self, cells: Cells, others: list[tuple[float, float]]) -> None:
        """Lymphocytes between the tumor cells neither join nor part them; they are counted, and that is all."""
        crowd = make_cells([x for x, _ in others], [y for _, y in others], [3] * len(others), [0.1] * len(others))
        before, after = _score(cells), _score(join_cells([crowd, cells]))
        assert after.expected_tumor == pytest.approx(before.expected_tumor + 0.1 * len(others), abs=1e-4)
        # only where no cell is called tumor do the others tell whether there may be some
        doubts = after.flags if len(cells) else tuple(flag for flag in after.flags if flag != "maybe-tumor")
        n_cells, expected = before.n_cells + len(others), after.expected_tumor
        assert replace(after, flags=doubts) == replace(before, n_cells=n_cells, expected_tumor=expected)

    @given(lattices(), st.integers(0, 35), st.sampled_from(list(GUIDELINES)))
    def test_a_stronger_cell_never_lowers_the_score(self, cells: Cells, which: int, guideline: str) -> None:
        """Raising one scored cell by one class keeps or raises score and clusters."""
        classes = cells.membrane_class.copy()
        if which >= len(cells) or not 0 <= classes[which] < 3:
            return
        classes[which] += 1
        rule = GUIDELINES[guideline]
        before = score_fragment(make_fragment(), cells, MPP, rule, ANY_SIZE)
        after = score_fragment(make_fragment(), cells.with_columns(membrane_class=classes), MPP, rule, ANY_SIZE)
        assert before.is_assessable == after.is_assessable
        assert all(a >= b for a, b in zip(after.largest_cluster, before.largest_cluster, strict=True))
        if before.score is not None and after.score is not None:
            assert after.score >= before.score

    @given(lattices(), lattices(), st.randoms(use_true_random=False))
    def test_known_links_never_change_the_score(self, cells: Cells, others: Cells, random: Random) -> None:
        """Neither the links of the same cells under other classes and in another order, nor those of other cells."""
        order = random.sample(range(len(cells)), len(cells))
        same = cells.with_columns(membrane_class=cells.membrane_class[::-1].copy()).take(np.array(order, np.intp))
        expected = _score(cells)

        for linked in (same, others):
            known = link_tumor(linked, MPP, ANY_SIZE)
            found = score_fragment(make_fragment(), cells, MPP, GUIDELINES["gastric-biopsy"], ANY_SIZE, links=known)
            assert found == expected

    @given(lattices())
    def test_the_parts_add_up(self, cells: Cells) -> None:
        """Counted, unscored and negative cells are all accounted for."""
        params = FragmentParams(min_tumor_cells=1, min_tumor_cluster=1, max_negative_clusters=99)
        result = _score(cells, params)
        assert sum(result.counts) + result.n_unscored == result.n_tumor <= result.n_cells
        assert sum(result.negative_cluster_sizes) == result.n_negative
        assert result.negative_cluster_sizes == tuple(c.n_cells for c in result.negative_clusters)
        assert list(result.largest_cluster) == sorted(result.largest_cluster, reverse=True)


class TestFindNest:
    """The cells that are tested."""

    def test_clearly_negative_cells(self) -> None:
        """Such are negative with a chance of 0.9, or by a guideline's rule though stained as 2+: the last but one."""
        cells = draw_cells("0 1 1 2 1 ?")
        faint, moderate = [[0, 0.95, 0.04, 0.01], [0, 0.8, 0.2, 0]], [[0, 0.3, 0.7, 0], [0, 0.1, 0.9, 0]]
        p_class = np.array([[1, 0, 0, 0], *faint, *moderate, [0, 0, 0, 0]])
        nest = find_nest(make_fragment(), replace(cells, p_class=p_class.astype(np.float32)), MPP, "3+", ANY_SIZE)
        assert nest.is_negative.tolist() == [True, True, True, False, True]
        assert nest.is_clear is not None
        assert nest.is_clear.tolist() == [True, True, False, False, True]


class TestMaybeTumor:
    """Tumor that is to be expected though it was not called."""

    @pytest.mark.parametrize(
        ("n_cells", "p_tumor", "is_flagged"),
        [(400, 0.09, True), (400, 0.06, False), (4000, 0.07, False), (300, 0.4, True), (30, 0.4, False)],
    )
    def test_by_the_probabilities_of_all_cells(self, n_cells: int, p_tumor: float, is_flagged: bool) -> None:
        """Twenty expected cells, and eight in a hundred of the fragment: many cells of little chance are no doubt."""
        cells = make_cells(list(range(n_cells)), [0.0] * n_cells, [0] * n_cells, [p_tumor] * n_cells)
        found = score_fragment(make_fragment(), cells, MPP, GUIDELINES["gastric-biopsy"])
        assert found.expected_tumor == pytest.approx(n_cells * p_tumor, rel=1e-5)
        assert ("maybe-tumor" in found.flags) == is_flagged

    def test_a_fragment_that_votes_is_no_doubt(self) -> None:
        """Its tumor was recognized."""
        assert "maybe-tumor" not in _score(draw_cells("3 3 3 3 3")).flags

    def test_what_a_person_said_is_certain(self) -> None:
        """Cells drawn out of the tumor are none, whatever their probability."""
        cells = make_cells(list(range(300)), [0.0] * 300, [0] * 300, [0.4] * 300)
        by_hand = cells.with_columns(tumor_by_hand=np.full(300, -1, np.int8))
        found = score_fragment(make_fragment(), by_hand, MPP, GUIDELINES["gastric-biopsy"])
        assert (found.expected_tumor, "maybe-tumor" in found.flags) == (0.0, False)


@pytest.mark.parametrize(("hidden_mm2", "is_flagged"), [(0.0, False), (0.05, False), (0.06, True)])
def test_hidden_tissue_is_told(hidden_mm2: float, is_flagged: bool) -> None:
    """Of a fragment of 1 mm2 more than a twentieth must be hidden, itself counted in."""
    fragment = replace(make_fragment(), hidden_mm2=hidden_mm2)
    found = score_fragment(fragment, draw_cells("3 3 3 3 3"), MPP, GUIDELINES["gastric-biopsy"], ANY_SIZE)
    assert ("hidden-tissue" in found.flags) == is_flagged
