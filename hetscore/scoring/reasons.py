"""The sentence that explains a label to a pathologist, made of what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hetscore.domain import Decision, Evidence, FragmentScore, Her2Score
from hetscore.scoring.verdict import (
    VerdictParams,
    find_clusters,
    find_negative_fragments,
    find_unrecognized,
    find_unscored_fragments,
    find_worst,
)


@dataclass(frozen=True)
class Finding:
    """What a sentence on the label is made of."""

    decision: Decision
    """The label and the rule that gave it."""
    cause: Decision
    """Why there is no score or no status, where that is so."""
    score: Her2Score | None
    fragments: Sequence[FragmentScore]
    evidence: Evidence | None
    n_failed_tiles: int
    params: VerdictParams


def give_reason(finding: Finding) -> str:
    """Write the sentence that explains a label.

    Parameters
    ----------
    finding : Finding
        What was decided, and on what.

    Returns
    -------
    str
        For a pathologist; the rule's own sentence where there is nothing to add.
    """
    fragments, params = finding.fragments, finding.params
    ihc = "" if finding.score is None else f"IHC {finding.score.label}"
    match finding.decision.rule:
        case "status-negative":
            return f"The case is HER2-negative ({ihc}): homo or hetero is asked only of HER2-positive cases."
        case "status-equivocal":
            return f"The case is {ihc} and waits for an ISH result: homo or hetero is asked only of positive cases."
        case "negative-fragment":
            return _explain_fragments(fragments)
        case "negative-cluster":
            return _explain_doubt(finding)
        case "negative-share":
            return f"{_explain_share(fragments)} {_explain_p(finding.evidence)}"
        case "cluster-not-excluded" | "tumor-unverified" | "p-between" | "borderline-stain":
            return f"{_explain_doubt(finding)} {finding.decision.text}"
        case "tumor-unrecognized":
            return f"{_explain_unrecognized(fragments)} {finding.decision.text}"
        case (
            "no-error-model"
            | "unlike-calibration"
            | "weak-evidence"
            | "hidden-tissue"
            | "control-unconfirmed"
            | "reviewed-negative"
            | "reviewed-none-negative"
        ):
            return f"{_explain_seen(fragments, params)} {finding.decision.text}"
        case "failed-tiles":
            seen = f"{_all_overexpress(fragments)} as far as seen"
            return f"{seen}, but {count_tiles(finding.n_failed_tiles)} could not be read and may hide cells below 2+."
        case "many-unscored":
            return _explain_unscored(fragments)
        case "no-negative-cluster":
            return _explain_homo(fragments, params)
        case _:
            return finding.cause.text


def count_tiles(n: int) -> str:
    """Write a number of tiles."""
    return "1 tile" if n == 1 else f"{n:,} tiles"


def _explain_p(evidence: Evidence | None) -> str:
    """Say how often errors alone would show as much."""
    if evidence is None:
        return ""
    share = evidence.p_case
    seen = "fewer than 1" if share < 0.01 else f"about {100 * share:.0f}"
    return f"Misread cells alone make so much in {seen} of 100 homogeneous cases like this one."


def _explain_share(fragments: Sequence[FragmentScore]) -> str:
    """Name the fragment with the largest share of negative cells."""
    worst = find_worst(fragments)
    share = 100 * worst.n_negative / max(1, sum(worst.counts))
    where = f"{worst.n_negative:,} of the {sum(worst.counts):,} tumor cells of fragment {worst.fragment}"
    return f"{_all_overexpress(fragments)}, but {where} ({share:.1f} %) are below 2+."


def _explain_doubt(finding: Finding) -> str:
    """Say what was seen that neither makes the case hetero nor leaves it homo."""
    return f"{_explain_seen(finding.fragments, finding.params)} {_explain_p(finding.evidence)}"


def _explain_seen(fragments: Sequence[FragmentScore], params: VerdictParams) -> str:
    """Say what was seen, whatever it means: clusters where there are any, else the number of negative cells."""
    if find_negative_fragments(fragments):
        return _explain_fragments(fragments)
    is_clustered = bool(find_clusters(fragments, least=params.min_negative_cluster))
    return (_explain_clusters if is_clustered else _explain_homo)(fragments, params)


def _explain_homo(fragments: Sequence[FragmentScore], params: VerdictParams) -> str:
    """Say how many negative cells were borne."""
    voting = [f for f in fragments if f.is_assessable]
    n_scored, n_negative = sum(sum(f.counts) for f in voting), sum(f.n_negative for f in voting)
    if n_negative == 0:
        return f"{_all_overexpress(fragments)}: none of the {n_scored:,} scored tumor cells is below 2+."
    borne = "1 is" if n_negative == 1 else f"{n_negative:,} are"
    never = "" if n_negative < params.min_negative_cluster else f", no {params.min_negative_cluster} of them connected"
    return f"{_all_overexpress(fragments)}: of {n_scored:,} scored tumor cells {borne} below 2+{never}."


def _explain_unrecognized(fragments: Sequence[FragmentScore]) -> str:
    """Name the fragments that may hold tumor that was not recognized."""
    doubtful = find_unrecognized(fragments)
    n_expected, n_called = sum(f.expected_tumor for f in doubtful), sum(f.n_tumor for f in doubtful)
    where = _name_fragments([f.fragment for f in doubtful])
    seen = f"{n_expected:,.0f} tumor cells are to be expected in {where}, and {n_called:,} are called so."
    return f"{_all_overexpress(fragments)}, but {seen}"


def _explain_unscored(fragments: Sequence[FragmentScore]) -> str:
    """Say which fragments hold too many tumor cells without a class, and how many."""
    doubtful = find_unscored_fragments(fragments)
    n_unscored, n_tumor = sum(f.n_unscored for f in doubtful), sum(f.n_tumor for f in doubtful)
    where = _name_fragments([f.fragment for f in doubtful])
    unscored = f"{n_unscored:,} of the {n_tumor:,} tumor cells of {where} could not be scored"
    return f"{_all_overexpress(fragments)} as far as scored, but {unscored} and may be below 2+."


def _all_overexpress(fragments: Sequence[FragmentScore]) -> str:
    """Begin a sentence on the voting fragments: usually all overexpress, but for some that were read only in part."""
    voting = [f for f in fragments if f.is_assessable]
    n_positive = _count_positive(voting)
    if n_positive < len(voting):
        verb = "overexpresses" if n_positive == 1 else "overexpress"
        return f"{n_positive} of {len(voting)} tumor fragments {verb} HER2"
    if len(voting) == 1:
        return "The one tumor fragment overexpresses HER2"
    return f"{'Both' if len(voting) == 2 else f'All {len(voting)}'} tumor fragments overexpress HER2"


def _count_positive(fragments: Sequence[FragmentScore]) -> int:
    """Count the fragments that score 2+ or 3+."""
    return sum(f.score is not None and f.score >= Her2Score.TWO_PLUS for f in fragments)


def _explain_fragments(fragments: Sequence[FragmentScore]) -> str:
    """Say which tumor fragments overexpress HER2 and which do not; the first three are named."""
    negative = find_negative_fragments(fragments)
    n_voting = sum(f.is_assessable for f in fragments)
    n_positive = _count_positive(fragments)
    if n_positive == 0:
        return "The case is HER2-positive, but none of its tumor fragments overexpresses HER2 by itself."
    named = [f"fragment {f.fragment} ({f.n_tumor:,} tumor cells)" for f in negative[:3]]
    if len(negative) > len(named):
        named.append(f"{len(negative) - len(named)} more")
    overexpress, do = "overexpresses" if n_positive == 1 else "overexpress", "does" if len(negative) == 1 else "do"
    return f"{n_positive} of {n_voting} tumor fragments {overexpress} HER2; {_join_words(named)} {do} not."


def _explain_clusters(fragments: Sequence[FragmentScore], params: VerdictParams) -> str:
    """Say which fragments hold connected negative cells though all overexpress HER2."""
    clusters = find_clusters(fragments, least=params.min_negative_cluster)
    numbers = sorted({c.fragment for c in clusters})
    size = f"{clusters[0].n_cells:,} connected tumor cells"
    # not len(clusters): a fragment keeps only its largest, but counts all
    sizes = (n for f in fragments if f.is_assessable for n in f.negative_cluster_sizes)
    n_clusters = sum(n >= params.min_negative_cluster for n in sizes)
    where, hold = _name_fragments(numbers), "hold" if len(numbers) > 1 else "holds"
    if n_clusters == 1:
        return f"{_all_overexpress(fragments)}, but {where} {hold} {size} below 2+."
    held = f"{n_clusters:,} clusters below 2+, the largest of {size}"
    return f"{_all_overexpress(fragments)}, but {where} {hold} {held}."


def _name_fragments(numbers: Sequence[int]) -> str:
    return f"fragment{'s' if len(numbers) > 1 else ''} {_join_words([str(n) for n in numbers])}"


def _join_words(words: Sequence[str]) -> str:
    """Join words as in a sentence: a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
