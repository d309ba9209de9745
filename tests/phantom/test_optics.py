"""Light, scanner and camera: what is asked happens, glass stays glass, and no strip is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.phantom import optics as module
from hetscore.phantom.optics import (
    SCANNERS,
    SlideStain,
    add_noise,
    blur,
    develop,
    draw_stain,
    photograph,
    scan,
)
from hetscore.phantom.spec import OpticsSpec, Scanner
from hetscore.phantom.stain import StainParams
from hetscore.stain import StainVectors, optical_density

PLAIN = SlideStain((234.0, 233.0, 243.0), StainVectors((0.66, 0.64, 0.39), (0.34, 0.56, 0.76)), 1.0, 1.0)


def gray_ramp() -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    """Give light from black to the glass in 200 steps."""
    share = np.linspace(0, 1, 200, dtype=np.float32)
    return (share[None, :, None] * np.array(PLAIN.white, np.float32)).astype(np.float32)


@given(st.floats(0, 1.5), st.floats(0, 1.5))
def test_develop_is_the_inverse_of_optical_density(hematoxylin: float, dab: float) -> None:
    """Light has the density that went in, channel by channel, within a hundredth of a gray level."""
    h, d = (np.full((1, 1), value, np.float32) for value in (hematoxylin, dab))

    light = develop(h, d, PLAIN)

    density = hematoxylin * np.array(PLAIN.vectors.hematoxylin) + dab * np.array(PLAIN.vectors.dab)
    assert light[0, 0] == pytest.approx((np.array(PLAIN.white) + 1) * 10**-density - 1, abs=0.01)


def test_densities_come_back_from_pixels() -> None:
    """A photograph of a known density is read back by the package's own rule."""
    picture = photograph(
        np.full((4, 4), 0.2, np.float32), np.full((4, 4), 0.3, np.float32), PLAIN, OpticsSpec(), mpp=0.25
    )

    expected = 0.2 * np.array(PLAIN.vectors.hematoxylin) + 0.3 * np.array(PLAIN.vectors.dab)
    assert optical_density(picture, PLAIN.white)[0, 0] == pytest.approx(expected, abs=0.003)


def test_neutral_optics_change_nothing() -> None:
    """Without a shift, a neutral scanner passes light as it is."""
    light = gray_ramp()

    assert scan(light, PLAIN, OpticsSpec(), mpp=0.25) is light


@pytest.mark.parametrize("scanner", list(Scanner))
def test_scanners_keep_glass_and_the_order_of_grays(scanner: Scanner) -> None:
    """White stays white, black stays black, gray stays gray, and what is darker stays darker."""
    shown = scan(gray_ramp(), PLAIN, OpticsSpec(scanner=scanner), mpp=0.25)[0]

    assert shown[-1] == pytest.approx(PLAIN.white, abs=0.1)
    assert shown[0] == pytest.approx(0, abs=0.1)
    assert (np.diff(shown, axis=0) > 0).all()
    assert np.ptp(shown / np.array(PLAIN.white), axis=1).max() < 0.002


@pytest.mark.parametrize("scanner", [s for s in Scanner if s is not Scanner.NEUTRAL])
def test_scanners_differ_mildly(scanner: Scanner) -> None:
    """On a nucleus and on a 3+ line a scanner differs from the neutral one, by a few up to some thirty gray levels."""
    light = develop(np.array([[0.2, 0.05]], np.float32), np.array([[0.0, 0.7]], np.float32), PLAIN)

    change = np.abs(scan(light, PLAIN, OpticsSpec(scanner=scanner), mpp=0.25) - light).max(axis=2)

    assert (change > 2).all()
    assert (change < 40).all()


def test_rows_of_each_matrix_sum_to_one() -> None:
    """That is what keeps grays gray."""
    for color in SCANNERS.values():
        assert np.sum(color.matrix, axis=1) == pytest.approx(1)


@pytest.mark.parametrize("shift_um", [0.5, 1.0, 0.35])
def test_chromatic_shift_is_the_amount_asked(shift_um: float) -> None:
    """A dark line is found further right in red than in blue by the shift, and in between in green."""
    x = np.arange(120)
    line = np.exp(-0.5 * ((x - 60) / 4.0) ** 2).astype(np.float32)
    light = np.tile(200 * (1 - 0.8 * line)[None, :, None], (3, 1, 3)).astype(np.float32)

    shown = scan(light, PLAIN, OpticsSpec(chromatic_um=shift_um), mpp=0.25)[1]

    at = ((200 - shown) * x[:, None]).sum(axis=0) / (200 - shown).sum(axis=0)
    assert (at[0] - at[2]) * 0.25 == pytest.approx(shift_um, abs=0.01)
    assert at[1] == pytest.approx(60, abs=0.01)
    assert light.min() <= shown.min() <= shown.max() <= light.max()


def test_gains_belong_to_the_slide() -> None:
    """The gains of the optics multiply those that are drawn; all else is drawn alike."""
    plain = draw_stain(np.random.default_rng(0), StainParams())
    strong = draw_stain(np.random.default_rng(0), StainParams(), OpticsSpec(hematoxylin_gain=2.0, dab_gain=0.5))

    assert strong == replace(plain, hematoxylin_gain=2 * plain.hematoxylin_gain, dab_gain=0.5 * plain.dab_gain)


def test_a_scanner_has_its_own_glass() -> None:
    """Glass of a warm scanner is yellower, and stays within what glass looks like."""
    neutral, warm = (
        draw_stain(np.random.default_rng(0), StainParams(), OpticsSpec(scanner=s)).white
        for s in (Scanner.NEUTRAL, Scanner.WARM)
    )

    assert warm[2] - warm[0] < neutral[2] - neutral[0]
    assert 220 <= min(warm) <= max(warm) <= 250


@pytest.mark.parametrize(("white", "kept"), [(120.0, 220.0), (300.0, 250.0)])
def test_glass_is_never_dull_nor_burnt_out(white: float, kept: float) -> None:
    """Whatever white is asked for, glass is 220 to 250: noise on it must not be cut off at 255."""
    stain = draw_stain(np.random.default_rng(0), replace(StainParams(), white=(white, white, white)))

    assert stain.white == (kept, kept, kept)


def test_shrinking_averages_light() -> None:
    """A pixel of the scan is the mean light, not the mean density, of the painted pixels under it."""
    dab = np.array([[0.0, 1.0], [0.0, 1.0], [9.0, 9.0]], np.float32)

    picture = photograph(np.zeros_like(dab), dab, PLAIN, OpticsSpec(), mpp=0.25, shrink=2)

    bright, dark = develop(np.zeros((1, 2), np.float32), dab[:1], PLAIN)[0]
    assert picture.shape == (1, 1, 3)
    assert picture[0, 0] == pytest.approx((bright + dark) / 2, abs=0.51)


@pytest.mark.parametrize("shrink", [1, 2])
def test_strips_leave_no_trace(shrink: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photograph in strips of 256 or of 10 rows is the same."""
    rng = np.random.default_rng(0)
    h, d = (rng.uniform(0, 1, (60, 40)).astype(np.float32) for _ in range(2))
    what = OpticsSpec(scanner=Scanner.WARM, chromatic_um=0.6)
    whole = photograph(h, d, PLAIN, what, mpp=0.25, shrink=shrink)

    monkeypatch.setattr(module, "STRIP", 10)

    assert np.array_equal(whole, photograph(h, d, PLAIN, what, mpp=0.25, shrink=shrink))


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_noise_has_the_measured_spread(factor: float) -> None:
    """Glass has the camera's standard deviation in each channel, times the factor, after rounding."""
    rgb = np.full((300, 300, 3), 200, np.uint8)

    add_noise(rgb, np.random.default_rng(0), StainParams(), OpticsSpec(noise=factor))

    expected = np.hypot(np.multiply(StainParams().noise, factor), 0.29)
    assert rgb.reshape(-1, 3).std(axis=0) == pytest.approx(expected, rel=0.03)
    assert rgb.mean() == pytest.approx(200, abs=0.05)


def test_noise_of_neighbors_is_independent() -> None:
    """Neither the pixel beside nor the one below has like noise, though deviates are used again."""
    rgb = np.full((300, 300, 3), 200, np.uint8)

    add_noise(rgb, np.random.default_rng(0), StainParams())

    noise = rgb[..., 2].astype(float) - 200
    for other in (noise[1:, :], noise[:, 1:]):
        assert abs(np.corrcoef(noise[: other.shape[0], : other.shape[1]].ravel(), other.ravel())[0, 1]) < 0.02


def test_without_noise_nothing_changes() -> None:
    """A factor of 0 leaves every pixel, black and white ones too."""
    rgb = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    before = rgb.copy()

    add_noise(rgb, np.random.default_rng(0), StainParams(), OpticsSpec(noise=0.0))

    assert np.array_equal(rgb, before)


@pytest.mark.parametrize("sigma", [0.75, 2.3])
def test_blur_is_gaussian(sigma: float) -> None:
    """A spot spreads to the variance asked along both axes and keeps its sum."""
    spot = np.zeros((41, 41), np.float32)
    spot[20, 20] = 1

    soft = blur(spot, sigma)

    x = np.arange(41) - 20
    assert soft.sum() == pytest.approx(1, abs=1e-5)
    for axis in (0, 1):
        assert (soft.sum(axis=axis) * x**2).sum() == pytest.approx(sigma**2, rel=0.02)


def test_blur_of_nothing_is_the_field_itself() -> None:
    """A standard deviation of 0 gives the same array back; an even field stays even up to its borders."""
    field = np.full((9, 7), 3.0, np.float32)

    assert blur(field, 0) is field
    assert blur(field, 2.0) == pytest.approx(3.0)
