"""A control core is round and stands apart; a biopsy is never lost for one."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.fragments.controls import Controls, find_controls, measure_roundness
from hetscore.fragments.params import FragmentParams
from hetscore.geometry import Box
from tests.fragments.shapes import MPP, Mask, ellipse

CORE = ellipse(175, 175)
"""700 um, as on a tissue array."""
BIOPSY = ellipse(200, 130)
ROUNDISH = ellipse(200, 172)


def _find(*pieces: tuple[int, int, Mask]) -> Controls:
    """Pieces with their left upper corners."""
    boxes = [Box(x, y, mask.shape[1], mask.shape[0]) for x, y, mask in pieces]
    return find_controls(boxes, [mask for _, _, mask in pieces], MPP, FragmentParams())


class TestFindControls:
    """Round, of a punch's size, beside all biopsies."""

    def test_two_cores_in_a_column_of_their_own(self) -> None:
        """The usual place."""
        found = _find((0, 0, BIOPSY), (300, 0, BIOPSY), (600, 0, CORE), (600, 300, CORE))
        assert found == Controls((False, False, True, True))

    @pytest.mark.parametrize("others", [(ROUNDISH,), (ROUNDISH, BIOPSY), (ROUNDISH, ROUNDISH, BIOPSY)])
    def test_among_roundish_pieces_none_is_the_exception(self, others: tuple[Mask, ...]) -> None:
        """Whole tissue cores laid side by side, of which one is round and stands at the end."""
        placed = [(300 * i, 0, mask) for i, mask in enumerate(others)]
        found = _find(*placed, (1200, 0, CORE))
        assert found == Controls((False,) * (len(others) + 1), is_unclear=True)

    @pytest.mark.parametrize("others", [(BIOPSY,), (BIOPSY, BIOPSY, ROUNDISH)])
    def test_beside_few_others_a_core_is_told(self, others: tuple[Mask, ...]) -> None:
        """A single biopsy, or a third of them roundish: a core all the same, for nothing else is as round."""
        placed = [(300 * i, 0, mask) for i, mask in enumerate(others)]
        found = _find(*placed, (1200, 0, CORE))
        assert found == Controls((False,) * len(others) + (True,), is_unclear=True)

    def test_one_roundish_biopsy_in_four_is_no_doubt(self) -> None:
        """Some biopsies are."""
        placed = [(300 * i, 0, mask) for i, mask in enumerate((BIOPSY, BIOPSY, BIOPSY, ROUNDISH))]
        assert _find(*placed, (1200, 0, CORE)) == Controls((False, False, False, False, True))

    def test_a_core_no_rounder_than_tissue_needs_others_that_are_not(self) -> None:
        """Roundness 0.96: beside one roundish biopsy of four it stays a sample."""
        core = ellipse(180, 170)
        assert 0.95 < measure_roundness(core) < 0.98
        placed = [(300 * i, 0, BIOPSY) for i in range(3)]
        assert _find(*placed, (1200, 0, core)).is_control[-1]
        unclear = _find(*placed, (900, 0, ROUNDISH), (1500, 0, core))
        assert unclear == Controls((False,) * 5, is_unclear=True)

    def test_a_round_piece_among_the_biopsies_is_one_of_them(self) -> None:
        """And it is told."""
        found = _find((0, 0, BIOPSY), (300, 0, CORE), (600, 0, BIOPSY))
        assert found == Controls((False, False, False), is_unclear=True)

    def test_a_slide_of_cores_holds_no_control(self) -> None:
        """All are round: they are the specimen."""
        assert _find((0, 0, CORE), (300, 0, CORE)) == Controls((False, False), is_unclear=True)
        assert _find((0, 0, CORE)) == Controls((False,))

    @pytest.mark.parametrize("diameter", [100, 700])
    def test_other_sizes_are_no_cores(self, diameter: int) -> None:
        """A crumb of 400 um and a block of 2,800 um."""
        found = _find((0, 0, BIOPSY), (800, 0, ellipse(diameter, diameter)))
        assert found == Controls((False, False))

    def test_biopsies_raise_no_doubt(self) -> None:
        """An ellipse half as long again as broad is no disc."""
        assert _find((0, 0, BIOPSY), (300, 0, BIOPSY)) == Controls((False, False))

    def test_nothing(self) -> None:
        """An empty slide."""
        assert _find() == Controls(())


def test_roundness() -> None:
    """A disc is round with a hole in it too; a square overlaps the disc of its area by 5/6, an ellipse less."""
    pierced = CORE.copy()
    pierced[90:100, 90:100] = False
    assert measure_roundness(CORE) > 0.98
    assert measure_roundness(pierced) == measure_roundness(CORE)
    assert measure_roundness(np.ones((100, 100), bool)) == pytest.approx(0.83, abs=0.02)
    assert measure_roundness(BIOPSY) < 0.8
