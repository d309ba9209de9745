"""Blocks: where they are laid, where they are found, and what is fitted to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Affine
from hetscore.registration import RegistrationParams
from hetscore.registration.blocks import (
    Blocks,
    Fit,
    apply_affine,
    find_borne_out,
    find_peak,
    fit_blocks,
    is_plausible,
    match_blocks,
    plan_blocks,
)
from hetscore.registration.mapping import invert
from hetscore.registration.views import View

PARAMS = RegistrationParams()
STAY: Affine = np.eye(2, 3)


def view_of(detail: np.ndarray, origin: tuple[float, float] = (0.0, 0.0)) -> View:
    """Make a view that is all tissue, 4 um a pixel."""
    picture = detail.astype(np.float32)
    return View(picture, picture, np.ones(picture.shape, bool), 4.0, origin)


def speckles(side: int) -> np.ndarray:
    """Draw pixels that are all different."""
    return np.random.default_rng(1).random((side, side))


def test_blocks_cover_the_tissue() -> None:
    """On 256 um of tissue, blocks of 128 um every 64 um stand three by three."""
    assert plan_blocks(view_of(speckles(64)), PARAMS).tolist() == [[16 * i, 16 * j] for i in range(3) for j in range(3)]


def test_a_piece_smaller_than_a_block_has_none() -> None:
    """Nothing to compare on 120 um."""
    assert len(plan_blocks(view_of(speckles(30)), PARAMS)) == 0


def test_large_pieces_have_no_more_blocks() -> None:
    """On 4 mm of tissue the blocks stand further apart."""
    n = len(plan_blocks(view_of(np.ones((1000, 1000))), PARAMS))

    assert 0.5 * PARAMS.max_blocks < n < 1.2 * PARAMS.max_blocks


def test_blocks_are_found_where_they_lie() -> None:
    """The companion shows the same 12 um further right and 8 um further up: 3 and 2 pixels."""
    wide = speckles(120)
    here, there = view_of(wide[20:100, 20:100]), view_of(wide[22:102, 17:97])

    blocks = match_blocks(here, there, STAY, plan_blocks(here, PARAMS), 40.0, PARAMS)

    np.testing.assert_allclose(blocks.there - blocks.here, np.tile([12.0, -8.0], (len(blocks.here), 1)), atol=0.2)
    assert np.median(blocks.likeness) > 0.99  # those at the border lack what the companion does not show


def test_a_block_without_contrast_stays() -> None:
    """What is even everywhere is found where the transform puts it, and is like nothing."""
    even = view_of(np.full((64, 64), 0.5))

    blocks = match_blocks(even, even, STAY, plan_blocks(even, PARAMS), 40.0, PARAMS)

    np.testing.assert_array_equal(blocks.there, blocks.here)
    assert not blocks.likeness.any()


def test_peak_between_pixels() -> None:
    """A parabola with its top at (2.25, 1.5) is read as such."""
    y, x = np.indices((4, 6))
    scores = (1 - 0.1 * (x - 2.25) ** 2 - 0.1 * (y - 1.5) ** 2).astype(np.float32)

    (at_x, at_y), height = find_peak(scores)

    assert (at_x, at_y) == pytest.approx((2.25, 1.5), abs=1e-4)
    assert height == scores.max()


def test_a_fit_is_not_moved_by_what_disagrees() -> None:
    """Three blocks of twelve are found far off; the transform is that of the others, and the residuals tell."""
    here = np.array([(100.0 * i, 100.0 * j) for i in range(4) for j in range(3)])
    there = here + np.array([5.0, 7.0])
    there[:3] += 120.0

    fit = fit_blocks(Blocks(here, there, np.ones(12)), STAY, PARAMS, is_rigid=False)

    np.testing.assert_allclose(fit.affine, [[1, 0, 5], [0, 1, 7]], atol=1e-6)
    assert fit.agreement(30.0) == 0.75
    assert fit.error_um == pytest.approx(0.0, abs=1e-6)
    assert fit.residuals[:3] == pytest.approx(np.hypot(120, 120))


def test_few_blocks_leave_the_start() -> None:
    """Five blocks fit no transform."""
    here = np.arange(10.0).reshape(5, 2)

    assert fit_blocks(Blocks(here, here + 9, np.ones(5)), STAY, PARAMS, is_rigid=False).affine is STAY
    assert not find_borne_out(here[:0], here[:0], PARAMS).size


def test_the_error_allows_for_the_fit() -> None:
    """A fit uses up three blocks: twelve residuals of 6 um stand for 6.9, and of three nothing is known."""

    def fit(n: int) -> Fit:
        return Fit(STAY, np.full(n, 6.0), np.ones(n, bool))

    assert fit(12).error_um == pytest.approx(6.0 * np.sqrt(12 / 9))
    assert fit(3).error_p90_um == np.inf
    assert fit(0).agreement(30.0) == 0.0


def test_a_block_that_goes_its_own_way_tells_no_error() -> None:
    """Of five neighbors two are bent 50 um to the right, two lie still, and one was taken for another."""
    here = np.array([[0.0, 0.0], [64.0, 0.0], [128.0, 0.0], [192.0, 0.0], [256.0, 0.0]])
    apart = np.array([[50.0, 0.0], [55.0, 0.0], [-140.0, 30.0], [0.0, 0.0], [3.0, 0.0]])

    for step in (1, 10):  # of a large fragment the blocks stand further apart
        assert find_borne_out(step * here, apart, PARAMS).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize(
    ("matrix", "is_section"),
    [([[0, -1], [1, 0]], True), ([[1.1, 0], [0, 0.95]], True), ([[1.2, 0], [0, 1]], False), ([[-1, 0], [0, 1]], False)],
    ids=["a turn", "stretched by a tenth", "by a fifth", "mirrored"],
)
def test_what_a_section_can_be(matrix: list[list[float]], is_section: bool) -> None:
    """Turned and a little stretched, never mirrored."""
    assert is_plausible(np.column_stack([matrix, [3.0, 4.0]]), PARAMS) is is_section


@given(st.floats(-3, 3), st.floats(-1e5, 1e5), st.floats(0.9, 1.1))
def test_there_and_back(angle: float, shift: float, scale: float) -> None:
    """The inverse brings every place back."""
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    affine = np.array([[c, -s, shift], [s, c, -shift]])
    places = np.array([[0.0, 0.0], [1e4, -3.0], [5e4, 7e4]])

    np.testing.assert_allclose(apply_affine(invert(affine), apply_affine(affine, places)), places, atol=1e-6)
