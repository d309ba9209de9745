"""What a peer's script hands over, and how its steps are timed: a process of its own, one core, one thread.

Runs in the peer's environment: nothing may be imported here but numpy and what comes with Python. Weights cannot be
had without a download, so networks run with random ones. What random weights say is no measure of the step that reads
it; that step gets maps drawn from labels that hetscore found in the picture: clean ones, which favors the peer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]

ROUNDS = 5
"""As the rest of the benchmark: the least of which one odd value on either side changes little."""
WARM_UPS = 2
"""TorchScript compiles in its second call."""
MPP = 0.5
"""Of the picture, um/px."""
MEASURING = "features"
"""The step that measures what was found, where there is one."""


@dataclass(frozen=True)
class Picture:
    """A square of tissue, and what hetscore found there."""

    rgb: NDArray[np.uint8]
    """(h, w, 3)."""
    nuclei: Labels
    cells: Labels
    """(h, w), labels 1..n, 0 elsewhere."""

    def middle(self, side: int) -> Picture:
        """Cut the middle out; labels are numbered anew."""
        rows, columns = (slice((n - side) // 2, (n + side) // 2) for n in self.nuclei.shape)
        cut = (labels[rows, columns] for labels in (self.nuclei, self.cells))
        return Picture(np.ascontiguousarray(self.rgb[rows, columns]), *(number(labels) for labels in cut))

    @property
    def mp(self) -> float:
        """Megapixels."""
        return self.nuclei.size / 1e6


def number(labels: Labels) -> Labels:
    """Give labels the numbers 1..n in their order, without gaps; 0 stays."""
    found = np.unique(labels[labels > 0])
    return np.where(labels > 0, np.searchsorted(found, labels) + 1, 0).astype(np.int32)


@dataclass(frozen=True)
class Peer:
    """A tool that is ready to run."""

    name: str
    """As its makers write it."""
    version: str
    what: str
    """What of it is run, and with what."""
    picture: Picture
    """What it runs on: all of the picture, or less where it is slow."""
    steps: Mapping[str, Callable[[], object]]
    """In order; a step that finds regions returns their number."""
    finds_cells: bool = False
    """Whole cells, and not nuclei."""


def run_peer(load: Callable[[Picture], Peer]) -> None:
    """Load a peer with the picture that the command line names and print one JSON object: `time_peer`."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with np.load(Path(sys.argv[1])) as arrays:
        picture = Picture(arrays["rgb"], arrays["nuclei"], arrays["cells"])
    print(json.dumps(time_peer(load(picture))))


def time_peer(peer: Peer, rounds: int = ROUNDS) -> dict[str, Any]:
    """Time the steps of a peer one after the other, by processor time, and say what they found."""
    for _ in range(WARM_UPS):
        found = {name: step() for name, step in peer.steps.items()}
    seconds: dict[str, list[float]] = {name: [] for name in peer.steps}
    for _ in range(rounds):
        for name, step in peer.steps.items():
            start = time.process_time()
            step()
            seconds[name].append(time.process_time() - start)
    return {
        "name": peer.name,
        "version": peer.version,
        "what": peer.what,
        "mpp": MPP,
        "px": len(peer.picture.nuclei),
        "ms_per_mp": {name: 1000 * median(values) / peer.picture.mp for name, values in seconds.items()},
        "given": int(peer.picture.cells.max() if peer.finds_cells else peer.picture.nuclei.max()),
        "found": {name: value for name, value in found.items() if isinstance(value, int)},
    }
