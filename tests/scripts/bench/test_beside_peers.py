"""Peers run in their own environments, in turns with hetscore, on tissue and not on glass."""

from __future__ import annotations

import os
import shutil
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from hetscore.domain import Fragments
from scripts.bench.beside_peers import ROOT, Ours, deepest_box, peer_rows, prepare, run_peer, take_turns
from scripts.bench.material import TINY, Slides
from scripts.bench.peers.peer import MPP
from scripts.bench.tiles import NETWORK, load_run

_FOUND = {
    "name": "Fast",
    "version": "1.2",
    "what": "nuclei; random weights",
    "mpp": MPP,
    "px": 1024,
    "ms_per_mp": {"network": 1000.0, "features": 500.0},
    "given": 1195,
    "found": {"network": 1180},
}


def test_hetscore_runs_before_and_after_each_peer() -> None:
    """Of our times 0, 1, 2, 3 the first warms up; the first peer stands beside 1 and 2, the second beside 2 and 3."""
    order: list[str] = []
    times = count()

    def time_ours() -> Ours:
        order.append("ours")
        value = float(next(times))
        return Ours(value, 10 * value)

    def run(name: str) -> dict[str, str]:
        order.append(name)
        return {"name": name}

    found, beside = take_turns({name: lambda name=name: run(name) for name in ("a", "b")}, time_ours)  # type: ignore[misc]

    assert order == ["ours", "ours", "a", "ours", "b", "ours"]
    assert found == {"a": {"name": "a"}, "b": {"name": "b"}}
    assert beside == {"a": Ours(1.5, 15), "b": Ours(2.5, 25)}


def test_a_peer_is_shown_by_mm2_of_tissue() -> None:
    """1.5 s a megapixel are 6 s a mm2, twice our 3; what finds regions takes 4 of them, four times our 1."""
    whole, finding = peer_rows("fast", _FOUND, Ours(3, 1))

    assert (whole.other, whole.ratio, whole.unit) == (6, 2, "s/mm2")
    assert (finding.other, finding.ratio) == (4, 4)
    assert whole.beside == finding.beside == "Fast 1.2"
    assert whole.note == "network 4 + features 2"
    assert finding.note == "nuclei; random weights; 1,180 regions, hetscore 1,195; 1,024 px of 0.5 um"


@pytest.mark.parametrize(
    ("found", "told"), [(None, "name its Python with --peer"), ({"problem": "failed with exit status 1"}, "status 1")]
)
def test_a_peer_that_did_not_run_says_why(found: dict[str, str] | None, told: str) -> None:
    """No value, but a note."""
    (row,) = peer_rows("fast", found, None if found is None else Ours(3, 1))

    assert row.value is None
    assert told in row.note


def test_the_deepest_square_lies_around_the_middle_of_tissue() -> None:
    """Of two fragments the larger one is 9 by 9 pixels of 8: its middle is pixel (6, 5), so level-0 (40, 48)."""
    labels = np.zeros((20, 20), np.int32)
    labels[2:11, 1:10], labels[15:18, 15:18] = 1, 2

    box = deepest_box(Fragments((), labels, downsample=8, mpp=2.0, dropped={}), side=16)

    assert (box.x, box.y, box.width, box.height) == (32, 40, 16, 16)


def _write_peer(folder: Path, text: str) -> None:
    """Write a peer's script beside a copy of what all of them share."""
    package = folder / "scripts" / "bench" / "peers"
    package.mkdir(parents=True)
    for parent in (package, *package.parents[:2]):
        (parent / "__init__.py").touch()
    shutil.copy(ROOT / "scripts" / "bench" / "peers" / "peer.py", package)
    (package / "fast.py").write_text(text, encoding="utf-8")


def test_a_peer_has_one_thread_and_one_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own Python reads the picture and prints one object, after whatever else its libraries print."""
    script = """
import os
from scripts.bench.peers.peer import Peer, run_peer
print("a word of welcome")
def load(picture):
    threads, cores = os.environ["OMP_NUM_THREADS"], len(os.sched_getaffinity(0))
    return Peer("Fast", threads, str(cores), picture, {"network": lambda: 3})
run_peer(load)
"""
    _write_peer(tmp_path, script)
    monkeypatch.setattr("scripts.bench.beside_peers.ROOT", tmp_path)
    nothing = np.zeros((4, 4), np.int32)
    np.savez(tmp_path / "picture.npz", rgb=np.zeros((4, 4, 3), np.uint8), nuclei=nothing, cells=nothing)

    found = run_peer("fast", Path(os.path.relpath(sys.executable)), tmp_path / "picture.npz")

    assert (found["version"], found["what"], found["found"]) == ("1", "1", {"network": 3})


def test_a_peer_that_fails_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other peers go on; its exit status is told."""
    _write_peer(tmp_path, "raise SystemExit(3)")
    monkeypatch.setattr("scripts.bench.beside_peers.ROOT", tmp_path)

    found = run_peer("fast", Path(sys.executable), tmp_path / "picture.npz")

    assert found == {"problem": "failed with exit status 3; its own words are on stderr"}


def test_the_picture_is_tissue_with_its_cells(tmp_path: Path) -> None:
    """Pixels at 0.5 um/px without glass, nuclei within cells of the same number, and two times of ours."""
    slides = Slides(tmp_path)

    time_ours = prepare(slides.find(TINY), load_run(NETWORK), tmp_path / "picture.npz", side=256)

    with np.load(tmp_path / "picture.npz") as arrays:
        rgb, nuclei, cells = (arrays[name] for name in ("rgb", "nuclei", "cells"))
    assert rgb.shape == (256, 256, 3)
    assert nuclei.max() == cells.max() > 50
    assert np.array_equal(cells[nuclei > 0], nuclei[nuclei > 0])
    ours = time_ours()
    assert ours.pipeline > ours.cells > 0
