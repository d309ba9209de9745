"""Cells compared by their outlines: squares of 10 px that can be laid on squared paper."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from hetscore.evaluation.detection import (
    MATCH_UM,
    compare_cells,
    detection_figures,
    join_comparisons,
    match_cells,
)
from hetscore.evaluation.instances import Instances, compare_outlines
from hetscore.evaluation.results import FoundSlide
from hetscore.evaluation.truth import SlideTruth
from tests.evaluation.builders import MPP, found_at, squares, truth_at

Corner = tuple[float, float]
CORNERS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def found_squares(*corners: Corner) -> FoundSlide:
    """Find cells that are squares, their nuclei in the middle."""
    return found_at([(x + 5, y + 5) for x, y in corners], outlines=squares(corners))


def true_squares(*corners: Corner, known: str = "", sure: str = "") -> SlideTruth:
    """Lay true cells that are squares; `known` and `sure` have a 0 for each without an outline, and not sure."""
    known, sure = known or "1" * len(corners), sure or "1" * len(corners)
    outlines = squares([at if is_known == "1" else None for at, is_known in zip(corners, known, strict=True)])
    is_sure = np.array([mark == "1" for mark in sure], bool)
    return truth_at([(x + 5, y + 5) for x, y in corners], outlines=outlines, is_sure=is_sure)


def compare(found: FoundSlide, truth: SlideTruth) -> Instances | None:
    """Compare with the nuclei paired as always."""
    found_xy, true_xy = (np.column_stack([one.x, one.y]) for one in (found, truth))
    return compare_outlines(found, truth, match_cells(found_xy, true_xy, MATCH_UM / MPP))


def instances(matched: int, false: int, missed: int, neutral: int = 0, overlap: float = 0.0) -> Instances:
    """Expect these numbers, in this order, and this sum of overlaps."""
    return Instances(matched, false, missed, neutral, overlap)


class TestOverlap:
    """What is the same cell."""

    def test_by_hand(self) -> None:
        """One exact, one that shares 6/14, one missed: 1 matched, 1 false, 2 missed; PQ is 1 / (1 + 1/2 + 1)."""
        compared = compare_cells(found_squares((0, 0), (54, 0)), true_squares((0, 0), (50, 0), (100, 0)))

        figures = detection_figures(compared)
        assert compared.instances == instances(1, 1, 2, overlap=1)
        assert figures.pq == pytest.approx(0.4)
        assert (figures.n_outlines, figures.n_outlines_matched, figures.n_outlines_false) == (3, 1, 1)

    def test_more_than_half(self) -> None:
        """Squares moved by 2 of 10 px share 8/12 and match; the sum is their overlap."""
        assert compare(found_squares((2, 0)), true_squares((0, 0))) == instances(1, 0, 0, overlap=2 / 3)

    def test_half_is_not_enough(self) -> None:
        """A square in a rectangle of twice its area shares exactly half."""
        found = found_at([(5, 5)], outlines=np.array([shapely.box(0, 0, 20, 10)], object))

        assert compare(found, true_squares((0, 0))) == instances(0, 1, 1)

    def test_one_partner_each(self) -> None:
        """Two finds upon one cell: the better is its partner, the other false; and the reverse."""
        one, two = ((0.0, 0.0),), ((1.0, 0.0), (0.0, 0.0))

        assert compare(found_squares(*two), true_squares(*one)) == instances(1, 1, 0, overlap=1)
        assert compare(found_squares(*one), true_squares(*two)) == instances(1, 0, 1, overlap=1)

    def test_a_find_without_an_outline_is_false(self) -> None:
        """It overlaps nothing, however near its nucleus is to a true one."""
        found = found_at([(5, 5)], outlines=squares([None]))

        assert compare(found, true_squares((0, 0))) == instances(0, 1, 1)

    @given(found=CORNERS, true=CORNERS)
    def test_as_by_counting_pixels(self, found: list[tuple[int, int]], true: list[tuple[int, int]]) -> None:
        """Overlaps counted pixel by pixel, and a slow search for the best pair left, give the same."""
        ours, theirs = (
            [{(x + i, y + j) for i in range(10) for j in range(10)} for x, y in side] for side in (found, true)
        )
        left = {(i, j): len(a & b) / len(a | b) for i, a in enumerate(ours) for j, b in enumerate(theirs)}
        left = {pair: iou for pair, iou in left.items() if iou > 0.5}
        overlaps = []
        while left:
            i, j = max(left, key=lambda pair: left[pair])
            overlaps.append(left[i, j])
            left = {(k, m): iou for (k, m), iou in left.items() if k != i and m != j}

        compared = compare(found_squares(*found), true_squares(*true))

        assert compared is not None
        assert compared.n_matched + compared.n_false == len(found)
        assert compared.n_matched + compared.n_missed == len(true)
        if len(set(overlaps)) == len(overlaps):  # of equal overlaps either pair may go first
            assert compared.n_matched == len(overlaps)
            assert compared.iou_sum == pytest.approx(sum(overlaps))


class TestNeutral:
    """Finds that count neither way, and true cells that are not asked for."""

    def test_unsure_cells_drop_out(self) -> None:
        """An unsure cell and its partner are neither matched nor wrong; nor is an unsure cell missed."""
        truth = true_squares((0, 0), (50, 0), (100, 0), sure="100")

        assert compare(found_squares((0, 0), (50, 0)), truth) == instances(1, 0, 0, neutral=1, overlap=1)

    def test_cells_of_unknown_extent_drop_out(self) -> None:
        """A find at a nucleus without an outline is neutral, a second one beside it false; nobody is missed there."""
        truth = true_squares((0, 0), (50, 0), (100, 0), known="100")

        found = found_squares((0, 0), (52, 0), (44, 0))

        assert compare(found, truth) == instances(1, 1, 0, neutral=1, overlap=1)

    def test_the_same_cell_before_the_nearest_nucleus(self) -> None:
        """A find whose nucleus lies on a lymphocyte's, but whose outline is that of the true cell: it is that cell."""
        truth = truth_at([(5, 5), (8, 5)], outlines=squares([(0, 0), None]))
        found = found_at([(8, 5)], outlines=squares([(1, 0)]))

        assert compare(found, truth) == instances(1, 0, 0, overlap=9 / 11)

    def test_the_same_as_an_unsure_cell(self) -> None:
        """A find of an unsure cell's shape is neutral, even where its nucleus is that of a cell asked for, missed."""
        truth = truth_at([(5, 5), (14, 5)], outlines=squares([(0, 0), (10, 0)]), is_sure=np.array([True, False]))
        found = found_at([(7, 5)], outlines=squares([(10, 0)]))

        assert compare(found, truth) == instances(0, 0, 1, neutral=1)

    def test_a_bad_outline_is_no_excuse(self) -> None:
        """The nucleus of a cell asked for, in an outline half as wide: false and missed."""
        found = found_at([(5, 5)], outlines=squares([(3, 3)], side=5))

        assert compare(found, true_squares((0, 0))) == instances(0, 1, 1)

    def test_an_outline_without_area_is_none(self) -> None:
        """A true cell whose outline has collapsed to a line is not asked for."""
        line = np.array([shapely.Polygon([(0, 5), (10, 5), (5, 5)])], object)

        assert compare(found_squares((0, 0)), truth_at([(5, 5)], outlines=line)) == instances(0, 0, 0, neutral=1)


class TestNothing:
    """Where there is no figure."""

    def test_nothing_to_compare(self) -> None:
        """Without outlines, or where only crops were read, there is no figure."""
        found, truth = found_squares((0, 0)), true_squares((0, 0))

        assert compare(found, truth_at([(5, 5)])) is None
        assert compare(found_at([(5, 5)]), truth) is None
        assert compare(found, truth_at([(5, 5)], outlines=squares([(0, 0)]), read=())) is None

    @pytest.mark.parametrize(
        ("found", "true", "pq"),
        [((), ((0.0, 0.0),), 0.0), (((0.0, 0.0),), (), 0.0), ((), (), None)],
    )
    def test_none_found_or_none_true(
        self, found: tuple[Corner, ...], true: tuple[Corner, ...], pq: float | None
    ) -> None:
        """0 where one side has cells, not defined where neither has."""
        assert detection_figures(compare_cells(found_squares(*found), true_squares(*true))).pq == pq

    def test_only_cells_of_unknown_extent(self) -> None:
        """All found, none asked for: not defined."""
        compared = compare_cells(found_squares((0, 0)), true_squares((0, 0), known="0"))

        assert compared.instances == instances(0, 0, 0, neutral=1)
        assert detection_figures(compared).pq is None


def test_joined() -> None:
    """Instances add up; one slide without outlines leaves none for all."""
    truth = true_squares((0, 0), (50, 0), (90, 0), known="110")
    one = compare_cells(found_squares((0, 0), (90, 0), (200, 0)), truth)
    bare = compare_cells(found_squares((0, 0)), truth_at([(5, 5)]))

    assert one.instances == instances(1, 1, 1, neutral=1, overlap=1)
    assert join_comparisons([one, one]).instances == instances(2, 2, 2, neutral=2, overlap=2)
    assert join_comparisons([one, bare]).instances is None
    assert len(join_comparisons([one, bare])) == 4
