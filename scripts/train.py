"""Train the segmentation network: python -m scripts.train --data ../shared/data --cache DIR --runs DIR.

Stages, each in a folder of its own under ``--runs``: ``phantoms`` learns from phantoms alone; ``without-...`` goes on
with phantoms and the read crops of all development cores but two, and is judged on those two; ``final`` goes on with
all cores. ``export`` makes the model folder. A stage that was stopped goes on where it was, one that is done is passed
over. ``--stage small`` takes a few minutes and fails if the loop does not learn.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

from hetscore.segmenters.network import NetworkConfig, NetworkParams, SegmentationNetwork
from scripts.training.examples import PHANTOMS, PHANTOMS_SMALL, Example, PhantomSet, read_crops, read_phantoms
from scripts.training.export import write_model
from scripts.training.judge import judge, report
from scripts.training.loop import TrainParams, train
from scripts.training.restained import restain_crops

PHANTOM_STAGE = TrainParams(steps=1600)
CROP_STAGE = TrainParams(steps=450, rate=1e-3, real_share=0.5, seed=2)
SMALL_STAGE = TrainParams(steps=160, batch=4, save_every=40)
FOLDS = (("0_9b0f", "2_0123"), ("0_aa1d", "2_ac71"), ("1_154a", "3_a1f1"), ("1_f8a2", "2_da59"))
"""Cores left out together, each once. Apart are the two whose crops hold no tumor, and the two that are unstained."""
HELD_OUT_PHANTOMS = (PhantomSet("typical", 60_001, 2), PhantomSet("hard", 60_002, 2))
"""Judged on; nothing is trained on them."""
STAGES = ("all", "phantoms", *("without-" + "-".join(fold) for fold in FOLDS), "final", "export", "small")
LEARNED = 0.85
"""The small stage has learned if its last losses are below this share of its first."""


@dataclass(frozen=True)
class Job:
    """What the stages share."""

    runs: Path
    cache: Path
    data: Path | None
    processes: int
    workers: int
    device: str


def run_stage(job: Job, stage: str, params: TrainParams, left_out: Sequence[str] = ()) -> None:
    """Run or go on with a stage, and judge it on the cores left out and on phantoms."""
    out = job.runs / stage
    sets = PHANTOMS_SMALL if stage == "small" else PHANTOMS
    phantoms = read_phantoms(sets, job.cache, job.processes)
    tests = read_phantoms(HELD_OUT_PHANTOMS, job.cache, job.processes) if stage != "small" else phantoms
    crops = read_crops(job.data) if job.data else []
    kept = [crop for crop in crops if not crop.group.startswith(tuple(left_out))] if left_out else crops
    learned = _with_restained(kept, job.data) if params.real_share else []
    tests += [crop for crop in crops if crop.name not in {c.name for c in kept}] if left_out else crops

    def tell(step: int, network: SegmentationNetwork) -> None:
        print(f"{stage}: step {step} of {params.steps}", flush=True)
        if step == params.steps:
            print(report(list(judge(network, tests, NetworkParams(), job.device))), flush=True)

    train(
        NetworkConfig(),
        params,
        (phantoms, learned),
        out,
        first=job.runs / "phantoms" / "state.pt" if params.real_share else None,
        device=job.device,
        workers=job.workers,
        report=tell,
    )


def _with_restained(crops: list[Example], data: Path | None) -> list[Example]:
    return crops + (list(restain_crops(data, crops)) if data else [])


def run_small(job: Job) -> None:
    """See that the loop learns; exit with a message if not."""
    run_stage(job, "small", SMALL_STAGE)
    with (job.runs / "small" / "log.csv").open(newline="", encoding="utf-8") as file:
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
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(1)  # a worker forked beside OpenCV's threads would wait for them for ever
    job = Job(given.runs, given.cache, given.data, given.processes, given.workers, given.device)
    if given.stage == "small":
        run_small(job)
        return
    if given.data is None and given.stage != "phantoms":
        parser.error("--data is missing; expected the folder of the real images")
    _run(job, given.stage, given.name)


def _run(job: Job, stage: str, name: str) -> None:
    if stage in ("all", "phantoms"):
        run_stage(job, "phantoms", PHANTOM_STAGE)
    for fold in FOLDS:
        if stage in ("all", "without-" + "-".join(fold)):
            run_stage(job, "without-" + "-".join(fold), CROP_STAGE, fold)
    if stage in ("all", "final"):
        run_stage(job, "final", CROP_STAGE)
    if stage in ("all", "export") and job.data:
        write_model(name, job.runs, {"without-" + "-".join(fold): fold for fold in FOLDS}, job.data)


if __name__ == "__main__":
    main()
