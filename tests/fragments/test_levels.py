"""Sections are matched where shape and order repeat; where only some do, nothing is matched and it is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.fragments.levels import Levels, compare_shapes, match_levels
from hetscore.fragments.params import FragmentParams
from hetscore.geometry import Box
from tests.fragments.shapes import ellipse, letter

PARAMS = FragmentParams()


def _match(*rows: str) -> Levels:
    """Rows of letters from the top, 200 pixels apart; a dot is an empty place."""
    places = [(x, y, name) for y, row in enumerate(rows) for x, name in enumerate(row) if name != "."]
    boxes = [Box(200 * x, 200 * y, 120, 120) for x, y, _ in places]
    return match_levels(boxes, [letter(name) for _, _, name in places], PARAMS)


class TestMatchLevels:
    """Rows of letters."""

    def test_two_rows_of_the_same(self) -> None:
        """The second row holds the sections of the first."""
        found = _match("ILT", "ILT")
        assert found == Levels((0, 1, 2, 0, 1, 2), (1, 1, 1, 2, 2, 2))

    def test_two_columns_of_the_same(self) -> None:
        """A ribbon may run downward: its sections then lie side by side."""
        found = _match("II", "LL", "TT")
        assert found == Levels((0, 0, 2, 2, 4, 4), (1, 2, 1, 2, 1, 2))

    def test_one_piece_in_three_levels(self) -> None:
        """A single piece, cut three times."""
        assert _match("L", "L", "L") == Levels((0, 0, 0), (1, 2, 3))

    def test_a_row_that_repeats_itself(self) -> None:
        """Two levels may lie in one row."""
        assert _match("ILTILT").first == (0, 1, 2, 0, 1, 2)

    def test_a_lost_section(self) -> None:
        """The others keep their partners, and so does the level."""
        found = _match("ILTO", "I.TO")
        assert found.first == (0, 1, 2, 3, 0, 2, 3)
        assert found.level == (1, 1, 1, 1, 2, 2, 2)
        assert not found.is_unclear

    @pytest.mark.parametrize("rows", [("I",), ("IL",), ("IL", "TO"), ("I", "L", "T", "O")])
    def test_different_pieces_are_no_levels(self, rows: tuple[str, ...]) -> None:
        """Each stands for itself, and there is nothing to doubt."""
        found = _match(*rows)
        assert found == Levels(tuple(range(len(found.first))), (1,) * len(found.first))

    @pytest.mark.parametrize("rows", [("ILT", "TLI"), ("ILT", "IOT"), ("II", "LT")])
    def test_what_is_ambiguous_is_told_and_not_matched(self, rows: tuple[str, ...]) -> None:
        """Another order, another shape among the same, two alike by chance."""
        found = _match(*rows)
        assert found.is_unclear
        assert found.first == tuple(range(len(found.first)))


class TestCompareShapes:
    """Similarity from 0 to 1."""

    @given(st.lists(st.tuples(st.integers(60, 160), st.integers(60, 160)), min_size=1, max_size=4))
    def test_it_is_symmetric_and_one_for_the_same(self, sizes: list[tuple[int, int]]) -> None:
        """Whatever the shapes."""
        alike = compare_shapes([ellipse(*size) for size in sizes])
        assert np.array_equal(alike, alike.T)
        assert np.allclose(np.diag(alike), 1)
        assert ((alike >= 0) & (alike <= 1)).all()

    def test_a_turn_of_a_few_degrees_changes_little(self) -> None:
        """A ribbon bends."""
        alike = compare_shapes([ellipse(160, 60), ellipse(160, 60, degrees=10), ellipse(160, 60, degrees=90)])
        assert alike[0, 1] > 0.9
        assert alike[0, 2] < 0.6

    def test_size_counts(self) -> None:
        """A disc of half the area is half as alike."""
        assert compare_shapes([ellipse(140, 140), ellipse(99, 99)])[0, 1] == pytest.approx(0.5, abs=0.05)
