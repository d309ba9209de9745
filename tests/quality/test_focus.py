"""Blurred tissue is found, at any stain; what is in focus, what cannot be read and what lies near a hair is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetscore.domain import Rgb, TissueMask
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.quality.focus import FocusParams, find_blur
from hetscore.quality.reading import Read
from tests.drawings import WHITE, Mask, disc, paint, shine

SHAPE = (70, 90)
"""Of the thumbnail at 4 um/px; the slide has 2 um/px."""
TISSUE = TissueMask(disc(SHAPE, 45, 35, 30), downsample=2, mpp=4.0)
PATCH = disc(SHAPE, 50, 35, 13)
PARAMS = FocusParams()


def _cells(dab: float, nuclei: float = 0.4) -> Rgb:
    """Nuclei of 6 um, thrown at random."""
    rng = np.random.default_rng(3)
    spots = cv2.dilate((rng.random((140, 180)) < 0.03).astype(np.float32), np.ones((3, 3)))
    return paint(nuclei * spots, np.full(spots.shape, dab))


def _blurred(rgb: Rgb, patch: Mask, sigma_um: float) -> Rgb:
    soft = cv2.GaussianBlur(rgb, (0, 0), sigma_um / 2)
    inside = patch.repeat(2, axis=0).repeat(2, axis=1)
    return np.where(inside[..., None], soft, rgb)


def _reader(rgb: Rgb) -> Read:
    def read(box: Box, downsample: int) -> Rgb:
        assert downsample == 1
        padded = np.pad(rgb, ((0, 64), (0, 64), (0, 0)), mode="edge")
        return padded[box.slices]

    return read


def _find(rgb: Rgb, params: FocusParams = PARAMS, known: Mask | None = None) -> Mask:
    return find_blur(TISSUE, _reader(rgb), WHITE, params, known=known)


@pytest.mark.parametrize("dab", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("sigma_um", [2.5, 4.0])
def test_a_blurred_patch_is_found(dab: float, sigma_um: float) -> None:
    """A disk of 100 um across in focused tissue, whatever its stain."""
    found = _find(_blurred(_cells(dab), PATCH, sigma_um)) & TISSUE.mask

    assert 2 * (found & PATCH).sum() / (found.sum() + PATCH.sum()) > 0.75


@pytest.mark.parametrize("dab", [0.0, 0.3, 0.8])
def test_focused_tissue_is_left_alone(dab: float) -> None:
    """No patch, nothing found."""
    assert not _find(_cells(dab)).any()


def test_a_slide_blurred_all_over_is_found() -> None:
    """The slide's own median is no excuse below the least ratio."""
    found = _find(_blurred(_cells(0.2), np.ones(SHAPE, bool), 4.0))

    assert found[TISSUE.mask].mean() > 0.95


@settings(max_examples=8)
@given(block_px=st.integers(16, 90))
def test_blocks_change_nothing(block_px: int) -> None:
    """Read in one block or in many: the same mask."""
    rgb = _blurred(_cells(0.2), PATCH, 3.0)

    np.testing.assert_array_equal(_find(rgb, FocusParams(block_px=block_px)), _find(rgb))


def test_a_soft_hair_is_no_blur_of_what_lies_beside_it() -> None:
    """Without its mask its soft edges read as blur, with it they do not."""
    columns = np.indices((140, 180))[1]
    shade = 0.8 * np.exp(-0.5 * ((columns - 90) / 5) ** 2)
    rgb = shine(np.repeat(shade[..., None], 3, axis=2) + _density(_cells(0.2, nuclei=0.1)))
    hair = np.abs(np.indices(SHAPE)[1] - 45) <= 10

    assert _find(rgb).any()
    assert not (_find(rgb, known=hair) & ~hair).any()


def _density(rgb: Rgb) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(-np.log10((rgb + 1.0) / (np.array(WHITE) + 1)))


def test_what_cannot_be_read_is_left_to_its_tiles() -> None:
    """A damaged part neither fails the slide nor is called blurred; the tiles tell of it."""

    def fail(_box: Box, _downsample: int) -> Rgb:
        raise SlideError("a.tif: cut off")

    assert not find_blur(TISSUE, fail, WHITE, PARAMS).any()


def test_a_slide_without_finer_pixels_is_not_judged() -> None:
    """The thumbnail is the slide itself: nothing is read."""
    whole = TissueMask(TISSUE.mask, downsample=1, mpp=2.0)

    assert not find_blur(whole, _reader(_cells(0.2)), WHITE, PARAMS).any()
