"""What regions say of cells: never that one is a tumor cell, but where it is none."""

from __future__ import annotations

import numpy as np

from hetscore.annotations import call_tumor
from hetscore.domain import Region, RegionKind
from tests.annotations.drawn import region

X = np.array([5.0, 15.0, 25.0, 35.0])
Y = np.full(4, 5.0)


def called(*regions: Region) -> list[int]:
    """Ask of four cells, in pixels 0 to 3 of a row."""
    answers: list[int] = call_tumor(X, Y, regions).tolist()
    return answers


def test_nothing_drawn_says_nothing() -> None:
    """Regions of other kinds do not matter."""
    assert called() == [0, 0, 0, 0]
    assert called(region(RegionKind.EXCLUDE, (0, 0, 2, 1))) == [0, 0, 0, 0]


def test_outside_all_regions_of_tumor() -> None:
    """Where tumor is drawn, what lies in none of the regions is no tumor; what lies in one stays as it was found."""
    assert called(region(RegionKind.TUMOR, (0, 0, 1, 1)), region(RegionKind.TUMOR, (2, 0, 1, 1))) == [0, -1, 0, -1]


def test_non_tumor_outranks_tumor() -> None:
    """A gland drawn within the tumor is no tumor."""
    assert called(region(RegionKind.TUMOR, (0, 0, 3, 1)), region(RegionKind.NON_TUMOR, (1, 0, 1, 1))) == [0, -1, 0, -1]
