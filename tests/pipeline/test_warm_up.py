"""What is compiled ahead is all that a slide needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hetscore import stain
from hetscore.config import Settings, load_model
from hetscore.domain import SlideInput
from hetscore.membrane import kernels as membrane_kernels
from hetscore.membrane import measure
from hetscore.pipeline import Run, analyze_slide
from hetscore.pipeline.warm_up import analyze_drawn
from hetscore.segmenters import kernels as segmenter_kernels

SAMPLE = Path(__file__).parents[2] / "slides_sample" / "no-tumor.tif"
MODULES = (stain, membrane_kernels, measure, segmenter_kernels)


def _count_compiled(modules: tuple[ModuleType, ...]) -> dict[str, int]:
    """How many signatures of each compiled loop there are, whether compiled now or found on the disk."""
    return {f"{m.__name__}.{name}": len(loop.signatures) for m in modules for name, loop in _loops(m)}


def _loops(module: ModuleType) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in vars(module).items() if hasattr(value, "signatures"))


@pytest.fixture(scope="module")
def run() -> Run:
    """Load the model without weights."""
    settings = Settings()
    return Run(settings, load_model("watershed", settings))


def test_cells_are_found_in_the_drawing(run: Run) -> None:
    """So that the loops over cells do run."""
    assert len(analyze_drawn(run, 1.0)) >= 4


def test_nothing_is_left_to_compile(run: Run) -> None:
    """A slide, read after the drawing, needs no loop in another form than the drawing did."""
    analyze_drawn(run, 1.0)
    before = _count_compiled(MODULES)
    assert before["hetscore.membrane.kernels.walk_rays"] >= 1

    analyze_slide(SlideInput(SAMPLE), run)

    assert _count_compiled(MODULES) == before
