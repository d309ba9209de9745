"""Where an artefact may lie: on its fragment, cell on cell, or on glass that is free."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.geometry import Box
from hetscore.phantom.artefact_spots import PlacedFragment, Room, Scene, Spot, on_fragment, on_glass

MPP = 0.5
CELL = 4
"""Pixels of a cell at `MPP`."""
ROOM = Room(margin_um=20.0, glass_um=(100.0, 60.0))


def scene(box: Box, tissue: np.ndarray[tuple[int, int], np.dtype[np.bool_]] | None = None) -> Scene:
    """Lay one fragment on a slide of 800 x 600 pixels; all of its box is tissue if not told otherwise."""
    whole = np.ones((-(-box.height // CELL), -(-box.width // CELL)), bool)
    placed = PlacedFragment(box, whole if tissue is None else tissue)
    return Scene(np.zeros((600, 800, 3), np.uint8), [placed], (240.0, 240.0, 240.0), MPP)


def place(box: Box, room: Room = ROOM, share: float = 0.25) -> Spot:
    """Take the spot on the only fragment."""
    return on_fragment(scene(box), 1, share, room, np.random.default_rng(0))


def test_a_spot_is_the_fragment_and_its_margin() -> None:
    """20 um are 10 cells on every side; the tissue keeps its place among the cells."""
    spot = place(Box(200, 160, 120, 80))

    assert spot.patch.box == Box(160, 120, 200, 160)
    row, column = np.nonzero(spot.tissue)
    assert (row.min(), row.max(), column.min(), column.max()) == (10, 29, 10, 39)
    assert spot.x[spot.tissue].min() == (200 + CELL / 2) * MPP


def test_at_the_corner_of_the_slide_the_margin_is_what_there_is() -> None:
    """Three cells lie above and left of the fragment, and it still lies on them."""
    spot = place(Box(12, 12, 120, 80))

    assert spot.patch.box == Box(0, 0, 172, 132)
    assert np.argwhere(spot.tissue)[0].tolist() == [3, 3]


def test_the_slides_own_border_does_not_end_an_artefact() -> None:
    """The distance to the patch's border grows from the inner sides, right and lower here, alone."""
    spot = place(Box(12, 12, 120, 80))

    assert spot.border[0, 0] == pytest.approx(min(172, 132) * MPP - 1.0)
    assert spot.border[-1, 0] == pytest.approx(1.0)
    assert spot.border[0, -1] == pytest.approx(1.0)


def test_a_long_room_crosses_the_slide() -> None:
    """From one border to the other along one side, with the margin along the other."""
    spot = place(Box(200, 160, 120, 80), Room(20.0, (0, 0), is_long=True))

    assert (spot.patch.box.width, spot.patch.box.height) in {(800, 160), (200, 600)}


def test_the_share_of_the_tissue_lies_within_the_level() -> None:
    """A quarter of the cells lies left of the level of x."""
    spot = place(Box(200, 160, 120, 80), share=0.25)

    assert (spot.x[spot.tissue] < spot.level(spot.x)).mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_on_the_glass_the_place_is_free_and_as_large_as_asked(seed: int) -> None:
    """With room beside the fragment, 100 x 60 um are found, lying or standing."""
    there = scene(Box(0, 0, 400, 600))

    spot = on_glass(there, ROOM, np.random.default_rng(seed))

    box = spot.patch.box
    assert {box.width, box.height} == {200, 120}
    assert box.x >= 400
    assert spot.on_glass
    assert spot.tissue.all()


def test_on_a_crowded_slide_less_room_is_taken() -> None:
    """Only 80 pixels are free: the place is narrower than asked, and free."""
    spot = on_glass(scene(Box(0, 0, 720, 600)), ROOM, np.random.default_rng(0))

    assert spot.patch.box.x >= 720
    assert 0 < min(spot.patch.box.width, spot.patch.box.height) <= 80


def test_on_a_full_slide_the_smallest_place_is_taken_anyway() -> None:
    """Nothing is free: 18 percent of the room, somewhere inside."""
    spot = on_glass(scene(Box(0, 0, 800, 600)), ROOM, np.random.default_rng(0))

    assert {spot.patch.box.width, spot.patch.box.height} == {36, 22}
