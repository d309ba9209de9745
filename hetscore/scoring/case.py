"""The fragments of a case -> its score, status and label, with one sentence a pathologist can read.

In: fragment scores, what is known of ISH, doubts about the slides. Out: `CaseScore`. A slide that failed or cannot be
judged blocks the whole case: no score, hence no status, hence no label, since the part not seen could change each.
Tiles that failed do the same unless the rest scores 3+, which nothing unseen can raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from hetscore.domain import (
    Answer,
    CaseLabel,
    CaseScore,
    Decision,
    Evidence,
    FragmentScore,
    Her2Score,
    Her2Status,
    IshData,
)
from hetscore.flags import FLAGS, Severity
from hetscore.scoring.decisive import list_open, rank_decisive
from hetscore.scoring.descriptors import LOW_GUIDELINE, describe_low
from hetscore.scoring.evidence import EvidenceParams
from hetscore.scoring.guidelines import Clusters, Guideline, decide_score
from hetscore.scoring.heterogeneity import add_counts, literal_label, refuse_label, sweep_cutoffs
from hetscore.scoring.indices import summarize_indices
from hetscore.scoring.ish import read_ish
from hetscore.scoring.patterns import find_pattern
from hetscore.scoring.reasons import Finding, count_tiles, give_reason
from hetscore.scoring.review import find_place, settle
from hetscore.scoring.status import RuleSet, decide_status, flag_ish
from hetscore.scoring.verdict import REVIEWABLE, VerdictParams, decide_verdict, forbid_homo


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
    evidence: EvidenceParams = field(default_factory=EvidenceParams)


Weigh = Callable[[Sequence[FragmentScore]], Evidence | None]
"""Weighs the negative cells of a case's fragments against the measured errors; None where these are not known."""


def _weigh_nothing(_fragments: Sequence[FragmentScore]) -> None:
    """Know nothing of the errors."""


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
    weigh: Weigh = _weigh_nothing,
    answers: Sequence[Answer] = (),
    is_site: bool = False,
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
    weigh : callable
        Called with the fragments where homo or hetero is asked, see `hetscore.scoring.weighing`.
    answers : sequence of Answer
        What a reviewer said of places of this case.
    is_site : bool
        Whether the site counted the errors of the reading.
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
    is_asked = refuse_label(status, ordered) is None
    evidence = weigh(ordered) if is_asked else None
    decided = _decide_label(status, ordered, evidence, slide_flags, n_failed_tiles, params.verdict)
    decisive = rank_decisive(ordered, decided[0], answers, limit=params.n_decisive, params=params.verdict)
    unseen = forbid_homo(ordered, n_failed_tiles, evidence, **_find_hiding(slide_flags), params=params.verdict)
    label, label_decision = settle(decided, list_open(ordered, params.verdict), answers, unseen)
    cause = score_decision if score is None else status_decision
    finding = Finding(label_decision, cause, score, ordered, evidence, n_failed_tiles, params.verdict)
    flags = {
        *slide_flags,
        *_flag_case(ordered, slide_flags, n_failed_tiles, pieces, params),
        *flag_ish(score, reading, status),
        *(("unjudged-stain",) if score_decision.rule == "unjudged-stain" else ()),
        *_flag_evidence(evidence, slide_flags, is_site=is_site),
        *(("answers-unused",) if _are_unused(answers, decided[1], ordered, params.verdict) else ()),
    }
    return CaseScore(
        case_id=case_id,
        label=label,
        literal_label=literal_label(status, ordered, n_failed_tiles=n_failed_tiles)[0],
        is_provisional=bool(flags & {"uncalibrated", "outside-calibration"}),
        reason=give_reason(finding),
        score=score,
        score_decision=score_decision,
        ish=reading,
        status=status,
        status_decision=status_decision,
        guideline=guideline.name,
        rule_set=rule_set.name,
        fragments=ordered,
        cutoff_sweep=sweep_cutoffs(ordered) if is_asked and not n_failed_tiles else (),
        decisive=decisive,
        flags=tuple(sorted(flags)),
        indices=summarize_indices(ordered),
        evidence=evidence,
        is_reviewed=label_decision is not decided[1],
        pattern=find_pattern(ordered)[1] if is_asked else None,
        low=describe_low(score, reading.result, add_counts(ordered)) if guideline.name == LOW_GUIDELINE else None,
    )


def _find_hiding(slide_flags: Sequence[str]) -> dict[str, bool]:
    """Say by the slides' flags what they keep from view."""
    return {"is_hidden": "many-artefacts" in slide_flags, "is_control_doubtful": "control-negative" in slide_flags}


def _decide_label(
    status: Her2Status,
    fragments: Sequence[FragmentScore],
    evidence: Evidence | None,
    slide_flags: Sequence[str],
    n_failed_tiles: int,
    params: VerdictParams,
) -> tuple[CaseLabel, Decision]:
    hiding = _find_hiding(slide_flags)
    return decide_verdict(status, fragments, evidence, n_failed_tiles=n_failed_tiles, params=params, **hiding)


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
        text = f"{count_tiles(n_failed_tiles)} could not be read, and what was read holds too little tumor to judge by."
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
    text = f"{seen}, but {count_tiles(n_failed_tiles)} could not be read and may hold a stronger cluster."
    return Decision("not-assessable", "failed-tiles", text)


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
    }
    return {name for name, is_seen in seen.items() if is_seen}.union(*(f.flags for f in fragments))


def _are_unused(
    answers: Sequence[Answer], decision: Decision, fragments: Sequence[FragmentScore], params: VerdictParams
) -> bool:
    """Whether an answer speaks of no open place, or of a case that asks for none."""
    if decision.rule not in REVIEWABLE:
        return bool(answers)
    places = list_open(fragments, params)
    return any(find_place(places, answer) is None for answer in answers)


def _flag_evidence(evidence: Evidence | None, slide_flags: Sequence[str], *, is_site: bool) -> set[str]:
    """Name the doubts about the errors that were allowed for."""
    is_called = not _find_blocking(slide_flags)  # where nothing was called, nothing awaits a calibration
    seen = {
        "uncalibrated": is_called and not is_site,
        "outside-calibration": evidence is not None and bool(evidence.outside),
    }
    return {name for name, is_seen in seen.items() if is_seen}
