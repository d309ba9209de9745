"""Every figure of docs/speed.md in one table and one run: python -m scripts.bench [--json FILE] [--quick].

Ratios are taken in turns within one process where both sides run in it. The slides are drawn first (about a minute),
into a temporary folder or into ``--folder``, where they are kept for the next run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from hetscore.errors import HetscoreError, UsageError
from scripts.bench.beside_naive import bench_naive
from scripts.bench.beside_peers import PEERS, bench_peers
from scripts.bench.growth import N_CELLS, GrowthParams, bench_cells, bench_growth
from scripts.bench.machine import describe_machine
from scripts.bench.material import Slides
from scripts.bench.pipeline import bench_pipeline
from scripts.bench.post import bench_post
from scripts.bench.reading import bench_reading
from scripts.bench.stages import bench_stages
from scripts.bench.startup import bench_startup
from scripts.bench.table import Findings, print_table, write_json
from scripts.bench.tiles import NETWORK
from scripts.bench.timing import QUICK_ROUNDS, ROUNDS

QUICK_CELLS = 100_000
QUICK_MM2 = 0.5
FULL_MM2 = 10.0
"""Sixteen times that is more tissue than any biopsy holds; with the network it takes an hour."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts asked for; print the table, and write it."""
    options = _parse(arguments)
    cv2.setNumThreads(1)  # as the pipeline does: every candidate has one thread unless it says otherwise
    machine = describe_machine()
    try:
        with nullcontext(options.folder) if options.folder else TemporaryDirectory() as folder:
            found = _run_parts(_parts(Slides(Path(folder)), options), options.only)
    except HetscoreError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    print_table(found, machine)
    if options.json:
        asked = {name: getattr(options, name) for name in ("quick", "full", "area")}
        write_json(options.json, found, machine=machine, options=asked)
    return 0


def _parts(slides: Slides, options: argparse.Namespace) -> dict[str, Callable[[], Findings]]:
    """Everything that can be measured, by name, in the order of the table."""
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    area = options.area or (FULL_MM2 if options.full else QUICK_MM2 if options.quick else GrowthParams().area_mm2)
    growth = GrowthParams(NETWORK if options.full else GrowthParams().model, area)
    return {
        "reading": partial(bench_reading, slides, rounds),
        "stages": partial(bench_stages, slides, rounds),
        "post": partial(bench_post, slides, rounds),
        "pipeline": partial(bench_pipeline, slides, rounds),
        "naive": partial(bench_naive, slides, rounds),
        "growth": partial(bench_growth, slides, growth),
        "cells": partial(bench_cells, QUICK_CELLS if options.quick else N_CELLS),
        "startup": partial(bench_startup, slides, QUICK_ROUNDS),  # each takes seconds, and odd ones stand out
        "peers": partial(bench_peers, slides, _find_pythons(options.peer)),
    }


def _run_parts(parts: dict[str, Callable[[], Findings]], only: str | None) -> dict[str, Findings]:
    """Run the parts named, or all, and say on stderr which is at work."""
    names = only.split(",") if only else list(parts)
    unknown = sorted(set(names) - set(parts))
    if unknown:
        raise UsageError(f"--only: {', '.join(unknown)}; expected some of {', '.join(parts)}. Correct the name.")
    found = {}
    for name in (name for name in parts if name in names):
        start = time.perf_counter()
        found[name] = parts[name]()
        sys.stderr.write(f"{name}: {time.perf_counter() - start:.0f} s\n")
    return found


def _find_pythons(given: Sequence[str]) -> dict[str, Path]:
    """Read ``NAME=PATH`` of ``--peer``."""
    pythons = {name: Path(path) for name, _, path in (text.partition("=") for text in given)}
    for name, path in pythons.items():
        if name not in PEERS or not path.is_file():
            expected = f"one of {', '.join(PEERS)} and the Python of its environment"
            raise UsageError(f"--peer: {name}={path}; expected {expected}, e.g. --peer stardist=ENV/bin/python.")
    return pythons


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="file for all figures, with the machine")
    parser.add_argument("--quick", action="store_true", help="two rounds, less tissue, fewer cells: a look, no result")
    parser.add_argument("--only", help="parts, by comma: reading,stages,post,pipeline,naive,growth,cells,startup,peers")
    parser.add_argument("--folder", type=Path, help="where slides are drawn and kept")
    parser.add_argument("--area", type=float, help="mm2 of tissue on the smallest slide of `growth`")
    parser.add_argument("--full", action="store_true", help="`growth` with the network, from 10 mm2")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help="environment of a peer")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
