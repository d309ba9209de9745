"""Two layers are a fold; a stained clone, a clump of lymphocytes and dense tissue are not."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.quality.bands import Densities
from hetscore.quality.covers import dark_level
from hetscore.quality.folds import FoldParams, find_folds
from tests.drawings import STAIN, Image, Mask, disc, shine
from tests.quality.drawn import HAIR, MPP, NUCLEI, SHAPE, TISSUE, density_of

PARAMS = FoldParams()


def _find(density: Image) -> Mask:
    densities = Densities(shine(density), STAIN)
    return find_folds(densities, TISSUE, dark_level(densities, TISSUE, MPP), MPP, PARAMS)


@pytest.mark.parametrize("dab", [0.0, 0.2, 0.6])
def test_a_band_of_two_layers_is_a_fold(dab: float) -> None:
    """A band 36 um wide, everything in it twice as dense."""
    single = density_of(0.1 * TISSUE + 0.15 * NUCLEI, dab * TISSUE)
    fold = HAIR & TISSUE

    found = _find(np.where(fold[..., None], 2.1 * single, single)) & TISSUE

    assert 2 * (found & fold).sum() / (found.sum() + fold.sum()) > 0.85


@pytest.mark.parametrize("dab", [0.3, 1.0])
def test_a_stained_band_is_no_fold(dab: float) -> None:
    """Brown in one band alone."""
    assert not _find(density_of(0.1 * TISSUE + 0.15 * NUCLEI, dab * (TISSUE & HAIR).astype(float))).any()


def test_a_clump_of_lymphocytes_is_no_fold() -> None:
    """Three times as dense, but 40 um across."""
    clump = disc(SHAPE, 100, 80, 5)
    assert not _find(density_of(0.1 * TISSUE + 0.2 * clump, 0.0 * TISSUE)).any()


def test_dense_glands_in_pale_muscle_are_no_fold() -> None:
    """A third of the tissue holds five times the nuclei of the rest."""
    glands = TISSUE & (np.indices(SHAPE)[1] < 80)
    assert not _find(density_of(0.05 * TISSUE + 0.2 * glands, 0.0 * TISSUE)).any()
