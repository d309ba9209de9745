"""A run: the folder of results, what happens to bad input, and what is left when something fails."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hetscore.batch import run as batch
from hetscore.batch.cases import find_cases
from hetscore.batch.run import prepare_folder, run_cases
from hetscore.config import load_model, load_settings
from hetscore.domain import CaseInput, SlideInput, SlideRole
from hetscore.errors import UsageError
from hetscore.phantom.pyramid import write_pyramid
from hetscore.pipeline import Run, ScoredCase, score_case


@pytest.fixture
def run() -> Run:
    """Make a run with the shipped model and default settings."""
    return Run(load_settings(), load_model("watershed"))


def empty_slide(path: Path) -> Path:
    """Write a slide of empty glass: the quickest case there is."""
    write_pyramid(path, np.full((600, 800, 3), 240, np.uint8), 0.25)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class TestFolder:
    """Where results may be written."""

    def test_made_with_its_parents(self, tmp_path: Path) -> None:
        """A new folder is made."""
        prepare_folder(tmp_path / "a" / "b")

        assert (tmp_path / "a" / "b").is_dir()

    def test_other_results_are_not_overwritten(self, tmp_path: Path) -> None:
        """A folder that holds anything is refused, and what it holds is left alone."""
        (tmp_path / "cases.csv").write_text("mine")

        with pytest.raises(UsageError, match="holds other files"):
            prepare_folder(tmp_path)
        assert (tmp_path / "cases.csv").read_text() == "mine"

    def test_a_file_is_refused(self, tmp_path: Path) -> None:
        """A file in the place of the folder is named."""
        (tmp_path / "out").write_text("")

        with pytest.raises(UsageError, match="expected a folder"):
            prepare_folder(tmp_path / "out")

    def test_place_that_cannot_be_made(self, tmp_path: Path) -> None:
        """A folder below a file cannot be made: the system's reason is given."""
        (tmp_path / "file").write_text("")

        with pytest.raises(UsageError, match="cannot be made"):
            prepare_folder(tmp_path / "file" / "out")

    def test_folder_without_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder that may not be written is refused before anything is scored."""
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere, so the refusal is played

        with pytest.raises(UsageError, match="cannot be written"):
            prepare_folder(tmp_path)


class TestRun:
    """What a run leaves."""

    def test_one_bad_slide_does_not_stop_the_others(self, tmp_path: Path, run: Run) -> None:
        """The good case is scored, the bad one stands in failures.csv with its reason."""
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "bad.svs").write_text("not a slide")
        empty_slide(tmp_path / "in" / "good.tif")

        outcome = run_cases(find_cases([tmp_path / "in"]), tmp_path / "out", run)

        assert not outcome.is_complete
        assert [row["case_id"] for row in read_csv(tmp_path / "out" / "cases.csv")] == ["good"]
        (failure,) = read_csv(tmp_path / "out" / "failures.csv")
        assert (failure["what"], failure["case_id"]) == ("slide", "bad")
        assert "no slide format" in failure["reason"]
        assert json.loads((tmp_path / "out" / "run.json").read_text())["n_scored"] == 1

    def test_a_bug_in_one_case_is_told_and_outlived(
        self, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An unexpected error becomes a failure; the log holds its traceback; the next case is scored."""

        def fail_first(case: CaseInput, run: Run) -> ScoredCase:
            if case.case_id == "a":
                raise ZeroDivisionError("a bug")
            return score_case(case, run)

        monkeypatch.setattr(batch, "score_case", fail_first)
        cases = find_cases([empty_slide(tmp_path / "a.tif"), empty_slide(tmp_path / "b.tif")])

        outcome = run_cases(cases, tmp_path / "out", run)

        assert [row.case_id for row in outcome.rows] == ["b"]
        assert "unexpected ZeroDivisionError: a bug" in outcome.failures[0].reason
        log = [json.loads(line) for line in (tmp_path / "out" / "run.log").read_text().splitlines()]
        assert any("Traceback" in line.get("exception", "") for line in log if line["event"] == "case failed")

    def test_case_without_her2_slide(self, tmp_path: Path, run: Run) -> None:
        """A case of H&E slides only is a failure that says what is missing."""
        case = CaseInput("he", (SlideInput(empty_slide(tmp_path / "a.tif"), SlideRole.HE),))

        outcome = run_cases([case], tmp_path / "out", run)

        assert "no slide with the role her2" in outcome.failures[0].reason

    def test_no_mpp(self, tmp_path: Path, run: Run, shared_data: Callable[[str], Path]) -> None:
        """A slide that does not say its scale fails with the remedy."""
        slide = shared_data("wsi-small/histolab/tests/fixtures/tiff-images/kidney-48-5.tif")

        outcome = run_cases(find_cases([slide]), tmp_path / "out", run)

        assert "--mpp" in outcome.failures[0].reason

    def test_empty_tables_have_headers(self, tmp_path: Path, run: Run) -> None:
        """Without failures, failures.csv is its header."""
        run_cases(find_cases([empty_slide(tmp_path / "a.tif")]), tmp_path / "out", run)

        assert (tmp_path / "out" / "failures.csv").read_text() == "what,case_id,slide,reason\n"
