"""Crops of the real cores become examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scripts.training import examples
from scripts.training.examples import DOUBT, OTHER, TUMOR, PhantomSet, read_cores, read_crops, read_unstained


def test_each_unstained_case_has_a_seed_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases of equal size would else have their noise in common."""
    monkeypatch.setattr(examples, "_read_fields", lambda cases, *_: [(seed, case.case_id) for seed, case in cases])
    drawn: object = read_unstained(tmp_path, 1, PhantomSet("unstained", 7, 3))
    assert drawn == [(7, "x0"), (8, "x1"), (9, "x2")]


def test_of_whole_cores_no_nucleus_is_named(shared_data: Callable[[str], Path]) -> None:
    """Those left out are not among them; no nucleus is named, and patches are cut around dark pixels."""
    cores = read_cores(shared_data("annotations").parent, ["1_154a", "3_a1f1", "0_", "2_"])
    assert [core.group[:6] for core in cores] == ["1_f8a2"]
    assert cores[0].is_unread
    assert len(cores[0].xy) == 0
    assert 0.03 < cores[0].known.mean() < 0.5


def test_every_crop_is_read_once_by_its_first_reader(shared_data: Callable[[str], Path]) -> None:
    """62 crops of eight cores; what a code means; points of a crop lie in its known part but for the border."""
    crops = read_crops(shared_data("annotations").parent)
    assert len(crops) == 62
    assert len({crop.group for crop in crops}) == 8
    kind = {code: crop.kind[crop.code == code] for crop in crops if crop.code is not None for code in set(crop.code)}
    assert set(kind) == {"t0", "t1", "t2", "t3", "n", "u"}
    assert (kind["n"] == OTHER).all()
    assert (kind["t2"] == TUMOR).all()
    assert (kind["u"] == DOUBT).all()
    crop = crops[0]
    assert crop.rgb.shape[:2] == crop.known.shape == (576, 576)
    rows, columns = np.nonzero(crop.known)
    assert (rows.max() - rows.min(), columns.max() - columns.min()) == (183, 183)
