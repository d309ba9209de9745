"""Small fragments shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest

from hetscore.domain import MembraneClass
from hetscore.phantom import FragmentSpec, Tissue
from hetscore.phantom.tissue import FragmentTissue, grow_fragment

Grow = Callable[[Tissue, MembraneClass], FragmentTissue]


@lru_cache(maxsize=8)
def _grown(tissue: Tissue, membrane_class: MembraneClass) -> FragmentTissue:
    return grow_fragment(FragmentSpec(180.0, tissue, membrane_class), 0.25, np.random.default_rng(1))


@pytest.fixture
def grow() -> Grow:
    """Grow a fragment 180 um across; the same arguments give the same object."""
    return _grown
