"""The guidelines, sentence by sentence: each class quotes one, each test is one of its boundaries."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Her2Score, MembraneClass
from hetscore.scoring.guidelines import GUIDELINES, Clusters, Counts, Criterion, Guideline, decide_score, holds
from tests.scoring.builders import score_picture

BIOPSY, RESECTION = GUIDELINES["gastric-biopsy"], GUIDELINES["gastric-resection"]
ANY_GUIDELINE = st.sampled_from(list(GUIDELINES.values()))
N = st.integers(0, 30)


@st.composite
def counted(draw: st.DrawFn) -> tuple[Counts, Clusters]:
    """Draw counts of at least one cell, with clusters no larger than the counts allow."""
    counts = draw(st.tuples(N, N, N, N).filter(any))
    limits = [sum(counts[k:]) for k in (1, 2, 3)]
    faint = draw(st.integers(0, limits[0]))
    moderate = draw(st.integers(0, min(faint, limits[1])))
    strong = draw(st.integers(0, min(moderate, limits[2])))
    return counts, (faint, moderate, strong)


def _score(guideline: Guideline, counts: Counts, clusters: Clusters = (0, 0, 0)) -> tuple[Her2Score, str]:
    score, decision = decide_score(guideline, counts, clusters)
    return score, decision.rule


class TestGastricBiopsy:
    """'... membranous reactivity in at least 1 cluster of >= 5 tumor cells' (Yagi 2019, Immunohistochemistry)."""

    @pytest.mark.parametrize(
        ("picture", "score", "why"),
        [
            ("0 0 0 0 0 0", "0", "no stained cell"),
            ("3 3 3 3 0 0", "0", "4 contiguous 3+"),
            ("3 3 3 3 3 0", "3+", "5 contiguous 3+"),
            ("3 3 3 0 3 3", "0", "3 + 2 cells 3+ in two separate groups"),
            ("3 3 3 2 2 0", "2+", "3 cells 3+ touching 2 cells 2+: a cluster of five cells of at least 2+"),
            ("2 2 2 2 1 0", "1+", "4 cells 2+ touching 1 cell 1+"),
            ("1 1 1 1 1 0", "1+", "5 contiguous 1+"),
            ("2 2 2 2 2 1", "2+", "5 contiguous 2+ and anything lower"),
            ("3 3 3 ? 3 3", "0", "a cell that could not be scored joins nothing"),
            ("3 3 3 . . 3 3 3", "0", "a gap of 30 um parts two groups"),
            ("n n n n n n 0", "0", "strong cells of a normal gland are not tumor cells"),
        ],
    )
    def test_rows_of_the_reference_table(self, picture: str, score: str, why: str) -> None:
        """Every contiguity the reference table of the biopsy score lists."""
        result = score_picture(picture)
        assert result.score is not None
        assert result.score.label == score, why

    def test_any_share_of_the_tumor_is_enough(self) -> None:
        """Five of ten thousand cells make 3+."""
        assert _score(BIOPSY, (9995, 0, 0, 5), (5, 5, 5)) == (Her2Score.THREE_PLUS, "cluster-3plus")

    def test_scattered_cells_do_not_add_up(self) -> None:
        """A thousand single 3+ cells are no cluster."""
        assert _score(BIOPSY, (1000, 0, 0, 1000), (4, 4, 4)) == (Her2Score.ZERO, "otherwise")


class TestGastricResection:
    """'... in >= 10 % of tumor cells' (CAP/ASCP/ASCO 2016): inclusive, cells of at least the class."""

    @pytest.mark.parametrize(
        ("counts", "expected"),
        [
            ((900, 0, 0, 100), (Her2Score.THREE_PLUS, "share-3plus")),
            ((9001, 0, 0, 999), (Her2Score.ZERO, "otherwise")),
            ((900, 0, 1, 99), (Her2Score.TWO_PLUS, "share-2plus")),
            ((88, 0, 6, 6), (Her2Score.TWO_PLUS, "share-2plus")),
            ((90, 4, 3, 3), (Her2Score.ONE_PLUS, "share-1plus")),
            ((91, 9, 0, 0), (Her2Score.ZERO, "otherwise")),
        ],
    )
    def test_exactly_a_tenth_is_enough(self, counts: Counts, expected: tuple[Her2Score, str]) -> None:
        """10.00 % reaches the score, 9.99 % does not; weaker classes are filled up by stronger cells."""
        assert _score(RESECTION, counts) == expected

    def test_an_exclusive_row_wants_more(self) -> None:
        """Breast guidelines print '> 10 %': there a tenth is not enough."""
        row = Criterion("x", Her2Score.ONE_PLUS, MembraneClass.FAINT, "", share=Fraction(1, 10), inclusive=False)
        assert not holds(row, (90, 10, 0, 0), (0, 0, 0))
        assert holds(row, (89, 11, 0, 0), (0, 0, 0))


class TestLaws:
    """What every guideline must obey, whatever its numbers."""

    @given(ANY_GUIDELINE, counted())
    def test_exactly_one_row_decides(self, guideline: Guideline, seen: tuple[Counts, Clusters]) -> None:
        """The decision names one row of the table, that row holds, and no row above it does."""
        score, decision = decide_score(guideline, *seen)
        names = [row.name for row in guideline.criteria] + ["otherwise"]
        deciding = names.index(decision.rule)
        held = [holds(row, *seen) for row in guideline.criteria] + [True]
        assert held.index(True) == deciding
        assert decision.value == score.label
        assert names.count(decision.rule) == 1

    @pytest.mark.parametrize("guideline", GUIDELINES.values(), ids=str)
    def test_every_row_can_be_reached(self, guideline: Guideline) -> None:
        """No row is shadowed by those above it."""
        steps = range(0, 21, 5)
        counts = [c for c in product(steps, steps, steps, steps) if any(c)]
        reached = {_score(guideline, c, (sum(c[1:]), sum(c[2:]), c[3]))[1] for c in counts}
        assert reached == {row.name for row in guideline.criteria} | {"otherwise"}

    @given(ANY_GUIDELINE, counted(), st.sampled_from([0, 1, 2]))
    def test_a_stronger_cell_never_lowers_the_score(
        self, guideline: Guideline, seen: tuple[Counts, Clusters], start: int
    ) -> None:
        """Raise one cell by one class: clusters can only grow."""
        counts, clusters = seen
        raised = list(counts)
        raised[start], raised[start + 1] = counts[start] - 1, counts[start + 1] + 1
        if counts[start]:
            after, _ = decide_score(guideline, (raised[0], raised[1], raised[2], raised[3]), clusters)
            assert after >= decide_score(guideline, counts, clusters)[0]

    @given(counted(), st.integers(2, 7))
    def test_a_share_does_not_depend_on_the_size_of_the_specimen(
        self, seen: tuple[Counts, Clusters], factor: int
    ) -> None:
        """Scaling all counts leaves the resection score alone."""
        (a, b, c, d), _ = seen
        scaled = (a * factor, b * factor, c * factor, d * factor)
        assert _score(RESECTION, scaled) == _score(RESECTION, seen[0])

    @pytest.mark.parametrize("guideline", GUIDELINES.values(), ids=str)
    def test_scores_descend_and_sentences_are_cited(self, guideline: Guideline) -> None:
        """The table reads from the highest score down, and every sentence names its source."""
        scores = [row.score for row in guideline.criteria]
        assert scores == sorted(scores, reverse=True)
        assert all(guideline.citation in row.text for row in guideline.criteria)
        assert guideline.citation in guideline.otherwise


def test_no_tumor_is_not_score_0() -> None:
    """0 tumor cells are not assessable, never 0."""
    with pytest.raises(ValueError, match="No tumor is not score 0"):
        decide_score(BIOPSY, (0, 0, 0, 0), (0, 0, 0))


@pytest.mark.parametrize("asked", [{}, {"n_cluster": 5, "share": Fraction(1, 10)}])
def test_a_row_asks_for_one_thing(asked: dict[str, int]) -> None:
    """Neither or both of cluster and share is a mistake in the table."""
    with pytest.raises(ValueError, match="either n_cluster or share"):
        Criterion("x", Her2Score.ONE_PLUS, MembraneClass.FAINT, "", **asked)  # type: ignore[arg-type]


def test_a_row_counts_stained_cells() -> None:
    """Counting unstained cells as stained is a mistake in the table."""
    with pytest.raises(ValueError, match=r"expected 1\+, 2\+ or 3\+"):
        Criterion("x", Her2Score.ONE_PLUS, MembraneClass.NEGATIVE, "", n_cluster=5)
