"""Gaps, arcs, sides that face a lumen, the ground of the line, and what is too dark for the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.config import load_model
from hetscore.domain import MembraneClass
from hetscore.membrane import count_arcs, find_gap, longest_arc, measure_cells
from hetscore.scoring.cell import classify_cells
from tests.drawings import STAIN
from tests.membrane.drawn import BIOPSY, NOWHERE, ONE_SIDE, RING, TWO_SIDES, U_SHAPE, Arcs, DrawnCell, draw, measure


class TestGapAndArcs:
    """Where the membrane is not stained, and in how many stretches it is."""

    @pytest.mark.parametrize(
        ("stained", "arcs", "gap"),
        [
            (RING, 1, None),
            (NOWHERE, 0, None),
            (U_SHAPE, 1, 320.0),  # free from 275 to 365 degrees
            (TWO_SIDES, 2, 140.0),  # free from 95 to 185, and as long from 275 to 365
            (ONE_SIDE, 1, 219.5),
            (((5.0, 65.0), (95.0, 155.0), (185.0, 245.0)), 3, 305.0),
        ],
    )
    def test_as_drawn(self, stained: Arcs, arcs: int, gap: float | None) -> None:
        """Both to a ray, 7.5 degrees; of two gaps of one length either may be the longest as drawn."""
        cell = measure(DrawnCell(stained=stained))
        assert cell.membrane_arcs[0] == arcs
        if gap is None:
            assert np.isnan(cell.gap_deg[0])
        else:
            turned = (cell.gap_deg[0] - gap) % (180 if stained == TWO_SIDES else 360)
            assert min(turned, 360 - turned, abs(180 - turned) if stained == TWO_SIDES else 360) <= 7.5

    @given(turn=st.integers(0, 47), arc=st.integers(1, 46), n=st.sampled_from([47, 48]))
    def test_a_turn_turns_the_gap(self, turn: int, arc: int, n: int) -> None:
        """One stretch of `arc` rays leaves one gap, opposite to its middle; single free rays are bridged."""
        stained = np.roll(np.arange(n) < arc, turn)[None]
        share = np.full((1, n), 1 / n)
        gap = find_gap(stained, share)[0]
        if n - arc == 1:
            assert np.isnan(gap)
            assert count_arcs(stained)[0] == 1
        else:
            opposite = (turn + (arc - 1) / 2) * 360 / n + 180
            assert (gap - opposite + 1e-6) % 360 <= 2e-6
            assert longest_arc(stained, share)[0] == pytest.approx(arc / n)


class TestLumen:
    """Sides of a cell that face open space."""

    def test_a_cell_by_itself_faces_it_all_around(self) -> None:
        """Glass lies on every side, and the ring is stained there too."""
        cell = measure(DrawnCell())
        assert (cell.lumen_share[0], cell.lumen_stained[0]) == (1, 1)

    def test_a_neighbor_hides_it(self) -> None:
        """Where the next cell stands there is no lumen, however pale that cell is."""
        cells = measure(DrawnCell(x=11), DrawnCell(x=25, stained=NOWHERE))
        assert 0.6 < cells.lumen_share[0] < 0.95
        assert cells.lumen_stained[1] < 0.2

    def test_tissue_is_no_lumen(self) -> None:
        """A hazy ground without cells is stroma, not space; then nothing faces a lumen."""
        image, labels = draw(DrawnCell())
        veiled = replace(image, rgb=np.minimum(image.rgb, 180))
        cell = measure_cells(veiled, labels, STAIN)
        assert cell.lumen_share[0] == 0
        assert np.isnan(cell.lumen_stained[0])

    def test_a_free_apex(self) -> None:
        """A U-shape that is open to glass is stained on as much of the lumen's side as is drawn."""
        cell = measure(DrawnCell(stained=U_SHAPE))
        assert cell.lumen_stained[0] == pytest.approx(0.75, abs=0.03)


class TestGround:
    """What lies under the line."""

    def test_haze_is_the_ground(self) -> None:
        """The cytoplasm is the darker side of a cell on glass; line and ground make up what is seen."""
        cell = measure(DrawnCell(od=0.5, haze=0.1))
        assert cell.membrane_ground_od[0] == pytest.approx(0.1, abs=0.02)
        assert cell.membrane_od[0] == pytest.approx(0.5, rel=0.05)


class TestSaturation:
    """Places too dark for the camera are told, and never taken for unstained."""

    def test_a_black_line_is_a_lower_bound(self) -> None:
        """A line that leaves no light is saturated all around, and still strong."""
        cell = measure(DrawnCell(od=3.0))
        assert cell.saturated_share[0] > 0.95
        assert cell.membrane_od[0] > 0.5

    def test_a_routine_line_is_not(self) -> None:
        """A strong line as slides show it leaves light enough."""
        assert measure(DrawnCell(od=0.9)).saturated_share[0] == 0

    def test_black_cells_are_unscored_and_not_negative(self) -> None:
        """Where the cytoplasm is black and the glass beside it as well, no line can stand out."""
        image, labels = draw(DrawnCell())
        black = replace(image, rgb=np.full_like(image.rgb, 4))
        cell = measure_cells(black, labels, STAIN)
        assert np.isnan(cell.membrane_od[0])
        model = load_model("watershed").membrane
        assert classify_cells(cell, model, BIOPSY).membrane_class[0] == MembraneClass.UNSCORED


@pytest.mark.parametrize("ink", [(10, 40, 160), (0, 160, 220), (0, 90, 255)])
def test_blue_ink_is_no_membrane(ink: tuple[int, int, int]) -> None:
    """Far bluer than hematoxylin, DAB reads far below 0 everywhere: nothing stands out of it."""
    image, labels = draw(DrawnCell())
    inked = replace(image, rgb=np.full_like(image.rgb, ink))
    cell = measure_cells(inked, labels, STAIN)
    assert cell.membrane_od[0] == 0
    assert cell.membrane_completeness[0] == 0
