"""What the figures were taken on: the processor and the versions that matter, without a host name or a path."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from hetscore import __version__
from scripts.bench.timing import count_cores

PACKAGES = (
    "torch",
    "openvino",
    "numpy",
    "numba",
    "opencv-python",
    "scikit-image",
    "openslide-python",
    "imagecodecs",
    "tifffile",
)


def describe_machine() -> dict[str, str]:
    """Describe processor, cores, load and versions; the load is that of the minute before."""
    return {
        "CPU": _processor(),
        "cores": f"{count_cores()} of {os.cpu_count()}",
        "load": f"{os.getloadavg()[0]:.2f}",
        "Python": platform.python_version(),
        "hetscore": __version__,
        **{package: version(package) for package in PACKAGES},
    }


def _processor() -> str:
    """Read the processor's name where Linux tells it; the architecture elsewhere."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
