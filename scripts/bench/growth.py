"""How time and memory grow with the area of the tissue, with blank glass, and with the number of cells.

Slides of once, four and sixteen times the tissue are scored whole, reports and all, each in a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.children import run_child
from scripts.bench.material import TINY, USUAL, Slides
from scripts.bench.pipeline import MOST_WORKERS
from scripts.bench.table import Findings, Row
from scripts.bench.tiles import WATERSHED, load_run, plan_slide
from scripts.bench.timing import count_cores

TIMES = (1, 4, 16)
BLANK = 4
N_CELLS = 1_000_000


@dataclass(frozen=True)
class GrowthParams:
    """What is scored."""

    model: str = WATERSHED
    """Without a network the sixteenfold slide takes minutes less; memory and growth are those of the same pipeline."""
    area_mm2: float = 2.0
    """Least tissue on the smallest slide."""


def bench_growth(slides: Slides, params: GrowthParams) -> Findings:
    """Score slides of growing size; peak memory is that of the largest."""
    one_mm2 = _tissue_mm2(slides)
    across, down = _layout(max(1, round(params.area_mm2 / one_mm2)))
    sizes = {times: (across * round(times**0.5), down * round(times**0.5)) for times in TIMES}
    found = {times: _score(slides.find(USUAL, *size), slides, params) for times, size in sizes.items()}
    blank = _score(slides.find(USUAL, across, down, glass=BLANK), slides, params)
    areas = [times * across * down * one_mm2 for times in TIMES]
    rows = [
        _row(f"{area:,.1f} mm2 of tissue, model {params.model}", found[times], area)
        for times, area in zip(TIMES, areas, strict=True)
    ]
    rows.append(_row(f"{areas[0]:,.1f} mm2 on {BLANK} x the glass", blank, areas[0]))
    return _findings(rows, areas, [found[times] for times in TIMES], blank)


def _findings(
    rows: Sequence[Row], areas: Sequence[float], found: Sequence[dict[str, Any]], blank: dict[str, Any]
) -> Findings:
    exponent = fit_exponent(areas, [f["seconds"] for f in found])
    glass = blank["seconds"] / found[0]["seconds"]
    flat = found[-1]["peak_gib"] / found[0]["peak_gib"]
    told = (
        *rows,
        Row("growth of time with area", exponent, "exponent", note="1 is linear"),
        Row("growth of memory", flat, "x", note=f"{areas[-1]:,.0f} against {areas[0]:,.1f} mm2"),
        Row(f"time on {BLANK} x the glass", glass, "x"),
    )
    figures = {
        "peak_memory_gib": found[-1]["peak_gib"],
        "memory_growth": flat,
        "time_exponent": exponent,
        "time_blank_glass": glass,
        "growth": [{"tissue_mm2": area, **f} for area, f in zip(areas, found, strict=True)],
    }
    return Findings(told, figures)


def _row(what: str, found: dict[str, Any], area_mm2: float) -> Row:
    share = found["tiles_seconds"] / found["seconds"]
    note = f"{found['seconds']:.1f} s, {area_mm2 / found['seconds']:.2f} mm2/s, tiles {share:.0%} of it"
    return Row(what, found["peak_gib"], "GiB", "before the slide", found["ready_gib"], note=note)


def fit_exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Fit p in ``seconds = c * sizes ** p`` by least squares of the logarithms; 1 is linear."""
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(slope)


def _layout(n: int) -> tuple[int, int]:
    """Lay `n` or a few more fields out as square as can be."""
    across = round(n**0.5) or 1
    return across, -(-n // across)


def _tissue_mm2(slides: Slides) -> float:
    """Tissue of one field, as the pipeline finds it."""
    with plan_slide(slides.find(USUAL), load_run(WATERSHED)) as planned:
        return sum(fragment.area_mm2 for fragment in planned.fragments.items)


def _score(path: Path, slides: Slides, params: GrowthParams) -> dict[str, Any]:
    workers = min(MOST_WORKERS, count_cores())
    return run_child("slide", path, slides.find(TINY), params.model, workers)


def bench_cells(n: int = N_CELLS) -> Findings:
    """Score and write synthetic cells."""
    found = run_child("cells", n)
    note = f"scoring {found['score_seconds']:.0f} s, writing {found['write_seconds']:.0f} s"
    row = Row(f"{found['n']:,.0f} cells scored and written", found["peak_gib"], "GiB", note=note)
    return Findings((row,), {"cells_peak_gib": found["peak_gib"], "cells": found})
