"""Places and outlines carried from slide to slide."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from hetscore.domain import Affine, FragmentMatch, Registration
from hetscore.registration import carry_place, carry_region
from tests.registration.drawn import make_fragment

QUARTER_TURN: Affine = np.array([[0.0, -1.0, 1000.0], [1.0, 0.0, 0.0]])
"""(x, y) -> (1000 - y, x)."""
SQUARE = np.array([[100.0, 100.0], [200.0, 100.0], [200.0, 200.0], [100.0, 200.0]])
FRAGMENTS = (make_fragment(1, SQUARE), make_fragment(2, SQUARE + np.array([300.0, 0.0])))


def registration(*reasons: str | None) -> Registration:
    """Register fragments 1, 2, ... by a quarter turn; those with a reason are refused."""
    matches = [FragmentMatch(i, QUARTER_TURN, 5.0, 9.0, 0.9, 20, why) for i, why in enumerate(reasons, start=1)]
    return Registration("her2.tif", "he.tif", tuple(matches))


def test_a_place_is_carried_to_the_companion() -> None:
    """A quarter turn takes (150, 120) to (880, 150); of a refused or unknown fragment nothing is carried."""
    found = registration(None, "no better than chance")

    assert carry_place(found, 1, (150.0, 120.0)) == pytest.approx((880.0, 150.0))
    assert carry_place(found, 2, (450.0, 120.0)) is None
    assert carry_place(found, 7, (150.0, 120.0)) is None


def test_a_region_comes_back_fragment_by_fragment() -> None:
    """Drawn over both pieces on the companion, it lies on the lower half of each on the HER2 slide."""
    ring = np.array([[800.0, 0.0], [850.0, 0.0], [850.0, 999.0], [800.0, 999.0]])

    carried = carry_region(registration(None, None), FRAGMENTS, ring)

    assert {number: part.bounds for number, part in carried.items()} == {
        1: (100.0, 150.0, 200.0, 200.0),
        2: (400.0, 150.0, 500.0, 200.0),
    }


def test_nothing_is_carried_by_a_refused_match() -> None:
    """Only the fragment that is registered gets the region."""
    everywhere = shapely.box(0, 0, 1000, 1000)

    assert list(carry_region(registration("too small", None), FRAGMENTS, everywhere)) == [2]


def test_an_outline_that_crosses_itself_is_mended() -> None:
    """A bow tie over fragment 1 covers its two halves, half of the square."""
    bow = np.array([[800.0, 100.0], [900.0, 200.0], [900.0, 100.0], [800.0, 200.0]])

    assert carry_region(registration(None), FRAGMENTS, bow)[1].area == pytest.approx(5000.0)


def test_what_is_said_of_a_registration() -> None:
    """Complete, in part, refused, or not to be looked at at all."""
    unread = Registration("her2.tif", "he.tif", (), "he.tif: no such file")
    whole, part, none = registration(None, None), registration(None, "too small"), registration("too small")

    assert [r.is_complete for r in (whole, part, none, unread)] == [True, False, False, False]
    assert [r.is_refused for r in (whole, part, none, unread)] == [False, False, True, True]
    assert [r.reason for r in (whole, part, unread)] == [None, "fragment 2: too small", "he.tif: no such file"]
