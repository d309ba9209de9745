"""Bands cover all rows once, and what is computed in bands is what would be computed in one piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.quality import bands
from hetscore.quality.bands import Densities, margin_of, plan_bands
from hetscore.quality.particles import ParticleParams, find_opaque
from hetscore.quality.refusals import RefusalParams, _look, find_refusals
from hetscore.quality.shapes import smooth
from hetscore.stain import unmix
from tests.drawings import STAIN, WHITE, disc, glass, make_thumbnail, paint

SHAPE = (90, 130)
RGB = paint(
    0.6 * np.random.default_rng(5).random(SHAPE) * disc(SHAPE, 60, 45, 30), 0.4 * disc(SHAPE, 70, 40, 12).astype(float)
)
"""A round biopsy of random nuclei with a brown spot."""
SIGMA = 1.5


@given(height=st.integers(1, 40), margin=st.integers(0, 9), rows=st.integers(1, 15))
def test_bands_cover_every_row_once(height: int, margin: int, rows: int) -> None:
    """Cores follow one another; each is read with its margin, as far as there are rows."""
    numbers = np.arange(height)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "BAND_ROWS", rows)
        planned = list(plan_bands(height, margin))

    assert np.concatenate([numbers[band.core] for band in planned]).tolist() == numbers.tolist()
    for band in planned:
        assert numbers[band.read][band.inner].tolist() == numbers[band.core].tolist()
        assert numbers[band.read][0] == max(0, band.core.start - margin)
        assert numbers[band.read][-1] == min(height, band.core.stop + margin) - 1


class TestDensities:
    """Densities in bands are those of the whole, to the bit."""

    def test_of_some_rows(self) -> None:
        """Both stains."""
        for part, whole in zip(Densities(RGB, STAIN).of(slice(20, 50)), unmix(RGB, STAIN), strict=True):
            np.testing.assert_array_equal(part, whole[20:50])

    @pytest.mark.parametrize(("first", "last"), [(0, 90), (0, 10), (37, 52), (80, 90)])
    def test_smooth_dab(self, first: int, last: int) -> None:
        """At the border of the picture and within."""
        whole = smooth(unmix(RGB, STAIN)[1], SIGMA)

        part = Densities(RGB, STAIN).smooth_dab(slice(first, last), SIGMA)

        np.testing.assert_array_equal(part, whole[first:last])

    @pytest.mark.parametrize("rows", [7, 32, 200])
    def test_smooth_both(self, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever is left out lies below what was asked for."""
        monkeypatch.setattr(bands, "BAND_ROWS", rows)
        whole = [smooth(stain, SIGMA) for stain in unmix(RGB, STAIN)]
        found = [np.zeros(SHAPE, np.float32) for _ in whole]
        for place, *stains in Densities(RGB, STAIN).smooth_both(SIGMA, 0.1):
            for image, part in zip(found, stains, strict=True):
                image[place] = part

        left = found[0] != whole[0]
        assert not (whole[0][left] > 0.1).any()
        np.testing.assert_array_equal(found[1][~left], whole[1][~left])

    @pytest.mark.parametrize("rows", [7, 32, 200])
    def test_find_dense(self, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both stains together, above a limit."""
        monkeypatch.setattr(bands, "BAND_ROWS", rows)
        hematoxylin, dab = unmix(RGB, STAIN)

        dense = Densities(RGB, STAIN).find_dense(SIGMA, 0.2)

        np.testing.assert_array_equal(dense, smooth(hematoxylin + dab, SIGMA) > 0.2)

    def test_only_bands_with_something_are_smoothed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A mask in the last rows asks for one band of three; glass for none."""
        monkeypatch.setattr(bands, "BAND_ROWS", 30)
        mask = np.zeros(SHAPE, bool)
        mask[85] = True

        rows = [place for place, _ in Densities(RGB, STAIN).smooth_hematoxylin(SIGMA, within=mask)]

        assert rows == [slice(60, 90)]
        assert not list(Densities(glass(*SHAPE), STAIN).smooth_both(SIGMA, 0.1))


def test_the_margin_is_as_wide_as_opencv_looks() -> None:
    """One bright pixel leaves no trace beyond it."""
    for sigma in (0.5, 1.0, 1.7, 4.0):
        point = np.zeros((1, 101), np.float32)
        point[0, 50] = 1
        assert not smooth(point, sigma)[0, 50 + margin_of(sigma) + 1 :].any()


@pytest.mark.parametrize("rows", [7, 32])
def test_finders_see_the_same_in_any_bands(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Particles, pink and refusals."""
    gray = paint(0.0 * np.ones(SHAPE), 0.0 * np.ones(SHAPE))
    gray[disc(SHAPE, 60, 45, 8)] = (90, 90, 90)
    whole = (
        find_opaque(make_thumbnail(gray), WHITE, ParticleParams()),
        _look(RGB, WHITE, RefusalParams()).pink_share(RefusalParams()),
        find_refusals(make_thumbnail(gray), WHITE, RefusalParams()),
    )
    monkeypatch.setattr(bands, "BAND_ROWS", rows)

    np.testing.assert_array_equal(find_opaque(make_thumbnail(gray), WHITE, ParticleParams()), whole[0])
    assert whole[0].any()
    assert _look(RGB, WHITE, RefusalParams()).pink_share(RefusalParams()) == whole[1]
    assert find_refusals(make_thumbnail(gray), WHITE, RefusalParams()) == whole[2] == ("grayscale",)
