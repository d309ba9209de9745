"""Pairing nuclei and counting them, on a few places with a radius of 12 px."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.evaluation.detection import (
    compare_cells,
    detection_figures,
    join_comparisons,
    match_cells,
)
from hetscore.geometry import Box
from tests.evaluation.builders import found_at, truth_at

PLACES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12, unique=True)


def pairs(found: list[tuple[float, float]], true: list[tuple[float, float]], radius: float = 12.0) -> dict[int, int]:
    """Map each true nucleus that has a partner to the found one."""
    i, j = match_cells(np.array(found, float).reshape(-1, 2), np.array(true, float).reshape(-1, 2), radius)
    return dict(zip(j.tolist(), i.tolist(), strict=True))


class TestMatching:
    """Each nucleus has at most one partner, the closest arrangement as a whole."""

    def test_nearest(self) -> None:
        """Of two finds near one nucleus the nearer is its partner."""
        assert pairs([(5, 0), (2, 0)], [(0, 0)]) == {0: 1}

    def test_a_find_serves_once(self) -> None:
        """One find between two nuclei is given to the nearer."""
        assert pairs([(4, 0)], [(0, 0), (10, 0)]) == {0: 0}

    def test_radius_is_excluded(self) -> None:
        """A find at exactly the radius is no partner."""
        assert pairs([(12, 0)], [(0, 0)]) == {}
        assert pairs([(11.99, 0)], [(0, 0)]) == {0: 0}

    def test_two_pairs_rather_than_the_nearest_one(self) -> None:
        """Nuclei at 0 and 10, finds at -7 and 4.9: nearest first would pair 0 with 4.9 and leave the rest alone."""
        assert pairs([(-7, 0), (4.9, 0)], [(0, 0), (10, 0)]) == {0: 0, 1: 1}

    def test_an_exact_hit_is_not_broken_for_two_bad_ones(self) -> None:
        """Nuclei at 0 and 11, finds at 11 and 22: pairing each with a find 11 px away would miss the exact hit."""
        assert pairs([(11, 0), (22, 0)], [(0, 0), (11, 0)]) == {1: 0}

    def test_nothing(self) -> None:
        """Nothing found, or nothing true, pairs nothing."""
        assert pairs([], [(0, 0)]) == pairs([(0, 0)], []) == pairs([], []) == pairs([(0, 0)], [(50, 0)]) == {}

    @given(found=PLACES, true=PLACES, seed=st.integers(0, 99))
    def test_order_does_not_matter(self, found: list[tuple[int, int]], true: list[tuple[int, int]], seed: int) -> None:
        """Shuffled cells have the same number of pairs, as close in sum."""
        rng = np.random.default_rng(seed)
        one = pairs([*found], [*true])
        rows, columns = rng.permutation(len(found)), rng.permutation(len(true))

        other = pairs([found[k] for k in rows], [true[k] for k in columns])

        assert {int(columns[j]): int(rows[i]) for j, i in other.items()} == one

    @given(found=PLACES, true=PLACES)
    def test_best_of_all_pairings(self, found: list[tuple[int, int]], true: list[tuple[int, int]]) -> None:
        """No pairing has a larger sum of closeness: a slow search over all of them finds the same sum."""
        found, true = found[:5], true[:5]

        chosen = pairs([*found], [*true])

        total = sum(12 - np.hypot(*np.subtract(found[i], true[j])) for j, i in chosen.items())
        assert total == pytest.approx(best_sum(found, true))

    def test_many_cells(self) -> None:
        """Each of 20,000 shifted nuclei of a lattice finds its own."""
        y, x = np.divmod(np.arange(20_000), 200)
        true = np.column_stack([x, y]) * 30.0

        i, j = match_cells(true + np.array([3.0, -2.0]), true, 12.0)

        assert i.tolist() == j.tolist() == list(range(20_000))


def best_sum(found: list[tuple[int, int]], true: list[tuple[int, int]]) -> float:
    """Largest sum of closeness over all pairings, by trying each."""
    if not found:
        return 0.0
    sums = [best_sum(found[1:], true)]
    for k, place in enumerate(true):
        distance = float(np.hypot(found[0][0] - place[0], found[0][1] - place[1]))
        if distance < 12:
            sums.append(12 - distance + best_sum(found[1:], true[:k] + true[k + 1 :]))
    return max(sums)


class TestFigures:
    """Precision, recall and F1."""

    def test_by_hand(self) -> None:
        """Three of four nuclei found, and one find that is none: precision 3/4, recall 3/4, F1 6/8."""
        true = [(0.0, 0.0), (50.0, 0.0), (100.0, 0.0), (150.0, 0.0)]

        figures = detection_figures(compare_cells(found_at([*true[:3], (300, 0)]), truth_at(true)))

        assert (figures.precision, figures.recall, figures.f1) == (0.75, 0.75, 0.75)
        assert (figures.n_truth, figures.n_found, figures.n_matched, figures.n_neutral) == (4, 4, 3, 0)
        assert (figures.pq, figures.n_outlines, figures.radius_um) == (None, 0, 3.0)

    def test_nothing_found(self) -> None:
        """Recall is 0, precision not defined."""
        figures = detection_figures(compare_cells(found_at([]), truth_at([(0, 0)])))

        assert (figures.precision, figures.recall, figures.f1) == (None, 0.0, 0.0)

    def test_nothing_true(self) -> None:
        """Precision is 0, recall not defined; without finds nothing is."""
        figures = detection_figures(compare_cells(found_at([(0, 0)]), truth_at([])))
        empty = detection_figures(compare_cells(found_at([]), truth_at([])))

        assert (figures.precision, figures.recall, figures.f1) == (0.0, None, 0.0)
        assert (empty.precision, empty.recall, empty.f1) == (None, None, None)

    @given(places=PLACES, shift=st.tuples(st.integers(-3, 3), st.integers(-3, 3)))
    def test_perfect_and_lost(self, places: list[tuple[int, int]], shift: tuple[int, int]) -> None:
        """Cells at least 25 px apart are all found where they are, and none when moved past the radius."""
        true = [(25.0 * x, 25.0 * y) for x, y in places]
        perfect, near, lost = (
            detection_figures(compare_cells(found_at([(x + dx, y + dy) for x, y in true]), truth_at(true)))
            for dx, dy in ((0, 0), shift, (12.5, 0))
        )

        assert perfect == near
        assert perfect.f1 == (1.0 if places else None)
        assert lost.f1 == (0.0 if places else None)


class TestReadParts:
    """Where only crops were read, absence means something only inside."""

    READ = (Box(0, 0, 100, 100),)

    def test_finds_outside_do_not_count(self) -> None:
        """Of two finds without a partner, the one inside is false, the one outside nothing."""
        compared = compare_cells(found_at([(50, 50), (200, 50)]), truth_at([(10, 10)], read=self.READ))

        assert (compared.n_false, compared.n_neutral) == (1, 0)

    def test_a_partner_may_lie_outside(self) -> None:
        """A nucleus read near the border is found by a cell just outside."""
        compared = compare_cells(found_at([(104, 50)]), truth_at([(96, 50)], read=self.READ))

        assert compared.is_found.tolist() == [True]

    def test_doubtful_places_excuse_what_has_no_partner(self) -> None:
        """Near a doubtful place a second find is neutral; the first is the nucleus's own, however near the place is."""
        truth = truth_at([(50, 50)], read=self.READ, doubtful_xy=np.array([[53.0, 50.0]]))

        compared = compare_cells(found_at([(53, 50), (60, 50), (80, 50)]), truth)

        assert compared.is_found.tolist() == [True]
        assert (compared.n_neutral, compared.n_false) == (1, 1)

    def test_unknown_nuclei_take_their_finds_with_them(self) -> None:
        """A find at an unknown nucleus is not given to its neighbor 8 px away, which stays missed."""
        truth = truth_at([(50, 50), (58, 50)], is_sure=np.array([True, False]), read=self.READ)

        compared = compare_cells(found_at([(58, 50)]), truth)

        assert compared.is_found.tolist() == [False]
        assert (compared.n_false, compared.n_neutral, compared.n_unsure) == (0, 1, 1)


class TestTypes:
    """What each true cell is."""

    def test_carried_along(self) -> None:
        """Each cell keeps its type, found or not; one that is not asked for drops out with it."""
        truth = truth_at(
            [(0, 0), (50, 0), (100, 0)],
            is_tumor=np.array([True, False, False]),
            is_sure=np.array([True, False, True]),
            cell_type=np.array([0, 3, 5], np.int8),
        )

        assert compare_cells(found_at([(0, 0)]), truth).cell_type.tolist() == [0, 5]

    def test_some_slides_tell_them(self) -> None:
        """Beside a slide with types, the cells of one without are of no type."""
        typed = compare_cells(found_at([]), truth_at([(0, 0)], cell_type=np.array([0], np.int8)))
        untyped = compare_cells(found_at([]), truth_at([(0, 0), (50, 0)]))

        assert join_comparisons([typed, untyped]).cell_type.tolist() == [0, -1, -1]
