"""How a companion slide lies against the HER2 slide, fragment by fragment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]
"""(2, 3), from (x, y, 1) of one frame to (x, y) of another."""


@dataclass(frozen=True)
class FragmentMatch:
    """Where one fragment of the HER2 slide lies on the companion, and how well that is known."""

    fragment: int
    """`Fragment.id`."""
    affine: Affine | None
    """From level-0 pixels of the HER2 slide to those of the companion; None where nothing was found to match."""
    error_um: float | None
    """Estimated from the pair itself: half of its places are off by no more; None where nothing tells."""
    error_p90_um: float | None
    """And nine in ten."""
    agreement: float
    """Share of the places looked at where both slides show the same, [0, 1]."""
    n_blocks: int
    """Places looked at."""
    reason: str | None = None
    """Why the match is refused; None where it is not."""

    @property
    def is_refused(self) -> bool:
        """Whether nothing may be carried over by it."""
        return self.reason is not None


@dataclass(frozen=True)
class Registration:
    """A companion slide registered to a HER2 slide."""

    slide: str
    """Name of the HER2 slide's file."""
    companion: str
    """Name of the companion's file."""
    matches: tuple[FragmentMatch, ...]
    """A row a fragment of the HER2 slide."""
    problem: str | None = None
    """Why the companion could not be looked at at all; there are no matches then."""

    @property
    def is_refused(self) -> bool:
        """Whether no fragment can be shown on the companion."""
        return all(match.is_refused for match in self.matches)

    @property
    def is_complete(self) -> bool:
        """Whether every fragment can."""
        return bool(self.matches) and not any(match.is_refused for match in self.matches)

    @property
    def reason(self) -> str | None:
        """Why fragments cannot be shown, in one line; None where all can."""
        if self.problem is not None:
            return self.problem
        refused = [f"fragment {match.fragment}: {match.reason}" for match in self.matches if match.is_refused]
        return "; ".join(refused) or (None if self.matches else "no fragment to match")

    def match_of(self, fragment: int) -> FragmentMatch | None:
        """Return the match of a fragment unless it is refused or there is none."""
        return next((m for m in self.matches if m.fragment == fragment and not m.is_refused), None)
