"""Fragments before staining: every cell in its place, and in the truth."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from hetscore.domain import MembraneClass, MembranePattern
from hetscore.phantom import FragmentSpec, Tissue
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.spec import Damage
from hetscore.phantom.tissue import FragmentTissue, TissueParams, grow_fragment

from .conftest import Grow

TUMOR = [tissue for tissue in Tissue if FragmentSpec(tissue=tissue).has_tumor]
OTHER = [tissue for tissue in Tissue if tissue not in TUMOR]
WITH_TERRITORY = (CellType.TUMOR, CellType.FOVEOLAR, CellType.METAPLASTIC, CellType.PLASMA)
HOMES = {CellType.MUSCLE: Ground.MUSCLE, CellType.NEUTROPHIL: Ground.DEBRIS}
"""Of cells without a territory, those that do not lie in stroma."""


def damaged(damage: dict[Damage, float]) -> FragmentTissue:
    """Grow 300 um of sheets, damaged."""
    spec = FragmentSpec(300.0, Tissue.SHEETS, MembraneClass.STRONG, damage=damage)
    return grow_fragment(spec, 0.25, np.random.default_rng(2))


@pytest.mark.parametrize("tissue", TUMOR)
def test_every_tumor_cell_is_of_the_class_asked_for(grow: Grow, tissue: Tissue) -> None:
    """No noise is applied to the truth: tumor cells are all 3+, the others all unscored."""
    grown = grow(tissue, MembraneClass.STRONG)

    assert grown.is_tumor.sum() >= 5
    assert set(grown.membrane_class[grown.is_tumor]) == {MembraneClass.STRONG}
    assert set(grown.membrane_class[~grown.is_tumor]) == {MembraneClass.UNSCORED}


@pytest.mark.parametrize("tissue", OTHER)
def test_what_is_not_tumor_has_no_tumor_cell_and_no_stain(grow: Grow, tissue: Tissue) -> None:
    """Benign mucosa, metaplasia and muscle: no tumor cell, no pattern, no class, whatever class was asked for."""
    grown = grow(tissue, MembraneClass.STRONG)

    assert not grown.is_tumor.any()
    assert set(grown.pattern) == {MembranePattern.NONE}
    assert set(grown.membrane_class) == {MembraneClass.UNSCORED}


@pytest.mark.parametrize("tissue", list(Tissue))
def test_a_nucleus_lies_in_its_own_cell_or_on_its_ground(grow: Grow, tissue: Tissue) -> None:
    """Pixels of a nucleus with a territory carry its cell's label and are no mucin; others lie on their home ground."""
    grown = grow(tissue, MembraneClass.STRONG)

    seen = grown.nuclei > 0
    kind = grown.type[grown.nuclei[seen] - 1]
    owned = np.isin(kind, WITH_TERRITORY)
    home = np.array([HOMES.get(k, Ground.STROMA) for k in CellType])
    assert (grown.cells[seen][owned] == grown.nuclei[seen][owned]).all()
    assert (grown.ground[seen][owned] != Ground.VACUOLE).all()
    assert (grown.cells[seen][~owned] == 0).all()
    assert (grown.ground[seen][~owned] == home[kind[~owned]]).all()
    assert (grown.depth[seen] <= 1).all()


@pytest.mark.parametrize("tissue", list(Tissue))
def test_what_is_drawn_is_what_is_true(grow: Grow, tissue: Tissue) -> None:
    """The labels among the nuclei are exactly the rows with a place, and the place is the mean of the pixels."""
    grown = grow(tissue, MembraneClass.STRONG)

    drawn = np.unique(grown.nuclei[grown.nuclei > 0]) - 1
    row, column = np.nonzero(grown.nuclei == drawn[0] + 1)
    assert drawn.tolist() == np.flatnonzero(grown.has_nucleus).tolist()
    assert grown.x[drawn[0]] == pytest.approx(column.mean() + 0.5)
    assert grown.y[drawn[0]] == pytest.approx(row.mean() + 0.5)
    assert set(np.unique(grown.cells)) <= set(range(len(grown.type) + 1))


@pytest.mark.parametrize("tissue", list(Tissue))
def test_territories_lie_on_epithelium_and_epithelium_is_territory(grow: Grow, tissue: Tissue) -> None:
    """But for plasma cells, which lie on stroma; nothing lies on glass, and the margin is empty."""
    grown = grow(tissue, MembraneClass.STRONG)

    inside = np.isin(grown.ground, (Ground.EPITHELIUM, Ground.VACUOLE))
    is_plasma = np.concatenate([[False], grown.type == CellType.PLASMA])[grown.cells]
    assert ((grown.cells > 0) & ~is_plasma == inside).all()
    assert (grown.ground[is_plasma] == Ground.STROMA).all()
    assert not grown.ground[:20].any()
    assert not grown.ground[:, -20:].any()


@pytest.mark.parametrize("tissue", [Tissue.DIFFUSE, Tissue.SIGNET_RING])
def test_poorly_cohesive_cells_touch_stroma(grow: Grow, tissue: Tissue) -> None:
    """Nearly every cell borders on stroma, and some touch no other tumor cell."""
    grown = grow(tissue, MembraneClass.STRONG)

    at_stroma = set()
    for near, far in (
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
    ):
        for own, other in ((near, far), (far, near)):
            at_stroma |= set(grown.cells[own][(grown.cells[own] > 0) & (grown.ground[other] == Ground.STROMA)])
    tumor = set(np.flatnonzero(grown.is_tumor & np.isin(np.arange(len(grown.x)) + 1, grown.cells)) + 1)
    touching = set(grown.contacts[grown.is_tumor[grown.contacts].all(axis=1)].ravel() + 1)
    assert len(tumor & at_stroma) > 0.6 * len(tumor)
    assert tumor - touching


def test_nuclei_have_the_sizes_of_their_kinds(grow: Grow) -> None:
    """Median visible areas: tumor 40-70 um2 less what crowding hides, lymphocytes 22-32."""
    grown = grow(Tissue.SHEETS, MembraneClass.STRONG)

    area = np.bincount(grown.nuclei.ravel(), minlength=len(grown.x) + 1)[1:] * grown.mpp**2
    assert 36 < np.median(area[grown.is_tumor & grown.has_nucleus]) < 60
    assert 22 < np.median(area[(grown.type == CellType.LYMPHOCYTE) & grown.has_nucleus]) < 32


@pytest.mark.parametrize(
    ("tissue", "membrane_class", "pattern"),
    [
        (Tissue.GLANDS, MembraneClass.STRONG, MembranePattern.BASOLATERAL),
        (Tissue.SHEETS, MembraneClass.MODERATE, MembranePattern.COMPLETE),
        (Tissue.SHEETS, MembraneClass.FAINT, MembranePattern.PARTIAL),
        (Tissue.SHEETS, MembraneClass.NEGATIVE, MembranePattern.NONE),
        (Tissue.DIFFUSE, MembraneClass.STRONG, MembranePattern.COMPLETE),
        (Tissue.SIGNET_RING, MembraneClass.FAINT, MembranePattern.PARTIAL),
    ],
)
def test_pattern_follows_architecture(
    grow: Grow, tissue: Tissue, membrane_class: MembraneClass, pattern: MembranePattern
) -> None:
    """Glands stain basolaterally, sheets and single cells completely, faint ones in part, negative ones not at all."""
    grown = grow(tissue, membrane_class)

    assert set(grown.pattern[grown.is_tumor]) == {pattern}


def test_the_same_seed_grows_the_same_fragment() -> None:
    """Every array is equal."""
    spec = FragmentSpec(150.0, Tissue.MIXED, MembraneClass.STRONG, damage={Damage.DEBRIS: 0.1})
    first, second = (grow_fragment(spec, 0.5, np.random.default_rng(5)) for _ in range(2))

    for each in fields(FragmentTissue):
        assert np.array_equal(getattr(first, each.name), getattr(second, each.name), equal_nan=each.name in "xy")


@pytest.mark.parametrize("kind", list(Damage))
def test_damage_covers_its_share_and_holds_no_other_cells(kind: Damage) -> None:
    """A fifth of the fragment, about; no territory there; nuclei only in debris, and those are neutrophils'."""
    grown = damaged({kind: 0.2})

    ground = Ground[kind.name]
    hurt = grown.ground == ground
    inside = grown.nuclei[hurt & (grown.nuclei > 0)] - 1
    assert hurt.sum() / np.count_nonzero(grown.ground) == pytest.approx(0.2, abs=0.06)
    assert not grown.cells[hurt].any()
    assert set(grown.type[inside]) == ({CellType.NEUTROPHIL} if kind is Damage.DEBRIS else set())


def test_a_neutrophil_has_one_row_and_several_lobes() -> None:
    """Its nucleus fills less of its convex surroundings than a disk: area below pi times the square of its reach."""
    grown = damaged({Damage.DEBRIS: 0.3})

    rows = np.flatnonzero((grown.type == CellType.NEUTROPHIL) & grown.has_nucleus)
    fills = []
    for i in rows[:20]:
        row, column = np.nonzero(grown.nuclei == i + 1)
        reach = np.hypot(column + 0.5 - grown.x[i], row + 0.5 - grown.y[i]).max()
        fills.append(len(row) / (np.pi * reach**2))
    assert len(rows) >= 20
    assert np.median(fills) < 0.75


def test_some_cells_show_no_nucleus() -> None:
    """As many as asked for, about: a territory without a row in the truth."""
    spec = FragmentSpec(300.0, Tissue.SHEETS, MembraneClass.STRONG)

    grown = grow_fragment(spec, 0.5, np.random.default_rng(0), TissueParams(hidden_share=0.3))

    shown = np.unique(grown.cells[grown.cells > 0]) - 1
    assert (~grown.has_nucleus[shown]).mean() == pytest.approx(0.3, abs=0.08)


def test_clone_and_gradient_reach_the_fragment() -> None:
    """A clone of 12 is 12 visible cells; a graded fragment holds all classes from 3+ to 0."""
    clone = FragmentSpec(300.0, Tissue.SHEETS, MembraneClass.STRONG, clone_cells=12)
    graded = FragmentSpec(300.0, Tissue.SHEETS, MembraneClass.STRONG, is_graded=True)

    of_clone, of_graded = (grow_fragment(spec, 0.5, np.random.default_rng(0)) for spec in (clone, graded))

    negative = (of_clone.membrane_class == MembraneClass.NEGATIVE) & of_clone.has_nucleus
    assert negative.sum() == 12
    assert set(of_graded.membrane_class[of_graded.is_tumor]) == {0, 1, 2, 3}
