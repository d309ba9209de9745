"""A narrow neck between two bulky parts joins two pieces that touch; a crack does not part one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.fragments.necks import find_neck
from hetscore.fragments.params import FragmentParams
from tests.fragments.shapes import MPP, Mask, dumbbell, ellipse

PARAMS = FragmentParams()


class TestFindNeck:
    """Where a piece would be cut."""

    def test_two_discs_that_touch(self) -> None:
        """A bar of 80 um between discs of 400 um is a fifth of their width, cut in the middle, and hardly doubted."""
        mask = dumbbell(radius=50, neck=20, length=140)
        neck = find_neck(mask, MPP, PARAMS)
        assert neck is not None
        assert neck.ratio == pytest.approx(0.2, abs=0.1)
        assert neck.width_um == pytest.approx(80, abs=40)
        assert neck.confidence > 0.99
        left, right = (part.sum() for part in neck.parts)
        assert left == pytest.approx(right, rel=0.02)

    def test_the_parts_are_the_piece(self) -> None:
        """No pixel is lost or counted twice."""
        mask = dumbbell(radius=50, neck=20, length=140)
        neck = find_neck(mask, MPP, PARAMS)
        assert neck is not None
        assert np.array_equal(neck.parts[0] ^ neck.parts[1], mask)

    def test_a_wider_neck_is_less_certain(self) -> None:
        """Confidence falls with the ratio."""
        necks = [find_neck(dumbbell(radius=50, neck=width, length=160), MPP, PARAMS) for width in (20, 60, 80, 88)]
        confidence = [neck.confidence for neck in necks if neck is not None]
        assert len(confidence) == 4
        assert confidence == sorted(confidence, reverse=True)
        assert confidence[0] > PARAMS.neck_certain
        assert confidence[-1] < PARAMS.neck_sure

    def test_a_crack_is_no_neck(self) -> None:
        """A cleft of 40 um that nearly parts a piece has walls side by side: it is filled first."""
        mask = ellipse(200, 100)
        middle = mask.shape[1] // 2
        mask[: mask.shape[0] // 2 + 30, middle - 5 : middle + 5] = False
        assert find_neck(mask, MPP, PARAMS) is None

    def test_a_speck_on_a_stalk_is_no_piece(self) -> None:
        """A part of 80 um is not bulky: it stays with the piece it hangs on."""
        mask = np.pad(ellipse(100, 100), ((0, 0), (0, 60)))
        y = mask.shape[0] // 2
        mask[y - 2 : y + 2, 100:140] = True
        mask[y - 10 : y + 10, 140:160] = True
        assert find_neck(mask, MPP, PARAMS) is None

    @given(st.integers(60, 200), st.integers(60, 200), st.floats(0, 180))
    def test_an_ellipse_has_no_neck_to_cut(self, width: int, height: int, degrees: float) -> None:
        """Whatever its size and turn, a shape without a waist is one piece."""
        neck = find_neck(ellipse(width, height, degrees), MPP, PARAMS)
        assert neck is None or neck.confidence < PARAMS.neck_doubt


def test_torn_parts_need_a_narrower_neck_than_touching_ones() -> None:
    """The same waist where only glass lies between the parts, as in a tear, is trusted less."""
    whole = dumbbell(radius=50, neck=70, length=140)
    torn: Mask = whole.copy()
    torn[:, whole.shape[1] // 2 - 3 : whole.shape[1] // 2 + 3] = False

    joined, parted = (find_neck(mask, MPP, PARAMS) for mask in (whole, torn))

    assert joined is not None
    assert parted is not None
    assert parted.confidence < PARAMS.neck_sure < joined.confidence
