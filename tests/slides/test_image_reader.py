"""Single fields: transparency, color modes, size limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hetscore.domain import Rgb
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.slides import open_slide


def test_transparent_pixels_are_laid_on_white(tmp_path: Path) -> None:
    """A hole in the picture is empty glass."""
    picture = Image.new("RGBA", (2, 1), (100, 0, 0, 255))
    picture.putpixel((1, 0), (100, 0, 0, 0))
    picture.save(tmp_path / "a.png")

    with open_slide(tmp_path / "a.png") as slide:
        assert slide.read(Box(0, 0, 2, 1), 1).tolist() == [[[100, 0, 0], [255, 255, 255]]]


def test_palettes_are_resolved(tmp_path: Path) -> None:
    """A picture of few colors gives them back."""
    Image.new("RGB", (8, 8), (12, 34, 56)).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.png")

    with open_slide(tmp_path / "a.png") as slide:
        assert (slide.read(Box(0, 0, 8, 8), 1) == (12, 34, 56)).all()


@pytest.mark.parametrize(("mode", "suffix"), [("L", ".png"), ("I;16", ".png"), ("CMYK", ".jpg")])
def test_what_is_not_8_bit_color_is_refused(tmp_path: Path, mode: str, suffix: str) -> None:
    """Gray, 16-bit and CMYK pictures are not brightfield RGB."""
    Image.new(mode, (8, 8)).save(tmp_path / f"a{suffix}")

    with pytest.raises(SlideError, match=f"the picture is {mode}; expected 8-bit color"):
        open_slide(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_that_was_cut_off_is_refused(tmp_path: Path, picture: Rgb, kind: str) -> None:
    """Never half a picture with gray below."""
    path = tmp_path / "a.img"
    Image.fromarray(picture).save(path, format=kind)
    path.write_bytes(path.read_bytes()[:-3000])

    with pytest.raises(SlideError, match="cannot decode the picture"):
        open_slide(path)


def test_density_is_no_scale(tmp_path: Path, picture: Rgb) -> None:
    """A density that would be 0.25 um/px as a TIFF tag says nothing in a PNG."""
    Image.fromarray(picture).save(tmp_path / "a.png", dpi=(101_600, 101_600))

    with open_slide(tmp_path / "a.png") as slide:
        assert slide.info.mpp is None


@pytest.mark.parametrize(("limit", "opens"), [(40_000, True), (20_000, False)])
def test_too_large_a_picture_is_refused(
    tmp_path: Path, picture: Rgb, monkeypatch: pytest.MonkeyPatch, limit: int, opens: bool
) -> None:
    """Between Pillow's warning and its refusal the picture is read without a word; above, the error says what to do."""
    Image.fromarray(picture).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)

    if opens:
        with open_slide(tmp_path / "a.png") as slide:
            assert np.array_equal(slide.read(slide.info.bounds, 1), picture)
    else:
        with pytest.raises(SlideError, match="pyramidal TIFF"):
            open_slide(tmp_path / "a.png")
