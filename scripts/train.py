"""Train the segmentation network: python -m scripts.train --data ../shared/data --cache DIR --runs DIR.

Stages, each in a folder of its own under ``--runs``: ``phantoms`` learns from phantoms alone; ``without-...`` goes on
with phantoms and the read crops of all development cores but two, and is judged on those two; ``final`` goes on with
all cores. Each of these goes on again as ``...-unstained``, with drawn unstained tumor and what looks like it.
``export`` makes the model folder. A stage that was stopped goes on where it was, one that is done is passed
over. ``--stage small`` takes a few minutes and fails if the loop does not learn.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import torch

from hetscore.segmenters.network import MAPS, NetworkConfig, NetworkParams
from hetscore.segmenters.unet import SegmentationNetwork
from scripts.training.examples import (
    PHANTOMS,
    PHANTOMS_SMALL,
    Example,
    PhantomSet,
    read_cores,
    read_crops,
    read_phantoms,
    read_unstained,
)
from scripts.training.export import write_model
from scripts.training.judge import judge, judge_regions, report, report_regions
from scripts.training.loop import Lesson, TrainParams, train
from scripts.training.regions import Region, even_chances, load_regions, read_regions
from scripts.training.restained import restain_crops

PHANTOM_STAGE = TrainParams(steps=1600)
REAL_STAGE = TrainParams(steps=450, rate=1e-3, seed=2)
UNSTAINED_STAGE = TrainParams(steps=500, rate=1.5e-3, seed=10, average=0.99)
"""Chosen with `LAST_SHARES` among six that were tried on one fold, docs/training.md: with 900 steps and fewer crops the
network knew drawn tumor better, and the real core it had not seen worse. So short a run wants a short mean."""
SMALL_STAGE = TrainParams(steps=160, batch=4, save_every=40)
CROP_SHARE = 0.5
"""Of the patches of the real stage; the rest are phantoms, and regions if asked for."""
LAST_SHARES = {"read": 0.35, "cores": 0.2, "unstained": 0.35}
"""Of the patches of the unstained stage: crops (and regions) as in the real stage, whole cores, of which the network is
to say what it said before, and unstained tumor; the rest are phantoms."""
LAST = "-unstained"
"""Of the name of a stage that goes on with the one so called."""
TILES = ("CLDN", "ensemble", "gen2")
"""Gastric tiles of another laboratory. Of how many patients is not known, so they stay together."""
FOLDS = {
    "without-0_9b0f-2_0123": ("0_9b0f", "2_0123"),
    "without-0_aa1d-2_ac71": ("0_aa1d", "2_ac71"),
    "without-1_154a-3_a1f1": ("1_154a", "3_a1f1"),
    "without-1_f8a2-2_da59": ("1_f8a2", "2_da59", *TILES),
}
"""Stage -> images left out together, by the beginnings of their names; each once. Apart are the two cores whose crops
hold no tumor, and the two that are unstained."""
HELD_OUT_PHANTOMS = (PhantomSet("typical", 60_001, 2), PhantomSet("hard", 60_002, 2))
"""Judged on; nothing is trained on them."""
REAL = (*FOLDS, "final")
STAGES = ("all", "phantoms", *REAL, *(stage + LAST for stage in REAL), "export", "small")
LEARNED = 0.85
"""The small stage has learned if its last losses are below this share of its first."""
WITHOUT = ("crops", "restained", "cores", "unstained", "nucleus", "cell", "border")
"""What an ablation can leave out: data of the two later stages, or a map (its loss then counts nothing)."""
LAST_ONLY = frozenset({"cores", "unstained"})
"""Of these, what only the unstained stage learns from."""


@dataclass(frozen=True)
class Job:
    """What the stages share."""

    runs: Path
    cache: Path
    data: Path | None
    processes: int
    workers: int
    device: str
    without: frozenset[str] = frozenset()
    region_share: float = 0.0

    def folder_of(self, stage: str) -> str:
        """Name the folder of a stage: an ablation has its own, so that it never goes on with another recipe's run."""
        is_drawn = stage in ("phantoms", "small")  # only the maps matter there
        without = self.without & set(MAPS) if is_drawn else self.without
        without = without if stage.endswith(LAST) else without - LAST_ONLY
        regions = [f"regions-{self.region_share:g}"] if self.region_share and not is_drawn else []
        return "-".join([stage, *(f"no-{name}" for name in sorted(without)), *regions])


def run_stage(job: Job, stage: str, params: TrainParams, left_out: Sequence[str] = ()) -> None:
    """Run or go on with a stage, and judge it on the images left out, on all if none are, and on phantoms."""
    before = _before(stage)
    sets = PHANTOMS_SMALL if stage == "small" else PHANTOMS
    phantoms = read_phantoms(sets, job.cache, job.processes)
    tests = read_phantoms(HELD_OUT_PHANTOMS, job.cache, job.processes) if stage != "small" else phantoms
    crops, regions = (read_crops(job.data), load_regions()) if job.data else ([], [])
    asked = left_out or ("",)
    tests = [*tests, *(crop for crop in crops if crop.group.startswith(tuple(asked)))]
    asked_regions = [region for region in regions if region.image.startswith(tuple(asked))]
    make_lessons = _last_lessons if stage.endswith(LAST) else _real_lessons
    learned = make_lessons(job, job.data, crops, regions, left_out) if before and job.data else []
    rest = 1 - sum(lesson.share for lesson in learned)

    def tell(step: int, network: SegmentationNetwork) -> None:
        print(f"{stage}: step {step} of {params.steps}", flush=True)
        if step == params.steps:
            print(report(list(judge(network, tests, NetworkParams(), job.device))), flush=True)
        if step == params.steps and job.data:
            judged = judge_regions(network, asked_regions, job.data, NetworkParams(), job.device)
            print(report_regions(list(judged)), flush=True)

    train(
        NetworkConfig(),
        replace(params, loss_weights=_loss_weights(params, job.without)),
        [*learned, Lesson(phantoms, rest)],
        job.runs / job.folder_of(stage),
        first=job.runs / job.folder_of(before) / "state.pt" if before else None,
        device=job.device,
        workers=job.workers,
        report=tell,
    )


def _before(stage: str) -> str | None:
    """Name the stage that a stage goes on with."""
    if stage.endswith(LAST):
        return stage.removesuffix(LAST)
    return "phantoms" if stage in REAL else None


def _real_lessons(
    job: Job, data: Path, crops: Sequence[Example], regions: Sequence[Region], left_out: Sequence[str]
) -> list[Lesson]:
    """Crops, as they are and stained anew, and regions, of the images that are not left out."""
    kept = [c for c in crops if not (left_out and c.group.startswith(tuple(left_out)))]
    painted = [r for r in regions if not (left_out and r.image.startswith(tuple(left_out)))]
    anew = [] if "restained" in job.without else list(restain_crops(data, kept))
    lessons = [] if "crops" in job.without else [Lesson(kept + anew, CROP_SHARE)]
    if job.region_share:
        lessons.append(Lesson(read_regions(data, painted), job.region_share, even_chances(painted)))
    return lessons


def _last_lessons(
    job: Job, data: Path, crops: Sequence[Example], regions: Sequence[Region], left_out: Sequence[str]
) -> list[Lesson]:
    """Take what the real stage learns from, whole cores to keep to, and unstained tumor."""
    real = _real_lessons(job, data, crops, regions, left_out)
    total = sum(lesson.share for lesson in real)
    lessons = [replace(lesson, share=LAST_SHARES["read"] * lesson.share / total) for lesson in real]
    if "cores" not in job.without:
        lessons.append(Lesson(read_cores(data, left_out), LAST_SHARES["cores"]))
    if "unstained" not in job.without:
        lessons.append(Lesson(read_unstained(job.cache, job.processes), LAST_SHARES["unstained"]))
    return lessons


def _loss_weights(params: TrainParams, without: frozenset[str]) -> tuple[float, ...]:
    return tuple(0.0 if name in without else w for name, w in zip(MAPS, params.loss_weights, strict=True))


def run_small(job: Job) -> None:
    """See that the loop learns; exit with a message if not."""
    run_stage(job, "small", SMALL_STAGE)
    with (job.runs / job.folder_of("small") / "log.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first, last = (
        sum(float(row[name]) for row in part for name in ("center", "nucleus")) for part in (rows[:3], rows[-3:])
    )
    print(f"loss of centers and nuclei: {first / 3:.3f} at first, {last / 3:.3f} at last")
    if last > LEARNED * first:
        sys.exit(f"the loop does not learn: expected at most {LEARNED} of the first loss")


def main() -> None:
    """Read the command line and run the stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, default="all")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--cache", type=Path, required=True, help="folder of the drawn fields")
    parser.add_argument(
        "--data", type=Path, help="folder of the real images; only the stages phantoms and small need none"
    )
    parser.add_argument("--name", default="gastric-her2", help="of the model")
    parser.add_argument("--processes", type=int, default=2, help="to draw phantoms with")
    parser.add_argument("--workers", type=int, default=1, help="processes that cut patches")
    parser.add_argument("--threads", type=int, default=2, help="of the network on a CPU")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument(
        "--without", choices=WITHOUT, action="append", default=[], help="leave this out, to see what it is worth"
    )
    parser.add_argument(
        "--regions",
        type=float,
        default=0.0,
        help="share of the real stage's patches cut from painted regions; beside the crops in the stage after it too",
    )
    given = parser.parse_args()
    if not 0 <= given.regions <= 1 - CROP_SHARE:
        parser.error(f"--regions {given.regions}; expected 0 to {1 - CROP_SHARE}")
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(1)  # a worker forked beside OpenCV's threads would wait for them for ever
    without = frozenset(given.without)
    job = Job(given.runs, given.cache, given.data, given.processes, given.workers, given.device, without, given.regions)
    if given.stage == "small":
        run_small(job)
        return
    if given.stage in ("all", "export") and (without or given.regions):
        parser.error("an ablation is no model; expected --without and --regions with a stage but all and export")
    if given.data is None and given.stage != "phantoms":
        parser.error("--data is missing; expected the folder of the real images")
    _run(job, given.stage, given.name)


def _run(job: Job, stage: str, name: str) -> None:
    if stage in ("all", "phantoms"):
        run_stage(job, "phantoms", PHANTOM_STAGE)
    for real in REAL:
        if stage in ("all", real):
            run_stage(job, real, REAL_STAGE, FOLDS.get(real, ()))
        if stage in ("all", real + LAST):
            run_stage(job, real + LAST, UNSTAINED_STAGE, FOLDS.get(real, ()))
    if stage in ("all", "export") and job.data:
        logs = ("phantoms", *REAL, *(real + LAST for real in REAL))
        write_model(
            name, job.runs, {fold + LAST: images for fold, images in FOLDS.items()}, "final" + LAST, logs, job.data
        )


if __name__ == "__main__":
    main()
