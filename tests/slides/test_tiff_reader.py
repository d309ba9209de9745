"""The dialects of TIFF: compressions, color planes, OME, Aperio, pictures without tiles, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from hetscore.domain import MppSource, Rgb
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.slides import open_slide, tiff_reader


@pytest.mark.parametrize(
    "how",
    [
        {"compression": "jpeg2000", "tile": (64, 64)},
        {"compression": "webp", "compressionargs": {"lossless": True}, "tile": (64, 64)},
        {"compression": "zstd", "predictor": True, "tile": (64, 64)},
        {"compression": "lzw", "rowsperstrip": 16},
        {"compression": None},
        {"compression": "deflate", "tile": (64, 64), "planarconfig": "separate"},
        {"compression": "deflate", "tile": (64, 64), "byteorder": ">", "bigtiff": True},
    ],
    ids=lambda how: " ".join(str(v) for v in how.values()),
)
def test_lossless_compressions_give_back_the_pixels(tmp_path: Path, picture: Rgb, how: dict[str, Any]) -> None:
    """Whatever compression, layout and byte order."""
    path = tmp_path / "a.tif"
    pixels = picture.transpose(2, 0, 1) if "planarconfig" in how else picture
    tifffile.imwrite(path, pixels, photometric="rgb", **how)

    with open_slide(path) as slide:
        assert slide.info.reader == "tiff"
        assert np.array_equal(slide.read(Box(10, 20, 150, 100), 1), picture[20:120, 10:160])


def test_transparent_pixels_are_laid_on_white(tmp_path: Path) -> None:
    """Alpha 0 is white, alpha 255 the color, alpha 51 a fifth of it."""
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[0, :3] = [(100, 0, 0, 0), (100, 0, 0, 255), (100, 0, 0, 51)]
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"], tile=(64, 64))

    with open_slide(tmp_path / "a.tif") as slide:
        row = slide.read(Box(0, 0, 4, 1), 1)[0]

    assert row.tolist() == [[255, 255, 255], [100, 0, 0], [224, 204, 204], [255, 255, 255]]


def test_ome_tiff_with_levels_in_sub_ifds(tmp_path: Path, picture: Rgb) -> None:
    """Levels inside SubIFDs and the physical size of the OME-XML are found."""
    metadata = {"axes": "YXS", "PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.25}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        common: dict[str, Any] = {"photometric": "rgb", "tile": (64, 64)}
        writer.write(picture, subifds=1, metadata=metadata, **common)
        writer.write(picture[::2, ::2], subfiletype=1, **common)

    with open_slide(tmp_path / "a.ome.tif") as slide:
        info = slide.info
        assert (info.vendor, info.mpp, info.mpp_source) == ("ome", 0.25, MppSource.FILE)
        assert [level.width for level in info.levels] == [300, 150]
        assert np.array_equal(slide.read(info.bounds, 2), picture[::2, ::2])


@pytest.mark.parametrize(
    ("mpp", "expected", "source"), [("|MPP = 0.499", 0.499, MppSource.FILE), ("|AppMag = 20", None, None)]
)
def test_aperio_says_its_scale_in_the_description(
    tmp_path: Path, picture: Rgb, mpp: str, expected: float | None, source: MppSource | None
) -> None:
    """MPP of the description, if it is there; the magnification is never turned into a scale."""
    description = f"Aperio Image Library v11.2.1 \r\n300x200 (64x64) {mpp}|Filename = a"
    tifffile.imwrite(
        tmp_path / "a.svs", picture, photometric="rgb", tile=(64, 64), description=description, metadata=None
    )

    with open_slide(tmp_path / "a.svs") as slide:
        info = slide.info
        assert (info.reader, info.vendor, info.mpp, info.mpp_source) == ("tiff", "aperio", expected, source)


@pytest.mark.parametrize(
    ("shape", "dtype", "how", "message"),
    [
        ((64, 64), np.uint8, {"photometric": "minisblack"}, "axes YX .* expected one RGB plane"),
        ((5, 64, 64), np.uint8, {"photometric": "minisblack"}, "expected one RGB plane"),
        ((4, 64, 64, 3), np.uint8, {"photometric": "rgb"}, "expected one RGB plane"),
        ((64, 64, 3), np.uint16, {"photometric": "rgb"}, "3 channels of uint16; expected RGB of 8 bits"),
    ],
)
def test_what_is_not_brightfield_rgb_is_refused(
    tmp_path: Path, shape: tuple[int, ...], dtype: type, how: dict[str, Any], message: str
) -> None:
    """Single channels, stacks, series and 16 bits are refused with a word on what they are."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, dtype), **how)

    with pytest.raises(SlideError, match=message):
        open_slide(tmp_path / "a.tif")


def test_a_large_picture_without_tiles_is_refused(
    tmp_path: Path, picture: Rgb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be held in memory whole; the error says how to convert it."""
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb")
    monkeypatch.setattr(tiff_reader, "MAX_UNTILED_PX", 1000)

    with open_slide(tmp_path / "a.tif") as slide, pytest.raises(SlideError, match="300 x 200 pixels without tiles"):
        slide.read(Box(0, 0, 4, 4), 1)


def test_tiles_that_were_never_written_are_white(tmp_path: Path, picture: Rgb) -> None:
    """Sparse slides leave out empty glass."""
    first = picture[:64, :64].tobytes()
    tiles = [(first, len(first)), (b"", 0)]
    tifffile.imwrite(
        tmp_path / "a.tif", iter(tiles), shape=(64, 128, 3), dtype=np.uint8, photometric="rgb", tile=(64, 64)
    )

    with open_slide(tmp_path / "a.tif") as slide:
        rgb = slide.read(Box(0, 0, 128, 64), 1)

    assert np.array_equal(rgb[:, :64], picture[:64, :64])
    assert (rgb[:, 64:] == 255).all()
