"""How long ``hetscore score`` takes on next to nothing: imports, kernels, model, one small tile, reports.

The first time the compiled kernels are not there yet; the second time they are. Files are in the system's cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from scripts.bench.material import TINY, Slides
from scripts.bench.table import Findings, Row

GOALS = {"first": 6.0, "again": 3.0}
"""Seconds."""


def bench_startup(slides: Slides, rounds: int) -> Findings:
    """Time the command with a fresh folder for its kernels, and again."""
    times: dict[str, list[float]] = {name: [] for name in GOALS}
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            for name in GOALS:
                times[name].append(_time_command(slides.find(TINY), Path(folder), name))
    seconds = {name: median(values) for name, values in times.items()}
    rows = [
        Row(f"start to end on one tile, {name}", seconds[name], "s", "goal", goal, goal / seconds[name])
        for name, goal in GOALS.items()
    ]
    return Findings(tuple(rows), {"startup_s": seconds["first"], "startup_again_s": seconds["again"]})


def _time_command(slide: Path, folder: Path, name: str) -> float:
    command = [sys.executable, "-m", "hetscore", "score", str(slide), "--out", str(folder / name), "--device", "cpu"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "kernels")}
    start = time.perf_counter()
    answer = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603 - ourselves
    seconds = time.perf_counter() - start
    if answer.returncode != 0:
        raise ValueError(f"{slide.name}: hetscore score ended with {answer.returncode}: {answer.stderr}")
    return seconds
