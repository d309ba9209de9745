"""What every reader must do; a new line in READERS is tested the day it is added."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from hetscore.domain import Rgb
from hetscore.geometry import Box, grid_boxes
from hetscore.slides import READERS, Slide, open_slide, reader_module
from tests.slides.writers import MPP, WRITERS


@pytest.fixture(params=list(READERS))
def reader(request: pytest.FixtureRequest) -> str:
    """Name each reader in turn."""
    return str(request.param)


@pytest.fixture
def path(reader: str, picture: Rgb, tmp_path: Path) -> Path:
    """Write the picture in the reader's format, under a name that needs Unicode and quoting."""
    suffix, write = WRITERS[reader]
    path = tmp_path / f"a 😐 slide{suffix}"
    write(path, picture)
    return path


@pytest.fixture
def slide(path: Path) -> Iterator[Slide]:
    """Open it with a scale."""
    with open_slide(path, mpp=MPP) as slide:
        yield slide


def test_claims_its_own_format_alone(reader: str, path: Path) -> None:
    """Detection gives each file to exactly the reader it was written for, before any later reader is asked."""
    earlier = list(READERS)[: list(READERS).index(reader)]

    assert reader_module(reader).can_open(path)
    assert not any(reader_module(name).can_open(path) for name in earlier)


def test_tells_the_facts(reader: str, slide: Slide, path: Path) -> None:
    """Size, reader and a pyramid that starts at downsample 1 and shrinks."""
    info = slide.info
    downsamples = [level.downsample for level in info.levels]

    assert (info.path, info.reader, info.width, info.height, info.mpp) == (path, reader, 300, 200, MPP)
    assert (info.levels[0].width, info.levels[0].height, downsamples[0]) == (300, 200, 1.0)
    assert downsamples == sorted(downsamples)


def test_gives_back_the_pixels(slide: Slide, picture: Rgb) -> None:
    """Lossless in, the same pixels out: whole, and for a box across tile borders."""
    assert np.array_equal(slide.read(slide.info.bounds, 1), picture)
    assert np.array_equal(slide.read(Box(50, 60, 90, 80), 1), picture[60:140, 50:140])


def test_beyond_the_edge_is_white(slide: Slide, picture: Rgb) -> None:
    """A box over the corner is white outside, and one off the slide is all white."""
    corner = slide.read(Box(-2, -3, 4, 4), 1)

    assert np.array_equal(corner[3:, 2:], picture[:1, :2])
    assert (corner[:3] == 255).all()
    assert (corner[:, :2] == 255).all()
    assert (slide.read(Box(400, 400, 8, 8), 2) == 255).all()


@pytest.mark.parametrize("downsample", [1, 2, 4])
def test_a_place_has_the_same_pixels_in_every_box(slide: Slide, downsample: int) -> None:
    """Read alone or as part of a larger box, at any downsample, edges included."""
    whole = Box(-20, -20, 360, 260)
    large = slide.read(whole, downsample)

    for box in grid_boxes(Box(0, 0, 300, 200), 60):
        inside = box.shifted(-whole.x, -whole.y)
        rows, columns = (slice(s.start // downsample, s.stop // downsample) for s in inside.slices)
        assert np.array_equal(slide.read(box, downsample), large[rows, columns])


def test_downsampling_is_the_area_average(slide: Slide, picture: Rgb) -> None:
    """Each pixel at downsample 4 is the mean of its 16, up to the rounding of one level between."""
    mean = picture.reshape(50, 4, 75, 4, 3).mean((1, 3))

    assert np.abs(slide.read(slide.info.bounds, 4) - mean).max() <= 1


def test_threads_read_what_one_reads(slide: Slide, picture: Rgb) -> None:
    """Eight threads at once see the pixels that one sees."""
    boxes = [box.clipped(slide.info.bounds) for box in grid_boxes(slide.info.bounds, 32)] * 4

    with ThreadPoolExecutor(8) as pool:
        tiles = list(pool.map(lambda box: slide.read(box, 1), boxes))

    assert all(np.array_equal(tile, picture[box.slices]) for tile, box in zip(tiles, boxes, strict=True))


def test_two_readers_agree_on_one_file(tmp_path: Path, picture: Rgb) -> None:
    """OpenSlide and tifffile see the same pixels and the same levels in one plain pyramid."""
    path = tmp_path / "plain.tif"
    WRITERS["tiff"][1](path, picture)

    raws = [reader_module(name).open_raw(path) for name in ("openslide", "tiff")]

    assert raws[0].levels == raws[1].levels
    for level, size in enumerate(raws[0].levels):
        box = Box(3, 5, size.width - 3, size.height - 5)
        assert np.array_equal(raws[0].read_level(level, box), raws[1].read_level(level, box))
    assert [raw.mpp_claims[0].x for raw in raws] == pytest.approx([MPP, MPP])
    assert raws[0].mpp_claims[0].source == raws[1].mpp_claims[0].source
    for raw in raws:
        raw.close()
