"""One tile through the stages, each timed alone on one core, at the usual and at a dense number of cells.

Times are by megapixel of the core, so what the margin costs is part of them.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from hetscore.domain import Tile, TileLabels
from hetscore.membrane import measure_cells
from hetscore.scoring.cell import classify_cells
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.segmenters.growth import find_shrink, shrink_by
from hetscore.segmenters.network import find_cells
from scripts.bench.limits import count_flop_per_px, find_fastest_flops
from scripts.bench.material import DENSE, USUAL, Field, Slides
from scripts.bench.reading import Reopened
from scripts.bench.table import Findings, Row
from scripts.bench.tiles import NETWORK, as_network, box_mp, core_mp, fullest, load_run, plan_slide
from scripts.bench.timing import on_one_core, race

AFTER_NETWORK = ("read", "decode", "measure")
"""Reading, post-processing and membranes: the part whose sum has a goal."""
GOAL_MS = 70.0
"""For their sum, at 900 cells per MP."""


def bench_stages(slides: Slides, rounds: int) -> Findings:
    """Time the stages on both fields, and the network against what the processor can do."""
    with on_one_core():
        usual, dense = (_time_stages(slides, field, rounds) for field in (USUAL, DENSE))
        limit = _network_limit(rounds)
    rows: list[Row] = []
    figures: dict[str, Any] = {}
    for field, (ms, cells_per_mp, margin) in ((USUAL, usual), (DENSE, dense)):
        rows += _rows(field, ms, cells_per_mp, limit * margin)
        suffix = "" if field is USUAL else f"_{field.name}"
        figures |= {f"ms_per_mp{suffix}": ms, f"cells_per_mp{suffix}": cells_per_mp}
        figures[f"read_decode_measure_ms_per_mp{suffix}"] = sum(ms[name] for name in AFTER_NETWORK)
    return Findings(tuple(rows), {**figures, "network_limit_ms_per_mp": limit})


def _rows(field: Field, ms: dict[str, float], cells_per_mp: float, limit: float) -> list[Row]:
    rows = []
    for name, value in ms.items():
        note = f"{1000 / value:,.1f} MP/s, {1000 * cells_per_mp / value:,.0f} cells/s"
        if name == "network":
            rows.append(Row(f"{field.name}: {name}", value, "ms/MP", "plain convolution", limit, limit / value, note))
        else:
            rows.append(Row(f"{field.name}: {name}", value, "ms/MP", note=note))
    total = sum(ms[name] for name in AFTER_NETWORK)
    goal = GOAL_MS if field is USUAL else None
    what = f"{field.name}: {' + '.join(AFTER_NETWORK)}"
    ratio = None if goal is None else goal / total
    rows.append(Row(what, total, "ms/MP", "goal" if goal else "", goal, ratio, f"{cells_per_mp:,.0f} cells/MP"))
    return rows


def _time_stages(slides: Slides, field: Field, rounds: int) -> tuple[dict[str, float], float, float]:
    """Milliseconds per megapixel of each stage, cells per megapixel, and area read per area owned."""
    run = load_run(NETWORK)
    segmenter = as_network(run)
    with plan_slide(slides.find(field), run) as planned:
        tile = fullest(planned.tiles, planned.fragments)
        image, stain = planned.read(tile), planned.stain
        shrink = find_shrink(tile.mpp, segmenter.params.mpp)
        find = partial(find_cells, mpp=tile.mpp * shrink, params=segmenter.params)

        def predict() -> object:
            return segmenter.predict(shrink_by(image.rgb, shrink), stain.white)

        maps = segmenter.predict(shrink_by(image.rgb, shrink), stain.white)
        nuclei, labels, logit = find(maps)
        found = TileLabels(nuclei, labels, segmenter.tumor.probability(logit), shrink)
        cells = measure_cells(image, found, stain, run.settings.membrane)
        guideline = GUIDELINES[run.settings.guideline]
        spread = race(
            {
                "network": predict,
                "decode": lambda: find(maps),
                "measure": lambda: measure_cells(image, found, stain, run.settings.membrane),
                "classify": lambda: classify_cells(cells, run.model.membrane, guideline),
            },
            rounds,
        )
    area = core_mp(tile)
    seconds = {"read": _time_reading(slides.find(field), tile, rounds)}
    seconds |= {name: value.median for name, value in spread.items()}
    ms = {name: 1000 * value / area for name, value in seconds.items()}
    return ms, len(cells) / area, box_mp(tile) / area


def _time_reading(path: Path, tile: Tile, rounds: int) -> float:
    """Seconds to read a tile of a slide of which nothing was read before."""
    with ExitStack() as stack:
        slide = Reopened(path, stack)
        return race({"read": lambda: slide.read(tile.box, tile.downsample)}, rounds, prepare=slide.open)["read"].median


def _network_limit(rounds: int) -> float:
    """Milliseconds per megapixel of picture if all of the network ran as the fastest plain convolution does."""
    flop = count_flop_per_px(as_network(load_run(NETWORK)).config)
    return 1000 * flop * 1e6 / find_fastest_flops(rounds)
