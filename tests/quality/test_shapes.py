"""Masks drawn as text, before and after."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hetscore.quality.shapes import Mask, close_gaps, fill_holes, grow, keep_large, keep_seeded, take_slivers


def read(*rows: str) -> Mask:
    """Read a mask from text; # is set."""
    return np.array([[c == "#" for c in row] for row in rows])


masks = arrays(bool, (9, 11), elements=st.booleans())


def test_grow_adds_a_disk() -> None:
    """A pixel becomes a cross of radius 1."""
    np.testing.assert_array_equal(grow(read("...", ".#.", "..."), 1), read(".#.", "###", ".#."))


def test_close_gaps_joins_what_is_near() -> None:
    """In the middle of a band a gap of 1 is closed by a disk of radius 1, one of 4 is not; the border is no wall."""
    closed = close_gaps(read(*["##.##....#."] * 5), 1)

    np.testing.assert_array_equal(closed[2:3], read("#####....#."))


def test_keep_seeded_keeps_whole_pieces() -> None:
    """Two pieces, one with a seed; corners touch."""
    mask, seed = read("##..#", "..#.#"), read("#....", ".....")
    np.testing.assert_array_equal(keep_seeded(mask, seed), read("##...", "..#.."))


def test_keep_large_drops_small_pieces() -> None:
    """Of 3 and 2 pixels, at least 3 asked for."""
    np.testing.assert_array_equal(keep_large(read("##..#", "#...#"), 3), read("##...", "#...."))


def test_fill_holes_fills_what_is_enclosed_and_small() -> None:
    """A hole of 1 is filled, one of 2 is not, a bay never."""
    mask = read("####.###", "#.##.#..", "####.#..", "#..#.###", "####....")
    np.testing.assert_array_equal(fill_holes(mask, 1), read("####.###", "####.#..", "####.#..", "#..#.###", "####...."))


def test_take_slivers_takes_what_is_narrow_and_near() -> None:
    """Beside a mask of two columns one of ground is left, three columns far away are broad and stay."""
    mask, ground = read(*["##......"] * 5), read(*["###..###"] * 5)

    np.testing.assert_array_equal(take_slivers(mask, ground, 1, 2), read(*["###....."] * 5))


@given(masks)
def test_growing_and_closing_lose_nothing(mask: Mask) -> None:
    """What was set stays set, whatever the mask; pieces kept were there."""
    for larger in (grow(mask, 2), close_gaps(mask, 2), fill_holes(mask, 5)):
        assert (larger >= mask).all()
    assert (keep_large(mask, 3) <= mask).all()
