"""Grounds: each as dark, as clear or as streaked as its name says."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.phantom.densities import paint_densities
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.grounds import GROUNDS
from hetscore.phantom.noise import Field

from .drawn import bare


def painted(ground: Ground) -> tuple[Field, Field]:
    """Paint a field of one ground, 100 um square, without its borders."""
    tissue = bare(np.full((440, 440), ground, np.uint8))
    hematoxylin, dab = paint_densities(tissue, np.random.default_rng(1))
    return hematoxylin[20:-20, 20:-20], dab[20:-20, 20:-20]


def test_every_ground_but_glass_and_cells_has_a_painter() -> None:
    """A ground added to the enumeration cannot be forgotten."""
    assert set(GROUNDS) == set(Ground) - {Ground.GLASS, Ground.EPITHELIUM}


@pytest.mark.parametrize("ground", list(GROUNDS))
def test_no_ground_passes_for_a_nucleus_or_a_stained_membrane(ground: Ground) -> None:
    """Hematoxylin is finite and mostly below a nucleus's, and DAB below a 1+ line's."""
    hematoxylin, dab = painted(ground)

    assert np.isfinite(hematoxylin).all()
    assert np.percentile(hematoxylin, 70) < 0.15
    assert np.percentile(dab, 99) < 0.13


def test_grounds_are_ordered_by_darkness() -> None:
    """Mucin and mucus are nearly clear, stroma is pale, muscle a haze, necrosis more, crush the darkest."""
    order = (Ground.VACUOLE, Ground.STROMA, Ground.MUSCLE, Ground.NECROSIS, Ground.CRUSH)

    means = [float(painted(ground)[0].mean()) for ground in order]

    assert means == sorted(means)
    assert float(painted(Ground.MUCUS)[0].mean()) < means[1]


def test_crush_is_streaked_along_the_fibers() -> None:
    """With fibers along x, crushed nuclei change little along x and much along y."""
    hematoxylin, _ = painted(Ground.CRUSH)

    along, across = (np.abs(np.diff(hematoxylin[::4, ::4], axis=axis)).mean() for axis in (1, 0))

    assert across > 1.5 * along


def test_red_cells_are_disks_with_clear_gaps() -> None:
    """Packed red cells cover most of the field, with clear gaps, and are more yellow-brown than blue."""
    hematoxylin, dab = painted(Ground.BLOOD)

    covered = dab > 0.02
    assert 0.5 < covered.mean() < 0.95
    assert dab[covered].mean() > 1.5 * hematoxylin[covered].mean()


def test_necrosis_has_dust_of_burst_nuclei() -> None:
    """A few specks are far darker than the rest."""
    hematoxylin, _ = painted(Ground.NECROSIS)

    assert 0.002 < (hematoxylin > 3 * np.median(hematoxylin)).mean() < 0.1
