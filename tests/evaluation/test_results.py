"""Reading a folder of results, as far as truth can judge it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hetscore.domain import CaseLabel, Her2Score, Her2Status
from hetscore.errors import UsageError
from hetscore.evaluation.results import FoundFragment, read_cases, read_slides
from tests.evaluation.builders import MPP, squares, write_results

CELLS = [
    {"x": 10.0, "y": 20.0, "p": 0.9, "class": 3, "fragment": 1},
    {"x": 30.0, "y": 20.0, "p": 0.1, "class": -1, "fragment": 2},
]
FRAGMENTS = [
    {"fragment": 1, "score": "3+"},
    {"fragment": 2, "score": ""},
    {"fragment": 3, "score": "", "role": "control"},
]


def test_case(tmp_path: Path) -> None:
    """Label, score, status, slides with their microns per pixel."""
    write_results(tmp_path, CELLS, FRAGMENTS)

    (case,) = read_cases(tmp_path)

    assert (case.case_id, case.label, case.literal_label) == ("a", CaseLabel.HOMO, CaseLabel.HETERO)
    assert (case.ihc_score, case.status, case.is_automatic) == (Her2Score.THREE_PLUS, Her2Status.POSITIVE, True)
    assert case.slides == {"a.tif": MPP}


def test_reviewed_case(tmp_path: Path) -> None:
    """A label that a reader settled is not automatic."""
    write_results(tmp_path, CELLS, label_basis="reviewed")

    assert not read_cases(tmp_path)[0].is_automatic


def test_cells(tmp_path: Path) -> None:
    """Columns of the slide; fragments of the sample only."""
    write_results(tmp_path, CELLS, FRAGMENTS)

    (slide,) = read_slides(read_cases(tmp_path)[0], {"a.tif"}, with_outlines=False)

    assert (slide.slide, slide.mpp, len(slide), slide.outlines) == ("a.tif", MPP, 2, None)
    assert slide.x.tolist() == [10, 30]
    assert slide.p_tumor == pytest.approx([0.9, 0.1])
    assert slide.membrane_class.tolist() == [3, -1]
    assert slide.fragment.tolist() == [1, 2]
    assert slide.fragments == (FoundFragment(1, Her2Score.THREE_PLUS), FoundFragment(2, None))


def test_outlines(tmp_path: Path) -> None:
    """Read where they are asked for; a cell without one is no fault."""
    write_results(tmp_path, CELLS, FRAGMENTS, outlines=squares([(5, 15), None]))

    (slide,) = read_slides(read_cases(tmp_path)[0], {"a.tif"}, with_outlines=True)

    assert slide.outlines is not None
    assert slide.outlines[0].bounds == (5, 15, 15, 25)
    assert slide.outlines[1] is None


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("x", float("nan"), "x nan; expected level-0 pixels"),
        ("y", float("inf"), "y inf; expected level-0 pixels"),
        ("p", float("nan"), "p_tumor nan; expected 0 to 1"),
        ("p", 1.5, "p_tumor 1.5; expected 0 to 1"),
        ("class", 4, "membrane_class 4; expected -1, 0, 1, 2 or 3"),
    ],
)
def test_wrong_cells(tmp_path: Path, column: str, value: float, fault: str) -> None:
    """A value that cannot be is named, with the file and the remedy."""
    write_results(tmp_path, [CELLS[0], CELLS[1] | {column: value}])

    with pytest.raises(UsageError, match=rf"cells.parquet: {fault}. Score the slides again"):
        list(read_slides(read_cases(tmp_path)[0], {"a.tif"}, with_outlines=False))


def test_other_slides_are_passed_over(tmp_path: Path) -> None:
    """Only the slides asked for are given."""
    write_results(tmp_path, CELLS)

    assert list(read_slides(read_cases(tmp_path)[0], {"b.tif"}, with_outlines=False)) == []


def test_slide_without_cells(tmp_path: Path) -> None:
    """A slide that was refused has no cells, and may have no microns per pixel."""
    write_results(tmp_path, [], provenance={"slides": [{"path": "a.tif", "mpp": None}]})

    (slide,) = read_slides(read_cases(tmp_path)[0], {"a.tif"}, with_outlines=False)

    assert len(slide) == 0


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        ({"label": "homo"}, "'homo' is not a valid CaseLabel; expected a case.json of this version"),
        ({"her2": {"ihc_score": "4+", "status": "positive"}}, r"KeyError '4\+'"),
        ({"provenance": {}}, "KeyError 'slides'"),
        ({"her2": None}, "TypeError"),
        (
            {"provenance": {"slides": [{"path": "x/a.tif", "mpp": 0.25}, {"path": "y/a.tif", "mpp": 0.25}]}},
            r"slides of the same name \(a.tif, a.tif\)",
        ),
    ],
)
def test_wrong_case(tmp_path: Path, record: dict[str, Any], fault: str) -> None:
    """A case.json that is none says which key is wrong."""
    write_results(tmp_path, CELLS, **record)

    with pytest.raises(UsageError, match=fault):
        read_cases(tmp_path)


def test_no_json(tmp_path: Path) -> None:
    """A file that is no JSON is refused by name."""
    write_results(tmp_path, CELLS)
    (tmp_path / "cases" / "a" / "case.json").write_text("{")

    with pytest.raises(UsageError, match=r"case.json: not readable"):
        read_cases(tmp_path)


def test_no_results(tmp_path: Path) -> None:
    """A folder without cases says what was expected."""
    with pytest.raises(UsageError, match="expected a folder written by hetscore score"):
        read_cases(tmp_path)


@pytest.mark.parametrize("file", ["cells.parquet", "fragments.csv"])
def test_half_a_case(tmp_path: Path, file: str) -> None:
    """A file that is absent is named with the remedy."""
    write_results(tmp_path, CELLS)
    (tmp_path / "cases" / "a" / file).unlink()

    with pytest.raises(UsageError, match=f"{file}: there is no such file; expected one. Score the slides again"):
        list(read_slides(read_cases(tmp_path)[0], {"a.tif"}, with_outlines=False))


def test_unknown_score(tmp_path: Path) -> None:
    """A fragment's score is one of four, or empty."""
    write_results(tmp_path, CELLS, [{"fragment": 1, "score": "5+"}])

    with pytest.raises(UsageError, match=r"fragments.csv: '5\+'; expected a fragment's number and score"):
        list(read_slides(read_cases(tmp_path)[0], {"a.tif"}, with_outlines=False))


def test_cells_without_a_scale(tmp_path: Path) -> None:
    """Cells of a slide without microns per pixel cannot be paired within a radius."""
    write_results(tmp_path, CELLS, provenance={"slides": [{"path": "a.tif", "mpp": None}]})
    case = read_cases(tmp_path)[0]

    with pytest.raises(UsageError, match=r"slide a\.tif has cells and no mpp"):
        list(read_slides(case, {"a.tif"}, with_outlines=False))
