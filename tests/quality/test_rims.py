"""A brown rim is masked, stained glands at the rim are not: drawn tissue at 4 um/px and, for the membranes, finer."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hetscore.domain import Rgb, TissueMask
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.quality.bands import Densities
from hetscore.quality.reading import Read
from hetscore.quality.rims import RimParams, find_rims
from tests.drawings import STAIN, WHITE, Image, Mask, glass, shine
from tests.quality.drawn import density_of

PARAMS = RimParams()
STEP = 8
"""Level-0 pixels of 0.25 um to one of the fine picture, 2 um; the thumbnail's are twice as large."""
SHAPE = (480, 600)
"""Of the fine picture."""
rows, columns = np.indices(SHAPE)
TISSUE: Mask = np.hypot(columns - 300, rows - 240) < 200
"""A fragment 0.8 mm across."""
NUCLEI: Mask = TISSUE & (np.hypot(rows % 5 - 2, columns % 5 - 2) < 1.5)
"""One in 10 um."""
DEPTH = 2.0 * np.maximum(200 - np.hypot(columns - 300, rows - 240), 0)
"""Below the glass, um."""
MEMBRANES: Mask = TISSUE & ((rows % 5 == 4) | (columns % 5 == 4))
NOTHING = np.zeros((240, 300), bool)


def _haze(od: float) -> Image:
    """Stain of everything at the rim, falling to a third over 15 um."""
    return np.asarray(od * TISSUE * np.exp(-DEPTH / 15))


def _find(
    dab: NDArray[np.floating], params: RimParams = PARAMS, *, read: Read | None = None, known: Mask = NOTHING
) -> Mask:
    fine = shine(density_of(0.2 * NUCLEI + 0.04 * TISSUE, dab))
    small = cv2.resize(fine, (300, 240), interpolation=cv2.INTER_AREA)

    def read_fine(box: Box, downsample: int) -> Rgb:
        assert downsample == STEP
        inside = fine[box.y // STEP : box.bottom // STEP, box.x // STEP : box.right // STEP]
        missing = (box.height // STEP - inside.shape[0], box.width // STEP - inside.shape[1])
        filled = np.full((box.height // STEP, box.width // STEP, 3), np.array(WHITE, np.uint8))
        filled[: inside.shape[0], : inside.shape[1]] = inside
        return filled if any(missing) else inside

    tissue = TissueMask(TISSUE[::2, ::2], downsample=2 * STEP, mpp=4.0)
    return find_rims(Densities(small, STAIN), tissue, read or read_fine, params, known=known)


def _overlap(found: Mask, drawn: Mask) -> float:
    """Dice's coefficient within the tissue."""
    found = found & TISSUE[::2, ::2]
    return float(2 * (found & drawn[::2, ::2]).sum() / (found.sum() + drawn[::2, ::2].sum()))


@pytest.mark.parametrize("od", [0.15, 0.25, 0.5])
def test_a_brown_rim_is_masked_as_deep_as_it_reaches(od: float) -> None:
    """All around, down to where less than 0.03 is left."""
    found = _find(_haze(od))

    assert _overlap(found, TISSUE & (_haze(od) > 0.03)) > 0.85
    assert not (found & (DEPTH > 60)[::2, ::2]).any()


def test_half_a_rim_is_masked_by_half() -> None:
    """Brown on the left: the right keeps its rim."""
    found = _find(_haze(0.3) * (columns < 300))

    assert found[120, 52:54].all()  # the fragment begins at 50
    assert not found[:, 190:].any()


@pytest.mark.parametrize("od", [0.0, 0.3, 0.8])
def test_stain_that_is_everywhere_is_no_rim(od: float) -> None:
    """Unstained tissue, and tumor stained through and through."""
    assert not _find(od * MEMBRANES).any()


def test_stained_membranes_at_the_rim_are_left() -> None:
    """A clone as a shell 40 um thick: brown lines, pale cytoplasm, and nothing stained beneath."""
    assert not _find(0.8 * MEMBRANES * (DEPTH < 40)).any()


def test_a_brown_spot_at_the_rim_is_no_rim() -> None:
    """The top of a gland, 80 um wide, stained all over."""
    assert not _find(0.3 * (TISSUE & (np.hypot(columns - 300, rows - 42) < 20))).any()


def test_the_border_of_ink_is_no_rim_of_tissue() -> None:
    """Ink over the upper half: what lies under it is not looked at, and its edge is not glass."""
    known = np.broadcast_to((np.arange(240) < 120)[:, None], NOTHING.shape)

    found = _find(_haze(0.3), known=known)

    assert found[217, 150]
    assert not found[125, 120:180].any()


def test_what_cannot_be_read_is_left_to_its_tiles() -> None:
    """Without finer pixels haze cannot be told from membranes."""

    def fail(_box: Box, _downsample: int) -> Rgb:
        raise SlideError("a.tif: cut off")

    assert not _find(_haze(0.3), read=fail).any()


def test_a_clean_slide_is_not_read() -> None:
    """The thumbnail is enough."""

    def refuse(_box: Box, _downsample: int) -> Rgb:
        raise AssertionError

    assert not _find(0.3 * MEMBRANES, read=refuse).any()


def test_glass_has_no_rim() -> None:
    """No tissue, no places."""
    tissue = TissueMask(NOTHING, downsample=2 * STEP, mpp=4.0)

    def refuse(_box: Box, _downsample: int) -> Rgb:
        raise AssertionError

    assert not find_rims(Densities(glass(240, 300), STAIN), tissue, refuse, PARAMS, known=NOTHING).any()


@settings(max_examples=5)
@given(block_px=st.integers(20, 120))
def test_blocks_change_nothing(block_px: int) -> None:
    """However the slide is cut to be read, the same is found."""
    np.testing.assert_array_equal(_find(_haze(0.25), RimParams(block_px=block_px)), _find(_haze(0.25)))


@settings(max_examples=5)
@given(rows=st.integers(20, 120))
def test_bands_change_nothing(rows: int) -> None:
    """However the thumbnail is cut, the same is found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hetscore.quality.bands.BAND_ROWS", rows)
        found = _find(_haze(0.25))
    np.testing.assert_array_equal(found, _find(_haze(0.25)))
