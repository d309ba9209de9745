"""Paths from the user -> cases: a slide, a folder, or a cases table.

Everything that is wrong is collected and reported at once, with line numbers, before any slide is opened: a table of
hundreds of slides must not fail at its last line after a night of work.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hetscore.domain import CaseInput, IshData, IshResult, MppSource, SlideInput, SlideRole
from hetscore.errors import UsageError
from hetscore.slides import PLAUSIBLE_MPP, SUPPORTED_SUFFIXES, dicom_series

TABLE_NAME = "cases.csv"
"""A folder that holds this file is read through it."""


@dataclass(frozen=True)
class Column:
    """One column of the cases table; `read` turns a filled cell into a value or raises ValueError saying why not."""

    name: str
    read: Callable[[str], Any]
    is_of_case: bool = False
    """The value belongs to the case, so its rows must agree."""
    is_required: bool = False


@dataclass
class Faults:
    """Collects what is wrong, to be raised together."""

    lines: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        """Note one fault."""
        self.lines.append(f"{where}: {what}")

    def raise_any(self) -> None:
        """Raise `UsageError` with all faults, one a line, if there are any."""
        if self.lines:
            raise UsageError("\n".join(self.lines))


@dataclass(frozen=True)
class Row:
    """One readable row of a table; `values` holds the filled cells only."""

    where: str
    values: Mapping[str, Any]


def find_cases(paths: Sequence[Path]) -> tuple[CaseInput, ...]:
    """Find the cases that the user's paths name.

    Parameters
    ----------
    paths : sequence of Path
        Each a slide, a folder (read through its ``cases.csv``, else every slide in it is a case), or a table (.csv).

    Returns
    -------
    tuple of CaseInput
        In the order of the paths, and of the rows of a table or the names in a folder.

    Raises
    ------
    UsageError
        With one line for each fault: a path, table or listed file that does not exist, an empty table or folder, an
        unknown or missing column, a cell that cannot be read, rows of a case that disagree, a case without a HER2 slide
        or with two slides of one file name, a slide named twice, a case id that is used twice or cannot name a folder.
    """
    faults = Faults()
    cases = tuple(case for path in paths for case in _cases_of(path, faults))
    _check_unique(cases, faults)
    faults.raise_any()
    return cases


def _cases_of(path: Path, faults: Faults) -> tuple[CaseInput, ...]:
    if path.is_dir():
        table = path / TABLE_NAME
        return _read_table(table, faults) if table.is_file() else _scan_folder(path, faults)
    if not path.is_file():
        faults.add(str(path), "no such file or folder; expected a slide, a folder of slides or a cases table")
        return ()
    if path.suffix.lower() == ".csv":
        return _read_table(path, faults)
    return (_case_of_slide(path),)


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
    for case_id, count in Counter(case.case_id for case in cases).items():
        if count > 1:
            paths = ", ".join(str(slide.path) for case in cases if case.case_id == case_id for slide in case.slides)
            remedy = f"Rename a file, or name several slides of a case in {TABLE_NAME}."
            faults.add(case_id, f"{count} cases of this id ({paths}); expected one. {remedy}")
    named = Counter(slide.path.resolve() for case in cases for slide in case.slides)
    for path, count in named.items():
        if count > 1:
            faults.add(str(path), f"named {count} times; expected each slide once. Remove the repeated rows or paths.")


def _read_table(path: Path, faults: Faults) -> tuple[CaseInput, ...]:
    """Read a cases table; on a fault the cases are incomplete and the fault is noted."""
    # Spreadsheets write a byte order mark, which utf-8-sig drops.
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            if not _is_header_good(path, header, faults):
                return ()
            rows = [_read_row(path, reader.line_num, cells, faults) for cells in reader if _is_filled(cells)]
    except (UnicodeDecodeError, csv.Error) as error:
        faults.add(str(path), f"not a readable table ({error}); expected comma-separated UTF-8 text")
        return ()
    if not rows:
        faults.add(str(path), "the table has no rows; expected one row a slide")
    return _group(rows, faults)


def _is_header_good(path: Path, header: list[str], faults: Faults) -> bool:
    if len(header) == 1 and ";" in header[0]:
        faults.add(f"{path} line 1", "columns parted by semicolons; expected commas. Save it as comma-separated text.")
        return False
    known = ", ".join(column.name for column in COLUMNS)
    missing = [column.name for column in COLUMNS if column.is_required and column.name not in header]
    unknown = [name for name in header if name not in {column.name for column in COLUMNS}]
    twice = [name for name, count in Counter(header).items() if count > 1]
    for what, names in (("missing", missing), ("unknown", unknown), ("repeated", twice)):
        if names:
            columns = ", ".join(repr(name) for name in names)
            faults.add(f"{path} line 1", f"{what} column {columns}; expected comma-separated columns of: {known}")
    return not (missing or unknown or twice)


def _is_filled(cells: Mapping[str | None, Any]) -> bool:
    """Tell whether a row says anything; spreadsheets leave rows of empty cells at the end."""
    return any(isinstance(cell, str) and cell.strip() for cell in cells.values())


def _read_row(path: Path, line: int, cells: Mapping[str | None, Any], faults: Faults) -> Row:
    where = f"{path} line {line}"
    if None in cells:
        faults.add(where, "more cells than columns; expected one cell a column. Quote cells that hold commas.")
    values = {}
    for column in COLUMNS:
        text = (cells.get(column.name) or "").strip()
        if not text and column.is_required:
            faults.add(where, f"{column.name} is empty; expected a value")
        if not text:
            continue
        try:
            values[column.name] = column.read(text)
        except ValueError as error:
            faults.add(where, f"{column.name} {text!r}: {error}")
    for name in ("slide", "annotations"):
        if name in values:
            values[name] = path.parent / values[name]
            if not values[name].is_file():
                faults.add(where, f"{name} {values[name]} is not a file; expected a path relative to the table")
    return Row(where, values)


def _group(rows: Sequence[Row], faults: Faults) -> tuple[CaseInput, ...]:
    """Put the rows of a case together, in the order of first mention; rows already at fault are left out."""
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        if "case_id" in row.values and "slide" in row.values:
            by_case.setdefault(row.values["case_id"], []).append(row)
    return tuple(_make_case(case_id, members, faults) for case_id, members in by_case.items())


def _make_case(case_id: str, rows: Sequence[Row], faults: Faults) -> CaseInput:
    known = _case_values(case_id, rows, faults)
    _check_names(case_id, rows, faults)
    _check_roles(case_id, rows, faults)
    ish = IshData(
        result=known.get("ish", IshResult.UNKNOWN),
        her2_copies=known.get("her2_copies"),
        cep17_copies=known.get("cep17_copies"),
        n_cells=known.get("ish_cells"),
    )
    own = {name: known[name] for name in ("specimen", "organ", "timepoint") if name in known}
    return CaseInput(case_id, tuple(_make_slide(row.values) for row in rows), ish=ish, **own)


def _case_values(case_id: str, rows: Sequence[Row], faults: Faults) -> dict[str, Any]:
    """Collect what the rows say of the case; an empty cell agrees with everything."""
    first: dict[str, Row] = {}
    for row in rows:
        for column in COLUMNS:
            if not column.is_of_case or column.name not in row.values:
                continue
            other = first.setdefault(column.name, row)
            mine, theirs = row.values[column.name], other.values[column.name]
            if mine != theirs:
                what = (
                    f"case {case_id} has {column.name} {mine}, but {theirs} in {other.where}; expected one value a case"
                )
                faults.add(row.where, what)
    return {name: row.values[name] for name, row in first.items()}


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


def _read_case_id(text: str) -> str:
    if text in (".", "..") or any(c in "/\\" or not c.isprintable() for c in text):
        msg = "cannot name a folder; expected an id without slashes or control characters"
        raise ValueError(msg)
    return text


def _choice(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            msg = f"expected {' or '.join(choices)}"
            raise ValueError(msg)
        return text

    return read


def _read_number(text: str, low: float, high: float, *, is_low_in: bool = True) -> float:
    # NaN fails both comparisons.
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high or (value == low and not is_low_in):
        span = f"from {low:g} to {high:g}" if is_low_in else f"above {low:g} and up to {high:g}"
        msg = f"expected a number {span}"
        raise ValueError(msg)
    return value


def _read_mpp(text: str) -> float:
    return _read_number(text, *PLAUSIBLE_MPP[MppSource.CASES_TABLE])


def _read_copies(text: str) -> float:
    """Read mean signals per nucleus; above 100 they cannot be told apart, so the number is a slip."""
    return _read_number(text, 0, 100)


def _read_divisor_copies(text: str) -> float:
    """Read mean signals per nucleus that HER2 is divided by: 0 is a failed probe and has no ratio."""
    return _read_number(text, 0, 100, is_low_in=False)


def _read_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        msg = "expected a whole number of at least 1"
        raise ValueError(msg)
    return int(text)


def _read_role(text: str) -> SlideRole:
    return SlideRole(_choice(*SlideRole)(text))


def _read_ish(text: str) -> IshResult:
    return IshResult(_choice(*IshResult)(text))


COLUMNS = (
    Column("case_id", _read_case_id, is_required=True),
    Column("slide", Path, is_required=True),
    Column("role", _read_role),
    Column("mpp", _read_mpp),
    Column("specimen", _choice("biopsy", "resection"), is_of_case=True),
    Column("organ", _choice("gastric", "breast"), is_of_case=True),
    Column("timepoint", _choice("baseline", "post"), is_of_case=True),
    Column("ish", _read_ish, is_of_case=True),
    Column("her2_copies", _read_copies, is_of_case=True),
    Column("cep17_copies", _read_divisor_copies, is_of_case=True),
    Column("ish_cells", _read_count, is_of_case=True),
    Column("annotations", Path),
    Column("level_group", str),
)
"""The cases table, one row a slide: every column it may have. To add one, add a row here and use it in `_make_case`."""
