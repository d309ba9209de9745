"""Fragments before staining: outline, architecture, classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label

from hetscore.domain import MembraneClass, MembranePattern
from hetscore.phantom import FragmentSpec, Tissue
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.tissue import assign_classes, draw_outline, find_contacts

from .conftest import Grow

TUMOR = (Tissue.GLANDS, Tissue.SHEETS, Tissue.MIXED)


@given(seed=st.integers(0, 10_000), diameter=st.integers(40, 90))
def test_outline_is_one_piece_within_its_size(seed: int, diameter: int) -> None:
    """Whatever the seed: one connected piece without holes, inside the margin, not a sliver."""
    outline = draw_outline(np.random.default_rng(seed), diameter, 5, 6.0)

    assert label(outline)[1] == 1
    assert label(~outline)[1] == 1
    assert not outline[:4].any()
    assert not outline[:, -4:].any()
    assert outline.sum() > 0.1 * diameter**2


@pytest.mark.parametrize("tissue", TUMOR)
def test_every_tumor_cell_is_of_the_class_asked_for(grow: Grow, tissue: Tissue) -> None:
    """No noise is applied to the truth: tumor cells are all 3+, the others all unscored."""
    grown = grow(tissue, MembraneClass.STRONG)

    assert grown.is_tumor.sum() >= 30
    assert set(grown.membrane_class[grown.is_tumor]) == {MembraneClass.STRONG}
    assert set(grown.membrane_class[~grown.is_tumor]) == {MembraneClass.UNSCORED}


@pytest.mark.parametrize("tissue", list(Tissue))
def test_a_nucleus_lies_in_its_own_cell_or_in_stroma(grow: Grow, tissue: Tissue) -> None:
    """Pixels of an epithelial nucleus carry its cell's label; stromal nuclei lie on stroma."""
    grown = grow(tissue, MembraneClass.STRONG)

    seen = grown.nuclei > 0
    is_stromal = np.isin(grown.type, (CellType.FIBROBLAST, CellType.LYMPHOCYTE))[np.maximum(grown.nuclei - 1, 0)]
    assert (grown.cells[seen & ~is_stromal] == grown.nuclei[seen & ~is_stromal]).all()
    assert (grown.ground[seen & is_stromal] == Ground.STROMA).all()


def test_benign_fragment_has_glands_and_no_tumor(grow: Grow) -> None:
    """Foveolar cells, fibroblasts and lymphocytes; no tumor cell, no stain."""
    grown = grow(Tissue.BENIGN, MembraneClass.STRONG)

    assert set(grown.type) == {CellType.FOVEOLAR, CellType.FIBROBLAST, CellType.LYMPHOCYTE}
    assert set(grown.pattern) == {MembranePattern.NONE}


def test_nuclei_have_the_sizes_of_their_kinds(grow: Grow) -> None:
    """Median visible areas: tumor 40-70 um2 less what crowding hides, lymphocytes 25-30."""
    grown = grow(Tissue.SHEETS, MembraneClass.STRONG)

    area = np.bincount(grown.nuclei.ravel(), minlength=len(grown.x) + 1)[1:] * grown.mpp**2
    assert 38 < np.median(area[grown.is_tumor & grown.has_nucleus]) < 60
    assert 22 < np.median(area[(grown.type == CellType.LYMPHOCYTE) & grown.has_nucleus]) < 32


@pytest.mark.parametrize(
    ("tissue", "membrane_class", "pattern"),
    [
        (Tissue.GLANDS, MembraneClass.STRONG, MembranePattern.BASOLATERAL),
        (Tissue.SHEETS, MembraneClass.MODERATE, MembranePattern.COMPLETE),
        (Tissue.SHEETS, MembraneClass.FAINT, MembranePattern.PARTIAL),
        (Tissue.SHEETS, MembraneClass.NEGATIVE, MembranePattern.NONE),
    ],
)
def test_pattern_follows_architecture(
    grow: Grow, tissue: Tissue, membrane_class: MembraneClass, pattern: MembranePattern
) -> None:
    """Glands stain basolaterally, sheets completely, faint sheets in part, negative cells not at all."""
    grown = grow(tissue, membrane_class)

    assert set(grown.pattern[grown.is_tumor]) == {pattern}


def test_clone_is_compact_and_of_the_size_asked_for() -> None:
    """On a grid of 100 cells a clone of 9 is the cells within a disk, all others stay 3+."""
    row, column = np.indices((10, 10))
    xy = np.column_stack([column.ravel(), row.ravel()]).astype(float)
    spec = FragmentSpec(membrane_class=MembraneClass.STRONG, clone_cells=9)
    every = np.ones(100, bool)

    classes = assign_classes(np.random.default_rng(0), spec, xy, every, every)

    clone = xy[classes == MembraneClass.NEGATIVE]
    assert len(clone) == 9
    assert np.ptp(clone, axis=0).tolist() == [2, 2]
    assert (classes[classes != MembraneClass.NEGATIVE] == MembraneClass.STRONG).all()


def test_mosaic_counts_seen_cells_and_hidden_cells_follow_their_neighbor() -> None:
    """Half of four seen cells turn faint; a tumor cell without nucleus takes its neighbor's class; stroma has none."""
    xy = np.array([[0, 0], [10, 0], [20, 0], [30, 0], [30.5, 0], [40, 0]], float)
    is_tumor = np.array([True, True, True, True, True, False])
    is_seen = np.array([True, True, True, True, False, True])
    spec = FragmentSpec(membrane_class=MembraneClass.STRONG, mosaic_share=0.5, minor_class=MembraneClass.FAINT)

    classes = assign_classes(np.random.default_rng(0), spec, xy, is_tumor, is_seen)

    assert np.count_nonzero(classes[:4] == MembraneClass.FAINT) == 2
    assert classes[4] == classes[3]
    assert classes[5] == MembraneClass.UNSCORED


def test_contacts_are_shared_edges() -> None:
    """Cells 1 and 2, 1 and 3 share an edge; 2 and 3 touch at a corner only; 0 is no cell."""
    cells = np.array([[1, 1, 2], [1, 1, 0], [3, 3, 0]], np.int32)

    assert find_contacts(cells).tolist() == [[0, 1], [0, 2]]
