"""From a cell's measures to its membrane class, with probabilities.

Comes in: measured `Cells`. Goes out: the same cells with `membrane_class` and `p_class` filled. The model is an ordinal
regression one can read: a weighted sum of three measures and three cut points; its numbers come from a calibration,
never from this file. Then the guideline says what the staining counts as. Cells without a measure stay UNSCORED.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from hetscore.domain import Cells, MembraneClass
from hetscore.scoring.guidelines import Guideline

Floats = NDArray[np.float64]
Classes = NDArray[np.int8]
"""`MembraneClass`, one a cell."""

OD_FLOOR = 0.02
"""Added before the logarithm: what it reads on unstained membranes of the development crops (median 0.023)."""


@dataclass(frozen=True)
class OrdinalModel:
    """Proportional-odds model of the membrane class.

    P(class >= s) = logistic(weights . measures - cuts[s - 1]) for s = 1, 2, 3, and 0 for s = 2, 3 below `min_share`.

    References
    ----------
    .. [1] McCullagh P. Regression models for ordinal data. J R Stat Soc B 42:109-142, 1980.
    """

    id: str
    """Name of the calibration, carried into every result."""
    weights: tuple[float, float, float]
    """Of the three columns of `cell_measures`; none is negative, so more stain never lowers a class."""
    cuts: tuple[float, float, float]
    """Cut points of 1+, 2+, 3+, increasing."""
    min_share: float = 0.0
    """Least membrane completeness of 2+ and 3+, which are complete, basolateral or lateral staining (Yagi 2019); a
    stretch shared with one stained neighbor is none of these."""

    def __post_init__(self) -> None:
        """Refuse a model under which more stain could mean a lower class."""
        if not all(0 <= w < np.inf for w in self.weights) or not self.cuts[0] < self.cuts[1] < self.cuts[2]:
            raise ValueError(f"calibration {self.id}: weights {self.weights} and cuts {self.cuts} are not monotone")

    def probabilities(self, measures: Floats) -> Floats:
        """Probability of 0, 1+, 2+, 3+ for each row of `measures`, (n, 4)."""
        reach = expit((measures @ np.array(self.weights))[:, None] - np.array(self.cuts))
        reach[:, 1:] *= (measures[:, 1] >= self.min_share)[:, None]
        bounds = np.concatenate([np.ones((len(measures), 1)), reach, np.zeros((len(measures), 1))], axis=1)
        chances: Floats = bounds[:, :-1] - bounds[:, 1:]
        return chances


def cell_measures(cells: Cells) -> Floats:
    """Logarithm of the membrane density, completeness and longest arc, (n, 3); NaN where the membrane is unmeasured."""
    od = np.log(np.maximum(cells.membrane_od.astype(np.float64), 0) + OD_FLOOR)
    return np.column_stack([od, cells.membrane_completeness, cells.membrane_arc])


def classify_cells(cells: Cells, model: OrdinalModel, guideline: Guideline) -> Cells:
    """Fill in the membrane class and its probabilities.

    Parameters
    ----------
    cells : Cells
        Measured cells.
    model : OrdinalModel
        The calibration.
    guideline : Guideline
        Whose cell rules say what a cell's staining counts as.

    Returns
    -------
    Cells
        `membrane_class` is what the guideline counts the cell as, `p_class` the probability of the staining itself.
        The staining is the median of that distribution: the largest s with P(class >= s) >= 0.5, so raising a measure
        never lowers it. UNSCORED, with zero probabilities, where `membrane_od` is NaN.
    """
    is_scored = np.isfinite(cells.membrane_od)
    p_class = np.zeros((len(cells), 4))
    p_class[is_scored] = model.probabilities(cell_measures(cells)[is_scored])
    at_least = np.cumsum(p_class[:, ::-1], axis=1)[:, ::-1]
    staining = np.where(is_scored, (at_least[:, 1:] >= 0.5).sum(axis=1), MembraneClass.UNSCORED).astype(np.int8)
    return cells.with_columns(
        membrane_class=count_as(staining, cells.membrane_pattern, guideline),
        p_class=np.round(p_class, 5).astype(np.float32),
    )


def count_as(membrane_class: Classes, pattern: NDArray[np.int8], guideline: Guideline) -> Classes:
    """Tell what each cell's staining counts as under a guideline.

    Parameters
    ----------
    membrane_class : ndarray of int8, (n,)
        `MembraneClass`, how strongly each cell is stained.
    pattern : ndarray of int8, (n,)
        `MembranePattern`, which of its sides are.
    guideline : Guideline
        Whose cell rules hold.

    Returns
    -------
    ndarray of int8, (n,)
        `MembraneClass`; a new array. Counting what was counted changes nothing.

    Notes
    -----
    0 stays 0 and UNSCORED stays UNSCORED, since every rule speaks of stained cells. A stained cell of which no rule
    speaks keeps its class. A faint cell may have the pattern NONE, because the pattern is found at a higher density
    than faint staining.
    """
    counted = membrane_class.copy()
    for rule in reversed(guideline.cell_rules):  # the first rule that holds is written last, so it decides
        counted[(membrane_class >= rule.at_least) & np.isin(pattern, rule.patterns)] = rule.counts_as
    return counted
