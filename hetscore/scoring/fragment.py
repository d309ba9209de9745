"""One fragment's cells -> its score, with the row that decided and the connected negative tumor cells.

Only tumor cells count. Tumor cells that could not be scored hold their place between the others, but belong to no
cluster and no class: they are reported, never taken for 0. Whether a fragment is a control or was excluded is the
caller's matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hetscore.domain import Cells, Decision, Fragment, FragmentScore, Her2Score, MembraneClass, NegativeCluster
from hetscore.geometry import Box
from hetscore.scoring.clusters import (
    ClusterParams,
    Edges,
    cluster_sizes,
    label_clusters,
    largest_cluster,
    link_cells,
)
from hetscore.scoring.compartments import has_nuclear_stain, measure_compartments, measure_width
from hetscore.scoring.descriptors import describe_width
from hetscore.scoring.guidelines import Clusters, Counts, Guideline, decide_score
from hetscore.scoring.simulator import Nest


@dataclass(frozen=True)
class FragmentParams:
    """When a fragment can be judged, and what is noted about it."""

    min_tumor_cells: int = 20
    """Scored tumor cells below which a fragment is not assessable. A design choice: even 20 cells hold a negative one
    with 95 % probability only if 14 % of the tumor is negative, so fewer say nothing of heterogeneity."""
    min_tumor_cluster: int = 10
    """Least size of the largest connected cluster of tumor cells, the unscored included. Tumor cells wrongly called
    among stroma and inflammation lie scattered; without one group of twice the guideline's five cells there is no
    evidence of a tumor in the fragment. A design choice."""
    caution_tumor_cells: int = 100
    """Below this a score is read with caution: no negative among 100 cells leaves up to 3 % of them negative (the rule
    of three)."""
    max_unscored_share: Fraction = Fraction(1, 10)
    """More unscored tumor cells than this could hide a tenth of the tumor, the share that decides in a resection."""
    saturated_share: float = 0.5
    """From this share of its membrane a cell counts as saturated: half of the border is what `membrane_od` looks at."""
    hidden_nucleus_od: float = 0.31
    """DAB over a nucleus above which it counts as hidden: the 99th percentile of the tumor cells that readers saw on
    the development core of 3+ (0.14 on those of 2+)."""
    max_hidden_share: Fraction = Fraction(1, 20)
    """More tissue than this that was not judged may hide what makes a case hetero: the least negative share of a
    fragment that is asked for (docs/verdict.md)."""
    max_dark_share: Fraction = Fraction(1, 10)
    """More saturated cells, or hidden nuclei, than this are told: as many as unscored ones."""
    maybe_tumor_share: float = 0.08
    """Mean probability of tumor of a fragment's cells from which tumor is not excluded, though hardly a cell is called
    so: the 27 fragments without tumor of the slides drawn to count errors reach 0.067 (metaplasia), eight drawn fields
    of unstained signet-ring and diffuse tumor 0.099 at least; between the two. Not told is unstained tumor that is a
    small part of a fragment (docs/verdict.md)."""
    clear_negative_p: float = 0.9
    """Least probability of 0 or 1+ of a clearly negative cell. On the `hard` slides drawn to count errors 2 % of the
    misread cells reach it and all truly negative ones (docs/verdict.md); those were unstained: of 1+ fewer will."""
    max_negative_clusters: int = 20
    """Clusters kept, largest first: four times what a reader is ever shown, so that a corrected few leave others."""
    clusters: ClusterParams = field(default_factory=ClusterParams)


@dataclass(frozen=True)
class TumorLinks:
    """Who touches whom among some tumor cells, kept for scoring the same cells again under other classes."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """Of the tumor cells in reading order, level-0 pixels: the links hold for these places and no others."""
    edges: Edges

    def fit(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
        """Tell whether the tumor cells are the same."""
        return np.array_equal(self.x, x) and np.array_equal(self.y, y)


def link_tumor(cells: Cells, mpp: float, params: FragmentParams = FragmentParams()) -> TumorLinks:
    """Link the tumor cells of a fragment once, for `score_fragment` to use more than once.

    Parameters
    ----------
    cells : Cells
        All cells of the fragment and of no other, tumor or not, in any order.
    mpp : float
        Microns per level-0 pixel.
    params : FragmentParams
        With which the fragment will be scored.

    Returns
    -------
    TumorLinks
        Links between its tumor cells.
    """
    tumor = _find_tumor(cells, mpp, params, None)
    return TumorLinks(tumor.x, tumor.y, tumor.edges)


@dataclass(frozen=True)
class _Tumor:
    """The tumor cells of a fragment in reading order, and who touches whom."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    radius: NDArray[np.float64]
    """Of the nucleus taken as a disc. All three in level-0 pixels."""
    membrane_class: NDArray[np.int8]
    p_tumor: NDArray[np.float32]
    p_negative: NDArray[np.float32]
    edges: Edges

    def __len__(self) -> int:
        return len(self.x)


def score_fragment(
    fragment: Fragment,
    cells: Cells,
    mpp: float,
    guideline: Guideline,
    params: FragmentParams = FragmentParams(),
    *,
    links: TumorLinks | None = None,
) -> FragmentScore:
    """Score one fragment.

    Parameters
    ----------
    fragment : Fragment
        Whose cells these are.
    cells : Cells
        All cells of the fragment and of no other, tumor or not, in any order.
    mpp : float
        Microns per level-0 pixel.
    guideline : Guideline
        The table to read.
    params : FragmentParams
        What can be judged.
    links : TumorLinks, optional
        Of `link_tumor` with the same `mpp` and `params`. Used where the tumor cells are still the same, else found
        anew: they save time and never change the score.

    Returns
    -------
    FragmentScore
        With `score` None where the fragment is not assessable; `decision` then tells why.
    """
    tumor = _find_tumor(cells, mpp, params, links)
    counts = _count_classes(tumor)
    clusters = _measure_clusters(tumor)
    negative = _label_negative(tumor)
    n_links, n_link_steps = _count_links(tumor)
    refusal = _refuse(tumor, sum(counts), clusters[0], params)
    if refusal and fragment.n_failed_tiles:
        refusal = _not_assessable("failed-tiles", _tell_failed(fragment.n_failed_tiles))
    score, decision = (None, refusal) if refusal else decide_score(guideline, counts, clusters)
    compartments, width_um = measure_compartments(cells), measure_width(cells)
    return FragmentScore(
        fragment=fragment.id,
        slide=fragment.slide,
        area_mm2=fragment.area_mm2,
        n_cells=len(cells),
        n_tumor=len(tumor),
        n_unscored=len(tumor) - sum(counts),
        counts=counts,
        largest_cluster=clusters,
        is_assessable=refusal is None,
        score=score,
        decision=decision,
        negative_clusters=_place_clusters(tumor, negative, fragment, params.max_negative_clusters),
        flags=(
            *(("failed-tiles",) if fragment.n_failed_tiles else ()),
            *(("hidden-tissue",) if _is_hidden(fragment, params) else ()),
            *_flag_fragment(len(tumor), counts, clusters, guideline, params),
            *_flag_stain(cells.take(cells.is_tumor), params),
            *(("maybe-tumor",) if _may_hold_tumor(cells, tumor, refusal, params) else ()),
            *(("nuclear-stain",) if compartments and has_nuclear_stain(compartments) else ()),
        ),
        negative_cluster_sizes=tuple(cluster_sizes(negative).tolist()),
        n_links=n_links,
        n_link_steps=n_link_steps,
        compartments=compartments,
        membrane_width_um=width_um,
        magnification=describe_width(width_um),
        expected_tumor=_expect_tumor(cells),
        bounds=fragment.bounds,
    )


def find_nest(
    fragment: Fragment,
    cells: Cells,
    mpp: float,
    stratum: str,
    params: FragmentParams = FragmentParams(),
    *,
    links: TumorLinks | None = None,
) -> Nest:
    """Take the scored tumor cells of a fragment, for the tests of `hetscore.scoring.evidence`.

    Parameters
    ----------
    fragment, cells, mpp, params, links
        As given to `score_fragment`.
    stratum : str
        Strength of stain of the case, see `Stratum`.

    Returns
    -------
    Nest
        Cells in reading order; those without a class are left out, as no test can tell what they are.
    """
    tumor = _find_tumor(cells, mpp, params, links)
    is_scored = tumor.membrane_class >= MembraneClass.NEGATIVE
    rank = np.cumsum(is_scored) - 1
    kept = tumor.edges[is_scored[tumor.edges].all(axis=1)]
    is_negative, p_negative = tumor.membrane_class[is_scored] < MembraneClass.MODERATE, tumor.p_negative[is_scored]
    is_sure = (p_negative >= params.clear_negative_p) | (
        p_negative < 0.5
    )  # the last by a guideline's rule, not by stain
    return Nest(
        fragment=fragment.id,
        x_um=tumor.x[is_scored] * mpp,
        y_um=tumor.y[is_scored] * mpp,
        edges=rank[kept],
        is_negative=is_negative,
        stratum=stratum,
        area_mm2=fragment.area_mm2,
        is_clear=is_negative & is_sure,
    )


def _find_tumor(cells: Cells, mpp: float, params: FragmentParams, links: TumorLinks | None) -> _Tumor:
    """Take the tumor cells, in reading order whatever the order of `cells`, and link them."""
    rows = np.flatnonzero(cells.is_tumor)
    rows = rows[_reading_order(cells.x[rows], cells.y[rows], cells.membrane_class[rows])]
    x, y = cells.x[rows], cells.y[rows]
    return _Tumor(
        x=x,
        y=y,
        radius=np.sqrt(cells.nucleus_area_um2[rows].astype(np.float64) / np.pi) / mpp,
        membrane_class=cells.membrane_class[rows],
        p_tumor=cells.p_tumor[rows],
        p_negative=1 - cells.p_class[rows, MembraneClass.MODERATE :].sum(axis=1),
        edges=links.edges if links is not None and links.fit(x, y) else link_cells(x * mpp, y * mpp, params.clusters),
    )


def _reading_order(x: NDArray[np.float64], y: NDArray[np.float64], tie: NDArray[np.int8]) -> NDArray[np.intp]:
    """Sort by y, then x, then `tie`: as lexsort does, which takes three times as long where few heights are equal."""
    order = np.argsort(y)
    is_same = np.diff(y[order]) == 0
    tied = np.union1d(np.flatnonzero(is_same), np.flatnonzero(is_same) + 1)
    rows = order[tied]
    order[tied] = rows[np.lexsort((tie[rows], x[rows], y[rows]))]
    return order


def _count_classes(tumor: _Tumor) -> Counts:
    none, faint, moderate, strong = (int(np.count_nonzero(tumor.membrane_class == c)) for c in range(4))
    return none, faint, moderate, strong


def _measure_clusters(tumor: _Tumor) -> Clusters:
    """Size of the largest connected cluster of at least 1+, 2+, 3+."""
    faint, moderate, strong = (
        largest_cluster(tumor.edges, tumor.membrane_class >= least)
        for least in (MembraneClass.FAINT, MembraneClass.MODERATE, MembraneClass.STRONG)
    )
    return faint, moderate, strong


def _count_links(tumor: _Tumor) -> tuple[int, int]:
    """Count the pairs of linked scored cells, and their differences in class."""
    first, second = (tumor.membrane_class[ends] for ends in tumor.edges.T)
    is_scored = (first >= MembraneClass.NEGATIVE) & (second >= MembraneClass.NEGATIVE)
    return int(np.count_nonzero(is_scored)), int(np.abs(first - second)[is_scored].sum(dtype=np.int64))


def _is_hidden(fragment: Fragment, params: FragmentParams) -> bool:
    """Whether too much of the fragment was not judged for it to speak for homo."""
    return fragment.hidden_mm2 > params.max_hidden_share * (fragment.area_mm2 + fragment.hidden_mm2)


def _expect_tumor(cells: Cells) -> float:
    """Sum the probabilities of tumor; what a person said of a cell is certain."""
    p_tumor = np.where(cells.tumor_by_hand == 0, cells.p_tumor, cells.tumor_by_hand > 0)
    return float(p_tumor.sum(dtype=np.float64))


def _may_hold_tumor(cells: Cells, tumor: _Tumor, refusal: Decision | None, params: FragmentParams) -> bool:
    """Whether a fragment that does not vote may hold negative tumor.

    Either enough tumor to be judged is to be expected though too little of it was called; or enough was called, but too
    scattered or with too few classes, and some of it is negative or has no class.
    """
    if len(tumor) >= params.min_tumor_cells:
        return refusal is not None and bool(np.any(tumor.membrane_class < MembraneClass.MODERATE))
    return _expect_tumor(cells) >= max(params.min_tumor_cells, params.maybe_tumor_share * len(cells))


def _tell_failed(n_tiles: int) -> str:
    tiles = "1 tile" if n_tiles == 1 else f"{n_tiles:,} tiles"
    return f"{tiles} of the fragment could not be read, and the rest holds too little tumor to judge by."


def _refuse(tumor: _Tumor, n_scored: int, stained_cluster: int, params: FragmentParams) -> Decision | None:
    """Say why the fragment cannot be judged; None where it can."""
    least, least_cluster = params.min_tumor_cells, params.min_tumor_cluster
    if len(tumor) < least:
        rule = "few-tumor" if len(tumor) else "no-tumor"
        return _not_assessable(rule, f"Fewer than {least} tumor cells ({len(tumor)} found).")
    if n_scored < least:
        return _not_assessable("few-scored", f"Fewer than {least} tumor cells could be scored ({n_scored} were).")
    # the largest cluster of all cells is no smaller than that of the stained ones, so it is rarely looked for
    cluster = stained_cluster
    if cluster < least_cluster:
        cluster = largest_cluster(tumor.edges, np.ones(len(tumor), np.bool_))
    if cluster < least_cluster:
        return _not_assessable("scattered-tumor", f"No {least_cluster} tumor cells are connected (largest: {cluster}).")
    return None


def _not_assessable(rule: str, text: str) -> Decision:
    return Decision("not-assessable", rule, text)


def _label_negative(tumor: _Tumor) -> NDArray[np.int64]:
    """Give each cluster of scored tumor cells below 2+ a number: 1 is the largest, ties in reading order."""
    is_negative = (tumor.membrane_class >= MembraneClass.NEGATIVE) & (tumor.membrane_class < MembraneClass.MODERATE)
    return label_clusters(len(tumor), tumor.edges, is_negative)


def _place_clusters(
    tumor: _Tumor, labels: NDArray[np.int64], fragment: Fragment, limit: int
) -> tuple[NegativeCluster, ...]:
    """Say where the first `limit` clusters lie."""
    n_shown = min(limit, int(labels.max(initial=0)))
    rows_of_each = (np.flatnonzero(labels == label) for label in range(1, n_shown + 1))
    return tuple(
        NegativeCluster(
            fragment=fragment.id,
            slide=fragment.slide,
            n_cells=len(rows),
            x=float(tumor.x[rows].mean()),
            y=float(tumor.y[rows].mean()),
            bounds=_bound_nuclei(tumor, rows),
            p_tumor=float(tumor.p_tumor[rows].mean()),
        )
        for rows in rows_of_each
    )


def _bound_nuclei(tumor: _Tumor, rows: NDArray[np.intp]) -> Box:
    """Smallest box of whole pixels around the nuclei."""
    x, y, radius = tumor.x[rows], tumor.y[rows], tumor.radius[rows]
    left, top = int(np.floor((x - radius).min())), int(np.floor((y - radius).min()))
    right, bottom = int(np.ceil((x + radius).max())), int(np.ceil((y + radius).max()))
    return Box(left, top, max(right - left, 1), max(bottom - top, 1))


def _flag_fragment(
    n_tumor: int, counts: Counts, clusters: Clusters, guideline: Guideline, params: FragmentParams
) -> tuple[str, ...]:
    """Name the doubts about a fragment, in alphabetical order."""
    n_scored = sum(counts)
    # in whole numbers, so that exactly a tenth is not more than a tenth
    n_unscored_allowed = params.max_unscored_share * n_tumor
    seen = {
        "few-tumor-cells": params.min_tumor_cells <= n_scored < params.caution_tumor_cells,
        "many-unscored": n_tumor >= params.min_tumor_cells and n_tumor - n_scored > n_unscored_allowed,
        "sub-cluster-stain": _has_stray_stain(counts, clusters, guideline),
    }
    return tuple(name for name, is_seen in seen.items() if is_seen)


def _flag_stain(tumor: Cells, params: FragmentParams) -> tuple[str, ...]:
    """Name the doubts about tumor cells too dark to be seen well, in alphabetical order."""
    allowed = params.max_dark_share * len(tumor)
    seen = {
        "hidden-nuclei": np.count_nonzero(tumor.nucleus_od > params.hidden_nucleus_od) > allowed,
        "saturated-stain": np.count_nonzero(tumor.saturated_share >= params.saturated_share) > allowed,
    }
    return tuple(name for name, is_seen in seen.items() if is_seen)


def _has_stray_stain(counts: Counts, clusters: Clusters, guideline: Guideline) -> bool:
    """Tell whether cells of 2+ or 3+ exist that no cluster of the guideline's size holds."""
    return any(
        row.n_cluster is not None and sum(counts[row.at_least :]) > 0 and clusters[row.at_least - 1] < row.n_cluster
        for row in guideline.criteria
        if row.score >= Her2Score.TWO_PLUS
    )
