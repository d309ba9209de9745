"""The short list of pieces and turns."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.registration import RegistrationParams
from hetscore.registration.coarse import find_candidates
from hetscore.registration.views import View, shrink_view, view_fragment
from tests.registration.drawn import draw_tissue, make_section, turned

PARAMS = RegistrationParams()


def views(*densities: np.ndarray) -> list[View]:
    """View every fragment of a section."""
    section = make_section(*densities)
    return [view_fragment(section, fragment, PARAMS) for fragment in section.fragments]


@pytest.mark.parametrize("degrees", [0, 45, 160, 290])
def test_the_turn_comes_first(degrees: int) -> None:
    """The best candidate is the piece itself, turned as it is, within a step."""
    (here,), (other, there) = views(draw_tissue(1)), views(draw_tissue(2), turned(draw_tissue(1), degrees, (0, 0)))

    best = find_candidates(here, [other, there], PARAMS)[0]

    assert (best.piece, best.angle_deg) == (1, degrees)
    assert best.score > 0.9


def test_a_piece_that_touches_another_is_found() -> None:
    """On the companion the piece hangs together with a larger one: what lies under the fragment tells."""
    small = draw_tissue(1, 420.0, 300.0)
    large = draw_tissue(2, 1000.0, 600.0)
    (here,), (joined,) = views(small), views(np.maximum(np.roll(small, -60, axis=0), np.roll(large, 65, axis=0)))

    turns = {candidate.angle_deg for candidate in find_candidates(here, [joined], PARAMS)}

    assert turns & {355.0, 0.0, 5.0}


def test_candidates_differ() -> None:
    """No two of them are the same piece at nearly the same turn."""
    (here,) = views(draw_tissue(1))
    found = find_candidates(here, [here], PARAMS)

    assert len({(c.piece, c.angle_deg) for c in found}) == len(found) >= PARAMS.n_candidates


def test_no_pieces_no_candidates() -> None:
    """An empty companion is no error."""
    (here,) = views(draw_tissue(1))

    assert find_candidates(here, [], PARAMS) == []


def test_a_view_is_shrunk_by_whole_pixels() -> None:
    """Four pixels make one, of their mean and at twice the size; the odd ones are left out."""
    picture = np.arange(15, dtype=np.float32).reshape(3, 5)

    small = shrink_view(View(picture, picture, picture > 5, 4.0, (8.0, 0.0)), 2)

    np.testing.assert_allclose(small.hematoxylin, [[3.0, 5.0]])
    np.testing.assert_array_equal(small.mask, [[False, True]])
    assert (small.mpp, small.origin) == (8.0, (8.0, 0.0))


def test_a_view_shows_the_fragment_alone() -> None:
    """Hematoxylin is as drawn within the outline, 0 beyond, and pixels lie where they are on the slide."""
    density = draw_tissue(1)
    (view,) = views(density)
    x, y = (round(v / 4) for v in view.origin)
    drawn = density[y : y + view.mask.shape[0], x : x + view.mask.shape[1]]

    assert not view.hematoxylin[~view.mask].any()
    np.testing.assert_array_equal(view.mask, drawn > 0)
    assert view.hematoxylin[view.mask].mean() == pytest.approx(drawn[drawn > 0].mean(), rel=0.05)
    assert abs(view.detail[view.mask].mean()) < 0.02
