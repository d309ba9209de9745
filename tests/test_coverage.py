"""Where the tissue went: areas counted by eye on a thumbnail of 4 x 6 pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetscore.coverage import mark_failed, mark_hidden, measure_coverage
from hetscore.domain import Fragment, Fragments, TissueMask
from hetscore.geometry import Box

SLIDE = Path("slide.tif").name
LABELS = np.array([[1, 1, 0, 2, 2, 2], [1, 1, 0, 2, 2, 2], [0] * 6, [0] * 6], np.int32)
"""Two fragments of 4 and 6 pixels, each of a square millimeter."""


def fragments() -> Fragments:
    """Make the two fragments, at 10 level-0 pixels a pixel."""
    items = tuple(Fragment(i, SLIDE, (), Box(0, 0, 60, 40), area) for i, area in ((1, 4.0), (2, 6.0)))
    return Fragments(items, LABELS, downsample=10, mpp=1000.0, dropped={})


def tissue() -> TissueMask:
    """Make their tissue, and two pixels of it that were taken out."""
    out = np.zeros(LABELS.shape, bool)
    out[3, :2] = True
    return TissueMask(LABELS > 0, 10, 1000.0, {"opaque-particles": out, "pen": np.zeros_like(out)})


def test_all_was_analyzed() -> None:
    """Nothing failed: 10 mm2 of fragments, and 2 taken out for the one reason that took any."""
    found = measure_coverage(tissue(), fragments(), [])
    assert (found.analysed_mm2, found.failed_mm2) == pytest.approx((10.0, 0.0))
    assert found.excluded_mm2 == pytest.approx({"opaque-particles": 2.0})
    assert found.tissue_mm2 == pytest.approx(12.0)


def test_a_lost_tile_is_lost_tissue() -> None:
    """A core over the right half of fragment 1 and the glass beside it takes 2 mm2; two over one place take it once."""
    lost = Box(10, 0, 20, 40)
    found = measure_coverage(tissue(), fragments(), [lost, lost])
    assert (found.analysed_mm2, found.failed_mm2) == pytest.approx((8.0, 2.0))
    assert found.tissue_mm2 == pytest.approx(12.0)


def test_each_fragment_knows_its_lost_tiles() -> None:
    """A tile over both counts for both, one over glass for none."""
    marked = mark_failed(fragments(), [Box(10, 0, 30, 10), Box(40, 10, 20, 10), Box(0, 30, 60, 10)])
    assert [f.n_failed_tiles for f in marked] == [1, 2]


def test_what_is_taken_out_later() -> None:
    """A mask takes only tissue, of two the first has what both hold, and the whole stays the same."""
    row = np.zeros(LABELS.shape, bool)
    row[0] = True
    taken = tissue().take_out({"annotated": row, "not-read": row | np.eye(4, 6, dtype=bool)})
    left = replace(fragments(), labels=np.where(taken.mask, LABELS, 0))

    found = measure_coverage(taken, left, [])

    assert found.excluded_mm2 == pytest.approx({"opaque-particles": 2.0, "annotated": 5.0, "not-read": 1.0})
    assert (found.analysed_mm2, found.tissue_mm2) == pytest.approx((4.0, 12.0))


def test_hidden_tissue_is_that_of_the_fragments_beside_it() -> None:
    """On a thumbnail of 50 um pixels: ink two pixels away hides, three pixels away it does not, nor what a person took.

    Fragment 1 is the square in the corner; the pixels marked are 1 and 2 columns, or 3 and more, to the right of it.
    """
    labels = np.zeros((4, 12), np.int32)
    labels[:, :4] = 1
    ink, by_hand = (np.zeros(labels.shape, bool) for _ in range(2))
    ink[:, 5:8] = True
    by_hand[:, 4] = True
    found = Fragments((Fragment(1, SLIDE, (), Box(0, 0, 40, 40), 1.0),), labels, 10, 50.0, {})
    masked = TissueMask(labels > 0, 10, 50.0, {"pen": ink, "annotated": by_hand})
    assert mark_hidden(found, found.items, masked)[0].hidden_mm2 == pytest.approx(4 * 0.05**2)
    assert mark_hidden(found, found.items, TissueMask(labels > 0, 10, 50.0, {})) == found.items
