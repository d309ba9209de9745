"""Work done in a process of its own, so that its peak memory and its start are its own.

``python -m scripts.bench.children JOB ARGUMENTS`` prints one JSON object; `run_child` calls it so.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2

from hetscore.batch.run import run_cases
from hetscore.domain import CaseInput, SlideInput
from hetscore.pipeline import Run, analyze_slide
from scripts.bench.million import score_cells
from scripts.bench.tiles import load_run

ROOT = Path(__file__).resolve().parents[2]
"""Where `scripts` is imported from."""
KIB_PER_GIB = 2**20


def run_child(job: str, *arguments: object) -> dict[str, Any]:
    """Run a job of `JOBS` in a process of its own and return what it found."""
    command = [sys.executable, "-m", "scripts.bench.children", job, *map(str, arguments)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - itself
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def peak_gib() -> float:
    """Peak resident memory of this process, GiB.

    Notes
    -----
    From the kernel's own mark where there is one: what `getrusage` tells of a child begins at the size its parent had
    when it started it.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    marks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return (marks[0] if marks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / KIB_PER_GIB


def score_slide(slide: str, warm_up: str, model: str, workers: str) -> Mapping[str, float]:
    """Score one slide and write its reports; kernels and weights were used before on the slide `warm_up`."""
    run = load_run(model, int(workers))
    analyze_slide(SlideInput(Path(warm_up)), run)
    ready_gib, stamps = peak_gib(), []
    timed = Run(run.settings, run.model, run.workers, lambda _what, _done, _total: stamps.append(time.perf_counter()))
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        outcome = run_cases((CaseInput("bench", (SlideInput(Path(slide)),)),), Path(folder), timed)
        seconds = time.perf_counter() - start
    if not outcome.is_complete:
        raise ValueError(f"{slide}: {outcome.failures[0].reason}")
    return {
        "seconds": seconds,
        "tiles_seconds": stamps[-1] - stamps[0],
        "ready_gib": ready_gib,
        "peak_gib": peak_gib(),
    }


def score_synthetic(n: str) -> Mapping[str, float]:
    """Score and write `n` synthetic cells."""
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        seconds = score_cells(int(n), Path(folder))
    return {**seconds, "seconds": time.perf_counter() - start, "peak_gib": peak_gib()}


JOBS: dict[str, Callable[..., Mapping[str, float]]] = {"slide": score_slide, "cells": score_synthetic}
"""By name; arguments are text, as a command line gives them."""


def main(arguments: Sequence[str]) -> None:
    """Do one job and print what it found."""
    cv2.setNumThreads(1)
    job, *rest = arguments
    print(json.dumps(JOBS[job](*rest)))


if __name__ == "__main__":
    main(sys.argv[1:])
