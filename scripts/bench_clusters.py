"""Time links, clusters and the score of one large fragment, and how they grow: python scripts/bench_clusters.py.

Each size runs in a process of its own, so that its peak memory is its own. The tissue is a hexagonal lattice of tumor
cells 10 um apart, each moved by up to 2 um, of classes drawn at random, in no order; the seed is fixed. Growth is the
time per n log n, as a share of that of the size before. Load is the load average of the last minute before a size is
run, the first of them without this script: timings count where it is well below the number of processors.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import log
from statistics import median
from time import perf_counter

import numpy as np

from hetscore.domain import Cells, Fragment, MembraneClass, empty_cells
from hetscore.geometry import Box
from hetscore.scoring.clusters import Edges, label_clusters, link_cells
from hetscore.scoring.fragment import score_fragment
from hetscore.scoring.guidelines import GUIDELINES

SIZES = (10_000, 100_000, 1_000_000)
"""The last is some 80 mm2 of solid tumor, more than any biopsy holds."""
REPEATS = 3
DENSITIES = ("membrane_od", "cytoplasm_od", "nucleus_od", "nucleus_residual_od", "membrane_width_um")
MPP = 0.25
SPACING_UM = 10.0
JITTER_UM = 2.0
SHARES = (0.05, 0.25, 0.20, 0.20, 0.30)
"""Of unscored cells and of classes 0 to 3+: all clusters occur, from single cells to thousands."""


@dataclass(frozen=True)
class Timing:
    """Seconds, the median of the repeats, and memory for one size."""

    n: int
    link: float
    components: float
    score: float
    peak_mib: float
    """Of the whole process, its libraries and the cells themselves included."""

    @property
    def per_n_log_n(self) -> float:
        """Seconds of the whole score for each n log n."""
        return self.score / (self.n * log(self.n))


def make_tissue(n: int) -> Cells:
    """Make about `n` tumor cells of mixed classes in no order."""
    rng = np.random.default_rng(n)
    side = round(n**0.5)
    row, column = np.divmod(rng.permutation(side * side), side)
    x_um = SPACING_UM * (column + row % 2 / 2) + rng.uniform(-JITTER_UM, JITTER_UM, len(row))
    y_um = SPACING_UM * row * 0.75**0.5 + rng.uniform(-JITTER_UM, JITTER_UM, len(row))
    classes = rng.choice(np.arange(MembraneClass.UNSCORED, MembraneClass.STRONG + 1), len(row), p=SHARES)
    none = empty_cells()
    columns = {name: np.zeros((len(row), *column.shape[1:]), column.dtype) for name, column in vars(none).items()}
    columns |= {"outline_xy": none.outline_xy, "outline_start": np.zeros(len(row) + 1, np.int64)}
    return none.with_columns(**columns).with_columns(
        x=x_um / MPP,
        y=y_um / MPP,
        p_tumor=np.ones(len(row), np.float32),
        membrane_class=classes.astype(np.int8),
        nucleus_area_um2=np.full(len(row), 30, np.float32),
        # densities too: the score of a fragment describes them, and that takes its time
        **{name: rng.random(len(row), np.float32) for name in DENSITIES},
    )


def time_call(call: Callable[[], object], repeats: int) -> float:
    """Median seconds of a call."""
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    return median(seconds)


def label_levels(edges: Edges, cells: Cells) -> None:
    """Find the clusters of at least 1+, 2+, 3+."""
    for least in (MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG):
        label_clusters(len(cells), edges, cells.membrane_class >= least)


def time_size(n: int, repeats: int) -> Timing:
    """Time one size in this process."""
    cells = make_tissue(n)
    fragment = Fragment(id=1, slide="bench", outlines=(), bounds=Box(0, 0, 1, 1), area_mm2=1.0)
    guideline = GUIDELINES["gastric-biopsy"]
    score = time_call(lambda: score_fragment(fragment, cells, MPP, guideline), repeats)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    x_um, y_um = cells.x * MPP, cells.y * MPP
    edges = link_cells(x_um, y_um)
    return Timing(
        n=len(cells),
        link=time_call(lambda: link_cells(x_um, y_um), repeats),
        components=time_call(lambda: label_levels(edges, cells), repeats),
        score=score,
        peak_mib=peak_mib,
    )


def time_apart(n: int, repeats: int) -> Timing:
    """Time one size in a process of its own."""
    command = [sys.executable, __file__, "--child", str(n), "--repeats", str(repeats)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - itself
    return Timing(**json.loads(answer))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES, help="numbers of cells, ascending")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="runs of which the median is taken")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(asdict(time_size(options.child, options.repeats))))
        return 0
    print(f"{'cells':>10} {'link s':>8} {'clusters s':>10} {'score s':>8} {'peak MiB':>9} {'growth':>7} {'load':>5}")
    before: Timing | None = None
    for n in options.sizes:
        load = os.getloadavg()[0]
        timing = time_apart(n, options.repeats)
        growth = f"{timing.per_n_log_n / before.per_n_log_n:.2f}" if before else "-"
        before = timing
        print(
            f"{timing.n:>10,} {timing.link:>8.3f} {timing.components:>10.3f} {timing.score:>8.3f} "
            f"{timing.peak_mib:>9.0f} {growth:>7} {load:>5.2f}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
