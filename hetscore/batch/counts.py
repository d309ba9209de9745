"""A pathologist's own table of fragments -> cases read by hand, checked row by row.

One row a fragment: its score, the counts of its tumor cells by class, or both. A second table may hold the ISH signals
nucleus by nucleus. Everything that is wrong is reported at once with its line; what the rules make of it is decided in
`scoring.by_hand`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from hetscore.batch.table import (
    ISH_COLUMNS,
    Column,
    Faults,
    Row,
    choice,
    group_rows,
    read_case_id,
    read_count,
    read_number,
    read_rows,
    shared_values,
)
from hetscore.domain import Her2Score, IshCounts, IshData, IshResult
from hetscore.scoring.by_hand import HandFragment, bound_score
from hetscore.scoring.guidelines import Counts, Guideline

CLASSES = ("class_0", "class_1plus", "class_2plus", "class_3plus")
CLUSTERS = ("largest_cluster_1plus", "largest_cluster_2plus", "largest_cluster_3plus")
PERCENT = "percent_2plus_or_3plus"


@dataclass(frozen=True)
class CountedCase:
    """One case at one time, as noted by hand."""

    where: str
    """File and line of its first row."""
    case_id: str
    timepoint: str | None
    """baseline or post; None where not said."""
    fragments: tuple[HandFragment, ...]
    ish: IshData
    percent_at_score: Fraction | None
    """Percent of the tumor cells stained at the score of the case."""


def read_counts(path: Path, guideline: Guideline, ish_counts: Path | None = None) -> tuple[CountedCase, ...]:
    """Read a table of fragments.

    Parameters
    ----------
    path : Path
        One row a fragment; columns as in `COLUMNS`.
    guideline : Guideline
        By which counts are to be scored: a row whose counts do not settle or contradict its score is a fault.
    ish_counts : Path, optional
        One row a nucleus; columns as in `NUCLEUS_COLUMNS`.

    Returns
    -------
    tuple of CountedCase
        One for each case and timepoint, in the order of first mention.

    Raises
    ------
    UsageError
        With one line for each fault: a file that does not exist, an unknown or missing column, a cell that cannot be
        read, an unknown score, a negative count, a fragment named twice, fewer tumor cells than the classes add up to,
        clusters larger than their counts, a score that the counts contradict, rows of a case that disagree, nuclei of a
        case that is not in the table.
    """
    faults = Faults()
    rows = _read_file(path, COLUMNS, "fragment", faults)
    _check_timepoints(rows, faults)
    cases = {
        key: _make_case(key, members, guideline, faults)
        for key, members in group_rows(rows, "case_id", "timepoint").items()
    }
    if ish_counts is not None:
        _add_nuclei(cases, ish_counts, faults)
    faults.raise_any()
    return tuple(cases.values())


def _read_file(path: Path, columns: Sequence[Column], one_row: str, faults: Faults) -> list[Row]:
    if not path.is_file():
        faults.add(str(path), f"no such file; expected a comma-separated table with one row a {one_row}")
        return []
    return read_rows(path, columns, faults, one_row=one_row)


def _check_timepoints(rows: Sequence[Row], faults: Faults) -> None:
    for (case_id,), members in group_rows(rows, "case_id").items():
        silent = [row for row in members if "timepoint" not in row.values and row.is_whole]
        if silent and any("timepoint" in row.values for row in members):
            what = f"timepoint is empty, but other rows of case {case_id} have one; expected it in all or none"
            faults.add(silent[0].where, f"{what}. Fill it in.")


def _make_case(key: tuple[Any, ...], rows: Sequence[Row], guideline: Guideline, faults: Faults) -> CountedCase:
    case_id, timepoint = key
    known = shared_values(case_id, rows, COLUMNS, faults)
    _check_twice(case_id, rows, faults)
    percent = known.get("percent_at_score")
    return CountedCase(
        where=rows[0].where,
        case_id=case_id,
        timepoint=timepoint,
        fragments=tuple(_make_fragment(row, guideline, faults) for row in rows if "fragment" in row.values),
        ish=IshData(
            result=known.get("ish", IshResult.UNKNOWN),
            her2_copies=known.get("her2_copies"),
            cep17_copies=known.get("cep17_copies"),
            ratio=known.get("ish_ratio"),
            n_cells=known.get("ish_cells"),
        ),
        percent_at_score=percent,
    )


def _check_twice(case_id: str, rows: Sequence[Row], faults: Faults) -> None:
    first: dict[str, Row] = {}
    for row in rows:
        if "fragment" not in row.values:
            continue
        name = row.values["fragment"]
        if first.setdefault(name, row) is not row:
            what = f"fragment {name} of case {case_id} stands in {first[name].where} already; expected each once"
            faults.add(row.where, f"{what}. Remove a row, or name the second fragment differently.")


def _make_fragment(row: Row, guideline: Guideline, faults: Faults) -> HandFragment:
    """Make one fragment; of its faults the first is told, since the others may follow from it."""
    values = row.values
    nothing = HandFragment(values["fragment"], has_tumor=False)
    fault = _find_fault(values) if row.is_whole else None
    if fault:
        faults.add(row.where, fault)
    if fault or not row.is_whole:
        return nothing
    counts = _counts(values)
    n_tumor = values.get("tumor_cells", sum(counts or ()) + values.get("unscored", 0))
    fragment = HandFragment(
        name=values["fragment"],
        has_tumor=n_tumor > 0 or "score" in values,
        score=values.get("score"),
        counts=counts if counts and any(counts) else None,
        clusters=(values.get(CLUSTERS[0]), values.get(CLUSTERS[1]), values.get(CLUSTERS[2])),
        n_unscored=n_tumor - sum(counts) if counts else 0,
        percent_overexpressed=values.get(PERCENT),
    )
    fault = _find_contradiction(fragment, guideline)
    if fault:
        faults.add(row.where, fault)
        return nothing
    return fragment


def _counts(values: Mapping[str, Any]) -> Counts | None:
    if CLASSES[0] not in values:
        return None
    none, faint, moderate, strong = (values[name] for name in CLASSES)
    return none, faint, moderate, strong


def _find_fault(values: Mapping[str, Any]) -> str | None:
    """Say what is wrong with the numbers of a row by themselves; None where nothing is."""
    noted = [name for name in CLASSES if name in values]
    if noted and len(noted) < len(CLASSES):
        missing = ", ".join(name for name in CLASSES if name not in values)
        return f"{missing} is empty; expected all four classes or none. Write 0 where no cell was seen."
    n_classed, n_unscored = sum(values[name] for name in noted), values.get("unscored", 0)
    n_tumor = values.get("tumor_cells")
    if n_tumor is not None and n_tumor < n_classed + n_unscored:
        added = f"the classes and unscored cells add up to {n_classed + n_unscored}"
        return f"tumor_cells {n_tumor}, but {added}; expected at least as many. Correct the counts."
    if n_tumor is not None and noted and "unscored" in values and n_tumor > n_classed + n_unscored:
        added = f"the classes and unscored cells add up to {n_classed + n_unscored}"
        return f"tumor_cells {n_tumor}, but {added}; expected the same. Correct one, or leave unscored empty."
    if n_tumor == 0 and ("score" in values or PERCENT in values):
        return "tumor_cells 0, but a score or percent is given; expected neither. A fragment without tumor has none."
    if not noted and n_tumor != 0 and "score" not in values:
        return "neither score nor counts; expected one of them, or tumor_cells 0 for a fragment without tumor."
    if noted and PERCENT in values:
        return f"{PERCENT} beside the counts it follows from; expected one of them. Leave it empty."
    return _find_cluster_fault(values)


def _find_cluster_fault(values: Mapping[str, Any]) -> str | None:
    clusters = [name for name in CLUSTERS if name in values]
    counts = _counts(values)
    if clusters and counts is None:
        return f"{clusters[0]} without counts; expected class_0 to class_3plus beside it. Or give the score alone."
    size = sum(counts or ())
    for least, name in enumerate(CLUSTERS, start=1):
        if name not in values:
            continue
        n_cells = sum((counts or (0, 0, 0, 0))[least:])
        if values[name] > min(size, n_cells):
            return (
                f"{name} {values[name]}, but only {min(size, n_cells)} cells can be in it; expected no more."
                " A cluster of stronger cells is part of that of weaker ones. Correct it."
            )
        size = values[name]
    return None


def _find_contradiction(fragment: HandFragment, guideline: Guideline) -> str | None:
    """Say how counts and score of a fragment fail to settle one another under the guideline; None where they do."""
    if not fragment.has_tumor:
        return None
    if fragment.counts is None and fragment.score is None:
        return "tumor cells, but none with a class, and no score; expected a score. Give it, or count the classes."
    lowest, highest = bound_score(fragment, guideline)
    allowed = lowest.label if lowest is highest else f"{lowest.label} to {highest.label}"
    # 0 or 1+ may stay open: often another fragment scores the case, and both are below 2+
    if fragment.score is None and lowest is not highest and highest >= Her2Score.TWO_PLUS:
        return (
            f"the counts allow {allowed} by {guideline.name}, which asks for connected cells; expected one score."
            f" Give score, or the largest connected clusters in {', '.join(CLUSTERS)}."
        )
    if fragment.score is not None and not lowest <= fragment.score <= highest:
        what = f"score {fragment.score.label}, but the counts give {allowed} by {guideline.name}"
        return f"{what}; expected both to agree. Correct one, or leave the score empty."
    percent = fragment.percent_overexpressed
    if fragment.score is not None and fragment.score >= Her2Score.TWO_PLUS and percent == 0:
        return f"score {fragment.score.label}, but {PERCENT} 0; expected some overexpressing cells. Correct one."
    return None


def _add_nuclei(cases: dict[tuple[Any, ...], CountedCase], path: Path, faults: Faults) -> None:
    """Put the signals of each nucleus beside the case's other ISH data."""
    rows = _read_file(path, NUCLEUS_COLUMNS, "nucleus", faults)
    for key, members in group_rows(rows, "case_id", "timepoint").items():
        if key not in cases:
            at = f" at {key[1]}" if key[1] else ""
            faults.add(members[0].where, f"case {key[0]}{at} is not in the table of fragments; expected it there.")
            continue
        has_cep17 = {"cep17" in row.values for row in members}
        if len(has_cep17) > 1:
            what = f"cep17 is filled for some nuclei of case {key[0]} and empty for others; expected all or none"
            faults.add(members[0].where, f"{what}. Remove nuclei that could not be counted.")
            continue
        her2 = tuple(row.values.get("her2", 0) for row in members)
        cep17 = tuple(row.values["cep17"] for row in members) if has_cep17 == {True} else None
        cases[key] = replace(cases[key], ish=replace(cases[key].ish, counts=IshCounts(her2, cep17)))


def _read_score(text: str) -> Her2Score:
    """Read a score; spreadsheets drop the plus sign."""
    labels = {score.label: score for score in Her2Score} | {str(int(score)): score for score in Her2Score}
    if text not in labels:
        msg = "expected 0, 1+, 2+ or 3+; leave it empty where the fragment holds no tumor"
        raise ValueError(msg)
    return labels[text]


def _read_cells(text: str) -> int:
    return read_count(text, 0)


def _read_percent(text: str) -> Fraction:
    """Read a percentage exactly as written."""
    read_number(text, 0, 100)
    return Fraction(text)


COLUMNS = (
    Column("case_id", read_case_id, is_required=True),
    Column("fragment", read_case_id, is_required=True),
    Column("timepoint", choice("baseline", "post")),
    Column("score", _read_score),
    *(Column(name, _read_cells) for name in CLASSES),
    Column("unscored", _read_cells),
    Column("tumor_cells", _read_cells),
    Column(PERCENT, _read_percent),
    *(Column(name, _read_cells) for name in CLUSTERS),
    Column("percent_at_score", _read_percent, is_of_case=True),
    *ISH_COLUMNS,
)
"""The table of fragments, one row a fragment: every column it may have."""

NUCLEUS_COLUMNS = (
    Column("case_id", read_case_id, is_required=True),
    Column("timepoint", choice("baseline", "post")),
    Column("her2", _read_cells, is_required=True),
    Column("cep17", _read_cells),
)
"""The table of ISH signals, one row a nucleus: every column it may have."""
