"""The network run by torch, where memory is short."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from hetscore.segmenters.folding import Planes
from hetscore.segmenters.torch_runtime import TorchRuntime
from hetscore.segmenters.unet import fold_trained
from tests.segmenters.builders import random_network


@pytest.fixture
def runtime() -> TorchRuntime:
    """Run a network of two levels on the CPU."""
    return TorchRuntime(fold_trained(random_network((4, 6))), "cpu")


WIDE = np.random.default_rng(2).uniform(0, 1, (32, 400, 3)).astype(np.float32)


def test_short_memory_changes_nothing(runtime: TorchRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a wide picture does not fit, its parts are shown with what they depend on: the same maps."""
    whole, forward, widths = runtime.run(WIDE), runtime._forward, []

    def run_narrow(density: Tensor) -> Planes:
        if density.shape[-1] > 160:
            raise torch.OutOfMemoryError
        widths.append(density.shape[-1])
        return forward(density)

    monkeypatch.setattr(runtime, "_forward", run_narrow)
    np.testing.assert_allclose(runtime.run(WIDE), whole, atol=1e-5)
    assert len(widths) >= 4


def test_too_little_memory_for_anything_is_told(runtime: TorchRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Halving ends where the parts would not be smaller."""

    def run_nothing(_: Tensor) -> Planes:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(runtime, "_forward", run_nothing)
    with pytest.raises(torch.OutOfMemoryError):
        runtime.run(WIDE)


def test_the_picture_is_left_as_it_was(runtime: TorchRuntime) -> None:
    """It is shown as it lies in memory and not written to."""
    before = WIDE.copy()
    runtime.run(WIDE)
    assert np.array_equal(WIDE, before)
