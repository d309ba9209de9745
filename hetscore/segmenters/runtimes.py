"""What runs the network: one file a library, imported only where it is used.

To add one, write ``segmenters/<name>_runtime.py`` with a class that is a `Runtime`, and name it in `make_runtime`.
"""

from __future__ import annotations

import sys
from ctypes import CDLL
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from hetscore.errors import UsageError
from hetscore.segmenters import DeviceName, RuntimeName
from hetscore.segmenters.folding import FoldedNetwork, Planes
from hetscore.segmenters.quantization import Ranges


class Runtime(Protocol):
    """What a library that runs the network must offer. Several threads share one."""

    @property
    def device(self) -> str:
        """What it runs on, for the record."""

    def run(self, density: Planes) -> Planes:
        """Compute the maps.

        Parameters
        ----------
        density : ndarray of float32, (h, w, 3)
            Optical densities cut to the range of `architecture`; h and w are multiples of the network's stride.

        Returns
        -------
        ndarray of float32, (5, h, w)
            Logits of `architecture.MAPS`, the caller's to keep.
        """


def make_runtime(
    network: FoldedNetwork, runtime: RuntimeName, device: DeviceName, most: Ranges | None = None
) -> Runtime:
    """Make what runs a network.

    Parameters
    ----------
    network : FoldedNetwork
        To run.
    runtime : str
        Which library; auto is OpenVINO where it is installed and the device is the CPU, else torch.
    device : str
        Where; auto is a GPU where there is one.
    most : mapping of str to float, optional
        For openvino-int8, from `quantization.read_ranges`.

    Raises
    ------
    UsageError
        If the library is not installed, does not run on the device, or the machine has no such device.
    ValueError
        If 8 bits are asked for without ranges.
    """
    if runtime == "openvino-int8" and most is None:
        raise ValueError("openvino-int8 without the ranges that it needs")
    if _takes_openvino(runtime, device):
        from hetscore.segmenters.openvino_runtime import OpenvinoRuntime  # where it may not be installed

        return OpenvinoRuntime(network, most)
    from hetscore.segmenters.torch_runtime import TorchRuntime  # torch takes a second and a half to import

    return TorchRuntime(network, device)


def _takes_openvino(runtime: RuntimeName, device: DeviceName) -> bool:
    if runtime == "torch":
        return False
    if runtime == "auto":
        return has_openvino() and (device == "cpu" or (device == "auto" and not may_have_gpu()))
    if device not in ("auto", "cpu"):
        seen, remedy = f"device {device}; expected cpu, where alone it runs", "Pass --device cpu"
        raise UsageError(f"network.runtime {runtime}: {seen}. {remedy}, or leave the runtime at auto.")
    if not has_openvino():
        seen, remedy = "not installed; expected the package openvino", "Run `pip install 'hetscore[openvino]'`"
        raise UsageError(f"network.runtime {runtime}: {seen}. {remedy}, or leave the runtime at auto.")
    return True


def has_openvino() -> bool:
    """Whether OpenVINO is installed; it is not imported."""
    return find_spec("openvino") is not None


def may_have_gpu() -> bool:
    """Whether there is a GPU that torch might use: whether it is worth importing it to ask."""
    if sys.platform == "darwin" or Path("/dev/kfd").exists():  # Apple's are built in; the second is AMD's driver
        return True
    try:
        CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
