"""What fragments are composed of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hetscore.domain import MembraneClass
from hetscore.phantom import FragmentSpec, Tissue
from hetscore.phantom.composition import COMPOSERS, CompositionParams, compose
from hetscore.phantom.epithelium import LONG, CellType, Ground, Plan, Sites

OWN = {
    Tissue.GLANDS: CellType.TUMOR,
    Tissue.SHEETS: CellType.TUMOR,
    Tissue.MIXED: CellType.TUMOR,
    Tissue.DIFFUSE: CellType.TUMOR,
    Tissue.SIGNET_RING: CellType.TUMOR,
    Tissue.BENIGN: CellType.FOVEOLAR,
    Tissue.METAPLASIA: CellType.METAPLASTIC,
    Tissue.MUSCLE: CellType.MUSCLE,
}
STROMAL = {CellType.FIBROBLAST, CellType.LYMPHOCYTE, CellType.PLASMA, CellType.ENDOTHELIUM}
NORMAL = [CellType.FOVEOLAR, CellType.METAPLASTIC]


def composed(tissue: Tissue, seed: int, params: CompositionParams) -> tuple[Plan, Sites]:
    """Compose a square of 360 um."""
    plan = Plan(np.zeros((400, 400), np.uint8))
    plan.ground[20:-20, 20:-20] = Ground.STROMA
    spec = FragmentSpec(400.0, tissue, MembraneClass.STRONG)
    return plan, compose(np.random.default_rng(seed), plan, spec, 0.5, params)


def test_every_kind_of_tissue_has_a_composer() -> None:
    """A new kind must be given one."""
    assert set(COMPOSERS) == set(Tissue)


@pytest.mark.parametrize("tissue", list(Tissue))
def test_a_fragment_holds_its_own_cells_and_those_of_stroma(tissue: Tissue) -> None:
    """At least fifty of its own, no cell of another epithelium where none is to be expected, and no cell on glass."""
    plan, sites = composed(tissue, 0, replace(CompositionParams(), normal_chance=0.0))

    column, row = np.floor(sites.nucleus[:, :2]).astype(int).T
    assert np.count_nonzero(sites.type == OWN[tissue]) >= 50
    assert set(sites.type) <= {OWN[tissue]} | STROMAL
    assert (plan.ground[row, column] != Ground.GLASS).mean() > 0.99


def test_tumor_and_normal_glands_lie_side_by_side() -> None:
    """Where the chance is 1, a tumor fragment holds normal or metaplastic glands too, and both kinds come up."""
    params = replace(CompositionParams(), normal_chance=1.0, normal_share=(0.3, 0.35), benign_share=(0.7, 0.7))
    kinds = [set(composed(Tissue.SHEETS, seed, params)[1].type) - STROMAL for seed in range(8)]

    assert all(CellType.TUMOR in kind for kind in kinds)
    assert {CellType.TUMOR, CellType.FOVEOLAR} in kinds
    assert {CellType.TUMOR, CellType.METAPLASTIC} in kinds


def test_only_metaplasia_and_signet_rings_hold_mucin() -> None:
    """Vacuoles are drawn in these two kinds of tissue and in no other."""
    params = replace(CompositionParams(), normal_chance=0.0)

    with_mucin = {tissue for tissue in Tissue if (composed(tissue, 1, params)[1].vacuole[:, LONG] > 0).any()}

    assert with_mucin == {Tissue.METAPLASIA, Tissue.SIGNET_RING}


def test_kinds_of_epithelium_keep_apart() -> None:
    """No tumor nucleus lies within 5 um of a normal one: stroma stands between them."""
    params = replace(CompositionParams(), normal_chance=1.0, normal_share=(0.3, 0.35))

    for seed in range(3):
        _, sites = composed(Tissue.SHEETS, seed, params)
        tumor, normal = (sites.nucleus[np.isin(sites.type, kinds), :2] for kinds in ([CellType.TUMOR], NORMAL))
        assert cKDTree(normal).query(tumor)[0].min() > 5


def test_small_fragments_hold_no_normal_part() -> None:
    """Below 350 um it would leave too little tumor, whatever the chance."""
    plan = Plan(np.full((300, 300), Ground.STROMA, np.uint8))
    params = replace(CompositionParams(), normal_chance=1.0, normal_share=(0.5, 0.5))

    for diameter, is_there in ((349.0, False), (350.0, True)):
        spec = FragmentSpec(diameter, Tissue.SHEETS)
        sites = compose(np.random.default_rng(0), Plan(plan.ground.copy()), spec, 0.5, params)
        assert np.isin(sites.type, NORMAL).any() == is_there
