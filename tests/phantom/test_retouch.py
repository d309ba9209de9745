"""Retouching a patch of a slide: cells, factors, focus and what is laid over."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.geometry import Box
from hetscore.phantom import retouch as module
from hetscore.phantom.retouch import Overlay, Patch, Retouch, cell_px, defocused, retouch, to_cells

WHITE = (240.0, 240.0, 240.0)


def checks(size: int = 128) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Draw a checkerboard of 8-pixel squares, 80 and 200."""
    y, x = np.indices((size, size)) // 8
    return np.where((x + y) % 2, 80, 200).astype(np.uint8)[..., None].repeat(3, axis=2)


@pytest.mark.parametrize(("mpp", "expected"), [(0.25, 8), (0.23, 8), (0.5, 4), (3.0, 1)])
def test_a_cell_is_at_most_two_microns_and_at_least_a_pixel(mpp: float, expected: int) -> None:
    """Cells are whole pixels."""
    assert cell_px(mpp) == expected


def test_a_mask_is_reduced_at_the_middles() -> None:
    """A mask of 20 x 16 pixels has 3 x 2 cells of 8, set where the middle of a cell is set."""
    mask = np.zeros((20, 16), bool)
    mask[:8, 8:] = True
    mask[17:, :3] = True

    assert to_cells(mask, 0.25).tolist() == [[False, True], [False, False], [False, False]]


def test_nothing_to_do_changes_nothing() -> None:
    """An empty retouch leaves the picture, and says that no cell is changed."""
    rgb, what = checks(), Retouch()
    patch = Patch(Box(16, 16, 64, 64), 0.25)

    retouch(rgb, patch, what, WHITE)

    assert np.array_equal(rgb, checks())
    assert not what.changed(patch.shape).any()


def test_a_factor_dims_its_cells_and_spares_the_rest() -> None:
    """Half the red light in the upper half of a patch: red is halved there, green stays, the slide around stays."""
    rgb, patch = checks(), Patch(Box(16, 16, 64, 64), 0.25)
    factor = np.ones((8, 8, 3), np.float32)
    factor[:4, :, 0] = 0.5

    retouch(rgb, patch, Retouch(factor=factor), WHITE)

    assert rgb[16:34, 16:80, 0] == pytest.approx(checks()[16:34, 16:80, 0] / 2, abs=0.51)
    assert np.array_equal(rgb[..., 1:], checks()[..., 1:])
    rgb[16:80, 16:80] = checks()[16:80, 16:80]
    assert np.array_equal(rgb, checks())


def test_out_of_focus_a_pattern_fades_to_its_mean() -> None:
    """A checkerboard wholly out of focus is even gray in the middle of the patch."""
    rgb, patch = checks(), Patch(Box(0, 0, 128, 128), 0.25)

    retouch(rgb, patch, Retouch(softness=np.ones(patch.shape, np.float32), defocus_um=2.5), WHITE)

    assert rgb[40:88, 40:88] == pytest.approx(140, abs=3)


def test_what_is_laid_over_adds_its_density() -> None:
    """A picture laid over itself, as it lies, has its light squared over the glass."""
    rgb, patch = checks(), Patch(Box(0, 0, 128, 128), 0.25)
    column, row = np.meshgrid(np.arange(16) * 8 + 3.5, np.arange(16) * 8 + 3.5)
    overlay = Overlay(np.ones((16, 16), np.float32), column, row, checks())

    retouch(rgb, patch, Retouch(overlays=(overlay,)), WHITE)

    expected = checks().astype(float) ** 2 / 240
    assert rgb[24:104, 24:104] == pytest.approx(expected[24:104, 24:104], abs=0.51)


@pytest.mark.parametrize("row", range(5))
def test_a_single_row_of_cells_is_changed(row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it lies in a strip, the last one, with cells cut by the patch's border, included."""
    rgb, patch = checks(), Patch(Box(0, 0, 128, 36), 0.25)
    factor = np.ones((*patch.shape, 3), np.float32)
    factor[row] = 0.5
    monkeypatch.setattr(module, "STRIP", 16)

    retouch(rgb, patch, Retouch(factor=factor), WHITE)

    middle = min(8 * row + 4, 35)
    assert (rgb[middle] < 0.7 * checks()[middle]).all()


@pytest.mark.parametrize("sigma", [1.0, 4.0, 12.0])
def test_defocus_blurs_by_the_amount_asked(sigma: float) -> None:
    """A sharp edge becomes as soft as asked, however small the picture is kept on the way."""
    rgb = np.zeros((96, 192, 3), np.uint8)
    rgb[:, 96:] = 200

    slope = np.diff(defocused(rgb, sigma)[48, :, 0].astype(float)) / 200

    x = np.arange(len(slope)) + 1.0
    middle = (slope * x).sum()
    assert middle == pytest.approx(96, abs=0.5)
    assert np.sqrt((slope * (x - middle) ** 2).sum()) == pytest.approx(sigma, rel=0.12, abs=0.2)


def test_strips_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked on 256 or 16 rows at a time, the picture is the same."""
    patch = Patch(Box(5, 3, 100, 117), 0.25)
    rng = np.random.default_rng(0)
    factor = rng.uniform(0.5, 1.0, (*patch.shape, 3)).astype(np.float32)
    what = Retouch(factor, rng.uniform(0, 1, patch.shape).astype(np.float32), 1.5)
    pictures = [checks(), checks()]

    retouch(pictures[0], patch, what, WHITE)
    monkeypatch.setattr(module, "STRIP", 16)
    retouch(pictures[1], patch, what, WHITE)

    assert np.array_equal(pictures[0], pictures[1])
