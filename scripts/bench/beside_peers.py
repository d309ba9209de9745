"""Other segmenters on the same picture, each in an environment of its own that the user names.

A peer is a script in ``scripts/bench/peers`` that reads a picture at 0.5 um/px and prints seconds. Its environment is
never ours: what it pins would move our versions.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hetscore.domain import Rgb
from hetscore.segmenters.growth import shrink_by
from scripts.bench.material import USUAL, Slides
from scripts.bench.table import Findings, Row
from scripts.bench.tiles import NETWORK, fullest, load_run, plan_slide

SCRIPTS = Path(__file__).resolve().parent / "peers"
PEERS = ("stardist", "histomicstk", "instanseg", "cellpose")
"""Those with which the goals are stated; not all have a script here yet."""
SIDE = 1024
"""Pixels at 0.5 um/px: 1.05 MP."""


def bench_peers(slides: Slides, pythons: Mapping[str, Path]) -> Findings:
    """Time the peers whose Python is named; a row says what is missing of the others."""
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.npy"
        if pythons:
            np.save(picture, _read_picture(slides))
        found = {name: _run_peer(name, python, picture) for name, python in pythons.items() if _has_script(name)}
    rows = [_row(name, found.get(name)) for name in PEERS]
    return Findings(tuple(rows), {"peers": found})


def _has_script(name: str) -> bool:
    return (SCRIPTS / f"{name}.py").exists()


def _row(name: str, found: dict[str, Any] | None) -> Row:
    if found is not None and "problem" in found:
        return Row(name, None, "MP/s", note=found["problem"])
    if found is None:
        missing = "not installed: name its Python with --peer" if _has_script(name) else "no script here yet"
        return Row(name, None, "MP/s", note=missing)
    rate = found["mp"] / found["seconds"]
    return Row(name, rate, "MP/s", note=f"one core, {found['what']}; not the same process: trust within 20 %")


def _read_picture(slides: Slides) -> Rgb:
    """Read the middle of the fullest tile at 0.5 um/px."""
    with plan_slide(slides.find(USUAL), load_run(NETWORK)) as planned:
        rgb = shrink_by(planned.read(fullest(planned.tiles, planned.fragments)).rgb, 2)
    top, left = ((side - SIDE) // 2 for side in rgb.shape[:2])
    return np.ascontiguousarray(rgb[top : top + SIDE, left : left + SIDE])


def _run_peer(name: str, python: Path, picture: Path) -> dict[str, Any]:
    command = [str(python), str(SCRIPTS / f"{name}.py"), str(picture)]
    answer = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603 - named by the user
    if answer.returncode != 0:
        return {"problem": f"failed with exit status {answer.returncode}; its own words are on stderr"}
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found
