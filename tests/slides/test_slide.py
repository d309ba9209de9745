"""Level choice, averaging, thumbnail and scale of an open slide, on a reader of plain arrays."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Level, Rgb, SlideInfo
from hetscore.errors import ResolutionError
from hetscore.geometry import Box
from hetscore.slides import Slide
from hetscore.slides import slide as slide_module
from hetscore.slides.resolution import MppClaim
from hetscore.slides.slide import whole_downsample


class ArrayReader:
    """A pyramid of flat gray levels: the color of a pixel tells the level it was read from."""

    vendor: str | None = None
    mpp_claims: tuple[MppClaim, ...] = ()

    def __init__(self, levels: tuple[Level, ...], pixels: Rgb | None = None) -> None:
        self.levels = levels
        self.pixels = pixels
        self.boxes: list[Box] = []

    def read_level(self, level: int, box: Box) -> Rgb:
        """Return the box, gray 10 * level, or the pixels given for level 0."""
        self.boxes.append(box)
        if self.pixels is not None:
            return self.pixels[box.slices]
        return np.full((box.height, box.width, 3), 10 * level, np.uint8)

    def close(self) -> None:
        """Nothing to close."""


def make_slide(raw: ArrayReader, mpp: float | None = 0.25, problem: str | None = None) -> Slide:
    """Open an `ArrayReader`."""
    first = raw.levels[0]
    return Slide(
        SlideInfo(Path("a.tif"), "array", first.width, first.height, raw.levels, mpp, None, problem),
        raw,
    )


def pyramid(*downsamples: float, side: int = 6400) -> ArrayReader:
    """Make square levels of these downsamples."""
    return ArrayReader(tuple(Level(int(side / d), int(side / d), d) for d in downsamples))


@pytest.mark.parametrize(
    ("width", "height", "downsample", "expected"),
    [
        (6400, 6400, 1.0, 1),
        (2221, 1783, 2.0005, 2),  # an odd size halved: 4443 x 3567
        (11500, 8228, 4.00012, 4),  # Aperio: 46000 x 32914
        (75, 62, 4.0161, None),  # 300 x 250: rounding is 0.4 % of so small a level
        (40000, 30000, 4.002, None),  # within 0.1 %, yet the far edge is off by 20 pixels
        (1000, 1000, 2.5, None),
    ],
)
def test_whole_downsample(width: int, height: int, downsample: float, expected: int | None) -> None:
    """A level counts as a whole downsample only if it is one but for the rounding of its size."""
    assert whole_downsample(Level(width, height, downsample)) == expected


@pytest.mark.parametrize(("downsample", "level"), [(1, 0), (2, 0), (3, 0), (4, 1), (8, 1), (16, 2), (48, 2), (20, 1)])
def test_reads_the_coarsest_level_that_divides(downsample: int, level: int) -> None:
    """Of the levels 1, 4 and 16, the coarsest that divides the wanted downsample is read."""
    slide = make_slide(pyramid(1, 4, 16))

    rgb = slide.read(Box(0, 0, 10 * downsample, 5 * downsample), downsample)

    assert rgb.shape == (5, 10, 3)
    assert (rgb == 10 * level).all()


def test_never_reads_a_level_that_is_not_whole() -> None:
    """A level of downsample 4.02 is passed over at 4, 8 and 402."""
    slide = make_slide(pyramid(1, 4.02))

    assert all((slide.read(Box(0, 0, d, d), d) == 0).all() for d in (4, 8, 402))


@given(factor=st.integers(1, 9), seed=st.integers(0, 2**16))
def test_average_is_rounded_to_the_nearest(factor: int, seed: int) -> None:
    """Each pixel is the mean of its block, off by at most one half."""
    pixels = np.random.default_rng(seed).integers(0, 256, (5 * factor, 7 * factor, 3), dtype=np.uint8)
    slide = make_slide(ArrayReader((Level(7 * factor, 5 * factor, 1.0),), pixels))

    rgb = slide.read(slide.info.bounds, factor)

    mean = pixels.reshape(5, factor, 7, factor, 3).mean((1, 3))
    assert np.abs(rgb - mean).max() <= 0.5 + 1e-6


def test_large_boxes_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A box larger than the limit is decoded in parts, with the pixels of one reading."""
    pixels = np.random.default_rng(1).integers(0, 256, (60, 100, 3), dtype=np.uint8)
    raw = ArrayReader((Level(100, 60, 1.0),), pixels)
    whole = make_slide(raw).read(Box(0, 0, 104, 64), 4)

    raw.boxes.clear()
    monkeypatch.setattr(slide_module, "MAX_PART_PX", 30)
    parts = make_slide(raw).read(Box(0, 0, 104, 64), 4)

    assert np.array_equal(whole, parts)
    assert max(max(box.width, box.height) for box in raw.boxes) <= 30


@pytest.mark.parametrize(
    ("box", "downsample"),
    [(Box(2, 0, 4, 4), 4), (Box(0, 0, 6, 4), 4), (Box(0, 0, 4, 4), 0), (Box(0, 0, 0, 4), 1)],
)
def test_refuses_boxes_that_are_not_whole_blocks(box: Box, downsample: int) -> None:
    """A box off the grid of the downsample, or empty, is a mistake of the caller."""
    with pytest.raises(ValueError, match="whole blocks"):
        make_slide(pyramid(1)).read(box, downsample)


@pytest.mark.parametrize(
    ("mpp", "levels", "expected"),
    [
        (8.0, (1, 4, 16), 32),  # 8 / 0.25
        (4.0, (1, 4, 16), 16),
        (0.1, (1, 4, 16), 1),  # never finer than level 0
        (8.75, (1, 4, 16), 32),  # 35 wanted: 32 is near enough and can be read from level 16
        (8.75, (1,), 35),
        (6.0, (1, 4, 16), 24),  # neither 16 nor 32 is within a fifth
    ],
)
def test_thumbnail_is_a_cheap_downsample_near_the_wanted(mpp: float, levels: tuple[int, ...], expected: int) -> None:
    """The thumbnail's downsample is whole and near the wanted one, from a small level where one is near enough."""
    thumbnail = make_slide(pyramid(*levels)).thumbnail(mpp)

    side = math.ceil(6400 / expected)
    assert thumbnail.downsample == expected
    assert thumbnail.mpp == pytest.approx(0.25 * expected)
    assert thumbnail.rgb.shape == (side, side, 3)


def test_thumbnail_without_a_scale_is_bounded_by_its_size() -> None:
    """A slide without microns per pixel still has a thumbnail, of at most 2048 pixels, and of no scale."""
    thumbnail = make_slide(pyramid(1, 4, 16), mpp=None).thumbnail(8.0)

    assert thumbnail.downsample == 4
    assert math.isnan(thumbnail.mpp)


def test_require_mpp() -> None:
    """The scale, or an error that says what the file said and what to do."""
    assert make_slide(pyramid(1)).require_mpp() == 0.25

    with pytest.raises(ResolutionError, match=r"a\.tif: it says 353; expected .*--mpp 0\.25.*cases\.csv"):
        make_slide(pyramid(1), mpp=None, problem="it says 353").require_mpp()
