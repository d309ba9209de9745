"""Fixtures of the readers' tests."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.domain import Rgb


@pytest.fixture(scope="session")
def picture() -> Rgb:
    """Random pixels, 300 x 200: no two places are alike, so that any shift shows."""
    return np.random.default_rng(7).integers(0, 256, (200, 300, 3), dtype=np.uint8)
