"""Pictures of deciding fields: what they show, and how large they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hetscore.geometry import Box
from hetscore.phantom.pyramid import write_pyramid
from hetscore.pictures import take_picture
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
