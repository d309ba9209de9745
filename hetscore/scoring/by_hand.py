"""A pathologist's own reading of the fragments -> score, status and label, without any image.

In: per fragment a score, counts of tumor cells by class, or both; what is known of ISH. Out: what the guideline, the
rule set and the literal rule say of it, each with the row that decided. Nothing is guessed: where the reading does not
settle a question it is refused or the answer is "indeterminate". No error model: a person's counts are taken as true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from hetscore.domain import (
    CaseLabel,
    CutoffRow,
    Decision,
    FragmentScore,
    Her2Score,
    Her2Status,
    Indices,
    IshData,
    IshReading,
)
from hetscore.errors import UsageError
from hetscore.scoring.case import CaseParams
from hetscore.scoring.descriptors import LOW_GUIDELINE, describe_low
from hetscore.scoring.fragment import FragmentParams
from hetscore.scoring.guidelines import Clusters, Counts, Guideline, decide_score
from hetscore.scoring.heterogeneity import (
    ALL_OVEREXPRESSED,
    MANY_UNSCORED,
    NOT_COUNTED,
    SOME_NEGATIVE,
    FragmentTally,
    add_counts,
    count_fragments,
    decide,
    refuse_label,
    sweep_cutoffs,
)
from hetscore.scoring.indices import summarize_indices
from hetscore.scoring.ish import read_ish
from hetscore.scoring.status import RuleSet, decide_status, flag_ish

KnownClusters = tuple[int | None, int | None, int | None]
"""Size of the largest connected cluster of at least 1+, 2+, 3+; None where it was not noted."""


@dataclass(frozen=True)
class HandFragment:
    """What a person noted of one fragment; None is not noted."""

    name: str
    has_tumor: bool = True
    score: Her2Score | None = None
    counts: Counts | None = None
    """Tumor cells of class 0, 1+, 2+, 3+ as the guideline counts them."""
    clusters: KnownClusters = (None, None, None)
    n_unscored: int = 0
    """Tumor cells seen but not classed."""
    percent_overexpressed: Fraction | None = None
    """Percent of the tumor cells that are 2+ or 3+, where they were judged rather than counted."""


@dataclass(frozen=True)
class HandCase:
    """What the rules say of a case read by hand."""

    case_id: str
    label: CaseLabel
    label_decision: Decision
    score: Her2Score | None
    score_decision: Decision
    ish: IshReading
    status: Her2Status
    status_decision: Decision
    tally: FragmentTally
    cutoff_sweep: tuple[CutoffRow, ...]
    """Empty unless the cells of every tumor fragment were counted and heterogeneity is asked of the case."""
    indices: Indices | None
    """None unless the cells of every tumor fragment were counted."""
    low: Decision | None
    """HER2-low and its kin; None unless the guideline is that of breast they rest on."""
    flags: tuple[str, ...]


def score_by_hand(
    case_id: str, fragments: Sequence[HandFragment], ish: IshData, *, guideline: Guideline, rule_set: RuleSet
) -> HandCase:
    """Apply a guideline, a rule set and the literal rule to what a person noted.

    Parameters
    ----------
    case_id : str
        Name of the case.
    fragments : sequence of HandFragment
        All fragments; those without tumor are counted and do not vote.
    ish : IshData
        What is known of the ISH test.
    guideline : Guideline
        Gives the score of fragments that carry counts but no score.
    rule_set : RuleSet
        What counts as positive.

    Returns
    -------
    HandCase
        Without tumor the score is None and the case not assessable.

    Raises
    ------
    UsageError
        If what was noted of a fragment does not settle its score or contradicts it, if several fragments without counts
        are to be scored by a share of all tumor cells, or if the ISH numbers are impossible. Whether a fragment is 0 or
        1+ may stay open as long as another scores the case.

    Notes
    -----
    The case scores as its highest fragment where the guideline asks for clusters, since no cluster crosses fragments,
    and by the counts of all fragments together where it asks for shares.
    """
    scored = [_score_fragment(number, f, guideline) for number, f in enumerate(fragments, start=1)]
    score, score_decision = _score_case(case_id, fragments, scored, guideline)
    reading = read_ish(ish, rule_set.ish_rule, score)
    status, status_decision = decide_status(rule_set, score, reading.result)
    label, label_decision = _label(status, fragments, scored)
    counted = scored if all(f.counts for f in fragments if f.has_tumor) else []
    return HandCase(
        case_id=case_id,
        label=label,
        label_decision=label_decision,
        score=score,
        score_decision=score_decision,
        ish=reading,
        status=status,
        status_decision=status_decision,
        tally=count_fragments(scored),
        cutoff_sweep=sweep_cutoffs(counted) if refuse_label(status, scored) is None else (),
        indices=summarize_indices(counted) if counted else None,
        low=describe_low(score, reading.result, add_counts(counted)) if guideline.name == LOW_GUIDELINE else None,
        flags=tuple(sorted({*flag_ish(score, reading, status), *_flag_sampling(scored, counted, guideline)})),
    )


def _flag_sampling(
    scored: Sequence[FragmentScore], counted: Sequence[FragmentScore], guideline: Guideline
) -> tuple[str, ...]:
    """Flag too few fragments, cells or classes, as of a slide; a resection is not a sample of fragments."""
    n_tumor = sum(f.n_tumor for f in counted)
    has_few_cells = 0 < n_tumor < CaseParams.min_tumor_cells
    is_limited = 0 < count_fragments(scored).with_tumor < CaseParams.min_tumor_fragments or has_few_cells
    seen = {
        "limited-sampling": is_limited and guideline.specimen == "biopsy",
        "many-unscored": any(f.is_assessable and _is_largely_unscored(f) for f in scored),
    }
    return tuple(name for name, is_seen in seen.items() if is_seen)


def bound_score(fragment: HandFragment, guideline: Guideline) -> tuple[Her2Score, Her2Score]:
    """Give the lowest and the highest score that a fragment's counts, or else its percent, allow.

    Parameters
    ----------
    fragment : HandFragment
        A given score is not looked at.
    guideline : Guideline
        By which it is scored.

    Returns
    -------
    tuple of Her2Score and Her2Score
        Of counts different only where the guideline asks for clusters whose sizes were not noted: taken as absent for
        the lowest, as large as the counts allow for the highest. Of a percent of 2+ or 3+ different always, since it
        does not part 0 from 1+ and 2+ from 3+. Without both every score is allowed.
    """
    counts = fragment.counts
    if counts is None:
        return _bound_by_percent(fragment.percent_overexpressed, guideline)
    lowest, highest = _bound_clusters(counts, fragment.clusters)
    return decide_score(guideline, counts, lowest)[0], decide_score(guideline, counts, highest)[0]


def _bound_by_percent(percent: Fraction | None, guideline: Guideline) -> tuple[Her2Score, Her2Score]:
    if percent is None:
        return Her2Score.ZERO, Her2Score.THREE_PLUS
    if _asks_for_clusters(guideline):
        return Her2Score.ZERO, Her2Score.THREE_PLUS if percent else Her2Score.ONE_PLUS
    n_over, n_below = percent.numerator, 100 * percent.denominator - percent.numerator
    weakest, strongest = (n_below, 0, n_over, 0), (0, n_below, 0, n_over)
    return decide_score(guideline, weakest, (0, 0, 0))[0], decide_score(guideline, strongest, (0, 0, 0))[0]


def _asks_for_clusters(guideline: Guideline) -> bool:
    return all(row.n_cluster is not None for row in guideline.criteria)


def find_fault(fragment: HandFragment, guideline: Guideline) -> str | None:
    """Say how what was noted of a fragment fails to settle its score, or contradicts it.

    Parameters
    ----------
    fragment : HandFragment
        As noted.
    guideline : Guideline
        By which it is scored.

    Returns
    -------
    str or None
        A sentence with its remedy; None where nothing is wrong. Whether a fragment is 0 or 1+ may stay open: often
        another one scores the case, and both are below 2+.
    """
    score, percent = fragment.score, fragment.percent_overexpressed
    if not fragment.has_tumor:
        return None
    if fragment.counts is None and score is None:
        return "tumor cells, but none with a class, and no score; expected a score. Give it, or count the classes."
    lowest, highest = bound_score(fragment, guideline)
    if score is None:
        is_open = lowest is not highest and highest >= Her2Score.TWO_PLUS
        return _say_unsettled(lowest, highest, guideline) if is_open else None
    if not lowest <= score <= highest:
        allowed = lowest.label if lowest is highest else f"{lowest.label} to {highest.label}"
        given = "the counts give" if fragment.counts else f"{float(percent or 0):g} percent of 2+ or 3+ give"
        remedy = "Correct one, or leave the score empty." if fragment.counts else "Correct one."
        return f"score {score.label}, but {given} {allowed} by {guideline.name}; expected both to agree. {remedy}"
    if percent == 100 and score < Her2Score.TWO_PLUS:
        # Of so few cells that none can form a cluster all may overexpress: only counts can show it.
        return f"score {score.label}, but 100 percent are 2+ or 3+; expected counts that show it. Give them instead."
    return None


def _bound_clusters(counts: Counts, noted: KnownClusters) -> tuple[Clusters, Clusters]:
    """Least and greatest cluster sizes; a cluster of stronger cells is part of one of weaker cells."""
    faint, moderate, strong = noted
    least = (faint or moderate or strong or 0, moderate or strong or 0, strong or 0)
    most_faint = sum(counts[1:]) if faint is None else faint
    most_moderate = min(sum(counts[2:]), most_faint) if moderate is None else moderate
    most_strong = min(counts[3], most_moderate) if strong is None else strong
    return least, (most_faint, most_moderate, most_strong)


def _score_fragment(number: int, fragment: HandFragment, guideline: Guideline) -> FragmentScore:
    """Put what was noted into the form that the rules read."""
    score, decision = _decide_fragment(fragment, guideline)
    counts = fragment.counts or (0, 0, 0, 0)
    n_tumor = sum(counts) + fragment.n_unscored
    return FragmentScore(
        fragment=number,
        slide="",
        area_mm2=0.0,
        n_cells=n_tumor,
        n_tumor=n_tumor,
        n_unscored=fragment.n_unscored,
        counts=counts,
        largest_cluster=_bound_clusters(counts, fragment.clusters)[0],
        is_assessable=score is not None,
        score=score,
        decision=decision,
        negative_clusters=(),
    )


def _decide_fragment(fragment: HandFragment, guideline: Guideline) -> tuple[Her2Score | None, Decision]:
    name, given = fragment.name, fragment.score
    if not fragment.has_tumor:
        return None, Decision("not-assessable", "no-tumor", f"Fragment {name} holds no tumor.")
    fault = find_fault(fragment, guideline)
    if fault:
        raise UsageError(f"fragment {name}: {fault}")
    if given is not None:
        return given, Decision(given.label, "given-score", f"Fragment {name} was scored {given.label}.")
    assert fragment.counts is not None  # noqa: S101  (a fragment without score and counts is a fault)
    lowest, highest = bound_score(fragment, guideline)
    if lowest is not highest:
        text = f"Fragment {name} scores 0 or 1+: whether 5 of its stained cells are connected was not noted."
        return lowest, Decision(lowest.label, "low-unsettled", text)
    return decide_score(guideline, fragment.counts, _bound_clusters(fragment.counts, fragment.clusters)[0])


def _say_unsettled(lowest: Her2Score, highest: Her2Score, guideline: Guideline) -> str:
    return (
        f"the counts allow {lowest.label} to {highest.label} by {guideline.name}, which asks for connected cells;"
        " expected one score. Give the score, or the largest connected clusters (largest_cluster_1plus,"
        " largest_cluster_2plus, largest_cluster_3plus)."
    )


def _score_case(
    case_id: str, fragments: Sequence[HandFragment], scored: Sequence[FragmentScore], guideline: Guideline
) -> tuple[Her2Score | None, Decision]:
    voting = [f for f in scored if f.score is not None]
    if not voting:
        return None, Decision("not-assessable", "no-tumor", "No fragment holds tumor.")
    if len(voting) == 1 or _asks_for_clusters(guideline):
        decisive = max(voting, key=lambda f: f.score or 0)
        if any(f.decision.rule == "low-unsettled" for f in voting) and decisive.score is Her2Score.ZERO:
            unsettled = _say_unsettled(Her2Score.ZERO, Her2Score.ONE_PLUS, guideline)
            raise UsageError(f"case {case_id}: {unsettled}")
        return decisive.score, decisive.decision
    if not all(f.counts for f in fragments if f.has_tumor):
        raise UsageError(
            f"case {case_id}: {len(voting)} fragments with tumor, not all counted; expected counts, because"
            f" {guideline.name} scores the share of all tumor cells. Count their cells, or give one row for the case."
        )
    return decide_score(guideline, add_counts(voting), (0, 0, 0))


def _label(
    status: Her2Status, fragments: Sequence[HandFragment], scored: Sequence[FragmentScore]
) -> tuple[CaseLabel, Decision]:
    """Apply the literal rule (Yagi 2019): all tumor cells of all fragments with tumor are 2+ or 3+."""
    refusal = refuse_label(status, scored)
    if refusal:
        return refusal
    voting = [(f, s) for f, s in zip(fragments, scored, strict=True) if f.has_tumor]
    for fragment, fragment_score in voting:
        if _has_negative(fragment, fragment_score):
            return decide(SOME_NEGATIVE, f"Some tumor cells of fragment {fragment.name} are below 2+.")
    for fragment, _ in voting:
        if fragment.counts is None and fragment.percent_overexpressed is None:
            text = f"Fragment {fragment.name} overexpresses HER2, but whether all its tumor cells do was not noted."
            return decide(NOT_COUNTED, text)
    for fragment, fragment_score in voting:
        if _is_largely_unscored(fragment_score):
            n_unscored, n_tumor = fragment_score.n_unscored, fragment_score.n_tumor
            text = f"{n_unscored} of the {n_tumor} tumor cells of fragment {fragment.name} were not classed."
            return decide(MANY_UNSCORED, text)
    return decide(ALL_OVEREXPRESSED)


def _is_largely_unscored(score: FragmentScore) -> bool:
    return score.n_unscored > FragmentParams.max_unscored_share * score.n_tumor


def _has_negative(fragment: HandFragment, score: FragmentScore) -> bool:
    """Tell whether some tumor cell is known to be below 2+.

    A fragment scored below 2+ must hold some, unless its few cells were counted: four cells score 0 though they be 3+.
    """
    if fragment.counts is not None:
        return score.n_negative > 0
    percent = fragment.percent_overexpressed
    is_low = score.score is not None and score.score < Her2Score.TWO_PLUS
    return percent < 100 if percent is not None else is_low
