"""How the membrane is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True)
class MembraneParams:
    """How the membrane is looked for; lengths in micrometers."""

    n_rays: int = 48
    """One every 7.5 degrees: 0.7 um of membrane on a cell 10 um across. Both ends of an arc are found to a ray, so a
    stained share is right within 0.05."""
    step_um: float = 0.25
    """Between samples along a ray, at any resolution: the pixel of a x40 scan. The line's height is the mean of three,
    which is less than a 2+ line is wide; so another step is another measure, and needs another calibration."""
    reach_um: float = 14.0
    """Longest ray; territories reach 12 um from the seed."""
    inside_um: float = 1.0
    """The line may lie this far inside the cell's border, and"""
    outside_um: float = 1.5
    """this far outside: territories of two cells meet somewhere on the brown line, which is up to 2.1 um wide (3+)."""
    side_um: float = 2.5
    """The sides of the line reach this far from its middle: past half the width of the widest line. The least density
    on each side counts, and of the two sides the darker. Windows that begin 0 to 1.5 um away and end at 2 to 3 agree
    with readers alike (quadratic kappa 0.906 to 0.909 on the cells of gastric-her2, leave-core-out)."""
    plateau: float = 0.9
    """The middle of the line is the middle of what is at least this share of its height: saturated lines are flat."""
    min_band_um: float = 0.35
    """Mean width of the band between nucleus and membrane from which its median is the cytoplasm; where there is less,
    it is the membrane's own blur, and the nucleus is taken instead."""
    stained_od: float = 0.08
    """Height above its sides from which a point of the membrane counts as stained: below nearly all 2+ cells of the
    development crops (`membrane_od` 0.12 at their 5th percentile), above nearly all 0 (0.07 at their 95th)."""
    complete_share: float = 0.85
    """Stained share from which a membrane is complete; 1 is never reached where two cells pull apart."""
    basolateral_arc: float = 0.45
    """Longest arc from which a partial membrane is U-shaped: base and two sides of a square are 0.75 of its border, of
    a tall cell with its apical third free still above this."""
    lateral_share: float = 0.30
    """Stained share from which two opposite arcs are a lateral pattern: two sides of a square are 0.5."""
    band: tuple[float, float] = (0.0, 0.5)
    """`membrane_od` is the mean height of the border between these shares, counted from the highest down: the stained
    part of a U-shape, not diluted by its gap. From 0.15 to 0.45 agrees a little better with readers (0.931 instead of
    0.929 on 2+/3+ or not, leave-core-out) and calls 11 instead of 7 % of the 1+ cells of drawn slides overexpressed."""
    lumen_um: tuple[float, float] = (1.0, 3.0)
    """A side faces a lumen if space is open from the first to the second of these beyond its line: past the blur of the
    widest line, and wider than the clefts between shrunken cells."""
    open_od: float = 0.08
    """Density of green below which space is open."""
    max_width_um: float = 4.0
    """Widest line. Lines of 3+ are 2.14 um wide, SD 0.4 (Scheel et al., Diagn Pathol 2018;13:19): four SD above are
    3.74. What is wider is haze, or lines that run into one another, and has no width."""
    min_width_rays: int = 3
    """Fewer rays have no median to speak of; of three, one may be wrong."""

    @property
    def seen_um(self) -> float:
        """How far from the center of a nucleus its rays see."""
        beyond_um = max(1.5 * self.side_um, self.max_width_um + 3 * self.step_um, self.side_um / 2 + self.lumen_um[1])
        return self.reach_um + self.outside_um + beyond_um

    def __post_init__(self) -> None:
        """Refuse lengths that do not go together."""
        if not 6 <= self.n_rays <= MAX_RAYS or self.n_rays % RAYS_A_CORNER or self.n_rays % 2:
            raise ValueError(f"n_rays {self.n_rays}; expected an even multiple of {RAYS_A_CORNER} to {MAX_RAYS}")
        if not all(isfinite(value) for value in (*self.band, *self.lumen_um)):
            raise ValueError(f"band {self.band}, lumen_um {self.lumen_um}; expected finite numbers")
        first, last = (round(share * self.n_rays) for share in self.band)
        if not 0 <= first < last <= self.n_rays:
            raise ValueError(f"band {self.band}; expected two shares from 0 to 1, a ray or more apart")
        if not 0 <= self.lumen_um[0] <= self.lumen_um[1]:
            raise ValueError(f"lumen_um {self.lumen_um}; expected two lengths, the nearer first")
        if self.seen_um > MAX_SEEN_UM:
            raise ValueError(
                f"rays see {self.seen_um:g} um (reach_um, outside_um, and 1.5 side_um, max_width_um or lumen_um); "
                f"expected at most {MAX_SEEN_UM:g}, what tiles are read with"
            )


MAX_RAYS = 240
"""One every 1.5 degrees: a fifth of a micrometer of membrane, less than a step."""
RAYS_A_CORNER = 3
"""Outlines go through the end of every third ray: sixteen corners keep those of a million cells small, and a circle's
area is right within 3 %."""
MAX_SEEN_UM = 36.0
"""Tiles are read with at least this around their core: if a ray saw farther, cells would depend on tiles."""
