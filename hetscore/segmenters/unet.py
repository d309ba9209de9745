"""The segmentation network as it is trained: a U-Net on optical densities, in torch.

Only training needs this file. What runs is `folding.FoldedNetwork`, made from the weights alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hetscore.segmenters.architecture import LEAST_OD, MOST_OD, OD_GAIN, NetworkConfig
from hetscore.segmenters.decoding import MAPS
from hetscore.segmenters.folding import FoldedNetwork, fold


class SegmentationNetwork(nn.Module):
    """A U-Net on optical densities.

    The stem halves the picture at once, and the head doubles the maps again by pixel shuffle: all convolutions run on a
    quarter of the pixels.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config, widths = config, config.widths
        self.stem = nn.Conv2d(3, widths[0], 4, stride=2, padding=1)  # (b, 3, h, w) -> (b, w0, h/2, w/2)
        self.down = nn.ModuleList(_block(widths[max(i - 1, 0)], width) for i, width in enumerate(widths))
        self.up = nn.ModuleList(_block(coarse + fine, fine) for fine, coarse in pairwise(widths))
        self.head = nn.Conv2d(widths[0], 4 * len(MAPS), 1)

    def forward(self, density: Tensor) -> Tensor:
        """Compute the maps.

        Parameters
        ----------
        density : (b, 3, h, w)
            Optical density of red, green, blue against the slide's glass, by `normalize`; h and w are multiples of
            `NetworkConfig.stride`.

        Returns
        -------
        (b, 5, h, w)
            Logits of `MAPS`.
        """
        x = F.relu(self.stem(density))
        skips: list[Tensor] = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else F.max_pool2d(x, 2))  # level i: (b, w_i, h/2^(i+1), w/2^(i+1))
            skips.append(x)
        for skip, block in zip(skips[-2::-1], reversed(cast("list[nn.Module]", self.up)), strict=True):
            x = block(torch.cat([skip, F.interpolate(x, scale_factor=2.0)], dim=1))
        return F.pixel_shuffle(self.head(x), 2)  # (b, 20, h/2, w/2) -> (b, 5, h, w)


def _block(n_in: int, n_out: int) -> nn.Sequential:
    """Two convolutions of 3 by 3, each with batch normalization, which is folded away for use."""
    layers: list[nn.Module] = []
    for n in (n_in, n_out):
        layers += [nn.Conv2d(n, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def normalize(density: Tensor) -> Tensor:
    """Bring optical densities to the range the network is used to."""
    return density.clamp(LEAST_OD, MOST_OD).mul_(OD_GAIN)


def fold_trained(network: SegmentationNetwork) -> FoldedNetwork:
    """Rewrite a network in training for use; it is left as it was and can be trained on."""
    weights = {name: tensor.detach().float().cpu().numpy() for name, tensor in network.state_dict().items()}
    return fold(weights, network.config)
