"""The network run by OpenVINO on the CPU: the same maps as torch to rounding, in less time, and without importing it.

The graph is built from the folded weights. Each caller at a time has a compiled copy of its own with one thread:
workers are the parallelism, and one thread each gives the same last bits however many there are.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import cv2
import numpy as np

from hetscore.segmenters.folding import Convolution, FoldedNetwork, Planes, interleave
from hetscore.segmenters.quantization import Ranges

_CONVERTER = "openvino.tools.ovc"


@contextmanager
def _without_converter() -> Iterator[None]:
    """Import OpenVINO without its converter of models, which would import a package that can report its use.

    Nothing is converted here, and a program that reads patients' slides loads no code that calls home. Whoever wants
    the converter may import it by its own name later; where OpenVINO was imported before, nothing is touched.
    """
    if {"openvino", _CONVERTER} & sys.modules.keys():
        yield
        return
    sys.modules[_CONVERTER] = cast(Any, None)  # an import of it fails, which OpenVINO allows for
    try:
        yield
    finally:
        del sys.modules[_CONVERTER]


with _without_converter():
    import openvino as ov
    from openvino import opset13 as ops

CONFIG = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": False,  # where this process may run is for the user or the scheduler to say
    "INFERENCE_PRECISION_HINT": "f32",  # else a CPU that knows bfloat16 would use it, and find other cells
    "CPU_RUNTIME_CACHE_CAPACITY": 400,
}
"""How a copy is compiled. The capacity counts prepared layers, some 40 for each size of tile: it keeps ten sizes.
Without a limit memory grew by 1.3 MiB with each new size; preparing one takes 20 ms, its network 300."""
MOST_SIDE = 1 << 16
"""Largest side of a picture. That there is one lets the sum of two layers be taken in place: 7 % faster."""


class OpenvinoRuntime:
    """A folded network on the CPU; several threads may ask."""

    def __init__(self, network: FoldedNetwork, most: Ranges | None = None) -> None:
        self._core, self._graph = ov.Core(), build_graph(network, most)
        self._precision = "" if most is None else ", int8"
        self._idle: deque[ov.InferRequest] = deque()

    @property
    def device(self) -> str:
        """What the network runs on."""
        return f"cpu (openvino {ov.__version__.split('-')[0]}{self._precision})"

    def run(self, density: Planes) -> Planes:
        """Compute the maps, see `runtimes.Runtime`."""
        height, width = density.shape[:2]
        shown = np.empty((1, 3, height, width), np.float32)
        cv2.split(density, list(shown[0]))
        with self._borrow() as request:
            logits = request.infer([shown], share_inputs=True, share_outputs=True)[0]
            return interleave(logits.reshape(-1, 2, 2, height // 2, width // 2))

    @contextmanager
    def _borrow(self) -> Iterator[ov.InferRequest]:
        """Lend an idle copy, or a new one: there are as many as there ever were callers at once."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compile()
        try:
            yield request
        finally:
            self._idle.append(request)

    def _compile(self) -> ov.InferRequest:
        return self._core.compile_model(self._graph, "CPU", CONFIG).create_infer_request()


def build_graph(network: FoldedNetwork, most: Ranges | None = None) -> ov.Model:
    """Build the graph of a network.

    Parameters
    ----------
    network : FoldedNetwork
        Its weights.
    most : mapping of str to float, optional
        Largest value of each picture between layers, from `quantization.read_ranges`. With it the layers between the
        first and the last compute in 8 bits.

    Returns
    -------
    openvino.Model
        From optical densities, (1, 3, h, w), to the logits of the four pixels of each 2 by 2 block, (1, 4 maps, h/2,
        w/2), for any h and w that are multiples of the network's stride. The pictures between layers have the names of
        `quantization.picture_names`.
    """
    side, layers = ov.Dimension(network.config.stride, MOST_SIDE), _Layers(most)
    density = ops.parameter(ov.PartialShape([1, 3, side, side]), ov.Type.f32)
    x = ops.relu(_convolve(density, network.stem, stride=2))
    skips: list[ov.Node] = []
    for i, (first, second) in enumerate(network.down):
        x = _convolve(x, first) if i == 0 else layers.convolve(_shrink(x), first)
        x = layers.activate(f"down.{i}.first", x)
        x = layers.activate(f"down.{i}.second", layers.convolve(x, second))
        skips.append(x)
    for i, (skip, block) in reversed([*enumerate(zip(skips, network.up, strict=False))]):
        joined = ops.add(layers.convolve(skip, block.fine), layers.enlarge(x, block.coarse))
        x = layers.activate(f"up.{i}.first", joined)
        x = layers.activate(f"up.{i}.second", layers.convolve(x, block.second))
    return ov.Model([ops.result(_convolve(x, network.head, padding=0))], [density])


class _Layers:
    """Makes layers, in single precision, or in 8 bits where the largest values are known."""

    def __init__(self, most: Ranges | None) -> None:
        self._most = most

    def activate(self, name: str, x: ov.Node) -> ov.Node:
        """Cut off what is negative, and name the picture; in 8 bits take 256 levels of it."""
        x = ops.relu(x)
        x.output(0).get_tensor().set_names({name})
        if self._most is None or name not in self._most:
            return x
        low, high = ops.constant(np.float32(0)), ops.constant(np.float32(self._most[name]))
        return ops.fake_quantize(x, low, high, low, high, 256)

    def convolve(self, x: ov.Node, layer: Convolution) -> ov.Node:
        return _convolve(x, layer, self._weigh(layer.weight, channel=0))

    def enlarge(self, x: ov.Node, weight: Planes) -> ov.Node:
        """Convolve to twice the size, without a bias."""
        return ops.convolution_backprop_data(
            x, self._weigh(weight, channel=1), [2, 2], pads_begin=[1, 1], pads_end=[1, 1]
        )

    def _weigh(self, weight: Planes, channel: int) -> ov.Node:
        """Take weights as they are, or in 255 levels around 0 of each output channel, which lie along `channel`."""
        values = ops.constant(weight)
        if self._most is None:
            return values
        others = tuple(axis for axis in range(4) if axis != channel)
        largest = np.maximum(np.abs(weight).max(axis=others, keepdims=True), np.finfo(np.float32).tiny)
        low, high = ops.constant(-largest), ops.constant(largest)
        return ops.fake_quantize(values, low, high, low, high, 255)


def _convolve(
    x: ov.Node, layer: Convolution, weight: ov.Node | None = None, *, stride: int = 1, padding: int = 1
) -> ov.Node:
    """Convolve, with other weights than the layer's own if given."""
    weight, around = ops.constant(layer.weight) if weight is None else weight, [padding, padding]
    return ops.add(
        ops.convolution(x, weight, [stride, stride], around, around, [1, 1]), layer.bias[None, :, None, None]
    )


def _shrink(x: ov.Node) -> ov.Node:
    """Take the largest of each 2 by 2 pixels; their places, the second output, are of no use."""
    return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
