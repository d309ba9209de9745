"""Ink, hairs and the rims of bubbles are found on any tissue; DAB, however dark, never is."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.quality.bands import Densities
from hetscore.quality.covers import CoverParams, dark_level, find_bare, find_dark, find_foreign, find_pen
from tests.drawings import STAIN, Image, Mask, disc, glass, shine
from tests.quality.drawn import BLACK, BLUE_INK, HAIR, MPP, NUCLEI, RING, SHAPE, STROKE, TISSUE, density_of, lay

PARAMS = CoverParams()
STAINED = pytest.mark.parametrize("dab", [0.0, 0.3, 1.0], ids=["unstained", "brown", "darkest brown"])


def _find(density: Image) -> tuple[Mask, Mask]:
    densities = Densities(shine(density), STAIN)
    dark = find_dark(densities, dark_level(densities, TISSUE, MPP), MPP, PARAMS)
    return find_pen(dark, MPP, PARAMS), find_foreign(dark, MPP, PARAMS)


def _overlap(found: Mask, drawn: Mask) -> float:
    """Dice's coefficient within the tissue."""
    found, drawn = found & TISSUE, drawn & TISSUE
    return float(2 * (found & drawn).sum() / (found.sum() + drawn.sum()))


@STAINED
@pytest.mark.parametrize("color", [BLUE_INK, BLACK], ids=["blue", "black"])
def test_a_stroke_of_ink_is_pen(dab: float, color: tuple[float, float, float]) -> None:
    """A stroke 160 um wide, over half of the tissue and beside it."""
    pen, foreign = _find(density_of(0.3 * NUCLEI, dab * TISSUE) + lay(STROKE, color))

    assert _overlap(pen, STROKE) > 0.9
    assert not foreign.any()


@STAINED
def test_a_hair_is_foreign(dab: float) -> None:
    """A hair 36 um wide across the tissue."""
    pen, foreign = _find(density_of(0.3 * NUCLEI, dab * TISSUE) + lay(HAIR, BLACK))

    assert _overlap(foreign, HAIR) > 0.85
    assert not pen.any()


@STAINED
def test_a_bubble_is_masked_with_what_it_encloses(dab: float) -> None:
    """A dark rim 12 um wide, the tissue inside unchanged."""
    _, foreign = _find(density_of(0.3 * NUCLEI, dab * TISSUE) + lay(RING, BLACK))

    assert _overlap(foreign, disc(SHAPE, 100.5, 80.5, 26.5)) > 0.9


@pytest.mark.parametrize("dab", [0.0, 0.5, 1.0, 1.4])
@pytest.mark.parametrize("hematoxylin", [0.1, 0.3, 0.6])
def test_stained_tissue_is_left_alone(hematoxylin: float, dab: float) -> None:
    """One strip of it stained, as a clone is: the DAB is as dark as a hair and of its shape."""
    pen, foreign = _find(density_of(hematoxylin * NUCLEI, dab * (TISSUE & HAIR)))

    assert not pen.any()
    assert not foreign.any()


def test_a_little_dense_epithelium_in_much_pale_muscle_sets_the_level() -> None:
    """The level follows the twentieth of the tissue that holds most of the nuclei."""
    island = disc(SHAPE, 100, 80, 13)
    densities = Densities(shine(density_of(0.02 * TISSUE + 0.4 * island, 0.0 * TISSUE)), STAIN)

    assert 0.3 < dark_level(densities, TISSUE, MPP) < 0.43


def test_no_tissue_has_no_level() -> None:
    """Zero, not a failure."""
    assert dark_level(Densities(glass(*SHAPE), STAIN), np.zeros(SHAPE, bool), MPP) == 0.0


def test_a_thick_stained_gland_is_no_hair() -> None:
    """Darker than all other tissue and as long as a hair, but brown, and 72 um wide."""
    gland = TISSUE & (np.abs(np.indices(SHAPE)[1] - 110) <= 9)
    pen, foreign = _find(density_of(0.1 * NUCLEI + 0.6 * gland, 1.0 * gland))

    assert not pen.any()
    assert not foreign.any()


class TestFindBare:
    """What lies on glass, and what may lie on tissue."""

    def test_ink_apart_from_tissue_lies_on_glass(self) -> None:
        """A stroke on the left of the fragment, 380 um away; both were taken for tissue."""
        ink = np.zeros(SHAPE, bool)
        ink[20:140, 2:12] = True
        far = disc(SHAPE, 140, 80, 30)

        np.testing.assert_array_equal(find_bare(ink, far | ink, MPP, PARAMS), ink)

    def test_ink_on_a_fragment_hides_tissue_as_far_as_tissue_is_near(self) -> None:
        """A long stroke: none of it is more than 300 um from tissue that is seen."""
        bare = find_bare(STROKE, TISSUE | STROKE, MPP, PARAMS)

        assert not (bare & TISSUE).any()
        assert not bare[80, 199]  # 160 um from tissue

    def test_the_soft_edge_of_ink_is_no_tissue(self) -> None:
        """A line of haze beside the stroke is left over and was taken for tissue."""
        haze = np.roll(STROKE, 2, axis=0)

        np.testing.assert_array_equal(find_bare(STROKE, STROKE | haze, MPP, PARAMS), STROKE)

    def test_nothing_covers_nothing(self) -> None:
        """No ink, no glass."""
        assert not find_bare(np.zeros(SHAPE, bool), TISSUE, MPP, PARAMS).any()
