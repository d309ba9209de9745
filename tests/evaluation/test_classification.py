"""Tumor call and membrane class, on cells written as words: true class, class found, p in tenths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.evaluation.classification import (
    OtherFigures,
    area_under_curve,
    calibration_error,
    class_figures,
    overexpressed_figures,
    quadratic_kappa,
    tumor_figures,
)
from tests.evaluation.builders import comparison

CALLS = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=30)


class TestTumor:
    """AUC, balanced accuracy, calibration, and what is kept."""

    def test_auc_by_hand(self) -> None:
        """Tumor at 0.9, 0.5; others at 0.5, 0.1: of four pairs three are right and one is a tie."""
        figures = tumor_figures(comparison("33:9 33:5 n0:5 n0:1"))

        assert figures.auc == 3.5 / 4
        assert (figures.sensitivity, figures.specificity, figures.balanced_accuracy) == (1.0, 0.5, 0.75)
        assert (figures.n, figures.n_tumor, figures.n_other) == (4, 2, 2)

    def test_cells_not_found_do_not_count(self) -> None:
        """A missed tumor cell is a matter of detection; only what is kept tells it."""
        figures = tumor_figures(comparison("33:9 3 n0:1 n"))

        assert (figures.n, figures.sensitivity, figures.specificity) == (2, 1.0, 1.0)
        assert figures.kept_by_class["3+"].kept == 0.5

    def test_one_kind_alone(self) -> None:
        """Without other cells neither AUC nor balanced accuracy is defined."""
        figures = tumor_figures(comparison("33:9 00:9"))

        assert (figures.auc, figures.balanced_accuracy, figures.specificity) == (None, None, None)
        assert figures.sensitivity == 1.0

    def test_kept_by_class(self) -> None:
        """Of four unstained cells one is missed and two are called other; both strong ones are kept, one just."""
        figures = tumor_figures(comparison("0 00:9 00:1 00:4 33:9 33:5 n0:9"))
        none, strong = figures.kept_by_class["0"], figures.kept_by_class["3+"]

        assert (none.n, none.n_found, none.n_kept) == (4, 3, 1)
        assert (none.found, none.kept) == (0.75, 0.25)
        assert none.called_tumor == pytest.approx(1 / 3)
        assert strong.kept == 1.0
        assert figures.kept_0_to_3plus == 0.25
        assert figures.kept_by_class["1+"].kept is None

    @pytest.mark.parametrize("cells", ["33:9", "00:9", "00:9 3"])
    def test_kept_ratio_needs_both(self, cells: str) -> None:
        """Without unstained cells, without strong ones, or with no strong one kept, there is no ratio."""
        assert tumor_figures(comparison(cells)).kept_0_to_3plus is None

    def test_calibration_by_hand(self) -> None:
        """Bins 0.9-1: three cells, two positive, means 0.95; bin 0.2: one, negative. (|2.85 - 2| + 0.2) / 4."""
        p, truth = np.array([0.9, 0.95, 1.0, 0.2]), np.array([True, True, False, False])

        assert calibration_error(p, truth) == pytest.approx((0.85 + 0.2) / 4)

    def test_calibration_of_nothing(self) -> None:
        """No cells, no figure."""
        assert calibration_error(np.zeros(0), np.zeros(0, bool)) is None

    @given(calls=CALLS)
    def test_auc_is_the_share_of_pairs_in_order(self, calls: list[tuple[int, bool]]) -> None:
        """Counting pair by pair gives the same; turning all calls round gives the complement."""
        p, truth = np.array([c[0] / 20 for c in calls]), np.array([c[1] for c in calls])
        scores = [(a > b) + (a == b) / 2 for a in p[truth] for b in p[~truth]]

        auc, turned = area_under_curve(p, truth), area_under_curve(1 - p, truth)

        assert auc == (pytest.approx(sum(scores) / len(scores)) if scores else None)
        if auc is not None and turned is not None:
            assert auc + turned == pytest.approx(1.0)

    @given(calls=CALLS)
    def test_sure_and_right_is_calibrated(self, calls: list[tuple[int, bool]]) -> None:
        """Probabilities of 0 and 1 that come true have no error; the reverse of them has all of it."""
        truth = np.array([c[1] for c in calls])

        assert calibration_error(truth.astype(float), truth) == 0.0
        assert calibration_error((~truth).astype(float), truth) == 1.0


class TestOtherByType:
    """Which kinds of cell are called tumor."""

    def test_by_hand(self) -> None:
        """Of two lymphocytes found none, of two plasma cells one is called tumor; a plasma cell is missed.

        AUC against lymphocytes: tumor at .9 and .5, others at .1 and .4, all four pairs are right; against plasma cells
        at .5 and .3: three right, one tie.
        """
        figures = tumor_figures(comparison("33:9 33:5 3 p0:5 l0:1 l0:4 p0:3 p"))

        assert figures.other_by_type == {
            "lymphocyte": OtherFigures(n=2, n_found=2, n_called=0, called_tumor=0.0, auc=1.0),
            "plasma": OtherFigures(n=3, n_found=2, n_called=1, called_tumor=0.5, auc=3.5 / 4),
        }

    def test_none_found(self) -> None:
        """A type all of whose cells were missed is present, and nothing is known of its calls."""
        assert tumor_figures(comparison("33:9 f")).other_by_type == {"fibroblast": OtherFigures(1, 0, 0, None, None)}

    def test_no_tumor_found(self) -> None:
        """Without a tumor cell to compare with there is a share and no AUC."""
        assert tumor_figures(comparison("3 f0:9")).other_by_type == {"fibroblast": OtherFigures(1, 1, 1, 1.0, None)}

    @pytest.mark.parametrize("cells", ["", "33:9 3", "33:9 n0:1 n"])
    def test_no_types(self, cells: str) -> None:
        """Without other cells, or where nobody told what they are, there are no types."""
        assert tumor_figures(comparison(cells)).other_by_type == {}

    @given(words=st.lists(st.sampled_from(["33:9", "00:5", "l0:1", "l0:5", "p0:9", "f0:2", "f"]), max_size=20))
    def test_types_make_up_the_whole(self, words: list[str]) -> None:
        """Counts of the types add up to those of all other cells; so do their AUC, weighted by cells found."""
        figures = tumor_figures(comparison(" ".join(words)))
        parts = figures.other_by_type.values()

        assert sum(part.n_found for part in parts) == figures.n_other
        if figures.specificity is not None:
            assert sum(part.n_called for part in parts) == pytest.approx((1 - figures.specificity) * figures.n_other)
        if figures.auc is not None:
            pairs = sum(part.auc * part.n_found for part in parts if part.auc is not None)
            assert pairs / figures.n_other == pytest.approx(figures.auc)


class TestClass:
    """Accuracy, kappa and confusion of found, scored tumor cells."""

    def test_by_hand(self) -> None:
        """Six cells, one unscored, one missed, one of another kind: three of four right, one off by one."""
        figures = class_figures(comparison("00:9 11:9 22:9 23:9 3u:9 3 n0:1"))

        assert (figures.n, figures.n_unscored, figures.accuracy) == (4, 1, 0.75)
        assert figures.confusion == ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 1), (0, 0, 0, 0))

    def test_a_tumor_cell_called_other_is_still_judged(self) -> None:
        """An error of the tumor call is not counted again in the class."""
        assert class_figures(comparison("22:1")).accuracy == 1.0

    def test_kappa_by_hand(self) -> None:
        """Two classes, of 10 cells 8 right, margins 5 and 5: chance 50, seen 2 of 10: 1 - 2 * 10 / 50."""
        assert quadratic_kappa(np.array([[4, 1], [1, 4]])) == pytest.approx(0.6)

    def test_kappa_weighs_by_the_square(self) -> None:
        """One cell three classes off costs what nine cells one class off cost."""
        near, far = np.diag([30, 30, 30, 30]), np.diag([30, 30, 30, 30])
        near[[0, 1, 2], [1, 0, 1]] += (4, 4, 1)
        far[0, 3] += 1

        cost = (np.arange(4)[:, None] - np.arange(4)) ** 2

        assert (cost * near).sum() == (cost * far).sum() == 9
        assert quadratic_kappa(far) == pytest.approx(1 - 9 * 121 / (cost * np.outer(far.sum(1), far.sum(0))).sum())

    def test_kappa_is_not_defined_without_disagreement_by_chance(self) -> None:
        """All cells of one class on both sides, or no cells."""
        assert quadratic_kappa(np.diag([5, 0, 0, 0])) is None
        assert quadratic_kappa(np.zeros((4, 4), np.int64)) is None

    @given(classes=st.lists(st.integers(0, 3), min_size=2, max_size=20).filter(lambda c: len(set(c)) > 1))
    def test_perfect(self, classes: list[int]) -> None:
        """Every class right: accuracy and kappa are 1, no error of either kind."""
        cells = comparison(" ".join(f"{c}{c}:9" for c in classes))
        over = overexpressed_figures(cells)

        assert class_figures(cells).accuracy == class_figures(cells).quadratic_kappa == over.accuracy == 1.0
        assert over.false_negative_rate in (0.0, None)
        assert over.false_positive_rate in (0.0, None)

    @given(cells=st.permutations(["00:9", "01:2", "12:7", "22:9", "23:5", "30:8", "33:9", "3u:9", "n0:1", "n3:8", "2"]))
    def test_order_does_not_matter(self, cells: list[str]) -> None:
        """Whatever the order of the cells, every figure is the same."""
        one, other = (comparison(" ".join(words)) for words in (cells, sorted(cells)))

        assert class_figures(one) == class_figures(other)
        assert overexpressed_figures(one) == overexpressed_figures(other)
        assert tumor_figures(one).auc == pytest.approx(tumor_figures(other).auc)
        assert tumor_figures(one).ece == pytest.approx(tumor_figures(other).ece)


class TestOverexpressed:
    """2+ or 3+ against the rest."""

    def test_by_hand(self) -> None:
        """Of four overexpressing cells one is called 1+; of two others one is called 2+."""
        figures = overexpressed_figures(comparison("22:9 23:9 32:9 31:9 00:9 12:9"))

        assert (figures.n, figures.n_positive, figures.n_negative) == (6, 4, 2)
        assert (figures.false_negative_rate, figures.false_positive_rate) == (0.25, 0.5)
        assert figures.accuracy == pytest.approx(4 / 6)

    def test_one_kind_alone(self) -> None:
        """Without cells below 2+ there is no false positive rate, and the reverse."""
        assert overexpressed_figures(comparison("22:9")).false_positive_rate is None
        assert overexpressed_figures(comparison("00:9")).false_negative_rate is None
        assert overexpressed_figures(comparison("n0:9")).accuracy is None
