"""Membrane classes: clone, mosaic, gradient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import MembraneClass
from hetscore.phantom import FragmentSpec
from hetscore.phantom.classes import assign_classes, grade_classes

CLASSES = st.sampled_from(list(MembraneClass)[-4:])


def grid(side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Make side x side places, 1 apart."""
    row, column = np.indices((side, side))
    return np.column_stack([column.ravel(), row.ravel()]).astype(float)


def test_clone_is_compact_and_of_the_size_asked_for() -> None:
    """On a grid of 100 cells a clone of 9 is the cells within a disk, all others stay 3+."""
    xy, every = grid(10), np.ones(100, bool)
    spec = FragmentSpec(membrane_class=MembraneClass.STRONG, clone_cells=9)

    classes = assign_classes(np.random.default_rng(0), spec, xy, every, every)

    clone = xy[classes == MembraneClass.NEGATIVE]
    assert len(clone) == 9
    assert np.ptp(clone, axis=0).tolist() == [2, 2]
    assert (classes[classes != MembraneClass.NEGATIVE] == MembraneClass.STRONG).all()


@pytest.mark.parametrize("seed", range(6))
def test_mosaic_counts_seen_cells_and_hidden_cells_follow_their_neighbor(seed: int) -> None:
    """Half of four seen cells turn faint; a tumor cell without nucleus takes its neighbor's class; stroma has none."""
    xy = np.array([[0, 0], [10, 0], [20, 0], [30, 0], [30.5, 0], [40, 0]], float)
    is_tumor = np.array([True, True, True, True, True, False])
    is_seen = np.array([True, True, True, True, False, True])
    spec = FragmentSpec(membrane_class=MembraneClass.STRONG, mosaic_share=0.5, minor_class=MembraneClass.FAINT)

    classes = assign_classes(np.random.default_rng(seed), spec, xy, is_tumor, is_seen)

    assert np.count_nonzero(classes[:4] == MembraneClass.FAINT) == 2
    assert classes[4] == classes[3]
    assert classes[5] == MembraneClass.UNSCORED


def test_a_mosaic_is_scattered() -> None:
    """A third of 900 cells lie all over the grid: about as many in each quarter of it."""
    xy, every = grid(30), np.ones(900, bool)
    spec = FragmentSpec(membrane_class=MembraneClass.STRONG, mosaic_share=1 / 3)

    minor = xy[assign_classes(np.random.default_rng(0), spec, xy, every, every) == MembraneClass.NEGATIVE]

    quarter = 2 * (minor[:, 0] >= 15) + (minor[:, 1] >= 15)
    assert len(minor) == 300
    assert np.bincount(quarter) == pytest.approx(75, abs=25)


def test_a_clone_lies_where_cells_are_densest_and_may_be_all_of_them() -> None:
    """Of two clusters, 1 and 2 apart, the denser one is the clone; one of more cells than there are is every cell."""
    xy = np.concatenate([2 * grid(4), grid(4) + 50])
    every = np.ones(32, bool)
    clones = [FragmentSpec(membrane_class=MembraneClass.STRONG, clone_cells=n) for n in (16, 100_000)]

    one, whole = (assign_classes(np.random.default_rng(0), spec, xy, every, every) for spec in clones)

    assert np.flatnonzero(one == MembraneClass.NEGATIVE).tolist() == list(range(16, 32))
    assert (whole == MembraneClass.NEGATIVE).all()


def test_a_gradient_passes_through_all_classes_in_order() -> None:
    """From 3+ to 0 over 2,500 cells: each class is there, and the classes' mean places follow one another evenly."""
    xy = grid(50)

    classes = grade_classes(np.random.default_rng(0), xy, MembraneClass.STRONG, MembraneClass.NEGATIVE)

    means = np.array([xy[classes == k].mean(axis=0) for k in range(4)])
    steps = np.diff(means, axis=0)
    assert set(classes) == {0, 1, 2, 3}
    assert (steps @ (means[3] - means[0]) > 0).all()


def test_a_graded_fragment_is_graded() -> None:
    """`is_graded` gives intermediate classes to cells of a fragment; without it there are none."""
    xy, every = grid(20), np.ones(400, bool)
    spec = FragmentSpec(membrane_class=MembraneClass.STRONG, minor_class=MembraneClass.FAINT, is_graded=True)

    classes = assign_classes(np.random.default_rng(0), spec, xy, every, every)

    assert set(classes) == {MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG}


@given(seed=st.integers(0, 100), first=CLASSES, last=CLASSES, n=st.integers(1, 30))
def test_a_gradient_stays_between_its_ends(seed: int, first: MembraneClass, last: MembraneClass, n: int) -> None:
    """Whatever the places, no class beyond either end; a single cell is of the first."""
    rng = np.random.default_rng(seed)

    classes = grade_classes(rng, rng.uniform(0, 9, (n, 2)), first, last)

    assert ((classes >= min(first, last)) & (classes <= max(first, last))).all()
    assert n > 1 or classes.tolist() == [first]


@pytest.mark.parametrize("is_tumor", [True, False])
def test_nothing_seen_no_clone(is_tumor: bool) -> None:
    """Without a visible tumor nucleus every tumor cell keeps the fragment's class."""
    spec = FragmentSpec(membrane_class=MembraneClass.MODERATE, clone_cells=3, is_graded=True)

    classes = assign_classes(np.random.default_rng(0), spec, np.zeros((2, 2)), np.full(2, is_tumor), np.zeros(2, bool))

    assert set(classes) == {MembraneClass.MODERATE if is_tumor else MembraneClass.UNSCORED}
