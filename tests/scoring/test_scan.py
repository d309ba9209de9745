"""The scan statistic: published arithmetic, and places that stand out by eye."""

from __future__ import annotations

import numpy as np
import pytest

from hetscore.scoring.scan import WINDOWS, conditional_llr, find_windows, fixed_llr, scan
from tests.scoring.nests import make_nest, with_clone


@pytest.mark.parametrize(
    ("c", "n", "p0", "llr"),
    [(5, 7, 0.01, 18.858064), (5, 19, 0.03, 7.008870), (10, 19, 0.03, 22.196243), (19, 19, 0.03, 66.624600)],
)
def test_against_a_known_rate(c: int, n: int, p0: float, llr: float) -> None:
    """As computed by hand from Kulldorff's formula."""
    assert fixed_llr(np.array([float(c)]), np.array([float(n)]), p0)[0] == pytest.approx(llr, abs=1e-6)


@pytest.mark.parametrize(
    ("c", "n", "n_negative", "n_cells", "llr"), [(5, 7, 12, 1200, 20.066317), (10, 19, 40, 1200, 22.426945)]
)
def test_against_the_rest(c: int, n: int, n_negative: int, n_cells: int, llr: float) -> None:
    """As computed by hand from the Bernoulli model."""
    values = [np.array([float(v)]) for v in (c, n, n_negative, n_cells)]
    assert conditional_llr(*values)[0] == pytest.approx(llr, abs=1e-6)


def test_no_more_than_outside_is_nothing() -> None:
    """A window as negative as the rest, or less so, has no likelihood ratio."""
    one = np.array([1.0])
    assert conditional_llr(one, 10 * one, 10 * one, 100 * one)[0] == 0.0
    assert conditional_llr(0 * one, 10 * one, 10 * one, 100 * one)[0] == 0.0
    assert fixed_llr(one, 100 * one, 0.01)[0] == 0.0


class TestWindows:
    """Nearest cells."""

    def test_a_cell_is_its_own_nearest(self) -> None:
        """Windows hold at most half of the fragment."""
        windows = find_windows(*_places(100))
        assert windows.shape == (100, 37)
        assert windows[:, 0].tolist() == list(range(100))

    def test_a_small_fragment_has_none(self) -> None:
        """Under fourteen cells no window of seven leaves a rest to compare with."""
        assert find_windows(*_places(13)).shape == (13, 0)
        assert scan(np.ones((2, 13), np.bool_), find_windows(*_places(13))).tolist() == [0.0, 0.0]


class TestScan:
    """Readings of a fragment."""

    def test_a_clone_stands_out(self) -> None:
        """Nineteen negative cells together give what the formula says of a full window of nineteen."""
        nest = make_nest(400)
        clone = with_clone(nest, 19).is_negative
        scattered = np.zeros(400, np.bool_)
        scattered[::21] = True  # twenty cells, nowhere near one another
        found = scan(np.stack([clone, scattered, np.zeros(400, np.bool_)]), nest.windows)
        nineteen, rest = np.array([19.0]), np.array([400.0])
        assert found[0] == pytest.approx(conditional_llr(nineteen, nineteen, nineteen, rest)[0])
        assert found[0] > 10 * found[1] > 0
        assert found[2] == 0.0

    def test_all_negative_is_not_seen(self) -> None:
        """The conditional scan is blind to a fragment that is negative throughout; another test is for that."""
        nest = make_nest(400)
        assert scan(np.ones((1, 400), np.bool_), nest.windows)[0] == pytest.approx(0.0, abs=1e-9)

    def test_readings_do_not_matter_to_one_another(self) -> None:
        """Many at once give what each gives alone, across the blocks they are worked on."""
        nest = make_nest(300)
        readings = np.random.default_rng(0).random((60, 300)) < 0.3
        together = scan(readings, nest.windows)
        assert together.tolist() == [scan(reading[None, :], nest.windows)[0] for reading in readings]


def test_windows_are_hexagonal_discs() -> None:
    """1 + 3 r (r + 1) cells for radii of 1, 2, 3, 4, 6, 8 and 10 cells."""
    assert tuple(1 + 3 * r * (r + 1) for r in (1, 2, 3, 4, 6, 8, 10)) == WINDOWS


def _places(n: int) -> tuple[np.ndarray, np.ndarray]:
    nest = make_nest(n)
    return nest.x_um, nest.y_um
