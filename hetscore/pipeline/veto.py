"""What a pathologist drew on the H&E slide -> cells of the HER2 slide that are no tumor cells.

Carried over fragment by fragment, by the registration. A veto must be sure: cells nearer to the border of a region than
nine in ten places are registered are left as they were called, and so are all cells of a fragment that is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import shapely
from numpy.typing import NDArray

from hetscore.annotations import call_tumor, read_annotations
from hetscore.domain import (
    CaseInput,
    Cells,
    Fragment,
    FragmentMatch,
    Region,
    RegionKind,
    Registration,
    SlideResult,
    SlideRole,
)
from hetscore.registration import carry_region

_NOWHERE = shapely.Polygon()
CARRIED = (RegionKind.TUMOR, RegionKind.NON_TUMOR)
"""What is drawn on an H&E slide for the HER2 slide's sake; the other kinds speak of the slide they are drawn on."""


@dataclass(frozen=True)
class Veto:
    """Slides with the cells called no tumor, and what is to be told of it."""

    slides: tuple[SlideResult, ...]
    flags: tuple[str, ...]
    """Names in `FLAGS`."""


def apply_veto(case: CaseInput, slides: Sequence[SlideResult], registrations: Sequence[Registration]) -> Veto:
    """Call cells no tumor that lie outside the tumor, or in what is none, as drawn on the H&E slides.

    Parameters
    ----------
    case : CaseInput
        The case as named by the user, with the drawings of its H&E slides.
    slides : sequence of SlideResult
        Its HER2 slides; what was drawn on them is applied already and stands.
    registrations : sequence of Registration
        Of the H&E slides.

    Returns
    -------
    Veto
        "companion-veto" where a tumor cell was called none, "annotations-unused" where a region lies on no fragment
        that is registered, has no class, or is of a kind that is not carried over. Where no tumor is drawn on such a
        fragment, what is drawn of tumor vetoes nothing.

    Raises
    ------
    UsageError
        If the file of what was drawn cannot be read.
    """
    vetoed, flags = list(slides), set()
    for companion in case.slides:
        if companion.role is not SlideRole.HE or companion.annotations is None:
            continue
        drawn = read_annotations(companion.annotations)
        pairs = [
            (k, found)
            for k, slide in enumerate(vetoed)
            for found in registrations
            if (found.slide, found.companion) == (slide.info.path.name, companion.path.name)
        ]
        used = set[int]().union(*(_find_used(vetoed[k], found, drawn.regions) for k, found in pairs))
        if drawn.n_unclassified or len(used) < len(drawn.regions):
            flags.add("annotations-unused")
        regions = _choose_regions(drawn.regions, used)
        for k, found in pairs:
            vetoed[k] = replace(vetoed[k], cells=_veto_cells(vetoed[k], found, regions))
    if any(_count_tumor(after) < _count_tumor(before) for after, before in zip(vetoed, slides, strict=True)):
        flags.add("companion-veto")
    return Veto(tuple(vetoed), tuple(sorted(flags)))


def _count_tumor(slide: SlideResult) -> int:
    return int(np.count_nonzero(slide.cells.is_tumor))


def _find_used(slide: SlideResult, registration: Registration, drawn: Sequence[Region]) -> set[int]:
    """Give the numbers of the regions that lie on a fragment of the slide."""
    return {
        number
        for number, region in enumerate(drawn)
        if region.kind in CARRIED and carry_region(registration, slide.fragments, region.shape)
    }


def _choose_regions(drawn: Sequence[Region], used: set[int]) -> list[Region]:
    """Leave tumor out where none of it lies on a fragment: it bounds nothing, and would veto every cell."""
    is_bounded = any(drawn[number].kind is RegionKind.TUMOR for number in used)
    return [r for r in drawn if r.kind in CARRIED and (is_bounded or r.kind is not RegionKind.TUMOR)]


def _veto_cells(slide: SlideResult, registration: Registration, drawn: Sequence[Region]) -> Cells:
    """Veto the cells of the fragments that are registered."""
    cells, by_hand = slide.cells, slide.cells.tumor_by_hand.copy()
    for fragment in slide.fragments:
        match = registration.match_of(fragment.id)
        if match is None:
            continue
        regions = _carry(registration, fragment, match, drawn, slide.info.mpp or 1.0)
        rows = np.flatnonzero(cells.fragment == fragment.id)
        by_hand[rows] = _join(by_hand[rows], call_tumor(cells.x[rows], cells.y[rows], regions))
    return cells.with_columns(tumor_by_hand=by_hand)


def _join(own: NDArray[np.int8], carried: NDArray[np.int8]) -> NDArray[np.int8]:
    """Let stand what was said of a cell on its own slide."""
    return np.where(own != 0, own, carried).astype(np.int8)


def _carry(
    registration: Registration,
    fragment: Fragment,
    match: FragmentMatch,
    drawn: Sequence[Region],
    mpp: float,
) -> list[Region]:
    """Carry regions to a fragment: tumor made wider, what is none narrower, by what the registration may be off.

    Tumor drawn elsewhere on the slide has an empty shape here: that of this fragment is none.
    """
    scale = sqrt(abs(float(np.linalg.det(match.affine[:, :2])))) if match.affine is not None else 1.0
    doubt_px = scale * (match.error_p90_um or 0.0) / mpp  # of the H&E slide, on which the region is drawn
    regions = []
    for region in drawn:
        sure = region.shape.buffer(doubt_px if region.kind is RegionKind.TUMOR else -doubt_px)
        shape = carry_region(registration, [fragment], sure).get(fragment.id, _NOWHERE)
        regions.append(replace(region, shape=shape))
    return regions
