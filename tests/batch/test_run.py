"""A run: the folder of results, what happens to bad input, and what is left when something fails."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetscore.batch import run as batch
from hetscore.batch.cases import find_cases
from hetscore.batch.run import check_guideline, prepare_folder, run_cases
from hetscore.config import Model, Settings, load_model, load_settings
from hetscore.domain import CaseInput, IshData, IshResult, SlideInput, SlideRole
from hetscore.errors import UsageError
from hetscore.phantom.pyramid import write_pyramid
from hetscore.pipeline import Run, ScoredCase, make_segmenter, score_case
from hetscore.scoring.guidelines import GUIDELINES
from hetscore.segmenters import Segmenter
from hetscore.segmenters.watershed import Watershed


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


def recorded_cases(out: Path) -> list[dict[str, Any]]:
    """Read the cases of run.json as it stands."""
    cases: list[dict[str, Any]] = json.loads((out / "run.json").read_text())["cases"]
    return cases


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

    def test_weights_are_read_once(self, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """The segmenter is made for the first case and serves the others."""
        n_made = 0

        def count(model: Model, settings: Settings) -> Segmenter:
            nonlocal n_made
            n_made += 1
            return make_segmenter(model, settings)

        monkeypatch.setattr("hetscore.pipeline.run.make_segmenter", count)
        cases = find_cases([empty_slide(tmp_path / f"{name}.tif") for name in "abc"])

        assert run_cases(cases, tmp_path / "out", run).n_done == 3
        assert n_made == 1

    def test_the_device_is_what_found_the_cells(
        self, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As the segmenter names it."""
        monkeypatch.setattr(Watershed, "device", "cuda (H100)")

        run_cases(find_cases([empty_slide(tmp_path / "a.tif")]), tmp_path / "out", run)

        assert json.loads((tmp_path / "out" / "run.json").read_text())["device"] == "cuda (H100)"

    def test_no_device_where_no_cells_were_looked_for(self, tmp_path: Path, run: Run) -> None:
        """Stored cells are scored again without a segmenter, and none is made to be asked."""
        stored = score_case(CaseInput("a", (SlideInput(empty_slide(tmp_path / "a.tif"), SlideRole.HER2),)), run)
        again = Run(run.settings, run.model)

        run_cases(find_cases([tmp_path / "a.tif"]), tmp_path / "out", again, score=lambda _: stored)

        assert json.loads((tmp_path / "out" / "run.json").read_text())["device"] is None
        assert "segmenter" not in vars(again)

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

    def test_inputs_are_recorded_with_their_hashes(self, tmp_path: Path, run: Run) -> None:
        """Everything the user said stands in run.json; a slide's hash once it was scored."""
        her2, he = empty_slide(tmp_path / "a.tif"), empty_slide(tmp_path / "he.tif")
        notes = tmp_path / "a.geojson"
        notes.write_text('{"type": "FeatureCollection", "features": []}')
        case = CaseInput(
            "1",
            (SlideInput(her2, mpp=0.25, annotations=notes, level_group="L1"), SlideInput(he, SlideRole.HE)),
            "biopsy",
            "gastric",
            "post",
            IshData(IshResult.AMPLIFIED, 8.5, 2.0, 20),
        )
        out = tmp_path / "out"
        before = []

        run_cases([case], out, run, lambda *_: before.extend(recorded_cases(out)))

        (entry,) = recorded_cases(out)
        assert entry == {
            "case_id": "1",
            "specimen": "biopsy",
            "organ": "gastric",
            "timepoint": "post",
            "ish": {
                "result": "amplified",
                "her2_copies": 8.5,
                "cep17_copies": 2.0,
                "n_cells": 20,
                "ratio": None,
                "counts": None,
            },
            "answers": [],
            "slides": [
                {
                    "path": str(her2),
                    "role": "her2",
                    "mpp": 0.25,
                    "annotations": str(notes),
                    "level_group": "L1",
                    "sha256": hashlib.sha256(her2.read_bytes()).hexdigest(),
                },
                {
                    "path": str(he),
                    "role": "he",
                    "mpp": None,
                    "annotations": None,
                    "level_group": None,
                    "sha256": None,
                },
            ],
        }
        assert [slide["sha256"] for slide in before[0]["slides"]] == [None, None]

    def test_inputs_of_which_nothing_was_said(self, tmp_path: Path, run: Run) -> None:
        """They are recorded as not said, and a slide that could not be read has no hash."""
        (tmp_path / "bad.svs").write_text("not a slide")

        run_cases(find_cases([tmp_path / "bad.svs"]), tmp_path / "out", run)

        (entry,) = recorded_cases(tmp_path / "out")
        assert (entry["specimen"], entry["organ"], entry["timepoint"]) == (None, None, None)
        assert entry["ish"].pop("result") == "unknown"
        assert set(entry["ish"].values()) == {None}
        assert entry["slides"][0]["sha256"] is None


class TestGuideline:
    """The guideline must be made for the specimen and organ that were given."""

    def test_every_misfit_is_told_before_anything_is_made(self, tmp_path: Path, run: Run) -> None:
        """One line a case, with the guideline that fits; no folder is left behind."""
        slides = (SlideInput(tmp_path / "none.tif"),)
        cases = [
            CaseInput("fits", slides, "biopsy", "gastric"),
            CaseInput("X", slides, "resection"),
            CaseInput("Y", slides, organ="breast"),
            CaseInput("Z", slides, "resection", "breast"),
        ]

        with pytest.raises(UsageError) as caught:
            run_cases(cases, tmp_path / "out", run)

        assert str(caught.value).splitlines() == [
            "case X: specimen resection; guideline gastric-biopsy is for biopsy."
            " Pass --guideline gastric-resection or correct the cases table.",
            "case Y: organ breast; guideline gastric-biopsy is for gastric."
            " Pass --guideline asco-cap-breast-2018 or correct the cases table.",
            "case Z: specimen resection, organ breast; guideline gastric-biopsy is for biopsy, gastric."
            " Pass --guideline asco-cap-breast-2018 or correct the cases table.",
        ]
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("name", list(GUIDELINES))
    def test_fitting_and_silent_cases_pass(self, name: str) -> None:
        """What was not said fits every guideline."""
        guideline = GUIDELINES[name]
        slides = (SlideInput(Path("a.tif")),)

        check_guideline(
            [CaseInput("said", slides, guideline.specimen, guideline.organ), CaseInput("not", slides)], guideline
        )

    def test_the_guideline_named_is_the_one_that_passes(self) -> None:
        """A biopsy under the guideline of resections is sent to that of biopsies, which takes it."""
        case = CaseInput("B", (SlideInput(Path("a.tif")),), "biopsy")

        with pytest.raises(UsageError, match="Pass --guideline gastric-biopsy or"):
            check_guideline([case], GUIDELINES["gastric-resection"])
        check_guideline([case], GUIDELINES["gastric-biopsy"])


def test_an_interrupted_run_says_so(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was scored before the interruption stands; run.json tells a reader of tomorrow that cases are missing."""

    def interrupt_second(case: CaseInput, run: Run) -> ScoredCase:
        if case.case_id == "b":
            raise KeyboardInterrupt
        return score_case(case, run)

    monkeypatch.setattr(batch, "score_case", interrupt_second)
    cases = find_cases([empty_slide(tmp_path / "a.tif"), empty_slide(tmp_path / "b.tif")])

    with pytest.raises(KeyboardInterrupt):
        run_cases(cases, tmp_path / "out", run)

    assert [row["case_id"] for row in read_csv(tmp_path / "out" / "cases.csv")] == ["a"]
    assert json.loads((tmp_path / "out" / "run.json").read_text())["state"] == "interrupted"
