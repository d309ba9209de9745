"""Two notches a short cut apart join two pieces that touch; a crack does not part one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetscore.fragments.necks import find_neck, measure_notches, trace_outline
from hetscore.fragments.params import FragmentParams
from tests.fragments.shapes import MPP, Mask, dumbbell, ellipse, letter

PARAMS = FragmentParams()


class TestFindNeck:
    """Where a piece would be cut."""

    def test_two_discs_that_touch(self) -> None:
        """A bar of 80 um between discs of 400 um, seen through filled corners: cut in the middle, hardly doubted."""
        mask = dumbbell(radius=50, neck=20, length=110)
        neck = find_neck(mask, MPP, PARAMS)
        assert neck is not None
        assert neck.width_um == pytest.approx(160, abs=80)
        assert neck.ratio == pytest.approx(neck.width_um / (400 * np.sqrt(np.pi) / 2), rel=0.1)
        assert neck.notch > 0.5
        assert neck.confidence > 0.99
        left, right = (part.sum() for part in neck.parts)
        assert left == pytest.approx(right, rel=0.05)

    def test_the_parts_are_the_piece(self) -> None:
        """No pixel is lost or counted twice."""
        mask = dumbbell(radius=50, neck=20, length=140)
        neck = find_neck(mask, MPP, PARAMS)
        assert neck is not None
        assert np.array_equal(neck.parts[0] ^ neck.parts[1], mask)

    def test_a_wider_neck_is_less_certain(self) -> None:
        """Confidence falls with the width, to a stadium that has no neck."""
        necks = [find_neck(dumbbell(radius=50, neck=width, length=110), MPP, PARAMS) for width in (20, 60, 80, 100)]
        confidence = [neck.confidence for neck in necks if neck is not None]
        assert len(confidence) == 4
        assert confidence == sorted(confidence, reverse=True)
        assert confidence[0] > PARAMS.neck_certain
        assert confidence[-1] < PARAMS.neck_doubt

    def test_a_slim_piece_that_touches_end_on(self) -> None:
        """A strip as wide as its neck: no waist at all, but a notch on both sides."""
        mask = np.pad(ellipse(150, 150), ((0, 150), (0, 0)))
        middle = mask.shape[1] // 2
        mask[130:300, middle - 25 : middle + 25] = True
        neck = find_neck(mask, MPP, PARAMS)
        assert neck is not None
        assert neck.confidence > PARAMS.neck_sure
        assert min(part.sum() for part in neck.parts) == pytest.approx(50 * 145, rel=0.25)

    def test_a_crack_is_no_neck(self) -> None:
        """A cleft of 40 um that nearly parts a piece has walls side by side: it is filled first."""
        mask = ellipse(200, 100)
        middle = mask.shape[1] // 2
        mask[: mask.shape[0] // 2 + 30, middle - 5 : middle + 5] = False
        neck = find_neck(mask, MPP, PARAMS)
        assert neck is None or neck.confidence < PARAMS.neck_doubt

    def test_a_speck_on_a_stalk_is_no_piece(self) -> None:
        """A part of 80 um is too small: it stays with the piece it hangs on."""
        mask = np.pad(ellipse(100, 100), ((0, 0), (0, 60)))
        y = mask.shape[0] // 2
        mask[y - 2 : y + 2, 100:140] = True
        mask[y - 10 : y + 10, 140:160] = True
        neck = find_neck(mask, MPP, PARAMS)
        assert neck is None or neck.confidence < PARAMS.neck_doubt

    def test_nothing_large_enough(self) -> None:
        """A crumb of 120 um cannot be two pieces."""
        assert find_neck(np.ones((30, 30), bool), MPP, PARAMS) is None

    @given(st.integers(60, 200), st.integers(60, 200), st.floats(0, 180))
    @settings(max_examples=40)
    def test_an_ellipse_has_no_neck_to_cut(self, width: int, height: int, degrees: float) -> None:
        """Whatever its size and turn, a shape without a waist is one piece."""
        neck = find_neck(ellipse(width, height, degrees), MPP, PARAMS)
        assert neck is None or neck.confidence < PARAMS.neck_doubt


def test_torn_parts_need_a_narrower_neck_than_touching_ones() -> None:
    """The same waist where only glass lies between the parts, as in a tear, is trusted less."""
    whole = dumbbell(radius=50, neck=40, length=110)
    torn: Mask = whole.copy()
    torn[:, whole.shape[1] // 2 - 3 : whole.shape[1] // 2 + 3] = False

    joined, parted = (find_neck(mask, MPP, PARAMS) for mask in (whole, torn))

    assert joined is not None
    assert parted is not None
    assert parted.log_odds == pytest.approx(joined.log_odds - PARAMS.tear_cost, abs=0.7)


class TestMeasureNotches:
    """How sharply an outline turns in."""

    def test_a_disc_bulges_everywhere(self) -> None:
        """No point of it lies within."""
        points = trace_outline(ellipse(150, 150).astype(np.uint8), MPP)
        assert (measure_notches(points) < 0).all()

    def test_the_corner_of_an_l_is_a_notch_of_a_right_angle(self) -> None:
        """Depth over reach is cos 45 = 0.71, less as the outline is smoothed."""
        drawn = np.pad(letter("L", 300).astype(np.uint8), 5)
        points = trace_outline(drawn, MPP)
        notch = measure_notches(points)
        corner = points[notch.argmax()] / MPP - 5
        assert notch.max() == pytest.approx(0.65, abs=0.05)
        assert corner.tolist() == pytest.approx([100, 200], abs=6)
