"""The shipped check finds an error model out that takes clumped errors for independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from hetscore.scoring.error_check import check_errors, exceed_chance
from hetscore.scoring.error_count import LinkedSlide, homogeneous_cases, link_slide
from hetscore.scoring.error_fit import Counts, Origin, fit_errors, group_counts
from hetscore.scoring.error_model import Check, ErrorModel
from hetscore.scoring.simulator import Nest
from tests.scoring.known import draw_clumped, fragment_of, slide_of, text_of

ORIGIN = Origin("made", "gastric", "0" * 64, "made-1", "2026-11-22", is_site=False)
BELOW = slide_of(fragment_of("bbbbb bbBbb bbbbb bbbbb bbbbb"), case_id="below")
"""So that false positives can be counted; it is not homogeneous."""


def draw_cases(n: int, latent: float, seed: int = 0) -> list[LinkedSlide]:
    """Draw homogeneous cases of two fragments of 400 cells, 3 % misread."""
    rng = np.random.default_rng(seed)
    slides = [
        slide_of(
            *(fragment_of(text_of(draw_clumped(rng, 20, 0.03, latent)), number=i) for i in (1, 2, 3)), case_id=str(k)
        )
        for k in range(n)
    ]
    return [link_slide(slide) for slide in [*slides, BELOW]]


def fit(counts: Counts) -> ErrorModel:
    """Fit a model as it should be."""
    return fit_errors(counts, ORIGIN)


def fit_independent(counts: Counts) -> ErrorModel:
    """Fit a model that takes errors for independent, within fragments and between."""
    model = fit(counts)
    strata = tuple(replace(stratum, neighbor_ratio=1.0, fragment_sd=0.0) for stratum in model.strata)
    return replace(model, strata=strata)


@pytest.fixture(scope="module")
def clumped() -> list[LinkedSlide]:
    """Twelve cases whose errors come together: half of the variance is in the field."""
    return draw_cases(12, 0.5)


def test_a_model_of_independent_errors_fails_on_clumped_ones(clumped: list[LinkedSlide]) -> None:
    """It calls far more than one homogeneous case in twenty heterogeneous."""
    check = check_errors(group_counts(clumped), homogeneous_cases(clumped), fit_independent)

    assert check is not None
    assert check.n_cases == 12
    assert check.n_below >= 5
    assert check.is_failed


def test_the_fitted_model_passes(clumped: list[LinkedSlide]) -> None:
    """The same cases, with the clumping that was measured."""
    check = check_errors(group_counts(clumped), homogeneous_cases(clumped), fit)

    assert check is not None
    assert check.n_below <= 2
    assert not check.is_failed


def test_independent_errors_pass_either_way() -> None:
    """Where errors are independent, taking them for that is right."""
    slides = draw_cases(5, 0.0)

    check = check_errors(group_counts(slides), homogeneous_cases(slides), fit_independent)

    assert check is not None
    assert not check.is_failed


class Recorder:
    """A p-value that knows which cases the model was fitted to."""

    def __init__(self, p: float) -> None:
        """Give every case this p-value."""
        self.p = p
        self.models: list[ErrorModel] = []

    def __call__(self, nests: Sequence[Nest], model: ErrorModel) -> float:
        """Remember the model."""
        assert len(nests) == 1
        self.models.append(model)
        return self.p


def small(n: int) -> list[LinkedSlide]:
    """Make cases of one perfect fragment."""
    slides = [slide_of(fragment_of("+++++ +++++ +++++ +++++"), case_id=str(k)) for k in range(n)]
    return [link_slide(slide) for slide in [*slides, BELOW]]


@pytest.mark.parametrize(("n", "n_left"), [(2, 2), (20, 20), (30, 28)])
def test_no_case_is_judged_by_its_own_errors(n: int, n_left: int) -> None:
    """Up to twenty are left out one by one, more in ten folds; the slide that is not homogeneous stays in."""
    slides, p = small(n), Recorder(0.5)
    told: list[str] = []

    check = check_errors(
        group_counts(slides), homogeneous_cases(slides), fit, p, progress=lambda case_id, _p: told.append(case_id)
    )

    assert check == Check(n, 0, 1.0)
    assert sorted(told, key=int) == [str(k) for k in range(n)]
    assert {model.n_slides for model in p.models} == {n_left}


def test_every_low_p_value_counts() -> None:
    """Five of five below 0.05 is no chance."""
    slides = small(5)

    check = check_errors(group_counts(slides), homogeneous_cases(slides), fit, Recorder(0.01))

    assert check is not None
    assert (check.n_cases, check.n_below) == (5, 5)
    assert check.p_value == pytest.approx(0.05**5)


def test_one_case_is_no_check() -> None:
    """It cannot be left out."""
    slides = small(1)

    assert check_errors(group_counts(slides), homogeneous_cases(slides), fit) is None


def test_chance_of_so_many() -> None:
    """Binomial with one in twenty a case."""
    assert exceed_chance(0, 20) == 1.0
    assert exceed_chance(3, 20) == pytest.approx(1 - binom.cdf(2, 20, 0.05))
