"""From measures to the membrane class: more stain never lowers it, and no measure is never 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Cells, MembraneClass
from hetscore.scoring.cell import OrdinalModel, cell_measures, classify_cells
from tests.scoring.builders import make_cells

MODEL = OrdinalModel("by-hand", weights=(4.0, 2.0, 1.0), cuts=(-10.0, -6.0, -1.0))
"""Near the shipped calibration, with weight on all three measures."""

ods = st.floats(-0.125, 2.0, width=32)
shares = st.floats(0.0, 1.0, width=32)
measures = st.tuples(ods, shares, shares)
"""(membrane_od, completeness, arc), the density down to the noise below zero."""

Measures = tuple[float, float, float]


def _cells(*measured: Measures) -> Cells:
    """Cells with these (membrane_od, completeness, arc)."""
    n = len(measured)
    od, completeness, arc = np.array(measured, np.float32).reshape(-1, 3).T
    return make_cells([0.0] * n, [0.0] * n, [-1] * n, [0.9] * n).with_columns(
        membrane_od=od, membrane_completeness=completeness, membrane_arc=arc
    )


def _classes(*measured: Measures, model: OrdinalModel = MODEL) -> list[int]:
    found: list[int] = classify_cells(_cells(*measured), model).membrane_class.tolist()
    return found


@st.composite
def models(draw: st.DrawFn) -> OrdinalModel:
    """Any calibration that is allowed."""
    weights = draw(st.tuples(*[st.floats(0, 10)] * 3))
    cuts: Sequence[float] = sorted(draw(st.lists(st.integers(-150, 100), min_size=3, max_size=3, unique=True)))
    return OrdinalModel("drawn", weights, (cuts[0] / 10, cuts[1] / 10, cuts[2] / 10))


class TestClassifyCells:
    """Examples and laws."""

    def test_from_bare_to_strong(self) -> None:
        """A bare cell, a faint, a moderate and a strong closed line."""
        assert _classes((0.0, 0.0, 0.0), (0.12, 0.5, 0.3), (0.3, 0.9, 0.9), (0.8, 1.0, 1.0)) == [0, 1, 2, 3]

    def test_what_was_not_measured_is_unscored(self) -> None:
        """NaN gives no class and no probabilities, and leaves its neighbors alone."""
        cells = classify_cells(_cells((0.8, 1.0, 1.0), (np.nan, 0.0, 0.0)), MODEL)
        assert cells.membrane_class.tolist() == [MembraneClass.STRONG, MembraneClass.UNSCORED]
        assert not cells.p_class[1].any()

    def test_a_measure_below_zero_is_read_as_zero(self) -> None:
        """Noise below the cytoplasm is no stain, and no logarithm of a negative number."""
        below, zero = classify_cells(_cells((-0.05, 0.0, 0.0), (0.0, 0.0, 0.0)), MODEL).p_class
        assert below.tolist() == zero.tolist()

    def test_no_cells(self) -> None:
        """An empty tile is classified without complaint."""
        assert _classes() == []

    @given(models(), measures, measures)
    def test_more_stain_never_lowers_the_class(self, model: OrdinalModel, less: Measures, other: Measures) -> None:
        """Darker, more complete or in a longer arc: under any allowed calibration the class stays or rises."""
        more = (max(less[0], other[0]), max(less[1], other[1]), max(less[2], other[2]))
        less_class, more_class = _classes(less, more, model=model)
        assert more_class >= less_class

    @given(models(), measures)
    def test_probabilities_sum_to_one(self, model: OrdinalModel, measured: Measures) -> None:
        """And none is negative."""
        p_class = classify_cells(_cells(measured), model).p_class[0]
        assert (p_class >= 0).all()
        assert p_class.sum() == pytest.approx(1, abs=5e-5)

    @given(models(), measures)
    def test_the_class_is_the_median(self, model: OrdinalModel, measured: Measures) -> None:
        """At least half of the probability lies at the class or above, and at least half at it or below."""
        cells = classify_cells(_cells(measured), model)
        p, k = cells.p_class[0], cells.membrane_class[0]
        assert p[k:].sum() >= 0.5 - 1e-4
        assert p[: k + 1].sum() >= 0.5 - 1e-4


class TestOrdinalModel:
    """The calibration."""

    def test_at_a_cut_the_odds_are_even(self) -> None:
        """A score of 2 at a cut of 2: half of the probability is at that class or above."""
        model = OrdinalModel("even", weights=(1.0, 0.0, 0.0), cuts=(0.0, 2.0, 5.0))
        p = model.probabilities(np.array([[2.0, 0.3, 0.3]]))[0]
        assert p[2:].sum() == pytest.approx(0.5)
        assert p[0] == pytest.approx(1 - 1 / (1 + np.exp(-2)))

    @pytest.mark.parametrize(
        ("weights", "cuts"),
        [
            ((-0.1, 1.0, 1.0), (0.0, 1.0, 2.0)),
            ((1.0, 1.0, -1e-9), (0.0, 1.0, 2.0)),
            ((float("nan"), 1.0, 1.0), (0.0, 1.0, 2.0)),
            ((1.0, 1.0, float("nan")), (0.0, 1.0, 2.0)),
            ((1.0, float("inf"), 1.0), (0.0, 1.0, 2.0)),
            ((1.0, 1.0, 1.0), (0.0, 0.0, 2.0)),
            ((1.0, 1.0, 1.0), (0.0, 2.0, 1.0)),
            ((1.0, 1.0, 1.0), (0.0, 1.0, float("nan"))),
        ],
    )
    def test_a_calibration_that_could_lower_a_class_is_refused(
        self, weights: tuple[float, float, float], cuts: tuple[float, float, float]
    ) -> None:
        """A weight negative or no number, cuts equal, out of order or no numbers; the message names the calibration."""
        with pytest.raises(ValueError, match=r"calibration bad: .* not monotone"):
            OrdinalModel("bad", weights, cuts)


class TestCellMeasures:
    """What the class rests on."""

    def test_by_hand(self) -> None:
        """The logarithm of the density above a floor of 0.02, completeness and arc as they are."""
        assert cell_measures(_cells((0.48, 0.7, 0.6)))[0] == pytest.approx([np.log(0.5), 0.7, 0.6])
