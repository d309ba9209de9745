"""Found cells and true cells of a slide -> who is whose, and how well nuclei were found.

Each true nucleus and each found one has at most one partner. What was found where nobody looked, or near a place that
its reader could not name, counts neither way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hetscore.domain import MembraneClass
from hetscore.evaluation.instances import Instances, compare_outlines, join_instances
from hetscore.evaluation.results import FoundSlide
from hetscore.evaluation.truth import UNTYPED, SlideTruth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MATCH_UM = 3.0
"""Centers closer than this may be one nucleus: about the radius of a small nucleus (that of a lymphocyte is some 7 um
across), so that a find lies in the nucleus it is given to, and four times what a position read by eye is good for
(0.75 um)."""


@dataclass(frozen=True)
class Comparison:
    """The true cells of a slide of which something is known, as columns of length n, each with what was found there."""

    is_tumor: NDArray[np.bool_]
    membrane_class: NDArray[np.int8]
    is_found: NDArray[np.bool_]
    p_tumor: Floats
    """NaN where not found."""
    called_class: NDArray[np.int8]
    """UNSCORED where not found or not scored."""
    found_fragment: Ints
    """0 where not found."""
    cell_type: NDArray[np.int8]
    """What the cell truly is, a place in `CELL_TYPES`; UNTYPED where nobody told."""
    n_false: int
    """Found, without a partner, where one should be if it were right."""
    n_neutral: int
    """Found where the truth cannot tell: partners of unknown nuclei, and finds near doubtful places."""
    n_unsure: int
    """True nuclei that are not asked for, found or not."""
    instances: Instances | None = None
    """None where the truth has no outlines."""

    def __len__(self) -> int:
        return len(self.is_tumor)


@dataclass(frozen=True)
class DetectionFigures:
    """How well nuclei were found."""

    f1: float | None
    precision: float | None
    recall: float | None
    pq: float | None
    radius_um: float
    n_truth: int
    """True nuclei of which something is known."""
    n_found: int
    """Found nuclei that count: matched or false."""
    n_matched: int
    n_neutral: int
    """Found nuclei that count neither way."""
    n_unsure: int
    """True nuclei that are not asked for."""
    n_outlines: int
    """True cells with an outline that are asked for; what `pq` is of."""
    n_outlines_matched: int
    n_outlines_false: int
    n_outlines_neutral: int
    """Found cells that count neither way in `pq`."""


def match_cells(found_xy: Floats, true_xy: Floats, radius: float) -> tuple[Ints, Ints]:
    """Pair found nuclei with true ones, each used at most once.

    Parameters
    ----------
    found_xy, true_xy : ndarray, shape (n, 2) and (m, 2), float64
        Centers, in one frame.
    radius : float
        Only centers closer than this are paired; same unit.

    Returns
    -------
    found, true : ndarray of int64, shape (k,)
        Positions of the partners, in ascending order of `true`.

    Notes
    -----
    Of all ways to pair them, the one with the largest sum of closeness, radius - distance. Nearest-first pairing, the
    simpler choice, is often the same, but where nuclei crowd it takes the one nearest pair and may leave two others
    alone; most pairs at any price, the other extreme, breaks an exact hit to make two bad ones of it, and gives the
    classes of one cell to its neighbor. The problem falls into groups of nuclei that possible pairs connect, nearly all
    of a few cells, each solved exactly by the Hungarian method [1]_.

    The order of the cells does not matter: they are sorted by place first. Two cells at the very same place are the one
    case left where it can.

    References
    ----------
    .. [1] Kuhn HW. The Hungarian method for the assignment problem. Naval Research Logistics Quarterly 1955;2:83-97.
    """
    if not (len(found_xy) and len(true_xy)):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    by_place, true_by_place = np.lexsort(found_xy.T), np.lexsort(true_xy.T)
    tree, true_tree = cKDTree(found_xy[by_place]), cKDTree(true_xy[true_by_place])
    near = tree.sparse_distance_matrix(true_tree, radius, output_type="ndarray")
    near = near[near["v"] < radius]
    i, j = _best_pairs(near["i"].astype(np.int64), near["j"].astype(np.int64), radius - near["v"])
    found: Ints = by_place[i]
    true: Ints = true_by_place[j]
    order = np.argsort(true)
    return found[order], true[order]


def _best_pairs(i: Ints, j: Ints, gain: Floats) -> tuple[Ints, Ints]:
    """Choose among possible pairs those of the largest total gain, each i and each j at most once."""
    if not len(i):
        return i, j
    n_left = int(i.max()) + 1
    size = n_left + int(j.max()) + 1
    _, group_of = connected_components(
        coo_array((np.ones(len(i)), (i, j + n_left)), shape=(size, size)), directed=False
    )
    order = np.argsort(group_of[i], kind="stable")
    starts = np.flatnonzero(np.diff(group_of[i][order], prepend=-1))
    is_single = np.diff(np.append(starts, len(order))) == 1
    chosen = [order[starts[is_single]]]
    for rows in (part for part in np.split(order, starts[1:]) if len(part) > 1):
        chosen.append(rows[_assign(i[rows], j[rows], gain[rows])])
    kept = np.concatenate(chosen)
    return i[kept], j[kept]


def _assign(i: Ints, j: Ints, gain: Floats) -> Ints:
    """Solve one group; positions of the pairs chosen."""
    left, row = np.unique(i, return_inverse=True)
    right, column = np.unique(j, return_inverse=True)
    gains, index = np.zeros((len(left), len(right))), np.full((len(left), len(right)), -1)
    gains[row, column], index[row, column] = gain, np.arange(len(i))
    chosen: Ints = index[linear_sum_assignment(gains, maximize=True)]
    return chosen[chosen >= 0]


def compare_cells(found: FoundSlide, truth: SlideTruth, radius_um: float = MATCH_UM) -> Comparison:
    """Compare the cells found on a slide with the true ones.

    Parameters
    ----------
    found : FoundSlide
        What was found.
    truth : SlideTruth
        What is true of the same slide, in the same frame.
    radius_um : float
        Only nuclei closer than this are paired.

    Returns
    -------
    Comparison
        One row for each true nucleus of which something is known.

    Notes
    -----
    Unknown nuclei (`is_sure` false) are paired like the others, so that their finds are not given to neighbors; then
    they and their partners drop out. Doubtful places are not paired, since one may be a second point on a nucleus that
    has its own: they only excuse a find that has no partner and lies closer than the radius. A find without a partner
    is false only inside the boxes that were read; a true nucleus near a border may have its partner outside.
    """
    radius = radius_um / found.mpp
    found_xy, true_xy = np.column_stack([found.x, found.y]), np.column_stack([truth.x, truth.y])
    i, j = match_cells(found_xy, true_xy, radius)
    partner = np.full(len(truth), -1)
    partner[j] = i
    lonely = np.ones(len(found), bool)
    lonely[i] = False
    is_false, is_excused = judge_lonely(found, truth, lonely, radius)
    return Comparison(
        **_columns(found, truth, partner),
        n_false=int(np.count_nonzero(is_false)),
        n_neutral=int(np.count_nonzero(is_excused) + np.count_nonzero(~truth.is_sure[j])),
        n_unsure=int(np.count_nonzero(~truth.is_sure)),
        instances=compare_outlines(found, truth, (i, j)),
    )


def _columns(found: FoundSlide, truth: SlideTruth, partner: Ints) -> dict[str, Any]:
    partner = partner[truth.is_sure]
    is_found = partner >= 0
    p_tumor = np.full(len(partner), np.nan)
    called_class = np.full(len(partner), MembraneClass.UNSCORED, np.int8)
    found_fragment = np.zeros(len(partner), np.int64)
    p_tumor[is_found] = found.p_tumor[partner[is_found]]
    called_class[is_found] = found.membrane_class[partner[is_found]]
    found_fragment[is_found] = found.fragment[partner[is_found]]
    cell_type = np.full(len(truth), UNTYPED, np.int8) if truth.cell_type is None else truth.cell_type
    return {
        "is_tumor": truth.is_tumor[truth.is_sure],
        "membrane_class": truth.membrane_class[truth.is_sure],
        "is_found": is_found,
        "p_tumor": p_tumor,
        "called_class": called_class,
        "found_fragment": found_fragment,
        "cell_type": cell_type[truth.is_sure],
    }


def judge_lonely(
    found: FoundSlide, truth: SlideTruth, lonely: NDArray[np.bool_], radius: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which finds without a partner are false and which are excused; outside what was read they are neither."""
    is_read = np.ones(len(found), bool)
    if truth.read is not None:
        is_read = np.zeros(len(found), bool)
        for box in truth.read:
            is_read |= box.contains(found.x, found.y)
    is_near = np.zeros(len(found), bool)
    if len(truth.doubtful_xy) and len(found):
        distance, _ = cKDTree(truth.doubtful_xy).query(np.column_stack([found.x, found.y]))
        is_near = distance < radius
    return lonely & is_read & ~is_near, lonely & is_read & is_near


def join_comparisons(parts: Sequence[Comparison]) -> Comparison:
    """Put the true cells of several slides one after another: every cell counts the same, whatever its slide.

    Parameters
    ----------
    parts : sequence of Comparison
        At least one. `found_fragment` means nothing across slides.

    Returns
    -------
    Comparison
        Outlines only if every part has them.
    """
    columns = ("is_tumor", "membrane_class", "is_found", "p_tumor", "called_class", "found_fragment", "cell_type")
    outlined = [part.instances for part in parts if part.instances is not None]
    return Comparison(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns},
        n_false=sum(part.n_false for part in parts),
        n_neutral=sum(part.n_neutral for part in parts),
        n_unsure=sum(part.n_unsure for part in parts),
        instances=join_instances(outlined) if len(outlined) == len(parts) else None,
    )


def detection_figures(compared: Comparison, radius_um: float = MATCH_UM) -> DetectionFigures:
    """Sum up how well nuclei were found.

    Parameters
    ----------
    compared : Comparison
        Of a slide or of several.
    radius_um : float
        With which it was made, to be told beside the figures.

    Returns
    -------
    DetectionFigures
        Precision is matched / (matched + false), recall matched / true, F1 their harmonic mean, that is 2 matched /
        (2 matched + false + missed). Panoptic quality is the summed overlap of the matched outlines over (matched +
        false / 2 + missed / 2) [1]_. Each is None where its denominator is 0: nothing found, no true cell, neither.

    References
    ----------
    .. [1] Kirillov A, He K, Girshick R, Rother C, Dollár P. Panoptic segmentation. CVPR 2019:9404-9413.
    """
    n_matched = int(np.count_nonzero(compared.is_found))
    n_truth, n_found = len(compared), n_matched + compared.n_false
    same = compared.instances
    return DetectionFigures(
        f1=ratio(2 * n_matched, n_truth + n_found),
        precision=ratio(n_matched, n_found),
        recall=ratio(n_matched, n_truth),
        pq=None if same is None else ratio(same.iou_sum, same.n_matched + (same.n_false + same.n_missed) / 2),
        radius_um=radius_um,
        n_truth=n_truth,
        n_found=n_found,
        n_matched=n_matched,
        n_neutral=compared.n_neutral,
        n_unsure=compared.n_unsure,
        n_outlines=0 if same is None else same.n_matched + same.n_missed,
        n_outlines_matched=0 if same is None else same.n_matched,
        n_outlines_false=0 if same is None else same.n_false,
        n_outlines_neutral=0 if same is None else same.n_neutral,
    )


def ratio(part: float | np.integer[Any], whole: float) -> float | None:
    """Give part / whole, or None of nothing."""
    return float(part / whole) if whole else None
