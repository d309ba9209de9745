"""The network as it is trained: shapes and reach."""

from __future__ import annotations

import pytest
import torch

from hetscore.segmenters.decoding import MAPS
from hetscore.segmenters.network import NetworkConfig
from hetscore.segmenters.unet import SegmentationNetwork, normalize
from tests.segmenters.builders import random_network


class TestNetwork:
    """Shapes and reach."""

    @pytest.mark.parametrize("widths", [(4,), (4, 6), (4, 6, 8), (2, 2, 2, 2)])
    def test_maps_are_as_large_as_the_picture(self, widths: tuple[int, ...]) -> None:
        """Five of them, for any number of levels."""
        network = SegmentationNetwork(NetworkConfig(widths)).eval()
        side = 3 * network.config.stride
        with torch.no_grad():
            assert network(torch.zeros(2, 3, side, 2 * side)).shape == (2, len(MAPS), side, 2 * side)

    @pytest.mark.parametrize("widths", [(3,), (3, 3), (3, 3, 3)])
    def test_nothing_beyond_the_reach_counts(self, widths: tuple[int, ...]) -> None:
        """The gradient of any one pixel of the maps ends within the reach, and not far within it."""
        network = random_network(widths).double()
        for parameter in network.parameters():
            parameter.data.abs_()  # so that nothing is cut off on its way
        reach, stride = network.config.reach_px, network.config.stride
        side = 2 * (-(-reach // stride) + 1) * stride
        farthest = 0
        for place in range(side // 2, side // 2 + stride):
            picture = torch.rand(1, 3, side, side, dtype=torch.double, requires_grad=True)
            network(picture)[0, :, place, place].abs().sum().backward()
            assert picture.grad is not None
            rows = torch.nonzero(picture.grad.abs().sum(dim=(0, 1, 3))).ravel()
            farthest = max(farthest, int((rows - place).abs().max()))
        assert reach - 2 * stride < farthest <= reach

    def test_normalization_is_bounded(self) -> None:
        """Soot of any density is as dark as the darkest tissue."""
        assert normalize(torch.tensor([-1.0, 0.0, 0.5, 9.0])).tolist() == pytest.approx([-0.3, 0.0, 1.5, 4.5])
