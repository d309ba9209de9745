"""Whole sections registered: the place found, the error told, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Affine, FragmentMatch
from hetscore.registration import RegistrationParams, register
from hetscore.registration.registering import find_doubt, lower_bound, refuse_doubles
from tests.registration.drawn import MPP, draw_tissue, level0_matrix, make_fragment, make_section, turned

PARAMS = RegistrationParams()
PLACES = np.array([[150.0, 150.0], [80.0, 150.0], [220.0, 150.0], [150.0, 110.0], [150.0, 190.0]])
"""On the oval, level-0 pixels."""
SQUARE = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
STAY: Affine = np.eye(2, 3)


def carried(affine: Affine | None, xy: np.ndarray) -> np.ndarray:
    """Carry places over."""
    assert affine is not None
    return xy @ affine[:, :2].T + affine[:, 2]


@pytest.mark.parametrize("degrees", [0.0, 37.0, 180.0, 251.0])
def test_a_turned_piece_is_found(degrees: float) -> None:
    """Whatever the turn, every place is found within a nucleus, and the estimate says no more than that."""
    tissue = draw_tissue(1)
    shift = (90.0, -60.0)

    found = register(make_section(tissue), make_section(turned(tissue, degrees, shift)), PARAMS)

    (match,) = found.matches
    distance = MPP * np.linalg.norm(
        carried(match.affine, PLACES) - carried(level0_matrix(degrees, shift), PLACES), axis=1
    )
    assert distance.max() < 4.0
    assert match.error_um is not None
    assert match.error_um < 4.0
    assert match.agreement > 0.9
    assert found.is_complete


def test_each_piece_is_found_by_itself() -> None:
    """Two pieces that lie in the other order on the companion, each with a turn of its own."""
    one, two = draw_tissue(1), draw_tissue(2)

    found = register(make_section(one, two), make_section(turned(two, 20, (0, 0)), turned(one, 110, (0, 0))), PARAMS)

    middles = [carried(match.affine, np.array([[150.0 + 300 * k, 150.0]]))[0] for k, match in enumerate(found.matches)]
    np.testing.assert_allclose(middles, [[450.0, 150.0], [150.0, 150.0]], atol=1.0)


def test_other_tissue_is_refused() -> None:
    """An oval of the same size with other speckles fits from afar and not from near."""
    found = register(make_section(draw_tissue(1)), make_section(draw_tissue(2)), PARAMS)

    assert found.is_refused
    assert found.match_of(1) is None
    assert "exceeds a gland" in str(found.reason) or "chance" in str(found.reason)


def test_a_mirrored_piece_is_refused() -> None:
    """A section mounted upside down is no turn of the other."""
    tissue = draw_tissue(1)

    assert register(make_section(tissue), make_section(np.ascontiguousarray(tissue[:, ::-1])), PARAMS).is_refused


def test_an_empty_companion_is_refused() -> None:
    """Without tissue there is nothing to match, and the reason says so."""
    found = register(make_section(draw_tissue(1)), make_section(np.zeros((300, 300), np.float32)), PARAMS)

    assert found.reason == "fragment 1: no tissue on the companion"


def test_a_speck_is_refused() -> None:
    """A piece of two blocks' size holds too little to compare."""
    speck = draw_tissue(1, 200.0, 160.0)

    assert "too small" in str(register(make_section(speck), make_section(speck), PARAMS).reason)


@pytest.mark.parametrize(
    ("error_um", "agreement", "n_blocks", "says"),
    [
        (5.0, 0.9, 5, "too small to be matched (5 places to compare, 6 needed)"),
        (100.5, 0.9, 50, "estimated error 100 um exceeds a gland (100 um)"),
        (20.0, 0.5, 10, "no better than chance: 50% of 10 places show the same tissue"),
        (20.0, 0.5, 200, None),
        (float("inf"), 0.7, 20, "no better than chance: 70% of 20 places show the same tissue"),
        (5.0, 1.0, 6, None),
    ],
)
def test_reasons(error_um: float, agreement: float, n_blocks: int, says: str | None) -> None:
    """The first of three rules that holds refuses; half of ten places may be chance, half of 200 is not."""
    assert find_doubt(error_um, agreement, n_blocks, PARAMS) == says


@given(st.integers(0, 60), st.integers(1, 60))
def test_the_bound_is_below_the_share(k: int, n: int) -> None:
    """The lower bound lies between 0 and the share, and rises with as large a share of more."""
    share = min(k, n) / n

    assert -1e-12 <= lower_bound(share, n) <= share + 1e-12
    assert lower_bound(share, n) <= lower_bound(share, 4 * n) + 1e-12


def test_two_fragments_do_not_lie_on_the_same_tissue() -> None:
    """The one on which fewer blocks agree is refused; a second section of the same piece is not."""
    match = FragmentMatch(1, STAY, 5.0, 9.0, 0.9, 20)
    matches = [match, replace(match, fragment=2, agreement=0.8), replace(match, fragment=3, agreement=0.7)]
    fragments = [make_fragment(1, SQUARE), make_fragment(2, SQUARE + 20), make_fragment(3, SQUARE, section_of=1)]

    kept = refuse_doubles(matches, fragments, PARAMS)

    assert [m.reason for m in kept] == [None, "lies on the same tissue as fragment 1", None]
