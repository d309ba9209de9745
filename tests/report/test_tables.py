"""The tables of a case and of a run."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import FragmentRole
from hetscore.report import tables
from hetscore.report.case_json import case_document
from tests.report.builders import empty_result, small_result

CASE_COLUMNS = (
    "case_id,label,literal_label,provisional,ihc_score,ish,status,fragments,fragments_with_tumor,tumor_cells,unscored,"
    "percent_overexpressed,largest_negative_cluster,pattern,h_score,flags,reason"
)


def test_golden_fragments(golden: Callable[[str, str], None], tmp_path: Path) -> None:
    """The whole table, control included."""
    (path,) = tables.write(small_result(), tmp_path)

    golden("report/fragments.csv", path.read_text(encoding="utf-8"))


def test_golden_cases(golden: Callable[[str, str], None], tmp_path: Path) -> None:
    """One row a case, in the given order."""
    rows = [tables.case_row(case_document(result)) for result in (small_result(), empty_result())]

    path, _ = tables.write_cases_csv(rows, tmp_path / "cases.csv")

    golden("report/cases.csv", path.read_text(encoding="utf-8"))


def test_fragments_read_back(tmp_path: Path) -> None:
    """Numbers, booleans and empty fields come back as they were."""
    (path,) = tables.write(small_result(), tmp_path)

    assert tables.read_fragment_rows(path) == tables.fragment_rows(small_result())


def test_control_is_listed_and_not_scored() -> None:
    """A control has a place and an area, and no count: empty, never 0; it is not excluded, though a person drew it."""
    slide = small_result().slides[0]
    by_hand = replace(slide, fragments=(replace(slide.fragments[3], reason="drawn by hand"),))
    (drawn,) = [r for r in tables.fragment_rows(replace(small_result(), slides=(by_hand,))) if r.fragment == 4]
    control = tables.fragment_rows(small_result())[3]

    assert drawn == control
    assert control.excluded_because == ""
    assert (control.fragment, control.role, control.area_mm2) == (4, "control", 0.0125)
    assert (control.cells, control.tumor_cells, control.assessable, control.score) == (None, None, None, "")


def test_excluded_piece_says_why() -> None:
    """The reason of an exclusion stands in the table."""
    slide = small_result().slides[0]
    pen = replace(slide.fragments[3], role=FragmentRole.EXCLUDED, reason="struck out by the reader")
    result = replace(small_result(), slides=(replace(slide, fragments=(pen,)),))

    (row,) = [row for row in tables.fragment_rows(result) if row.fragment == 4]

    assert (row.role, row.excluded_because) == ("excluded", "struck out by the reader")


def test_a_score_without_its_piece_is_kept() -> None:
    """A fragment known by its score alone has no place, but is in the table."""
    rows = tables.fragment_rows(replace(small_result(), slides=()))

    assert [(row.fragment, row.x, row.tumor_cells) for row in rows] == [(1, None, 12), (2, None, 11), (3, None, 0)]


def test_fragment_without_tumor_has_no_percent() -> None:
    """There is no share of nothing."""
    assert tables.fragment_rows(small_result())[2].percent_2plus_or_3plus is None


@pytest.mark.parametrize(
    ("counts", "percent"),
    [((0, 0, 0, 4), 100.0), ((1, 0, 0, 0), 0.0), ((1, 0, 0, 99_999), 99.99), ((99_999, 0, 1, 0), 0.01)],
)
def test_one_cell_in_many_is_never_rounded_away(counts: tuple[int, int, int, int], percent: float) -> None:
    """100 percent means all cells, 0 percent means none."""
    score = replace(small_result().score.fragments[0], counts=counts)
    result = replace(small_result(), score=replace(small_result().score, fragments=(score,)))

    assert tables.fragment_rows(result)[0].percent_2plus_or_3plus == percent


@given(st.tuples(*[st.integers(0, 10**6)] * 4).filter(any))
def test_percent_is_a_percent(counts: tuple[int, int, int, int]) -> None:
    """A percent lies in [0, 100], near the share, and reaches an end only where the share does."""
    score = replace(small_result().score.fragments[0], counts=counts)
    result = replace(small_result(), score=replace(small_result().score, fragments=(score,)))

    percent = tables.fragment_rows(result)[0].percent_2plus_or_3plus

    assert percent is not None
    assert percent == pytest.approx(100 * (counts[2] + counts[3]) / sum(counts), abs=0.011)
    assert (percent == 100) == (counts[0] + counts[1] == 0)
    assert (percent == 0) == (counts[2] + counts[3] == 0)


def test_cases_columns(tmp_path: Path) -> None:
    """The columns are those of the design; a run without a case has the header alone."""
    path, beside = tables.write_cases_csv([], tmp_path / "cases.csv")

    assert path.read_text(encoding="utf-8") == CASE_COLUMNS + "\n"
    assert pq.read_table(beside).column_names == CASE_COLUMNS.split(",")


def test_cases_parquet_holds_the_same(tmp_path: Path) -> None:
    """The Parquet file has the same rows, typed: what is not known is null."""
    rows = [tables.case_row(case_document(result)) for result in (small_result(), empty_result())]

    _, beside = tables.write_cases_csv(rows, tmp_path / "cases.csv")

    assert pq.read_table(beside).to_pylist() == [asdict(row) for row in rows]


def test_failures(tmp_path: Path) -> None:
    """One row a failure, quoted where needed; without failures the header stands alone."""
    failure = tables.Failure(what="slide", case_id="c1", slide="a.tif", reason='a.tif: "bad", truncated')

    full = tables.write_failures_csv([failure], tmp_path / "failures.csv")
    empty = tables.write_failures_csv([], tmp_path / "none.csv")

    with full.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [asdict(failure)]
    assert empty.read_text(encoding="utf-8") == "what,case_id,slide,reason\n"
