"""Sections of one piece are taken apart together, or none of them."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.fragments.necks import Neck
from hetscore.fragments.params import FragmentParams
from hetscore.fragments.pieces import Piece
from hetscore.fragments.splitting import settle_necks, split_touching
from hetscore.geometry import Box
from tests.fragments.shapes import MPP, dumbbell

PARAMS = FragmentParams()


def _neck(log_odds: float) -> Neck:
    """Two halves of a square, with some log odds."""
    left = np.zeros((100, 100), bool)
    left[:, :50] = True
    return Neck((left, ~left), width_um=100, ratio=0.3, notch=0.5, log_odds=log_odds)


def _odds(necks: list[Neck | None]) -> list[float | None]:
    return [None if neck is None else neck.log_odds for neck in necks]


class TestSettleNecks:
    """Log odds of sections, bounded at 6."""

    def test_sections_share_their_mean(self) -> None:
        """Three sections of the first piece, one of the second."""
        settled = settle_necks([_neck(4), _neck(2), _neck(-3), _neck(0)], [0, 1, 0, 0], bound=6)
        assert _odds(settled) == [pytest.approx(1 / 3), 2, pytest.approx(1 / 3), pytest.approx(1 / 3)]

    def test_one_torn_section_is_outvoted(self) -> None:
        """No section counts for more than the bound, one without any neck as much against."""
        settled = settle_necks([_neck(50), None, _neck(-2)], [0, 0, 0], bound=6)
        assert _odds(settled) == [pytest.approx(-2 / 3), None, pytest.approx(-2 / 3)]

    def test_without_levels_each_stands_for_itself(self) -> None:
        """Whatever its odds."""
        assert _odds(settle_necks([_neck(50), None], [0, 1], bound=6)) == [50, None]


class TestSplitTouching:
    """Cut, told or left."""

    SQUARE = Piece(Box(10, 20, 100, 100), np.ones((100, 100), bool))

    @pytest.mark.parametrize(("log_odds", "n_parts", "n_doubts"), [(3, 2, 0), (0.1, 2, 0), (-1, 1, 1), (-3, 1, 0)])
    def test_by_confidence(self, log_odds: float, n_parts: int, n_doubts: int) -> None:
        """From even odds on it is cut, from 0.15 on it is told."""
        parts = split_touching(self.SQUARE, _neck(log_odds), MPP, PARAMS)
        assert len(parts) == n_parts
        assert sum(len(part.doubts) for part in parts) == n_doubts
        assert sum(int(part.piece.mask.sum()) for part in parts) == 10_000

    def test_parts_are_cut_again(self) -> None:
        """Three discs in a row: the second neck is found in a half."""
        row = np.concatenate([dumbbell(radius=50, neck=20, length=110)[:, :-5], dumbbell(50, 20, 110)[:, 115:]], axis=1)
        half = np.zeros_like(row)
        half[:, :110] = True
        neck = Neck((row & half, row & ~half), width_um=80, ratio=0.2, notch=1.0, log_odds=5)
        parts = split_touching(Piece(Box(0, 0, row.shape[1], row.shape[0]), row), neck, MPP, PARAMS)
        assert sum(int(part.piece.mask.sum()) for part in parts) == row.sum()
        assert all(neck in part.cuts for part in parts)
