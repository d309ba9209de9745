"""Slides of another kind are refused, brown slides never, however pale the brown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hetscore.domain import Rgb
from hetscore.flags import FLAGS, Severity
from hetscore.quality.refusals import RefusalParams, _look, dark_share, find_refusals
from hetscore.stain import find_white
from tests.drawings import EOSIN, WHITE, disc, glass, make_thumbnail, paint, shine
from tests.fields import CORES, read_field

SHAPE = (100, 120)
TISSUE = disc(SHAPE, 60, 50, 40)
NUCLEI = TISSUE & (np.indices(SHAPE).sum(axis=0) % 4 == 0)
PARAMS = RefusalParams()


def _refusals(rgb: Rgb) -> tuple[str, ...]:
    return find_refusals(make_thumbnail(rgb), WHITE, PARAMS)


def _pink_share(rgb: Rgb) -> float:
    return _look(rgb, WHITE, PARAMS).pink_share(PARAMS)


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
        assert 0.05 < _pink_share(rgb) < 0.15
        assert _refusals(rgb) == ()


def _gray(rgb: Rgb) -> Rgb:
    return np.repeat(rgb.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)


def _noise(low: int, high: int) -> Rgb:
    return np.random.default_rng(1).integers(low, high, (*SHAPE, 3), dtype=np.uint8)


STAINED = paint(0.3 * NUCLEI, 0.3 * TISSUE)
VESSELS = np.multiply.outer(0.6 * TISSUE, (0.10, 0.99, 0.40)) + np.multiply.outer(0.3 * NUCLEI, (0.64, 0.63, 0.45))
CASES: dict[str, tuple[Rgb, tuple[str, ...]]] = {
    "hematoxylin and DAB": (STAINED, ()),
    "hematoxylin alone, as of a negative slide": (paint(0.3 * NUCLEI, 0 * NUCLEI), ()),
    "hematoxylin alone, heavy": (paint(0.8 * NUCLEI + 0.1 * TISSUE, 0 * NUCLEI), ()),
    "DAB everywhere, nuclei seen through it": (paint(0.3 * NUCLEI, 0.15 * TISSUE), ()),
    "DAB without counterstain": (paint(0 * NUCLEI, 0.4 * TISSUE + 0.4 * NUCLEI), ("no-counterstain",)),
    "hematoxylin and a red chromogen": (shine(VESSELS), ("wrong-stain",)),
    "gray": (_gray(STAINED), ("grayscale",)),
    "gray and brown soot": (np.where(disc(SHAPE, 20, 20, 15)[..., None], _gray(STAINED) // 3, STAINED), ()),
    "black": (np.zeros((*SHAPE, 3), np.uint8), ("not-brightfield",)),
    "blank": (glass(*SHAPE), ()),
    "blank, with the camera's noise": (_noise(238, 245), ()),
    "noise in color": (_noise(0, 256), ("noise",)),
    "gray noise": (_gray(np.repeat(_noise(60, 250)[..., :1], 3, axis=2)), ("noise",)),
}
"""Each kind of picture that may be given for a slide, and why it is refused."""


@pytest.mark.parametrize(("rgb", "expected"), CASES.values(), ids=CASES)
def test_what_is_no_her2_slide_is_refused_with_its_reason(rgb: Rgb, expected: tuple[str, ...]) -> None:
    """The table of what comes in and what is said of it."""
    assert _refusals(rgb) == expected


def test_every_reason_blocks() -> None:
    """What is refused is never scored."""
    for name in {name for _, names in CASES.values() for name in names}:
        assert FLAGS[name].severity is Severity.BLOCKING


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
        assert _pink_share(shine(density)) == 0.0
        density.reshape(-1, 3)[199] = 0.5 * np.array(EOSIN)
        assert _pink_share(shine(density)) == 1.0


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
