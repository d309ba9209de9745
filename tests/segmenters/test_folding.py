"""The network as it runs: the maps of the one that was trained, to rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from hetscore.segmenters.decoding import MAPS
from hetscore.segmenters.folding import FoldedNetwork, interleave, split_phases
from hetscore.segmenters.network import NetworkConfig, SegmentationNetwork


def _seasoned_network(widths: tuple[int, ...]) -> SegmentationNetwork:
    """Make a network of random weights and head, whose normalization has seen something."""
    torch.manual_seed(3)
    network = SegmentationNetwork(NetworkConfig(widths))
    with torch.no_grad():
        for _ in range(3):
            network(3 * torch.randn(4, 3, 96, 96) + 1)
    return network.eval()


class TestFoldedNetwork:
    """Folded, taken apart and put together again."""

    @pytest.mark.parametrize("widths", [(4,), (4, 6), (6, 4), (4, 6, 8), (3, 5, 2, 7)])
    def test_it_gives_the_same_maps(self, widths: tuple[int, ...]) -> None:
        """For any number of levels, wider or narrower below; the edges of the picture included."""
        network = _seasoned_network(widths)
        picture = torch.randn(1, 3, 2 * network.config.stride, 3 * network.config.stride)
        with torch.no_grad():
            wanted, planes = network(picture)[0].numpy(), FoldedNetwork(network)(picture)[0].numpy()
        np.testing.assert_allclose(interleave(planes), wanted, atol=2e-5, rtol=2e-5)

    def test_several_pictures_at_once(self) -> None:
        """Each of a batch has the maps it has alone."""
        network = FoldedNetwork(_seasoned_network((4, 6)))
        pictures = torch.randn(3, 3, 16, 24)
        together = network(pictures)
        assert together.shape == (3, len(MAPS), 2, 2, 8, 12)
        for picture, planes in zip(pictures, together, strict=True):
            torch.testing.assert_close(network(picture[None])[0], planes)

    def test_the_trained_network_is_left_as_it_was(self) -> None:
        """It can be trained on after it was used."""
        network = _seasoned_network((4, 6))
        before = {name: value.clone() for name, value in network.state_dict().items()}
        FoldedNetwork(network)(torch.randn(1, 3, 8, 8))
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
        assert all(parameter.requires_grad for parameter in network.parameters())

    def test_nothing_is_normalized_and_nothing_can_be_trained(self) -> None:
        """Its weights are those of its convolutions alone."""
        folded = FoldedNetwork(_seasoned_network((4, 6)))
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
        assert not any(parameter.requires_grad for parameter in folded.parameters())


class TestSplitPhases:
    """Weights for the coarse picture."""

    def test_by_hand(self) -> None:
        """Of weights 1 to 9 an even pixel's own coarse one gets the last two rows and columns: 5 + 6 + 8 + 9."""
        weight = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
        assert split_phases(weight)[:, 0].tolist() == [
            [[1, 5], [11, 28]],
            [[3, 3], [24, 15]],
            [[5, 16], [7, 17]],
            [[12, 9], [15, 9]],
        ]

    @given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 5), width=st.integers(1, 5))
    def test_no_weight_is_lost(self, seed: int, height: int, width: int) -> None:
        """A doubled picture convolved is the coarse one convolved by phases, at the edges as inside."""
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(2, 3, 3, 3, generator=generator, dtype=torch.float64)
        coarse = torch.randn(1, 3, height, width, generator=generator, dtype=torch.float64)
        wanted = F.conv2d(F.interpolate(coarse, scale_factor=2.0), weight, padding=1)
        phases = F.conv2d(coarse, split_phases(weight), padding=1).chunk(4, dim=1)
        for phase, (row, column) in zip(phases, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
            part = phase[:, :, row : row + height, column : column + width]
            torch.testing.assert_close(part, wanted[:, :, row::2, column::2])


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
