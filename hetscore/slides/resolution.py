"""Microns per pixel: who says what, and whom to believe.

The user outranks the file; the scanner's own field outranks the TIFF resolution tags. What is not plausible is a
problem to report, never a value to use: a wrong scale silently changes every length, area and cell count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hetscore.domain import MppSource
from hetscore.errors import UsageError

PLAUSIBLE_MPP: dict[MppSource, tuple[float, float]] = {
    MppSource.CASES_TABLE: (0.05, 4.0),
    MppSource.COMMAND_LINE: (0.05, 4.0),
    MppSource.FILE: (0.05, 4.0),
    MppSource.TIFF_RESOLUTION: (0.1, 2.0),
}
"""Smallest and largest um/px believed, by who says it.

0.05 to 4 is a 200x to a 2.5x objective (10 um/px divided by the magnification), beyond which no slide is scanned. The
TIFF tags are often about print (72 dpi is 353 um/px), so only the range of slide scanners, 100x to 5x, is believed.
"""

MAX_ANISOTROPY = 0.01
"""Largest relative difference between x and y: 1 % of a 10 um cell is 0.1 um, below the optical resolution."""


@dataclass(frozen=True)
class MppClaim:
    """What a file says of its scale."""

    x: float
    y: float
    """Microns per level-0 pixel."""
    source: MppSource


@dataclass(frozen=True)
class MppAnswer:
    """The scale to use, or why there is none."""

    mpp: float | None
    source: MppSource | None
    problem: str | None = None


def check_given_mpp(mpp: float | None, source: MppSource) -> None:
    """Refuse microns per pixel that the user cannot mean.

    Raises
    ------
    UsageError
        If `mpp` is outside `PLAUSIBLE_MPP`.
    """
    low, high = PLAUSIBLE_MPP[source]
    if mpp is not None and not low <= mpp <= high:
        where = "--mpp" if source is MppSource.COMMAND_LINE else "cases table, column mpp"
        msg = f"{where}: {mpp:g} um/px; expected {low:g} to {high:g}. A 40x scan has about 0.25, a 20x scan 0.5."
        raise UsageError(msg)


def find_mpp(given: float | None, given_source: MppSource, claims: Sequence[MppClaim]) -> MppAnswer:
    """Decide which microns per pixel to use.

    Parameters
    ----------
    given : float or None
        From the user, already checked by `check_given_mpp`.
    given_source : MppSource
        Who gave it.
    claims : sequence of MppClaim
        What the file says, most trusted first. Only the first is heard: a file whose best claim is absurd is not
        believed on its second.

    Returns
    -------
    MppAnswer
        With `mpp`, or with the `problem`.
    """
    if given is not None:
        return MppAnswer(given, given_source)
    if not claims:
        return MppAnswer(None, None, "no pixel size in the file")
    claim = claims[0]
    problem = _problem_of(claim)
    if problem is not None:
        return MppAnswer(None, None, problem)
    return MppAnswer((claim.x + claim.y) / 2, claim.source)


def _problem_of(claim: MppClaim) -> str | None:
    low, high = PLAUSIBLE_MPP[claim.source]
    name = "TIFF resolution tags say" if claim.source is MppSource.TIFF_RESOLUTION else "file says"
    if not (low <= claim.x <= high and low <= claim.y <= high):
        return f"the {name} {claim.x:.4g} x {claim.y:.4g} um/px, outside {low:g} to {high:g}"
    if abs(claim.x - claim.y) > MAX_ANISOTROPY * min(claim.x, claim.y):
        return f"the {name} {claim.x:.4g} x {claim.y:.4g} um/px, which is not square"
    return None
