"""The fragments of a case -> its score, status and label, with one sentence a pathologist can read.

In: fragment scores, what is known of ISH, doubts about the slides. Out: `CaseScore`. A slide that failed or cannot be
judged blocks the whole case: no score, hence no status, hence no label, since the part not seen could change each.
Tiles that failed do the same unless the rest scores 3+, which nothing unseen can raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from hetscore.domain import CaseScore, Decision, FragmentScore, Her2Score, IshData
from hetscore.flags import FLAGS, Severity
from hetscore.scoring.descriptors import LOW_GUIDELINE, describe_low
from hetscore.scoring.guidelines import Clusters, Guideline, decide_score
from hetscore.scoring.heterogeneity import add_counts, literal_label, refuse_label, sweep_cutoffs
from hetscore.scoring.indices import summarize_indices
from hetscore.scoring.ish import read_ish
from hetscore.scoring.patterns import find_pattern
from hetscore.scoring.status import RuleSet, decide_status, flag_ish
from hetscore.scoring.verdict import (
    VerdictParams,
    decide_verdict,
    find_clusters,
    find_negative_fragments,
    find_unscored_fragments,
    rank_decisive,
)


@dataclass(frozen=True)
class CaseParams:
    """What makes a case hetero, and when its sampling is called limited."""

    min_tumor_fragments: int = 4
    """Four: the least that Ahn S et al., Oncotarget 2015;6:38372-38380, advise, and the median of the cases of Yagi S
    et al., Gastric Cancer 2019;22:518-525."""
    min_tumor_cells: int = 200
    """No negative among 200 cells leaves up to 1.5 % of them negative (the rule of three)."""
    n_decisive: int = 5
    """Places shown to the reader, see `rank_decisive`."""
    verdict: VerdictParams = field(default_factory=VerdictParams)


def score_case(
    case_id: str,
    fragments: Sequence[FragmentScore],
    ish: IshData,
    *,
    guideline: Guideline,
    rule_set: RuleSet,
    slide_flags: Sequence[str] = (),
    n_failed_tiles: int = 0,
    pieces: Mapping[int, int] = MappingProxyType({}),
    params: CaseParams = CaseParams(),
) -> CaseScore:
    """Score and label one case.

    Parameters
    ----------
    case_id : str
        Name of the case.
    fragments : sequence of FragmentScore
        All fragments of all its slides, without controls and excluded ones, in any order.
    ish : IshData
        What is known of the ISH test.
    guideline : Guideline
        By which `fragments` were scored.
    rule_set : RuleSet
        What counts as positive.
    slide_flags : sequence of str
        Doubts about the slides, names in `FLAGS`; a blocking one makes the case not assessable.
    n_failed_tiles : int
        Tiles of all slides that could not be read. With any, a case below 3+ has no score, and none is homo-HER2.
    pieces : mapping of int to int
        By fragment, the piece it is a section of; itself where not named. Sections of one piece are scored each for
        itself, but are one piece of evidence where sampling is asked.
    params : CaseParams
        What makes a case hetero.

    Returns
    -------
    CaseScore
        With fragments in order of their number and flags in alphabetical order.

    Raises
    ------
    UsageError
        If the ISH copies are impossible.
    """
    ordered = tuple(sorted(fragments, key=lambda f: f.fragment))
    score, score_decision = _score_fragments(ordered, guideline, slide_flags, n_failed_tiles)
    reading = read_ish(ish, rule_set.ish_rule, score)
    status, status_decision = decide_status(rule_set, score, reading.result)
    label, label_decision = decide_verdict(status, ordered, n_failed_tiles=n_failed_tiles, params=params.verdict)
    cause = score_decision if score is None else status_decision
    is_asked = refuse_label(status, ordered) is None
    reason = _give_reason(label_decision, cause, score, ordered, n_failed_tiles, params.verdict)
    flags = {
        *slide_flags,
        *_flag_case(ordered, slide_flags, n_failed_tiles, pieces, params),
        *flag_ish(score, reading, status),
        *(("unjudged-stain",) if score_decision.rule == "unjudged-stain" else ()),
    }
    return CaseScore(
        case_id=case_id,
        label=label,
        literal_label=literal_label(status, ordered, n_failed_tiles=n_failed_tiles)[0],
        is_provisional="uncalibrated" in flags,
        reason=reason,
        score=score,
        score_decision=score_decision,
        ish=reading,
        status=status,
        status_decision=status_decision,
        guideline=guideline.name,
        rule_set=rule_set.name,
        fragments=ordered,
        cutoff_sweep=sweep_cutoffs(ordered) if is_asked and not n_failed_tiles else (),
        decisive=rank_decisive(ordered, label, limit=params.n_decisive, params=params.verdict),
        flags=tuple(sorted(flags)),
        indices=summarize_indices(ordered),
        pattern=find_pattern(ordered)[1] if is_asked else None,
        low=describe_low(score, reading.result, add_counts(ordered)) if guideline.name == LOW_GUIDELINE else None,
    )


def _score_fragments(
    fragments: Sequence[FragmentScore], guideline: Guideline, slide_flags: Sequence[str], n_failed_tiles: int
) -> tuple[Her2Score | None, Decision]:
    """Score the case by the counts of all voting fragments and the largest cluster inside any one of them.

    Read through a guideline of clusters this is the highest score of a fragment, since no cluster crosses fragments;
    through a guideline of shares it is the share in the whole specimen.
    """
    for name in _find_blocking(slide_flags):
        return None, Decision("not-assessable", name, FLAGS[name].text)
    voting = [f for f in fragments if f.is_assessable]
    if not voting and n_failed_tiles:
        text = (
            f"{_count_tiles(n_failed_tiles)} could not be read, and what was read holds too little tumor to judge by."
        )
        return None, Decision("not-assessable", "failed-tiles", text)
    if not voting:
        return None, Decision("not-assessable", "no-tumor", FLAGS["no-tumor"].text)
    faint, moderate, strong = (max(column) for column in zip(*(f.largest_cluster for f in voting), strict=True))
    clusters: Clusters = (faint, moderate, strong)
    score, decision = decide_score(guideline, add_counts(voting), clusters)
    if find_unjudged(fragments, guideline, score):
        return None, Decision("not-assessable", "unjudged-stain", FLAGS["unjudged-stain"].text)
    if n_failed_tiles and score < Her2Score.THREE_PLUS:
        return None, _refuse_unread(score, n_failed_tiles)
    return score, decision


def find_unjudged(
    fragments: Sequence[FragmentScore], guideline: Guideline, score: Her2Score
) -> tuple[FragmentScore, ...]:
    """Fragments with too little tumor to be judged whose clusters would raise a score to 2+ or 3+.

    Any cluster is enough for the score of a biopsy, whatever its share of the tumor (Yagi 2019), but so few cells may
    be no tumor at all: neither the raised nor the lower score can be given.
    """
    clustered = all(row.n_cluster is not None for row in guideline.criteria)
    asked = (f for f in fragments if clustered and not f.is_assessable and any(f.counts))
    least = max(score + 1, Her2Score.TWO_PLUS)
    return tuple(f for f in asked if decide_score(guideline, f.counts, f.largest_cluster)[0] >= least)


def _refuse_unread(score: Her2Score, n_failed_tiles: int) -> Decision:
    """Say why a score below 3+ does not stand where tiles failed: what they hold may raise it."""
    seen = f"The tiles that were read score {score.label}"
    text = f"{seen}, but {_count_tiles(n_failed_tiles)} could not be read and may hold a stronger cluster."
    return Decision("not-assessable", "failed-tiles", text)


def _count_tiles(n: int) -> str:
    return "1 tile" if n == 1 else f"{n:,} tiles"


def _find_blocking(slide_flags: Sequence[str]) -> list[str]:
    return [name for name in slide_flags if FLAGS[name].severity is Severity.BLOCKING]


def _flag_case(
    fragments: Sequence[FragmentScore],
    slide_flags: Sequence[str],
    n_failed_tiles: int,
    pieces: Mapping[int, int],
    params: CaseParams,
) -> set[str]:
    """Name the doubts about a case and all its fragments."""
    voting = [f for f in fragments if f.is_assessable]
    n_tumor = sum(f.n_tumor for f in voting)
    n_pieces = len({pieces.get(f.fragment, f.fragment) for f in voting})
    is_limited = n_pieces < params.min_tumor_fragments or n_tumor < params.min_tumor_cells
    seen = {
        "no-tumor": not voting and not n_failed_tiles and not _find_blocking(slide_flags),
        "limited-sampling": bool(voting) and is_limited,
        "failed-tiles": n_failed_tiles > 0,
        "uncalibrated": not _find_blocking(slide_flags),  # nothing was called, so nothing awaits a calibration
    }
    return {name for name, is_seen in seen.items() if is_seen}.union(*(f.flags for f in fragments))


def _give_reason(
    label_decision: Decision,
    cause: Decision,
    score: Her2Score | None,
    fragments: Sequence[FragmentScore],
    n_failed_tiles: int,
    params: VerdictParams,
) -> str:
    """Write the sentence that explains the label; `cause` is why there is no score or no status."""
    ihc = "" if score is None else f"IHC {score.label}"
    match label_decision.rule:
        case "status-negative":
            return f"The case is HER2-negative ({ihc}): homo or hetero is asked only of HER2-positive cases."
        case "status-equivocal":
            return f"The case is {ihc} and waits for an ISH result: homo or hetero is asked only of positive cases."
        case "negative-fragment":
            return _explain_fragments(fragments)
        case "negative-cluster":
            return _explain_clusters(fragments, params)
        case "failed-tiles":
            seen = f"{_all_overexpress(fragments)} as far as seen"
            return f"{seen}, but {_count_tiles(n_failed_tiles)} could not be read and may hide cells below 2+."
        case "many-unscored":
            return _explain_unscored(fragments)
        case "no-negative-cluster":
            return _explain_homo(fragments, params)
        case _:
            return cause.text


def _explain_homo(fragments: Sequence[FragmentScore], params: VerdictParams) -> str:
    """Say how many negative cells were borne."""
    voting = [f for f in fragments if f.is_assessable]
    n_scored, n_negative = sum(sum(f.counts) for f in voting), sum(f.n_negative for f in voting)
    if n_negative == 0:
        return f"{_all_overexpress(fragments)}: none of the {n_scored:,} scored tumor cells is below 2+."
    borne = "1 is" if n_negative == 1 else f"{n_negative:,} are"
    never = "" if n_negative < params.min_negative_cluster else f", no {params.min_negative_cluster} of them connected"
    return f"{_all_overexpress(fragments)}: of {n_scored:,} scored tumor cells {borne} below 2+{never}."


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
