"""The guidelines, sentence by sentence: each class quotes one, each test is one of its boundaries."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Her2Score, MembraneClass, MembranePattern
from hetscore.scoring.cell import OrdinalModel, classify_cells, count_as
from hetscore.scoring.fragment import FragmentParams, score_fragment
from hetscore.scoring.guidelines import (
    GUIDELINES,
    CellRule,
    Clusters,
    Counts,
    Criterion,
    Guideline,
    decide_score,
    holds,
)
from tests.scoring.builders import ANY_SIZE, MPP, draw_cells, make_fragment, score_picture

BIOPSY, RESECTION = GUIDELINES["gastric-biopsy"], GUIDELINES["gastric-resection"]
BREAST_2007, BREAST_2013, BREAST_2018 = (GUIDELINES[f"asco-cap-breast-{year}"] for year in (2007, 2013, 2018))
OF_SHARES = [g for g in GUIDELINES.values() if all(row.share is not None for row in g.criteria)]
ANY_GUIDELINE = st.sampled_from(list(GUIDELINES.values()))
N = st.integers(0, 30)
MODEL = OrdinalModel("by-hand", weights=(4.0, 2.0, 1.0), cuts=(-10.0, -6.0, -1.0), min_share=0.3)
"""Near the shipped calibration."""

every_guideline = pytest.mark.parametrize("guideline", GUIDELINES.values(), ids=list(GUIDELINES))


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


def _score_staining(guideline: Guideline, cells: list[tuple[int, MembranePattern]]) -> int:
    """Score of cells that all touch one another, given as (staining, pattern); -1 where none was scored."""
    classes, patterns = np.array(cells, np.int8).T
    counted = count_as(classes, patterns, guideline)
    none, faint, moderate, strong = (int((counted == k).sum()) for k in range(4))
    if not none + faint + moderate + strong:
        return -1
    clusters = (faint + moderate + strong, moderate + strong, strong)
    return _score(guideline, (none, faint, moderate, strong), clusters)[0]


class TestGastricBiopsy:
    """'... membranous reactivity in at least 1 cluster of >= 5 tumor cells' (Yagi 2019, Immunohistochemistry)."""

    @pytest.mark.parametrize(
        ("picture", "score", "why"),
        [
            ("0 0 0 0 0 0", "0", "no stained cell"),
            ("3 3 3 3 0 0", "0", "4 contiguous 3+"),
            ("3 3 3 3 3 0", "3+", "5 contiguous 3+"),
            ("3 3 3 0 3 3", "0", "3 + 2 cells 3+ in two separate groups"),
            ("3 3 3 3 . . 3 3 3 3", "0", "two clusters of 4 cells 3+; in different fragments, see test_case"),
            ("3 3 3 2 2 0", "2+", "3 cells 3+ touching 2 cells 2+: a cluster of five cells of at least 2+"),
            ("2 2 2 2 1 0", "1+", "4 cells 2+ touching 1 cell 1+"),
            ("1 1 1 1 1 0", "1+", "5 contiguous 1+"),
            ("2 2 2 2 2 1", "2+", "5 contiguous 2+ and anything lower"),
            ("3 3 3 ? 3 3", "0", "a cell that could not be scored joins nothing"),
            ("3 3 3 . . 3 3 3", "0", "a gap of 30 um parts two groups"),
        ],
    )
    def test_rows_of_the_reference_table(self, picture: str, score: str, why: str) -> None:
        """Every contiguity the reference table of the biopsy score lists."""
        result = score_picture(picture)
        assert result.score is not None
        assert result.score.label == score, why

    def test_a_group_too_small_is_told(self) -> None:
        """Four contiguous 3+ score 0, but the reader hears of them; five are a cluster."""
        assert "sub-cluster-stain" in score_picture("3 3 3 3 0 0").flags
        assert "sub-cluster-stain" not in score_picture("3 3 3 3 3 0").flags

    def test_normal_glands_are_not_counted(self) -> None:
        """Fifty strong cells of intestinal metaplasia beside one bare tumor cell: 0."""
        strong = draw_cells("n " * 50 + "0")
        classes = np.array([3] * 50 + [0], np.int8)
        result = score_fragment(make_fragment(), strong.with_columns(membrane_class=classes), MPP, BIOPSY, ANY_SIZE)
        assert (result.score, result.counts) == (Her2Score.ZERO, (1, 0, 0, 0))

    @pytest.mark.parametrize("compartment", ["nucleus_od", "cytoplasm_od"])
    def test_only_the_membrane_counts(self, compartment: str) -> None:
        """Strong nuclear or cytoplasmic staining alone: 0."""
        stained = draw_cells("? ? ? ? ? ?").with_columns(**{compartment: np.full(6, 1.5, np.float32)})
        cells = classify_cells(stained, MODEL, BIOPSY)
        assert score_fragment(make_fragment(), cells, MPP, BIOPSY, ANY_SIZE).score is Her2Score.ZERO

    def test_without_tumor_cells_there_is_no_score(self) -> None:
        """0 tumor cells are not assessable, never 0."""
        result = score_picture("n n n n n n", params=FragmentParams())
        assert (result.score, result.decision.rule) == (None, "no-tumor")

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
            ((0, 0, 9000, 1000), (Her2Score.THREE_PLUS, "share-3plus")),
            ((0, 0, 9001, 999), (Her2Score.TWO_PLUS, "share-2plus")),
            ((0, 9000, 1000, 0), (Her2Score.TWO_PLUS, "share-2plus")),
            ((0, 9001, 999, 0), (Her2Score.ONE_PLUS, "share-1plus")),
            ((9000, 1000, 0, 0), (Her2Score.ONE_PLUS, "share-1plus")),
            ((9001, 999, 0, 0), (Her2Score.ZERO, "otherwise")),
            ((88, 0, 6, 6), (Her2Score.TWO_PLUS, "share-2plus")),
            ((90, 4, 3, 3), (Her2Score.ONE_PLUS, "share-1plus")),
            ((91, 9, 0, 0), (Her2Score.ZERO, "otherwise")),
        ],
    )
    def test_exactly_a_tenth_is_enough(self, counts: Counts, expected: tuple[Her2Score, str]) -> None:
        """10.00 % reaches the score, 9.99 % does not; weaker classes are filled up by stronger cells."""
        assert _score(RESECTION, counts) == expected

    def test_inclusive_is_a_field(self) -> None:
        """Some sources print '> 10 %': the same row made exclusive wants one cell more."""
        printed = Criterion("x", Her2Score.ONE_PLUS, MembraneClass.FAINT, "", share=Fraction(1, 10), inclusive=False)
        assert all(row.inclusive for row in RESECTION.criteria)
        assert not holds(printed, (90, 10, 0, 0), (0, 0, 0))
        assert holds(printed, (89, 11, 0, 0), (0, 0, 0))

    def test_strong_in_only_part_of_the_membrane_is_1plus(self) -> None:
        """A strong line on a fifth of the membrane is not complete, basolateral or lateral."""
        strong = draw_cells("? ? ? ? ? ?").with_columns(
            membrane_od=np.full(6, 0.8, np.float32),
            membrane_completeness=np.full(6, 0.2, np.float32),
            membrane_pattern=np.full(6, MembranePattern.PARTIAL, np.int8),
        )
        cells = classify_cells(strong, MODEL, RESECTION)
        result = score_fragment(make_fragment(), cells, MPP, RESECTION, ANY_SIZE)
        assert (result.score, result.decision.rule) == (Her2Score.ONE_PLUS, "share-1plus")


@pytest.mark.parametrize("guideline", [BREAST_2013, BREAST_2018], ids=["2013", "2018"])
class TestBreastSince2013:
    """More than 10 % for each score, exactly 10 % is not enough; intense complete in fewer is 2+ (ASCO/CAP)."""

    @pytest.mark.parametrize(
        ("counts", "expected"),
        [
            ((8999, 0, 0, 1001), (Her2Score.THREE_PLUS, "share-3plus")),
            ((9000, 0, 0, 1000), (Her2Score.TWO_PLUS, "few-3plus")),
            ((9001, 0, 0, 999), (Her2Score.TWO_PLUS, "few-3plus")),
            ((0, 0, 9000, 1000), (Her2Score.TWO_PLUS, "share-2plus")),
            ((8999, 0, 1, 1000), (Her2Score.TWO_PLUS, "share-2plus")),
            ((8999, 0, 1001, 0), (Her2Score.TWO_PLUS, "share-2plus")),
            ((0, 9000, 1000, 0), (Her2Score.ONE_PLUS, "share-1plus")),
            ((9000, 0, 1000, 0), (Her2Score.ZERO, "otherwise")),
            ((8999, 1001, 0, 0), (Her2Score.ONE_PLUS, "share-1plus")),
            ((8999, 1, 1000, 0), (Her2Score.ONE_PLUS, "share-1plus")),
            ((9000, 1000, 0, 0), (Her2Score.ZERO, "otherwise")),
            ((9001, 999, 0, 0), (Her2Score.ZERO, "otherwise")),
            ((10000, 0, 0, 0), (Her2Score.ZERO, "otherwise")),
        ],
    )
    def test_exactly_a_tenth_is_not_enough(
        self, guideline: Guideline, counts: Counts, expected: tuple[Her2Score, str]
    ) -> None:
        """10.00 % stays below, 10.01 % reaches the score."""
        assert _score(guideline, counts) == expected

    def test_fewer_than_one_percent_of_strong_cells_do_not_decide(self, guideline: Guideline) -> None:
        """The floor is ours: 1.00 % is 2+, 0.99 % is left to the other rows."""
        assert _score(guideline, (9900, 0, 0, 100)) == (Her2Score.TWO_PLUS, "few-3plus")
        assert _score(guideline, (9901, 0, 0, 99)) == (Her2Score.ZERO, "otherwise")
        assert _score(guideline, (0, 9901, 0, 99)) == (Her2Score.ONE_PLUS, "share-1plus")


class TestBreast2007:
    """More than 30 % for 3+, at least 10 % for 2+, any proportion for 1+ (ASCO/CAP 2007)."""

    @pytest.mark.parametrize(
        ("counts", "expected"),
        [
            ((6999, 0, 0, 3001), (Her2Score.THREE_PLUS, "share-3plus")),
            ((7000, 0, 0, 3000), (Her2Score.TWO_PLUS, "share-2plus")),
            ((0, 0, 7000, 3000), (Her2Score.TWO_PLUS, "share-2plus")),
            ((9000, 0, 1000, 0), (Her2Score.TWO_PLUS, "share-2plus")),
            ((9001, 0, 999, 0), (Her2Score.ONE_PLUS, "any-1plus")),
            ((9001, 0, 0, 999), (Her2Score.TWO_PLUS, "few-3plus")),
            ((9900, 0, 0, 100), (Her2Score.TWO_PLUS, "few-3plus")),
            ((0, 9901, 0, 99), (Her2Score.ONE_PLUS, "any-1plus")),
            ((9900, 100, 0, 0), (Her2Score.ONE_PLUS, "any-1plus")),
            ((9901, 99, 0, 0), (Her2Score.ZERO, "otherwise")),
            ((9901, 0, 0, 99), (Her2Score.ZERO, "otherwise")),
        ],
    )
    def test_boundaries(self, counts: Counts, expected: tuple[Her2Score, str]) -> None:
        """30.00 % is not 3+, 10.00 % is 2+, and the floor of 1.00 %, ours, is enough."""
        assert _score(BREAST_2007, counts) == expected

    def test_later_editions_made_more_cases_positive(self) -> None:
        """Intense complete staining of 20 %: equivocal in 2007, positive from 2013 on."""
        scores = [_score(g, (80, 0, 0, 20))[0] for g in (BREAST_2007, BREAST_2013, BREAST_2018)]
        assert scores == [Her2Score.TWO_PLUS, Her2Score.THREE_PLUS, Her2Score.THREE_PLUS]


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

    @every_guideline
    def test_every_row_can_be_reached(self, guideline: Guideline) -> None:
        """No row is shadowed by those above it."""
        steps = (0, 1, 5, 20, 60)
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

    @given(
        ANY_GUIDELINE,
        st.lists(st.tuples(st.integers(-1, 3), st.sampled_from(MembranePattern)), min_size=1, max_size=30),
        st.integers(0, 29),
        st.integers(-1, 3),
        st.sampled_from(MembranePattern),
    )
    def test_more_staining_never_lowers_the_score(
        self,
        guideline: Guideline,
        cells: list[tuple[int, MembranePattern]],
        which: int,
        membrane_class: int,
        pattern: MembranePattern,
    ) -> None:
        """Stain one scored cell more strongly or on more sides: with the cell rules too, the score stays or rises."""
        which %= len(cells)
        raised = cells.copy()
        raised[which] = (max(cells[which][0], membrane_class), max(cells[which][1], pattern))
        if cells[which][0] >= 0:
            assert _score_staining(guideline, raised) >= _score_staining(guideline, cells)

    @given(st.sampled_from(OF_SHARES), counted(), st.integers(2, 7))
    def test_a_share_does_not_depend_on_the_size_of_the_specimen(
        self, guideline: Guideline, seen: tuple[Counts, Clusters], factor: int
    ) -> None:
        """Scaling all counts leaves a score by shares alone."""
        (a, b, c, d), _ = seen
        scaled = (a * factor, b * factor, c * factor, d * factor)
        assert _score(guideline, scaled) == _score(guideline, seen[0])

    @every_guideline
    def test_scores_descend_and_sentences_are_cited(self, guideline: Guideline) -> None:
        """The table reads from the highest score down, and every sentence names its source."""
        scores = [row.score for row in guideline.criteria]
        assert scores == sorted(scores, reverse=True)
        assert all(guideline.citation in row.text for row in guideline.criteria)
        assert guideline.citation in guideline.otherwise
        assert all(guideline.citation in rule.text for rule in guideline.cell_rules)

    @every_guideline
    def test_what_no_guideline_prints_is_said_to_be_ours(self, guideline: Guideline) -> None:
        """Sentences of rows with the floor of one percent tell the reader whose it is, and no others do."""
        assert all(("is ours" in row.text) == (row.share == Fraction(1, 100)) for row in guideline.criteria)


def test_the_default_comes_first() -> None:
    """Biopsies of the stomach, scored by clusters; of the editions for the breast, the one in force precedes."""
    assert next(iter(GUIDELINES)) == "gastric-biopsy"
    assert [g.name for g in GUIDELINES.values() if g not in OF_SHARES] == ["gastric-biopsy"]
    assert next(g.name for g in GUIDELINES.values() if g.organ == "breast") == "asco-cap-breast-2018"


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


@pytest.mark.parametrize("wrong", ["counts_as", "at_least"])
def test_a_cell_rule_speaks_of_stained_cells(wrong: str) -> None:
    """A rule that made unstained cells stained, or stained ones 0, is a mistake in the table."""
    classes = {"counts_as": MembraneClass.STRONG, "at_least": MembraneClass.STRONG, wrong: MembraneClass.NEGATIVE}
    with pytest.raises(ValueError, match=rf"{wrong} is 0; expected 1\+, 2\+ or 3\+"):
        CellRule("x", **classes, patterns=(), text="")
