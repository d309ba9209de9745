"""Fragments paired by the cells they share, and their true scores."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.domain import Her2Score
from hetscore.evaluation.detection import compare_cells
from hetscore.evaluation.fragments import SlideFragments, biopsy_score, compare_fragments, fragment_figures
from hetscore.evaluation.results import FoundFragment
from tests.evaluation.builders import MPP, found_at, truth_at

ZERO, ONE, TWO, THREE = Her2Score


def chain(text: str, step: float = 60.0) -> Her2Score | None:
    """Score a row of cells `step` px apart: digits are tumor classes, n another cell, a space a gap."""
    symbols = [(i * step, symbol) for i, symbol in enumerate(text) if symbol != " "]
    truth = truth_at(
        [(x, 0.0) for x, _ in symbols],
        is_tumor=np.array([symbol != "n" for _, symbol in symbols]),
        membrane_class=np.array([-1 if symbol == "n" else int(symbol) for _, symbol in symbols], np.int8),
    )
    return biopsy_score(truth, np.ones(len(symbols), bool), MPP)


class TestTrueScore:
    """Five tumor cells in contact, 15 um apart along a row."""

    @pytest.mark.parametrize(
        ("cells", "score"),
        [
            ("00000000", ZERO),
            ("33330000", ZERO),
            ("33333000", THREE),
            ("333 33", ZERO),
            ("33322", TWO),
            ("22221", ONE),
            ("333n33", ZERO),
            ("nnn", None),
            ("3", ZERO),
        ],
    )
    def test_chain(self, cells: str, score: Her2Score | None) -> None:
        """The highest class that five cells in contact reach; a gap or another cell parts them; no tumor, no score."""
        assert chain(cells) is score

    def test_reach(self) -> None:
        """20 um, 80 px here, is the farthest contact."""
        assert chain("33333", step=80.0) is THREE
        assert chain("33333", step=81.0) is ZERO

    def test_a_cell_between_parts(self) -> None:
        """Stained cells 15 um apart with an unstained one between each two are not in contact."""
        assert chain("303030303", step=30.0) is ZERO

    def test_lattice(self) -> None:
        """On a square lattice the four neighbors are in contact; rounding does not part them."""
        y, x = np.divmod(np.arange(9), 3)
        classes = np.array([3, 3, 3, 3, 3, 0, 0, 0, 0], np.int8)
        truth = truth_at(list(zip(x * 33.3, y * 33.3, strict=True)), membrane_class=classes)

        assert biopsy_score(truth, np.ones(9, bool), MPP) is THREE

    def test_a_slide_that_was_not_analyzed(self) -> None:
        """Without microns per pixel no cells are in contact; nothing breaks."""
        assert biopsy_score(truth_at([(0, 0)] * 5), np.ones(5, bool), float("nan")) is ZERO


def compare(own: str, other: str, scores: dict[int, Her2Score | None]) -> SlideFragments:
    """Compare cells in a row, 40 px apart: true fragments `own`, found fragments `other` (. is not found)."""
    places = [(40.0 * i, 0.0) for i in range(len(own))]
    kept = [i for i, symbol in enumerate(other) if symbol != "."]
    found = found_at(
        [places[i] for i in kept],
        fragment=np.array([int(other[i]) for i in kept], np.int64),
        fragments=tuple(FoundFragment(number, score) for number, score in scores.items()),
    )
    truth = truth_at(places, fragment=np.array([int(symbol) for symbol in own], np.int64))
    compared = compare_fragments(found, truth, compare_cells(found, truth))
    assert compared is not None
    return compared


class TestPairs:
    """Which found fragment is which."""

    def test_by_hand(self) -> None:
        """Numbers need not agree: 1 is found as 2 with its score, 2 as 1 with another."""
        compared = compare("1111122222", "222.211111", {1: TWO, 2: THREE})
        figures = fragment_figures([compared])

        assert [(row.truth_fragment, row.fragment, row.truth_score, row.score) for row in compared.rows] == [
            (1, 2, "3+", "3+"),
            (2, 1, "3+", "2+"),
        ]
        assert [(row.n_cells, row.n_shared) for row in compared.rows] == [(5, 4), (5, 5)]
        assert (figures.count_agreement, figures.n_scored, figures.score_agreement) == (1.0, 2, 0.5)

    def test_three_fragments(self) -> None:
        """Of three 3+ fragments of 6, 5 and 7 cells two score right; or one does, and two were not assessable."""
        own = "1" * 6 + "2" * 5 + "3" * 7
        scored = compare(own, own, {1: THREE, 2: THREE, 3: TWO})
        figures = fragment_figures([scored])
        bare = fragment_figures([compare(own, own, {1: THREE, 2: None, 3: None})])

        assert [row.n_cells for row in scored.rows] == [6, 5, 7]
        assert figures.score_agreement == pytest.approx(2 / 3)
        assert (bare.n_paired, bare.n_scored, bare.n_not_assessable, bare.n_false_tumor) == (3, 1, 2, 0)

    def test_split(self) -> None:
        """A fragment found in two parts is paired with the larger; the counts differ."""
        compared = compare("11111", "11222", {1: THREE, 2: ZERO})

        assert [row.fragment for row in compared.rows] == [2]
        assert fragment_figures([compared]).count_agreement == 0.0

    def test_merged(self) -> None:
        """Of two fragments found as one the smaller has no partner."""
        compared = compare("11222", "11111", {1: THREE})

        assert [row.fragment for row in compared.rows] == [None, 1]
        assert fragment_figures([compared]).n_paired == 1

    def test_cells_of_controls_pair_nothing(self) -> None:
        """A fragment taken for a control is not among those found."""
        assert compare("111", "222", {1: None}).rows[0].fragment is None

    def test_control_cores_are_no_fragments(self) -> None:
        """A true control, numbered below 1, has no row; one found as a fragment makes the counts differ."""
        found = found_at(
            [(0, 0), (900, 0)], fragment=np.array([1, 2]), fragments=(FoundFragment(1, None), FoundFragment(2, None))
        )
        truth = truth_at([(0, 0), (900, 0)], fragment=np.array([1, -1]), is_sure=np.array([True, False]))
        compared = compare_fragments(found, truth, compare_cells(found, truth))
        assert compared is not None

        assert [(row.truth_fragment, row.fragment) for row in compared.rows] == [(1, 1)]
        assert fragment_figures([compared]).count_agreement == 0.0

    def test_not_assessable(self) -> None:
        """A pair with tumor and no score is counted apart from wrong scores."""
        figures = fragment_figures([compare("11111", "11111", {1: None})])

        assert (figures.n_not_assessable, figures.n_scored, figures.score_agreement) == (1, 0, None)

    def test_false_tumor(self) -> None:
        """A fragment without tumor that got a score is counted apart, too."""
        found = found_at([(0, 0)], fragments=(FoundFragment(1, ZERO),))
        truth = truth_at([(0, 0)], is_tumor=np.array([False]), fragment=np.array([1]))
        compared = compare_fragments(found, truth, compare_cells(found, truth))
        assert compared is not None

        assert fragment_figures([compared]).n_false_tumor == 1

    def test_unknown_fragments(self) -> None:
        """Where the truth knows no fragments there is nothing to compare, and no figure."""
        found, truth = found_at([(0, 0)]), truth_at([(0, 0)])

        assert compare_fragments(found, truth, compare_cells(found, truth)) is None
        assert fragment_figures([]).count_agreement is None
        assert fragment_figures([]).n_slides == 0
