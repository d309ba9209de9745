"""How clumped and how uneven errors are: by hand, and found again where they were put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import CellTruth
from hetscore.scoring.error_count import FragmentErrors, LinkedFragment, count_errors, link_slide
from hetscore.scoring.error_spread import (
    MIN_ERRORS,
    UNSEEN_RATIO,
    UNSEEN_SD,
    Spread,
    find_plain_sd,
    find_spread,
)
from hetscore.scoring.simulator import draw_shared, simulate
from tests.scoring.known import draw_clumped, errors_of, fragment_of, slide_of, text_of
from tests.scoring.nests import make_errors, make_nest


def spread_of(*cases: list[FragmentErrors]) -> Spread:
    """Measure the spread of cases, each drawn anew as often as the others."""
    draws = np.random.default_rng(0).multinomial(len(cases), np.full(len(cases), 1 / len(cases)), 400)
    return find_spread(cases, draws)


def test_ratio_by_hand() -> None:
    """Six links between errors where two would lie by chance: three times as often beside another."""
    cases = [[errors_of(1000, 10, links=4, expected=1.5), errors_of(500, 5, links=2, expected=0.5)]] * 2

    spread = spread_of(*cases)

    assert spread.neighbor_ratio == 3.0
    assert spread.ratio_range == (3.0, 3.0)
    assert spread.fragment_sd == 0.0


def test_sd_by_hand() -> None:
    """Two fragments of 1,000 cells with 0 and 20 errors: 200 squared deviations, of which chance explains 9.9 each."""
    p, n = 0.01, 1000.0
    tau2 = (2 * 10.0**2 - p * (1 - p) * (2 * n - n)) / (2 * n * n)

    spread = spread_of([errors_of(1000, 0)], [errors_of(1000, 20)])

    assert spread.fragment_sd == pytest.approx(np.sqrt(np.log1p(tau2 / (p * (1 - p)) ** 2)))


def test_clumps_are_no_spread() -> None:
    """Errors in groups of ten vary ten times as much by chance; what that explains is not put on the fragments."""
    alone = [[errors_of(1000, c)] for c in (0, 10, 20, 10)]
    grouped = [[replace(f, group_squares=10.0 * f.n_false_negative) for f in case] for case in alone]

    assert spread_of(*alone).fragment_sd > 0.3
    assert spread_of(*grouped).fragment_sd == 0.0


def test_too_few_errors_are_taken_for_clumped() -> None:
    """Nine errors tell neither; they are not taken for independent."""
    spread = spread_of([errors_of(1000, MIN_ERRORS - 1)], [errors_of(1000, 0)])

    assert spread == Spread(UNSEEN_RATIO, UNSEEN_SD, None, None)
    assert spread_of([], []) == spread


@pytest.mark.parametrize(("latent", "low", "high"), [(0.0, 1.0, 1.15), (0.3, 2.0, 3.3)])
def test_ratio_of_a_latent_field(latent: float, low: float, high: float) -> None:
    """Independent errors give 1; a field with three tenths of the variance, at a rate of 3 %, about 2.5."""
    rng = np.random.default_rng(5)
    cases = []
    for _ in range(20):
        slide = link_slide(slide_of(fragment_of(text_of(draw_clumped(rng, 30, 0.03, latent)))))
        cases.append([count_errors(slide.fragments[0])])

    spread = spread_of(*cases)

    assert low <= spread.neighbor_ratio <= high
    assert spread.ratio_range is not None
    assert spread.ratio_range[0] <= spread.neighbor_ratio <= spread.ratio_range[1]
    assert spread.fragment_sd < 0.35


def test_spread_between_fragments_is_found_again() -> None:
    """Log odds spread by 0.8 around 2 %: found to a fifth from 200 fragments."""
    rng = np.random.default_rng(3)
    odds = np.log(0.02 / 0.98) + 0.8 * rng.standard_normal(200)
    counts = rng.binomial(2000, 1 / (1 + np.exp(-odds)))

    spread = spread_of(*([errors_of(2000, int(c))] for c in counts))

    assert spread.fragment_sd == pytest.approx(0.8, rel=0.2)
    assert spread.sd_range is not None
    assert spread.sd_range[0] < 0.8 < spread.sd_range[1] * 1.1


def test_plain_sd() -> None:
    """The same measure for errors that come alone; too few take the stated guess."""
    assert find_plain_sd([(20, 1000), (0, 1000)]) == spread_of([errors_of(1000, 20)], [errors_of(1000, 0)]).fragment_sd
    assert find_plain_sd([(4, 1000), (5, 1000)]) == UNSEEN_SD


@given(st.lists(st.integers(0, 200), min_size=2, max_size=8))
def test_fragments_may_come_in_any_order(counts: list[int]) -> None:
    """Sums do not know an order."""
    forth = spread_of([errors_of(200, c, links=c, expected=c / 2) for c in counts])
    back = spread_of([errors_of(200, c, links=c, expected=c / 2) for c in reversed(counts)])

    assert forth.fragment_sd == pytest.approx(back.fragment_sd, abs=1e-6)
    assert forth.neighbor_ratio == pytest.approx(back.neighbor_ratio)
    assert forth.fragment_sd >= 0.0
    assert forth.neighbor_ratio >= 1.0


@pytest.mark.parametrize("reach", [2.0, 5.0])
def test_the_reach_of_clumping_is_found_again(reach: float) -> None:
    """From errors drawn on a lattice, a field of two spacings is told from one of five."""
    model, rng = make_errors(0.04, 6.0, reach=reach), np.random.default_rng(3)
    nests = [make_nest(1600, k) for k in range(24)]
    draws = draw_shared(model, 1, rng)
    read = [next(simulate(nest, model, draws, rng))[1][0] for nest in nests]
    known = [
        LinkedFragment(
            replace(nest, is_negative=negative),
            np.ones(len(nest)),
            np.full(len(nest), CellTruth.OVEREXPRESSED, np.int8),
        )
        for nest, negative in zip(nests, read, strict=True)
    ]
    spread = find_spread([[count_errors(fragment)] for fragment in known], np.ones((1, len(known)), np.int64))
    assert spread.reach == pytest.approx(reach, rel=0.4)
