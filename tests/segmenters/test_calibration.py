"""From logits to probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.segmenters.calibration import TumorCalibration, mean_over


def test_probability_by_hand() -> None:
    """Twice the logit less one: even odds at one half, and more the larger it is."""
    chance = TumorCalibration(2.0, -1.0).probability(np.array([0.5, 0.0, 50.0]))
    assert chance == pytest.approx([0.5, 1 / (1 + np.e), 1.0])


def test_mean_over_by_hand() -> None:
    """The first nucleus averages 1 and 3, the second has one pixel of 8, a third has none and gets 0."""
    nuclei = np.array([[1, 1, 0, 2]], np.int32)
    values = np.array([[1.0, 3.0, 99.0, 8.0]], np.float32)
    assert mean_over(nuclei, 3, values).tolist() == [2.0, 8.0, 0.0]
