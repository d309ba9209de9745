"""Outlines of found cells and of true ones -> which are the same cell, and how far they overlap.

A cell whose true extent is not known counts neither way: of fibroblasts and lymphocytes a phantom knows only nuclei.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from hetscore.evaluation.results import FoundSlide
from hetscore.evaluation.truth import SlideTruth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAME_CELL_IOU = 0.5
"""Outlines that share more than this of their union are one cell; of cells that do not overlap each other, none has two
such partners (Kirillov 2019)."""


@dataclass(frozen=True)
class Instances:
    """Cells compared by their outlines: true ones that are asked for, of which the outline is known."""

    n_matched: int
    n_false: int
    n_missed: int
    n_neutral: int
    """Found cells that count neither way."""
    iou_sum: float
    """Over the matched cells."""


def compare_outlines(found: FoundSlide, truth: SlideTruth, partners: tuple[Ints, Ints]) -> Instances | None:
    """Compare cells by their outlines.

    Parameters
    ----------
    found : FoundSlide
        With outlines of whole cells.
    truth : SlideTruth
        Likewise.
    partners : tuple of ndarray of int64
        Found and true nuclei that `match_cells` paired.

    Returns
    -------
    Instances or None
        None where either side has no outlines, or only crops were read: then a cell without a partner may be right.

    Notes
    -----
    A found and a true cell are the same where their outlines share more than `SAME_CELL_IOU` of their union; most
    overlap first, each used once. Asked for are the true cells that are sure and have an outline. A found cell is

    - matched, if it is the same as one that is asked for;
    - neutral, if it is the same as one that is not, or the same as none and its nucleus is the partner of one that is
      not: a cell whose true extent is not known, or not judged, is neither right nor wrong;
    - else false.

    A cell whose outline is absent or has no area overlaps nothing.

    References
    ----------
    .. [1] Kirillov A, He K, Girshick R, Rother C, Dollár P. Panoptic segmentation. CVPR 2019:9404-9413.
    """
    if found.outlines is None or truth.outlines is None or truth.read is not None:
        return None
    is_asked = truth.is_sure & (shapely.area(truth.outlines) > 0)
    i, j, iou = _same_cells(found.outlines, truth.outlines)
    is_neutral = np.zeros(len(found), bool)
    is_neutral[partners[0]] = ~is_asked[partners[1]]
    is_neutral[i] = ~is_asked[j]
    is_right = is_asked[j]
    n_matched, n_neutral = int(np.count_nonzero(is_right)), int(np.count_nonzero(is_neutral))
    return Instances(
        n_matched=n_matched,
        n_false=len(found) - n_matched - n_neutral,
        n_missed=int(np.count_nonzero(is_asked)) - n_matched,
        n_neutral=n_neutral,
        iou_sum=float(iou[is_right].sum()),
    )


def _same_cells(mine: NDArray[np.object_], theirs: NDArray[np.object_]) -> tuple[Ints, Ints, Floats]:
    """Pair shapes that share more than `SAME_CELL_IOU` of their union, and tell how much."""
    i, j = shapely.STRtree(theirs).query(mine, predicate="intersects")
    shared = shapely.area(shapely.intersection(mine[i], theirs[j]))
    union = shapely.area(mine[i]) + shapely.area(theirs[j]) - shared
    iou = shared / np.maximum(union, np.finfo(float).tiny)
    order = np.argsort(-iou, kind="stable")
    order = order[iou[order] > SAME_CELL_IOU]
    used, taken, chosen = set[int](), set[int](), []
    for k in order:
        if i[k] not in used and j[k] not in taken:
            used.add(i[k])
            taken.add(j[k])
            chosen.append(k)
    kept = np.array(chosen, np.int64)
    return i[kept], j[kept], iou[kept]


def join_instances(parts: Sequence[Instances]) -> Instances:
    """Add up the cells of several slides."""
    return Instances(
        n_matched=sum(part.n_matched for part in parts),
        n_false=sum(part.n_false for part in parts),
        n_missed=sum(part.n_missed for part in parts),
        n_neutral=sum(part.n_neutral for part in parts),
        iou_sum=sum(part.iou_sum for part in parts),
    )
