"""The door: what cannot be opened is told in one line, what is damaged only costs its own place."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import numpy as np
import pytest

from hetscore.domain import MppSource, Rgb
from hetscore.errors import SlideError, UsageError
from hetscore.geometry import Box
from hetscore.slides import READERS, SUPPORTED_SUFFIXES, dicom_series, hash_slide, open_slide
from tests.slides.writers import WRITERS, write_png, write_tiff, write_trestle


def test_every_reader_has_a_writer_in_the_conformance_suite() -> None:
    """A reader that is not tested is not a reader."""
    assert set(READERS) == set(WRITERS)
    assert {suffix for suffix, _ in WRITERS.values()} <= SUPPORTED_SUFFIXES


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.svs", b"", "the file is empty"),
        ("text.svs", b"no picture here", "no slide format .the file starts with b'no pictu'"),
        ("short.tif", b"II*\x00", "expected a complete TIFF"),
        ("far.tif", b"II*\x00\xff\xff\xff\x00", "expected a complete TIFF"),
        ("none.tif", b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00", "expected a complete TIFF"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\x00\x00", "the header is damaged"),
        ("cut.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", "the header is damaged"),
        ("alone.mrxs", b"\xff\xd8\xff\xe0\x00\x10JFIF", "its folder alone is absent"),
    ],
)
def test_what_is_no_slide_is_told_in_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """The error names the file and what was seen."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(SlideError, match=message) as caught:
        open_slide(path)

    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    """A path that is not a file is refused before any reader is asked."""
    with pytest.raises(SlideError, match="no such file"):
        open_slide(tmp_path / "none.svs")
    with pytest.raises(SlideError, match=r"is a folder; .*\.mrxs"):
        open_slide(tmp_path)


def test_an_absurd_mpp_is_a_usage_error(tmp_path: Path) -> None:
    """The scale is checked before the file is opened."""
    with pytest.raises(UsageError, match="--mpp: 25 um/px"):
        open_slide(tmp_path / "none.svs", mpp=25)
    with pytest.raises(UsageError, match="cases table"):
        open_slide(tmp_path / "none.svs", mpp=25, mpp_source=MppSource.CASES_TABLE)


def test_where_the_scale_came_from(tmp_path: Path, picture: Rgb) -> None:
    """Scanner field, TIFF tags, nothing, and the user, each by its name."""
    write_trestle(tmp_path / "scanner.tif", picture)
    write_tiff(tmp_path / "tags.tif", picture)
    write_png(tmp_path / "field.png", picture)
    expected = {
        "scanner.tif": (0.25, MppSource.FILE, None),
        "tags.tif": (0.25, MppSource.TIFF_RESOLUTION, None),
        "field.png": (None, None, "no pixel size in the file"),
    }

    for name, facts in expected.items():
        with open_slide(tmp_path / name) as slide:
            assert (slide.info.mpp, slide.info.mpp_source, slide.info.mpp_problem) == facts
    with open_slide(tmp_path / "field.png", mpp=0.5) as slide:
        assert (slide.info.mpp, slide.info.mpp_source) == (0.5, MppSource.COMMAND_LINE)


@pytest.mark.parametrize("reader", ["openslide", "tiff"])
def test_a_damaged_tile_costs_only_its_own_place(tmp_path: Path, picture: Rgb, reader: str) -> None:
    """The error names file and place, and the rest of the slide can still be read, before and after."""
    path = tmp_path / "damaged.tif"
    WRITERS[reader][1](path, picture)
    data = bytearray(path.read_bytes())
    place = _first_tile_with_row(data, picture)
    data[place : place + 400] = b"\x00" * 400
    path.write_bytes(data)

    with open_slide(path, mpp=0.25) as slide:
        for _ in range(2):
            with pytest.raises(SlideError, match=r"damaged\.tif: cannot decode the picture at x 0, y 0 "):
                slide.read(Box(0, 0, 64, 64), 1)
            assert np.array_equal(slide.read(Box(128, 64, 64, 64), 1), picture[64:128, 128:192])


def _first_tile_with_row(data: bytes | bytearray, picture: Rgb) -> int:
    """Find the compressed bytes of the first tile: the first zlib stream that holds the picture's corner."""
    corner = picture[0, :64].tobytes()
    start = data.find(b"\x78")
    while start >= 0:
        try:
            if zlib.decompressobj().decompress(bytes(data[start:]), len(corner)) == corner:
                return start
        except zlib.error:
            pass
        start = data.find(b"\x78", start + 1)
    raise AssertionError


def test_a_file_that_was_cut_off_opens_and_fails_at_the_missing_place(tmp_path: Path, picture: Rgb) -> None:
    """Header intact, last tiles missing: the facts are there, the first tiles too, the last place is an error."""
    path = tmp_path / "cut.tif"
    write_tiff(path, picture)
    path.write_bytes(path.read_bytes()[:-2000])

    with open_slide(path) as slide:
        assert np.array_equal(slide.read(Box(0, 0, 64, 64), 1), picture[:64, :64])
        with pytest.raises(SlideError, match=r"cannot decode the picture at x .*its data end at byte"):
            slide.read(Box(0, 0, 300, 200), 2)


@pytest.mark.parametrize("reader", list(READERS))
def test_wherever_a_file_is_cut_off_no_pixel_is_made_up(tmp_path: Path, picture: Rgb, reader: str) -> None:
    """Cut at any length, a file gives a `SlideError` or the true pixels, nothing else."""
    suffix, write = WRITERS[reader]
    path = tmp_path / f"cut{suffix}"
    write(path, picture)
    data = path.read_bytes()
    n_refused = 0

    for length in [*range(8, 600, 37), *range(600, len(data), len(data) // 12)]:
        path.write_bytes(data[:length])
        try:
            with open_slide(path, mpp=0.25) as slide:
                assert np.array_equal(slide.read(Box(192, 128, 108, 72), 1), picture[128:, 192:])
        except SlideError:
            n_refused += 1

    assert n_refused > 10


def test_hash_is_the_sha256_of_the_file(tmp_path: Path) -> None:
    """The same as the command sha256sum."""
    path = tmp_path / "a.svs"
    path.write_bytes(b"abc" * 1_000_000)

    assert hash_slide(path) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()


def test_only_dicom_has_a_series(tmp_path: Path, picture: Rgb) -> None:
    """What is not DICOM belongs to no series."""
    write_tiff(tmp_path / "a.dcm", picture)

    assert dicom_series(tmp_path / "a.dcm") is None
