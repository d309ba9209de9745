"""Cases read by hand -> one row of results a case and timepoint, with the row of each table that decided.

In: what `counts` read. Out: a CSV whose every answer names its rule and gives its sentence; a baseline and a later
sample of one case are compared on the later one's row.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

from hetscore.batch.counts import CountedCase, read_counts
from hetscore.batch.table import Faults
from hetscore.cohort.pairs import LossCounts, PairedTest, summarize_by_baseline, summarize_pairs
from hetscore.config import find_other_organ
from hetscore.domain import CutoffRow, IshData, IshReading, PairChange, Sample
from hetscore.errors import UsageError
from hetscore.scoring.by_hand import HandCase, score_by_hand
from hetscore.scoring.guidelines import Guideline
from hetscore.scoring.ish import read_ish
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
    low_rule: str = ""
    low_text: str = ""
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
    loss_of_positivity_text: str = ""
    loss_of_overexpression: str = ""
    loss_of_overexpression_rule: str = ""
    loss_of_overexpression_text: str = ""
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


def apply_table(table: Path, guideline: Guideline, rule_set: RuleSet, *, ish_counts: Path | None = None) -> HandResults:
    """Read a pathologist's own table and apply the rules to its cases.

    Parameters
    ----------
    table : Path
        One row a fragment, see `counts.COLUMNS`.
    guideline : Guideline
        Gives the IHC score.
    rule_set : RuleSet
        Gives the HER2 status.
    ish_counts : Path, optional
        One row a nucleus, see `counts.NUCLEUS_COLUMNS`.

    Returns
    -------
    HandResults
        One row a case and timepoint in the order of the table. A pair is a case with a baseline and a later sample, or
        with a baseline alone where other cases of the table have a later one.

    Raises
    ------
    UsageError
        If guideline and rule set are of different organs; else with one line for each fault of the tables, those that
        only the rules can find (ISH numbers that contradict each other, a case that cannot be scored) among them.
    """
    other_organ = find_other_organ(guideline, rule_set)
    if other_organ:
        raise UsageError("; ".join(other_organ))
    faults = Faults()
    cases = read_counts(table, guideline, faults, ish_counts)
    judged = _judge(cases, guideline, rule_set, faults)
    faults.raise_any()
    changes = _compare(cases, judged)
    return HandResults(
        rows=tuple(_make_row(case, judged[case.case_id, case.timepoint], changes) for case in cases),
        pairs=tuple(changes.values()),
    )


def _judge(
    cases: Sequence[CountedCase], guideline: Guideline, rule_set: RuleSet, faults: Faults
) -> dict[tuple[str, str | None], HandCase]:
    """Judge what can be judged; a case whose ISH cannot be is tried without it, so that all its faults are told."""
    judged = {}
    for case in cases:
        fault = _find_ish_fault(case, rule_set)
        if fault:
            faults.add(*fault)
        if not case.is_whole:
            continue
        ish = IshData() if fault else case.ish
        try:
            judged[case.case_id, case.timepoint] = score_by_hand(
                case.case_id, case.fragments, ish, guideline=guideline, rule_set=rule_set
            )
        except UsageError as error:
            faults.add(case.where, str(error))
    return judged


def _find_ish_fault(case: CountedCase, rule_set: RuleSet) -> tuple[str, str] | None:
    """Say where and what is wrong with the ISH of a case: its summary by itself, or with the nuclei counted."""
    for ish, where in ((replace(case.ish, counts=None), case.ish_where), (case.ish, case.nuclei_where)):
        try:
            read_ish(ish, rule_set.ish_rule)
        except UsageError as error:
            return where, str(error)
    return None


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
    return Sample(judged.score, judged.ish.result, case.percent_at_score)


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
        low_rule=judged.low.rule if judged.low else "",
        low_text=judged.low.text if judged.low else "",
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
        "loss_of_positivity_text": change.positivity_decision.text,
        "loss_of_overexpression": change.overexpression.value,
        "loss_of_overexpression_rule": change.overexpression_decision.rule,
        "loss_of_overexpression_text": change.overexpression_decision.text,
        "score_change": change.score_change,
        "percent_change": _round(change.percent_change),
    }


def _round(value: Fraction | float | None) -> float | None:
    return None if value is None else round(float(value), _DECIMALS)


def describe(results: HandResults) -> list[str]:
    """Sum the results up in a few lines: labels, and what became of HER2 where there are pairs."""
    lines = [_describe_labels(results.rows), *_describe_lone(results.rows)]
    if not results.pairs:
        return lines
    summary = summarize_pairs(results.pairs)
    compared = f"{summary.n_down} scored lower, {summary.n_up} higher, {summary.n_unchanged} same"
    lines += [
        f"{_count(summary.n_pairs, 'pair')}: {compared}, {summary.n_not_compared} without a score on either side",
        _describe_loss("loss of positivity", summary.positivity),
        _describe_loss("loss of overexpression", summary.overexpression),
    ]
    kappas = ", ".join(
        f"{name} {'not defined' if kappa is None else f'{kappa:.3f}'}"
        for name, kappa in (("linear", summary.linear_kappa), ("quadratic", summary.quadratic_kappa))
    )
    lines += [_describe_test(test) for test in summary.tests]
    return [*lines, f"weighted kappa of the scores: {kappas}", *_describe_baselines(results.pairs)]


def _describe_baselines(pairs: Sequence[PairChange]) -> list[str]:
    """Say what was lost by the first score, as the paper of the loss rules does."""
    return [
        f"from {score.label}: {name} {counts.n_lost} of {counts.n_assessable}"
        for score, summary in summarize_by_baseline(pairs).items()
        for name, counts in (("positivity lost", summary.positivity), ("overexpression lost", summary.overexpression))
    ]


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _describe_labels(rows: Sequence[HandRow]) -> str:
    n_cases = len({row.case_id for row in rows})
    samples = f", {_count(len(rows), 'sample')}" if any(row.timepoint for row in rows) else ""
    labels = Counter(row.label for row in rows)
    return f"{_count(n_cases, 'case')}{samples}: " + ", ".join(f"{n} {label}" for label, n in labels.most_common())


def _describe_lone(rows: Sequence[HandRow]) -> list[str]:
    """Name the later samples that nothing can be compared with."""
    first = {row.case_id for row in rows if row.timepoint == BASELINE}
    lone = [row.case_id for row in rows if row.timepoint == POST and row.case_id not in first]
    return [f"{_count(len(lone), 'later sample')} without baseline: {', '.join(lone)}"] if lone else []


def _describe_loss(name: str, counts: LossCounts) -> str:
    unknown = f"; {counts.n_not_assessable} not assessable, {counts.n_not_applicable} not applicable"
    if counts.share is None or counts.interval is None:
        return f"{name}: none of the pairs can be assessed{unknown}"
    low, high = (f"{100 * end:.1f}" for end in counts.interval)
    share = f"{float(100 * counts.share):.1f} %, 95 % interval {low} to {high} %, Clopper-Pearson"
    return f"{name}: {counts.n_lost} of {counts.n_assessable} ({share}){unknown}"


def _describe_test(test: PairedTest) -> str:
    return f"{test.name}: {_describe_p(test.p_value)} ({test.method}). {test.remark}".strip()


def _describe_p(p_value: float | None) -> str:
    if p_value is None:
        return "not defined"
    return f"p = {p_value:.{_DECIMALS}f}" if p_value >= 10**-_DECIMALS else f"p < {10**-_DECIMALS:.{_DECIMALS}f}"


def write_rows(rows: Sequence[HandRow], file: TextIO) -> None:
    """Write rows as CSV with a header, in the order of the fields of `HandRow`; None becomes an empty field."""
    writer = csv.DictWriter(file, [f.name for f in fields(HandRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**asdict(row), "case_id": _defuse(row.case_id)} for row in rows)


def _defuse(case_id: str) -> str:
    """Put an apostrophe before an id that a spreadsheet would run as a formula.

    The other texts begin with words of ours, and numbers are to stay numbers (OWASP, CSV injection).
    """
    return f"'{case_id}" if case_id.startswith(("=", "+", "-", "@")) else case_id


def save_rows(rows: Sequence[HandRow], path: Path) -> None:
    """Write rows to a file, whole or not at all.

    Parameters
    ----------
    rows : sequence of HandRow
        As `write_rows` takes them.
    path : Path
        A file is written beside it and takes its place; a pipe or a device, which has no place, is written to.

    Raises
    ------
    UsageError
        If it cannot be written; an older file then stands as it was.
    """
    try:
        if path.exists() and not path.is_file():
            _save(rows, path)
            return
        target = path.resolve()
        part = target.with_name(f".{target.name}.part")
        try:
            _save(rows, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}). Choose another --out.") from None


def _save(rows: Sequence[HandRow], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        write_rows(rows, file)
