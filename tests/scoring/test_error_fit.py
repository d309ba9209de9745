"""An error model fitted to a few drawn fragments: rates by hand, intervals by law, what is taken over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta

from hetscore.domain import KnownSlide
from hetscore.scoring.error_count import link_slide
from hetscore.scoring.error_fit import (
    N_DRAWS,
    UNSEEN_ICC,
    Counts,
    Origin,
    find_rate,
    fit_errors,
    group_counts,
)
from hetscore.scoring.error_model import ErrorModel, Rate
from hetscore.scoring.error_spread import UNSEEN_RATIO, UNSEEN_SD
from tests.scoring.known import fragment_of, slide_of

ORIGIN = Origin("made", "gastric", "0" * 64, "made-1", "2026-11-22", is_site=False, domain={"mpp": (0.25, 0.25)})

STRONG = "+++++ ++-++ +++++ +++++ +++++"
MODERATE = "mmmmm mmmmm mmmmm mmmmm mmm-- ..... ..... ..... ooo.."
BELOW = "bbbbb bbBbb bbbbb bbbbb ooobb"
SLIDES = (
    slide_of(fragment_of(STRONG), fragment_of(STRONG), case_id="a"),
    slide_of(fragment_of(STRONG), fragment_of(BELOW, area_mm2=8.0), case_id="b"),
    slide_of(fragment_of(MODERATE, area_mm2=0.5), case_id="b"),
)


def count(*slides: KnownSlide) -> Counts:
    """Count the errors of slides."""
    return group_counts([link_slide(slide) for slide in slides])


@pytest.fixture(scope="module")
def model() -> ErrorModel:
    """Fit the three slides."""
    return fit_errors(count(*SLIDES), ORIGIN)


def counted(rate: Rate) -> tuple[int, int]:
    """Errors and cells."""
    return rate.n_errors, rate.n_cells


class TestThreeSlides:
    """Every number by hand."""

    def test_origin(self, model: ErrorModel) -> None:
        """What it is of is carried over; slides and fragments are counted."""
        assert (model.id, model.model, model.is_site, model.domain) == ("made", "gastric", False, {"mpp": (0.25, 0.25)})
        assert (model.n_slides, model.n_fragments, model.check) == (3, 5, None)

    def test_false_negatives_by_stratum(self, model: ErrorModel) -> None:
        """One of 25 in each 3+ fragment, two of 25 in that of 2+; so few tell nothing of clumping."""
        strong, moderate = model.strata

        assert (strong.name, moderate.name) == ("3+", "2+")
        assert counted(strong.false_negative) == (3, 75)
        assert counted(moderate.false_negative) == (2, 25)
        assert (moderate.neighbor_ratio, moderate.fragment_sd) == (UNSEEN_RATIO, UNSEEN_SD)
        assert moderate.ratio_range is None

    def test_false_positives(self, model: ErrorModel) -> None:
        """One of the 22 cells that are truly 0; none lies beside an overexpressing one."""
        assert counted(model.false_positive) == (1, 22)
        assert model.false_positive_beside is None

    def test_what_is_no_tumor(self, model: ErrorModel) -> None:
        """Not counted beside truly negative tumor cells, where a find off its cell reads 0 rightly."""
        assert counted(model.false_tumor) == (0, 3 * 25 + 28)
        assert [(item.n_cells, round(item.p_tumor, 6)) for item in model.objects.items] == [(3, 0.95)]
        assert model.objects.area_mm2 == 3.5

    def test_missed(self, model: ErrorModel) -> None:
        """One of a hundred on each slide."""
        assert counted(model.missed) == (3, 300)


def test_false_positives_beside_overexpressing_cells() -> None:
    """They share a membrane, and are another matter."""
    rim = slide_of(fragment_of("+++++ +Bbb+ +bbB+ +bbb+ +++++"), case_id="rim")

    model = fit_errors(count(*SLIDES, rim), ORIGIN)

    assert model.false_positive_beside is not None
    assert counted(model.false_positive_beside) == (2, 8)
    assert counted(model.false_positive) == (1, 23)


def test_other_cells_are_counted_where_they_can_mislead() -> None:
    """Not in HER2-negative cases, and not beside many truly negative cells; one among a hundred does not matter."""
    with_some = "ooo" + "+" * 100
    slides = [
        slide_of(fragment_of(_wrap(with_some)), fragment_of(_wrap(with_some.replace("+", "b", 3))), case_id="positive"),
        slide_of(fragment_of(_wrap(with_some.replace("+", "b"))), case_id="negative"),
        slide_of(fragment_of(_wrap(with_some.replace("+", "b", 1))), fragment_of(BELOW), case_id="nearly"),
    ]

    model = fit_errors(count(*slides), ORIGIN)

    assert model.objects.area_mm2 == 2.0
    assert len(model.objects.items) == 2
    assert model.false_tumor.n_cells == 103 + 103


def test_groups_come_unevenly() -> None:
    """Twelve in one of four fragments: m = 3 each, and 9 + 9 + 9 + 81 - 12 beyond chance; evenly, no unevenness."""
    rows = " ... ... ".join(["ooo...ooo...ooo"] * 4)
    many, none = fragment_of(f"{STRONG} ..... ..... {rows}"), fragment_of(STRONG)
    even = fragment_of(f"{STRONG} ..... ..... ooo...ooo...ooo")

    lumped = fit_errors(count(*SLIDES[1:2], slide_of(many, none, none, case_id="m")), ORIGIN)
    spread = fit_errors(count(*SLIDES[1:2], slide_of(even, even, even, even, case_id="m")), ORIGIN)

    assert len(lumped.objects.items) == len(spread.objects.items) == 12
    assert lumped.objects.shape == pytest.approx(4 * 9 / (3 * 9 + 81 - 12))
    assert spread.objects.shape > 1.0


def _wrap(letters: str) -> str:
    """Break a line into rows of thirteen."""
    return " ".join(letters[i : i + 13] for i in range(0, len(letters), 13))


def test_clumping_of_the_other_stratum() -> None:
    """A stratum with few errors lends the clumping of the one with enough."""
    clumped = "--+++ --+++ +++++ +++++ +++++"
    slides = [slide_of(fragment_of(clumped), fragment_of(MODERATE), case_id=str(i)) for i in range(4)]

    strong, moderate = fit_errors(count(*slides, *SLIDES), ORIGIN).strata

    assert strong.neighbor_ratio > 1.5
    assert moderate.neighbor_ratio == strong.neighbor_ratio


class TestTakenOver:
    """What slides cannot tell."""

    def test_homogeneous_slides(self, model: ErrorModel) -> None:
        """By the user's word: false positives and missed cells are the model's own."""
        site = slide_of(fragment_of("!!!!! !!?!! !!!!! !!!!! !!!!!"), homogeneous=True)

        fitted = fit_errors(count(site), replace(ORIGIN, is_site=True), model)

        assert counted(fitted.strata[0].false_negative) == (1, 25)
        assert (fitted.false_positive, fitted.missed) == (model.false_positive, model.missed)
        assert fitted.false_positive_beside == model.false_positive_beside
        assert counted(fitted.false_tumor) == (0, 25)
        # no group that is no tumor was seen on so little tissue: those of the model stand beside
        assert fitted.objects.items == model.objects.items
        assert fitted.objects.area_mm2 == pytest.approx(model.objects.area_mm2 + site.fragments[0].area_mm2)

    @pytest.mark.parametrize(
        ("slide", "said"),
        [
            (slide_of(fragment_of(STRONG)), "no tumor cell is known to be 0 or 1"),
            (slide_of(fragment_of("!!!!! !!!!! !!!!! !!!!!"), homogeneous=True), "no tumor cell is known to be 0 or 1"),
            (slide_of(fragment_of("bbbbb bbbbb bbbbb bbbbb")), "no tumor cell of these slides overexpresses"),
            (slide_of(fragment_of("bbbbb bbbbb +++++ +++++")), "every positive fragment of these slides holds"),
            (slide_of(), "no tumor cell of these slides overexpresses"),
            (slide_of(fragment_of(STRONG, area_mm2=float("nan"))), "the area of the tissue is not known"),
        ],
    )
    def test_nothing_to_take_it_from(self, slide: KnownSlide, said: str) -> None:
        """Nothing is taken for absent because nobody looked."""
        with pytest.raises(ValueError, match=said):
            fit_errors(count(slide), ORIGIN)

    def test_no_true_cells(self) -> None:
        """Nor for found because nobody knows what was missed."""
        unknown = replace(SLIDES[1], n_tumor=0, n_missed=0)

        with pytest.raises(ValueError, match="no tumor cell is known that was to be found"):
            fit_errors(count(unknown, replace(SLIDES[0], n_tumor=0, n_missed=0)), ORIGIN)


def test_cases_left_out() -> None:
    """All slides of a case go together."""
    counts = count(*SLIDES)

    assert counts.without(["b"]).ids == ("a",)
    assert counts.without(["b"]).n_slides == (1,)
    assert len(counts.without([]).fragments) == 5


def draws(n: int) -> NDArray[np.int64]:
    """Draw n cases anew."""
    return np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), N_DRAWS)


def rate_of(errors: list[int], cells: list[int]) -> Rate:
    """Give a rate from counts by case."""
    return find_rate(np.array(errors, float), np.array(cells, float), draws(len(cells)))


class TestRates:
    """Intervals that know that cells of one case are alike."""

    def test_even_cases(self) -> None:
        """Where cases differ less than by chance, the interval is that of independent cells."""
        rate = rate_of([20] * 10, [1000] * 10)

        assert rate.n_effective == 10_000
        assert (rate.low, rate.high) == pytest.approx((beta.ppf(0.025, 200, 9801), beta.ppf(0.975, 201, 9800)))

    def test_uneven_cases(self) -> None:
        """All errors in one of ten cases: the same rate is known less well."""
        even, uneven = rate_of([20] * 10, [1000] * 10), rate_of([200] + [0] * 9, [1000] * 10)

        assert (uneven.n_errors, uneven.n_cells) == (even.n_errors, even.n_cells)
        assert uneven.high > 2 * even.high
        assert uneven.low < even.low / 2

    def test_no_errors(self) -> None:
        """As many cells count as the stated likeness leaves: of 1,000 a case, 167."""
        rate = rate_of([0] * 10, [1000] * 10)

        n_effective = 10_000 / (1 + 999 * UNSEEN_ICC)
        assert rate.n_effective == pytest.approx(n_effective)
        assert rate.low == 0.0
        assert rate.high == pytest.approx(1 - 0.025 ** (1 / n_effective))

    def test_one_case(self) -> None:
        """A single case tells nothing of others, however many errors it holds."""
        rate = rate_of([50], [1000])

        assert rate.n_effective == pytest.approx(1000 / (1 + 999 * UNSEEN_ICC))
        assert rate.low < 0.03 < 0.07 < rate.high

    def test_no_cells(self) -> None:
        """It may be anything."""
        assert rate_of([0, 0], [0, 0]) == Rate(0, 0, 0.0, 1.0)

    @given(st.lists(st.tuples(st.integers(0, 40), st.integers(40, 4000)), min_size=1, max_size=8))
    def test_intervals_hold_the_rate(self, cases: list[tuple[int, int]]) -> None:
        """Never narrower than independent cells would make it."""
        rate = rate_of([k for k, _ in cases], [n for _, n in cases])

        k, n = rate.n_errors, rate.n_cells
        assert rate.low <= k / n <= rate.high
        assert rate.n_effective is not None
        assert 0 < rate.n_effective <= n
        assert rate.low <= (beta.ppf(0.025, k, n - k + 1) if k else 0.0) + 1e-12
        assert rate.high >= (beta.ppf(0.975, k + 1, n - k) if k < n else 1.0) - 1e-12
