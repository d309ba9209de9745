"""Cases read by hand -> one row of results a case and timepoint, with the row of each table that decided.

In: what `counts` read. Out: a CSV whose every answer names its rule and gives its sentence; a baseline and a later
sample of one case are compared on the later one's row.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any, TextIO

from hetscore.batch.counts import CountedCase
from hetscore.batch.table import Faults
from hetscore.cohort.pairs import LossCounts, PairedTest, summarize_pairs
from hetscore.domain import CutoffRow, IshReading, PairChange, Sample
from hetscore.errors import UsageError
from hetscore.scoring.by_hand import HandCase, score_by_hand
from hetscore.scoring.guidelines import Guideline
from hetscore.scoring.pairs import compare_pair, score_by_percent
from hetscore.scoring.status import RuleSet

BASELINE, POST = "baseline", "post"
_DECIMALS = 4
"""Of shares and copies: more than the counts of nuclei and cells behind them are worth."""


@dataclass(frozen=True, kw_only=True)
class HandRow:
    """One row of results; an empty field means "not known" or "does not apply", never 0."""

    case_id: str
    timepoint: str = ""
    label: str
    """By the literal rule: a person's counts are taken as true."""
    label_rule: str
    reason: str
    ihc_score: str = ""
    score_rule: str
    score_text: str
    ish: str
    ish_rule: str
    ish_text: str
    ish_group: int | None = None
    ish_cells: int | None = None
    her2_copies: float | None = None
    cep17_copies: float | None = None
    ish_ratio: float | None = None
    ish_amplified_share: float | None = None
    status: str
    status_rule: str
    status_text: str
    low: str = ""
    """HER2-low and its kin; breast only, never part of score or status."""
    fragments: int
    fragments_with_tumor: int
    score_2plus_or_3plus: int
    score_3plus: int
    homo_up_to_pooled: int | None = None
    homo_up_to_worst_fragment: int | None = None
    homo_up_to_fragments: int | None = None
    """Highest cut-off in percent, of 30 to 100, at which the case would be homo; 0: at none; empty: not counted."""
    h_score: float | None = None
    gini_simpson: float | None = None
    rao_linear: float | None = None
    tumor_level: float | None = None
    loss_of_positivity: str = ""
    loss_of_positivity_rule: str = ""
    loss_of_overexpression: str = ""
    loss_of_overexpression_rule: str = ""
    score_change: int | None = None
    percent_change: float | None = None
    score_by_percent: float | None = None
    """Single-class product, 0 to 300; not an H-score."""
    flags: str = ""
    """Names, separated by spaces."""


@dataclass(frozen=True)
class HandResults:
    """All rows, and the pairs among them."""

    rows: tuple[HandRow, ...]
    pairs: tuple[PairChange, ...]


def apply_rules(cases: Sequence[CountedCase], guideline: Guideline, rule_set: RuleSet) -> HandResults:
    """Apply the tables to cases read by hand.

    Parameters
    ----------
    cases : sequence of CountedCase
        As read by `read_counts` with the same guideline.
    guideline : Guideline
        Gives the IHC score.
    rule_set : RuleSet
        Gives the HER2 status.

    Returns
    -------
    HandResults
        One row a case and timepoint in the order given. A pair is a case with a baseline and a later sample, or with a
        baseline alone where other cases of the table have a later one.

    Raises
    ------
    UsageError
        If guideline and rule set are of different organs, or with one line for each case whose numbers cannot be.
    """
    if guideline.organ != rule_set.organ:
        raise UsageError(
            f"guideline {guideline.name} is for {guideline.organ}, rule set {rule_set.name} for {rule_set.organ};"
            " expected one organ. `hetscore rules list` names them."
        )
    faults = Faults()
    judged: dict[tuple[str, str | None], HandCase] = {}
    for case in cases:
        try:
            judged[case.case_id, case.timepoint] = score_by_hand(
                case.case_id, case.fragments, case.ish, guideline=guideline, rule_set=rule_set
            )
        except UsageError as error:
            faults.add(case.where, str(error))
    faults.raise_any()
    changes = _compare(cases, judged)
    return HandResults(
        rows=tuple(_make_row(case, judged[case.case_id, case.timepoint], changes) for case in cases),
        pairs=tuple(changes.values()),
    )


def _compare(cases: Sequence[CountedCase], judged: dict[tuple[str, str | None], HandCase]) -> dict[str, PairChange]:
    """Compare the samples of each case that has a baseline, if any case has a later sample."""
    samples = {(c.case_id, c.timepoint): _sample(c, judged[c.case_id, c.timepoint]) for c in cases}
    if all(case.timepoint != POST for case in cases):
        return {}
    return {
        case.case_id: compare_pair(case.case_id, samples[case.case_id, BASELINE], samples.get((case.case_id, POST)))
        for case in cases
        if case.timepoint == BASELINE
    }


def _sample(case: CountedCase, judged: HandCase) -> Sample:
    return Sample(judged.score, judged.ish.result, case.percent_at_score, judged.status)


def _make_row(case: CountedCase, judged: HandCase, changes: dict[str, PairChange]) -> HandRow:
    change = changes.get(case.case_id) if case.timepoint == POST else None
    indices = judged.indices
    flags = {*judged.flags, *(change.flags if change else ())}
    return HandRow(
        case_id=case.case_id,
        timepoint=case.timepoint or "",
        label=judged.label.value,
        label_rule=judged.label_decision.rule,
        reason=judged.label_decision.text,
        ihc_score=judged.score.label if judged.score is not None else "",
        score_rule=judged.score_decision.rule,
        score_text=judged.score_decision.text,
        **_ish_fields(judged.ish),
        status=judged.status.value,
        status_rule=judged.status_decision.rule,
        status_text=judged.status_decision.text,
        low=judged.low.value if judged.low else "",
        fragments=judged.tally.total,
        fragments_with_tumor=judged.tally.with_tumor,
        score_2plus_or_3plus=judged.tally.positive,
        score_3plus=judged.tally.strong,
        **_sweep_fields(judged.cutoff_sweep),
        h_score=_round(indices.h_score) if indices else None,
        gini_simpson=_round(indices.gini_simpson) if indices else None,
        rao_linear=_round(indices.rao_linear) if indices else None,
        tumor_level=_round(indices.tumor_level) if indices else None,
        **(_change_fields(change) if change else {}),
        score_by_percent=_round(score_by_percent(_sample(case, judged))),
        flags=" ".join(sorted(flags)),
    )


def _ish_fields(reading: IshReading) -> dict[str, Any]:
    return {
        "ish": reading.result.value,
        "ish_rule": reading.decision.rule,
        "ish_text": reading.decision.text,
        "ish_group": reading.group,
        "ish_cells": reading.n_cells,
        "her2_copies": _round(reading.her2_copies),
        "cep17_copies": _round(reading.cep17_copies),
        "ish_ratio": _round(reading.ratio),
        "ish_amplified_share": _round(reading.amplified_share),
    }


def _sweep_fields(sweep: Sequence[CutoffRow]) -> dict[str, Any]:
    """Highest cut-off of each reading at which the case is homo; 0 at none, None without a sweep."""
    columns = ("pooled", "worst_fragment", "fragments")
    return {
        f"homo_up_to_{name}": max((row.cutoff for row in sweep if getattr(row, name)), default=0) if sweep else None
        for name in columns
    }


def _change_fields(change: PairChange) -> dict[str, Any]:
    return {
        "loss_of_positivity": change.positivity.value,
        "loss_of_positivity_rule": change.positivity_decision.rule,
        "loss_of_overexpression": change.overexpression.value,
        "loss_of_overexpression_rule": change.overexpression_decision.rule,
        "score_change": change.score_change,
        "percent_change": _round(change.percent_change),
    }


def _round(value: Fraction | float | None) -> float | None:
    return None if value is None else round(float(value), _DECIMALS)


def describe(results: HandResults) -> list[str]:
    """Sum the results up in a few lines: labels, and what became of HER2 where there are pairs."""
    labels = Counter(row.label for row in results.rows)
    lines = [f"{len(results.rows)} cases: " + ", ".join(f"{n} {label}" for label, n in labels.most_common())]
    if not results.pairs:
        return lines
    summary = summarize_pairs(results.pairs)
    lines += [
        f"{summary.n_pairs} pairs: {summary.n_down} scored lower, {summary.n_up} higher, {summary.n_unchanged} same",
        _describe_loss("loss of positivity", summary.positivity),
        _describe_loss("loss of overexpression", summary.overexpression),
    ]
    return lines + [_describe_test(test) for test in summary.tests]


def _describe_loss(name: str, counts: LossCounts) -> str:
    unknown = f"; {counts.n_not_assessable} not assessable, {counts.n_not_applicable} not applicable"
    if counts.share is None or counts.interval is None:
        return f"{name}: none of the pairs can be assessed{unknown}"
    low, high = (f"{100 * end:.1f}" for end in counts.interval)
    share = f"{float(100 * counts.share):.1f} %, 95 % interval {low} to {high} %, Clopper-Pearson"
    return f"{name}: {counts.n_lost} of {counts.n_assessable} ({share}){unknown}"


def _describe_test(test: PairedTest) -> str:
    p_value = "not defined" if test.p_value is None else f"p = {test.p_value:.4f}"
    return f"{test.name}: {p_value} ({test.method}). {test.remark}".strip()


def write_rows(rows: Sequence[HandRow], file: TextIO) -> None:
    """Write rows as CSV with a header, in the order of the fields of `HandRow`; None becomes an empty field."""
    writer = csv.DictWriter(file, [f.name for f in fields(HandRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
