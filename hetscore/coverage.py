"""Where the tissue went: which fragments and how much area the tiles that could not be read took.

Comes in: tissue, fragments and failed tiles. Goes out: what the report tells of them. A tile that was lost is never
passed over in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Coverage, Fragment, Fragments, TissueMask
from hetscore.geometry import Box


def mark_failed(fragments: Fragments, failed: Sequence[Box]) -> tuple[Fragment, ...]:
    """Note on each fragment how many of its tiles could not be read; `failed` are their cores."""
    touched = [find_touched(fragments, core) for core in failed]
    return tuple(replace(f, n_failed_tiles=sum(f.id in labels for labels in touched)) for f in fragments.items)


HIDDEN_REACH_UM = 100.0
"""Excluded tissue so near to a fragment is taken for a part of it: the distance over which pieces are bridged."""
NOT_HIDING = ("annotated", "not-read", "dust-and-edges", "edge-stain")
"""Reasons that hide nothing of a fragment: what a person took out, what was never a part of it, and a rim one or two
cells wide, which no group of cells lies in alone."""


def mark_hidden(fragments: Fragments, found: Sequence[Fragment], tissue: TissueMask) -> tuple[Fragment, ...]:
    """Note on each fragment how much tissue in it or beside it was not judged.

    Parameters
    ----------
    fragments : Fragments
        Where they lie.
    found : sequence of Fragment
        The same, as marked so far.
    tissue : TissueMask
        With what was excluded, by reason.

    Returns
    -------
    tuple of Fragment
        In the order of `found`. Area between two fragments counts for both.
    """
    masks = [mask for reason, mask in tissue.excluded.items() if reason not in NOT_HIDING and mask.any()]
    if not masks:
        return tuple(found)
    hiding = np.logical_or.reduce(masks)
    radius = max(1, round(HIDDEN_REACH_UM / tissue.mpp))
    return tuple(replace(f, hidden_mm2=tissue.area_mm2(_hide(f, fragments, hiding, radius))) for f in found)


def _hide(fragment: Fragment, fragments: Fragments, hiding: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Excluded pixels within a distance of a fragment, in its box of the thumbnail grown by that distance."""
    box, scale = fragment.bounds, fragments.downsample
    rows = slice(max(0, box.y // scale - radius), ceil(box.bottom / scale) + radius)
    columns = slice(max(0, box.x // scale - radius), ceil(box.right / scale) + radius)
    near = fragments.labels[rows, columns] == fragment.id
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown: NDArray[np.bool_] = cv2.dilate(near.astype(np.uint8), disc) > 0
    return grown & hiding[rows, columns]


def find_touched(fragments: Fragments, core: Box) -> set[int]:
    """Find the numbers of the fragments that a core holds a part of."""
    mask = _mask_of([core], fragments.labels.shape, fragments.downsample)
    return {int(number) for number in np.unique(fragments.labels[mask]) if number > 0}


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
