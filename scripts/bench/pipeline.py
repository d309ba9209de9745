"""The whole pipeline beside its network alone, on one core and on two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from hetscore.domain import Rgb, SlideInput, SlideResult
from hetscore.pipeline import Run, analyze_slide
from hetscore.segmenters.growth import find_shrink, shrink_by
from hetscore.segmenters.network import NetworkSegmenter
from scripts.bench.material import USUAL, Slides
from scripts.bench.table import Findings, Row
from scripts.bench.tiles import MP_PER_MM2, NETWORK, Planned, as_network, load_run, plan_slide
from scripts.bench.timing import WALL, Spread, count_cores, on_one_core, race

MOST_WORKERS = 2
"""The figures are stated for two cores; more, where there are more, are not used."""


def bench_pipeline(slides: Slides, rounds: int) -> Findings:
    """Time the pipeline and its network on the same tiles, with one worker on one core and with two."""
    path, n_workers = slides.find(USUAL), min(MOST_WORKERS, count_cores())
    single, double = load_run(NETWORK), load_run(NETWORK, n_workers)
    with plan_slide(path, single) as planned:
        pictures = _read_pictures(planned, as_network(single))
        white, area, computed = planned.stain.white, planned.tissue_mp, planned.computed_mp
    spread = race(
        {
            "network 1": partial(_alone, partial(_predict_all, single, pictures, white)),
            "network 2, one caller": partial(_predict_all, single, pictures, white),
            "pipeline 1": partial(_alone, partial(_analyze, path, single)),
            "network 2": partial(_predict_all, double, pictures, white),
            "pipeline 2": partial(_analyze, path, double),
        },
        rounds,
        WALL,
    )
    return _pipeline_findings(spread, area, computed, n_workers)


def _pipeline_findings(spread: dict[str, Spread], area: float, computed: float, n_workers: int) -> Findings:
    seconds = {name: value.median for name, value in spread.items()}
    # two callers may wait for each other, one may leave a core idle between tiles: the faster is the bound
    seconds["network 2"] = min(seconds["network 2"], seconds.pop("network 2, one caller"))
    share = {n: seconds[f"network {n}"] / seconds[f"pipeline {n}"] for n in (1, 2)}
    scaling = seconds["pipeline 1"] / seconds["pipeline 2"] if n_workers > 1 else None
    rate = {name: area / value for name, value in seconds.items()}
    rows = [
        Row(f"pipeline, {what}", rate[f"pipeline {n}"], "MP/s", "network alone", rate[f"network {n}"], share[n], note)
        for n, what, note in (
            (1, "one core", "tissue, wall time"),
            (2, f"{n_workers} workers", f"{rate['pipeline 2'] / MP_PER_MM2:.2f} mm2/s"),
        )
    ]
    rows.append(Row("two cores", rate["pipeline 2"], "MP/s", "one core", rate["pipeline 1"], scaling, "wall time"))
    rows.append(Row("pixels computed", computed / area, "px/px", note="margins included, per pixel of tissue"))
    figures = {
        "pipeline_vs_network": share[2],
        "pipeline_vs_network_one_core": share[1],
        "two_core_scaling": scaling,
        "pipeline_mp_per_s": rate,
        "pipeline_mm2_per_s": rate["pipeline 2"] / MP_PER_MM2,
        "computed_per_tissue": computed / area,
    }
    return Findings(tuple(rows), figures)


def _alone(call: Callable[[], object]) -> None:
    """Run on one core; threads started by the call stay there too."""
    with on_one_core():
        call()


def _analyze(path: Path, run: Run) -> SlideResult:
    return analyze_slide(SlideInput(path), run)


def _read_pictures(planned: Planned, segmenter: NetworkSegmenter) -> list[Rgb]:
    """Read all tiles as the network gets them: into memory, so that it is timed alone."""
    shrink = find_shrink(planned.tiles[0].mpp, segmenter.params.mpp)
    return [shrink_by(planned.read(tile).rgb, shrink) for tile in planned.tiles]


def _predict_all(run: Run, pictures: Sequence[Rgb], white: tuple[float, float, float]) -> None:
    """Run the network on all tiles, by as many threads as the run has workers; the maps are dropped at once."""
    segmenter = as_network(run)

    def predict(picture: Rgb) -> None:
        segmenter.predict(picture, white)

    with ThreadPoolExecutor(run.workers) as pool:
        list(pool.map(predict, pictures))
