"""Tables that people write by hand: comma-separated text -> typed rows, with every fault named by its line.

A table is read whole and all its faults are reported at once: whoever mends a table of hundreds of rows wants the list,
not the first item of it. What a column means is a `Column`; what the rows mean together is the caller's matter.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hetscore.domain import IshResult
from hetscore.errors import UsageError


@dataclass(frozen=True)
class Column:
    """One column; `read` turns a filled cell into a value or raises ValueError saying why not."""

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
    is_whole: bool = True
    """Whether every filled cell could be read; where not, what seems to be missing may be what could not."""


def read_rows(
    path: Path,
    columns: Sequence[Column],
    faults: Faults,
    *,
    one_row: str,
    finish: Callable[[Row], Row] = lambda row: row,
) -> list[Row]:
    """Read a table of known columns.

    Parameters
    ----------
    path : Path
        The table: comma-separated UTF-8 text with a header; a byte order mark, as spreadsheets write it, is dropped.
    columns : sequence of Column
        Every column the table may have.
    faults : Faults
        Where faults are noted, each with file and line; the rows are incomplete then.
    one_row : str
        What a row stands for ("slide"), for the sentence on a table without rows.
    finish : callable
        Called on each row as it is read, to check or complete it; faults it notes stand in the order of the rows.

    Returns
    -------
    list of Row
        In the order of the table; rows of empty cells, which spreadsheets leave at the end, are skipped.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            if not _is_header_good(path, header, columns, faults):
                return []
            rows = [
                finish(_read_row(f"{path} line {reader.line_num}", cells, columns, faults))
                for cells in reader
                if _is_filled(cells)
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        faults.add(str(path), f"not a readable table ({error}); expected comma-separated UTF-8 text")
        return []
    if not rows:
        faults.add(str(path), f"the table has no rows; expected one row a {one_row}")
    return rows


def _is_header_good(path: Path, header: list[str], columns: Sequence[Column], faults: Faults) -> bool:
    if len(header) == 1 and ";" in header[0]:
        faults.add(f"{path} line 1", "columns parted by semicolons; expected commas. Save it as comma-separated text.")
        return False
    known = ", ".join(column.name for column in columns)
    missing = [column.name for column in columns if column.is_required and column.name not in header]
    unknown = [name for name in header if name not in {column.name for column in columns}]
    twice = [name for name, count in Counter(header).items() if count > 1]
    for what, names in (("missing", missing), ("unknown", unknown), ("repeated", twice)):
        if names:
            listed = ", ".join(repr(name) for name in names)
            faults.add(f"{path} line 1", f"{what} column {listed}; expected comma-separated columns of: {known}")
    return not (missing or unknown or twice)


def _is_filled(cells: Mapping[str | None, Any]) -> bool:
    return any(isinstance(cell, str) and cell.strip() for cell in cells.values())


def _read_row(where: str, cells: Mapping[str | None, Any], columns: Sequence[Column], faults: Faults) -> Row:
    if None in cells:
        faults.add(where, "more cells than columns; expected one cell a column. Quote cells that hold commas.")
    values = {}
    n_unreadable = 0
    for column in columns:
        text = (cells.get(column.name) or "").strip()
        if not text and column.is_required:
            faults.add(where, f"{column.name} is empty; expected a value")
        if not text:
            continue
        try:
            values[column.name] = column.read(text)
        except ValueError as error:
            faults.add(where, f"{column.name} {text!r}: {error}")
            n_unreadable += 1
    return Row(where, values, is_whole=not n_unreadable)


def group_rows(rows: Sequence[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """Put rows of equal `keys` together, in the order of first mention.

    A key not filled counts as None; rows without the first key, which are already at fault, are left out.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if keys[0] in row.values:
            groups.setdefault(tuple(row.values.get(key) for key in keys), []).append(row)
    return groups


def shared_values(name: str, rows: Sequence[Row], columns: Sequence[Column], faults: Faults) -> dict[str, Any]:
    """Collect what the rows say of their case in columns marked `is_of_case`; an empty cell agrees with everything.

    Parameters
    ----------
    name : str
        Of the case, for the message where two rows disagree, which is noted in `faults`.
    rows : sequence of Row
        The rows of one case.
    columns : sequence of Column
        The columns of the table.
    faults : Faults
        Where disagreements are noted.

    Returns
    -------
    dict
        By column; the first row that fills a column gives its value.
    """
    first: dict[str, Row] = {}
    for row in rows:
        for column in columns:
            if not column.is_of_case or column.name not in row.values:
                continue
            other = first.setdefault(column.name, row)
            mine, theirs = row.values[column.name], other.values[column.name]
            if mine != theirs:
                said = f"case {name} has {column.name} {mine}, but {theirs} in {other.where}"
                faults.add(row.where, f"{said}; expected one value a case")
    return {column: row.values[column] for column, row in first.items()}


def read_case_id(text: str) -> str:
    """Read a case's id, which must be able to name a folder."""
    if text in (".", "..") or any(c in "/\\" or not c.isprintable() for c in text):
        msg = "cannot name a folder; expected an id without slashes or control characters"
        raise ValueError(msg)
    return text


def choice(*choices: str) -> Callable[[str], str]:
    """Make a reader of one of a few words."""

    def read(text: str) -> str:
        if text not in choices:
            msg = f"expected {' or '.join(choices)}"
            raise ValueError(msg)
        return text

    return read


def read_number(text: str, low: float, high: float) -> float:
    """Read a number within a span, both ends in."""
    # NaN fails both comparisons.
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        msg = f"expected a number from {low:g} to {high:g}"
        raise ValueError(msg)
    return value


def read_count(text: str, low: int = 1) -> int:
    """Read a whole number of at least `low`."""
    if not (text.isascii() and text.isdecimal() and int(text) >= low):
        msg = f"expected a whole number of at least {low}"
        raise ValueError(msg)
    return int(text)


def _read_copies(text: str) -> float:
    """Read mean signals per nucleus; above 100 they cannot be told apart, so the number is a slip."""
    return read_number(text, 0, 100)


def _read_divisor_copies(text: str) -> float:
    """Read mean signals per nucleus that HER2 is divided by: less than one in ten nuclei is a failed probe."""
    return read_number(text, 0.1, 100)


def _read_ratio(text: str) -> float:
    return read_number(text, 0, 100)


def _read_ish(text: str) -> IshResult:
    return IshResult(choice(*IshResult)(text))


ISH_COLUMNS = (
    Column("ish", _read_ish, is_of_case=True),
    Column("her2_copies", _read_copies, is_of_case=True),
    Column("cep17_copies", _read_divisor_copies, is_of_case=True),
    Column("ish_ratio", _read_ratio, is_of_case=True),
    Column("ish_cells", read_count, is_of_case=True),
)
"""What a table may say of the ISH test of a case."""
