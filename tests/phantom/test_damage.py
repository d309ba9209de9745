"""Damage: where it lies and what it leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.phantom.damage import GROUNDS, damage_plan, find_damage
from hetscore.phantom.epithelium import LONG, CellType, Ground, Plan, distance_inside, draw_sites, join_sites
from hetscore.phantom.spec import Damage

OUTLINE = np.zeros((200, 260), bool)
OUTLINE[10:190, 10:250] = True


@given(seed=st.integers(0, 1000), shares=st.lists(st.floats(0, 0.2), min_size=5, max_size=5))
def test_every_kind_covers_its_share(seed: int, shares: list[float]) -> None:
    """Whatever the seed, to the pixel, and never glass."""
    wanted = dict(zip(Damage, shares, strict=True))

    damage = find_damage(np.random.default_rng(seed), OUTLINE, wanted)

    for kind, share in wanted.items():
        assert np.count_nonzero(damage == GROUNDS[kind]) == round(share * OUTLINE.sum())
    assert not damage[~OUTLINE].any()


def test_no_damage_no_change() -> None:
    """An empty specification damages nothing."""
    assert not find_damage(np.random.default_rng(0), OUTLINE, {}).any()


@pytest.mark.parametrize("kind", [Damage.CRUSH, Damage.DEBRIS])
def test_crush_and_debris_come_from_outside(kind: Damage) -> None:
    """Over ten fragments they lie nearer to the rim than fragments do on the average."""
    outline = np.pad(np.ones((500, 500), bool), 5)
    rim = distance_inside(outline)

    depths = [rim[find_damage(np.random.default_rng(i), outline, {kind: 0.2}) > 0].mean() for i in range(10)]

    assert np.mean(depths) < 0.8 * rim[outline].mean()


def test_cells_in_damage_lose_their_nucleus_or_go() -> None:
    """Of two cells and two lymphocytes, one of each kind inside: the cell keeps a row, the lymphocyte does not."""
    plan = Plan(np.full((40, 80), Ground.STROMA, np.uint8))
    plan.ground[10:20] = Ground.EPITHELIUM
    damage = np.zeros((40, 80), np.uint8)
    damage[:, 40:] = Ground.NECROSIS
    rng = np.random.default_rng(0)
    cells = draw_sites(rng, np.array([[20.0, 15], [60, 15]]), np.zeros(2), CellType.TUMOR)
    cells = replace(cells, body=cells.nucleus * (1, 1, 1, 1.5, 1.5))
    lymphocytes = draw_sites(rng, np.array([[20.0, 30], [60, 30]]), np.zeros(2), CellType.LYMPHOCYTE)

    sites, fate = damage_plan(rng, plan, join_sites([cells, lymphocytes]), damage)

    assert sites.type.tolist() == [CellType.TUMOR, CellType.TUMOR, CellType.LYMPHOCYTE]
    assert (sites.nucleus[:, LONG] > 0).tolist() == [True, False, True]
    assert fate.tolist() == [0, Ground.NECROSIS, 0]
    assert (plan.ground[25:, 40:] == Ground.NECROSIS).all()
    assert (plan.ground[10:20] == Ground.EPITHELIUM).all()


def test_debris_holds_neutrophils() -> None:
    """And nothing else does: as many as places 8.5 um apart allow, by half."""
    plan = Plan(np.full((100, 100), Ground.STROMA, np.uint8))
    damage = np.zeros((100, 100), np.uint8)
    damage[:, 50:] = Ground.DEBRIS

    sites, fate = damage_plan(np.random.default_rng(0), plan, join_sites([]), damage)

    assert set(sites.type) == {CellType.NEUTROPHIL}
    assert 20 < len(sites) < 60
    assert sites.nucleus[:, 0].min() > 50
    assert not fate.any()
