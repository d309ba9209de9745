"""Random fields: standardized, smooth, streaked the right way."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.phantom.noise import read_nearest, smooth_noise, streaked_noise, warp_maps


@pytest.mark.parametrize("scale", [1.5, 4.0, 60.0])
def test_smooth_noise_is_standardized(scale: float) -> None:
    """Mean 0 and standard deviation 1, whatever the scale."""
    field = smooth_noise(np.random.default_rng(0), (90, 130), scale)

    assert field.shape == (90, 130)
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-4)


def test_streaks_run_along_the_angle() -> None:
    """With an angle of 0 the field changes slowly along x and fast along y; at a right angle the other way round."""
    flat = streaked_noise(np.random.default_rng(0), (120, 120), (30, 3), 0.0)
    upright = streaked_noise(np.random.default_rng(0), (120, 120), (30, 3), np.pi / 2)

    assert np.abs(np.diff(flat, axis=0)).mean() > 4 * np.abs(np.diff(flat, axis=1)).mean()
    assert np.abs(np.diff(upright, axis=1)).mean() > 4 * np.abs(np.diff(upright, axis=0)).mean()


def test_a_warp_without_amplitude_moves_nothing() -> None:
    """Reading labels through a still warp gives them back."""
    labels = np.arange(30).reshape(5, 6)

    maps = warp_maps(np.random.default_rng(0), (5, 6), ((3.0, 0.0),))

    assert (read_nearest(labels, maps) == labels).all()
