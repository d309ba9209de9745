"""From measures to the membrane class: more stain never lowers it, and no measure is never 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import Cells, MembraneClass, MembranePattern
from hetscore.scoring.cell import OrdinalModel, cell_measures, classify_cells, count_as
from hetscore.scoring.guidelines import GUIDELINES, Guideline
from tests.scoring.builders import make_cells

MODEL = OrdinalModel("by-hand", weights=(4.0, 2.0, 1.0), cuts=(-10.0, -6.0, -1.0))
"""Near the shipped calibration, with weight on all three measures."""
BIOPSY = GUIDELINES["gastric-biopsy"]
"""Under which a cell counts as its staining."""
GASTRIC = [g for g in GUIDELINES.values() if g.organ == "gastric"]
BREAST = [g for g in GUIDELINES.values() if g.organ == "breast"]
ANY_GUIDELINE = st.sampled_from(list(GUIDELINES.values()))

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
    found: list[int] = classify_cells(_cells(*measured), model, BIOPSY).membrane_class.tolist()
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
        cells = classify_cells(_cells((0.8, 1.0, 1.0), (np.nan, 0.0, 0.0)), MODEL, BIOPSY)
        assert cells.membrane_class.tolist() == [MembraneClass.STRONG, MembraneClass.UNSCORED]
        assert not cells.p_class[1].any()

    def test_a_measure_below_zero_is_read_as_zero(self) -> None:
        """Noise below the cytoplasm is no stain, and no logarithm of a negative number."""
        below, zero = classify_cells(_cells((-0.05, 0.0, 0.0), (0.0, 0.0, 0.0)), MODEL, BIOPSY).p_class
        assert below.tolist() == zero.tolist()

    @pytest.mark.parametrize("guideline", BREAST, ids=lambda g: g.name)
    def test_the_guideline_changes_the_class_and_not_its_probabilities(self, guideline: Guideline) -> None:
        """A strong basolateral line is 3+ in the stomach and 2+ in the breast; it is as likely strong in both."""
        sides = _cells((0.8, 0.7, 0.7)).with_columns(membrane_pattern=np.array([MembranePattern.BASOLATERAL], np.int8))
        stomach, breast = (classify_cells(sides, MODEL, g) for g in (BIOPSY, guideline))
        assert (stomach.membrane_class[0], breast.membrane_class[0]) == (3, 2)
        assert stomach.p_class.tolist() == breast.p_class.tolist()

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
        p_class = classify_cells(_cells(measured), model, BIOPSY).p_class[0]
        assert (p_class >= 0).all()
        assert p_class.sum() == pytest.approx(1, abs=5e-5)

    @given(models(), measures)
    def test_the_class_is_the_median(self, model: OrdinalModel, measured: Measures) -> None:
        """At least half of the probability lies at the class or above, and at least half at it or below."""
        cells = classify_cells(_cells(measured), model, BIOPSY)
        p, k = cells.p_class[0], cells.membrane_class[0]
        assert p[k:].sum() >= 0.5 - 1e-4
        assert p[: k + 1].sum() >= 0.5 - 1e-4


@st.composite
def stained_cells(draw: st.DrawFn) -> tuple[list[int], list[int], list[int], list[int]]:
    """Draw classes and patterns of some cells, and the same cells stained as strongly or more, on as many sides."""
    both = st.tuples(*[st.integers(-1, 3)] * 2, *[st.integers(0, 4)] * 2)
    drawn = draw(st.lists(both, min_size=1, max_size=20))
    classes, patterns = [min(a, b) for a, b, _, _ in drawn], [min(c, d) for _, _, c, d in drawn]
    return classes, patterns, [max(a, b) for a, b, _, _ in drawn], [max(c, d) for _, _, c, d in drawn]


def _count(classes: Sequence[int], patterns: Sequence[int], guideline: Guideline) -> list[int]:
    counted: list[int] = count_as(np.array(classes, np.int8), np.array(patterns, np.int8), guideline).tolist()
    return counted


class TestCountAs:
    """What the staining of a cell counts as: breast asks for a closed membrane, the stomach does not."""

    @pytest.mark.parametrize("guideline", BREAST, ids=lambda g: g.name)
    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            (MembranePattern.COMPLETE, [2, 2, 3]),
            (MembranePattern.BASOLATERAL, [1, 2, 2]),
            (MembranePattern.LATERAL, [1, 2, 2]),
            (MembranePattern.PARTIAL, [1, 1, 1]),
            (MembranePattern.NONE, [1, 1, 1]),
        ],
    )
    def test_breast(self, guideline: Guideline, pattern: MembranePattern, expected: list[int]) -> None:
        """Faint, moderate and strong staining of each pattern, by all three editions."""
        assert _count([1, 2, 3], [pattern] * 3, guideline) == expected

    @pytest.mark.parametrize("guideline", GASTRIC, ids=lambda g: g.name)
    @pytest.mark.parametrize("pattern", MembranePattern)
    def test_stomach(self, guideline: Guideline, pattern: MembranePattern) -> None:
        """A cell counts as its class whatever the pattern."""
        assert _count([-1, 0, 1, 2, 3], [pattern] * 5, guideline) == [-1, 0, 1, 2, 3]

    @pytest.mark.parametrize("guideline", BREAST, ids=lambda g: g.name)
    def test_every_rule_can_be_reached(self, guideline: Guideline) -> None:
        """No cell rule is shadowed by those above it, and every stained cell finds one."""
        stained = [(c, p) for c in (1, 2, 3) for p in MembranePattern]
        holding = [[r.name for r in guideline.cell_rules if c >= r.at_least and p in r.patterns] for c, p in stained]
        assert {names[0] for names in holding} == {rule.name for rule in guideline.cell_rules}

    @given(ANY_GUIDELINE, stained_cells())
    def test_unstained_stays_unstained(
        self, guideline: Guideline, cells: tuple[list[int], list[int], list[int], list[int]]
    ) -> None:
        """UNSCORED, 0 and stained cells stay what they are; the given classes are left alone."""
        classes, patterns = np.array(cells[0], np.int8), np.array(cells[1], np.int8)
        counted = count_as(classes, patterns, guideline)
        assert np.minimum(counted, 1).tolist() == np.minimum(classes, 1).tolist()
        assert counted.dtype == np.int8
        assert classes.tolist() == cells[0]

    @given(ANY_GUIDELINE, stained_cells())
    def test_counting_twice_changes_nothing(
        self, guideline: Guideline, cells: tuple[list[int], list[int], list[int], list[int]]
    ) -> None:
        """What was counted counts as itself."""
        once = _count(cells[0], cells[1], guideline)
        assert _count(once, cells[1], guideline) == once

    @given(ANY_GUIDELINE, stained_cells())
    def test_more_staining_never_counts_less(
        self, guideline: Guideline, cells: tuple[list[int], list[int], list[int], list[int]]
    ) -> None:
        """Stronger at equal pattern, or on more sides at equal strength."""
        classes, patterns, stronger, wider = cells
        counted = np.array(_count(classes, patterns, guideline))
        assert (np.array(_count(stronger, patterns, guideline)) >= counted).all()
        assert (np.array(_count(classes, wider, guideline)) >= counted).all()


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
