"""The script that makes a slide of many pieces out of single fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hetscore.slides import open_slide
from scripts.compose_slide import compose, main
from tests.slides.writers import write_png


def test_pictures_are_laid_out_in_rows_on_white() -> None:
    """Three pictures, two in a row, one pixel between: drawn by hand."""
    pictures = [np.full((h, w, 3), color, np.uint8) for h, w, color in ((1, 2, 10), (2, 1, 20), (1, 1, 30))]

    canvas = compose(pictures, gap=1, per_row=2)

    assert canvas[..., 0].tolist() == [
        [255, 255, 255, 255, 255, 255],
        [255, 10, 10, 255, 20, 255],
        [255, 255, 255, 255, 20, 255],
        [255, 255, 255, 255, 255, 255],
        [255, 30, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 255],
    ]


def test_the_slide_opens_with_its_scale(tmp_path: Path) -> None:
    """Two gray fields become one slide with the scale that was given, each at its place."""
    for name, color in (("a.png", 40), ("b.png", 120)):
        write_png(tmp_path / name, np.full((64, 64, 3), color, np.uint8))
    out = tmp_path / "slide.tif"

    status = main(
        ["--mpp", "0.5", "--gap-um", "16", "--out", str(out), str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    )

    assert status == 0
    with open_slide(out) as slide:
        rgb = slide.read(slide.info.bounds, 1)
        assert slide.info.mpp == pytest.approx(0.5)
    assert rgb.shape == (128, 224, 3)
    assert rgb[[0, 64, 64, 64], [0, 64, 112, 160], 0] == pytest.approx([255, 40, 255, 120], abs=2)


def test_a_bad_picture_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error goes to stderr and nothing is written."""
    status = main(["--mpp", "0.5", "--out", str(tmp_path / "slide.tif"), str(tmp_path / "none.png")])

    assert status == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "slide.tif").exists()
