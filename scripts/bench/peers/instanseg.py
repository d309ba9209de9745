"""Time InstanSeg on a picture: python -m scripts.bench.peers.instanseg PICTURE.npz, in InstanSeg's own environment.

The architecture is what its training script builds by default, with random weights, compiled to TorchScript as the
published models are. Its post-processing is part of the compiled model: it is timed in a second one, whose network is
a constant: fields that point from each pixel of hetscore's nuclei to their middle, and a classifier that asks for it.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scripts.bench.peers.peer import Labels, Peer, Picture, run_peer

SIDE = 512
"""The tile in which it takes larger pictures; what tiles overlap is left out."""
LAYERS = (256, 128, 64, 32)
N_COORDS, N_SIGMA, N_SEEDS, WIDTH = 2, 2, 1, 5
"""Defaults of its training script: layers, fields, sigmas, seed maps, width of the pixel classifier."""
FIELD_REACH = 4.0
"""A field is (sigmoid - 1/2) * 8 long: it reaches this far at most, in the unit below,"""
PX_PER_UNIT = 4.0
"""of which 64 are 256 pixels (its `generate_coordinate_map`)."""
SEED_SCALE = 15.0
"""Its seed map is read as value / 15 + 1/2."""
NEAR = 0.5
"""Units: a pixel whose field ends this near to a seed's belongs to it; some 2 px, as clean fields end on one point."""
STEEP = 20.0
"""Logits a unit: the classifier of clean fields is sure."""


class Maps(nn.Module):
    """Stands where the network was and says what it ought to."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__()
        self.register_buffer("maps", maps)
        self.pixel_classifier: nn.Module

    def forward(self, picture: Tensor) -> Tensor:
        """Return the maps, (1, 5, h, w), whatever the picture."""
        return self.maps + 0 * picture.mean()  # type: ignore[operator,no-any-return,unused-ignore]


def load(picture: Picture) -> Peer:
    """Make the network, and the maps it ought to give."""
    from instanseg.utils.loss.instanseg_loss import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        InstanSeg_Torchscript,
        ProbabilityNet,
    )
    from instanseg.utils.models.InstanSeg_UNet import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        InstanSeg_UNet,
    )

    torch.set_num_threads(1)
    picture = picture.middle(SIDE)
    network = InstanSeg_UNet(in_channels=3, layers=np.array(LAYERS), out_channels=[[N_COORDS, N_SIGMA, N_SEEDS]])
    network.pixel_classifier = ProbabilityNet(N_COORDS + N_SIGMA, WIDTH)
    constant = Maps(torch.from_numpy(draw_maps(picture)))
    constant.pixel_classifier = ask_for_nearness(ProbabilityNet(N_COORDS + N_SIGMA, WIDTH))
    whole = InstanSeg_Torchscript(network, n_sigma=N_SIGMA).eval()
    after = torch.jit.script(InstanSeg_Torchscript(constant, n_sigma=N_SIGMA).eval())
    shown = torch.from_numpy(picture.rgb).permute(2, 0, 1)[None].float() / 255

    def predict() -> Tensor:
        with torch.inference_mode():
            return whole.fcn(shown)  # type: ignore[no-any-return,unused-ignore]

    def find() -> int:
        with torch.inference_mode():
            return len(after(shown.clone()).unique()) - 1

    what = "nuclei; default architecture, random weights"
    return Peer("InstanSeg", version("instanseg-torch"), what, picture, {"network": predict, "post-processing": find})


def draw_maps(picture: Picture) -> NDArray[np.float32]:
    """Draw what the network ought to say of the nuclei, (1, 5, h, w): fields x and y, two sigmas, seeds."""
    offset, share = distance_from_middle(picture.nuclei)
    field = np.clip(offset[::-1] / (PX_PER_UNIT * FIELD_REACH), -0.99, 0.99)  # rows, columns -> x, y
    maps = np.zeros((1, N_COORDS + N_SIGMA + N_SEEDS, *share.shape), np.float32)
    maps[0, :N_COORDS] = 2 * np.arctanh(field)  # sigmoid(2 a) - 1/2 = tanh(a) / 2
    maps[0, -1] = np.where(picture.nuclei > 0, 1 - share - 0.5, -0.5) * SEED_SCALE
    return maps


def distance_from_middle(nuclei: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find what each pixel of a region lies off its region's middle, and how far as a share of its farthest pixel.

    Parameters
    ----------
    nuclei : ndarray of int32, (h, w)
        Labels 1..n without gaps.

    Returns
    -------
    offset : ndarray of float64, (2, h, w)
        From the pixel to the middle, rows and columns, px; 0 outside of regions.
    share : ndarray of float64, (h, w)
        0 in the middle, at most 1; 1 outside of regions.
    """
    place = np.indices(nuclei.shape, np.float64)
    area = np.maximum(np.bincount(nuclei.ravel()), 1)
    middle = np.stack([np.bincount(nuclei.ravel(), axis.ravel()) / area for axis in place])
    offset = np.where(nuclei > 0, middle[:, nuclei] - place, 0)
    distance = np.hypot(*offset)
    farthest = np.ones(len(area))  # a region of one pixel is its own middle
    np.maximum.at(farthest, nuclei, distance)
    return offset, np.where(nuclei > 0, distance / farthest[nuclei], 1)


def ask_for_nearness(classifier: nn.Module) -> nn.Module:
    """Set the pixel classifier to say yes where a pixel's field ends near the seed: |x| + |y| < `NEAR`."""
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.zero_()
        layers = dict(classifier.named_modules())
        for row, (column, sign) in enumerate(((0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0))):
            layers["fc1"].weight[row, column] = sign
            layers["fc2"].weight[row, row] = 1.0
            layers["fc3"].weight[0, row] = -STEEP
        layers["fc3"].bias[0] = STEEP * NEAR
    return classifier


if __name__ == "__main__":
    run_peer(load)
