"""The places that made a label or nearly made another, ranked, each with its box and a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from hetscore.domain import Answer, CaseLabel, Decisive, FragmentScore, NegativeCluster
from hetscore.scoring.review import read_answers
from hetscore.scoring.verdict import VerdictParams, find_clusters, find_negative_fragments, find_unrecognized


def list_open(fragments: Sequence[FragmentScore], params: VerdictParams = VerdictParams()) -> list[Decisive]:
    """List every place that an indeterminate case leaves open, the weightiest first.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments.
    params : VerdictParams
        As used for the label.

    Returns
    -------
    list of Decisive
        Fragments that may hold tumor that was not recognized, negative fragments, then clusters that forbid homo; where
        there is none of these, the clusters smaller than that, as many as a reader is shown.
    """
    negative = find_negative_fragments(fragments)
    places = [place for f in find_unrecognized(fragments) if (place := _show_unrecognized(f))]
    places += [_show_fragment(f) for f in negative if f.negative_clusters]
    others = [f for f in fragments if f not in negative]
    places += [_show_cluster(c) for c in find_clusters(others, least=params.min_negative_cluster)]
    return places or [_show_cluster(c) for c in find_clusters(fragments)][:MOST_SMALL]


MOST_SMALL = 5
"""Clusters below the limit that a reviewer must answer: in simulated cases the five largest held a negative clone of 10
cells in 99 %."""


def rank_decisive(
    fragments: Sequence[FragmentScore],
    label: CaseLabel,
    answers: Sequence[Answer] = (),
    *,
    limit: int = 5,
    params: VerdictParams = VerdictParams(),
) -> tuple[Decisive, ...]:
    """List the places that made the label, or nearly made another, the weightiest first.

    Parameters
    ----------
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.
    label : CaseLabel
        As decided.
    answers : sequence of Answer
        What a reviewer said; of an indeterminate case what he has not seen comes first.
    limit : int
        Most places to list. In simulated cases the five largest clusters held a negative clone of 10 cells in 99 %.
    params : VerdictParams
        As used for the label.

    Returns
    -------
    tuple of Decisive
        Of a hetero case: the negative fragments, those with the most negative cells first, each shown at its largest
        negative cluster, then the clusters of the other fragments by size, those that make hetero before smaller ones.
        Of an indeterminate case: what `list_open` lists. Of a homo case: the largest negative clusters, which nearly
        made it hetero. Empty where homo or hetero was not asked or cannot be told.
    """
    if label is CaseLabel.HETERO:
        negative = find_negative_fragments(fragments)
        others = [f for f in fragments if f not in negative]
        shown = [_show_fragment(f) for f in negative if f.negative_clusters]
        clusters = find_clusters(others, least=params.min_negative_cluster)
        shown += [_show_cluster(c) for c in (clusters if shown or clusters else find_clusters(others))]
    elif label is CaseLabel.INDETERMINATE:
        places = list_open(fragments, params)
        kinds = read_answers(places, answers)
        shown = [p for p, kind in zip(places, kinds, strict=True) if kind is None] or places
    elif label is CaseLabel.HOMO:
        shown = [_show_cluster(c) for c in find_clusters(fragments)]
    else:
        shown = []
    return tuple(shown[:limit])


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


def _show_unrecognized(fragment: FragmentScore) -> Decisive | None:
    """Show a whole fragment; nothing of one without a place."""
    box = fragment.bounds
    if box is None:
        return None
    return Decisive(
        kind="fragment",
        fragment=fragment.fragment,
        slide=fragment.slide,
        x=box.x + box.width / 2,
        y=box.y + box.height / 2,
        n_cells=round(fragment.expected_tumor),
        text=f"Fragment {fragment.fragment} may hold tumor: {fragment.expected_tumor:,.0f} tumor cells are to be"
        f" expected, {fragment.n_tumor:,} are called so.",
        bounds=box,
    )


def _show_cluster(cluster: NegativeCluster) -> Decisive:
    is_single = cluster.n_cells == 1
    seen = "1 tumor cell is" if is_single else f"{cluster.n_cells:,} connected tumor cells are"
    return Decisive(
        kind="cell" if is_single else "cluster",
        fragment=cluster.fragment,
        slide=cluster.slide,
        x=cluster.x,
        y=cluster.y,
        n_cells=cluster.n_cells,
        text=f"{seen} below 2+ in fragment {cluster.fragment}.",
        bounds=cluster.bounds,
    )
