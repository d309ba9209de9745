"""Time the segmentation network against what this machine can do at all: bench_network.py [--threads N].

Printed, in one run: megapixels a second of the network alone (1024 x 1024 px, single precision, batch normalization
folded), the arithmetic it gets done, and that of the fastest plain convolution found. The ratio of the two is how near
the network is to its limit.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

from hetscore.segmenters.folding import FoldedNetwork
from hetscore.segmenters.network import NetworkConfig, SegmentationNetwork

SIDE_PX = 1024
N_RUNS = 7
PLAIN = ((32, 512), (64, 256), (128, 128), (256, 64))
"""Channels and side of the plain convolutions: the sizes that occur in networks of this kind."""


def count_flop(network: nn.Module, picture: Tensor) -> int:
    """Count the multiplications and additions of a network's convolutions on a picture."""
    counts = []

    def count(layer: nn.Module, _: object, out: Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            counts.append(2 * out[0].numel() * layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1])

    hooks = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    network(picture)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def time_it(call: Callable[[], object]) -> float:
    """Median seconds of `N_RUNS` calls, after one to warm up."""
    call()
    seconds = []
    for _ in range(N_RUNS):
        clock = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - clock)
    return median(seconds)


def find_limit() -> float:
    """Find the most arithmetic a plain convolution gets done here, FLOP/s."""
    rates = []
    for channels, side in PLAIN:
        layer = nn.Conv2d(channels, channels, 3, padding=1).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        picture = torch.randn(1, channels, side, side).contiguous(memory_format=torch.channels_last)
        rates.append(count_flop(layer, picture) / time_it(lambda layer=layer, picture=picture: layer(picture)))  # type: ignore[misc]
    return max(rates)


@torch.inference_mode()
def main() -> None:
    """Read the command line, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    network = FoldedNetwork(SegmentationNetwork(NetworkConfig()).eval()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    picture = torch.randn(1, 3, SIDE_PX, SIDE_PX).contiguous(memory_format=torch.channels_last)
    flop, seconds, limit = count_flop(network, picture), time_it(lambda: network(picture)), find_limit()
    print(f"{SIDE_PX**2 / seconds / 1e6:.1f} MP/s, {flop / SIDE_PX**2 / 1e3:.1f} kFLOP a pixel")
    print(f"{flop / seconds / 1e9:.0f} GFLOP/s of {limit / 1e9:.0f}: {flop / seconds / limit:.2f} of the limit")


if __name__ == "__main__":
    main()
