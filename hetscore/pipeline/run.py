"""What stays the same over the cases of a run: settings, model, workers, and who is told how far it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hetscore.config import Model, Settings
from hetscore.domain import MppSource, SlideInput
from hetscore.error_file import load_errors
from hetscore.errors import UsageError
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
class StoredCalibration:
    """What the cells of a stored run were classed with, as its record tells."""

    id: str
    """Names of the calibrations behind a class."""
    intensity: Mapping[str, Any] | None = None
    """The entry of the site's stain; None where the run had none."""


@dataclass(frozen=True)
class ErrorSource:
    """From which file an error model was read."""

    path: Path
    sha256: str


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
    error_source: ErrorSource | None = None
    """Where `errors` comes from."""
    stored: StoredCalibration | None = None
    """Of the run whose cells are scored again; None where they are classed anew."""

    @property
    def calibration_id(self) -> str:
        """Names of the calibrations behind a class: of the membrane and, where there is one, of the site's stain.

        A network in 8 bits is named as well: it finds and classes a few cells of a thousand otherwise.
        """
        if self.stored is not None:
            return self.stored.id
        parts = [self.model.membrane.id, *([self.calibration.id] if self.calibration else [])]
        parts += ["int8"] if self.is_rounded else []
        return " + ".join(parts)

    @property
    def is_rounded(self) -> bool:
        """Whether the network runs in 8 bits."""
        return getattr(getattr(self.settings, self.model.kind), "runtime", None) == "openvino-int8"

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


ERRORS_FILE = "errors.toml"
"""In a model's folder: the errors that were counted before it was shipped."""


def with_errors(run: Run) -> Run:
    """Give a run the error model that its settings name, or else the one that came with its model.

    Parameters
    ----------
    run : Run
        With settings, model and site calibration, or that of the run whose cells are scored again.

    Returns
    -------
    Run
        Without errors where nobody counted those of the model.

    Raises
    ------
    UsageError
        If the file cannot be read or believed, was counted with another model or calibration, or failed its own check.
    """
    named, shipped = run.settings.errors, run.model.folder / ERRORS_FILE
    if named is None and (run.is_rounded or not shipped.is_file()):
        return run  # those that come with a model were counted in full precision
    path = shipped if named is None else Path(named)
    found = load_errors(path)
    # what came with the model was counted without any site's calibration, and is told to be provisional
    calibration = found.calibration if named is None else run.calibration_id
    meant = (run.model.name, run.model.sha256, calibration)
    faults = [
        f"counted with {what} {made}; expected {expected}"
        for what, made, expected in zip(
            ("model", "model.toml", "calibration"),
            (found.model, found.model_sha256, found.calibration),
            meant,
            strict=True,
        )
        if made != expected
    ]
    if found.check is not None and found.check.is_failed:
        seen = f"{found.check.n_below} of {found.check.n_cases} homogeneous cases lie below p = 0.05"
        faults.append(f"its own check failed: {seen}; expected 1 of 20")
    if faults:
        raise UsageError(f"{path}: {faults[0]}. Count the errors again: `hetscore calibrate errors`.")
    source = ErrorSource(path, hashlib.sha256(path.read_bytes()).hexdigest())
    return replace(run, errors=found, error_source=source)
