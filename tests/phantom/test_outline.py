"""The outline of a fragment: one ragged piece of the size asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label

from hetscore.phantom.outline import OutlineParams, draw_outline


@given(seed=st.integers(0, 10_000), diameter=st.integers(60, 90))
def test_outline_is_one_piece_within_its_size(seed: int, diameter: int) -> None:
    """Whatever the seed: one connected piece without holes, exactly the margin from the edges, not a sliver."""
    outline = draw_outline(np.random.default_rng(seed), diameter, 5, 6.0)

    assert label(outline)[1] == 1
    assert label(~outline)[1] == 1
    assert not outline[:5].any()
    assert not outline[:, -5:].any()
    assert outline[5].any()
    assert outline[:, -6].any()
    assert outline.sum() > 0.02 * diameter**2  # the least of 8,480 outlines is 0.028, one in a thousand is below 0.05
    row, column = np.nonzero(outline)
    assert max(np.ptp(row), np.ptp(column)) <= 1.1 * diameter + 2


def test_outline_is_as_long_as_asked_for() -> None:
    """Of twenty pieces of 200 pixels the median of the longest side is 150-205, and some are twice as long as broad."""
    sides = []
    for seed in range(20):
        row, column = np.nonzero(draw_outline(np.random.default_rng(seed), 200, 2, 6.0))
        spread = np.linalg.eigvalsh(np.cov(row, column))
        sides.append((max(np.ptp(row), np.ptp(column)), np.sqrt(spread[1] / spread[0])))

    assert 150 < np.median([s[0] for s in sides]) < 205
    assert max(s[1] for s in sides) > 2
    assert min(s[1] for s in sides) < 1.4


def test_a_smooth_round_piece_is_a_disk() -> None:
    """Without bend, lobes, clefts and roughness, and with equal sides, what is left is round."""
    params = OutlineParams(aspect=(1.0, 1.0, 1.0001), bend=0.0, lobes=0.0, max_clefts=0)

    outline = draw_outline(np.random.default_rng(0), 100, 3, 1.0, params)

    height, width = outline.shape
    assert abs(height - width) <= 12
    assert outline[3:-3, 3:-3].mean() > 0.7


def test_the_aspect_can_be_limited() -> None:
    """At most 1.2 for a small fragment; a limit below the least leaves the least; a high limit changes nothing."""
    params = OutlineParams(aspect=(1.0, 1.5, 3.0))

    assert params.at_most(1.2).aspect == (1.0, 1.1, 1.2)
    assert params.at_most(0.5).aspect[2] == pytest.approx(1.0, abs=0.01)
    assert params.at_most(9.0) == params


def test_clefts_take_tissue_away() -> None:
    """The same ten pieces with up to three clefts each are never larger than without, and some are smaller."""
    areas = np.array(
        [
            [
                draw_outline(np.random.default_rng(seed), 150, 2, 6.0, OutlineParams(max_clefts=n)).sum()
                for seed in range(10)
            ]
            for n in (0, 3)
        ]
    )

    assert (areas[1] <= areas[0]).all()
    assert np.count_nonzero(areas[1] < 0.995 * areas[0]) >= 3
