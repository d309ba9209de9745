"""Fragments found and true -> whether as many were found, and whether each scores as it should.

The true score follows from the true cells by the rule for biopsies, written here once more and simply: truth must not
be made by the code it tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hetscore.domain import Her2Score, MembraneClass
from hetscore.evaluation.detection import Comparison, ratio
from hetscore.evaluation.results import FoundSlide
from hetscore.evaluation.truth import SlideTruth

LEAST_CLUSTER = 5
"""Tumor cells in contact that make a score in a biopsy (Yagi et al. 2019, Methods)."""

CONTACT_UM = 20.0
"""Farthest centers of tumor cells in contact: the width of a large tumor cell, and what the scoring stage takes."""

ROUNDING_PX2 = 1e-6
"""Squared pixels by which rounding may put a cell inside a circle that it only touches."""


@dataclass(frozen=True)
class FragmentRow:
    """One true fragment and the found one that holds its cells."""

    slide: str
    truth_fragment: int
    fragment: int | None
    """None where no found fragment and this one hold most of each other's cells."""
    truth_score: str | None
    """None without tumor."""
    score: str | None
    """None without a partner, or where it could not be scored."""
    n_cells: int
    """True cells."""
    n_shared: int
    """Cells found in the partner."""


@dataclass(frozen=True)
class SlideFragments:
    """The fragments of one slide."""

    n_found: int
    rows: tuple[FragmentRow, ...]


@dataclass(frozen=True)
class FragmentFigures:
    """How right fragments are; slides whose truth knows no fragments do not count."""

    n_slides: int
    n_truth: int
    n_found: int
    count_agreement: float | None
    """Share of the slides on which as many fragments were found as there are."""
    n_paired: int
    n_scored: int
    """Pairs of which both have a score."""
    score_agreement: float | None
    """Share of those with the same score."""
    n_not_assessable: int
    """Pairs that hold tumor in truth and were not scored."""
    n_false_tumor: int
    """Pairs without tumor in truth that were scored."""
    rows: tuple[FragmentRow, ...]


def compare_fragments(found: FoundSlide, truth: SlideTruth, compared: Comparison) -> SlideFragments | None:
    """Pair the true fragments of a slide with the found ones by the cells they share.

    Parameters
    ----------
    found : FoundSlide
        What was found.
    truth : SlideTruth
        What is true of the same slide.
    compared : Comparison
        Made of both.

    Returns
    -------
    SlideFragments or None
        One row for each true fragment that holds a cell, by its number, control cores left out; None where fragments
        are not known.

    Notes
    -----
    Two fragments are partners when each holds more of the other's matched cells than any other fragment does; of equals
    the one of the lower number. So a fragment found in two parts is paired with the larger, and two found as one leave
    the smaller alone. Serial sections of a fragment are one true fragment: where each is found as a fragment of its
    own, the counts differ, and its partner is the one with the most cells.
    """
    if truth.fragment is None:
        return None
    scores = {fragment.id: fragment.score for fragment in found.fragments}
    own = truth.fragment[truth.is_sure]
    shared = _count_shared(own[compared.is_found], compared.found_fragment[compared.is_found], list(scores))
    rows = []
    for number in np.unique(truth.fragment[truth.fragment >= 1]):
        partner = _partner(int(number), shared)
        score = None if partner is None else scores[partner]
        true_score = biopsy_score(truth, truth.fragment == number, found.mpp)
        rows.append(
            FragmentRow(
                slide=found.slide,
                truth_fragment=int(number),
                fragment=partner,
                truth_score=None if true_score is None else true_score.label,
                score=None if score is None else score.label,
                n_cells=int(np.count_nonzero(truth.fragment == number)),
                n_shared=0 if partner is None else shared[int(number), partner],
            )
        )
    return SlideFragments(len(scores), tuple(rows))


def _count_shared(own: NDArray[np.int64], other: NDArray[np.int64], known: Sequence[int]) -> dict[tuple[int, int], int]:
    """Count the matched cells of each true and found fragment, largest first, of equals the lower numbers first."""
    in_known = np.isin(other, known)
    pairs, counts = np.unique(np.column_stack([own, other])[in_known], axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {(int(pairs[k, 0]), int(pairs[k, 1])): int(counts[k]) for k in order}


def _partner(number: int, shared: dict[tuple[int, int], int]) -> int | None:
    best = next((other for mine, other in shared if mine == number), None)
    return best if next((mine for mine, other in shared if other == best), None) == number else None


def biopsy_score(truth: SlideTruth, member: NDArray[np.bool_], mpp: float) -> Her2Score | None:
    """Score a true fragment.

    Parameters
    ----------
    truth : SlideTruth
        The cells of the slide.
    member : ndarray, shape (n,), bool
        Those of the fragment.
    mpp : float
        Microns per level-0 pixel; NaN, as of a slide that was not analyzed, puts no cells in contact.

    Returns
    -------
    Her2Score or None
        The highest class that `LEAST_CLUSTER` tumor cells in contact reach [1]_; None without tumor cells.

    Notes
    -----
    Which cells touch is not part of the truth's files. Two tumor cells are taken to be in contact when they are at most
    `CONTACT_UM` apart and the circle that has them at its ends holds no other tumor cell: neighbors in the Gabriel
    graph [2]_. Five cells at the very edge of a score may be judged otherwise by a contact drawn cell by cell.

    References
    ----------
    .. [1] Yagi S et al., "Clinical significance of intratumoral HER2 heterogeneity on trastuzumab efficacy using
       endoscopic biopsy specimens in patients with advanced HER2 positive gastric cancer", Gastric Cancer 22, 2019.
    .. [2] Gabriel KR, Sokal RR. A new statistical approach to geographic variation analysis. Systematic Zoology
       1969;18:259-278.
    """
    rows = np.flatnonzero(member & truth.is_tumor)
    if not len(rows):
        return None
    contacts = _contacts(np.column_stack([truth.x[rows], truth.y[rows]]), CONTACT_UM / mpp)
    classes = truth.membrane_class[rows]
    for cls in (MembraneClass.STRONG, MembraneClass.MODERATE, MembraneClass.FAINT):
        if _largest_cluster(classes >= cls, contacts) >= LEAST_CLUSTER:
            return Her2Score(int(cls))
    return Her2Score.ZERO


def _contacts(xy: NDArray[np.float64], reach: float) -> NDArray[np.int64]:
    """(m, 2) rows of cells in contact."""
    if not reach > 0:
        return np.zeros((0, 2), np.int64)
    tree = cKDTree(xy)
    pairs: NDArray[np.int64] = tree.query_pairs(reach, output_type="ndarray").astype(np.int64)
    if not len(pairs):
        return pairs.reshape(-1, 2)
    one, other = xy[pairs[:, 0]], xy[pairs[:, 1]]
    nearest, _ = tree.query((one + other) / 2)
    is_empty = nearest**2 >= ((one - other) ** 2).sum(axis=1) / 4 - ROUNDING_PX2
    contacts: NDArray[np.int64] = pairs[is_empty]
    return contacts


def _largest_cluster(member: NDArray[np.bool_], contacts: NDArray[np.int64]) -> int:
    pairs = contacts[member[contacts].all(axis=1)]
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(member), len(member)))
    _, group = connected_components(graph, directed=False)
    return int(np.bincount(group[member]).max()) if member.any() else 0


def fragment_figures(slides: Sequence[SlideFragments]) -> FragmentFigures:
    """Sum up the fragments of slides; rates are None of nothing."""
    rows = tuple(row for slide in slides for row in slide.rows)
    paired = [row for row in rows if row.fragment is not None]
    scored = [row for row in paired if row.score and row.truth_score]
    return FragmentFigures(
        n_slides=len(slides),
        n_truth=len(rows),
        n_found=sum(slide.n_found for slide in slides),
        count_agreement=ratio(sum(slide.n_found == len(slide.rows) for slide in slides), len(slides)),
        n_paired=len(paired),
        n_scored=len(scored),
        score_agreement=ratio(sum(row.score == row.truth_score for row in scored), len(scored)),
        n_not_assessable=sum(row.score is None and row.truth_score is not None for row in paired),
        n_false_tumor=sum(row.score is not None and row.truth_score is None for row in paired),
        rows=rows,
    )
