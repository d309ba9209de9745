"""What the user hands over: a case is its slides and what is already known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hetscore.domain.evidence import Answer
from hetscore.domain.scores import IshData


class SlideRole(StrEnum):
    """What a slide of a case is for."""

    HER2 = "her2"
    HE = "he"
    CONTROL = "control"


@dataclass(frozen=True)
class SlideInput:
    """One slide as named by the user."""

    path: Path
    role: SlideRole = SlideRole.HER2
    mpp: float | None = None
    """Microns per level-0 pixel from the cases table; outranks the command line and the file."""
    annotations: Path | None = None
    """GeoJSON from QuPath."""
    level_group: str | None = None


@dataclass(frozen=True)
class CaseInput:
    """One case as named by the user."""

    case_id: str
    slides: tuple[SlideInput, ...]
    specimen: str | None = None
    """biopsy or resection; None where not said."""
    organ: str | None = None
    """gastric or breast; None where not said."""
    timepoint: str | None = None
    """baseline or post; None where not said."""
    ish: IshData = field(default_factory=IshData)
    answers: tuple[Answer, ...] = ()
    """What a reviewer said of places of this case that were shown."""
