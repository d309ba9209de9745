"""Nuclei and cells of label images, drawn as text: a digit is a label, a dot the background."""

from __future__ import annotations

from textwrap import dedent

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from hetscore.segmenters.matching import grow_homeless, match_labels, number_anew

Labels = NDArray[np.int32]

label_images = arrays(np.int32, st.tuples(st.just(6), st.just(7)), elements=st.integers(0, 4))


def _read(picture: str) -> Labels:
    rows = dedent(picture).strip("\n").split("\n")
    return np.array([[int(mark) if mark.isdigit() else 0 for mark in row] for row in rows], np.int32)


def _match(nuclei: str, cells: str, least_px: float = 1) -> tuple[list[str], list[str]]:
    matched = match_labels(_read(nuclei), _read(cells), least_px)
    return _write(matched[0]), _write(matched[1])


def _write(labels: Labels) -> list[str]:
    return ["".join(str(value) if value else "." for value in row) for row in labels]


class TestNumberAnew:
    """Any numbers to 1..n."""

    def test_by_hand(self) -> None:
        """In the order of the numbers."""
        assert number_anew(np.array([[0, 70, 7], [7, 0, 9]])).tolist() == [[0, 3, 1], [1, 0, 2]]

    def test_without_background(self) -> None:
        """0 is kept for it all the same."""
        assert number_anew(np.array([[5, 5, 8]])).tolist() == [[1, 1, 2]]


class TestMatchLabels:
    """Each nucleus within its cell."""

    def test_numbers_are_joined_in_reading_order(self) -> None:
        """The cells had numbers of their own."""
        nuclei, cells = _match(
            """
            ....2..
            .1..2..
            .1.....
            """,
            """
            ...333.
            222333.
            222....
            """,
        )
        assert nuclei == ["....1..", ".2..1..", ".2....."]
        assert cells == ["...111.", "222111.", "222...."]

    def test_a_cell_without_a_nucleus_is_left_out(self) -> None:
        """It is the cut beside a nucleus, or a patch of stroma; nobody can say which."""
        assert _match("1......", "11..222")[1] == ["11....."]

    def test_of_two_nuclei_in_one_cell_the_larger_stays(self) -> None:
        """A cell is counted once."""
        assert _match("1..222.", "1111111") == (["...111."], ["1111111"])

    def test_of_equal_nuclei_in_one_cell_the_first_stays(self) -> None:
        """In reading order."""
        assert _match("22..11.", "1111111") == (["11....."], ["1111111"])

    def test_a_nucleus_across_two_cells_lies_in_the_one_with_most_of_it(self) -> None:
        """The rest of it is taken from the other."""
        assert _match("..111..", "1111222") == (["..111.."], ["11111.."])

    def test_a_nucleus_in_no_cell_is_its_own(self) -> None:
        """Half of it in a cell is not enough."""
        assert _match("..11.22", "111....") == (["..11.22"], ["..11.22"])

    def test_specks_are_dropped(self) -> None:
        """And the cell with them."""
        assert _match("1..222.", "11.2222", least_px=2) == (["...111."], ["...1111"])

    def test_nothing(self) -> None:
        """No nucleus, no cell."""
        assert _match(".......", "11..222") == (["......."], ["......."])

    @given(label_images, label_images)
    def test_whatever_comes(self, nuclei: Labels, cells: Labels) -> None:
        """Labels 1..n in both, nuclei within their cells, centers within their nuclei and in reading order."""
        matched, territories, centers = match_labels(number_anew(nuclei), number_anew(cells), 2)
        n = len(centers)
        for image in (matched, territories):
            assert set(np.unique(image)) - {0} == set(range(1, n + 1))
        assert np.array_equal(territories[matched > 0], matched[matched > 0])
        assert matched[centers[:, 0], centers[:, 1]].tolist() == list(range(1, n + 1))
        assert centers.tolist() == sorted(centers.tolist())
        assert (matched[matched > 0] > 0).sum() <= (nuclei > 0).sum()


class TestGrowHomeless:
    """Cells for nuclei that came without one."""

    def test_by_hand(self) -> None:
        """The second nucleus grows two pixels each way, but not into the first cell nor over the gap on the right."""
        nuclei, cells = _read(".1...2...."), _read("111..2....")
        cost = np.array([[1, 1, 1, 1, 1, 1, 1, 0, 1, 1]], np.uint8)
        grown = grow_homeless(nuclei, cells, np.array([[0, 1], [0, 5]]), cost, 3)
        assert _write(grown) == ["1112222..."]

    def test_two_meet_halfway(self) -> None:
        """Equal distances go to the first."""
        nuclei = _read("1....2.")
        grown = grow_homeless(nuclei, nuclei, np.array([[0, 0], [0, 5]]), np.ones((1, 7), np.uint8), 9)
        assert _write(grown) == ["1112222"]

    def test_nobody(self) -> None:
        """All have one."""
        nuclei, cells = _read(".1.."), _read("111.")
        grown = grow_homeless(nuclei, cells, np.array([[0, 1]]), np.ones((1, 4), np.uint8), 9)
        assert np.array_equal(grown, cells)
