"""What the measurement of registrations makes of known places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hetscore.domain import FragmentMatch
from scripts.measure_registration import MPP, Row, agreement_bound, true_error
from tests.registration.drawn import make_fragment

SHIFT = np.array([[1.0, 0.0, 100.0], [0.0, 1.0, 0.0]])
MATCH = FragmentMatch(1, SHIFT, 4.0, 8.0, 1.0, 20)
FRAGMENT = make_fragment(1, np.array([[0.0, 0.0], [50.0, 0.0], [50.0, 50.0], [0.0, 50.0]]))


def test_the_true_error_is_the_distance_of_the_same_nuclei() -> None:
    """Three nuclei of fragment 1 lie 0, 4 and 10 px from where they are put; that of a neighbor does not count."""
    rows = [(1, 10, 10, 110, 10), (1, 20, 10, 124, 10), (1, 30, 10, 130, 20), (2, 40, 10, 900, 10), (2, 80, 10, 0, 0)]

    median, p90 = true_error(FRAGMENT, MATCH, np.array(rows, float))

    assert median == pytest.approx(4 * MPP)
    assert p90 == pytest.approx((4 + 0.8 * 6) * MPP)


def test_without_truth_there_is_no_error() -> None:
    """Neither of unrelated slides, nor without a transform, nor where no nucleus lies."""
    far = np.array([[1.0, 900.0, 900.0, 0.0, 0.0]])

    assert true_error(FRAGMENT, MATCH, None) == (None, None)
    assert true_error(FRAGMENT, replace(MATCH, affine=None), far) == (None, None)
    assert true_error(FRAGMENT, MATCH, far) == (None, None)


def test_the_bound_of_nothing_is_nothing() -> None:
    """Twenty blocks of twenty are surely most; of none nothing is known."""
    assert agreement_bound(Row("easy", True, MATCH, None, None)) == pytest.approx(0.839, abs=0.001)
    assert agreement_bound(Row("easy", True, replace(MATCH, n_blocks=0), None, None)) == 0.0
