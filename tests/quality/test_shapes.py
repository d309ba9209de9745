"""Masks drawn as text, before and after."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hetscore.quality.shapes import (
    Mask,
    close_gaps,
    fill_holes,
    find_place,
    grow,
    is_near,
    keep_large,
    keep_seeded,
    take_slivers,
)


def read(*rows: str) -> Mask:
    """Read a mask from text; # is set."""
    return np.array([[c == "#" for c in row] for row in rows])


masks = arrays(bool, (9, 11), elements=st.booleans())

SHAPERS = {
    "grow": lambda mask, _other: grow(mask, 2),
    "is_near": lambda mask, _other: is_near(mask, 2.5),
    "close_gaps": lambda mask, _other: close_gaps(mask, 1),
    "keep_large": lambda mask, _other: keep_large(mask, 3),
    "keep_seeded": keep_seeded,
    "fill_holes": lambda mask, _other: fill_holes(mask, 3),
    "take_slivers": lambda mask, other: take_slivers(mask, other, 1, 2),
}


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


def test_the_place_of_a_mask_is_its_box_and_what_is_near() -> None:
    """One pixel in the second row and third column; within reach of 1, but not beyond the picture's border."""
    mask = read(".....", "..#..", ".....")

    assert mask[find_place(mask)].shape == (1, 1)
    assert find_place(mask, 1) == (slice(0, 3), slice(1, 4))
    assert find_place(mask, 5) == (slice(0, 7), slice(0, 8))
    assert find_place(read("...")) is None


@pytest.mark.parametrize("shaper", SHAPERS.values(), ids=SHAPERS)
@given(mask=masks, other=masks, first=st.integers(4, 7), second=st.integers(4, 7))
def test_glass_around_changes_nothing(
    shaper: Callable[[Mask, Mask], Mask], mask: Mask, other: Mask, first: int, second: int
) -> None:
    """In more glass, and elsewhere in it, the same is found: what is empty need not be looked at."""
    margins, place = ((5, first), (second, 5)), (slice(5, 14), slice(second, second + 11))
    framed = shaper(np.pad(mask, ((5, 5), (5, 5))), np.pad(other, ((5, 5), (5, 5))))

    moved = shaper(np.pad(mask, margins), np.pad(other, margins))

    np.testing.assert_array_equal(moved[place], framed[5:14, 5:16])


@pytest.mark.parametrize("shaper", SHAPERS.values(), ids=SHAPERS)
@given(other=masks)
def test_of_nothing_comes_nothing(shaper: Callable[[Mask, Mask], Mask], other: Mask) -> None:
    """An empty mask stays empty, and is not the one that was given."""
    nothing = np.zeros((9, 11), bool)

    made = shaper(nothing, other)

    assert not made.any()
    assert made is not nothing
