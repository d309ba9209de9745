"""Membrane lines: as wide, as dark and on those sides as asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hetscore.domain import MembraneClass, MembranePattern
from hetscore.phantom import FragmentSpec, Tissue
from hetscore.phantom import membranes as module
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.membranes import STAINED_SIDES, paint_membranes
from hetscore.phantom.stain import StainParams
from hetscore.phantom.tissue import FragmentTissue, grow_fragment

from .conftest import Grow
from .drawn import two_cells

PLAIN = replace(StainParams(), membrane_cell_sd=0.0, membrane_texture_sd=0.0, membrane_width_sd=0.0)
STAINED = (MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG)


def peaks(tissue: FragmentTissue, params: StainParams = PLAIN) -> tuple[float, float, float]:
    """Measure the densest column near the stroma side, the shared border and the lumen side, half-way down."""
    row = paint_membranes(tissue, np.random.default_rng(0), params)[80]
    return float(row[70:90].max()), float(row[150:170].max()), float(row[230:250].max())


def width_um(row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    """Measure the full width at half maximum of the only line of a row, 0.25 um/px."""
    fine = np.interp(np.arange(0, len(row), 0.01), np.arange(len(row)), row)
    return float(np.count_nonzero(fine > row.max() / 2) * 0.01 * 0.25)


@pytest.mark.parametrize("membrane_class", STAINED)
def test_peak_and_width_of_a_line_are_as_asked(membrane_class: MembraneClass) -> None:
    """A straight border has the class's peak density and full width at half maximum."""
    tissue = two_cells(membrane_class, membrane_class, MembranePattern.LATERAL)

    row = paint_membranes(tissue, np.random.default_rng(0), PLAIN)[80]

    assert row.max() == pytest.approx(PLAIN.membrane_od[membrane_class], rel=0.06)
    assert width_um(row) == pytest.approx(PLAIN.membrane_fwhm_um[membrane_class], rel=0.08)


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


@pytest.mark.parametrize("ground", [Ground.MUSCLE, Ground.BLOOD, Ground.NECROSIS, Ground.DEBRIS, Ground.CRUSH])
def test_whatever_is_not_lumen_lies_at_the_base(ground: Ground) -> None:
    """A gland that touches muscle, blood or dead tissue is stained there as towards stroma."""
    assert ground in STAINED_SIDES[MembranePattern.BASOLATERAL]
    assert ground not in STAINED_SIDES[MembranePattern.LATERAL]


def test_mucus_lies_at_the_apex() -> None:
    """Mucus over a gland is beyond its free surface, which basolateral staining spares."""
    assert Ground.MUCUS not in STAINED_SIDES[MembranePattern.BASOLATERAL]


def test_a_border_is_the_stronger_cells() -> None:
    """Between a negative and a 3+ cell stands one line, 3+, whichever side is negative."""
    for left, right in ((MembraneClass.STRONG, MembraneClass.NEGATIVE), (MembraneClass.NEGATIVE, MembraneClass.STRONG)):
        found = peaks(two_cells(left, right, MembranePattern.LATERAL))

        assert found[1] == pytest.approx(PLAIN.membrane_od[3], rel=0.06)


def test_partial_lines_come_and_go() -> None:
    """Over ten drawings of a long border about two thirds of it are stained, and a good part in each."""
    tissue = two_cells(MembraneClass.FAINT, MembraneClass.FAINT, MembranePattern.PARTIAL)

    lines = [paint_membranes(tissue, np.random.default_rng(i), PLAIN)[:, 150:170].max(axis=1) for i in range(10)]

    shares = [(line > 0.5 * PLAIN.membrane_od[1]).mean() for line in lines]
    assert np.mean(shares) == pytest.approx(0.67, abs=0.08)
    assert min(shares) > 0.2


def test_peaks_differ_from_cell_to_cell_by_the_spread_asked() -> None:
    """Over forty drawings the logarithm of a line's peak has the standard deviation of cells."""
    tissue = two_cells(MembraneClass.STRONG, MembraneClass.STRONG, MembranePattern.LATERAL)
    params = replace(PLAIN, membrane_cell_sd=0.3)

    found = [paint_membranes(tissue, np.random.default_rng(i), params)[80, 150:170].max() for i in range(40)]

    assert np.log(found).std() == pytest.approx(0.3, rel=0.3)


@pytest.mark.parametrize("params", [replace(PLAIN, membrane_texture_sd=0.2), replace(PLAIN, membrane_width_sd=0.2)])
def test_a_line_is_uneven_along_itself(params: StainParams) -> None:
    """Texture changes the peak, width the stain across, by about the standard deviation asked; plain lines are even."""
    tissue = two_cells(MembraneClass.STRONG, MembraneClass.STRONG, MembranePattern.LATERAL)

    plain, uneven = (
        paint_membranes(tissue, np.random.default_rng(0), chosen)[10:150, 150:170].sum(axis=1)
        for chosen in (PLAIN, params)
    )

    assert np.log(plain).std() < 0.01
    assert np.log(uneven).std() == pytest.approx(0.17, abs=0.07)


def test_glands_are_basolateral_in_the_picture() -> None:
    """In a drawn 2+ gland borders with stroma are dark and those with the lumen, away from side walls, are not."""
    spec = FragmentSpec(320.0, Tissue.GLANDS, MembraneClass.MODERATE)
    tissue = grow_fragment(spec, 0.25, np.random.default_rng(3))
    lines = paint_membranes(tissue, np.random.default_rng(0), PLAIN)
    is_border = (tissue.cells[:, :-1] > 0) & tissue.is_tumor[tissue.cells[:, :-1] - 1] & (tissue.cells[:, 1:] == 0)
    beyond, at_border = tissue.ground[:, 1:][is_border], lines[:, :-1][is_border]

    assert np.percentile(at_border[beyond == Ground.STROMA], 10) > 0.2
    assert np.percentile(at_border[beyond == Ground.LUMEN], 40) < 0.1


def test_extra_blur_widens_a_line_and_keeps_its_stain() -> None:
    """Variances of line and blur add up; the stain in it stays."""
    tissue = two_cells(MembraneClass.MODERATE, MembraneClass.MODERATE, MembranePattern.LATERAL)

    sharp = paint_membranes(tissue, np.random.default_rng(0), PLAIN)[80]
    soft = paint_membranes(tissue, np.random.default_rng(0), PLAIN, extra_blur_um=0.5)[80]

    assert soft.sum() == pytest.approx(sharp.sum(), rel=1e-3)
    assert width_um(soft) == pytest.approx(np.hypot(width_um(sharp), 0.5 * 2.355), rel=0.05)


def test_strips_leave_no_trace(grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Painted 256 or 64 rows at a time, the lines are the same to the last bit."""
    tissue = grow(Tissue.SHEETS, MembraneClass.STRONG)
    whole = paint_membranes(tissue, np.random.default_rng(0), StainParams())

    monkeypatch.setattr(module, "STRIP", 64)

    assert np.array_equal(whole, paint_membranes(tissue, np.random.default_rng(0), StainParams()))
