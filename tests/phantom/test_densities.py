"""Densities of a fragment: each thing as dark as it should be, and the optics' flaws as asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hetscore.domain import MembraneClass, MembranePattern
from hetscore.phantom import Tissue, densities
from hetscore.phantom.densities import NOMINAL_BLUR_UM, paint_densities
from hetscore.phantom.epithelium import CellType, Ground
from hetscore.phantom.noise import Field
from hetscore.phantom.optics import add_noise, develop, draw_stain
from hetscore.phantom.spec import OpticsSpec
from hetscore.phantom.stain import StainParams
from hetscore.phantom.tissue import FragmentTissue
from hetscore.stain import Stain, unmix

from .conftest import Grow
from .drawn import bare, one_nucleus, two_cells

PLAIN = replace(StainParams(), membrane_cell_sd=0.0, membrane_texture_sd=0.0, membrane_width_sd=0.0)
STAINED = (MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG)


def paint(tissue: FragmentTissue, optics: OpticsSpec | None = None) -> tuple[Field, Field]:
    """Paint with seed 0."""
    return paint_densities(tissue, np.random.default_rng(0), optics=optics)


def island() -> FragmentTissue:
    """Lay stroma, 150 um square, in the middle of glass, with a cleft of glass in it."""
    ground = np.full((700, 700), Ground.GLASS, np.uint8)
    ground[50:650, 50:650] = Ground.STROMA
    ground[300:400, 300:400] = Ground.GLASS
    return bare(ground)


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


def test_classes_are_ordered_and_negative_is_bare(grow: Grow) -> None:
    """Mean DAB over the tumor rises with the class, and a negative fragment has next to none."""
    means = []
    for membrane_class in (MembraneClass.NEGATIVE, *STAINED):
        tissue = grow(Tissue.SHEETS, membrane_class)
        means.append(float(paint(tissue)[1][tissue.cells > 0].mean()))

    assert means == sorted(means)
    assert means[0] < 0.01


def test_glass_stays_white() -> None:
    """Away from tissue nothing is painted, and in a cleft neither."""
    for density in paint(island()):
        assert np.abs(density[:40]).max() == 0
        assert np.abs(density[310:390, 310:390]).max() == 0


@pytest.mark.parametrize("cell_type", list(CellType))
def test_nuclei_are_darker_than_what_is_around(cell_type: CellType) -> None:
    """The nucleus of any type has about the hematoxylin its row says, and stroma a fraction of it."""
    tissue = one_nucleus(cell_type)

    hematoxylin, _ = paint(tissue)

    look = StainParams().nucleus(cell_type)
    inside = hematoxylin[tissue.depth < 0.5]
    assert np.median(inside) == pytest.approx(look.inside_od, rel=0.5)
    assert np.median(inside) > 2 * np.median(hematoxylin[tissue.depth > 1.4])


def test_a_plasma_cell_has_a_clock_face() -> None:
    """Round the border of its nucleus hematoxylin rises and falls several times; a lymphocyte's does not so."""
    contrast = {}
    for cell_type in (CellType.PLASMA, CellType.LYMPHOCYTE):
        hematoxylin, _ = paint(one_nucleus(cell_type))
        angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        column, row = (np.rint(79.5 + 11 * f(angle)).astype(int) for f in (np.cos, np.sin))
        contrast[cell_type] = np.abs(np.fft.rfft(hematoxylin[row, column]))[7] / 100

    assert contrast[CellType.PLASMA] > 0.02
    assert contrast[CellType.LYMPHOCYTE] < 0.5 * contrast[CellType.PLASMA]


def test_tumor_nuclei_have_nucleoli() -> None:
    """Over ten drawings the darkest place inside stands out by most in tumor; a lymphocyte's by its chromatin alone."""
    excess = {}
    for cell_type in (CellType.TUMOR, CellType.LYMPHOCYTE):
        tissue = one_nucleus(cell_type)
        drawn = [paint_densities(tissue, np.random.default_rng(i))[0][tissue.depth < 0.5] for i in range(10)]
        excess[cell_type] = np.mean([inside.max() / np.median(inside) for inside in drawn])

    assert excess[CellType.TUMOR] > 2
    assert excess[CellType.LYMPHOCYTE] < 1.7


def test_haze_lies_over_a_nucleus_by_half() -> None:
    """A section is thicker than the nucleus in it: of the cytoplasm's DAB about half lies over it."""
    tissue = two_cells(MembraneClass.STRONG, MembraneClass.STRONG, MembranePattern.LATERAL)
    nuclei = tissue.nuclei.copy()
    nuclei[40:120, 100:130] = 1

    plain, nucleated = (paint(replace(tissue, nuclei=labels))[1][50:110, 105:125] for labels in (tissue.nuclei, nuclei))

    assert nucleated.mean() == pytest.approx(0.5 * plain.mean(), rel=0.2)


def test_mucin_is_clear_in_a_stained_cell() -> None:
    """A vacuole has neither the cytoplasm's hematoxylin nor its DAB; the membrane around the cell stays."""
    tissue = two_cells(MembraneClass.STRONG, MembraneClass.STRONG, MembranePattern.COMPLETE)
    tissue.ground[40:120, 100:140] = Ground.VACUOLE

    hematoxylin, dab = paint(tissue)

    assert hematoxylin[60:100, 110:130].mean() < 0.3 * hematoxylin[60:100, 180:220].mean()
    assert dab[60:100, 110:130].mean() < 0.2 * dab[60:100, 180:220].mean()
    assert dab[80, 155:165].max() > 0.4


def test_default_optics_change_nothing(grow: Grow) -> None:
    """To name the default optics is to name none."""
    tissue = grow(Tissue.MIXED, MembraneClass.MODERATE)

    for one, other in zip(paint(tissue), paint(tissue, OpticsSpec()), strict=True):
        assert np.array_equal(one, other)


def test_thickness_scales_both_stains_alike() -> None:
    """Where the section is thicker, hematoxylin and DAB are more by the same factor, of the spread asked for."""
    blood = bare(np.full((500, 500), Ground.BLOOD, np.uint8), mpp=0.5)
    even, uneven = paint(blood), paint(blood, OpticsSpec(thickness_sd=0.2))

    seen = (even[0] > 0.01) & (even[1] > 0.01)
    factors = [np.log(u[seen] / e[seen]) for u, e in zip(uneven, even, strict=True)]

    assert factors[0] == pytest.approx(factors[1], abs=1e-3)
    assert factors[0].std() == pytest.approx(0.2, rel=0.2)


def test_edge_stain_falls_off_from_the_rim() -> None:
    """DAB along the glass around is as asked, gone 45 um further in, and not around a cleft."""
    plain, stained = paint(island())[1], paint(island(), OpticsSpec(edge_od=0.3))[1]
    extra = stained - plain

    assert extra[55:59, 100:250].mean() == pytest.approx(0.3, rel=0.25)
    assert extra[230:235, 300:400].mean() < 0.03
    assert extra[290:298, 300:400].mean() < 0.03
    assert extra[:40].max() == 0


def test_nuclear_stain_is_on_nuclei_only() -> None:
    """Non-specific nuclear DAB lies over the nucleus and nowhere else."""
    tissue = one_nucleus(CellType.LYMPHOCYTE)

    extra = paint(tissue, OpticsSpec(nuclear_od=0.2))[1] - paint(tissue)[1]

    assert extra[tissue.depth < 0.6].mean() == pytest.approx(0.2, rel=0.1)
    assert np.abs(extra[tissue.depth > 1.6]).max() < 1e-6


def test_blush_scales_the_cytoplasm() -> None:
    """Twice the blush is twice the DAB between the lines, and without it there is only the background's."""
    tissue = two_cells(MembraneClass.STRONG, MembraneClass.STRONG, MembranePattern.LATERAL)
    inside = (slice(40, 120), slice(100, 130))

    none, once, twice = (paint(tissue, OpticsSpec(blush=b))[1][inside].mean() for b in (0.0, 1.0, 2.0))

    assert none < 0.01
    assert twice - none == pytest.approx(2 * (once - none), rel=0.01)


def test_more_blur_softens_nuclei_and_lines_alike(grow: Grow) -> None:
    """Optics twice as soft flatten the picture and keep the amount of stain."""
    tissue = grow(Tissue.SHEETS, MembraneClass.STRONG)
    sharp, soft = paint(tissue), paint(tissue, OpticsSpec(blur_um=2 * NOMINAL_BLUR_UM))

    for one, other in zip(sharp, soft, strict=True):
        assert other.mean() == pytest.approx(one.mean(), rel=0.02)
        assert np.abs(np.diff(other)).mean() < 0.9 * np.abs(np.diff(one)).mean()


def test_strips_leave_no_trace(grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Painted 256 or 100 rows at a time, the densities are the same to the last bit."""
    tissue, optics = grow(Tissue.GLANDS, MembraneClass.MODERATE), OpticsSpec(edge_od=0.1, thickness_sd=0.1)
    whole = paint(tissue, optics)

    monkeypatch.setattr(densities, "STRIP", 100)

    for one, other in zip(whole, paint(tissue, optics), strict=True):
        assert np.array_equal(one, other)
