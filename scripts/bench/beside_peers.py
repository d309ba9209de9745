"""Other segmenters on the same picture, each in an environment of its own that the user names.

A peer is a script in ``scripts/bench/peers`` that reads a picture at 0.5 um/px and prints how long each of its steps
takes. Its environment is never ours: what it pins would move our versions. QuPath, which pathologists know best, is not
among them: neither PyPI nor Debian nor npm has it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from hetscore.domain import Fragments, SlideInput
from hetscore.geometry import Box
from hetscore.pipeline import Run, analyze_slide
from hetscore.segmenters.decoding import find_cells
from hetscore.segmenters.growth import shrink_by
from scripts.bench.material import USUAL, Slides
from scripts.bench.peers.peer import MEASURING, MPP, Labels
from scripts.bench.table import Findings, Row
from scripts.bench.tiles import MP_PER_MM2, NETWORK, UM2_PER_MM2, as_network, load_run, plan_slide
from scripts.bench.timing import CPU, on_one_core

ROOT = Path(__file__).resolve().parents[2]
"""Where `scripts` is imported from."""
PEERS = ("stardist", "histomicstk", "instanseg", "cellpose")
"""Scripts in `scripts/bench/peers`, from the fastest to the slowest."""
SIDE = 1024
"""Pixels at 0.5 um/px: 1.05 MP; the slow ones take the middle of it."""
SHRINK = 2
"""From the slide's 0.25 um/px."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
"""What the libraries of peers look at when they are loaded."""


@dataclass(frozen=True)
class Ours:
    """What stands beside every peer, seconds of one core by mm2."""

    pipeline: float
    """From file to membranes and classes, by area of tissue: margins and glass are part of it."""
    cells: float
    """Network and maps to cells on the peers' own picture, in memory: no margin either."""


def bench_peers(slides: Slides, pythons: Mapping[str, Path]) -> Findings:
    """Time the peers whose Python is named; a row says what is missing of the others."""
    found: dict[str, dict[str, Any]] = {}
    beside: dict[str, Ours] = {}
    if pythons:
        with TemporaryDirectory() as folder, on_one_core():
            picture = Path(folder) / "picture.npz"
            time_ours = prepare(slides.find(USUAL), load_run(NETWORK), picture)
            runs = {name: partial(run_peer, name, pythons[name], picture) for name in PEERS if name in pythons}
            found, beside = take_turns(runs, time_ours)
    rows = [row for name in PEERS for row in peer_rows(name, found.get(name), beside.get(name))]
    figures = {"peers": found, "beside_peers": {name: asdict(ours) for name, ours in beside.items()}}
    return Findings(tuple(rows), figures)


def take_turns(
    runs: Mapping[str, Callable[[], dict[str, Any]]], time_ours: Callable[[], Ours]
) -> tuple[dict[str, dict[str, Any]], dict[str, Ours]]:
    """Run the peers, and hetscore before and after each: a slow minute of the machine falls on both.

    Parameters
    ----------
    runs : mapping of str to callable
        What times a peer.
    time_ours : callable
        What times hetscore; called once more before, unmeasured, to warm up.

    Returns
    -------
    found : dict of str to dict
        What each peer's run returned.
    beside : dict of str to Ours
        Mean of hetscore's times before and after each.
    """
    time_ours()
    before, found, beside = time_ours(), {}, {}
    for name, run in runs.items():
        found[name] = run()
        after = time_ours()
        beside[name] = Ours((before.pipeline + after.pipeline) / 2, (before.cells + after.cells) / 2)
        before = after
    return found, beside


def prepare(path: Path, run: Run, picture: Path, side: int = SIDE) -> Callable[[], Ours]:
    """Write a picture of tissue at 0.5 um/px with its cells, and return what times hetscore on it and on its slide."""
    segmenter = as_network(run)
    with plan_slide(path, run) as planned:
        rgb = shrink_by(planned.slide.read(deepest_box(planned.fragments, side * SHRINK), 1), SHRINK)
        white, tissue_mm2 = planned.stain.white, planned.tissue_mp / MP_PER_MM2

    def find() -> tuple[Labels, Labels]:
        nuclei, cells, _ = find_cells(segmenter.predict(rgb, white), MPP, segmenter.params)
        return nuclei, cells

    nuclei, cells = find()
    np.savez(picture, rgb=rgb, nuclei=nuclei, cells=cells)
    analyze = partial(analyze_slide, SlideInput(path), run)
    return lambda: Ours(_seconds(analyze) / tissue_mm2, _seconds(find) / (side**2 * MPP**2 / UM2_PER_MM2))


def deepest_box(fragments: Fragments, side: int) -> Box:
    """Find the square, in level-0 pixels, around the point that lies deepest in tissue: peers shall see no glass."""
    depth = cv2.distanceTransform((fragments.labels > 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    y, x = (int(place) * fragments.downsample for place in np.unravel_index(np.argmax(depth), depth.shape))
    return Box(x - side // 2, y - side // 2, side, side)


def _seconds(call: Callable[[], object]) -> float:
    start = CPU()
    call()
    return CPU() - start


def run_peer(name: str, python: Path, picture: Path) -> dict[str, Any]:
    """Run a peer's script by its own Python and return what it printed, or that it failed."""
    command = [str(python.absolute()), "-m", f"scripts.bench.peers.{name}", str(picture)]
    one_thread = {**os.environ, **dict.fromkeys(THREADS, "1")}
    answer = subprocess.run(  # noqa: S603 - named by the user
        command, check=False, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=one_thread
    )
    if answer.returncode != 0:
        return {"problem": f"failed with exit status {answer.returncode}; its own words are on stderr"}
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def peer_rows(name: str, found: Mapping[str, Any] | None, ours: Ours | None) -> tuple[Row, ...]:
    """Show a peer beside the whole pipeline, and what of it finds regions beside what of ours finds cells."""
    if found is None or ours is None:
        return (Row(name, None, "s/mm2", note="not installed: name its Python with --peer"),)
    if "problem" in found:
        return (Row(name, None, "s/mm2", note=found["problem"]),)
    steps = {step: ms * MP_PER_MM2 / 1000 for step, ms in found["ms_per_mp"].items()}
    whole, finding = sum(steps.values()), sum(value for step, value in steps.items() if step != MEASURING)
    title = f"{found['name']} {found['version']}"
    parts = " + ".join(f"{step} {value:.3g}" for step, value in steps.items())
    counts = ", ".join(f"{n:,} regions, hetscore {found['given']:,}" for n in found["found"].values())
    how = f"{found['what']}; {counts}; {found['px']:,} px of {found['mpp']:.3g} um"
    return (
        Row("pipeline, file to classes", ours.pipeline, "s/mm2", title, whole, whole / ours.pipeline, parts),
        Row("network + maps to cells", ours.cells, "s/mm2", title, finding, finding / ours.cells, how),
    )
