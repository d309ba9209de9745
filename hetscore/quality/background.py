"""Cells -> whether the slide's own negative control holds: cells that are no tumor must not be brown.

Stroma, lymphocytes and normal glands carry no HER2 that this stain shows, so their DAB is background. There is no such
positive control: nothing in gastric tissue is always stained, so too weak a stain is seen on control tissue alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hetscore.domain import Cells


@dataclass(frozen=True)
class BackgroundParams:
    """How brown cells that are no tumor may be. See docs/quality.md for the slides behind the numbers."""

    max_p_tumor: float = 0.2
    """Less likely tumor than this is no tumor: brown tumor cells that pass for stroma must not set the level."""
    min_cells: int = 50
    """Fewer tell nothing: the median of 50 cells is known to within a seventh of their spread (1.25 over the root)."""
    caution_od: float = 0.035
    """Median density of DAB in their cytoplasm from which a reader is cautioned: seven development cores have at most
    0.016, the one with stain in its stroma 0.050. No more than a caution: on phantoms an even haze of up to 0.11
    changed hardly a class, since a membrane is measured above what lies beside it."""


def measure_background(cells: Cells, params: BackgroundParams) -> float | None:
    """Measure the density of DAB in cells that are no tumor.

    Parameters
    ----------
    cells : Cells
        Of a whole slide: stroma differs from fragment to fragment less than slides do.
    params : BackgroundParams
        Which cells count, and how many there must be.

    Returns
    -------
    float or None
        Median over their cytoplasm, optical density; None where they are too few.
    """
    others = cells.cytoplasm_od[(cells.p_tumor < params.max_p_tumor) & np.isfinite(cells.cytoplasm_od)]
    return float(np.median(others)) if len(others) >= params.min_cells else None


def name_background(cells: Cells, params: BackgroundParams) -> dict[str, bool]:
    """Say which flags the stain of cells that are no tumor sets.

    Parameters
    ----------
    cells : Cells
        Of a whole slide.
    params : BackgroundParams
        How brown they may be.

    Returns
    -------
    dict of str to bool
        By flag; not set where too few of these cells tell.
    """
    od = measure_background(cells, params)
    return {"background-stain": od is not None and od > params.caution_od}
