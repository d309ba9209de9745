"""Carry places and outlines between the HER2 slide and its companion; what is refused is not carried.

Level-0 pixels of either slide on both ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from hetscore.domain import Affine, Fragment, Registration, fragment_shape
from hetscore.registration.blocks import apply_affine


def carry_place(registration: Registration, fragment: int, xy: tuple[float, float]) -> tuple[float, float] | None:
    """Carry a place of a fragment from the HER2 slide to the companion; None where its match is refused."""
    match = registration.match_of(fragment)
    if match is None or match.affine is None:
        return None
    x, y = apply_affine(match.affine, np.array([xy], dtype=np.float64))[0]
    return float(x), float(y)


def invert(affine: Affine) -> Affine:
    """Give the transform back."""
    inverse: Affine = np.linalg.inv(np.vstack([affine, [0.0, 0.0, 1.0]]))[:2]
    return inverse


def carry_region(
    registration: Registration, fragments: Sequence[Fragment], region: BaseGeometry | NDArray[np.floating]
) -> dict[int, BaseGeometry]:
    """Carry a region drawn on the companion to the HER2 slide.

    Parameters
    ----------
    registration : Registration
        Of the two slides.
    fragments : sequence of Fragment
        Of the HER2 slide.
    region : shapely geometry or (n, 2) ndarray
        Drawn on the companion, level-0 pixels; an array is the ring of a polygon.

    Returns
    -------
    dict of int to shapely geometry
        By `Fragment.id`: the part of the region that lies on the fragment, level-0 pixels of the HER2 slide. Each piece
        moved by itself, so a region over two pieces comes apart; what lies on no fragment, or on one whose match is
        refused, is left out.
    """
    drawn = region if isinstance(region, BaseGeometry) else shapely.Polygon(region)
    drawn = shapely.make_valid(drawn)
    carried = {}
    for fragment in fragments:
        match = registration.match_of(fragment.id)
        if match is None or match.affine is None:
            continue
        part = _transformed(drawn, invert(match.affine)).intersection(fragment_shape(fragment))
        if part.area > 0:
            carried[fragment.id] = part
    return carried


def _transformed(geometry: BaseGeometry, affine: Affine) -> BaseGeometry:
    return shapely.transform(geometry, lambda xy: apply_affine(affine, xy))
