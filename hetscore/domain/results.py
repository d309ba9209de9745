"""What the reports are made of: slides analyzed, pictures, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hetscore.domain.cells import Cells
from hetscore.domain.image import Fragment, Fragments, Rgb, SlideInfo, Thumbnail, TissueMask
from hetscore.domain.regions import Annotations
from hetscore.domain.registration import Registration
from hetscore.domain.scores import CaseScore
from hetscore.geometry import Box


@dataclass(frozen=True)
class Coverage:
    """Where the tissue went: analyzed + excluded + failed = tissue."""

    tissue_mm2: float
    analysed_mm2: float
    excluded_mm2: Mapping[str, float]
    failed_mm2: float


@dataclass(frozen=True)
class StainEstimate:
    """The colors of the two stains on a slide, as its own pixels show them; nothing is measured with them."""

    hematoxylin: tuple[float, float, float] | None
    """Direction in optical density (red, green, blue), of length 1; None where too few pixels tell."""
    dab: tuple[float, float, float] | None
    hematoxylin_degrees: float | None
    """Angle between that direction and the model's, never negative."""
    dab_degrees: float | None
    residual_od: float | None
    """Median, over the pixels of tissue, of the density that neither stain of the model explains; None without."""
    n_pixels: int
    """Pixels of tissue looked at."""


@dataclass(frozen=True)
class FailedTile:
    """A tile that could not be analyzed."""

    core: Box
    """What it owned, level-0 pixels."""
    text: str
    """Where and why, in a line."""


@dataclass(frozen=True)
class Survey:
    """What the pixels of a slide told before anything drawn by hand was applied.

    With it and the cells the slide is corrected again, as often as one likes, without a pixel.
    """

    tissue: TissueMask
    fragments: Fragments
    """Numbered from 1 on each slide."""
    failed: tuple[FailedTile, ...]
    flags: tuple[str, ...]
    """Doubts about the slide, names in `FLAGS`."""
    is_read: NDArray[np.bool_]
    """Where cells were looked for, at the thumbnail's scale."""


@dataclass(frozen=True)
class SlideResult:
    """One slide of a case, analyzed: what the reports draw."""

    info: SlideInfo
    sha256: str
    fragments: tuple[Fragment, ...]
    cells: Cells
    coverage: Coverage
    thumbnail: Thumbnail | None
    dropped: Mapping[str, int]
    """Pieces not taken for fragments, by reason."""
    failed_tiles: tuple[str, ...]
    """One line for each tile that could not be analyzed."""
    flags: tuple[str, ...]
    """Slide-level doubts; a blocking one means that no cell was analyzed."""
    stain: StainEstimate | None = None
    """None where the slide was not analyzed."""
    survey: Survey | None = None
    """None where the slide was not analyzed."""
    annotations: Annotations | None = None
    """What the user drew on it."""


@dataclass(frozen=True)
class Picture:
    """A field of the slide to look at, with the box it shows."""

    slide: str
    bounds: Box
    """Level-0 pixels."""
    rgb: Rgb
    mpp: float
    """Microns per pixel of `rgb`."""
    caption: str
    companion: Picture | None = None
    """The same field on the H&E slide, turned as this one; None where none is registered there."""


@dataclass(frozen=True)
class Provenance:
    """How a result came about."""

    hetscore_version: str
    model: str
    model_sha256: str
    calibration: str
    device: str
    started: str
    """ISO 8601, UTC."""
    seconds: float
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class CaseResult:
    """Everything the exporters need; they read no slide."""

    score: CaseScore
    slides: tuple[SlideResult, ...]
    pictures: tuple[Picture, ...]
    """Decisive fields, in the order of `CaseScore.decisive`."""
    provenance: Provenance
    registrations: tuple[Registration, ...] = ()
    """Of the H&E slides, by HER2 slide."""
