"""Results beside the truth, as the error model is counted from them: cells called tumor, and what is true of each.

Truth comes from a phantom, from fields read by people, or from a user's word that the tissue is homogeneous; then
nothing is known of a single cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class CellTruth(IntEnum):
    """What a cell called tumor truly is."""

    UNKNOWN = -1
    NO_TUMOR = 0
    """Another cell, or no cell at all."""
    BELOW = 1
    """A tumor cell of 0 or 1+."""
    OVEREXPRESSED = 2
    """A tumor cell of 2+ or 3+."""


@dataclass(frozen=True)
class KnownFragment:
    """The cells of one fragment that were called tumor, as columns of length n; `link_cells` tells who touches whom."""

    fragment: int
    area_mm2: float
    """Of the tissue on which the truth is known."""
    x_um: NDArray[np.float64]
    y_um: NDArray[np.float64]
    p_tumor: NDArray[np.float64]
    membrane_class: NDArray[np.int8]
    """As read: `MembraneClass`."""
    truth: NDArray[np.int8]
    """`CellTruth`."""

    def __len__(self) -> int:
        return len(self.x_um)


@dataclass(frozen=True)
class KnownSlide:
    """What was read on one slide of known truth."""

    case_id: str
    slide: str
    fragments: tuple[KnownFragment, ...]
    """Of the sample; controls are left out."""
    n_tumor: int
    """True tumor cells that were asked for; 0 where they are not known."""
    n_missed: int
    """Those not found, or not called tumor."""
    is_homogeneous: bool = False
    """Whether, by the user's word, every tumor cell overexpresses; then the truth of all cells is UNKNOWN."""
