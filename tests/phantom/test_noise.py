"""Random fields: standardized, smooth, streaked the right way, the same in whatever blocks they are read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.phantom.noise import (
    SmoothField,
    draw_field,
    draw_packed,
    read_nearest,
    smooth_noise,
    streaked_noise,
)


@pytest.mark.parametrize("scale", [1.5, 4.0, 60.0])
def test_smooth_noise_is_standardized(scale: float) -> None:
    """Mean 0 and standard deviation 1, whatever the scale."""
    field = smooth_noise(np.random.default_rng(0), (90, 130), scale)

    assert field.shape == (90, 130)
    assert field.mean() == pytest.approx(0, abs=1e-3)
    assert field.std() == pytest.approx(1, abs=1e-3)


def test_a_large_field_is_standardized_on_a_sample() -> None:
    """Beyond the size of the sample mean and spread hold within a percent."""
    field = smooth_noise(np.random.default_rng(0), (700, 500), 3.0)

    assert field.mean() == pytest.approx(0, abs=0.02)
    assert field.std() == pytest.approx(1, abs=0.02)


def test_streaks_run_along_the_angle() -> None:
    """With an angle of 0 the field changes slowly along x and fast along y; at a right angle the other way round."""
    flat = streaked_noise(np.random.default_rng(0), (120, 120), (30, 3), 0.0)
    upright = streaked_noise(np.random.default_rng(0), (120, 120), (30, 3), np.pi / 2)

    assert np.abs(np.diff(flat, axis=0)).mean() > 4 * np.abs(np.diff(flat, axis=1)).mean()
    assert np.abs(np.diff(upright, axis=1)).mean() > 4 * np.abs(np.diff(upright, axis=0)).mean()


@given(st.integers(1, 59), st.sampled_from([0.0, 0.7]), st.integers(0, 9))
def test_blocks_leave_no_trace(cut: int, angle: float, seed: int) -> None:
    """A field read in two blocks is the field read at once, bit by bit, wherever it is cut."""
    field = draw_field(np.random.default_rng(seed), (60, 40), (9.0, 4.0), angle)

    whole = field.rows(0, 60)

    assert np.array_equal(whole, np.vstack([field.rows(0, cut), field.rows(cut, 60)]))


def test_places_and_rows_agree() -> None:
    """A field read at the pixels one by one is the field read by rows."""
    field = draw_field(np.random.default_rng(0), (30, 40), 5.0)
    y, x = np.indices((30, 40), dtype=np.float32)

    assert field.at(x.ravel(), y.ravel()).reshape(30, 40) == pytest.approx(field.rows(0, 30), abs=1e-5)


def test_a_slope_stays_a_slope() -> None:
    """Read between the nodes, a straight slope is straight: no waves from the grid."""
    nodes = np.tile(np.arange(12, dtype=np.float32), (12, 1))
    field = SmoothField(nodes, np.array([[0.1, 0, 2.0], [0, 0.1, 2.0]]), 70)

    assert field.rows(0, 5) == pytest.approx(np.tile(2 + np.arange(70) / 10, (5, 1)), abs=1e-5)


def test_a_map_that_moves_nothing_gives_the_labels_back() -> None:
    """Nearest pixels, and those of the edge beyond it."""
    labels = np.arange(30).reshape(5, 6)
    y, x = np.indices((5, 6), dtype=np.float32)

    assert (read_nearest(labels, (x + 0.4, y - 0.4)) == labels).all()
    assert (read_nearest(labels, (x + 9, y))[:, 0] == labels[:, 5]).all()


def test_the_nearest_site_is_the_nearest() -> None:
    """Distances to the nearest and second nearest of scattered sites are those found by trying all of them."""
    field = draw_packed(np.random.default_rng(0), (60, 80), 10.0, 0.3)
    rng = np.random.default_rng(1)
    x, y = (rng.uniform(0, n, 200).astype(np.float32) for n in (80, 60))

    near, second, _ = field.at(x, y)

    sites = field.sites.reshape(-1, 3)
    all_of_them = np.sort(np.hypot(x[:, None] - sites[:, 0], y[:, None] - sites[:, 1]), axis=1)
    assert near == pytest.approx(all_of_them[:, 0], abs=1e-4)
    assert (second >= all_of_them[:, 1] - 1e-4).all()
    assert np.mean(np.abs(second - all_of_them[:, 1]) < 1e-4) > 0.98
