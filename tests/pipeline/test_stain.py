"""The pipeline and the colors of a slide: its own stain vectors are told, and the measurement keeps the model's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hetscore.config import Model, load_model, load_settings
from hetscore.domain import Rgb, SlideInput, SlideResult, StainEstimate
from hetscore.errors import SlideError
from hetscore.geometry import Box
from hetscore.pipeline import Run, analyze_slide
from hetscore.slides import Slide, open_slide
from hetscore.tiling import TilingParams

CLONE = Path(__file__).resolve().parents[2] / "slides_sample" / "hetero-clone.tif"


@pytest.fixture(scope="module")
def model() -> Model:
    """Load the model without weights, the fastest."""
    return load_model("watershed")


@pytest.fixture(scope="module")
def clone(model: Model) -> SlideResult:
    """Analyze a sample with the default tiles and one worker."""
    return analyze_slide(SlideInput(CLONE), Run(load_settings(), model))


def test_a_sample_is_as_the_model_knows_it(clone: SlideResult, model: Model) -> None:
    """Both stains are seen and lie near; the estimate does not depend on tiles and workers."""
    assert clone.stain is not None
    assert clone.stain.hematoxylin is not None
    assert clone.stain.dab is not None
    assert "stain-drift" not in clone.flags

    small = replace(load_settings(), tiling=TilingParams(core_px=1024))
    assert analyze_slide(SlideInput(CLONE), Run(small, model, workers=3)).stain == clone.stain


def test_a_drift_is_flagged(clone: SlideResult, model: Model) -> None:
    """With a model whose DAB lies 10 degrees off, the slide is flagged, and its DAB is found where it was."""
    turned = replace(model, stain=replace(model.stain, dab=(0.220, 0.512, 0.830)))

    slide = analyze_slide(SlideInput(CLONE), Run(load_settings(), turned))

    assert "stain-drift" in slide.flags
    assert slide.stain is not None
    assert clone.stain is not None
    assert slide.stain.dab == pytest.approx(clone.stain.dab, abs=0.03)


def test_a_patch_that_cannot_be_read_is_left_out(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a slide of which only tiles can be read nothing is told of the stains, and the cells are found."""

    class Patchless(Slide):
        def read(self, box: Box, downsample: int) -> Rgb:
            if downsample == 2:
                raise SlideError("damaged")
            return super().read(box, downsample)

    def open_patchless(path: Path, **given: Any) -> Slide:  # noqa: ANN401 - handed on as it is
        slide = open_slide(path, **given)
        return Patchless(slide.info, slide._raw)

    monkeypatch.setattr("hetscore.pipeline.slide.open_slide", open_patchless)

    slide = analyze_slide(SlideInput(CLONE), Run(load_settings(), model))

    assert slide.stain == StainEstimate(None, None, None, None, None, 0)
    assert len(slide.cells) > 1000
    assert not slide.failed_tiles
