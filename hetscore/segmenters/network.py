"""The segmentation network: one U-Net, five maps at 0.5 um/px.

Comes in: a tile's pixels, the slide's glass and the site's scale of DAB. Goes out: nuclei, cells and a tumor
probability each, read from the maps by `segmenters.decoding`. What is found at a place depends on the picture around
it and not on the tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F

from hetscore.domain import Rgb, TileImage, TileLabels
from hetscore.segmenters.calibration import TumorCalibration
from hetscore.segmenters.decoding import (
    BORDER,
    CELL,
    CENTER,
    MAPS,
    NUCLEUS,
    TUMOR,
    Maps,
    NetworkParams,
    find_cells,
)
from hetscore.segmenters.devices import describe_device, find_device
from hetscore.segmenters.folding import FoldedNetwork, interleave
from hetscore.segmenters.growth import find_shrink, shrink_by
from hetscore.segmenters.weights import read_weights
from hetscore.stain import Stain, optical_density, rescaled_density

__all__ = [
    "BORDER",
    "CELL",
    "CENTER",
    "MAPS",
    "NUCLEUS",
    "TUMOR",
    "NetworkConfig",
    "NetworkParams",
    "NetworkSegmenter",
    "SegmentationNetwork",
    "TumorCalibration",
    "find_cells",
    "from_card",
    "normalize",
]
"""What belongs to the network, wherever it is written."""


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of the network. It is part of a model: weights fit only the shape they were trained in."""

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    """Channels at 1, 2, 4, 8 and 16 um per pixel: about 20 kFLOP per pixel of the picture, so that a core of a CPU
    does a square millimeter in a second or two. Five levels see 200 um around, a gland and what lies beside it."""

    @property
    def stride(self) -> int:
        """Pixels of the picture to one of the coarsest level; sides of the picture are multiples of it."""
        return 1 << len(self.widths)

    @property
    def reach_px(self) -> int:
        """How far a pixel of the maps depends on the picture, to either side."""
        *finer, coarsest = (2 << i for i in range(len(self.widths)))
        return 4 * sum(finer) + 2 * coarsest + self.stride  # two convolutions on the way down, two on the way up


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
    """Bring optical densities to the range the network is used to: tissue lies between 0 and 1 to either side."""
    return density.clamp(-0.1, 1.5).mul_(3.0)


class NetworkSegmenter:
    """The segmenter: a trained network, its calibration and how cells are read."""

    def __init__(self, network: SegmentationNetwork, tumor: TumorCalibration, params: NetworkParams) -> None:
        self.params, self.tumor, self.config = params, tumor, network.config
        self._device = find_device(params.device)
        folded = FoldedNetwork(network)
        self._network = folded.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self._device.type == "cpu":
            # Workers are the parallelism, and one thread each gives the same last bits on every machine.
            torch.set_num_threads(1)
        self._turn: AbstractContextManager[Any] = nullcontext() if self._device.type == "cpu" else Lock()

    @property
    def device(self) -> str:
        """What the network runs on."""
        return describe_device(self._device)

    def margin_um(self, tile_mpp: float, /) -> float:
        """How far beyond its core a tile must be read so that every owned cell comes out as on a whole slide."""
        maps_mpp = tile_mpp * find_shrink(tile_mpp, self.params.mpp)
        enough = self.params.margin_um * max(1.0, maps_mpp / self.params.mpp)  # pixels are what the network sees
        return min(self.config.reach_px * maps_mpp + self.params.reach_um, enough)

    def segment(self, image: TileImage, stain: Stain) -> TileLabels:
        """Find the nuclei and cells of a tile.

        Parameters
        ----------
        image : TileImage
            Pixels of the tile's box.
        stain : Stain
            The slide's white point. Its vectors are used only where the site has a scale of DAB: the network is then
            shown the densities as they would be in the laboratory it was trained in (`stain.rescaled_density`).

        Returns
        -------
        TileLabels
            Near `NetworkParams.mpp`, labels in reading order of the centers.
        """
        shrink = find_shrink(image.tile.mpp, self.params.mpp)
        maps = self._find_maps(rescaled_density(shrink_by(image.rgb, shrink), stain))
        nuclei, cells, logit = find_cells(maps, image.tile.mpp * shrink, self.params)
        return TileLabels(nuclei, cells, np.round(self.tumor.probability(logit), 6), shrink)

    def predict(self, rgb: Rgb, white: tuple[float, float, float]) -> Maps:
        """Compute the maps of a picture at about 0.5 um/px, (5, h, w) logits; several threads may ask."""
        return self._find_maps(optical_density(rgb, white))

    def _find_maps(self, density: NDArray[np.float32]) -> Maps:
        """Compute the maps of densities, (h, w, 3), padded to what the network takes."""
        height, width = density.shape[:2]
        stride = self.config.stride
        padded = cv2.copyMakeBorder(density, 0, -height % stride, 0, -width % stride, cv2.BORDER_REPLICATE)
        shown = torch.from_numpy(np.asarray(padded)[None]).permute(0, 3, 1, 2)  # (h, w, 3) -> (1, 3, h', w')
        with self._turn, torch.inference_mode():
            maps = self._run(shown)
        return np.ascontiguousarray(maps[0, :, :height, :width].numpy())

    def _run(self, density: Tensor) -> Tensor:
        """Run the network; where memory does not suffice, on both halves of the picture, each with its reach."""
        try:
            views = [flip(self._forward(flip(density, axes)), axes) for axes in _views(self.params.flips)]
            return torch.stack(views).mean(dim=0) if len(views) > 1 else views[0]
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            parts = _halves(density, self.config)
            if parts is None:
                raise
        first, second, cut, start = parts
        return torch.cat([self._run(first)[..., :cut], self._run(second)[..., cut - start :]], dim=-1)

    def _forward(self, density: Tensor) -> Tensor:
        shown = normalize(density.to(self._device, memory_format=torch.channels_last))
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            planes = self._network(shown)
        return torch.from_numpy(interleave(planes[0].float().cpu().numpy()))[None]


def _views(is_flipped: bool) -> tuple[tuple[int, ...], ...]:
    return ((), (2,), (3,), (2, 3)) if is_flipped else ((),)


def flip(picture: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Mirror a picture; twice is the picture again."""
    return torch.flip(picture, axes) if axes else picture


def _halves(density: Tensor, config: NetworkConfig) -> tuple[Tensor, Tensor, int, int] | None:
    """Left and right part, the column where they part, and that where the right one starts; None if too narrow."""
    stride = config.stride
    reach = -(-config.reach_px // stride) * stride
    width = density.shape[-1]
    cut = width // 2 // stride * stride
    if cut <= reach or cut + reach >= width:
        return None  # a part as wide as the whole would be no help
    return density[..., : cut + reach], density[..., cut - reach :], cut, cut - reach


WEIGHTS_FILE = "weights.safetensors"


def from_card(card: Mapping[str, Any], folder: Path, params: NetworkParams) -> NetworkSegmenter:
    """Make the segmenter from a model's folder; the weights must be those its card was written for.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the card lacks something, or the weights are missing, changed or of another shape.
    UsageError
        If the device asked for is not on this machine.
    """
    values, tumor = card["network"], card["tumor"]
    network = SegmentationNetwork(NetworkConfig(widths=_read_widths(values["widths"])))
    _load_weights(network, read_weights(folder / WEIGHTS_FILE, values["sha256"]))
    return NetworkSegmenter(network, TumorCalibration(float(tumor["scale"]), float(tumor["offset"])), params)


def _read_widths(values: Any) -> tuple[int, ...]:  # noqa: ANN401 - whatever stands in the card
    widths = tuple(values)
    if not widths or not all(type(width) is int and width > 0 for width in widths):
        raise ValueError(f"network.widths is {values}; a list of positive whole numbers is needed")
    return widths


def _load_weights(network: SegmentationNetwork, content: bytes) -> None:
    try:
        weights = load(content)
    except SafetensorError as error:
        raise ValueError(f"{WEIGHTS_FILE} is no safetensors file ({error})") from None
    _check_shapes(network, weights)
    network.load_state_dict(weights)


def _check_shapes(network: SegmentationNetwork, weights: Mapping[str, Tensor]) -> None:
    has = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    needs = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    odd = sorted(key for key in has.keys() | needs.keys() if has.get(key) != needs.get(key))
    if odd:
        seen, wanted = (shapes.get(odd[0], "not there") for shapes in (has, needs))
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        raise ValueError(f"{WEIGHTS_FILE} does not fit network.widths: {odd[0]} is {seen}, should be {wanted}{more}")
