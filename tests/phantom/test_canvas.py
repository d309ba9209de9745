"""A picture in a file: what is written into a window stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hetscore.phantom.canvas import STRIP_ROWS, new_canvas, paste


def test_what_is_pasted_is_there_and_nothing_else(tmp_path: Path) -> None:
    """A picture higher than a strip, pasted off the corner."""
    canvas = new_canvas(tmp_path / "a.raw", STRIP_ROWS + 100, 40)
    picture = np.random.default_rng(0).integers(1, 255, (STRIP_ROWS + 50, 20, 3)).astype(np.uint8)

    paste(canvas, picture, 7, 30)

    expected = np.zeros(canvas.shape, np.uint8)
    expected[30 : 30 + len(picture), 7:27] = picture
    assert np.array_equal(canvas[:], expected)
    assert (tmp_path / "a.raw").stat().st_size == (STRIP_ROWS + 100) * 40 * 3


def test_strips_cover_every_row_once(tmp_path: Path) -> None:
    """Two whole strips and a rest of three rows."""
    canvas = new_canvas(tmp_path / "a.raw", 2 * STRIP_ROWS + 3, 5)

    rows = [row for strip in canvas.strips() for row in range(strip.start, strip.stop)]

    assert rows == list(range(2 * STRIP_ROWS + 3))
    assert [len(canvas[strip]) for strip in canvas.strips()] == [STRIP_ROWS, STRIP_ROWS, 3]


def test_rows_beyond_the_end_are_none(tmp_path: Path) -> None:
    """As for an array, a slice past the end is empty."""
    assert new_canvas(tmp_path / "a.raw", 4, 5)[4:9].shape == (0, 5, 3)
