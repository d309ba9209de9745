"""Judging by hand-sized examples."""

from __future__ import annotations

import numpy as np

from scripts.training.examples import DOUBT, OTHER, TUMOR, Example
from scripts.training.judge import match, report


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
