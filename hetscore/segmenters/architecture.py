"""The shape of the segmentation network: its levels, what its weights are called, what it is shown.

It is part of a model: weights fit only the shape they were trained in. Nothing here runs anything, so that cards are
read and weights checked without the library that will run them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hetscore.segmenters.decoding import MAPS

Weights = Mapping[str, NDArray[np.float32]]
"""Weights of a trained network by the names they have in its file."""

LEAST_OD, MOST_OD = -0.1, 1.5
"""Optical densities are cut to this range: brighter than the glass is noise, and soot of any density is as dark as the
darkest tissue."""
OD_GAIN = 3.0
"""Brings them to the range the network is used to: tissue lies between 0 and 1 to either side."""

_NORMALIZATION = ("weight", "bias", "running_mean", "running_var")
"""What a batch normalization is made of."""


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of the network."""

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


def weight_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Say which weights a network of this shape has, and how large each is.

    Parameters
    ----------
    config : NetworkConfig
        Of the network.

    Returns
    -------
    dict of str to tuple of int
        By the names of `unet.SegmentationNetwork`; what training counts beside is left out.
    """
    widths = config.widths
    shapes: dict[str, tuple[int, ...]] = {"stem.weight": (widths[0], 3, 4, 4), "stem.bias": (widths[0],)}
    for i, (before, width) in enumerate(zip((widths[0], *widths), widths, strict=False)):
        shapes |= _block_shapes(f"down.{i}", before, width)
    for i, (fine, coarse) in enumerate(pairwise(widths)):
        shapes |= _block_shapes(f"up.{i}", fine + coarse, fine)
    return shapes | {"head.weight": (4 * len(MAPS), widths[0], 1, 1), "head.bias": (4 * len(MAPS),)}


def _block_shapes(name: str, n_in: int, n_out: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Two convolutions of 3 by 3, each with its batch normalization, by their places in the block."""
    for place, n in ((0, n_in), (3, n_out)):
        yield f"{name}.{place}.weight", (n_out, n, 3, 3)
        for of in _NORMALIZATION:
            yield f"{name}.{place + 1}.{of}", (n_out,)
