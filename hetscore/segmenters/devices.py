"""Where networks run: the device that was asked for, if this machine has it."""

from __future__ import annotations

import torch

from hetscore.errors import UsageError
from hetscore.segmenters import DeviceName


def find_device(name: DeviceName) -> torch.device:
    """Find the device of a name; auto is a GPU where there is one.

    Raises
    ------
    UsageError
        If the machine has no such device.
    """
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    present = [kind for kind, is_there in has.items() if is_there]
    if name != "auto" and name not in present:
        known = ", ".join(("auto", *present))
        raise UsageError(f"device {name}: not on this machine; expected one of {known}. Pass another --device.")
    return torch.device(present[0] if name == "auto" else name)


def describe_device(device: torch.device) -> str:
    """Kind of a device, and its name where there are many of the kind."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device.type)
