"""What runs the network: one file a library, imported only where it is used.

To add one, write ``segmenters/<name>_runtime.py`` with a class that is a `Runtime`, and name it in `make_runtime`.
"""

from __future__ import annotations

import sys
from ctypes import CDLL
from dataclasses import dataclass
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
        Which library; auto is OpenVINO where it is installed, can be imported and the device is the CPU, else torch.
    device : str
        Where; auto is a GPU where there is one.
    most : mapping of str to float, optional
        For openvino-int8, from `quantization.read_ranges`.

    Raises
    ------
    UsageError
        If the library is not installed, cannot be imported, does not run on the device, or the machine has no such
        device.
    ValueError
        If 8 bits are asked for without ranges.
    """
    if runtime == "openvino-int8" and most is None:
        raise ValueError("openvino-int8 without the ranges that it needs")
    if not _takes_openvino(runtime, device):
        return _make_torch(network, device)
    try:
        from hetscore.segmenters.openvino_runtime import OpenvinoRuntime  # where it may not be installed
    except (ImportError, OSError) as error:  # it is, but not whole, or of another system
        if runtime != "auto":
            raise UsageError(f"network.runtime {runtime}: {_describe_broken(error)}") from None
        return _InPlace(_make_torch(network, device))
    return OpenvinoRuntime(network, most)


def _make_torch(network: FoldedNetwork, device: DeviceName) -> Runtime:
    from hetscore.segmenters.torch_runtime import TorchRuntime  # torch takes a second and a half to import

    return TorchRuntime(network, device)


@dataclass(frozen=True)
class _InPlace:
    """Torch where OpenVINO is installed but cannot be imported: slower, and the record tells why."""

    torch: Runtime

    @property
    def device(self) -> str:
        return f"{self.torch.device} (torch, as openvino cannot be imported)"

    def run(self, density: Planes) -> Planes:
        return self.torch.run(density)


def _describe_broken(error: Exception) -> str:
    cause = " ".join(f"{type(error).__name__}: {error}".split())  # a library's complaint may have several lines
    remedy = "Run `pip install --force-reinstall openvino`, or leave the runtime at auto."
    return f"cannot be imported ({cause}); expected a working package openvino. {remedy}"


def _takes_openvino(runtime: RuntimeName, device: DeviceName) -> bool:
    if runtime == "torch":
        return False
    if runtime == "auto":
        return has_openvino() and (device == "cpu" or (device == "auto" and not has_gpu()))
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


def has_gpu() -> bool:
    """Whether torch has a GPU to use; it is asked, and imported for it, only where there may be one.

    Notes
    -----
    A driver alone is none: it is installed where a cluster's jobs are handed in, and where the GPUs are hidden.
    """
    if not may_have_gpu():
        return False
    from hetscore.segmenters.devices import find_device  # torch takes a second and a half to import

    return find_device("auto").type != "cpu"


def may_have_gpu() -> bool:
    """Whether there is a GPU that torch might use: whether it is worth importing it to ask."""
    if sys.platform == "darwin" or Path("/dev/kfd").exists():  # Apple's are built in; the second is AMD's driver
        return True
    try:
        CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
