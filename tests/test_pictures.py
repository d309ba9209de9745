"""Pictures of deciding fields: what they show, and how large they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hetscore.domain import FragmentMatch
from hetscore.geometry import Box
from hetscore.phantom.pyramid import write_pyramid
from hetscore.pictures import take_companion, take_picture
from hetscore.slides import open_slide


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """Write a gray slide of 1000 x 1000 pixels of 0.25 um."""
    write_pyramid(tmp_path / "gray.tif", np.full((1000, 1000, 3), 200, np.uint8), 0.25)
    return tmp_path / "gray.tif"


@pytest.mark.parametrize(
    ("bounds", "shown", "downsample"),
    [
        (Box(480, 480, 40, 40), Box(100, 100, 800, 800), 1),
        (Box(300, 400, 400, 200), Box(100, 100, 800, 800), 1),
        (Box(100, 100, 800, 400), Box(-100, -300, 1200, 1200), 2),
        (Box(0, 0, 4000, 4000), Box(798, 798, 2400, 2400), 3),
    ],
    ids=["a cell: 200 um", "100 um and a half: no less than 200", "200 um and a half", "a fragment: 600 um"],
)
def test_a_place_and_its_surroundings(slide: Path, bounds: Box, shown: Box, downsample: int) -> None:
    """A square about the middle of the place, shrunk by whole steps to 800 pixels or fewer."""
    with open_slide(slide) as opened:
        picture = take_picture(opened, bounds, "five cells")

    assert (picture.slide, picture.caption) == ("gray.tif", "five cells")
    assert picture.bounds == shown
    assert picture.mpp == pytest.approx(0.25 * downsample)
    assert picture.rgb.shape == (shown.height // downsample, shown.width // downsample, 3)


QUARTER_TURN = np.array([[0.0, -1.0, 1000.0], [1.0, 0.0, 0.0]])
"""(x, y) -> (1000 - y, x)."""
MATCH = FragmentMatch(1, QUARTER_TURN, 4.4, 9.0, 0.9, 20)


def test_the_companion_lies_as_the_picture_does(slide: Path, tmp_path: Path) -> None:
    """A square that a quarter turn brings to the upper right of the companion is shown in the picture's frame."""
    rgb = np.full((1000, 1000, 3), 200, np.uint8)
    rgb[300:400, 700:800] = (250, 150, 170)
    write_pyramid(tmp_path / "he.tif", rgb, 0.25)

    with open_slide(slide) as opened, open_slide(tmp_path / "he.tif") as other:
        picture = take_picture(opened, Box(300, 200, 100, 100), "five cells")
        beside = take_companion(other, picture, MATCH)

    assert (beside.slide, beside.caption) == ("he.tif", "H&E, registered; estimated error 4 um")
    assert beside.rgb.shape == picture.rgb.shape
    corner = 300 - picture.bounds.x, 200 - picture.bounds.y
    inside = beside.rgb[corner[1] + 10 : corner[1] + 90, corner[0] + 10 : corner[0] + 90]
    np.testing.assert_allclose(inside.mean(axis=(0, 1)), (250, 150, 170), atol=3)
    assert np.abs(beside.rgb[corner[1] - 20, corner[0] - 20].astype(int) - 200).max() < 4


def test_a_companion_without_a_place_is_a_mistake(slide: Path) -> None:
    """Only what is registered can be shown."""
    with open_slide(slide) as opened, pytest.raises(ValueError, match="no place"):
        take_companion(opened, take_picture(opened, Box(0, 0, 9, 9), ""), FragmentMatch(1, None, None, None, 0, 0, "x"))
