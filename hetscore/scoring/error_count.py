"""One fragment of known truth -> its errors, counted: how many, of which kind, and how they lie together.

Cells are linked as `hetscore.scoring.fragment` links them, and only fragments that would vote are counted: nobody asks
the others whether they are homogeneous.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hetscore.domain import CellTruth, KnownFragment, KnownSlide, MembraneClass
from hetscore.scoring.clusters import Edges, cluster_sizes, label_clusters, largest_cluster, link_cells
from hetscore.scoring.error_model import FalseObject
from hetscore.scoring.fragment import FragmentParams
from hetscore.scoring.simulator import Nest

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

MIN_OBJECT = 3
"""Linked cells that are no tumor from which they are a thing: single ones and pairs are what chance puts together."""
MIN_SURE_OBJECT = 5
"""The same where nobody told which cells are tumor: the least that could make a case hetero. Smaller groups are taken
for misread tumor, which errs to the side of more false negatives."""
UNSURE_PERCENTILE = 5
"""A group whose mean probability of tumor is below what 95 of 100 stained cells have is taken for no tumor."""
N_SHUFFLES = 20
"""Of the negative cells, to know the groups that chance makes: their mean is then known to a few percent a fragment."""


_PARAMS = FragmentParams()


@dataclass(frozen=True)
class LinkedFragment:
    """The scored cells of a voting fragment, who touches whom, and what is true of them."""

    nest: Nest
    p_tumor: Floats
    truth: NDArray[np.int8]
    """`CellTruth`."""


@dataclass(frozen=True)
class LinkedSlide:
    """The voting fragments of a slide, linked once for all counting."""

    case_id: str
    fragments: tuple[LinkedFragment, ...]
    n_tumor: int
    n_missed: int

    @property
    def is_homogeneous(self) -> bool:
        """Whether it holds overexpressing tumor cells, none of 0 or 1+, and none of unknown truth."""
        told = set[int]().union(*(fragment.truth.tolist() for fragment in self.fragments))
        return CellTruth.OVEREXPRESSED in told and told <= {CellTruth.OVEREXPRESSED, CellTruth.NO_TUMOR}


def find_stratum(membrane_classes: Sequence[NDArray[np.int8]]) -> str:
    """Name the strength of stain of the fragments of a slide: ``2+`` if most cells of 2+ or 3+ are 2+, else ``3+``."""
    n_strong, n_moderate = (
        sum(int(np.count_nonzero(classes == cls)) for classes in membrane_classes)
        for cls in (MembraneClass.STRONG, MembraneClass.MODERATE)
    )
    return (MembraneClass.STRONG if n_strong >= n_moderate else MembraneClass.MODERATE).label


def link_slide(slide: KnownSlide, params: FragmentParams = _PARAMS) -> LinkedSlide:
    """Link the cells of a slide.

    Parameters
    ----------
    slide : KnownSlide
        As read.
    params : FragmentParams
        When a fragment votes, and which cells are linked.

    Returns
    -------
    LinkedSlide
        With its voting fragments only, all of one stratum, as the verdict takes a case. Where the slide is homogeneous
        by the user's word, each cell is given a truth by `assume_truth`.
    """
    found = [(fragment, _link_fragment(fragment, params)) for fragment in slide.fragments]
    voting = [(fragment, edges) for fragment, edges in found if edges is not None]
    stratum = find_stratum([fragment.membrane_class for fragment, _ in voting])
    linked = [_keep_scored(fragment, edges, stratum) for fragment, edges in voting]
    fragments = [assume_truth(fragment) for fragment in linked] if slide.is_homogeneous else linked
    return LinkedSlide(slide.case_id, tuple(fragments), slide.n_tumor, slide.n_missed)


def _link_fragment(fragment: KnownFragment, params: FragmentParams) -> Edges | None:
    """Link the cells of a fragment; None where it would not vote."""
    edges = link_cells(fragment.x_um, fragment.y_um, params.clusters, n_threads=1)
    n_scored = np.count_nonzero(fragment.membrane_class >= MembraneClass.NEGATIVE)
    largest = largest_cluster(edges, np.ones(len(fragment), np.bool_))
    return edges if n_scored >= params.min_tumor_cells and largest >= params.min_tumor_cluster else None


def _keep_scored(fragment: KnownFragment, edges: Edges, stratum: str) -> LinkedFragment:
    """Keep the cells that could be scored, and the links among them."""
    is_scored = fragment.membrane_class >= MembraneClass.NEGATIVE
    nest = Nest(
        fragment=fragment.fragment,
        x_um=fragment.x_um[is_scored],
        y_um=fragment.y_um[is_scored],
        edges=_keep_edges(edges, is_scored),
        is_negative=fragment.membrane_class[is_scored] < MembraneClass.MODERATE,
        stratum=stratum,
        area_mm2=fragment.area_mm2,
    )
    return LinkedFragment(nest, fragment.p_tumor[is_scored], fragment.truth[is_scored])


def _keep_edges(edges: Edges, kept: Bools) -> Edges:
    """Links among some of the cells, by their new numbers."""
    rank = np.cumsum(kept) - 1
    among: Edges = rank[edges[kept[edges].all(axis=1)]]
    return among


def assume_truth(fragment: LinkedFragment) -> LinkedFragment:
    """Give each cell of a homogeneous fragment the truth that its tissue suggests.

    Parameters
    ----------
    fragment : LinkedFragment
        Of which only that is known: all of its tumor cells overexpress HER2.

    Returns
    -------
    LinkedFragment
        Negative cells in linked groups of `MIN_SURE_OBJECT` or more, whose mean probability of tumor is below the
        percentile `UNSURE_PERCENTILE` of the fragment's stained cells, are no tumor; all others are tumor cells that
        overexpress, the negative ones among them misread.

    Notes
    -----
    Stray cells that are no tumor are so counted as false negatives: nothing tells them apart, and either makes a case
    look heterogeneous in the same way.
    """
    nest = fragment.nest
    truth = np.full(len(nest), CellTruth.OVEREXPRESSED, np.int8)
    sure = fragment.p_tumor[~nest.is_negative]
    least = float(np.percentile(sure, UNSURE_PERCENTILE)) if len(sure) else 1.0
    labels = label_clusters(len(nest), nest.edges, nest.is_negative)
    sizes = cluster_sizes(labels)
    means = np.bincount(labels, fragment.p_tumor)[1:] / np.maximum(sizes, 1) if len(sizes) else np.zeros(0)
    is_object = np.concatenate([[False], (sizes >= MIN_SURE_OBJECT) & (means < least)])
    truth[is_object[labels]] = CellTruth.NO_TUMOR
    return LinkedFragment(nest, fragment.p_tumor, truth)


@dataclass(frozen=True)
class FragmentErrors:
    """Counts of one fragment."""

    stratum: str
    area_mm2: float
    n_known: int
    """Cells called tumor and scored whose truth is known."""
    n_overexpressed: int
    n_false_negative: int
    n_below: int
    n_false_positive: int
    n_beside: int
    n_beside_positive: int
    """Of these, the ones linked to an overexpressing cell, truly negative and falsely positive."""
    n_scattered: int
    """Cells that are no tumor and read as 0 or 1+, alone or in pairs."""
    n_error_links: int
    """Linked pairs of overexpressing cells that are both misread;"""
    expected_links: float
    """as many as there would be if as many cells were misread anywhere."""
    group_squares: float
    """Sum of the squared sizes of the linked groups of misread cells;"""
    expected_squares: float
    """the same if they lay anywhere."""
    n_far_pairs: int
    """Pairs of misread cells `FAR` distances of linked cells apart;"""
    expected_far: float
    """as many as there would be if they lay anywhere."""
    objects: tuple[FalseObject, ...]


def count_errors(fragment: LinkedFragment) -> FragmentErrors:
    """Count the errors of a fragment.

    Parameters
    ----------
    fragment : LinkedFragment
        With its truth.

    Returns
    -------
    FragmentErrors
        Cells of unknown truth are in no count.

    Notes
    -----
    Of m links between n overexpressing cells of which c are misread, ``m c (c - 1) / (n (n - 1))`` join two misread
    ones if these lie anywhere: the mean of the join count under permutation [1]_. Comparing within the fragment keeps
    what differs between fragments out of the measure of clumping.

    References
    ----------
    .. [1] Moran PAP. The interpretation of statistical maps. Journal of the Royal Statistical Society B
       1948;10:243-251.
    """
    nest, truth = fragment.nest, fragment.truth
    is_over, is_below, is_other = (
        truth == kind for kind in (CellTruth.OVEREXPRESSED, CellTruth.BELOW, CellTruth.NO_TUMOR)
    )
    edges, missed = _keep_edges(nest.edges, is_over), nest.is_negative[is_over]
    n, c = len(missed), int(np.count_nonzero(missed))
    is_stray = is_other & nest.is_negative
    is_beside = is_below & _touch(nest.edges, is_over)
    labels = label_clusters(len(nest), nest.edges, is_stray)
    objects = _list_objects(labels, fragment.p_tumor)
    squares, expected_squares = _square_groups(edges, missed)
    n_far, n_far_errors = _count_far(nest, is_over)
    return FragmentErrors(
        stratum=nest.stratum,
        area_mm2=nest.area_mm2,
        n_known=int(np.count_nonzero(truth != CellTruth.UNKNOWN)),
        n_overexpressed=n,
        n_false_negative=c,
        n_below=int(np.count_nonzero(is_below)),
        n_false_positive=int(np.count_nonzero(is_below & ~nest.is_negative)),
        n_beside=int(np.count_nonzero(is_beside)),
        n_beside_positive=int(np.count_nonzero(is_beside & ~nest.is_negative)),
        n_scattered=int(np.count_nonzero(is_stray)) - sum(item.n_cells for item in objects),
        n_error_links=int(np.count_nonzero(missed[edges].all(axis=1))),
        expected_links=len(edges) * c * (c - 1) / (n * (n - 1)) if n > 1 else 0.0,
        group_squares=squares,
        expected_squares=expected_squares,
        n_far_pairs=n_far_errors,
        expected_far=n_far * c * (c - 1) / (n * (n - 1)) if n > 1 else 0.0,
        objects=objects,
    )


FAR = 4.0
"""Distances of linked cells, half a one more or less, at which errors are paired to see how far they clump: a field
that reaches two distances has hardly any correlation left there, one of uneven staining nearly all."""


def _count_far(nest: Nest, is_over: Bools) -> tuple[int, int]:
    """Count the pairs of overexpressing cells so far apart, and those of them that are both misread."""
    points = np.column_stack([nest.x_um, nest.y_um])
    bounds = (FAR - 0.5) * nest.spacing_um, (FAR + 0.5) * nest.spacing_um
    n_pairs = []
    for chosen in (is_over, is_over & nest.is_negative):
        tree = cKDTree(points[chosen])
        near, far = (int(n) for n in tree.count_neighbors(tree, bounds))
        n_pairs.append((far - near) // 2)
    return n_pairs[0], n_pairs[1]


def _touch(edges: Edges, member: Bools) -> Bools:
    """(n,) which cells are linked to a member."""
    first, second = edges.T
    is_touched = np.zeros(len(member), np.bool_)
    is_touched[first[member[second]]] = True
    is_touched[second[member[first]]] = True
    return is_touched


def _list_objects(labels: NDArray[np.int64], p_tumor: Floats) -> tuple[FalseObject, ...]:
    """List groups of `MIN_OBJECT` cells or more, the largest first."""
    sizes = cluster_sizes(labels)
    sums = np.bincount(labels, p_tumor)[1:]
    return tuple(
        FalseObject(int(size), float(total / size))
        for size, total in zip(sizes, sums, strict=True)
        if size >= MIN_OBJECT
    )


def _square_groups(edges: Edges, missed: Bools) -> tuple[float, float]:
    """Sum of squared sizes of the groups of misread cells, as they lie and as `N_SHUFFLES` shuffles put them."""
    rng = np.random.default_rng(len(missed))  # the same fragment gives the same numbers
    shuffled = [_sum_squares(edges, rng.permutation(missed)) for _ in range(N_SHUFFLES if missed.any() else 0)]
    return _sum_squares(edges, missed), float(np.mean(shuffled)) if shuffled else 0.0


def _sum_squares(edges: Edges, member: Bools) -> float:
    return float((cluster_sizes(label_clusters(len(member), edges, member)) ** 2).sum())


def count_slide(slide: LinkedSlide) -> tuple[FragmentErrors, ...]:
    """Count the errors of each voting fragment of a slide."""
    return tuple(count_errors(fragment) for fragment in slide.fragments)


def homogeneous_cases(slides: Sequence[LinkedSlide]) -> dict[str, tuple[Nest, ...]]:
    """Take the voting fragments of the cases whose slides are all homogeneous: such cases alone are judged falsely."""
    cases: dict[str, list[LinkedSlide]] = {}
    for slide in slides:
        cases.setdefault(slide.case_id, []).append(slide)
    return {
        case_id: tuple(fragment.nest for slide in own for fragment in slide.fragments)
        for case_id, own in cases.items()
        if all(slide.is_homogeneous for slide in own if slide.fragments) and any(slide.fragments for slide in own)
    }
