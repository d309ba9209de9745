"""Time what runs the segmentation network against what this machine can do at all: bench_network.py [--model NAME].

Printed for each library that is installed: milliseconds for a megapixel of the picture, maps and all, by one thread
(processor time) and by two threads of one process (wall time); how many times as fast as torch; and the arithmetic it
gets done by that of the fastest plain convolution found, float32 or bfloat16, which is the limit of single precision.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import get_args

import numpy as np

from hetscore.config import Model, load_model, load_settings
from hetscore.segmenters import RuntimeName
from hetscore.segmenters.folding import Planes
from hetscore.segmenters.network import read_network
from hetscore.segmenters.quantization import RANGES_FILE, read_ranges
from hetscore.segmenters.runtimes import Runtime, has_openvino, make_runtime
from scripts.bench.limits import find_fastest_flops
from scripts.bench.timing import WALL, Spread, on_one_core, race

SIDE_PX = 1280
"""Near the side of a whole tile with its margins at 0.5 um/px, 1408, and a multiple of the stride."""
ROUNDS = 7
N_THREADS = 2


def make_runtimes(model: Model) -> dict[str, Runtime]:
    """Make all that can run a model's network here, on the CPU."""
    network, path = read_network(model.card, model.folder), model.folder / RANGES_FILE
    most = read_ranges(path, model.card["network"]["sha256"], network.config) if path.is_file() else None
    names = [name for name in get_args(RuntimeName) if name != "auto"]
    usable = [n for n in names if n == "torch" or (has_openvino() and (most is not None or not n.endswith("int8")))]
    return {n: make_runtime(network, n, "cpu", most if n.endswith("int8") else None) for n in usable}


def time_runtimes(runtimes: dict[str, Runtime], density: Planes) -> tuple[dict[str, Spread], dict[str, Spread]]:
    """Time one call by one thread, and one call of each of `N_THREADS` threads at once."""
    with on_one_core():
        alone = race({name: partial(runtime.run, density) for name, runtime in runtimes.items()}, ROUNDS)
    with ThreadPoolExecutor(N_THREADS) as pool:

        def together(run: Callable[[Planes], Planes]) -> None:
            list(pool.map(run, [density] * N_THREADS))

        several = race({name: partial(together, runtime.run) for name, runtime in runtimes.items()}, ROUNDS, WALL)
    return alone, several


def main() -> None:
    """Read the command line, time, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=load_settings().model)
    given = parser.parse_args()
    model = load_model(given.model)
    network = read_network(model.card, model.folder)
    density = np.random.default_rng(1).uniform(0, 0.8, (SIDE_PX, SIDE_PX, 3)).astype(np.float32)
    alone, several = time_runtimes(make_runtimes(model), density)
    with on_one_core():
        limit = find_fastest_flops(ROUNDS)
    megapixels = SIDE_PX**2 / 1e6
    print(
        f"{network.flop_per_px / 1e3:.1f} kFLOP a pixel; the fastest plain convolution gets {limit / 1e9:.0f} GFLOP/s"
    )
    print(
        "| runtime | ms/MP, one thread | ms/MP, two threads | times torch | of the limit |\n|---|---:|---:|---:|---:|"
    )
    for name, spread in alone.items():
        both = 1000 * several[name].median / (N_THREADS * megapixels)
        share = network.flop_per_px * SIDE_PX**2 / spread.median / limit
        ratio = alone["torch"].median / spread.median
        print(f"| {name} | {1000 * spread.median / megapixels:.0f} | {both:.0f} | {ratio:.2f} | {share:.2f} |")


if __name__ == "__main__":
    main()
