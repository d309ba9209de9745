"""Paths from the user -> cases: a slide, a folder, or a cases table.

Everything that is wrong is collected and reported at once, with line numbers, before any slide is opened: a table of
hundreds of slides must not fail at its last line after a night of work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hetscore.annotations import read_annotations
from hetscore.batch.columns import ISH_COLUMNS, choice, make_ish, read_case_id, read_number
from hetscore.batch.table import Column, Faults, Row, check_spelling, group_rows, read_names, read_rows, shared_values
from hetscore.domain import CaseInput, MppSource, SlideInput, SlideRole
from hetscore.errors import UsageError
from hetscore.slides import PLAUSIBLE_MPP, SUPPORTED_SUFFIXES, dicom_series

TABLE_NAME = "cases.csv"
"""A folder that holds this file is read through it."""


def find_cases(paths: Sequence[Path], *, need_slides: bool = True) -> tuple[CaseInput, ...]:
    """Find the cases that the user's paths name.

    Parameters
    ----------
    paths : sequence of Path
        Each a slide, a folder (read through its ``cases.csv``, else every slide in it is a case), or a table (.csv).
    need_slides : bool, optional
        Whether the slides that a table names must be at hand; re-scoring reads none.

    Returns
    -------
    tuple of CaseInput
        In the order of the paths, and of the rows of a table or the names in a folder.

    Raises
    ------
    UsageError
        With one line for each fault: a path, table or listed file that does not exist, a file of annotations that
        cannot be read, an empty table or folder, an unknown or missing column, a cell that cannot be read, rows of a
        case that disagree, a case without a HER2 slide or with two slides of one file name, a slide named twice, a case
        id that is used twice or cannot name a folder.
    """
    faults = Faults()
    cases = tuple(case for path in paths for case in _cases_of(path, faults, need_slides=need_slides))
    _check_unique(cases, faults)
    faults.raise_any()
    return cases


def _cases_of(path: Path, faults: Faults, *, need_slides: bool) -> tuple[CaseInput, ...]:
    if _is_kind(path, Path.is_dir):
        table = path / TABLE_NAME
        if table.is_file():
            return _read_table(table, faults, need_slides=need_slides)
        return _scan_folder(path, faults)
    if not _is_kind(path, Path.is_file):
        faults.add(str(path), "no such file or folder; expected a slide, a folder of slides or a cases table")
        return ()
    if path.suffix.lower() == ".csv":
        return _read_table(path, faults, need_slides=need_slides)
    return (_case_of_slide(path),)


def has_column(path: Path, name: str) -> bool:
    """Tell whether a cases table has a column; an empty cell says something, a column that is not there says nothing.

    Parameters
    ----------
    path : Path
        One that `find_cases` has read without fault; what is no table has no columns.
    name : str
        Of a column.

    Returns
    -------
    bool
        Whatever the letter case of the header.
    """
    table = path / TABLE_NAME if _is_kind(path, Path.is_dir) else path
    return table.suffix.lower() == ".csv" and table.is_file() and name in read_names(table)


def _is_kind(path: Path, ask: Callable[[Path], bool]) -> bool:
    """Ask what a path is; one that cannot be asked, such as too long a name, is nothing."""
    try:
        return ask(path)
    except OSError:
        return False


def _case_of_slide(path: Path) -> CaseInput:
    return CaseInput(path.stem, (SlideInput(path),))


def _scan_folder(folder: Path, faults: Faults) -> tuple[CaseInput, ...]:
    """Take every slide of the folder; what scanners keep in folders of their own (MRXS) is not looked at."""
    files = sorted(p for p in folder.iterdir() if not p.is_dir() and not p.name.startswith("."))
    slides = _one_per_series(p for p in files if p.suffix.lower() in SUPPORTED_SUFFIXES)
    for slide in slides:
        if not slide.exists():
            faults.add(str(slide), "a link to nothing; expected a slide. Mend or remove the link.")
    if not slides:
        faults.add(
            str(folder), f"no slides in the folder; expected {TABLE_NAME} or {' '.join(sorted(SUPPORTED_SUFFIXES))}"
        )
    return tuple(_case_of_slide(slide) for slide in slides)


def _one_per_series(slides: Iterable[Path]) -> list[Path]:
    """Keep the first file of each DICOM series; every other file is a slide of its own."""
    kept: dict[str, Path] = {}
    for slide in slides:
        series = dicom_series(slide) if slide.suffix.lower() == ".dcm" else None
        kept.setdefault(series or str(slide), slide)
    return list(kept.values())


def _check_unique(cases: Sequence[CaseInput], faults: Faults) -> None:
    same: dict[str, list[CaseInput]] = {}
    for case in cases:
        # Some file systems do not tell upper from lower case.
        same.setdefault(case.case_id.casefold(), []).append(case)
    for members in same.values():
        if len(members) > 1:
            paths = ", ".join(str(slide.path) for case in members for slide in case.slides)
            ids = " and ".join(dict.fromkeys(case.case_id for case in members))
            said = f"{len(members)} cases of this id, in any letter case ({paths}); expected one"
            faults.add(ids, f"{said}. Rename a file, or name several slides of a case in {TABLE_NAME}.")
    named = Counter(slide.path.resolve() for case in cases for slide in case.slides)
    for path, count in named.items():
        if count > 1:
            faults.add(str(path), f"named {count} times; expected each slide once. Remove the repeated rows or paths.")


def _read_table(path: Path, faults: Faults, *, need_slides: bool) -> tuple[CaseInput, ...]:
    """Read a cases table; on a fault the cases are incomplete and the fault is noted."""

    def finish(row: Row) -> Row:
        return _find_files(path, row, faults, need_slides=need_slides)

    rows = read_rows(path, COLUMNS, faults, one_row="slide", finish=finish)
    named = check_spelling(rows, "case_id", "case", faults)
    by_case = group_rows([row for row in named if "slide" in row.values], "case_id")
    return tuple(_make_case(case_id, members, faults) for (case_id,), members in by_case.items())


def _find_files(path: Path, row: Row, faults: Faults, *, need_slides: bool) -> Row:
    """Resolve the files of a row against the table's folder; annotations are read, so that no fault shows up late."""
    files = {name: path.parent / row.values[name] for name in ("slide", "annotations") if name in row.values}
    for name, file in files.items():
        if not _is_kind(file, Path.is_file):
            if need_slides or name != "slide":
                faults.add(row.where, f"{name} {file} is not a file; expected a path relative to the table")
        elif name == "annotations":
            _check_annotations(file, row.where, faults)
    return replace(row, values={**row.values, **files})


def _check_annotations(file: Path, where: str, faults: Faults) -> None:
    try:
        read_annotations(file)
    except UsageError as error:
        for line in str(error).splitlines():
            faults.add(where, f"annotations {line}")


def _make_case(case_id: str, rows: Sequence[Row], faults: Faults) -> CaseInput:
    known = shared_values(case_id, rows, COLUMNS, faults)
    _check_names(case_id, rows, faults)
    _check_roles(case_id, rows, faults)
    own = {name: known[name] for name in ("specimen", "organ", "timepoint") if name in known}
    return CaseInput(case_id, tuple(_make_slide(row.values) for row in rows), ish=make_ish(known), **own)


def _check_names(case_id: str, rows: Sequence[Row], faults: Faults) -> None:
    """Refuse two slides of one file name in a case: its files are named after the slides and would overwrite."""
    first: dict[str, Row] = {}
    for row in rows:
        slide = row.values["slide"]
        # Some file systems do not tell upper from lower case.
        other = first.setdefault(slide.name.casefold(), row)
        # One slide named twice is a fault of its own, see `_check_unique`.
        if other.values["slide"].resolve() != slide.resolve():
            what = (
                f"case {case_id} has slide {slide.name}, but {other.values['slide'].name} in {other.where};"
                " expected different file names within a case, in any letter case. Rename one."
            )
            faults.add(row.where, what)


def _check_roles(case_id: str, rows: Sequence[Row], faults: Faults) -> None:
    if all(_role(row.values) is not SlideRole.HER2 for row in rows):
        what = f"case {case_id} has no slide with the role her2; expected at least one. Correct the role column."
        faults.add(rows[0].where, what)


def _role(values: Mapping[str, Any]) -> SlideRole:
    role: SlideRole = values.get("role", SlideRole.HER2)
    return role


def _make_slide(values: Mapping[str, Any]) -> SlideInput:
    return SlideInput(
        path=values["slide"],
        role=_role(values),
        mpp=values.get("mpp"),
        annotations=values.get("annotations"),
        level_group=values.get("level_group"),
    )


def _read_mpp(text: str) -> float:
    # Slide libraries print up to 17 digits, and nothing is compared exactly with it.
    return float(read_number(text, *PLAUSIBLE_MPP[MppSource.CASES_TABLE], max_digits=24))


def _read_role(text: str) -> SlideRole:
    return SlideRole(choice(*SlideRole)(text))


COLUMNS = (
    Column("case_id", read_case_id, "Names the case and its folder of results.", is_required=True),
    Column("slide", Path, "The slide, relative to the table.", is_required=True),
    Column("role", _read_role, "What the slide is for: her2, he or control; her2 where empty."),
    Column("mpp", _read_mpp, "Microns per level-0 pixel; outranks the command line and the file."),
    Column("specimen", choice("biopsy", "resection"), "biopsy or resection.", is_of_case=True),
    Column("organ", choice("gastric", "breast"), "gastric or breast.", is_of_case=True),
    Column("timepoint", choice("baseline", "post"), "baseline or post.", is_of_case=True),
    *ISH_COLUMNS,
    Column("annotations", Path, "GeoJSON from QuPath, relative to the table; docs/annotations.md."),
    Column("level_group", str, "Slides of one group are levels of the same fragments."),
)
"""The cases table, one row a slide: every column it may have. To add one, add a row here and use it in `_make_case`."""
