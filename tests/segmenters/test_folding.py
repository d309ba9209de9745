"""The network as it runs: the maps of the one that was trained, to rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from hetscore.segmenters.architecture import OD_GAIN, weight_shapes
from hetscore.segmenters.folding import enlarging, fold, interleave
from hetscore.segmenters.network import NetworkConfig
from hetscore.segmenters.torch_runtime import TorchRuntime
from hetscore.segmenters.unet import fold_trained
from tests.segmenters.builders import random_network


class TestFold:
    """Folded, taken apart and put together again."""

    @pytest.mark.parametrize("widths", [(4,), (4, 6), (6, 4), (4, 6, 8), (3, 5, 2, 7)])
    def test_it_gives_the_same_maps(self, widths: tuple[int, ...]) -> None:
        """For any number of levels, wider or narrower below; the edges of the picture included."""
        network = random_network(widths)
        density = torch.rand(1, 3, 2 * network.config.stride, 3 * network.config.stride)
        with torch.no_grad():
            wanted = network(OD_GAIN * density)[0].numpy()

        found = TorchRuntime(fold_trained(network), "cpu").run(density[0].permute(1, 2, 0).contiguous().numpy())

        np.testing.assert_allclose(found, wanted, atol=2e-5, rtol=2e-5)

    def test_the_trained_network_is_left_as_it_was(self) -> None:
        """It can be trained on after it was used."""
        network = random_network((4, 6))
        before = {name: value.clone() for name, value in network.state_dict().items()}
        TorchRuntime(fold_trained(network), "cpu").run(np.ones((8, 8, 3), np.float32))
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
        assert all(parameter.requires_grad for parameter in network.parameters())

    def test_operations_by_hand(self) -> None:
        """One level of one channel: stem 48, two convolutions of 9, head 20, on a quarter of the pixels, twice each.

        A second level of one channel adds two of 9 on a sixteenth, and on a quarter 9 for the fine picture, 9 for the
        second convolution and 4 for the coarse one.
        """
        for widths, wanted in (((1,), 2 * 86 / 4), ((1, 1), 2 * (86 + 22) / 4 + 2 * 18 / 16)):
            config = NetworkConfig(widths)
            ones = {name: np.ones(shape, np.float32) for name, shape in weight_shapes(config).items()}
            assert fold(ones, config).flop_per_px == wanted


class TestEnlarging:
    """Weights that enlarge and convolve."""

    def test_by_hand(self) -> None:
        """Of weights 1 to 9 the pixel in the middle adds the sum of four to each of its own, the corner to the last."""
        weight = np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)
        assert enlarging(weight)[0, 0].tolist() == [
            [9, 17, 15, 7],
            [15, 28, 24, 11],
            [9, 16, 12, 5],
            [3, 5, 3, 1],
        ]

    @given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 5), width=st.integers(1, 5))
    def test_no_weight_is_lost(self, seed: int, height: int, width: int) -> None:
        """A doubled picture convolved is the coarse one enlarged, at the edges as inside."""
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(2, 3, 3, 3, generator=generator)
        coarse = torch.randn(1, 3, height, width, generator=generator)
        wanted = F.conv2d(F.interpolate(coarse, scale_factor=2.0), weight, padding=1)
        both = F.conv_transpose2d(coarse, torch.from_numpy(enlarging(weight.numpy())), stride=2, padding=1)
        torch.testing.assert_close(both, wanted, atol=1e-5, rtol=1e-5)


def test_interleave() -> None:
    """Four planes of two by three pixels, one for each place in the blocks."""
    planes = np.zeros((1, 2, 2, 2, 3), np.float32)
    planes[0, 0, 0], planes[0, 0, 1], planes[0, 1, 0], planes[0, 1, 1] = 1, 2, 3, 4
    planes[0, 1, 1, 1, 2] = 9
    assert interleave(planes)[0].tolist() == [
        [1, 2, 1, 2, 1, 2],
        [3, 4, 3, 4, 3, 4],
        [1, 2, 1, 2, 1, 2],
        [3, 4, 3, 4, 3, 9],
    ]
