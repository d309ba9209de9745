"""Runs and ablations do not mix."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import train
from scripts.train import HELD_OUT_PHANTOMS, LAST, LAST_SHARES, REAL, STAGES, Job, _before, _last_lessons
from scripts.training.examples import PHANTOMS, UNSTAINED
from scripts.training.loop import Lesson


@pytest.mark.parametrize(
    ("stage", "without", "regions", "folder"),
    [
        ("final", set(), 0.0, "final"),
        ("final", {"restained"}, 0.0, "final-no-restained"),
        ("final", {"cell", "border"}, 0.2, "final-no-border-no-cell-regions-0.2"),
        ("phantoms", {"restained"}, 0.2, "phantoms"),
        ("small", {"border"}, 0.0, "small-no-border"),
        ("final-unstained", {"restained"}, 0.0, "final-unstained-no-restained"),
        ("final-unstained", {"cores"}, 0.0, "final-unstained-no-cores"),
        ("final", {"cores", "unstained"}, 0.0, "final"),
    ],
)
def test_an_ablation_has_a_folder_of_its_own(stage: str, without: set[str], regions: float, folder: str) -> None:
    """Named by what is left out, as far as the stage would have used it."""
    assert make_job(without, regions).folder_of(stage) == folder


def make_job(without: set[str], regions: float = 0.0) -> Job:
    """Make a job that leaves this out."""
    return Job(Path(), Path(), None, 1, 1, "cpu", frozenset(without), regions)


def test_each_stage_goes_on_with_the_one_before_it() -> None:
    """Phantoms first, then real tissue, then unstained tumor; the others begin anew."""
    assert {stage: _before(stage) for stage in STAGES} == (
        dict.fromkeys(("all", "phantoms", "export", "small"))
        | dict.fromkeys(REAL, "phantoms")
        | {stage + LAST: stage for stage in REAL}
    )


@pytest.mark.parametrize(
    ("without", "shares"),
    [
        (set(), [0.35 * 5 / 8, 0.35 * 3 / 8, 0.2, 0.35]),
        ({"cores"}, [0.35 * 5 / 8, 0.35 * 3 / 8, 0.35]),
        ({"unstained"}, [0.35 * 5 / 8, 0.35 * 3 / 8, 0.2]),
        ({"crops"}, [0.35, 0.2, 0.35]),
    ],
)
def test_the_last_stage_shares_what_was_read(
    without: set[str], shares: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crops and regions keep their proportion within the part of what was read; the rest is left to phantoms."""
    real = [Lesson([], 0.3)] if "crops" in without else [Lesson([], 0.5), Lesson([], 0.3)]
    monkeypatch.setattr(train, "_real_lessons", lambda *_: real)
    monkeypatch.setattr(train, "read_cores", lambda *_: [])
    monkeypatch.setattr(train, "read_unstained", lambda *_: [])
    lessons = _last_lessons(make_job(without), Path(), [], [], ())
    assert [lesson.share for lesson in lessons] == pytest.approx(shares)
    assert sum(LAST_SHARES.values()) < 1


def test_seeds_are_apart() -> None:
    """What is judged on was drawn with no seed that was trained on, and each set with its own."""
    sets = (*PHANTOMS, *HELD_OUT_PHANTOMS)
    seeds = [phantoms.seed for phantoms in sets] + [UNSTAINED.seed + i for i in range(UNSTAINED.n_cases)]
    assert len(set(seeds)) == len(seeds)
