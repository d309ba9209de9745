"""Real fields stained anew: what was asked is drawn, what was there stays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hetscore.domain import MembraneClass, MembranePattern, Rgb
from hetscore.phantom.epithelium import Ground
from hetscore.phantom.restain import RestainedField, RestainParams, restain
from hetscore.stain import Stain, StainVectors, unmix

MPP = 0.25
STAIN = Stain((240.0, 240.0, 240.0), StainVectors((0.65, 0.63, 0.42), (0.36, 0.57, 0.74)))
CENTERS = [(60, 60), (60, 100), (100, 60), (100, 100), (60, 180)]
"""Four cells 10 um apart in a square and one beyond reach of them, (row, column)."""


def _field(dab: float = 0.0) -> tuple[Rgb, NDArray[np.int32]]:
    """Draw five blue nuclei of 5 um on pale tissue, under an even brown haze."""
    row, column = np.indices((160, 220))
    nuclei = np.zeros((160, 220), np.int32)
    for k, (i, j) in enumerate(CENTERS, start=1):
        nuclei[np.hypot(row - i, column - j) <= 10] = k
    h, d = (np.array(v) / np.linalg.norm(v) for v in (STAIN.vectors.hematoxylin, STAIN.vectors.dab))
    density = np.where(nuclei > 0, 0.25, 0.05)[..., None] * h + dab * d
    return np.rint(241 * 10**-density - 1).astype(np.uint8), nuclei


def _restain(classes: list[int], *, is_tumor: list[bool] | None = None, dab: float = 0.0) -> RestainedField:
    rgb, nuclei = _field(dab)
    return restain(
        rgb,
        nuclei,
        np.array(is_tumor or [True] * 5),
        np.array(classes, np.int8),
        np.full(5, MembranePattern.COMPLETE, np.int8),
        stain=STAIN,
        mpp=MPP,
        rng=np.random.default_rng(1),
    )


def _between(field: RestainedField) -> float:
    """Highest DAB on the way from the first nucleus to the second."""
    return float(unmix(field.rgb, STAIN)[1][60, 71:90].max())


def test_stronger_classes_are_darker() -> None:
    """The line between two cells of a class grows with the class, and there is none without."""
    found = [_between(_restain([k] * 5)) for k in range(4)]
    assert found[0] < 0.03
    assert found == sorted(found)
    assert found[3] > found[2] + 0.1 > found[1] + 0.2


def test_old_stain_is_taken_away() -> None:
    """Brown haze over a negative field is gone; the nuclei stay as blue as they were."""
    field = _restain([0] * 5, dab=0.2)
    hematoxylin, dab = unmix(field.rgb, STAIN)
    assert dab.max() < 0.06
    assert hematoxylin[60, 60] == pytest.approx(0.25, abs=0.03)


def test_a_field_without_tumor_stays_as_it_is() -> None:
    """No membrane is drawn on what is not tumor, whatever class is asked; only rounding moves a pixel."""
    rgb, _ = _field()
    field = _restain([3] * 5, is_tumor=[False] * 5)
    assert np.abs(field.rgb.astype(int) - rgb).max() <= 1
    assert (field.tissue.membrane_class == MembraneClass.UNSCORED).all()


def test_the_cells_are_those_that_were_drawn() -> None:
    """Classes as asked, centers of the nuclei, contacts of neighbors and none over the gap."""
    tissue = _restain([3, 2, 1, 0, 3]).tissue
    assert tissue.membrane_class.tolist() == [3, 2, 1, 0, 3]
    assert tissue.pattern.tolist() == [4, 4, 4, 0, 4]
    np.testing.assert_allclose(np.column_stack([tissue.y, tissue.x]), np.array(CENTERS) + 0.5)
    assert [0, 1] in tissue.contacts.tolist()
    assert not (tissue.contacts == 4).any()


def test_same_seed_same_pixels() -> None:
    """Nothing but the generator decides."""
    np.testing.assert_array_equal(_restain([3] * 5).rgb, _restain([3] * 5).rgb)


def test_columns_must_fit_the_nuclei() -> None:
    """A class too few would be drawn on the wrong cell."""
    rgb, nuclei = _field()
    four = np.ones(4, np.int8)
    with pytest.raises(ValueError, match="5 nuclei, columns of 4, 4, 4"):
        restain(rgb, nuclei, four > 0, four, four, stain=STAIN, mpp=MPP, rng=np.random.default_rng(0))


def test_faint_background_stays() -> None:
    """DAB below what counts as stain is part of the real texture."""
    assert np.median(unmix(_restain([0] * 5, dab=0.02).rgb, STAIN)[1]) == pytest.approx(0.02, abs=0.006)


def test_the_cytoplasm_of_a_stained_cell_is_hazy() -> None:
    """Between nucleus and line lies the blush of the class."""
    strong, negative = (unmix(_restain([k] * 5).rgb, STAIN)[1][60, 191:194].mean() for k in (3, 0))
    assert strong - negative > 0.05


def test_cells_end_where_the_glass_begins() -> None:
    """A cell that could reach 8 um leaves bare glass alone; on the other side it reaches as far."""
    rgb, nuclei = _field()
    rgb[:, :46] = 240
    columns = np.ones(5, bool), np.zeros(5, np.int8), np.zeros(5, np.int8)
    rng, params = np.random.default_rng(0), RestainParams(reach_um=8.0)
    tissue = restain(rgb, nuclei, *columns, stain=STAIN, mpp=MPP, rng=rng, params=params).tissue
    assert (tissue.cells[60, 28:36] == 0).all()
    assert (tissue.ground[60, 28:36] == Ground.LUMEN).all()
    assert (tissue.cells[60, 200:211] == 5).all()
