"""Judging by hand-sized examples."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from hetscore.geometry import Box
from scripts.training.examples import DOUBT, OTHER, TUMOR, Example
from scripts.training.judge import JudgedRegion, match, report, report_regions, within
from scripts.training.regions import Region


def example() -> Example:
    """Four nuclei of a crop whose right half was not read: tumor, other, doubtful, and one in the right half."""
    known = np.zeros((40, 80), bool)
    known[:, :40] = True
    xy = np.array([[10, 10], [30, 10], [10, 30], [60, 10]], np.float32)
    kind = np.array([TUMOR, OTHER, DOUBT, TUMOR], np.int8)
    code = np.array(["t2", "n", "u", "t0"])
    return Example("crop", "core", np.zeros((40, 80, 3), np.uint8), (240, 240, 240), xy, kind, known, code=code)


def test_doubtful_and_unread_places_count_neither_way() -> None:
    """Found: the tumor nucleus, one on the doubtful point, one on nothing, one in the part that was not read."""
    found = np.array([[11, 10], [10, 31], [30, 30], [60, 11]], np.float64)
    judged = match(example(), found, np.array([2.0, 0.0, 0.0, 1.0]))
    assert (judged.n_matched, judged.n_false, judged.n_missed) == (1, 1, 1)
    assert judged.rows.tolist() == [0]
    assert judged.is_tumor.tolist() == [True]
    assert judged.code.tolist() == ["t2"]


def test_report_has_a_line_a_group_and_one_over_all() -> None:
    """The figures stand in words one can read."""
    text = report([match(example(), np.array([[10.0, 10.0], [30.0, 10.0]]), np.array([2.0, 1.0]))])
    assert [line.split()[0] for line in text.splitlines()] == ["core", "all"]
    assert "nuclei_f1 1.000" in text
    assert "tumor_kept 1.000  other_refused 0.000" in text
    assert text.endswith("kept t2 1.00")


def test_a_region_line_counts_its_own_nuclei() -> None:
    """Three nuclei in a tenth of a square millimeter, two called tumor: 0.667, and 20 a square millimeter."""
    region = Region("core", 0.25, OTHER, "muscle", shapely.box(0, 0, 9, 9))
    text = report_regions([JudgedRegion(region, 0.1, np.array([1.0, 2.0, -1.0]))])
    assert text.splitlines()[0].split()[:3] == ["other", "core", "muscle"]
    assert "nuclei     3  called tumor 0.667, per mm2    20" in text


def test_a_nucleus_belongs_to_a_region_if_its_center_does() -> None:
    """Of discs in a grid, the finds within the left half are the region's, and no other."""
    picture, center = np.zeros((64, 64, 3), np.uint8), np.array([[10.0, 10.0], [50.0, 10.0], [20.0, 40.0]])
    example = Example("r", "core", picture, (240, 240, 240), np.zeros((0, 2), np.float32), np.zeros(0, np.int8),
                      np.zeros((64, 64), bool), box=Box(0, 0, 128, 128))  # fmt: skip
    region = Region("core", 0.25, TUMOR, "gland", shapely.box(0, 0, 64, 128))
    judged = within(region, example, center, np.array([3.0, -1.0, 1.0]))
    assert judged.logit.tolist() == [3.0, 1.0]
    assert judged.area_mm2 == pytest.approx(33 * 64 * 0.25e-6, rel=0.05)
