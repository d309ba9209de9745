"""Judging by hand-sized examples."""

from __future__ import annotations

import numpy as np

from scripts.training.examples import DOUBT, OTHER, TUMOR, Example
from scripts.training.judge import calibration_error, centers, match, pair_nearest, report


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


def test_pairs_are_nearest_first_and_used_once() -> None:
    """The nearer of two finds gets the point."""
    pairs = pair_nearest(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.2, 0.0]]), 3.0)
    assert pairs.tolist() == [[1, 0]]
    assert pair_nearest(np.zeros((0, 2)), np.zeros((3, 2)), 3.0).shape == (0, 2)


def test_centers_are_of_pixels_with_the_first_at_a_half() -> None:
    """A label of two pixels side by side has its center between them."""
    assert centers(np.array([[0, 1, 1]], np.int32), 1).tolist() == [[2.0, 0.5]]


def test_calibration_error_of_three_cells() -> None:
    """Two cells said 0.95, one of them tumor: off by 0.45; one said 0.05 and is none: off by 0.05; weighed 2 to 1."""
    chance, truth = np.array([0.95, 0.95, 0.05]), np.array([True, False, False])
    assert abs(calibration_error(chance, truth) - (0.45 * 2 + 0.05) / 3) < 1e-9
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0, bool)))


def test_report_has_a_line_a_group_and_one_over_all() -> None:
    """The figures stand in words one can read."""
    text = report([match(example(), np.array([[10.0, 10.0], [30.0, 10.0]]), np.array([2.0, 1.0]))])
    assert [line.split()[0] for line in text.splitlines()] == ["core", "all"]
    assert "F1 1.000" in text
    assert "kept 1.000 (t2 1.00) other refused 0.000" in text
