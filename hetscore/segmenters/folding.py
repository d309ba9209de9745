"""The trained network, rewritten to run: the same maps from fewer and cheaper steps.

Batch normalization goes into the convolution before it, and the gain of what is shown into the first one. Where the
way up enlarges a coarse picture, joins it to a fine one and convolves both, the fine one is convolved by itself, and
the coarse one is enlarged and convolved in one step: under 3 by 3 weights an enlarged pixel sees only 2 by 2 different
ones. Nothing is joined, and a sixth of the products is saved. Every library that runs the network gets these weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.segmenters.architecture import OD_GAIN, NetworkConfig, Weights

Planes = NDArray[np.float32]

_EPSILON = 1e-5
"""Added to the variance by the batch normalization the network is trained with (the default of torch)."""


@dataclass(frozen=True)
class Convolution:
    """A convolution and its bias."""

    weight: Planes
    """(n, c, k, k), for n channels out of c."""
    bias: Planes
    """(n,)"""


@dataclass(frozen=True)
class UpBlock:
    """The two convolutions of a level on the way up, the first taken apart."""

    fine: Convolution
    """For the picture of this level."""
    coarse: Planes
    """(c, n, 4, 4), a transposed convolution of stride 2 for the picture of the level below; no bias of its own."""
    second: Convolution


@dataclass(frozen=True)
class FoldedNetwork:
    """A trained network for use; it cannot be trained."""

    config: NetworkConfig
    stem: Convolution
    """4 by 4, stride 2, for optical densities cut to the range of `architecture`; their gain is in it."""
    down: tuple[tuple[Convolution, Convolution], ...]
    """Finest first; all but the first are of the level above shrunk by the maximum of 2 by 2 pixels."""
    up: tuple[UpBlock, ...]
    """Finest first, so they are run from the last to the first."""
    head: Convolution
    """1 by 1, to four logits of each map: those of 2 by 2 pixels, which `interleave` puts together."""

    @property
    def flop_per_px(self) -> float:
        """Multiplications and additions of all convolutions, per pixel of the picture."""
        products = self.stem.weight.size / 4 + self.head.weight.size / 4
        for i, block in enumerate(self.down):
            products += sum(conv.weight.size for conv in block) / 4 ** (i + 1)
        for i, up in enumerate(self.up):
            taken = up.fine.weight.size + up.second.weight.size + up.coarse.size / 4  # each pixel sees 2 by 2 of 4 by 4
            products += taken / 4 ** (i + 1)
        return 2 * products


def fold(weights: Weights, config: NetworkConfig) -> FoldedNetwork:
    """Rewrite a trained network.

    Parameters
    ----------
    weights : mapping of str to ndarray of float32
        Those of `architecture.weight_shapes`; others are not looked at.
    config : NetworkConfig
        The shape they were trained in.

    Returns
    -------
    FoldedNetwork
        Of the same maps to rounding; sums are taken in double precision.

    References
    ----------
    .. [1] Ioffe S, Szegedy C. Batch normalization. Proc ICML 37:448, 2015: inference, algorithm 2.
    """
    widths = config.widths
    return FoldedNetwork(
        config,
        stem=Convolution(np.float32(OD_GAIN) * weights["stem.weight"], weights["stem.bias"]),
        down=tuple(_fold_block(weights, f"down.{i}") for i in range(len(widths))),
        up=tuple(_split_block(weights, f"up.{i}", fine) for i, (fine, _) in enumerate(pairwise(widths))),
        head=Convolution(weights["head.weight"], weights["head.bias"]),
    )


def _fold_block(weights: Weights, name: str) -> tuple[Convolution, Convolution]:
    first, second = (_fold_normalization(weights, name, place) for place in (0, 3))
    return first, second


def _fold_normalization(weights: Weights, name: str, place: int) -> Convolution:
    """Fold a batch normalization into the convolution before it."""

    def parameter(of: str) -> NDArray[np.float64]:
        return weights[f"{name}.{place + 1}.{of}"].astype(np.float64)

    gain = parameter("weight") / np.sqrt(parameter("running_var") + _EPSILON)
    weight = weights[f"{name}.{place}.weight"] * gain[:, None, None, None]
    bias = parameter("bias") - gain * parameter("running_mean")
    return Convolution(weight.astype(np.float32), bias.astype(np.float32))


def _split_block(weights: Weights, name: str, n_fine: int) -> UpBlock:
    """Take the first convolution of a block apart: its first channels are those of the fine picture."""
    first, second = _fold_block(weights, name)
    fine = Convolution(np.ascontiguousarray(first.weight[:, :n_fine]), first.bias)
    return UpBlock(fine, enlarging(first.weight[:, n_fine:]), second)


def enlarging(weight: Planes) -> Planes:
    """Weights that enlarge a picture by doubling its pixels and convolve it, in one step.

    Parameters
    ----------
    weight : ndarray of float32, (n, c, 3, 3)
        For the enlarged picture, with a border of one zero.

    Returns
    -------
    ndarray of float32, (c, n, 4, 4)
        For a transposed convolution of stride 2 and padding 1: what each coarse pixel adds to the 4 by 4 fine ones
        around it. A pixel doubled is seen by 3 by 3 weights from one place as from the next, so sums of neighboring
        weights are what comes out; and a transposed convolution has the weights of a convolution in reverse.
    """
    n, c = weight.shape[:2]
    sums = np.zeros((n, c, 4, 4))
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        sums[:, :, row : row + 3, column : column + 3] += weight
    return np.ascontiguousarray(sums[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), np.float32)


def interleave(planes: Planes) -> Planes:
    """Put the four pixels of each block together.

    Parameters
    ----------
    planes : ndarray of float32, (n, 2, 2, h, w)
        By row and column in the block.

    Returns
    -------
    ndarray of float32, (n, 2 h, 2 w)
        The maps.
    """
    n, _, _, height, width = planes.shape
    maps = np.empty((n, height, 2, width, 2), np.float32)
    for which, rows in enumerate(planes):
        for row, columns in enumerate(rows):
            cv2.merge(list(columns), maps[which, :, row])
    return maps.reshape(n, 2 * height, 2 * width)
