"""The pipeline beside a naive one of the same duties: once without a network, like with like, and once with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from hetscore.domain import Cells, SlideInput, SlideResult
from hetscore.pipeline import analyze_slide
from scripts.bench.agreement import REACH_UM, Points, shared_part
from scripts.bench.material import MPP, SMALL, Slides
from scripts.bench.naive import NaiveCells, analyze
from scripts.bench.table import Findings, Row
from scripts.bench.tiles import MP_PER_MM2, NETWORK, WATERSHED, load_run
from scripts.bench.timing import on_one_core, race


def bench_naive(slides: Slides, rounds: int) -> Findings:
    """Compare with the naive pipeline on one slide and one core, by processor time."""
    path = slides.find(SMALL)
    runs = {NETWORK: load_run(NETWORK), WATERSHED: load_run(WATERSHED)}
    naive: list[NaiveCells] = []
    found: dict[str, SlideResult] = {}

    def keep(name: str, call: Callable[[], SlideResult]) -> None:
        found[name] = call()

    ours = {name: partial(keep, name, partial(analyze_slide, SlideInput(path), run)) for name, run in runs.items()}
    with on_one_core():
        spread = race({"naive": lambda: naive.append(analyze(path)), **ours}, rounds)
    area = sum(f.area_mm2 for f in found[NETWORK].fragments) * MP_PER_MM2
    rows: list[Row] = []
    figures: dict[str, float] = {}
    for name, key in ((NETWORK, "pipeline_vs_naive"), (WATERSHED, "pipeline_vs_naive_watershed")):
        ratio = spread["naive"].median / spread[name].median
        shared = shared_part(_centers(found[name].cells), _centers(naive[-1]), REACH_UM / MPP)
        note = f"one core; {len(found[name].cells):,} and {len(naive[-1].x):,} cells, {shared:.0%} the same"
        mine, theirs = (area / spread[kind].median for kind in (name, "naive"))
        rows.append(Row(f"pipeline, model {name}", mine, "MP/s", "naive scikit-image", theirs, ratio, note))
        figures |= {key: ratio, key.replace("pipeline_vs", "cells_shared_with"): shared}
    return Findings(tuple(rows), figures)


def _centers(cells: Cells | NaiveCells) -> Points:
    return np.stack([cells.x, cells.y], axis=1)
