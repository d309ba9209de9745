"""Where the tissue went: which fragments and how much area the tiles that could not be read took.

Comes in: tissue, fragments and failed tiles. Goes out: what the report tells of them. A tile that was lost is never
passed over in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Coverage, Fragment, Fragments, TissueMask
from hetscore.geometry import Box


def mark_failed(fragments: Fragments, failed: Sequence[Box]) -> tuple[Fragment, ...]:
    """Note on each fragment how many of its tiles could not be read; `failed` are their cores."""
    touched = [find_touched(fragments, core) for core in failed]
    return tuple(replace(f, n_failed_tiles=sum(f.id in labels for labels in touched)) for f in fragments.items)


def find_touched(fragments: Fragments, core: Box) -> set[int]:
    """Find the numbers of the fragments that a core holds a part of."""
    mask = _mask_of([core], fragments.labels.shape, fragments.downsample)
    return {int(number) for number in np.unique(fragments.labels[mask]) if number > 0}


def take_out(tissue: TissueMask, masks: Mapping[str, NDArray[np.bool_]]) -> TissueMask:
    """Take masks out of the tissue and keep them apart, by reason; where several lie, the first has it."""
    left, excluded = tissue.mask, dict(tissue.excluded)
    for reason, mask in masks.items():
        excluded[reason], left = mask & left, left & ~mask
    return replace(tissue, mask=left, excluded=excluded)


def measure_coverage(tissue: TissueMask, fragments: Fragments, failed: Sequence[Box]) -> Coverage:
    """Where the tissue went: analyzed, excluded by reason, failed; they add up to the tissue.

    Parameters
    ----------
    tissue : TissueMask
        Tissue and what was taken out of it.
    fragments : Fragments
        The pieces that were analyzed.
    failed : sequence of Box
        Cores of the tiles that could not be read: they are lost. Level-0 pixels.

    Returns
    -------
    Coverage
        In square millimeters.
    """
    in_fragment = fragments.labels > 0
    lost = _mask_of(failed, in_fragment.shape, fragments.downsample) & in_fragment
    excluded: dict[str, float] = {reason: tissue.area_mm2(mask) for reason, mask in tissue.excluded.items()}
    excluded["dust-and-edges"] = tissue.area_mm2(tissue.mask & ~in_fragment)
    analysed, failed_mm2 = tissue.area_mm2(in_fragment & ~lost), tissue.area_mm2(lost)
    total = analysed + failed_mm2 + sum(excluded.values())
    return Coverage(total, analysed, _without_zeros(excluded), failed_mm2)


def _without_zeros(areas: Mapping[str, float]) -> dict[str, float]:
    return {reason: area for reason, area in areas.items() if area > 0}


def _mask_of(boxes: Sequence[Box], shape: tuple[int, ...], downsample: int) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[
            box.y // downsample : ceil(box.bottom / downsample), box.x // downsample : ceil(box.right / downsample)
        ] = 1
    return mask
