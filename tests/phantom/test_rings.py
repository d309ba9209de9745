"""Rings around regions, on pictures small enough to be walked round by eye."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from hetscore.domain import MembraneClass
from hetscore.phantom import Tissue, rings
from hetscore.phantom.rings import Rings, no_rings, trace_rings

from .conftest import Grow

PICTURES = arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2))


def picture(text: str) -> NDArray[np.int32]:
    """Read a picture: digits are labels, a dot is nothing."""
    return np.array([[int(symbol.replace(".", "0")) for symbol in line] for line in text.split()], np.int32)


def trace(labels: NDArray[np.int32], *rows: int, scale: float = 1.0) -> Rings:
    """Trace some rows, or the first."""
    return trace_rings(labels, np.array(rows or (0,)), scale)


def polygon(traced: Rings, index: int = 0) -> shapely.Polygon:
    """Make a shape of one ring."""
    return shapely.Polygon(traced.ring(index))


def largest_part(labels: NDArray[np.int32], label: int) -> int:
    """Pixels of the largest part of a region, holes filled, parts connected by sides."""
    parts, n = ndimage.label(labels == label)
    return max((int(ndimage.binary_fill_holes(parts == k, np.ones((3, 3))).sum()) for k in range(1, n + 1)), default=0)


def test_a_pixel_is_a_diamond() -> None:
    """The ring goes through the middles of the sides; pixel (row 1, column 2) has its center at (2.5, 1.5)."""
    ring = trace(picture("... ..1")).ring(0)

    assert sorted(map(tuple, ring.tolist())) == [(2.0, 1.5), (2.5, 1.0), (2.5, 2.0), (3.0, 1.5)]


def test_a_square_keeps_its_sides() -> None:
    """Of 4 x 4 pixels from (1, 1) to (5, 5) only the corners are cut, by an eighth of a pixel each."""
    shape = polygon(trace(np.pad(np.ones((4, 4), np.int32), 1)))

    assert shape.bounds == (1, 1, 5, 5)
    assert shape.area == 16 - 4 / 8
    assert len(shape.exterior.coords) - 1 == 8


def test_a_picture_filled_to_its_edge() -> None:
    """Beyond the edge is nothing."""
    assert polygon(trace(np.ones((3, 5), np.int32))).bounds == (0, 0, 5, 3)


def test_the_largest_part_is_traced() -> None:
    """Of a region in two parts that touch at a corner, the one of four pixels, though the other comes first."""
    shape = polygon(trace(picture("11.. ..11 ..11")))

    assert shape.bounds == (2, 1, 4, 3)


def test_a_hole_is_filled() -> None:
    """A frame of 5 x 5 pixels holds what it frames, and the cell in it is traced, too."""
    labels = picture("11111 1...1 1.2.1 1...1 11111")
    traced = trace(labels, 0, 1)

    assert polygon(traced, 0).area == 25 - 4 / 8
    assert polygon(traced, 1).area == 0.5


def test_rows_decide_the_order_and_absent_labels_have_no_ring() -> None:
    """Row 2, then row 5, which is beyond the picture's labels, then row 0."""
    traced = trace(picture("1..3"), 2, 5, 0)

    assert len(traced) == 3
    assert [len(traced.ring(k)) for k in range(3)] == [4, 0, 4]
    assert (polygon(traced, 0).centroid.x, polygon(traced, 2).centroid.x) == (3.5, 0.5)


def test_no_cells_at_all() -> None:
    """Nothing to trace, or no region without extent, is an empty table of the right length."""
    assert len(trace_rings(picture("1.."), np.zeros(0, np.int64))) == 0
    assert [len(no_rings(2).ring(k)) for k in range(2)] == [0, 0]


def test_scaled_and_moved() -> None:
    """A picture painted twice as finely, laid at (100, 50)."""
    shape = polygon(trace(np.pad(np.ones((4, 4), np.int32), 2), scale=0.5).moved(100, 50))

    assert shape.bounds == (101, 51, 103, 53)


def test_corners_are_left_out_only_within_the_tolerance() -> None:
    """A disk keeps less than half of its corners and nearly all of its area."""
    y, x = np.indices((60, 60)) - 29.5
    disk = (np.hypot(x, y) < 25).astype(np.int32)

    shape = polygon(trace(disk))

    assert shape.area == pytest.approx(disk.sum(), rel=0.01)
    assert len(shape.exterior.coords) < 0.5 * 4 * 50


def test_rings_do_not_cross_themselves() -> None:
    """Not on 2,000 pictures of noise, full of strands and corners that touch; a tolerance of 1 px folds some."""
    rng = np.random.default_rng(0)

    for _ in range(2000):
        labels = (rng.random((8, 8)) < rng.uniform(0.4, 0.8)).astype(np.int32)
        assert polygon(trace(labels)).is_valid


@given(labels=PICTURES)
def test_area_is_that_of_the_largest_part(labels: NDArray[np.int32]) -> None:
    """Valid, inside the picture, and of the largest part's area to the half pixel and what the tolerance allows."""
    traced = trace(labels, 0, 1)

    for row in (0, 1):
        pixels = largest_part(labels, row + 1)
        if not pixels:
            assert len(traced.ring(row)) == 0
            continue
        shape = polygon(traced, row)
        assert shape.is_valid
        assert shape.within(shapely.box(0, 0, labels.shape[1], labels.shape[0]))
        assert shape.area == pytest.approx(pixels, abs=0.5 + rings.TOLERANCE_PX * shape.length)


@pytest.mark.parametrize("tissue", [Tissue.MIXED, Tissue.SIGNET_RING])
def test_cells_of_a_fragment(grow: Grow, tissue: Tissue) -> None:
    """Rings of grown cells share nearly all of their union with the pixels, and nuclei lie in their cells."""
    grown = grow(tissue, MembraneClass.STRONG)
    rows = np.flatnonzero(grown.has_nucleus)
    cells, nuclei = trace_rings(grown.cells, rows), trace_rings(grown.nuclei, rows)

    assert np.diff(nuclei.start).min() >= 3
    for k, row in enumerate(rows[:60]):
        has_cell = (grown.cells == row + 1).any()
        assert len(cells.ring(k)) > 0 if has_cell else len(cells.ring(k)) == 0
        if has_cell:
            shape = polygon(cells, k)
            assert shape.is_valid
            assert shape.covers(polygon(nuclei, k))
            assert iou_with_pixels(shape, grown.cells == row + 1) > 0.97


def iou_with_pixels(shape: shapely.Polygon, mask: NDArray[np.bool_]) -> float:
    """Overlap of a shape with the largest part of a mask, both read on a grid of sixteenths of a pixel."""
    parts, n = ndimage.label(mask)
    largest = ndimage.binary_fill_holes(parts == 1 + np.argmax(np.bincount(parts[parts > 0], minlength=n + 1)[1:]))
    left, top, right, bottom = (int(v) for v in (*np.floor(shape.bounds[:2]), *np.ceil(shape.bounds[2:])))
    y, x = (np.arange(a, b, 0.25) + 0.125 for a, b in ((top, bottom), (left, right)))
    inside = shapely.contains_xy(shape, *np.meshgrid(x, y))
    pixels = largest[top:bottom, left:right].repeat(4, axis=0).repeat(4, axis=1)
    return float((inside & pixels).sum() / ((inside | pixels).sum() + 16 * (largest.sum() - pixels.sum() / 16)))
