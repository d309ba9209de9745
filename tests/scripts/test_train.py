"""Runs and ablations do not mix."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.train import Job


@pytest.mark.parametrize(
    ("stage", "without", "regions", "folder"),
    [
        ("final", set(), 0.0, "final"),
        ("final", {"restained"}, 0.0, "final-no-restained"),
        ("final", {"cell", "border"}, 0.2, "final-no-border-no-cell-regions-0.2"),
        ("phantoms", {"restained"}, 0.2, "phantoms"),
        ("small", {"border"}, 0.0, "small-no-border"),
        ("final-unstained", {"restained"}, 0.0, "final-unstained-no-restained"),
    ],
)
def test_an_ablation_has_a_folder_of_its_own(stage: str, without: set[str], regions: float, folder: str) -> None:
    """Named by what is left out, as far as the stage would have used it."""
    job = Job(Path(), Path(), None, 1, 1, "cpu", frozenset(without), regions)
    assert job.folder_of(stage) == folder
