"""Where in the tumor cells the brown lies, and how wide the membrane line is: reported, never part of a score.

In: the classified cells of one fragment. Out: mean densities of membrane, cytoplasm and nucleus, the share of the
nucleus in them, and the median width of the line. In brightfield the nuclear density is confounded by hematoxylin,
which spills into the DAB where the stain vectors do not quite fit; so the density that neither stain explains always
stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Cells, Compartments, MembraneClass

Floats = NDArray[np.float64]


_STEP = 1e-6
"""Of densities and shares in a mean: a hundredth of the digits to which the columns are rounded."""


@dataclass(frozen=True)
class CompartmentParams:
    """When the staining of a fragment is called nuclear."""

    min_nucleus_od: float = 0.10
    """Mean density of the nuclei: no less than the height from which a point of the membrane counts as stained. Where
    nothing is stained the index is a ratio of noises."""
    min_index: Fraction = Fraction(1, 2)
    """Above this the nucleus is stained more strongly than membrane and cytoplasm together."""


def translocation_index(cells: Cells) -> Floats:
    """Share of the nucleus in the densities of nucleus, membrane and cytoplasm.

    Parameters
    ----------
    cells : Cells
        Measured cells.

    Returns
    -------
    ndarray of float64, (n,)
        ``N / (M + C + N)``, [0, 1]; NaN where the membrane was not measured or all three are 0.

    Notes
    -----
    C is the cytoplasm, N the nucleus, and M the membrane: `membrane_od` is a height above the darker side of the line,
    so M is the sum of it and `membrane_ground_od`. A density below 0 is noise and counts as 0. Where a cell has too
    little cytoplasm to measure, `cytoplasm_od` is that of the nucleus, and the index of a cell stained evenly is then
    1/3, as it is with a cytoplasm of its own.

    The index is not specific in brightfield: a nucleus that is only blue, unmixed by vectors that do not quite fit,
    has some DAB too. Read it beside `nucleus_residual_od`, and never take it for a proof of HER2 in the nucleus.

    References
    ----------
    .. [1] Bon G et al. J Exp Clin Cancer Res 2020;39:279, who saw HER2 move from the membrane into the nucleus in cell
       lines, by immunofluorescence, where no hematoxylin is in the way.
    """
    nucleus, membrane, cytoplasm = (np.maximum(part, 0.0) for part in _densities(cells))
    total = nucleus + membrane + cytoplasm
    index: Floats = np.full(len(cells), np.nan)
    np.divide(nucleus, total, out=index, where=total > 0)  # a total of NaN is not above 0
    return index


def _densities(cells: Cells) -> tuple[Floats, Floats, Floats]:
    """Absolute DAB density of nucleus, membrane and cytoplasm."""
    cytoplasm = cells.cytoplasm_od.astype(np.float64)
    membrane = cells.membrane_od.astype(np.float64) + cells.membrane_ground_od
    return cells.nucleus_od.astype(np.float64), membrane, cytoplasm


def measure_compartments(cells: Cells) -> Compartments | None:
    """Average the densities of the scored tumor cells of one fragment.

    Parameters
    ----------
    cells : Cells
        All cells of the fragment, tumor or not, in any order.

    Returns
    -------
    Compartments or None
        None where no tumor cell was scored, or none of them shows any density (no image was measured).

    Notes
    -----
    Means are over the tumor cells that have a class and a measured membrane: a cell to which a reader gave a class
    although its membrane could not be measured has no densities to average. Densities below 0 enter the means as they
    are, so that noise averages out; the mean index leaves out the cells that have none. Sums are of whole steps of a
    millionth, so the order of the cells never shows.
    """
    chosen = cells.is_tumor & (cells.membrane_class >= MembraneClass.NEGATIVE) & ~np.isnan(cells.membrane_od)
    index = translocation_index(cells)
    has_index = chosen & ~np.isnan(index)
    if not has_index.any():
        return None
    nucleus, membrane, cytoplasm = _densities(cells)
    return Compartments(
        n_cells=int(np.count_nonzero(chosen)),
        membrane_od=_mean(membrane[chosen]),
        cytoplasm_od=_mean(cytoplasm[chosen]),
        nucleus_od=_mean(nucleus[chosen]),
        residual_od=_mean(cells.nucleus_residual_od[chosen]),
        translocation_index=_mean(index[has_index]),
    )


def _mean(values: NDArray[np.floating]) -> float:
    """Mean of values in steps of `_STEP`: a sum of whole numbers is the same in any order."""
    return int(np.rint(values.astype(np.float64) / _STEP).astype(np.int64).sum()) * _STEP / len(values)


def measure_width(cells: Cells) -> float | None:
    """Find the median width of the membrane line among the stained tumor cells of one fragment.

    Parameters
    ----------
    cells : Cells
        All cells of the fragment, tumor or not, in any order.

    Returns
    -------
    float or None
        Micrometers, of the tumor cells of 1+ or more; None where none of them has a measured width.
    """
    is_stained = cells.is_tumor & (cells.membrane_class >= MembraneClass.FAINT)
    widths = cells.membrane_width_um[is_stained & ~np.isnan(cells.membrane_width_um)]
    return float(np.median(widths)) if len(widths) else None


def has_nuclear_stain(compartments: Compartments, params: CompartmentParams = CompartmentParams()) -> bool:
    """Tell whether the staining of a fragment is mainly nuclear: a fault of the stain, or of the unmixing.

    Parameters
    ----------
    compartments : Compartments
        Of the fragment.
    params : CompartmentParams, optional
        From where on.

    Returns
    -------
    bool
        True where the nuclei are stained at all, and more strongly than membrane and cytoplasm together.
    """
    is_stained = compartments.nucleus_od >= params.min_nucleus_od
    return is_stained and compartments.translocation_index > params.min_index
