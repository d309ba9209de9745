"""Homo- or hetero-HER2: the literal rule made to bear misread cells, and the places that made the label.

In: the status and the fragments' scores. Out: the label, the rule that gave it, and a short ranked list of what to look
at. "All cells of all fragments" is false as soon as one cell is misread, so a case is hetero only on what single errors
do not make: a fragment that scores below 2+, or a connected cluster of negative tumor cells. As long as no measured
error model stands behind it, the label is provisional.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hetscore.domain import CaseLabel, Decision, Decisive, FragmentScore, Her2Score, Her2Status, NegativeCluster
from hetscore.scoring.heterogeneity import explain, refuse_label


@dataclass(frozen=True)
class VerdictParams:
    """What makes a positive case hetero."""

    min_negative_cluster: int = 5
    """Connected tumor cells below 2+: the mirror of the five cells that make a biopsy positive (Yagi S et al., Gastric
    Cancer 2019;22:518-525). If 1 % of 5,000 tumor cells are misread independently, such a cluster arises in fewer
    than 1 of 10,000 homo cases (lattice animals counted on a hexagonal lattice); errors that clump make more, which is
    why the label stays provisional."""


def decide_verdict(
    status: Her2Status,
    fragments: Sequence[FragmentScore],
    *,
    n_failed_tiles: int = 0,
    params: VerdictParams = VerdictParams(),
) -> tuple[CaseLabel, Decision]:
    """Label a case.

    Parameters
    ----------
    status : Her2Status
        Of the case; not-assessable where a slide failed, so that no label can come of the rest.
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.
    n_failed_tiles : int
        Tiles that could not be read. They may hide negative cells, never undo those seen: with any, the case may be
        hetero; else it is not assessable.
    params : VerdictParams
        What makes a case hetero.

    Returns
    -------
    tuple of CaseLabel and Decision
        The label and the rule that gave it: the first that holds, in the order written here. What was not seen (failed
        tiles, more unscored tumor cells than allowed) never undoes hetero and always forbids homo.
    """
    refusal = refuse_label(status, fragments)
    if refusal:
        return refusal
    least = params.min_negative_cluster
    if find_negative_fragments(fragments):
        text = "A tumor fragment that scores 0 or 1+ makes a HER2-positive case heterogeneous."
        return explain(CaseLabel.HETERO, "negative-fragment", text)
    if find_clusters(fragments, least=least):
        text = f"A cluster of {least} or more connected tumor cells below 2+ makes a HER2-positive case heterogeneous."
        return explain(CaseLabel.HETERO, "negative-cluster", text)
    if n_failed_tiles:
        text = "Tiles that could not be read may hide negative tumor cells: the case cannot be called homo-HER2."
        return explain(CaseLabel.NOT_ASSESSABLE, "failed-tiles", text)
    if find_unscored_fragments(fragments):
        text = "Many tumor cells of a tumor fragment could not be scored: the case cannot be called homo-HER2."
        return explain(CaseLabel.INDETERMINATE, "many-unscored", text)
    text = f"No tumor fragment is negative, and no {least} connected tumor cells are below 2+."
    return explain(CaseLabel.HOMO, "no-negative-cluster", text)


def rank_decisive(
    fragments: Sequence[FragmentScore], label: CaseLabel, *, limit: int = 5, params: VerdictParams = VerdictParams()
) -> tuple[Decisive, ...]:
    """List the places that made the label, or nearly made another, the weightiest first.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.
    label : CaseLabel
        As decided.
    limit : int
        Most places to list. In simulated cases the five largest clusters held a negative clone of 10 cells in 99 %.
    params : VerdictParams
        As used for the label.

    Returns
    -------
    tuple of Decisive
        Of a hetero case: the negative fragments, those with the most negative cells first, each shown at its largest
        negative cluster, then the clusters of the other fragments by size. Of a homo or indeterminate case: the largest
        negative clusters, which nearly made it hetero. Empty where homo or hetero was not asked or cannot be told.
    """
    least = params.min_negative_cluster
    if label is CaseLabel.HETERO:
        negative = find_negative_fragments(fragments)
        others = [f for f in fragments if f not in negative]
        shown = [_show_fragment(f) for f in negative if f.negative_clusters]
        shown += [_show_cluster(c, "") for c in find_clusters(others, least=least)]
    elif label in (CaseLabel.HOMO, CaseLabel.INDETERMINATE):
        shown = [_show_cluster(c, f"; {least} would make the case hetero-HER2") for c in find_clusters(fragments)]
    else:
        shown = []
    return tuple(shown[:limit])


def find_negative_fragments(fragments: Sequence[FragmentScore]) -> list[FragmentScore]:
    """Voting fragments that score below 2+ and hold negative tumor cells, those with the most first.

    A score below 2+ alone does not make one: fewer than five connected cells score 0 though all of them be 3+.
    One of which tiles could not be read is not among them: they may hold what would raise its score. Its negative
    clusters count all the same.
    """
    seen = (f for f in fragments if f.is_assessable and "failed-tiles" not in f.flags)
    negative = [f for f in seen if f.score is not None and f.score < Her2Score.TWO_PLUS and f.n_negative]
    return sorted(negative, key=lambda f: (-f.n_negative, f.fragment))


def find_unscored_fragments(fragments: Sequence[FragmentScore]) -> list[FragmentScore]:
    """Voting fragments with more unscored tumor cells than `FragmentParams.max_unscored_share` allows."""
    return [f for f in fragments if f.is_assessable and "many-unscored" in f.flags]


def find_clusters(fragments: Sequence[FragmentScore], *, least: int = 1) -> list[NegativeCluster]:
    """Negative clusters of at least `least` cells in voting fragments, largest first, then in reading order."""
    clusters = (c for f in fragments if f.is_assessable for c in f.negative_clusters if c.n_cells >= least)
    return sorted(clusters, key=lambda c: (-c.n_cells, c.fragment, c.y, c.x))


def _show_fragment(fragment: FragmentScore) -> Decisive:
    place = fragment.negative_clusters[0]
    score = "" if fragment.score is None else fragment.score.label
    n_scored = sum(fragment.counts)
    return Decisive(
        kind="fragment",
        fragment=fragment.fragment,
        slide=fragment.slide,
        x=place.x,
        y=place.y,
        n_cells=fragment.n_negative,
        text=f"Fragment {fragment.fragment} scores {score}: {fragment.n_negative:,} of its {n_scored:,} scored tumor"
        " cells are below 2+.",
        bounds=place.bounds,
    )


def _show_cluster(cluster: NegativeCluster, remark: str) -> Decisive:
    is_single = cluster.n_cells == 1
    seen = "1 tumor cell is" if is_single else f"{cluster.n_cells:,} connected tumor cells are"
    return Decisive(
        kind="cell" if is_single else "cluster",
        fragment=cluster.fragment,
        slide=cluster.slide,
        x=cluster.x,
        y=cluster.y,
        n_cells=cluster.n_cells,
        text=f"{seen} below 2+ in fragment {cluster.fragment}{remark}.",
        bounds=cluster.bounds,
    )
