"""Cells called tumor beside what they truly are: places that can be checked by eye, 0.25 um a pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hetscore.domain import CellTruth, KnownFragment, KnownSlide
from hetscore.errors import UsageError
from hetscore.evaluation.document import read_truth
from hetscore.evaluation.known import know_slide, read_homogeneous, read_known
from hetscore.evaluation.results import FoundFragment, FoundSlide
from hetscore.geometry import Box
from tests.evaluation.builders import found_at, truth_at, write_csv, write_phantom_truth, write_results

UNKNOWN, NO_TUMOR, BELOW, OVER = CellTruth
FAR = 100.0
"""Level-0 pixels between neighbors, 25 um: no cell is taken for another."""


def at(n: int) -> list[tuple[float, float]]:
    """Give n places in a row."""
    return [(FAR * i, 50.0) for i in range(n)]


def only(slide: KnownSlide) -> KnownFragment:
    """Take the one fragment."""
    (fragment,) = slide.fragments
    return fragment


def phantom(found: FoundSlide, kinds: str, **columns: NDArray[Any]) -> KnownSlide:
    """Know a slide whose true cells stand at the same places: 0 to 3, or n for a cell that is no tumor."""
    known = {
        "is_tumor": np.array([kind != "n" for kind in kinds], bool),
        "membrane_class": np.array([-1 if kind == "n" else int(kind) for kind in kinds], np.int8),
        "fragment": np.ones(len(kinds), np.int64),
    }
    return know_slide("case", found, truth_at(at(len(kinds)), **(known | columns)))


class TestPhantom:
    """Everything is known."""

    def test_truth_of_each_call(self) -> None:
        """By the class of the partner; what has none, and what is another cell, is no tumor."""
        found = found_at([*at(5), (1000.0, 900.0)], membrane_class=np.array([3, 0, 2, -1, 1, 0], np.int8))

        known = only(phantom(found, "01n23"))

        assert known.truth.tolist() == [BELOW, BELOW, NO_TUMOR, OVER, OVER, NO_TUMOR]
        assert known.membrane_class.tolist() == [3, 0, 2, -1, 1, 0]
        assert known.x_um.tolist() == [0.0, 25.0, 50.0, 75.0, 100.0, 250.0]
        assert (known.fragment, known.y_um[0]) == (1, 12.5)

    def test_cells_not_called_tumor_are_missed(self) -> None:
        """Of four true tumor cells one is not found and one is called something else."""
        found = found_at(at(4), p_tumor=np.array([0.9, 0.4, 0.5, 0.9]))

        known = phantom(found, "333n3")

        assert (known.n_tumor, known.n_missed) == (4, 2)
        assert only(known).truth.tolist() == [OVER, OVER, NO_TUMOR]

    def test_cells_under_an_artefact(self) -> None:
        """What was called there counts, for a case is judged by it; what was not is not missed."""
        sure = np.array([True, False, False])

        known = phantom(found_at(at(2)), "333", is_sure=sure)

        assert only(known).truth.tolist() == [OVER, OVER]
        assert (known.n_tumor, known.n_missed) == (1, 0)

    def test_control_cores(self) -> None:
        """Their cells are not of the sample: unknown, if a fragment holds them at all."""
        known = phantom(found_at(at(2)), "33", fragment=np.array([1, -1]), is_sure=np.array([True, False]))

        assert only(known).truth.tolist() == [OVER, UNKNOWN]

    def test_fragments(self) -> None:
        """Those of the sample with their areas; cells of others are left out."""
        fragments = (FoundFragment(1, None, 2.0), FoundFragment(3, None, 0.5))
        found = found_at(at(4), fragment=np.array([3, 1, 2, 3]), fragments=fragments)

        known = phantom(found, "3333")

        assert [(f.fragment, f.area_mm2, len(f)) for f in known.fragments] == [(1, 2.0, 1), (3, 0.5, 2)]


class TestCrops:
    """Only what people read is known."""

    def known(self) -> KnownSlide:
        """Two crops of 400 px: cells 0 to 3 in the first; a find without a partner in each, one near a doubtful place.

        Cells 6 and 7, of fragment 2, lie outside.
        """
        truth = truth_at(
            at(5),
            is_tumor=np.array([True, True, False, True, True]),
            membrane_class=np.array([3, 0, -1, -1, 2], np.int8),
            is_sure=np.array([True, True, True, True, False]),
            doubtful_xy=np.array([[350.0, 250.0]]),
            read=(Box(-50, 0, 400, 400), Box(350, 0, 400, 400)),
        )
        places = [*at(5), (30.0, 300.0), (352.0, 250.0), (2000.0, 50.0), (2100.0, 50.0)]
        found = found_at(
            places,
            fragment=np.array([1, 1, 1, 1, 1, 1, 1, 2, 2]),
            fragments=(FoundFragment(1, None, 9.0), FoundFragment(2, None, 4.0)),
        )
        return know_slide("case", found, truth)

    def test_truth(self) -> None:
        """A tumor cell whose membrane nobody read is unknown, so is a nucleus nobody could name."""
        first, second = self.known().fragments

        assert first.truth.tolist() == [OVER, BELOW, NO_TUMOR, UNKNOWN, UNKNOWN, NO_TUMOR, UNKNOWN]
        assert second.truth.tolist() == [UNKNOWN, UNKNOWN]

    def test_area_is_that_of_the_crops(self) -> None:
        """Each 100 um wide, both of the first fragment."""
        first, second = self.known().fragments

        assert first.area_mm2 == pytest.approx(2 * 0.1 * 0.1)
        assert second.area_mm2 == 0.0

    def test_missed(self) -> None:
        """Asked for are the three tumor cells that somebody was sure of."""
        assert (self.known().n_tumor, self.known().n_missed) == (3, 0)


CELLS = [{"x": 100.0 * i, "y": 50.0, "p": 0.9, "class": 3, "fragment": 1} for i in range(3)]
FRAGMENTS = [{"fragment": 1, "score": "3+"}]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Write three 3+ cells as results."""
    write_results(tmp_path / "results", CELLS, FRAGMENTS)
    return tmp_path / "results"


def test_results_beside_a_phantom(results: Path, tmp_path: Path) -> None:
    """By the name of the slide; a table without areas, as old versions wrote it, gives none."""
    write_phantom_truth(tmp_path / "phantom", [{"x": 0.0, "y": 50.0, "kind": 1, "fragment": 1}])

    (known,) = read_known(results, read_truth(tmp_path / "phantom"))

    assert (known.case_id, known.slide, known.is_homogeneous) == ("a", "a.tif", False)
    assert only(known).truth.tolist() == [BELOW, NO_TUMOR, NO_TUMOR]
    assert np.isnan(only(known).area_mm2)


def test_homogeneous_results(tmp_path: Path) -> None:
    """Nothing is known of a cell but the user's word; the area is the fragment's."""
    write_results(tmp_path / "results", CELLS)
    row = FRAGMENTS[0] | {"slide": "a.tif", "role": "sample", "area_mm2": 0.75}
    write_csv(tmp_path / "results" / "cases" / "a" / "fragments.csv", tuple(row), [row])

    (known,) = read_homogeneous(tmp_path / "results")

    assert known.is_homogeneous
    assert (known.n_tumor, known.n_missed) == (0, 0)
    assert only(known).truth.tolist() == [UNKNOWN] * 3
    assert only(known).area_mm2 == 0.75


def test_truth_of_other_slides(results: Path, tmp_path: Path) -> None:
    """Nothing in common is a mistake."""
    write_phantom_truth(tmp_path / "phantom", [{"x": 0.0, "y": 50.0, "kind": 1, "fragment": 1}], slide="b")

    with pytest.raises(UsageError, match="no slide of the truth in it"):
        read_known(results, read_truth(tmp_path / "phantom"))
