"""What a slide looks like in numbers, so that errors counted on some slides are not believed of others.

Only the measured cells and the slide's own stain estimate are looked at: what is told here is there whenever a slide
was analyzed, and nothing of it depends on whether the case is homogeneous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hetscore.domain import Cells, MembraneClass, StainEstimate

LOOKS: Mapping[str, str] = {
    "mpp": "microns per level-0 pixel",
    "nucleus_area_um2": "median area of the tumor cells' nuclei",
    "membrane_od": "median density of the membranes read as 2+ or 3+",
    "membrane_ground_od": "median density beside the tumor cells' membranes",
    "membrane_width_um": "median width of the membrane lines, as thickness, focus and scanner make it",
    "nucleus_residual_od": "median density over the tumor cells' nuclei that neither stain explains",
    "unsure_share": "share of the cells called tumor with a probability below 0.8",
    "tumor_per_mm2": "cells called tumor on a square millimeter of tissue",
    "hematoxylin_degrees": "angle between the slide's hematoxylin and the model's",
    "dab_degrees": "angle between the slide's DAB and the model's",
    "stain_residual_od": "median density of the tissue that neither stain of the model explains",
}
"""What is compared, and what it is."""

SURE = 0.8
"""Probability of tumor from which a call is taken for sure: on phantoms 6 to 9 of 10 cells that are wrongly called
tumor and read as 0 or 1+ lie below, and 1 or 2 of 1,000 tumor cells."""
MIN_CELLS = 100
"""Fewest tumor cells of a slide that is described: the median of 100 is good to a tenth of a class's spread."""
REACH_SD = 2.8
"""Standard deviations of like slides to either side that are allowed: one of 200 lies beyond."""
VALUE_MARGIN = 0.1
"""Of the value itself, allowed at least: less than a tenth, a slide differs from itself from fragment to fragment. Few
or equal slides would else leave no room at all."""


def describe_slide(
    cells: Cells, *, mpp: float, tissue_mm2: float, stain: StainEstimate | None = None
) -> dict[str, float]:
    """Describe a slide.

    Parameters
    ----------
    cells : Cells
        Of its sample fragments.
    mpp : float
        Microns per level-0 pixel.
    tissue_mm2 : float
        Area of these fragments.
    stain : StainEstimate, optional
        Of the slide.

    Returns
    -------
    dict of str to float
        By the names of `LOOKS`; what cannot be told is left out, as everything that takes cells is of a slide with
        fewer than `MIN_CELLS` tumor cells.
    """
    told: dict[str, float | None] = {
        "mpp": mpp,
        "hematoxylin_degrees": stain.hematoxylin_degrees if stain else None,
        "dab_degrees": stain.dab_degrees if stain else None,
        "stain_residual_od": stain.residual_od if stain else None,
        **_describe_cells(cells.take(cells.is_tumor), tissue_mm2),
    }
    known = {name: value for name in LOOKS if (value := told.get(name)) is not None}
    return {name: value for name, value in known.items() if np.isfinite(value)}


def _describe_cells(tumor: Cells, tissue_mm2: float) -> dict[str, float | None]:
    """Describe tumor cells; nothing of too few."""
    if len(tumor) < MIN_CELLS:
        return {}
    is_stained = tumor.membrane_class >= MembraneClass.MODERATE
    return {
        "nucleus_area_um2": _median(tumor.nucleus_area_um2),
        "membrane_od": _median(tumor.membrane_od[is_stained]),
        "membrane_ground_od": _median(tumor.membrane_ground_od),
        "membrane_width_um": _median(tumor.membrane_width_um),
        "nucleus_residual_od": _median(tumor.nucleus_residual_od),
        "unsure_share": float(np.mean(tumor.p_tumor < SURE)),
        "tumor_per_mm2": len(tumor) / tissue_mm2 if tissue_mm2 > 0 else None,
    }


def _median(values: NDArray[np.float32]) -> float | None:
    """Median of what could be measured; None where nothing could."""
    measured = values[np.isfinite(values)]
    return float(np.median(measured)) if len(measured) else None


def join_looks(looks: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Give the lowest and the highest value of each number over slides; one that a slide lacks is of the others."""
    names = [name for name in LOOKS if any(name in look for look in looks)]
    values = {name: [look[name] for look in looks if name in look] for name in names}
    return {name: (min(of), max(of)) for name, of in values.items()}


def expected_range(n_slides: int) -> float:
    """Range of so many normal values, in standard deviations, to be expected: 1.1 of two, 3.7 of twenty."""
    steps = np.linspace(-8.0, 8.0, 1601)
    below = ndtr(steps)
    return float(np.trapezoid(1 - below**n_slides - (1 - below) ** n_slides, steps))


def allow_range(low: float, high: float, n_slides: int) -> tuple[float, float]:
    """Widen the range of some slides to that of slides like them.

    Parameters
    ----------
    low, high : float
        Lowest and highest value seen.
    n_slides : int
        On how many slides; the fewer, the less of the range of like slides they show.

    Returns
    -------
    tuple of float
        `REACH_SD` standard deviations to either side of the middle, by what the range of normal values tells of them;
        at least `VALUE_MARGIN` of each end more.
    """
    sd = (high - low) / expected_range(max(2, n_slides))
    margin = max(0.0, REACH_SD * sd - (high - low) / 2)
    return low - max(margin, VALUE_MARGIN * abs(low)), high + max(margin, VALUE_MARGIN * abs(high))


def compare_domain(
    look: Mapping[str, float], domain: Mapping[str, tuple[float, float]], n_slides: int
) -> tuple[str, ...]:
    """Name in what a slide differs from those that errors were counted on.

    Parameters
    ----------
    look : mapping of str to float
        From `describe_slide`.
    domain : mapping of str to tuple of float
        Lowest and highest value of those slides, from `join_looks`.
    n_slides : int
        How many they were.

    Returns
    -------
    tuple of str
        Names of `LOOKS` outside of `allow_range`, in that order. What one side does not tell is not compared.
    """
    both = [name for name in LOOKS if name in look and name in domain]
    limits = {name: allow_range(*domain[name], n_slides) for name in both}
    return tuple(name for name in both if not limits[name][0] <= look[name] <= limits[name][1])
