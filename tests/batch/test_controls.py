"""Control tissue: its table, what it reads, and that classes outlive a drift of the stain once it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.spatial import cKDTree

from hetscore.batch import controls
from hetscore.batch.controls import measure_controls, read_controls
from hetscore.config import Model, load_model, load_settings
from hetscore.domain import CaseInput, CaseLabel, Cells, Her2Score, Rgb, SlideInput, SlideRole
from hetscore.errors import UsageError
from hetscore.geometry import Box
from hetscore.intensity import Control, IntensityCalibration, fit_intensity
from hetscore.phantom.pyramid import write_pyramid
from hetscore.pipeline import Run, analyze_slide, score_case
from hetscore.slides import open_slide
from hetscore.stain import optical_density, unmixing_matrix
from tests.scoring.builders import draw_cells

SAMPLES = Path(__file__).resolve().parent.parent.parent / "slides_sample"
MPP = 0.25
"""Of the samples."""
SIDE_PX = 900
"""Side of a piece that is cut out of a fragment: a hundred tumor cells or so, twice what a control must have."""
EDGE_PX = 100
"""Glass around it: a slide of its own."""
GLASS = 240
SAMPLE_GAIN = 0.75
"""Brings the samples, drawn up to 1.5 times as dark, near the laboratory of the model; drifts start there."""
CONTROLS = (("homo-3plus", 1, "3+"), ("homo-2plus-amplified", 1, "2+"), ("negative", 1, "1+"))
"""Fragments of the samples that are of one class: slide, number, score."""
CASE = (("hetero-clone", 3), ("homo-2plus-amplified", 2), ("negative", 1), ("negative", 2))
"""Fragments that hold all classes."""

WriteTable = Callable[[str], Path]


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Write a table of controls beside two files of its slides."""

    def write(text: str) -> Path:
        for name in ("a.tif", "b.tif"):
            (tmp_path / name).write_text("")
        (tmp_path / "controls.csv").write_text(text, encoding="utf-8")
        return tmp_path / "controls.csv"

    return write


@pytest.fixture(scope="module")
def model() -> Model:
    """Load the model without weights."""
    return load_model("watershed")


def run_with(model: Model, calibration: IntensityCalibration | None = None) -> Run:
    """Make a run of one worker."""
    return Run(load_settings(), model, calibration=calibration)


class TestTable:
    """What a table of controls may say."""

    def test_scores_are_written_in_two_ways(self, write_table: WriteTable) -> None:
        """With a plus sign or, as spreadsheets leave it, without; a scale where the file has none."""
        a, b = read_controls(write_table("slide,score,mpp\na.tif,2+,\nb.tif,3,0.25\n"))

        assert (a.name, a.score, a.slide.mpp) == ("a.tif", Her2Score.TWO_PLUS, None)
        assert (b.name, b.score, b.slide.mpp) == ("b.tif", Her2Score.THREE_PLUS, 0.25)
        assert b.slide.role is SlideRole.CONTROL
        assert b.slide.path.is_file()

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("slide,score\n", "the table has no rows; expected one row a control"),
            ("slide\na.tif\n", "missing column 'score'"),
            ("slide,score,stain\na.tif,3+,good\n", "unknown column 'stain'"),
            ("slide,score\na.tif,4+\n", "line 2: score '4+': expected 0 or 1+ or 2+ or 3+"),
            ("slide,score\na.tif,0+\n", "line 2: score '0+': expected 0 or 1+"),
            ("slide,score,mpp\na.tif,3+,40\n", "line 2: mpp '40': expected a number from 0.05 to 4"),
            ("slide,score\nnone.tif,3+\n", "none.tif is not a file; expected a path relative to the table"),
            ("slide,score\na.tif,3+\n./a.tif,2+\n", "line 3: slide ./a.tif stands in"),
        ],
    )
    def test_what_is_wrong_is_told(self, write_table: WriteTable, text: str, told: str) -> None:
        """Before any slide is opened, with its line."""
        with pytest.raises(UsageError) as caught:
            read_controls(write_table(text))
        assert told in str(caught.value)

    def test_all_faults_are_told_at_once(self, write_table: WriteTable) -> None:
        """Whoever mends a table wants the list."""
        with pytest.raises(UsageError, match=r"(?s)line 2: .*line 3: "):
            read_controls(write_table("slide,score\na.tif,much\nnone.tif,3+\n"))


class TestMeasure:
    """What a control reads."""

    def test_slides_that_are_no_controls(self, tmp_path: Path, model: Model) -> None:
        """Empty glass, and a file that is no slide: each stands among the controls with its reason."""
        write_pyramid(tmp_path / "glass.tif", np.full((600, 800, 3), 240, np.uint8), MPP)
        (tmp_path / "text.svs").write_text("not a slide")
        (tmp_path / "controls.csv").write_text("slide,score\nglass.tif,3+\ntext.svs,2+\n")
        told: list[Control] = []

        glass, text = measure_controls(read_controls(tmp_path / "controls.csv"), run_with(model), told.append)

        assert told == [glass, text]
        assert (glass.n_cells, glass.median_od, glass.mpp) == (0, None, MPP)
        expected = "expected a whole HER2 IHC slide with tissue. Choose another control."
        assert glass.refusal == f"No tissue was found on the slide; {expected}"
        assert text.refusal is not None
        assert "no slide format" in text.refusal

    def test_a_control_that_was_read_in_part(
        self, tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was lost may be what differs: it is a reason to fail, though the rest was measured."""
        write_pyramid(tmp_path / "glass.tif", np.full((600, 800, 3), 240, np.uint8), MPP)
        (tmp_path / "controls.csv").write_text("slide,score\nglass.tif,3+\n")
        whole = analyze_slide(SlideInput(tmp_path / "glass.tif"), run_with(model))
        lost = replace(whole, flags=("failed-tiles",), failed_tiles=("tile 1: damaged",))
        monkeypatch.setattr(controls, "analyze_slide", lambda *_: lost)

        (control,) = measure_controls(read_controls(tmp_path / "controls.csv"), run_with(model))

        assert control.refusal == "1 of its tiles could not be read; expected a whole slide. Scan it anew."

    def test_only_tumor_cells_with_a_class_count(
        self, tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Unstained cells of the stroma, and cells that could not be scored, leave the median where it is."""
        write_pyramid(tmp_path / "glass.tif", np.full((600, 800, 3), 240, np.uint8), MPP)
        (tmp_path / "controls.csv").write_text("slide,score\nglass.tif,3+\n")
        empty = analyze_slide(SlideInput(tmp_path / "glass.tif"), run_with(model))
        od = np.array([0.4, 0.5, 0.6, 0.0, 0.0, 0.0, 0.0, np.nan], np.float32)
        full = replace(empty, flags=(), cells=draw_cells("3 3 3 n n n n ?").with_columns(membrane_od=od))
        monkeypatch.setattr(controls, "analyze_slide", lambda *_: full)

        (control,) = measure_controls(read_controls(tmp_path / "controls.csv"), run_with(model))

        assert (control.n_cells, control.median_od, control.refusal) == (3, 0.5, None)

    def test_controls_are_measured_as_they_are(self, model: Model) -> None:
        """A run that already scales them would find no drift."""
        with pytest.raises(ValueError, match="without a calibration, not with site"):
            measure_controls([], run_with(model, fit_intensity("site", [], model.scale, {})))


@pytest.fixture(scope="module")
def pieces() -> dict[tuple[str, int], Rgb]:
    """Cut the middle out of fragments of the samples."""
    return {key: _cut(*key) for key in {(name, number) for name, number, *_ in (*CONTROLS, *CASE)}}


def _cut(name: str, number: int) -> Rgb:
    truth = pq.read_table(SAMPLES / "truth" / f"{name}.cells.parquet", columns=["x", "y", "fragment"])
    rows = truth["fragment"].to_numpy() == number
    x, y = (int(np.median(truth[column].to_numpy()[rows])) - SIDE_PX // 2 for column in ("x", "y"))
    with open_slide(SAMPLES / f"{name}.tif") as slide:
        piece = slide.read(Box(x, y, SIDE_PX, SIDE_PX), 1)
    return np.pad(piece, ((EDGE_PX, EDGE_PX), (EDGE_PX, EDGE_PX), (0, 0)), constant_values=GLASS)


def _stain(rgb: Rgb, gain: float, model: Model) -> Rgb:
    """Multiply the DAB of a picture, pixel by pixel."""
    density = optical_density(rgb, (GLASS,) * 3)
    color = np.array(model.stain.dab) / np.linalg.norm(model.stain.dab)
    density = density + (gain - 1) * np.multiply.outer(density @ unmixing_matrix(model.stain)[1], color)
    light: Rgb = np.clip(np.round((GLASS + 1) * 10.0**-density - 1), 0, 255).astype(np.uint8)
    return light


@dataclass(frozen=True)
class Site:
    """Slides of a case, and what the controls stained with it tell."""

    case: tuple[SlideInput, ...]
    calibration: IntensityCalibration
    cells: tuple[Cells, ...]
    """Tumor cells of each slide, read with the calibration."""


MakeSite = Callable[[float], Site]


@pytest.fixture(scope="module")
def make_site(tmp_path_factory: pytest.TempPathFactory, pieces: dict[tuple[str, int], Rgb], model: Model) -> MakeSite:
    """Stain case and controls with a gain of DAB, once for each gain."""

    @cache
    def make(gain: float) -> Site:
        folder = tmp_path_factory.mktemp("site")
        for (name, number), rgb in pieces.items():
            cv2.imwrite(str(folder / f"{name}-{number}.png"), _stain(rgb, SAMPLE_GAIN * gain, model)[..., ::-1])
        rows = [f"{name}-{number}.png,{score},{MPP}" for name, number, score in CONTROLS]
        (folder / "controls.csv").write_text("\n".join(["slide,score,mpp", *rows]) + "\n", encoding="utf-8")
        measured = measure_controls(read_controls(folder / "controls.csv"), run_with(model))
        case = tuple(SlideInput(folder / f"{name}-{number}.png", mpp=MPP) for name, number in CASE)
        calibration = fit_intensity(f"site-{gain}", measured, model.scale, {})
        return Site(case, calibration, find_tumor(case, run_with(model, calibration)))

    return make


def find_tumor(slides: Sequence[SlideInput], run: Run) -> tuple[Cells, ...]:
    """Find the tumor cells of each slide."""
    found = (analyze_slide(slide, run).cells for slide in slides)
    return tuple(cells.take(cells.is_tumor) for cells in found)


def share_kept(before: Sequence[Cells], after: Sequence[Cells]) -> tuple[float, float]:
    """Share of the cells before that are found again within 2 um, and of those the share in the same class."""
    is_found, is_same = [], []
    for old, new in zip(before, after, strict=True):
        distance, row = cKDTree(np.column_stack([new.x, new.y])).query(np.column_stack([old.x, old.y]))
        is_found.append(distance <= 2 / MPP)
        is_same.append(old.membrane_class == new.membrane_class[row])
    found = np.concatenate(is_found)
    return float(found.mean()), float(np.concatenate(is_same)[found].mean())


@pytest.mark.parametrize("gain", [0.8, 1.25])
def test_classes_outlive_a_drift_that_controls_show(make_site: MakeSite, model: Model, gain: float) -> None:
    """DAB times 0.8 or 1.25 on case and controls alike leaves 98 of 100 cells in their class; without controls, not."""
    before, after = make_site(1.0), make_site(gain)
    assert before.calibration.problems == after.calibration.problems == ()
    assert after.calibration.dab_scale / before.calibration.dab_scale == pytest.approx(gain, rel=0.03)
    classes = np.concatenate([cells.membrane_class for cells in before.cells])
    assert np.bincount(classes + 1, minlength=5)[1:].min() > 30

    unseen = find_tumor(after.case, run_with(model, before.calibration))
    is_found, is_same = share_kept(before.cells, after.cells)

    assert min(is_found, is_same) >= 0.98
    assert share_kept(before.cells, unseen)[1] < 0.96


class TestCases:
    """What a calibration does to a case."""

    def test_without_controls_a_drift_would_go_unseen(self, make_site: MakeSite, model: Model) -> None:
        """Every analyzed case says so; the provenance names the calibration of the membrane alone."""
        result = score_case(CaseInput("a", make_site(1.0).case[:1]), run_with(model)).result

        assert result is not None
        assert "intensity-unchecked" in result.score.flags
        assert result.provenance.calibration == model.membrane.id

    def test_with_controls_the_result_names_them(self, make_site: MakeSite, model: Model) -> None:
        """No such doubt, and both calibrations in the provenance."""
        site = make_site(1.0)
        result = score_case(CaseInput("a", site.case[:1]), run_with(model, site.calibration)).result

        assert result is not None
        assert "intensity-unchecked" not in result.score.flags
        assert result.provenance.calibration == f"{model.membrane.id} + site-1.0"

    def test_controls_that_failed_leave_no_label(self, make_site: MakeSite, model: Model) -> None:
        """Not assessable, for the reason given, with no cell that could be taken for a reading."""
        site = make_site(1.0)
        failed = replace(site.calibration, problems=("a.tif (3+): pale",))
        result = score_case(CaseInput("a", site.case[:1]), run_with(model, failed)).result

        assert result is not None
        assert (result.score.label, result.score.score) == (CaseLabel.NOT_ASSESSABLE, None)
        assert result.score.score_decision.rule == "controls-failed"
        assert "intensity-unchecked" not in result.score.flags
        assert len(result.slides[0].cells) == 0

    def test_an_empty_slide_has_no_stain_to_doubt(self, tmp_path: Path, model: Model) -> None:
        """Nothing was analyzed, so nothing could have drifted."""
        write_pyramid(tmp_path / "glass.tif", np.full((600, 800, 3), 240, np.uint8), MPP)
        result = score_case(CaseInput("a", (SlideInput(tmp_path / "glass.tif"),)), run_with(model)).result

        assert result is not None
        assert "intensity-unchecked" not in result.score.flags
