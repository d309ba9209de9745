"""The TIFF pyramid: what OpenSlide makes of it, and that nothing but pixels goes into it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from numpy.typing import NDArray

from hetscore.phantom import write_pyramid


def gradient(height: int, width: int) -> NDArray[np.uint8]:
    """Make a smooth picture, which JPEG keeps well."""
    y, x = np.indices((height, width))
    return np.stack([40 + 150 * x / width, 60 + 120 * y / height, np.full(x.shape, 128)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("mpp", [0.25, 0.4991])
def test_openslide_reads_resolution_and_levels(tmp_path: Path, mpp: float) -> None:
    """OpenSlide opens it as generic-tiff, with the right microns per pixel and levels of 1, 4, 16."""
    path = tmp_path / "a.tif"

    write_pyramid(path, gradient(640, 4352), mpp)

    with openslide.OpenSlide(path) as slide:
        assert slide.properties["openslide.vendor"] == "generic-tiff"
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(mpp, rel=1e-6)
        assert slide.level_dimensions == ((4352, 640), (1088, 160), (272, 40))
        assert slide.level_downsamples == (1.0, 4.0, 16.0)


def test_levels_are_block_averages(tmp_path: Path) -> None:
    """A pixel of level 1 is the mean of its 4 x 4 pixels of level 0."""
    path, rgb = tmp_path / "a.tif", gradient(256, 1024)

    write_pyramid(path, rgb, 0.25, quality=100)

    with openslide.OpenSlide(path) as slide:
        small = np.asarray(slide.read_region((0, 0), 1, (256, 64)))[..., :3]
    assert np.abs(small - rgb.reshape(64, 4, 256, 4, 3).mean(axis=(1, 3))).max() <= 4


def test_sides_that_fill_no_block_keep_their_last_pixels(tmp_path: Path) -> None:
    """Odd sides are rounded up, so that no tissue at the edge is lost from the overview."""
    path = tmp_path / "a.tif"

    write_pyramid(path, gradient(101, 1027), 0.25)

    with openslide.OpenSlide(path) as slide:
        assert slide.level_dimensions == ((1027, 101), (257, 26))


def test_same_pixels_give_same_bytes(tmp_path: Path) -> None:
    """No date, software or host name goes into the file."""
    for name in ("a.tif", "b.tif"):
        write_pyramid(tmp_path / name, gradient(300, 300), 0.25)

    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert not {"Software", "DateTime", "HostComputer"} & {tag.name for tag in file.pages.first.tags}
