"""The next section and the control core: the same cells, seen anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hetscore.domain import MembraneClass
from hetscore.phantom import Tissue
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.recut import LOST_SHARE, cut_core, next_section
from hetscore.phantom.tissue import FragmentTissue, TissueParams

from .conftest import Grow


def check_columns(tissue: FragmentTissue) -> None:
    """Centroids are those of the labels that are there, none too small; contacts are those of territories."""
    for label in np.flatnonzero(tissue.has_nucleus)[:20] + 1:
        row, column = np.nonzero(tissue.nuclei == label)
        assert tissue.x[label - 1] == pytest.approx(column.mean() + 0.5)
        assert tissue.y[label - 1] == pytest.approx(row.mean() + 0.5)
    assert set(np.unique(tissue.nuclei)) - {0} == set((np.flatnonzero(tissue.has_nucleus) + 1).tolist())
    areas = np.bincount(tissue.nuclei.ravel())[1:] * tissue.mpp**2
    assert areas[areas > 0].min() >= TissueParams().least_nucleus_um2
    assert set(np.unique(tissue.contacts)) <= set((np.unique(tissue.cells) - 1).tolist())


def test_the_next_section_shows_the_same_fragment(grow: Grow) -> None:
    """About the same area, the same classes, most nuclei within 30 um of where they were, some gone."""
    first = grow(Tissue.GLANDS, MembraneClass.MODERATE)

    second = next_section(first, np.random.default_rng(0))

    check_columns(second)
    n_first, n_second = np.count_nonzero(first.has_nucleus), np.count_nonzero(second.has_nucleus)
    tissue_px = [np.count_nonzero(section.ground != Ground.GLASS) for section in (first, second)]
    assert np.array_equal(second.membrane_class, first.membrane_class)
    assert n_second / n_first == pytest.approx(1 - LOST_SHARE, abs=0.08)
    assert tissue_px[1] == pytest.approx(tissue_px[0], rel=0.15)
    both = first.has_nucleus & second.has_nucleus
    away = np.hypot(*(np.stack([second.x - first.x, second.y - first.y])[:, both])) * first.mpp
    assert np.ptp(away) < 60
    assert not np.array_equal(first.ground, second.ground)


def test_a_section_depends_on_its_generator_alone(grow: Grow) -> None:
    """The same generator cuts the same section, and leaves the first one as it was."""
    first = grow(Tissue.SHEETS, MembraneClass.STRONG)
    before = first.nuclei.copy()

    sections = [next_section(first, np.random.default_rng(seed)) for seed in (3, 3, 4)]

    assert np.array_equal(sections[0].nuclei, sections[1].nuclei)
    assert not np.array_equal(sections[0].nuclei, sections[2].nuclei)
    assert np.array_equal(first.nuclei, before)


def test_a_core_is_round_and_as_wide_as_asked_for(grow: Grow) -> None:
    """A disc of 60 um less the dents of its rim: its area, its box, and no nucleus outside it."""
    core = cut_core(grow(Tissue.SHEETS, MembraneClass.STRONG), np.random.default_rng(0), 60.0)

    check_columns(core)
    row, column = np.nonzero(core.ground != Ground.GLASS)
    assert np.ptp(row) * core.mpp == pytest.approx(60, abs=8)
    assert np.ptp(column) * core.mpp == pytest.approx(60, abs=8)
    assert len(row) * core.mpp**2 <= np.pi * 30**2 * 1.01
    assert np.count_nonzero(core.has_nucleus) > 3
    assert (core.ground[core.nuclei > 0] != Ground.GLASS).all()


def test_a_core_is_no_wider_than_the_fragment(grow: Grow) -> None:
    """Asked for a meter, it takes the largest disc that fits; clefts inside do not count as outside."""
    tissue = grow(Tissue.SHEETS, MembraneClass.STRONG)
    torn = replace(tissue, ground=tissue.ground.copy())
    middle = tuple(side // 2 for side in torn.ground.shape)
    torn.ground[middle[0] - 2 : middle[0] + 2, middle[1] - 2 : middle[1] + 2] = Ground.GLASS

    wide, wide_torn = (cut_core(piece, np.random.default_rng(0), 1e6) for piece in (tissue, torn))

    assert max(wide.ground.shape) <= max(tissue.ground.shape)
    assert wide.ground.shape == wide_torn.ground.shape
