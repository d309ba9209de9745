"""The most arithmetic the machine gets done, to hold the network against."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import nn

from hetscore.segmenters.architecture import NetworkConfig, weight_shapes
from hetscore.segmenters.folding import fold
from scripts.bench.timing import race

PLAIN = ((32, 512), (64, 256), (128, 128), (256, 64))
"""Channels and side of the plain convolutions: the sizes that occur in networks of this kind."""
TYPES = (torch.float32, torch.bfloat16)
"""bfloat16 is the faster where the processor has it, and the slower where it has not."""


@torch.inference_mode()
def find_fastest_flops(rounds: int) -> float:
    """Find the floating-point operations per second of the fastest plain 3 x 3 convolution, on one core.

    Parameters
    ----------
    rounds : int
        Timings of each size and number type.

    Returns
    -------
    float
        Multiplications and additions both count.
    """
    candidates, flops = {}, {}
    for channels, side in PLAIN:
        for kind in TYPES:
            layer = nn.Conv2d(channels, channels, 3, padding=1).eval().to(kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
            picture = torch.randn(1, channels, side, side, dtype=kind).contiguous(memory_format=torch.channels_last)
            name = f"{channels} {kind}"
            candidates[name] = partial(layer, picture)
            flops[name] = 2 * 9 * channels**2 * side**2
    spread = race(candidates, rounds)
    return max(flops[name] / seconds.median for name, seconds in spread.items())


def count_flop_per_px(config: NetworkConfig) -> float:
    """Count the operations of a network's convolutions per pixel of the picture."""
    return fold({name: np.ones(shape, np.float32) for name, shape in weight_shapes(config).items()}, config).flop_per_px
