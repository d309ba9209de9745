"""What stays the same over the cases of a run: settings, model, workers, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from hetscore.config import Model, Settings
from hetscore.domain import MppSource, SlideInput
from hetscore.intensity import IntensityCalibration
from hetscore.scoring.error_model import ErrorModel
from hetscore.segmenters import Segmenter
from hetscore.segmenters import make_segmenter as make_of_kind
from hetscore.stain import Stain

Progress = Callable[[str, int, int], None]
"""Called with what is being worked on, how many tiles are done and how many there are."""


def _no_progress(_what: str, _done: int, _total: int) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Run:
    """What stays the same over the cases of a run."""

    settings: Settings
    model: Model
    workers: int = 1
    """Threads that analyze tiles; never changes a result."""
    progress: Progress = _no_progress
    calibration: IntensityCalibration | None = None
    """What the site's controls tell of its stain; None where none were measured."""
    errors: ErrorModel | None = None
    """What the reading gets wrong, as measured by the site or shipped with the model; None where nobody measured it."""

    @property
    def calibration_id(self) -> str:
        """Names of the calibrations behind a class: of the membrane and, where there is one, of the site's stain."""
        parts = [self.model.membrane.id, *([self.calibration.id] if self.calibration else [])]
        return " + ".join(parts)

    def make_stain(self, white: tuple[float, float, float]) -> Stain:
        """Say how to read the densities of a slide with this glass."""
        return Stain(white, self.model.stain, self.calibration.dab_scale if self.calibration else 1.0)

    @cached_property
    def segmenter(self) -> Segmenter:
        """What finds the cells, made once for all slides and shared by the workers."""
        return make_segmenter(self.model, self.settings)

    def with_progress(self, progress: Progress) -> Run:
        """Make a run that tells its progress elsewhere, with the same segmenter: weights are read and folded once."""
        other = replace(self, progress=progress)
        other.__dict__["segmenter"] = self.segmenter  # where cached_property keeps it
        return other


def make_segmenter(model: Model, settings: Settings) -> Segmenter:
    """Make the segmenter that a model's card asks for, with the settings' table of that name."""
    return make_of_kind(model.kind, model.card, model.folder, getattr(settings, model.kind))


def given_mpp(slide: SlideInput, settings: Settings) -> tuple[float | None, MppSource | None]:
    """Microns per pixel given by the user: the cases table outranks the command line."""
    if slide.mpp is not None:
        return slide.mpp, MppSource.CASES_TABLE
    if settings.mpp is not None:
        return settings.mpp, MppSource.COMMAND_LINE
    return None, None
