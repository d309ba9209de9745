"""Opaque particles are masked with their surroundings; stains are not gray."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.domain import Rgb
from hetscore.quality.particles import ParticleParams, find_opaque
from tests.drawings import WHITE, Mask, disc, distance, make_thumbnail, paint, shine

SHAPE = (100, 120)
TISSUE = disc(SHAPE, 60, 50, 40)
NUCLEI = TISSUE & (np.indices(SHAPE).sum(axis=0) % 4 == 0)
PARAMS = ParticleParams()


def _opaque(rgb: Rgb, known: Mask | None = None) -> Mask:
    return find_opaque(make_thumbnail(rgb), WHITE, PARAMS, known=known)


class TestOpaque:
    """Soot and metal on the tissue."""

    def test_a_gray_particle_and_its_surroundings_are_masked(self) -> None:
        """A gray disc of 10 px is masked with 40 um (10 px) around it, and no farther than the blur carries."""
        particle = disc(SHAPE, 60, 50, 10)
        rgb = paint(0.2 * NUCLEI, 0.2 * TISSUE)
        rgb[particle] = 100
        mask, reach = _opaque(rgb), distance(SHAPE, 60, 50)
        assert mask[reach < 18].all()
        assert not mask[reach > 26].any()

    @pytest.mark.parametrize(("hematoxylin", "dab"), [(0.0, 1.2), (0.3, 1.0), (0.6, 0.0), (0.1, 0.6)])
    def test_stains_are_not_gray(self, hematoxylin: float, dab: float) -> None:
        """The darkest brown and the darkest blue are left alone."""
        assert not _opaque(paint(hematoxylin * TISSUE, dab * TISSUE)).any()

    def test_pale_gray_is_left_alone(self) -> None:
        """A shadow of density 0.1 still lets the tissue be judged."""
        assert not _opaque(shine(np.repeat(0.1 * TISSUE[..., None], 3, axis=2))).any()

    def test_what_is_known_to_be_ink_is_no_particle(self) -> None:
        """The same gray disc, told to be something else."""
        particle = disc(SHAPE, 60, 50, 10)
        rgb = paint(0.2 * NUCLEI, 0.2 * TISSUE)
        rgb[particle] = 100
        assert not _opaque(rgb, disc(SHAPE, 60, 50, 16)).any()
