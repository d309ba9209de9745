"""Thumbnail -> what cannot be judged: slides of another kind, and masks, by reason, of what spoils the tissue.

A wrong slide is not an error: it gives blocking flags, so the case is "not assessable" with the reason. What is masked
is not judged, and its area is told by reason. Only out-of-focus tissue is looked for in finer pixels than the
thumbnail's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from hetscore.domain import Thumbnail, TissueMask
from hetscore.quality.background import BackgroundParams, measure_background, name_background
from hetscore.quality.bands import Densities
from hetscore.quality.covers import CoverParams, dark_level, find_bare, find_dark, find_foreign, find_pen
from hetscore.quality.focus import FocusParams, find_blur
from hetscore.quality.folds import FoldParams, find_folds
from hetscore.quality.particles import ParticleParams, find_opaque
from hetscore.quality.reading import Read
from hetscore.quality.refusals import RefusalParams, dark_share, find_refusals
from hetscore.quality.rims import RimParams, find_rims
from hetscore.quality.shapes import Mask, fill_holes, take_slivers
from hetscore.stain import Stain

__all__ = [
    "BackgroundParams",
    "CoverParams",
    "FocusParams",
    "FoldParams",
    "ParticleParams",
    "QualityParams",
    "RefusalParams",
    "RimParams",
    "dark_share",
    "exclude",
    "find_artefacts",
    "find_blur",
    "find_folds",
    "find_foreign",
    "find_opaque",
    "find_pen",
    "find_refusals",
    "find_rims",
    "measure_background",
    "name_background",
    "name_exclusions",
]


@dataclass(frozen=True)
class QualityParams:
    """When a slide is refused and what is masked."""

    refusals: RefusalParams = field(default_factory=RefusalParams)
    particles: ParticleParams = field(default_factory=ParticleParams)
    covers: CoverParams = field(default_factory=CoverParams)
    folds: FoldParams = field(default_factory=FoldParams)
    focus: FocusParams = field(default_factory=FocusParams)
    rims: RimParams = field(default_factory=RimParams)
    background: BackgroundParams = field(default_factory=BackgroundParams)
    max_excluded_share: float = 0.1
    """Of the tissue; where more is excluded a reader is cautioned. A tenth, as of cells that could not be scored."""


def find_artefacts(
    thumbnail: Thumbnail, tissue: TissueMask, stain: Stain, read: Read, params: QualityParams
) -> dict[str, Mask]:
    """Find what spoils the tissue of a slide.

    Parameters
    ----------
    thumbnail : Thumbnail
        The whole slide.
    tissue : TissueMask
        Its tissue, ink and the like included where they were taken for it.
    stain : Stain
        Its glass and stains.
    read : callable
        Reads a box of the slide at a downsample, e.g. `Slide.read`.
    params : QualityParams
        What is masked.

    Returns
    -------
    dict of str to (h, w) bool
        By reason, the surest first: where several hold, the first one names the place. They may overlap, and reach
        over the glass.
    """
    densities, mpp = Densities(thumbnail.rgb, stain), thumbnail.mpp
    level = dark_level(densities, tissue.mask, mpp)
    dark = find_dark(densities, level, mpp, params.covers)
    sliver, reach = params.covers.sliver_um / mpp, params.covers.sliver_reach_um / mpp
    pen, foreign = (
        take_slivers(find(dark, mpp, params.covers), tissue.mask, sliver, reach) for find in (find_pen, find_foreign)
    )
    opaque = find_opaque(thumbnail, stain.white, params.particles, known=pen | foreign)
    cover = pen | foreign | opaque
    clear = tissue.mask & ~cover
    level = dark_level(densities, clear, mpp) if cover.any() else level
    folds = find_folds(densities, clear, level, mpp, params.folds)
    rims = find_rims(densities, tissue, read, params.rims, known=cover)
    left = replace(tissue, mask=clear & ~(folds | rims))
    blur = find_blur(left, read, stain.white, params.focus, known=cover | folds | rims)
    # What a coverslip's edge and the medium spilt beyond it enclose lies bare, and is dull but hardly blurred.
    blur = fill_holes(blur | foreign, params.covers.max_hole_mm2 * 1e6 / mpp**2) & ~foreign
    return {
        "pen": pen,
        "foreign": foreign,
        "opaque-particles": opaque,
        "folds": folds,
        "edge-stain": rims,
        "out-of-focus": blur,
    }


COVERS = ("pen", "foreign", "opaque-particles")
"""What may lie on glass as well, and is no tissue there; the other reasons are ways in which tissue is spoilt."""


def exclude(tissue: TissueMask, masks: Mapping[str, Mask], params: QualityParams | None = None) -> TissueMask:
    """Take masks out of the tissue and keep them apart, by reason; where several lie, the first has it.

    Parameters
    ----------
    tissue : TissueMask
        Ink and the like included where they were taken for tissue.
    masks : mapping of str to (h, w) bool
        By reason, the surest first.
    params : QualityParams, optional
        With how far from tissue a cover lies on glass.

    Returns
    -------
    TissueMask
        What covers bare glass is neither tissue nor excluded: its area is told apart, as `covered_glass_mm2`.
    """
    params = params or QualityParams()
    cover = np.zeros(tissue.mask.shape, bool)
    for name in COVERS:
        if name in masks:
            cover |= masks[name]
    bare = tissue.mask & find_bare(cover, tissue.mask, tissue.mpp, params.covers)
    on_tissue = replace(tissue, mask=tissue.mask & ~bare, covered_glass_mm2=tissue.area_mm2(bare))
    return on_tissue.take_out(masks)


def name_exclusions(tissue: TissueMask, params: QualityParams) -> dict[str, bool]:
    """Say which flags the tissue that was taken out sets.

    Parameters
    ----------
    tissue : TissueMask
        As `exclude` left it.
    params : QualityParams
        With the share from which a reader is cautioned.

    Returns
    -------
    dict of str to bool
        By flag; of "artefacts-excluded" and "many-artefacts" at most one is set.
    """
    excluded = sum(int(mask.sum()) for mask in tissue.excluded.values())
    are_many = excluded > params.max_excluded_share * (excluded + int(tissue.mask.sum()))
    return {
        "artefacts-excluded": excluded > 0 and not are_many,
        "many-artefacts": are_many,
        "covered-glass": tissue.covered_glass_mm2 > 0,
    }
