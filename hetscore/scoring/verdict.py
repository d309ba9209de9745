"""Homo- or hetero-HER2: the negative cells of a case against the errors of their reading, and the places that decide.

In: the status, the fragments' scores and the evidence. Out: the label, the rule that gave it, and a short ranked list
of what to look at. "All cells of all fragments" is false as soon as one cell is misread, so a case is hetero where the
measured errors hardly ever make so many negative cells, so large a cluster or so dense a place; homo where they often
do and no cluster is left to ask about; and else indeterminate, until a reviewer has looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hetscore.domain import (
    CaseLabel,
    Decision,
    Evidence,
    FragmentScore,
    Her2Score,
    Her2Status,
    NegativeCluster,
)
from hetscore.scoring.heterogeneity import LabelRow, decide, refuse_label


@dataclass(frozen=True)
class VerdictParams:
    """What makes a positive case homo or hetero."""

    min_negative_cluster: int = 5
    """Connected tumor cells below 2+ that forbid homo: the mirror of the five cells that make a biopsy positive (Yagi S
    et al., Gastric Cancer 2019;22:518-525)."""
    hetero_p: float = 0.01
    """A case is hetero below it: one homogeneous case in a hundred is called so, if the error model is right."""
    homo_p: float = 0.10
    """A case may be homo from it on: what it holds is not among the tenth of homogeneous cases with the most."""
    max_hidden_clone: int = 113
    """Largest negative clone that homo may overlook: where the errors could hide more, nothing speaks for homo. Of
    `EvidenceParams.clone_sizes` the first with the 100 cells that a fragment needs to be scored without caution."""
    clone_power: float = 0.95
    """How surely a clone must be found: one of `EvidenceParams.powers`."""


REVIEW = "A reviewer should look at the fields shown."

NEGATIVE_FRAGMENT = LabelRow(
    "negative-fragment",
    CaseLabel.HETERO,
    "A tumor fragment that scores 0 or 1+ makes a HER2-positive case heterogeneous.",
)
NEGATIVE_CLUSTER = LabelRow(
    "negative-cluster",
    CaseLabel.HETERO,
    "A cluster of tumor cells below 2+ that misread cells hardly ever make is heterogeneity.",
)
NEGATIVE_SHARE = LabelRow(
    "negative-share",
    CaseLabel.HETERO,
    "More tumor cells below 2+ than misread cells hardly ever make are heterogeneity.",
)
TUMOR_UNVERIFIED = LabelRow(
    "tumor-unverified",
    CaseLabel.INDETERMINATE,
    f"Whether the negative cells are tumor is doubtful: groups of other cells were called tumor as firmly. {REVIEW}",
)
NO_ERROR_MODEL = LabelRow(
    "no-error-model",
    CaseLabel.INDETERMINATE,
    "The errors of this model were not measured, so that negative cells cannot be told from misread ones.",
)
UNLIKE_CALIBRATION = LabelRow(
    "unlike-calibration",
    CaseLabel.INDETERMINATE,
    "The slides are too unlike those that the errors were counted on to tell negative cells from misread ones.",
)
FAILED_TILES = LabelRow(
    "failed-tiles",
    CaseLabel.NOT_ASSESSABLE,
    "Tiles that could not be read may hide negative tumor cells: the case cannot be called homo-HER2.",
)
HIDDEN_TISSUE = LabelRow(
    "hidden-tissue",
    CaseLabel.INDETERMINATE,
    "Much of a tumor fragment, or of the tissue, was not judged and may hide negative tumor cells.",
)
CONTROL_UNCONFIRMED = LabelRow(
    "control-unconfirmed",
    CaseLabel.INDETERMINATE,
    "A core taken for control tissue by its shape alone holds tumor below 2+; drawn as Control it no longer counts.",
)
MANY_UNSCORED = LabelRow(
    "many-unscored",
    CaseLabel.INDETERMINATE,
    "Many tumor cells of a tumor fragment could not be scored: the case cannot be called homo-HER2.",
)
CLUSTER_NOT_EXCLUDED = LabelRow("cluster-not-excluded", CaseLabel.INDETERMINATE, REVIEW)
TUMOR_UNRECOGNIZED = LabelRow(
    "tumor-unrecognized",
    CaseLabel.INDETERMINATE,
    f"A fragment may hold tumor that was not recognized, and negative tumor is what is recognized last. {REVIEW}",
)
P_BETWEEN = LabelRow("p-between", CaseLabel.INDETERMINATE, REVIEW)
BORDERLINE_STAIN = LabelRow(
    "borderline-stain",
    CaseLabel.INDETERMINATE,
    f"Too few cells are clearly below 2+: the others lie near the border between 1+ and 2+. {REVIEW}",
)
WEAK_EVIDENCE = LabelRow(
    "weak-evidence",
    CaseLabel.INDETERMINATE,
    "So many cells are misread, or so few were there, that a large negative clone could have been taken for errors.",
)
NO_NEGATIVE_CLUSTER = LabelRow(
    "no-negative-cluster",
    CaseLabel.HOMO,
    "Misread cells explain the tumor cells below 2+, and no five of them are connected.",
)
REVIEWABLE = (
    "tumor-unverified",
    "cluster-not-excluded",
    "p-between",
    "borderline-stain",
    "tumor-unrecognized",
    "no-error-model",
    "unlike-calibration",
)
"""Rules of the indeterminate cases that a reviewer's answers settle; what was not seen at all they cannot."""


def decide_verdict(
    status: Her2Status,
    fragments: Sequence[FragmentScore],
    evidence: Evidence | None,
    *,
    n_failed_tiles: int = 0,
    is_hidden: bool = False,
    is_control_doubtful: bool = False,
    params: VerdictParams = VerdictParams(),
) -> tuple[CaseLabel, Decision]:
    """Label a case.

    Parameters
    ----------
    status : Her2Status
        Of the case; not-assessable where a slide failed, so that no label can come of the rest.
    fragments : sequence of FragmentScore
        All fragments; those not assessable do not vote.
    evidence : Evidence or None
        The negative cells of the voting fragments against the measured errors; None where these are not known.
    n_failed_tiles : int
        Tiles that could not be read. They may hide negative cells, never undo those seen: with any, the case may be
        hetero; else it is not assessable.
    is_hidden : bool
        Whether much tissue was excluded from judgment.
    is_control_doubtful : bool
        Whether what was taken for control tissue, by its shape alone, would make the case hetero.
    params : VerdictParams
        What makes a case homo or hetero.

    Returns
    -------
    tuple of CaseLabel and Decision
        The label and the rule that gave it: the first that holds, in the order written here. What was not seen (failed
        tiles, excluded tissue, more unscored tumor cells than allowed) never undoes hetero and always forbids homo; so
        does an error model under which a large clone could hide. Hetero needs its p-value of the clearly negative cells
        alone as well, but for a fragment that is negative throughout: a zone of weak stain is no whole fragment.
    """
    refusal = refuse_label(status, fragments)
    if refusal:
        return refusal
    found = _find_hetero(fragments, evidence, params)
    if found is not None and found.label is CaseLabel.HETERO:
        return decide(found)
    clusters = find_clusters(fragments, least=params.min_negative_cluster)
    unseen = forbid_homo(
        fragments,
        n_failed_tiles,
        evidence,
        is_hidden=is_hidden,
        is_control_doubtful=is_control_doubtful,
        params=params,
    )
    rows = (
        (n_failed_tiles > 0, FAILED_TILES),
        (evidence is None, NO_ERROR_MODEL),
        (evidence is not None and evidence.is_unlike, UNLIKE_CALIBRATION),
        *([(True, found)] if found is not None else []),
        (bool(clusters), CLUSTER_NOT_EXCLUDED),
        (evidence is not None and evidence.p_case < params.homo_p, P_BETWEEN),
        (bool(find_unrecognized(fragments)), TUMOR_UNRECOGNIZED),
        (True, unseen or NO_NEGATIVE_CLUSTER),
    )
    return decide(next(row for holds, row in rows if holds))


def forbid_homo(
    fragments: Sequence[FragmentScore],
    n_failed_tiles: int,
    evidence: Evidence | None,
    *,
    is_hidden: bool,
    is_control_doubtful: bool,
    params: VerdictParams = VerdictParams(),
) -> LabelRow | None:
    """Say what was not seen, so that homo cannot be said whatever a reviewer finds elsewhere; None where nothing was.

    Parameters
    ----------
    fragments, n_failed_tiles, evidence, is_hidden, is_control_doubtful, params
        As of `decide_verdict`.
    """
    rows = (
        (n_failed_tiles > 0, FAILED_TILES),
        (is_hidden or any("hidden-tissue" in f.flags for f in fragments if f.is_assessable), HIDDEN_TISSUE),
        (is_control_doubtful, CONTROL_UNCONFIRMED),
        (bool(find_unscored_fragments(fragments)), MANY_UNSCORED),
        (evidence is not None and _is_weak(evidence, params), WEAK_EVIDENCE),
    )
    return next((row for holds, row in rows if holds), None)


def _find_hetero(
    fragments: Sequence[FragmentScore], evidence: Evidence | None, params: VerdictParams
) -> LabelRow | None:
    """Say what the negative cells make of the case where misread ones hardly ever look like them; None elsewhere."""
    if evidence is None or evidence.is_unlike or evidence.p_case >= params.hetero_p:
        return None
    row = _choose_hetero(fragments, evidence, params)
    is_borderline = evidence.p_clear >= params.hetero_p and row in (NEGATIVE_CLUSTER, NEGATIVE_SHARE)
    return BORDERLINE_STAIN if is_borderline else row


def _choose_hetero(fragments: Sequence[FragmentScore], evidence: Evidence, params: VerdictParams) -> LabelRow:
    """Name what makes the case hetero; cells that may be no tumor are left to a reviewer."""
    by_place, negative = min(evidence.p_cluster, evidence.p_scan), find_negative_fragments(fragments)
    if evidence.p_fraction <= by_place and negative:
        row, asked = NEGATIVE_FRAGMENT, find_clusters(negative)[:1]
    elif evidence.p_fraction < by_place:
        row, asked = NEGATIVE_SHARE, [_pool(find_worst(fragments))]
    else:
        clusters = find_clusters(fragments)
        least = min(params.min_negative_cluster, clusters[0].n_cells)
        row, asked = NEGATIVE_CLUSTER, [c for c in clusters if c.n_cells >= least]
    return row if any(_is_tumor(c, evidence) for c in asked) else TUMOR_UNVERIFIED


def _pool(fragment: FragmentScore) -> NegativeCluster:
    """Take the negative cells of a fragment together, as far as their clusters are kept."""
    clusters = fragment.negative_clusters
    n_cells = sum(c.n_cells for c in clusters)
    known = [(c.n_cells, c.p_tumor) for c in clusters if c.p_tumor is not None]
    p_tumor = sum(n * p for n, p in known) / n_cells if len(known) == len(clusters) else None
    return replace(clusters[0], n_cells=n_cells, p_tumor=p_tumor)


def _is_tumor(cluster: NegativeCluster, evidence: Evidence) -> bool:
    """Whether a cluster is called tumor more firmly than three of four groups that are none."""
    if cluster.p_tumor is None or evidence.false_tumor_p is None:
        return True
    return cluster.p_tumor > evidence.false_tumor_p


def _is_weak(evidence: Evidence, params: VerdictParams) -> bool:
    """Whether a larger clone than allowed could have been overlooked; not where none was tried."""
    found = [d.n_cells for d in evidence.detectable if d.power == params.clone_power]
    return any(n_cells is None or n_cells > params.max_hidden_clone for n_cells in found)


def find_negative_fragments(fragments: Sequence[FragmentScore]) -> list[FragmentScore]:
    """Voting fragments that score below 2+ and hold negative tumor cells, those with the most first.

    A score below 2+ alone does not make one: fewer than five connected cells score 0 though all of them be 3+.
    One of which tiles could not be read is not among them: they may hold what would raise its score. Its negative
    clusters count all the same.
    """
    seen = (f for f in fragments if f.is_assessable and "failed-tiles" not in f.flags)
    negative = [f for f in seen if f.score is not None and f.score < Her2Score.TWO_PLUS and f.n_negative]
    return sorted(negative, key=lambda f: (-f.n_negative, f.fragment))


def find_unrecognized(fragments: Sequence[FragmentScore]) -> list[FragmentScore]:
    """Fragments that do not vote but may hold tumor, the one with the most to be expected first."""
    return sorted((f for f in fragments if "maybe-tumor" in f.flags), key=lambda f: (-f.expected_tumor, f.fragment))


def find_worst(fragments: Sequence[FragmentScore]) -> FragmentScore:
    """Voting fragment with the largest share of negative cells; the first of equal ones."""
    voting = [f for f in fragments if f.is_assessable]
    return max(voting, key=lambda f: f.n_negative / max(1, sum(f.counts)))


def find_unscored_fragments(fragments: Sequence[FragmentScore]) -> list[FragmentScore]:
    """Voting fragments with more unscored tumor cells than `FragmentParams.max_unscored_share` allows."""
    return [f for f in fragments if f.is_assessable and "many-unscored" in f.flags]


def find_clusters(fragments: Sequence[FragmentScore], *, least: int = 1) -> list[NegativeCluster]:
    """Negative clusters of at least `least` cells in voting fragments, largest first, then in reading order."""
    clusters = (c for f in fragments if f.is_assessable for c in f.negative_clusters if c.n_cells >= least)
    return sorted(clusters, key=lambda c: (-c.n_cells, c.fragment, c.y, c.x))
