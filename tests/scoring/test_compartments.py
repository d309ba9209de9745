"""Compartments by hand, their laws, and that they never touch a score."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hetscore.domain import Cells, Compartments, empty_cells
from hetscore.scoring.compartments import (
    has_nuclear_stain,
    measure_compartments,
    measure_width,
    translocation_index,
)
from hetscore.scoring.fragment import score_fragment
from hetscore.scoring.guidelines import GUIDELINES
from tests.scoring.builders import ANY_SIZE, MPP, draw_cells, make_fragment

MIXTURE = """
    3 3 3 3 0 0
     3 3 2 0 n 1
    3 3 3 ? 0 1
    """


def _column(values: list[float]) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def _cells(picture: str, **columns: list[float]) -> Cells:
    return draw_cells(picture).with_columns(**{name: _column(values) for name, values in columns.items()})


def _one(nucleus: float, membrane: float, cytoplasm: float) -> float:
    """Index of one cell; the membrane as the height above its cytoplasm, which is the darker side."""
    columns = {"nucleus_od": nucleus, "membrane_od": membrane, "membrane_ground_od": cytoplasm}
    cell = _cells("3", cytoplasm_od=[cytoplasm], **{name: [value] for name, value in columns.items()})
    return float(translocation_index(cell)[0])


class TestTranslocationIndex:
    """N / (M + C + N), the membrane in absolute density."""

    @pytest.mark.parametrize(
        ("nucleus", "membrane", "cytoplasm", "index"),
        [
            (0.5, 0.0, 0.0, 1.0),  # only the nucleus
            (0.0, 0.5, 0.25, 0.0),  # all but the nucleus
            (0.25, 0.0, 0.25, 1 / 3),  # an even stain: the membrane is as brown as the cytoplasm
            (0.25, 0.25, 0.0, 0.5),
            (0.25, 0.5, 0.125, 0.25),  # 2 of 2 + 5 + 1 eighths
        ],
    )
    def test_by_hand(self, nucleus: float, membrane: float, cytoplasm: float, index: float) -> None:
        """Shares that can be checked in the head."""
        assert _one(nucleus, membrane, cytoplasm) == pytest.approx(index)

    @pytest.mark.parametrize(
        ("nucleus", "membrane", "cytoplasm", "index"),
        [
            (-0.25, 0.5, 0.0, 0.0),
            (0.25, -0.25, 0.125, 2 / 3),  # the membrane is 0.125 below 0, so 0
            (0.25, 0.5, -0.25, 0.5),  # the cytoplasm is 0, the membrane 0.25
        ],
    )
    def test_below_zero_is_zero(self, nucleus: float, membrane: float, cytoplasm: float, index: float) -> None:
        """A density below 0 is noise: it never leads the index out of [0, 1]."""
        assert _one(nucleus, membrane, cytoplasm) == pytest.approx(index)

    @pytest.mark.parametrize(("nucleus", "membrane"), [(0.5, nan), (0.0, 0.0), (-0.1, -0.1)])
    def test_nothing_to_compare_is_unknown(self, nucleus: float, membrane: float) -> None:
        """An unmeasured membrane, or no density at all, is not an index of 0."""
        assert isnan(_one(nucleus, membrane, 0.0))

    def test_a_browner_neighbor_is_part_of_the_membranes_density(self) -> None:
        """A line of 0.25 above a neighbor of 0.5 is as dark as one of 0.75 on glass."""
        cell = _cells("3", nucleus_od=[0.25], membrane_od=[0.25], membrane_ground_od=[0.5], cytoplasm_od=[0.0])
        assert translocation_index(cell)[0] == 0.25

    def test_no_cells(self) -> None:
        """An empty table has an empty column."""
        assert translocation_index(empty_cells()).shape == (0,)

    @given(*[st.floats(-0.5, 2.0, width=32)] * 3)
    def test_it_is_a_share(self, nucleus: float, membrane: float, cytoplasm: float) -> None:
        """Whatever was measured, it lies in [0, 1] or is unknown."""
        index = _one(nucleus, membrane, cytoplasm)
        assert isnan(index) or 0 <= index <= 1

    @given(*[st.floats(0.0, 1.0, width=32)] * 4)
    def test_a_browner_nucleus_never_lowers_it(self, less: float, more: float, membrane: float, haze: float) -> None:
        """The rest of the cell staying as it is."""
        low, high = sorted([less, more])
        before, after = _one(low, membrane, haze), _one(high, membrane, haze)
        assert isnan(before) or before <= after


class TestMeasureCompartments:
    """Means over the scored tumor cells of a fragment."""

    def test_by_hand(self) -> None:
        """Two scored tumor cells count; the unscored one and the one that is no tumor cell do not."""
        cells = _cells(
            "3 0 ? n",
            membrane_od=[0.5, 0.25, nan, 9],
            cytoplasm_od=[0.25, 0.0, 9, 9],
            membrane_ground_od=[0.25, 0.0, 9, 9],
            nucleus_od=[0.0, 0.25, 9, 9],
            nucleus_residual_od=[0.25, 0.5, 9, 9],
        )
        assert measure_compartments(cells) == Compartments(
            n_cells=2,
            membrane_od=0.5,
            cytoplasm_od=0.125,
            nucleus_od=0.125,
            residual_od=0.375,
            translocation_index=0.25,
        )

    def test_noise_averages_out(self) -> None:
        """Densities enter the means as measured; a cell without any has no index to average."""
        cells = _cells("0 0", membrane_od=[0, 0], nucleus_od=[0.125, -0.125])
        found = measure_compartments(cells)
        assert found is not None
        assert (found.n_cells, found.nucleus_od, found.translocation_index) == (2, 0.0, 1.0)

    @pytest.mark.parametrize("picture", ["? n", "n", "0 3"])
    def test_without_a_measure_there_is_none(self, picture: str) -> None:
        """No scored tumor cell, or cells counted by hand, whose columns are all 0."""
        assert measure_compartments(draw_cells(picture)) is None

    def test_no_cells(self) -> None:
        """An empty fragment has no compartments."""
        assert measure_compartments(empty_cells()) is None

    def test_a_class_given_by_a_reader_has_no_densities(self) -> None:
        """A cell scored by eye whose membrane could not be measured is left out of the means."""
        cells = _cells("3 3", membrane_od=[0.5, nan], nucleus_od=[0.125, 9])
        found = measure_compartments(cells)
        assert found is not None
        assert (found.n_cells, found.nucleus_od) == (1, 0.125)

    @given(st.permutations(range(18)))
    def test_the_order_of_the_cells_does_not_show(self, order: list[int]) -> None:
        """To the last bit."""
        cells = _random(draw_cells(MIXTURE))
        assert measure_compartments(cells.take(np.array(order))) == measure_compartments(cells)


class TestMeasureWidth:
    """Median over the stained tumor cells."""

    def test_by_hand(self) -> None:
        """Of 1+, 2+ and 3+; not of 0, the unscored, other cells, or where none was found."""
        cells = _cells("1 2 3 3 0 ? n", membrane_width_um=[0.5, 1, 2, nan, 9, 9, 9])
        assert measure_width(cells) == 1.0

    @pytest.mark.parametrize("picture", ["0 ? n", "3"])
    def test_without_a_width_there_is_none(self, picture: str) -> None:
        """Nothing is stained, or nothing was measured: not a width of 0."""
        assert measure_width(draw_cells(picture)) is None


class TestHasNuclearStain:
    """The nuclei are stained, and more than all else."""

    BROWN = Compartments(
        n_cells=50, membrane_od=0.1, cytoplasm_od=0.1, nucleus_od=0.4, residual_od=0.0, translocation_index=0.66
    )

    def test_brown_nuclei(self) -> None:
        """Two thirds of the density lie in the nucleus."""
        assert has_nuclear_stain(self.BROWN)

    @pytest.mark.parametrize(("nucleus_od", "is_nuclear"), [(0.10, True), (0.0999, False)])
    def test_pale_nuclei_are_noise(self, nucleus_od: float, is_nuclear: bool) -> None:
        """The bound belongs to the stained."""
        assert has_nuclear_stain(replace(self.BROWN, nucleus_od=nucleus_od)) is is_nuclear

    @pytest.mark.parametrize(("index", "is_nuclear"), [(0.5, False), (0.5001, True)])
    def test_half_is_not_more_than_half(self, index: float, is_nuclear: bool) -> None:
        """As much as membrane and cytoplasm together is not stronger."""
        assert has_nuclear_stain(replace(self.BROWN, translocation_index=index)) is is_nuclear


COLUMNS = ("nucleus_od", "cytoplasm_od", "nucleus_residual_od", "membrane_width_um")


def _random(cells: Cells, seed: int = 0) -> Cells:
    rng = np.random.default_rng(seed)
    drawn = {name: rng.normal(0.3, 0.3, len(cells)).astype(np.float32) for name in COLUMNS}
    return cells.with_columns(**drawn | {"membrane_width_um": np.abs(drawn["membrane_width_um"])})


class TestNeverPartOfTheScore:
    """Nuclear and cytoplasmic staining is never counted."""

    @pytest.mark.parametrize("guideline", GUIDELINES)
    @given(st.integers(0, 2**32 - 1))
    def test_a_score_does_not_see_the_compartments(self, guideline: str, seed: int) -> None:
        """Whatever stands in their columns, score, counts, clusters and the row that decided stay the same."""
        cells = draw_cells(MIXTURE)
        plain, other = (
            score_fragment(make_fragment(), which, MPP, GUIDELINES[guideline], ANY_SIZE)
            for which in (cells, _random(cells, seed))
        )
        assert (other.score, other.decision, other.counts) == (plain.score, plain.decision, plain.counts)
        assert other.largest_cluster == plain.largest_cluster
        assert other.negative_clusters == plain.negative_clusters
        assert other.negative_cluster_sizes == plain.negative_cluster_sizes
        assert other.is_assessable == plain.is_assessable
