"""A pathologist's own table of fragments -> cases read by hand, checked row by row.

One row a fragment: its score, the counts of its tumor cells by class, or both. A second table may hold the ISH signals
nucleus by nucleus. Everything that is wrong is reported at once with its line; what the rules make of it is decided in
`scoring.by_hand`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from hetscore.batch.columns import ISH_COLUMNS, choice, make_ish, read_case_id, read_count, read_number
from hetscore.batch.fragment_rows import PERCENT, find_percent_fault, make_fragment
from hetscore.batch.table import STDIN, Column, Faults, Row, check_spelling, group_rows, read_rows, shared_values
from hetscore.domain import Her2Score, IshCounts, IshData
from hetscore.scoring.by_hand import HandFragment
from hetscore.scoring.guidelines import Guideline


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
    ish_where: str
    """File and line where its ISH is first spoken of."""
    nuclei_where: str = ""
    """File and line of its first nucleus; empty without."""
    is_whole: bool = True
    """Whether its fragments are without fault, so that they can be scored."""


def read_counts(
    path: Path, guideline: Guideline, faults: Faults, ish_counts: Path | None = None
) -> tuple[CountedCase, ...]:
    """Read a table of fragments.

    Parameters
    ----------
    path : Path
        One row a fragment; columns as in `COLUMNS`. A pipe or `STDIN` does as well.
    guideline : Guideline
        By which counts are to be scored: a row whose counts do not settle or contradict its score is a fault.
    faults : Faults
        Where is noted, one line each: a file that cannot be read, an unknown or missing column, a cell that cannot be
        read, an unknown score, a negative count, a fragment named twice, ids that differ in letter case alone, fewer
        tumor cells than the classes add up to, clusters larger than their counts, a score or percent that the counts
        contradict, rows of a case that disagree, nuclei of a case that is not in the table.
    ish_counts : Path, optional
        One row a nucleus; columns as in `NUCLEUS_COLUMNS`.

    Returns
    -------
    tuple of CountedCase
        One for each case and timepoint, in the order of first mention; with faults they may be incomplete.
    """
    if path == STDIN == ish_counts:
        faults.add("standard input", "named for both tables; expected one of them in a file. Save the other.")
        return ()
    rows = read_rows(path, COLUMNS, faults, one_row="fragment")
    check_spelling(rows, "case_id", "case", faults)
    _check_timepoints(rows, faults)
    cases = {
        key: _make_case(key, members, guideline, faults)
        for key, members in group_rows(rows, "case_id", "timepoint").items()
    }
    if ish_counts is not None:
        nuclei = read_rows(ish_counts, NUCLEUS_COLUMNS, faults, one_row="nucleus")
        if rows:  # else every nucleus would be of a case that is not there
            _add_nuclei(cases, nuclei, faults)
    return tuple(cases.values())


def _check_timepoints(rows: Sequence[Row], faults: Faults) -> None:
    for (case_id,), members in group_rows(rows, "case_id").items():
        silent = [row for row in members if "timepoint" not in row.values and row.is_whole]
        if silent and any("timepoint" in row.values for row in members):
            what = f"timepoint is empty, but other rows of case {case_id} have one; expected it in all or none"
            faults.add(silent[0].where, f"{what}. Fill it in.")


def _make_case(key: tuple[Any, ...], rows: Sequence[Row], guideline: Guideline, faults: Faults) -> CountedCase:
    case_id, timepoint = key
    n_faults = len(faults.lines)
    known = shared_values(case_id, rows, COLUMNS, faults)
    is_agreed = len(faults.lines) == n_faults
    _check_twice(case_id, rows, faults)
    check_spelling(rows, "fragment", f"case {case_id} has fragment", faults)
    fragments = tuple(make_fragment(row, guideline, faults) for row in rows if "fragment" in row.values)
    is_whole = all(row.is_whole for row in rows) and len(faults.lines) == n_faults
    percent = known.get("percent_at_score")
    fault = find_percent_fault(percent, fragments, guideline) if is_whole and percent is not None else None
    if fault:
        faults.add(_find_where(rows, ("percent_at_score",)), fault)
    return CountedCase(
        where=rows[0].where,
        case_id=case_id,
        timepoint=timepoint,
        fragments=fragments,
        ish=make_ish(known if is_agreed else {}),
        percent_at_score=percent,
        ish_where=_find_where(rows, [column.name for column in ISH_COLUMNS]),
        is_whole=is_whole,
    )


def _find_where(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Find the first row that fills one of the columns, else the first row."""
    return next((row.where for row in rows if any(name in row.values for name in columns)), rows[0].where)


def _check_twice(case_id: str, rows: Sequence[Row], faults: Faults) -> None:
    first: dict[str, Row] = {}
    for row in rows:
        if "fragment" not in row.values:
            continue
        name = row.values["fragment"]
        if first.setdefault(name, row) is not row:
            what = f"fragment {name} of case {case_id} stands in {first[name].where} already; expected each once"
            faults.add(row.where, f"{what}. Remove a row, or name the second fragment differently.")


def _add_nuclei(cases: dict[tuple[Any, ...], CountedCase], rows: Sequence[Row], faults: Faults) -> None:
    """Put the signals of each nucleus beside the case's other ISH data."""
    for key, members in group_rows(rows, "case_id", "timepoint").items():
        fault = None if key in cases else _say_unknown(key, cases)
        is_whole = all(row.is_whole for row in members)
        has_cep17 = {"cep17" in row.values for row in members}
        if not fault and is_whole and len(has_cep17) > 1:
            what = f"cep17 is filled for some nuclei of case {key[0]} and empty for others; expected all or none"
            fault = f"{what}. Remove nuclei that could not be counted."
        if fault:
            faults.add(members[0].where, fault)
        if fault or not is_whole:
            continue
        her2 = tuple(row.values["her2"] for row in members)
        cep17 = tuple(row.values["cep17"] for row in members) if has_cep17 == {True} else None
        ish = replace(cases[key].ish, counts=IshCounts(her2, cep17))
        cases[key] = replace(cases[key], ish=ish, nuclei_where=members[0].where)


def _say_unknown(key: tuple[Any, ...], cases: Iterable[tuple[Any, ...]]) -> str:
    case_id, timepoint = key
    if timepoint is None and any(other == case_id for other, _ in cases):
        return f"case {case_id} has several timepoints; expected timepoint baseline or post. Fill it in."
    at = f" at {timepoint}" if timepoint else ""
    return f"case {case_id}{at} is not in the table of fragments; expected it there. Add it, or remove its nuclei."


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
    return read_number(text, 0, 100)


_TIMEPOINT = choice("baseline", "post")

COLUMNS = (
    Column(
        "case_id", read_case_id, "Names the case; an id that differs in letter case alone is a fault.", is_required=True
    ),
    Column("fragment", read_case_id, "Names the fragment within its case.", is_required=True),
    Column("timepoint", _TIMEPOINT, "baseline or post, in all rows of a case or in none; the two are compared."),
    Column("score", _read_score, "HER2 IHC score of the fragment: 0, 1+, 2+ or 3+; empty without tumor."),
    Column("class_0", _read_cells, "Tumor cells without membrane staining. All four classes are given, or none."),
    Column("class_1plus", _read_cells, "Tumor cells that count as 1+."),
    Column("class_2plus", _read_cells, "Tumor cells that count as 2+."),
    Column("class_3plus", _read_cells, "Tumor cells that count as 3+."),
    Column("unscored", _read_cells, "Tumor cells seen but not classed."),
    Column("tumor_cells", _read_cells, "All tumor cells, the unscored included; 0 is a fragment without tumor."),
    Column(PERCENT, _read_percent, "Percent of the tumor cells that are 2+ or 3+, where judged and not counted."),
    Column("largest_cluster_1plus", _read_cells, "Cells of the largest connected cluster of at least 1+."),
    Column("largest_cluster_2plus", _read_cells, "Cells of the largest connected cluster of at least 2+."),
    Column("largest_cluster_3plus", _read_cells, "Cells of the largest connected cluster of 3+."),
    Column(
        "percent_at_score",
        _read_percent,
        "Percent of the tumor cells stained at the score of the case, for the change between two samples.",
        is_of_case=True,
    ),
    *ISH_COLUMNS,
)
"""The table of fragments, one row a fragment: every column it may have."""

NUCLEUS_COLUMNS = (
    Column("case_id", read_case_id, "A case of the table of fragments.", is_required=True),
    Column("timepoint", _TIMEPOINT, "baseline or post, where the table of fragments has it."),
    Column("her2", _read_cells, "HER2 signals of the nucleus.", is_required=True),
    Column("cep17", _read_cells, "CEP17 signals of the nucleus, for all nuclei of a case or for none."),
)
"""The table of ISH signals, one row a nucleus: every column it may have."""


def columns_markdown() -> str:
    """Write every column as a Markdown page; docs/counts.md is this, written down by `make rules`."""
    head = (
        "# The tables of counts\n\nWhat `hetscore rules apply` reads, made from the columns themselves by `make rules`:"
        " do not edit this page.\nBoth tables are comma-separated UTF-8 text with a header. Columns may stand in any"
        " order and be left out unless\nrequired, and a cell may be empty; a value of the case need stand in one of its"
        " rows only. Numbers are written with a\npoint, without signs for thousands or percent.\n"
    )
    fragments = _columns_table("Table of fragments: one row a fragment", COLUMNS)
    return "\n".join([head, *fragments, *_columns_table("`--ish-counts`: one row a nucleus", NUCLEUS_COLUMNS)])


def _columns_table(title: str, columns: Sequence[Column]) -> list[str]:
    rows = [f"| `{c.name}` | {_say_place(c)} | {c.text} |" for c in columns]
    return [f"## {title}", "", "| column | of | what it says |", "| --- | --- | --- |", *rows, ""]


def _say_place(column: Column) -> str:
    return "every row, required" if column.is_required else "the case" if column.is_of_case else "the row"
