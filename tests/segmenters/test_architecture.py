"""The shape of the network, told without torch."""

from __future__ import annotations

import pytest

from hetscore.segmenters.architecture import weight_shapes
from hetscore.segmenters.network import NetworkConfig
from hetscore.segmenters.unet import SegmentationNetwork


@pytest.mark.parametrize("widths", [(4,), (4, 6), (3, 5, 2, 7)])
def test_shapes_are_those_of_the_trained_network(widths: tuple[int, ...]) -> None:
    """Each weight by its name; the counters of training are none."""
    config = NetworkConfig(widths)
    trained = {name: tuple(tensor.shape) for name, tensor in SegmentationNetwork(config).state_dict().items()}
    assert weight_shapes(config) == {n: shape for n, shape in trained.items() if not n.endswith("num_batches_tracked")}
