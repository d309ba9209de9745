"""Re-scoring from stored cells: the round trip through QuPath, and what cannot be scored again."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetscore.annotations import read_annotations
from hetscore.batch.rescore import (
    Drawn,
    apply_table,
    check_model,
    name_drawings,
    read_run,
    rescore_cases,
    restore_settings,
)
from hetscore.batch.run import Outcome, run_cases
from hetscore.config import load_model, load_settings
from hetscore.domain import CaseInput, IshResult, RegionKind, SlideInput, SlideRole
from hetscore.errors import UsageError
from hetscore.phantom.pyramid import write_pyramid
from hetscore.pipeline import Run
from hetscore.report.case_json import read_case_json
from hetscore.report.cells_parquet import read_cells
from hetscore.report.document import CaseDocument

SAMPLES = Path(__file__).resolve().parents[2] / "slides_sample"
CLONE = "hetero-clone"
Edit = Callable[[list[dict[str, Any]]], None]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Score a sample, and a slide of empty glass."""
    out = tmp_path_factory.mktemp("results") / "first"
    glass = out.parent / "glass.tif"
    write_pyramid(glass, np.full((600, 800, 3), 240, np.uint8), 0.25)
    cases = [CaseInput(CLONE, (SlideInput(SAMPLES / f"{CLONE}.tif"),)), CaseInput("glass", (SlideInput(glass),))]
    run_cases(cases, out, Run(load_settings(model="watershed"), load_model("watershed")))
    return out


@pytest.fixture(scope="module")
def ringed(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw an exclusion of 300 pixels in fragment 2 of the clone's slide, but for a hole of 100 in its middle."""
    ring = area("Exclude", box(4900, 2000, 300, 300), box(5000, 2100, 100, 100))
    folder = tmp_path_factory.mktemp("ringed")
    return edit_export(results, CLONE, CLONE, folder, lambda features: features.append(ring))


@pytest.fixture(scope="module")
def from_start(ringed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Score the clone's slide with that drawing in the first place."""
    out = tmp_path_factory.mktemp("from_start") / "out"
    slide = SlideInput(SAMPLES / f"{CLONE}.tif", annotations=ringed)
    run_cases([CaseInput(CLONE, (slide,))], out, Run(load_settings(model="watershed"), load_model("watershed")))
    return out


@pytest.fixture(scope="module")
def excluded(results: Path, ringed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Score the clone again with the exclusion."""
    out = tmp_path_factory.mktemp("excluded") / "out"
    rescore(results, out, {(CLONE, f"{CLONE}.tif"): ringed})
    return out


@pytest.fixture(autouse=True)
def _no_segmenter(results: Path, from_start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a segmenter impossible, once the samples are scored: nothing here may look for cells."""

    def refuse(*_: object) -> None:
        raise AssertionError("a segmenter was made")

    assert results.is_dir()
    assert from_start.is_dir()
    monkeypatch.setattr("hetscore.pipeline.run.make_of_kind", refuse)
    monkeypatch.setattr("hetscore.config.make_segmenter", refuse)


def rescore(
    results: Path, out: Path, drawn: Drawn | None = None, cases: tuple[CaseInput, ...] | None = None
) -> Outcome:
    """Score all cases again."""
    stored = read_run(results)
    settings = restore_settings(results, stored)
    run = Run(settings, load_model(settings.model, settings, with_weights=False))
    check_model(stored, run.model)
    return rescore_cases(results, cases or stored.cases, drawn or {}, out, run)


def edit_export(results: Path, case: str, slide: str, folder: Path, edit: Edit) -> Path:
    """Edit the exported annotations of a slide as QuPath would write them: cells left out, corners as floats."""
    packed = (results / "cases" / case / f"{slide}.tif.geojson.gz").read_bytes()
    features = [
        f for f in json.loads(gzip.decompress(packed))["features"] if f["properties"]["objectType"] == "annotation"
    ]
    edit(features)
    path = folder / f"{slide}.tif.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def area(class_name: str, *rings: list[list[float]], name: str | None = None) -> dict[str, Any]:
    """Draw a new annotation as QuPath would write it."""
    named = {"name": name} if name else {}
    classification = {"name": class_name, "color": [200, 0, 0]}
    return {
        "type": "Feature",
        "id": "5d2c9a1e-7a53-4c43-9c0a-08d1e0a4a001",
        "geometry": {"type": "Polygon", "coordinates": list(rings)},
        "properties": {"objectType": "annotation", **named, "classification": classification},
    }


def box(x: float, y: float, width: float, height: float) -> list[list[float]]:
    """Make the closed ring of a rectangle."""
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]


def document(out: Path, case: str) -> CaseDocument:
    """Read the record of a case."""
    return read_case_json(out / "cases" / case / "case.json")


def without_times(document: CaseDocument, *, is_drawn: bool = False) -> dict[str, Any]:
    """Take what may differ from a record: when it was made and, if asked, the note of what was drawn."""
    plain: dict[str, Any] = document.model_dump()
    for key in ("started", "seconds"):
        plain["provenance"].pop(key)
    if is_drawn:
        plain["flags"] = [flag for flag in plain["flags"] if flag != "annotated"]
        for slide in plain["provenance"]["slides"]:
            slide.pop("annotations")
    return plain


class TestNothingChanged:
    """The same cells give the same answer."""

    def test_same_record(self, results: Path, tmp_path: Path) -> None:
        """Without a change each case.json is the same but for its times, and the tables to the last byte."""
        outcome = rescore(results, tmp_path / "out")

        assert outcome.is_complete
        for case in (CLONE, "glass"):
            first, second = (results / "cases" / case, tmp_path / "out" / "cases" / case)
            assert without_times(document(results, case)) == without_times(document(tmp_path / "out", case))
            for name in ("fragments.csv", "cells.parquet", f"{case}.tif.geojson.gz"):
                assert (first / name).read_bytes() == (second / name).read_bytes(), name
        assert (results / "cases.csv").read_bytes() == (tmp_path / "out" / "cases.csv").read_bytes()

    def test_what_was_exported_changes_nothing(self, results: Path, tmp_path: Path) -> None:
        """The export given back as it is, cells and all, is noted and leaves everything as it was."""
        export = results / "cases" / CLONE / f"{CLONE}.tif.geojson.gz"

        rescore(results, tmp_path / "out", {(CLONE, f"{CLONE}.tif"): export})

        before, after = document(results, CLONE), document(tmp_path / "out", CLONE)
        assert without_times(after, is_drawn=True) == without_times(before, is_drawn=True)
        assert "annotated" in after.flags
        assert after.provenance.slides[0].annotations is not None
        assert after.provenance.slides[0].annotations.regions == {"Fragment": 3}


class TestExclude:
    """Area taken out of a case."""

    def test_cells_do_not_count(self, results: Path, excluded: Path) -> None:
        """Cells under it are in no fragment, those in the hole stay, and each is kept with all that was measured."""
        _, before = read_cells(results / "cases" / CLONE / "cells.parquet")
        _, after = read_cells(excluded / "cases" / CLONE / "cells.parquet")

        def within(cells: Any, left: int, top: int, side: int) -> Any:  # noqa: ANN401 - a mask
            return (abs(cells.x - left - side / 2) < side / 2) & (abs(cells.y - top - side / 2) < side / 2)

        in_hole, well_inside = (
            within(after, 5016, 2116, 68),
            within(after, 4916, 2016, 268) & ~within(after, 4984, 2084, 132),
        )
        assert len(after) == len(before)
        assert in_hole.sum() > 0
        assert (after.fragment[in_hole] == 2).all()
        assert well_inside.sum() > 20
        assert (after.fragment[well_inside] == 0).all()
        n_lost = document(results, CLONE).cells.total - document(excluded, CLONE).cells.total
        assert n_lost == (after.fragment == 0).sum()

    def test_its_area_is_told(self, results: Path, excluded: Path) -> None:
        """What was taken out of the analyzed area stands among the excluded, and the ledger adds up."""
        before, after = (document(folder, CLONE).coverage for folder in (results, excluded))

        assert after.excluded_mm2["annotated"] > 0.002
        assert after.excluded_mm2["annotated"] == pytest.approx(before.analysed_mm2 - after.analysed_mm2, abs=2e-4)
        assert after.tissue_mm2 == before.tissue_mm2
        assert after.analysed_mm2 + sum(after.excluded_mm2.values()) == pytest.approx(after.tissue_mm2, abs=2e-4)

    def test_scored_so_from_the_start(self, excluded: Path, from_start: Path) -> None:
        """A slide scored with the drawing in the first place has the same record."""
        assert without_times(document(from_start, CLONE)) == without_times(document(excluded, CLONE))

    def test_taken_back(self, results: Path, excluded: Path, tmp_path: Path) -> None:
        """The exclusion erased again, from the results that had it, everything is as it was."""
        empty = tmp_path / "none.geojson"
        empty.write_text('{"type": "FeatureCollection", "features": []}')

        rescore(excluded, tmp_path / "out", {(CLONE, f"{CLONE}.tif"): empty})

        before, after = document(results, CLONE), document(tmp_path / "out", CLONE)
        assert without_times(after, is_drawn=True) == without_times(before, is_drawn=True)

    def test_kept_where_nothing_is_said(self, excluded: Path, tmp_path: Path) -> None:
        """Scored again without a word of it, what was drawn still holds; the export holds it too."""
        rescore(excluded, tmp_path / "out")

        first, second = (document(folder, CLONE) for folder in (excluded, tmp_path / "out"))
        drawn = read_annotations(tmp_path / "out" / "cases" / CLONE / f"{CLONE}.tif.geojson.gz")
        assert without_times(first) == without_times(second)
        assert [region.kind for region in drawn.regions] == [RegionKind.FRAGMENT] * 3 + [RegionKind.EXCLUDE]

    def test_read_never(self, from_start: Path, tmp_path: Path) -> None:
        """Where cells were never looked for, as excluded from the start, what is taken back needs another scoring."""
        empty = tmp_path / "none.geojson"
        empty.write_text('{"type": "FeatureCollection", "features": []}')

        outcome = rescore(from_start, tmp_path / "out", {(CLONE, f"{CLONE}.tif"): empty})

        assert not outcome.rows
        assert [(f.what, f.case_id) for f in outcome.failures] == [("slide", CLONE)]
        assert "in which cells were never looked for" in outcome.failures[0].reason

    def test_all_negative_cells(self, results: Path, tmp_path: Path) -> None:
        """With every tumor cell below 2+ taken out, the case that was hetero by the literal rule is homo."""
        _, cells = read_cells(results / "cases" / CLONE / "cells.parquet")
        is_low = cells.is_tumor & (cells.membrane_class < 2)
        boxes = [box(x - 17, y - 17, 34, 34) for x, y in zip(cells.x[is_low], cells.y[is_low], strict=True)]
        file = edit_export(
            results, CLONE, CLONE, tmp_path, lambda features: features.extend(area("Ignore*", ring) for ring in boxes)
        )

        rescore(results, tmp_path / "out", {(CLONE, f"{CLONE}.tif"): file})

        assert document(results, CLONE).literal_label == "hetero-HER2"
        assert document(tmp_path / "out", CLONE).literal_label == "homo-HER2"


@pytest.mark.slow
def test_a_clone_that_is_excluded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by the default model, the case whose one negative clone is taken out is homo by the literal rule."""
    monkeypatch.undo()
    settings = load_settings()
    case = CaseInput(CLONE, (SlideInput(SAMPLES / f"{CLONE}.tif"),))
    run_cases([case], tmp_path / "first", Run(settings, load_model(settings.model)))
    ring = area("Exclude", box(4930, 2010, 290, 260), box(4940, 2012, 6, 6))
    file = edit_export(tmp_path / "first", CLONE, CLONE, tmp_path, lambda features: features.append(ring))

    rescore(tmp_path / "first", tmp_path / "out", {(CLONE, f"{CLONE}.tif"): file})

    before, after = document(tmp_path / "first", CLONE), document(tmp_path / "out", CLONE)
    assert (before.literal_label, after.literal_label) == ("hetero-HER2", "homo-HER2")
    assert before.cells.tumor - after.cells.tumor > 20


class TestOtherEdits:
    """Classes, corners and regions of tumor."""

    def edited(self, results: Path, folder: Path, edit: Edit) -> Path:
        """Score the clone again with an edited export."""
        file = edit_export(results, CLONE, CLONE, folder, edit)
        rescore(results, folder / "out", {(CLONE, f"{CLONE}.tif"): file})
        return folder / "out"

    def test_a_class_renamed(self, results: Path, tmp_path: Path) -> None:
        """A fragment that is given the class of controls does not vote any more, and is exported as one."""

        def rename(features: list[dict[str, Any]]) -> None:
            features[1]["properties"]["classification"] = {"name": "Control"}

        out = self.edited(results, tmp_path, rename)

        assert (document(results, CLONE).fragments.total, document(out, CLONE).fragments.total) == (3, 2)
        drawn = read_annotations(out / "cases" / CLONE / f"{CLONE}.tif.geojson.gz").regions
        assert [region.class_name for region in drawn] == ["Fragment", "Control", "Fragment"]

    def test_a_corner_moved(self, results: Path, tmp_path: Path) -> None:
        """A fragment with one corner pulled inward keeps its number; hardly a cell is given to another."""

        def move(features: list[dict[str, Any]]) -> None:
            ring = features[0]["geometry"]["coordinates"][0]
            ring[3] = [ring[3][0] + 20, ring[3][1] + 20]

        out = self.edited(results, tmp_path, move)

        before, after = document(results, CLONE), document(out, CLONE)
        assert after.fragments.total == 3
        assert abs(after.cells.total - before.cells.total) <= 3
        assert after.coverage.tissue_mm2 == before.coverage.tissue_mm2

    def test_regions_of_tumor(self, results: Path, tmp_path: Path) -> None:
        """With tumor drawn in fragment 1 alone, the cells of the others are no tumor; their probability stays."""
        out = self.edited(
            results, tmp_path, lambda features: features.append(area("Tumor", box(1000, 800, 1200, 1500)))
        )

        _, cells = read_cells(out / "cases" / CLONE / "cells.parquet")
        assert not cells.is_tumor[cells.fragment > 1].any()
        assert (cells.p_tumor[cells.fragment > 1] >= 0.5).any()
        assert document(out, CLONE).fragments.with_tumor == 1


class TestWhatIsGiven:
    """Files named after slides, tables, and what does not fit."""

    def test_files_are_named_after_their_slides(self, results: Path, tmp_path: Path) -> None:
        """Each file finds its own slide, and the only one whatever its name; others are refused."""
        cases = read_run(results).cases
        files = [tmp_path / name for name in ("glass.geojson", f"{CLONE}.tif.geojson", "other.geojson")]
        for file in files:
            file.write_text('{"type": "FeatureCollection", "features": []}')

        assert name_drawings(cases, files[:2]) == {
            ("glass", "glass.tif"): files[0],
            (CLONE, f"{CLONE}.tif"): files[1],
        }
        assert name_drawings(cases[:1], files[2:]) == {(CLONE, f"{CLONE}.tif"): files[2]}
        for found, n in ((cases, 0), ((*cases, replace(cases[0], case_id="again")), 2)):
            with pytest.raises(UsageError, match=f"named after {n} of {len(found)} slides"):
                name_drawings(found, [files[1 if n else 2]])
        with pytest.raises(UsageError, match="the second file for slide"):
            name_drawings(cases[:1], [files[2], files[1]])

    def test_a_table(self, results: Path, ringed: Path, tmp_path: Path) -> None:
        """The table says what is drawn and what is known of ISH; slides need not be where it says."""
        table = tmp_path / "cases.csv"
        table.write_text(f"case_id,slide,ish,annotations\n{CLONE},gone/{CLONE}.tif,amplified,{ringed}\n")

        cases, drawn = apply_table(read_run(results).cases, table)
        rescore(results, tmp_path / "out", drawn, cases)

        record = document(tmp_path / "out", CLONE)
        assert drawn == {(CLONE, f"{CLONE}.tif"): ringed}
        assert (record.her2.ish, "annotated" in record.coverage.excluded_mm2) == ("amplified", True)
        assert "pictures-missing" in record.flags
        assert without_times(document(tmp_path / "out", "glass")) == without_times(document(results, "glass"))

    @pytest.mark.parametrize(("header", "row"), [("ish", "amplified"), ("ish,annotations", "amplified,")])
    def test_a_table_without_the_column(self, ringed: Path, tmp_path: Path, header: str, row: str) -> None:
        """Without the column what was drawn stays, on the H&E slide too; an empty cell of it takes it away."""
        slides = (SlideInput(Path("a.tif"), annotations=ringed), SlideInput(Path("he.tif"), SlideRole.HE, None, ringed))
        known = (CaseInput("a", slides),)
        (tmp_path / "cases.csv").write_text(
            f"case_id,slide,role,{header}\na,a.tif,her2,{row}\na,he.tif,he,{row}\n", encoding="utf-8"
        )

        (case,), drawn = apply_table(known, tmp_path / "cases.csv")

        is_named = "annotations" in header
        assert drawn == ({("a", "a.tif"): None} if is_named else {})
        assert [slide.annotations for slide in case.slides] == ([None] * 2 if is_named else [ringed] * 2)
        assert case.ish.result is IshResult.AMPLIFIED

    @pytest.mark.parametrize("row", ["other,a.tif", f"{CLONE},a.tif", f"glass,{CLONE}.tif"])
    def test_a_table_of_other_slides(self, results: Path, tmp_path: Path, row: str) -> None:
        """Cases and slides that were not scored are refused."""
        (tmp_path / "cases.csv").write_text(f"case_id,slide\n{row}\n")

        with pytest.raises(UsageError, match="Score new slides with hetscore score"):
            apply_table(read_run(results).cases, tmp_path / "cases.csv")

    def test_drawn_on_another_slide(self, results: Path, tmp_path: Path) -> None:
        """A region that lies far beyond the slide fails the slide: it is not scored as if nothing were drawn."""
        file = tmp_path / "a.geojson"
        file.write_text(json.dumps([area("Exclude", box(90000, 90000, 100, 100))]))

        outcome = rescore(results, tmp_path / "out", {(CLONE, f"{CLONE}.tif"): file})

        assert [row.case_id for row in outcome.rows] == ["glass"]
        assert "expected level-0 pixels of hetero-clone.tif" in outcome.failures[0].reason

    def test_a_model_that_was_changed(self, results: Path) -> None:
        """Only the model that found the cells may be used: its card is what the sensitivity panel asks."""
        with pytest.raises(UsageError, match="which found the cells"):
            check_model(read_run(results), load_model("gastric-her2", with_weights=False))


class TestWhatFailedBefore:
    """Cases without results."""

    def test_the_reason_is_told_again(self, results: Path, tmp_path: Path) -> None:
        """A slide that could not be read fails again with its reason, and keeps its case not assessable."""
        folder = shutil.copytree(results, tmp_path / "copy")
        run = json.loads((folder / "run.json").read_text())
        broken = {"path": "broken.svs", "role": "her2", "mpp": None, "annotations": None, "level_group": None}
        run["cases"][0]["slides"].append({**broken, "sha256": None})
        run["cases"].append({**run["cases"][0], "case_id": "lost", "slides": [broken]})
        run["failures"] = [
            {"what": "slide", "case_id": case, "slide": "broken.svs", "reason": "broken.svs: no slide"}
            for case in (CLONE, "lost")
        ]
        (folder / "run.json").write_text(json.dumps(run))

        outcome = rescore(folder, tmp_path / "out")

        assert [f.reason for f in outcome.failures] == ["broken.svs: no slide"] * 2
        assert document(tmp_path / "out", CLONE).label == "not-assessable"
        assert "slide-failed" in document(tmp_path / "out", CLONE).flags

    def test_a_veto_that_cannot_be_repeated(self, results: Path, tmp_path: Path) -> None:
        """What was drawn on an H&E slide ruled out cells; without that slide they would count again, unasked."""
        folder = shutil.copytree(results, tmp_path / "copy")
        stored = folder / "cases" / CLONE / "case.json"
        record = json.loads(stored.read_text())
        record["flags"].append("companion-veto")
        stored.write_text(json.dumps(record))
        cases = tuple(
            replace(case, slides=(*case.slides, SlideInput(tmp_path / "gone.he.tif", SlideRole.HE)))
            if case.case_id == CLONE
            else case
            for case in read_run(folder).cases
        )

        outcome = rescore(folder, tmp_path / "out", cases=cases)

        assert [row.case_id for row in outcome.rows] == ["glass"]
        assert "regions drawn on its H&E slide ruled out cells" in outcome.failures[0].reason

    def test_results_of_an_older_version(self, results: Path, tmp_path: Path) -> None:
        """A case without a survey is named with the remedy; the others are scored."""
        folder = shutil.copytree(results, tmp_path / "copy")
        shutil.rmtree(folder / "cases" / CLONE / "survey")

        outcome = rescore(folder, tmp_path / "out")

        assert [row.case_id for row in outcome.rows] == ["glass"]
        assert "there is no survey in it; expected one written by hetscore score" in outcome.failures[0].reason

    def test_settings_of_another_version(self, results: Path) -> None:
        """A setting that is not known any more is named with the file it stands in."""
        stored = read_run(results)
        other = replace(stored, settings={**stored.settings, "old": 1})

        with pytest.raises(UsageError, match=r"run\.json: settings of another version \(unknown setting old;"):
            restore_settings(results, other)

    def test_no_results(self, tmp_path: Path) -> None:
        """A folder that is none, or holds no run, is named."""
        with pytest.raises(UsageError, match="no such folder"):
            read_run(tmp_path / "none")
        with pytest.raises(UsageError, match="there is no such file"):
            read_run(tmp_path)
