"""Slides of another kind are refused, brown slides never, however pale the brown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hetscore.domain import Rgb
from hetscore.quality.refusals import RefusalParams, dark_share, find_refusals, pink_share
from hetscore.stain import find_white
from tests.drawings import EOSIN, WHITE, disc, glass, make_thumbnail, paint, shine
from tests.fields import CORES, read_field

SHAPE = (100, 120)
TISSUE = disc(SHAPE, 60, 50, 40)
NUCLEI = TISSUE & (np.indices(SHAPE).sum(axis=0) % 4 == 0)
PARAMS = RefusalParams()


def _refusals(rgb: Rgb) -> tuple[str, ...]:
    return find_refusals(make_thumbnail(rgb), WHITE, PARAMS)


class TestRefusals:
    """What cannot be a HER2 slide."""

    def test_a_fluorescence_scan_is_not_brightfield(self) -> None:
        """Black all over, with a blue tissue."""
        rgb = np.zeros((*SHAPE, 3), np.uint8)
        rgb[NUCLEI] = (10, 20, 200)
        assert _refusals(rgb) == ("not-brightfield",)

    def test_hematoxylin_and_eosin_is_the_wrong_stain(self) -> None:
        """Pink cytoplasm, blue nuclei."""
        density = np.multiply.outer(0.3 * TISSUE, EOSIN) + np.multiply.outer(0.4 * NUCLEI, (0.64, 0.63, 0.45))
        assert _refusals(shine(density)) == ("wrong-stain",)

    @pytest.mark.parametrize("dab", [0.0, 0.1, 0.4, 1.2])
    def test_hematoxylin_and_dab_is_not_refused(self, dab: float) -> None:
        """From a negative slide to the brownest."""
        assert _refusals(paint(0.3 * NUCLEI, dab * TISSUE)) == ()

    def test_hard_contrast_does_not_make_eosin_of_hematoxylin_over_pale_brown(self) -> None:
        """Densities of a heavily stained 1+ slide on a scanner of hard contrast: green a ninth above the others."""
        density = np.multiply.outer(np.ones(SHAPE) * TISSUE, (0.222, 0.25, 0.182))
        assert _refusals(shine(density)) == ()

    def test_a_slide_brown_all_over_is_not_refused(self) -> None:
        """The darkest DAB is no fluorescence scan."""
        assert _refusals(paint(np.full(SHAPE, 0.3), np.full(SHAPE, 1.2))) == ()

    def test_an_empty_slide_is_not_refused(self) -> None:
        """Glass tells nothing about the stain; that there is no tissue is told elsewhere."""
        assert _refusals(glass(*SHAPE)) == ()

    def test_a_little_pink_is_not_refused(self) -> None:
        """Red cells in a vessel do not make an eosin slide: a tenth of the stained area is pink."""
        vessel = disc(SHAPE, 60, 50, 40 / 10**0.5)
        density = np.where(vessel[..., None], np.multiply.outer(0.4 * vessel, EOSIN), 0)
        brown = np.multiply.outer(0.4 * (TISSUE & ~vessel), (0.36, 0.57, 0.74))
        rgb = shine(density + brown)
        assert 0.05 < pink_share(rgb, WHITE, PARAMS) < 0.15
        assert _refusals(rgb) == ()


class TestShares:
    """The two numbers behind a refusal."""

    def test_dark_share_counts_pixels_whose_brightest_channel_is_dark(self) -> None:
        """One black pixel of four; a saturated blue one is not dark."""
        rgb = np.array([[[0, 0, 0], [0, 0, 255]], [[60, 60, 60], [240, 240, 240]]], np.uint8)
        assert dark_share(rgb, PARAMS) == 0.25

    def test_too_few_stained_pixels_tell_nothing(self) -> None:
        """A pink speck of 199 pixels is not taken for a stain, one of 200 is."""
        density = np.zeros((20, 20, 3))
        density.reshape(-1, 3)[:199] = 0.5 * np.array(EOSIN)
        assert pink_share(shine(density), WHITE, PARAMS) == 0.0
        density.reshape(-1, 3)[199] = 0.5 * np.array(EOSIN)
        assert pink_share(shine(density), WHITE, PARAMS) == 1.0


class TestRealSlides:
    """What the checks say of real pixels."""

    @pytest.mark.parametrize("factor", [8, 16])
    def test_the_he_field_is_refused(self, shared_data: Callable[[str], Path], factor: int) -> None:
        """Hematoxylin and eosin scored as HER2 would be a confident zero."""
        rgb = read_field(shared_data("hoverfast/tcga_tile.png"), factor)
        assert find_refusals(make_thumbnail(rgb), find_white(rgb), PARAMS) == ("wrong-stain",)

    @pytest.mark.parametrize("factor", [8, 16])
    def test_the_ihc_field_is_not_refused(self, shared_data: Callable[[str], Path], factor: int) -> None:
        """Another laboratory's DAB."""
        rgb = read_field(shared_data("hoverfast/ihc_roi.png"), factor)
        assert find_refusals(make_thumbnail(rgb), find_white(rgb), PARAMS) == ()

    @pytest.mark.parametrize("name", CORES)
    def test_a_core_is_not_refused(self, shared_data: Callable[[str], Path], name: str) -> None:
        """From the palest to the brownest."""
        rgb = read_field(shared_data(name), 16)
        assert find_refusals(make_thumbnail(rgb), find_white(rgb), PARAMS) == ()
