"""Staining: what is measured back from the picture is what was asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hetscore.domain import MembraneClass, MembranePattern
from hetscore.phantom import Tissue
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.stain import (
    StainParams,
    add_noise,
    develop,
    draw_stain,
    paint_densities,
    paint_membranes,
)
from hetscore.phantom.tissue import FragmentTissue
from hetscore.stain import Stain, unmix

from .conftest import Grow

PLAIN = replace(StainParams(), membrane_cell_sd=0.0, membrane_texture_sd=0.0, membrane_width_sd=0.0)
STAINED = (MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG)


def two_cells(left: MembraneClass, right: MembraneClass, pattern: MembranePattern) -> FragmentTissue:
    """Lay two tumor cells side by side, 20 x 40 um each: stroma on their left, lumen on their right."""
    cells = np.zeros((160, 320), np.int32)
    cells[:, 80:160], cells[:, 160:240] = 1, 2
    ground = np.where(cells > 0, Ground.EPITHELIUM, Ground.STROMA).astype(np.uint8)
    ground[:, 240:] = Ground.LUMEN
    classes = np.array([left, right], np.int8)
    return FragmentTissue(
        ground=ground,
        cells=cells,
        nuclei=np.zeros_like(cells),
        depth=np.full(cells.shape, 2.0, np.float32),
        mpp=0.25,
        x=np.array([120.0, 200.0]),
        y=np.array([80.0, 80.0]),
        type=np.full(2, CellType.TUMOR, np.int8),
        pattern=np.where(classes > 0, pattern, MembranePattern.NONE).astype(np.int8),
        membrane_class=classes,
        contacts=np.array([[0, 1]], np.int32),
        stroma_angle=0.0,
    )


def peaks(tissue: FragmentTissue, params: StainParams = PLAIN) -> tuple[float, float, float]:
    """Measure the densest column near the stroma side, the shared border and the lumen side, half-way down."""
    row = paint_membranes(tissue, np.random.default_rng(0), params)[80]
    return float(row[70:90].max()), float(row[150:170].max()), float(row[230:250].max())


@pytest.mark.parametrize("membrane_class", STAINED)
def test_peak_and_width_of_a_line_are_as_asked(membrane_class: MembraneClass) -> None:
    """A straight border has the class's peak density and full width at half maximum."""
    tissue = two_cells(membrane_class, membrane_class, MembranePattern.LATERAL)

    row = paint_membranes(tissue, np.random.default_rng(0), PLAIN)[80]

    peak = PLAIN.membrane_od[membrane_class]
    fine = np.interp(np.arange(120, 200, 0.01), np.arange(len(row)), row)
    assert row.max() == pytest.approx(peak, rel=0.06)
    assert np.count_nonzero(fine > row.max() / 2) * 0.01 * 0.25 == pytest.approx(
        PLAIN.membrane_fwhm_um[membrane_class], rel=0.08
    )


@pytest.mark.parametrize(
    ("pattern", "stained"),
    [
        (MembranePattern.NONE, (False, False, False)),
        (MembranePattern.LATERAL, (False, True, False)),
        (MembranePattern.BASOLATERAL, (True, True, False)),
        (MembranePattern.COMPLETE, (True, True, True)),
    ],
)
def test_pattern_decides_the_sides(pattern: MembranePattern, stained: tuple[bool, bool, bool]) -> None:
    """Base, side and apex are stained or bare as the pattern's name says."""
    found = peaks(two_cells(MembraneClass.STRONG, MembraneClass.STRONG, pattern))

    assert tuple(od > 0.3 for od in found) == stained
    assert tuple(od < 0.01 for od in found) == tuple(not side for side in stained)


def test_a_border_is_the_stronger_cells() -> None:
    """Between a negative and a 3+ cell stands one line, 3+, whichever side is negative."""
    for left, right in ((MembraneClass.STRONG, MembraneClass.NEGATIVE), (MembraneClass.NEGATIVE, MembraneClass.STRONG)):
        found = peaks(two_cells(left, right, MembranePattern.LATERAL))

        assert found[1] == pytest.approx(PLAIN.membrane_od[3], rel=0.06)


def test_partial_lines_come_and_go() -> None:
    """A partial line covers some but not all of a long border."""
    tissue = two_cells(MembraneClass.FAINT, MembraneClass.FAINT, MembranePattern.PARTIAL)

    line = paint_membranes(tissue, np.random.default_rng(0), PLAIN)[:, 150:170].max(axis=1)

    assert 0.2 < (line > 0.5 * PLAIN.membrane_od[1]).mean() < 0.95


@pytest.mark.parametrize("membrane_class", STAINED)
def test_density_survives_the_camera(grow: Grow, membrane_class: MembraneClass) -> None:
    """Unmixed from the noisy picture with the slide's own stain, median DAB on the borders is the class's, by gain."""
    tissue, rng = grow(Tissue.SHEETS, membrane_class), np.random.default_rng(2)
    stain = draw_stain(rng, StainParams())
    params = replace(PLAIN, blush_od=(0.0, 0.0, 0.0, 0.0), background_dab_od=0.0)
    hematoxylin, dab = paint_densities(tissue, rng, params)
    rgb = np.clip(np.rint(develop(hematoxylin, dab, stain)), 0, 255).astype(np.uint8)
    add_noise(rgb, rng, params)

    measured = unmix(rgb, Stain(stain.white, stain.vectors))[1]

    on_line = dab > 0.85 * params.membrane_od[membrane_class]
    expected = stain.dab_gain * np.median(dab[on_line])
    assert np.median(measured[on_line]) == pytest.approx(expected, rel=0.05)
    assert np.median(dab[on_line]) == pytest.approx(params.membrane_od[membrane_class], rel=0.1)


def test_glands_are_basolateral_in_the_picture(grow: Grow) -> None:
    """In a drawn 2+ gland borders with stroma are dark and those with the lumen, away from side walls, are not."""
    tissue = grow(Tissue.GLANDS, MembraneClass.MODERATE)
    lines = paint_membranes(tissue, np.random.default_rng(0), PLAIN)
    beyond = tissue.ground[:, 1:][(tissue.cells[:, :-1] > 0) & (tissue.cells[:, 1:] == 0)]
    at_border = lines[:, :-1][(tissue.cells[:, :-1] > 0) & (tissue.cells[:, 1:] == 0)]

    assert np.percentile(at_border[beyond == Ground.STROMA], 10) > 0.2
    assert np.percentile(at_border[beyond == Ground.LUMEN], 40) < 0.1


def test_classes_are_ordered_and_negative_is_bare(grow: Grow) -> None:
    """Mean DAB over the tumor rises with the class, and a negative fragment has next to none."""
    means = []
    for membrane_class in (MembraneClass.NEGATIVE, *STAINED):
        tissue = grow(Tissue.SHEETS, membrane_class)
        dab = paint_densities(tissue, np.random.default_rng(0))[1]
        means.append(float(dab[tissue.cells > 0].mean()))

    assert means == sorted(means)
    assert means[0] < 0.01


def test_glass_stays_white(grow: Grow) -> None:
    """Away from tissue nothing is painted."""
    tissue = grow(Tissue.BENIGN, MembraneClass.NEGATIVE)

    hematoxylin, dab = paint_densities(tissue, np.random.default_rng(0))

    assert hematoxylin[:8].max() < 1e-3
    assert np.abs(dab[:8]).max() < 1e-3


def test_noise_has_the_measured_spread() -> None:
    """Glass has the camera's standard deviation in each channel, after rounding."""
    rgb = np.full((300, 300, 3), 230, np.uint8)

    add_noise(rgb, np.random.default_rng(0), StainParams())

    assert rgb.reshape(-1, 3).std(axis=0) == pytest.approx(np.hypot(StainParams().noise, 0.29), rel=0.03)
