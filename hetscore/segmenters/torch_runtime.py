"""The network run by torch: on a GPU, or on a CPU where nothing faster is installed.

On a GPU it computes in bfloat16, one tile at a time; where memory does not suffice a tile is taken in parts.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hetscore.segmenters import DeviceName
from hetscore.segmenters.architecture import NetworkConfig
from hetscore.segmenters.devices import describe_device, find_device
from hetscore.segmenters.folding import Convolution, FoldedNetwork, Planes, interleave

Layer = tuple[Tensor, Tensor]
"""Weight and bias of a convolution."""


class TorchRuntime:
    """A folded network on a device; several threads may ask.

    Raises
    ------
    UsageError
        If the machine has no such device.
    """

    def __init__(self, network: FoldedNetwork, device: DeviceName) -> None:
        self._config, self._device = network.config, find_device(device)
        self._layers = _Layers(network, self._device)
        if self._device.type == "cpu":
            # Workers are the parallelism, and one thread each gives the same last bits on every machine.
            torch.set_num_threads(1)
        self._turn: AbstractContextManager[Any] = nullcontext() if self._device.type == "cpu" else Lock()

    @property
    def device(self) -> str:
        """What the network runs on."""
        return describe_device(self._device)

    def run(self, density: Planes) -> Planes:
        """Compute the maps, see `runtimes.Runtime`."""
        shown = torch.from_numpy(density[None]).permute(0, 3, 1, 2)  # (h, w, 3) -> (1, 3, h, w), not moved
        with self._turn, torch.inference_mode():
            return self._run(shown)

    def _run(self, density: Tensor) -> Planes:
        """Run the network; where memory does not suffice, on both halves of the picture, each with its reach."""
        try:
            return self._forward(density)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            parts = _halves(density, self._config)
            if parts is None:
                raise
        first, second, cut, start = parts
        return np.concatenate([self._run(first)[..., :cut], self._run(second)[..., cut - start :]], axis=-1)

    def _forward(self, density: Tensor) -> Planes:
        shown = density.to(self._device, memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            logits = self._layers(shown)[0].float().cpu()
        return interleave(logits.view(-1, 2, 2, *logits.shape[1:]).numpy())


class _Layers:
    """The layers on a device, each picture with its channels last in memory."""

    def __init__(self, network: FoldedNetwork, device: torch.device) -> None:
        def put(values: Planes) -> Tensor:
            tensor = torch.from_numpy(values).to(device)
            return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

        def layer(convolution: Convolution) -> Layer:
            return put(convolution.weight), put(convolution.bias)

        self.stem, self.head = layer(network.stem), layer(network.head)
        self.down = [(layer(first), layer(second)) for first, second in network.down]
        self.up = [(layer(block.fine), put(block.coarse), layer(block.second)) for block in network.up]

    def __call__(self, density: Tensor) -> Tensor:
        """Compute the logits of the four pixels of each 2 by 2 block, (b, 3, h, w) -> (b, 4 maps, h/2, w/2)."""
        x = F.relu_(F.conv2d(density, *self.stem, stride=2, padding=1))
        skips: list[Tensor] = []
        for i, (first, second) in enumerate(self.down):
            x = _convolve(x if i == 0 else F.max_pool2d(x, 2), first)  # level i: (b, w_i, h/2^(i+1), w/2^(i+1))
            x = _convolve(x, second)
            skips.append(x)
        for skip, (fine, coarse, second) in zip(skips[-2::-1], reversed(self.up), strict=True):
            both = F.conv2d(skip, *fine, padding=1).add_(F.conv_transpose2d(x, coarse, stride=2, padding=1))
            x = _convolve(F.relu_(both), second)
        return _mix(x, self.head)


def _convolve(x: Tensor, layer: Layer) -> Tensor:
    return F.relu_(F.conv2d(x, *layer, padding=1))


def _mix(x: Tensor, layer: Layer) -> Tensor:
    """Convolve by 1 by 1 weights: a product of matrices whose rows come out as planes, which `interleave` takes."""
    weight, bias = layer
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # (b, h * w, channels), not moved
    planes = torch.matmul(weight[:, :, 0, 0], pixels.transpose(1, 2)).add_(bias[:, None])
    return planes.view(len(x), -1, *x.shape[2:])


def _halves(density: Tensor, config: NetworkConfig) -> tuple[Tensor, Tensor, int, int] | None:
    """Left and right part, the column where they part, and that where the right one starts; None if too narrow."""
    stride = config.stride
    reach = -(-config.reach_px // stride) * stride
    width = density.shape[-1]
    cut = width // 2 // stride * stride
    if cut <= reach or cut + reach >= width:
        return None  # a part as wide as the whole would be no help
    return density[..., : cut + reach], density[..., cut - reach :], cut, cut - reach
