"""Small models made by hand, so that networks are tested without trained weights."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from hetscore.segmenters.network import (
    BORDER,
    CELL,
    CENTER,
    NUCLEUS,
    TUMOR,
    NetworkConfig,
)
from hetscore.segmenters.unet import SegmentationNetwork
from hetscore.stain import unmixing_matrix
from tests.drawings import VECTORS

CARD = """\
name = "made"
kind = "{kind}"

[stain]
hematoxylin = [0.642, 0.627, 0.447]
dab = [0.36, 0.567, 0.741]

[membrane]
id = "made"
weights = [3.8, 0.65, 0.0]
cuts = [-9.8, -7.1, -1.6]
min_share = 0.2
reference_od = [0.029, 0.097, 0.231, 0.529]

{own}
"""
HEMATOXYLIN, DAB, SMOOTH, SURROUNDINGS = range(4)
"""Channels of the network made by hand."""
_BLUR = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16
_SAME = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])


@torch.no_grad()
def make_network() -> SegmentationNetwork:
    """Make a network of two levels that finds dark round things: each of its numbers has a meaning.

    The stem unmixes the two stains, the levels blur them, and each map is a line in one or two of the four channels.
    """
    network = SegmentationNetwork(NetworkConfig(widths=(4, 4))).eval()
    for name, values in network.named_parameters():
        values.fill_(1.0 if values.ndim == 1 and name.endswith("weight") else 0.0)  # normalization changes nothing
    unmix = torch.from_numpy(unmixing_matrix(VECTORS).astype(np.float32))
    network.stem.weight[:2, :, 1:3, 1:3] = unmix[:, :, None, None] / 4  # the mean of two by two pixels
    blocks = [*network.down, *network.up]
    for block in blocks[:2]:
        for conv in (block.get_submodule("0"), block.get_submodule("3")):
            _wire(conv, {(HEMATOXYLIN, HEMATOXYLIN): _BLUR, (DAB, DAB): _BLUR})
    first, second = (blocks[2].get_submodule(i) for i in ("0", "3"))  # comes in: four fine channels, four coarse ones
    both = {(SMOOTH, HEMATOXYLIN): _BLUR / 2, (SMOOTH, 4 + HEMATOXYLIN): _BLUR / 2}
    kept = {(HEMATOXYLIN, HEMATOXYLIN): _SAME, (DAB, DAB): _SAME}
    _wire(first, {**kept, **both, (SURROUNDINGS, 4 + DAB): _BLUR})
    _wire(second, {**kept, (SMOOTH, SMOOTH): _BLUR, (SURROUNDINGS, SURROUNDINGS): _SAME})
    lines = {
        CENTER: (SMOOTH, 8.0, 0.35),
        NUCLEUS: (HEMATOXYLIN, 12.0, 0.35),
        CELL: (HEMATOXYLIN, 20.0, 0.08),
        BORDER: (DAB, 10.0, 0.5),
        TUMOR: (SURROUNDINGS, 6.0, 0.3),
    }
    for channel, (source, slope, zero) in lines.items():
        network.head.weight[4 * channel : 4 * channel + 4, source] = slope
        network.head.bias[4 * channel : 4 * channel + 4] = -slope * zero  # type: ignore[index]
    return network


def random_network(widths: tuple[int, ...] = (4, 6, 8)) -> SegmentationNetwork:
    """Make a network of random weights whose normalization has seen something, too."""
    torch.manual_seed(1)
    network = SegmentationNetwork(NetworkConfig(widths))
    with torch.no_grad():
        for _ in range(3):
            network(3 * torch.randn(4, 3, 96, 96) + 1)
    return network.eval()


def _wire(conv: nn.Module, kernels: dict[tuple[int, int], Tensor]) -> None:
    for (target, source), kernel in kernels.items():
        conv.get_parameter("weight")[target, source] = kernel


def write_network(folder: Path) -> None:
    """Write a model folder with the network made by hand."""
    content = save(make_network().state_dict())
    (folder / "weights.safetensors").write_bytes(content)
    own = f'[network]\nwidths = [4, 4]\nsha256 = "{hashlib.sha256(content).hexdigest()}"\n'
    own += "[tumor]\nscale = 0.8\noffset = 0.1\n"
    (folder / "model.toml").write_text(CARD.format(kind="network", own=own), encoding="utf-8")


class Blobs(nn.Module):
    """Connected dark pixels, labeled by the place of their last pixel, and how dark it is around as the tumor map."""

    def __init__(self) -> None:
        super().__init__()
        unmix = unmixing_matrix(VECTORS)[0].astype(np.float32)
        self.unmix = nn.Parameter(torch.from_numpy(unmix).reshape(1, 3, 1, 1), requires_grad=False)

    def forward(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """Label a picture of optical densities, (1, 3, h, w)."""
        dark = F.avg_pool2d((density * self.unmix).sum(dim=1, keepdim=True), 3, 1, 1)
        mask = (dark > 0.12).to(density.dtype)
        place = torch.arange(1, mask.numel() + 1, device=mask.device).reshape(mask.shape)
        labels = place.to(density.dtype) * mask
        for _ in range(16):
            labels = F.max_pool2d(labels, 3, 1, 1) * mask
        return labels, 20 * dark - 4


class Constant(nn.Module):
    """The same label images whatever the picture: what a test needs to see what is made of them."""

    def __init__(self, labels: Tensor) -> None:
        super().__init__()
        self.labels = nn.Parameter(labels, requires_grad=False)

    def forward(self, picture: Tensor) -> Tensor:
        """Return as much of the label images as the picture is large, zeros beyond."""
        height, width = picture.shape[2], picture.shape[3]
        whole = torch.zeros([1, self.labels.shape[1], height, width])
        part = self.labels[:, :, :height, :width]
        whole[:, :, : part.shape[2], : part.shape[3]] = part
        return whole


def write_torchscript(
    folder: Path, model: nn.Module | None = None, *, tumor: str = 'source = "map"\nscale = 1.0\noffset = 0.0'
) -> None:
    """Write a model folder with a TorchScript that takes optical densities, by default `Blobs`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript itself
        script, file = torch.jit.script(model or Blobs()), io.BytesIO()
        torch.jit.save(script, file)
    (folder / "model.pt").write_bytes(file.getvalue())
    sha256 = hashlib.sha256(file.getvalue()).hexdigest()
    own = f'[torchscript]\nsha256 = "{sha256}"\nmpp = 0.5\nmargin_um = 25.0\nscaling = "od"\n[tumor]\n{tumor}\n'
    (folder / "model.toml").write_text(CARD.format(kind="torchscript", own=own), encoding="utf-8")


def edit_card(old: str, new: str) -> Callable[[Path], None]:
    """Make a change to the card of a folder: one text for another, which must be there."""

    def edit(folder: Path) -> None:
        text = (folder / "model.toml").read_text(encoding="utf-8")
        assert old in text
        (folder / "model.toml").write_text(text.replace(old, new), encoding="utf-8")

    return edit
