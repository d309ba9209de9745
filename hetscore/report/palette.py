"""The colors and words of the reports: one for each membrane class, and one for each verdict on a fragment.

Classes go from cold to dark warm, as the stain does, and differ in lightness too, so that they survive a gray print and
the common color blindnesses. Outlines use colors that no IHC slide shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hetscore.domain import FragmentRole, MembraneClass
from hetscore.report.tables import FragmentRow

Color = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

CLASS_COLORS: dict[MembraneClass, Color] = {
    MembraneClass.UNSCORED: (150, 150, 150),
    MembraneClass.NEGATIVE: (116, 169, 207),
    MembraneClass.FAINT: (253, 216, 112),
    MembraneClass.MODERATE: (230, 126, 34),
    MembraneClass.STRONG: (140, 29, 24),
}
NON_TUMOR_COLOR: Color = (120, 170, 120)


@dataclass(frozen=True)
class Look:
    """How a verdict is shown."""

    text: str
    color: Color


class Verdict(Enum):
    """What the report says of one piece of tissue."""

    OVEREXPRESSED = Look("2+ or 3+", (200, 0, 120))
    BELOW = Look("below 2+", (0, 70, 220))
    NO_TUMOR = Look("not assessable", (90, 90, 90))
    CONTROL = Look("control", (0, 140, 110))
    EXCLUDED = Look("excluded", (20, 20, 20))

    @property
    def text(self) -> str:
        """In words."""
        return self.value.text

    @property
    def color(self) -> Color:
        """Of the outline."""
        return self.value.color


def fragment_verdict(row: FragmentRow) -> Verdict:
    """Give the verdict on one piece of tissue: controls and excluded pieces first, then by its score."""
    if row.role == FragmentRole.CONTROL.value:
        return Verdict.CONTROL
    if row.role == FragmentRole.EXCLUDED.value:
        return Verdict.EXCLUDED
    if not row.assessable or not row.score:
        return Verdict.NO_TUMOR
    return Verdict.OVEREXPRESSED if row.score in ("2+", "3+") else Verdict.BELOW


def css_color(color: Color) -> str:
    """Write a color as in a style sheet, #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*color)
