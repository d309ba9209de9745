"""Optical density and unmixing: drawn densities come back, and a pixel never depends on its neighbors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from hetscore.stain import (
    Stain,
    StainVectors,
    angle_between,
    find_white,
    optical_density,
    rescaled_density,
    rescaled_picture,
    rescaling_matrix,
    residual_tables,
    unmix,
    unmix_dab,
    unmixing_matrix,
)
from tests.drawings import STAIN, VECTORS, WHITE, glass, paint, shine

TILE = np.random.default_rng(1).integers(0, 256, (40, 50, 3)).astype(np.uint8)
"""Any pixels at all."""


def _find_residual(rgb: NDArray[np.uint8], stain: Stain) -> NDArray[np.float32]:
    """Sum the tables at each pixel."""
    tables = residual_tables(stain)
    return np.abs(sum((tables[c][rgb[..., c]] for c in range(3)), start=np.zeros(rgb.shape[:2], np.float32)))


def _unmix_one(rgb: tuple[int, int, int]) -> tuple[float, float]:
    hematoxylin, dab = unmix(np.array([[rgb]], np.uint8), STAIN)
    return float(hematoxylin[0, 0]), float(dab[0, 0])


class TestOpticalDensity:
    """Gray levels as density, base 10."""

    @pytest.mark.parametrize(("value", "density"), [(239, 0.0), (23, 1.0), (119, 0.301), (0, 2.380), (249, -0.0177)])
    def test_a_tenth_of_the_light_is_a_density_of_one(self, value: int, density: float) -> None:
        """Against glass of 239: 0 at the glass, 1 at a tenth, finite at black, negative where brighter than glass."""
        found = optical_density(np.full((1, 1, 3), value, np.uint8), (239.0, 239.0, 239.0))
        assert found[0, 0] == pytest.approx([density] * 3, abs=1e-3)

    def test_each_channel_has_its_own_white(self) -> None:
        """Tinted glass is density 0 in all channels."""
        rgb = np.array([[[250, 240, 230]]], np.uint8)
        assert not optical_density(rgb, (250.0, 240.0, 230.0)).any()


class TestUnmix:
    """Two stains from three channels."""

    @pytest.mark.parametrize(
        ("hematoxylin", "dab"), [(0.3, 0.0), (0.0, 0.6), (0.0, 1.2), (0.35, 0.1), (0.2, 0.5), (0.5, 0.5)]
    )
    def test_known_densities_come_back(self, hematoxylin: float, dab: float) -> None:
        """A pixel drawn with known densities is unmixed to them, up to the rounding of its gray levels."""
        found = unmix(paint(np.array([[hematoxylin]]), np.array([[dab]])), STAIN)
        assert [float(image[0, 0]) for image in found] == pytest.approx([hematoxylin, dab], abs=0.02)

    @settings(deadline=None)  # the first call compiles
    @given(st.floats(0, 1), st.floats(0, 1.2))
    def test_the_error_is_that_of_rounding(self, hematoxylin: float, dab: float) -> None:
        """Half a gray level in each channel is all that is lost."""
        rgb = paint(np.array([[hematoxylin]]), np.array([[dab]]))
        lost = np.log10((rgb[0, 0] + 1.5) / (rgb[0, 0] + 0.5))
        worst = np.abs(unmixing_matrix(VECTORS)) @ lost + 1e-5

        found = np.array([image[0, 0] for image in unmix(rgb, STAIN)])

        assert (np.abs(found - [hematoxylin, dab]) <= worst).all()

    def test_glass_is_zero(self) -> None:
        """The slide's own white holds no stain."""
        hematoxylin, dab = unmix(glass(3, 4), STAIN)
        assert not hematoxylin.any()
        assert not dab.any()
        assert hematoxylin.shape == dab.shape == (3, 4)

    def test_brighter_than_glass_is_kept_negative(self) -> None:
        """Noise above the white is not clipped, or the mean of unstained tissue would rise."""
        assert sum(_unmix_one((250, 250, 250))) < 0

    def test_black_is_finite(self) -> None:
        """A dead pixel does not poison a mean."""
        assert np.isfinite(_unmix_one((0, 0, 0))).all()

    @settings(deadline=None)  # the first call compiles
    @given(st.integers(0, 39), st.integers(0, 49), st.integers(1, 40), st.integers(1, 50))
    def test_a_crop_is_unmixed_bit_for_bit_as_the_tile(self, top: int, left: int, height: int, width: int) -> None:
        """A pixel has the same density in whatever tile it is read."""
        crop = (slice(top, top + height), slice(left, left + width))
        whole, part = unmix(TILE, STAIN), unmix(TILE[crop], STAIN)
        for one, other in zip(whole, part, strict=True):
            assert np.array_equal(one[crop], other)

    def test_the_length_of_the_vectors_does_not_matter(self) -> None:
        """Only directions count: a card may give vectors of any length."""
        doubled = StainVectors((1.284, 1.254, 0.894), VECTORS.dab)
        for one, other in zip(unmix(TILE, STAIN), unmix(TILE, Stain(WHITE, doubled)), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)

    @settings(deadline=None)  # the first call compiles
    @given(st.floats(0.25, 4))
    def test_a_site_that_stains_more_is_read_alike(self, dab_scale: float) -> None:
        """DAB is divided by the site's scale, pixel by pixel; hematoxylin and what neither explains are not."""
        site = replace(STAIN, dab_scale=dab_scale)
        (hematoxylin, dab), (as_before, scaled) = unmix(TILE, STAIN), unmix(TILE, site)
        np.testing.assert_array_equal(as_before, hematoxylin)
        np.testing.assert_allclose(scaled * dab_scale, dab, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(_find_residual(TILE, site), _find_residual(TILE, STAIN))

    @pytest.mark.parametrize("dab_scale", [1.0, 1.4])
    def test_dab_alone_is_the_same(self, dab_scale: float) -> None:
        """Bit for bit, scaled or not: what is measured on membranes is what `unmix` shows."""
        site = replace(STAIN, dab_scale=dab_scale)
        np.testing.assert_array_equal(unmix_dab(TILE, site), unmix(TILE, site)[1])

    @pytest.mark.parametrize("dab_scale", [0.0, -1.0, np.inf, np.nan])
    def test_a_scale_must_be_positive(self, dab_scale: float) -> None:
        """Nothing can be divided by it otherwise."""
        with pytest.raises(ValueError, match="expected a positive number"):
            replace(STAIN, dab_scale=dab_scale)


def _lose(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Density of each channel of a picture's only pixel that half a gray level stands for."""
    lost: NDArray[np.float64] = np.log10((rgb[0, 0] + 1.5) / (rgb[0, 0] + 0.5))
    return lost


class TestRescale:
    """A picture as the laboratory of the model would have stained it."""

    DAB = np.array(VECTORS.dab) / np.linalg.norm(VECTORS.dab)

    @given(st.floats(0.25, 4))
    def test_it_undoes_a_gain(self, gain: float) -> None:
        """DAB multiplied, then read with that scale: any densities are what they were."""
        multiply = np.eye(3) + (gain - 1) * np.outer(self.DAB, unmixing_matrix(VECTORS)[1])
        np.testing.assert_allclose(rescaling_matrix(replace(STAIN, dab_scale=gain)) @ multiply, np.eye(3), atol=1e-12)

    def test_only_dab_is_scaled(self) -> None:
        """At a scale of 1.25 four fifths of it are left, and all of hematoxylin and of what neither stain explains."""
        matrix = rescaling_matrix(replace(STAIN, dab_scale=1.25))
        other = np.cross(VECTORS.hematoxylin, VECTORS.dab)
        np.testing.assert_allclose(matrix @ self.DAB, 0.8 * self.DAB, atol=1e-12)
        for color in (VECTORS.hematoxylin, other):
            np.testing.assert_allclose(matrix @ color, color, atol=1e-12)

    @settings(deadline=None)  # the first call compiles
    @given(st.floats(0, 1), st.floats(0, 0.8), st.floats(0.7, 1.45))
    def test_a_site_that_stains_more_is_shown_alike(self, hematoxylin: float, dab: float, gain: float) -> None:
        """Half a gray level in each channel of the two pictures is all that differs."""
        original, drifted = (paint(np.array([[hematoxylin]]), np.array([[g * dab]])) for g in (1, gain))
        site = replace(STAIN, dab_scale=gain)
        worst = _lose(original) + np.abs(rescaling_matrix(site)) @ _lose(drifted) + 1e-5

        density, picture = rescaled_density(drifted, site), rescaled_picture(drifted, site)

        assert (np.abs(density - optical_density(original, WHITE))[0, 0] <= worst).all()
        assert np.abs(picture.astype(int) - original).max() <= 3

    def test_what_it_does_agrees_with_unmixing(self) -> None:
        """Of any pixel: DAB is divided by the scale, hematoxylin kept."""
        site = replace(STAIN, dab_scale=0.8)
        found = rescaled_density(TILE, site) @ unmixing_matrix(VECTORS).T
        for c, expected in enumerate(unmix(TILE, site)):
            np.testing.assert_allclose(found[..., c], expected, atol=1e-5)

    def test_without_a_scale_nothing_is_computed(self) -> None:
        """The same bits, whatever the vectors: even those of no color at all."""
        plain = Stain(WHITE, StainVectors((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
        assert np.array_equal(rescaled_density(TILE, plain), optical_density(TILE, WHITE))
        assert rescaled_picture(TILE, plain) is TILE

    @settings(deadline=None)  # the first call compiles
    @given(st.integers(0, 39), st.integers(0, 49), st.integers(1, 40), st.integers(1, 50))
    def test_a_crop_is_rescaled_bit_for_bit_as_the_tile(self, top: int, left: int, height: int, width: int) -> None:
        """A pixel is shown alike in whatever tile it is read."""
        crop, site = (slice(top, top + height), slice(left, left + width)), replace(STAIN, dab_scale=1.25)
        assert np.array_equal(rescaled_density(TILE, site)[crop], rescaled_density(TILE[crop], site))
        assert np.array_equal(rescaled_picture(TILE, site)[crop], rescaled_picture(TILE[crop], site))

    def test_the_ends_of_the_gray_levels(self) -> None:
        """Nothing is brighter than white or darker than black, and the pixels given are left as they were."""
        ends = np.array([[[255, 255, 255], [0, 0, 0]]], np.uint8)
        for gain in (0.5, 2.0):
            shown = rescaled_picture(ends, replace(STAIN, dab_scale=gain))
            assert (shown[0, 0] >= 250).all()
            assert (shown[0, 1] <= 10).all()
        assert ends.ravel().tolist() == [255, 255, 255, 0, 0, 0]


class TestUnmixResidual:
    """What neither stain explains."""

    @pytest.mark.parametrize(
        ("hematoxylin", "dab"), [(0.3, 0.0), (0.0, 0.6), (0.35, 0.1), (0.5, 0.5), (0.0, 1.2), (0.0, 0.0)]
    )
    def test_the_stains_leave_nothing(self, hematoxylin: float, dab: float) -> None:
        """A pixel of the two stains, pure or mixed, is explained up to the rounding of its gray levels."""
        rgb = paint(np.array([[hematoxylin]]), np.array([[dab]]))
        lost = np.log10((rgb[0, 0] + 1.5) / (rgb[0, 0] + 0.5))

        assert 0 <= _find_residual(rgb, STAIN)[0, 0] <= np.linalg.norm(lost)

    @pytest.mark.parametrize("density", [0.25, 0.5, 1.0])
    def test_a_third_color_leaves_what_stands_out_of_the_plane(self, density: float) -> None:
        """With red and green for stains, all blue is left over, and of eosin's color its blue part."""
        primary = Stain(WHITE, StainVectors(hematoxylin=(2.0, 0.0, 0.0), dab=(0.5, 3.0, 0.0)))
        colors = np.array([[[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [1.0, 0.0, 0.0]]])

        found = _find_residual(shine(density * colors), primary)

        assert found[0] == pytest.approx([density, 0.8 * density, 0.0], abs=0.02)

    def test_it_is_the_length_of_what_unmixing_leaves(self) -> None:
        """The densities of the channels less those of the two stains, of any pixel."""
        stains = np.array([VECTORS.hematoxylin, VECTORS.dab])
        stains /= np.linalg.norm(stains, axis=1, keepdims=True)
        fitted = np.stack(unmix(TILE, STAIN), axis=-1) @ stains

        left = np.linalg.norm(optical_density(TILE, WHITE) - fitted, axis=-1)

        np.testing.assert_allclose(_find_residual(TILE, STAIN), left, atol=1e-5)

    def test_glass_is_zero(self) -> None:
        """The slide's own white leaves nothing."""
        assert not _find_residual(glass(3, 4), STAIN).any()

    def test_one_color_for_both_stains_is_refused(self) -> None:
        """They span no plane to stand out of."""
        with pytest.raises(ValueError, match="have the same color"):
            _find_residual(TILE, Stain(WHITE, StainVectors((0.5, 0.25, 0.25), (1.0, 0.5, 0.5))))


class TestAngleBetween:
    """How far apart two stains are."""

    @pytest.mark.parametrize(
        ("dab", "degrees"), [((3.0, 0.0, 0.0), 0.0), ((1.0, 1.0, 0.0), 45.0), ((0.0, 0.0, 0.5), 90.0)]
    )
    def test_by_hand(self, dab: tuple[float, float, float], degrees: float) -> None:
        """Against a stain that only takes red, of whatever length."""
        assert angle_between(StainVectors((2.0, 0.0, 0.0), dab)) == pytest.approx(degrees)


class TestUnmixingMatrix:
    """Least squares."""

    def test_it_inverts_the_stains(self) -> None:
        """Pure hematoxylin is (1, 0) and pure DAB (0, 1)."""
        stains = np.array([VECTORS.hematoxylin, VECTORS.dab])
        stains /= np.linalg.norm(stains, axis=1, keepdims=True)
        np.testing.assert_allclose(unmixing_matrix(VECTORS) @ stains.T, np.eye(2), atol=1e-12)


class TestFindWhite:
    """The color of empty glass."""

    def test_the_commonest_bright_color_is_the_glass(self) -> None:
        """Tissue covers more of the slide than glass, and the glass is found all the same."""
        rgb = np.full((10, 10, 3), (180, 120, 90), np.uint8)
        rgb[:4] = (238, 236, 244)
        rgb[3] = (239, 236, 245)  # the lamp drifts
        assert find_white(rgb) == (238.0, 236.0, 244.0)

    def test_without_glass_it_is_240(self) -> None:
        """A field full of tissue tells nothing of the lamp."""
        assert find_white(np.full((10, 10, 3), (180, 120, 90), np.uint8)) == (240.0, 240.0, 240.0)

    @pytest.mark.parametrize(("side", "white"), [(3, 240.0), (5, 230.0)])
    def test_a_fiftieth_of_the_slide_is_glass_enough(self, side: int, white: float) -> None:
        """A bright square of 3 px has 1 px of a hundred that is bright all around, one of 5 px has nine."""
        rgb = np.full((10, 10, 3), 100, np.uint8)
        rgb[2 : 2 + side, 2 : 2 + side] = 230
        assert find_white(rgb) == (white, white, white)

    def test_the_white_a_scanner_fills_with_is_not_glass(self) -> None:
        """Three quarters of the slide were not scanned: against their 255 the real glass would read as tissue."""
        rgb = np.full((20, 20, 3), 255, np.uint8)
        rgb[:5] = (238, 236, 244)
        assert find_white(rgb) == (238.0, 236.0, 244.0)

    def test_pure_white_is_glass_where_there_is_no_other(self) -> None:
        """An overexposed slide has no other glass."""
        rgb = np.full((20, 20, 3), 255, np.uint8)
        rgb[:5] = (180, 120, 90)
        assert find_white(rgb) == (255.0, 255.0, 255.0)

    def test_pale_tissue_is_not_glass(self) -> None:
        """Pale tissue is as bright as glass but rough: one gray level more or less of it does not move the white."""
        rgb = np.full((40, 40, 3), 238, np.uint8)
        rgb[10:] = np.random.default_rng(6).integers(210, 236, (30, 40, 1))
        assert find_white(rgb) == (238.0, 238.0, 238.0)

    @given(arrays(np.uint8, (6, 6, 3)))
    def test_it_is_always_a_plausible_glass(self, rgb: NDArray[np.uint8]) -> None:
        """Whatever the picture, no channel of the white is darker than 200."""
        assert all(200 <= value <= 255 for value in find_white(rgb))
