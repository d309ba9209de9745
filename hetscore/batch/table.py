"""Tables that people write by hand: comma-separated text -> typed rows, with every fault named by its line.

A table is read whole and all its faults are reported at once: whoever mends a table of hundreds of rows wants the list,
not the first item of it. What a column means is a `Column`; what the rows mean together is the caller's matter.
"""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

from hetscore.errors import UsageError

STDIN = Path("-")
"""Names standard input, as in other tools."""
_SHOWN = 60
"""Characters of a bad cell that a message repeats: enough to find it, and a line is still a line."""


@dataclass(frozen=True)
class Column:
    """One column; `read` turns a filled cell into a value or raises ValueError saying why not."""

    name: str
    read: Callable[[str], Any]
    text: str
    """What it says, in a sentence."""
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
    """Whether no cell is at fault; where one is, what seems to be missing may be what could not be read."""


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
        The table: comma-separated UTF-8 text with a header, a file or a pipe, or `STDIN`; a byte order mark, as
        spreadsheets write it, is dropped.
    columns : sequence of Column
        Every column the table may have; their names are compared in any letter case.
    faults : Faults
        Where faults are noted, each with file and line; the rows are incomplete then.
    one_row : str
        What a row stands for ("slide"), for the sentence on a table without rows.
    finish : callable
        Called on each row as it is read, to check or complete it; faults it notes stand in the order of the rows.

    Returns
    -------
    list of Row
        In the order of the table; rows of empty cells and columns without name or value, which spreadsheets leave at
        the ends, are skipped. Empty where the table cannot be read to its end.
    """
    name = "standard input" if path == STDIN else str(path)
    expected = f"expected a comma-separated table with one row a {one_row}"
    n_faults = len(faults.lines)
    try:
        with _open(path) as file:
            rows = _read_lines(name, file, columns, faults, finish)
    except FileNotFoundError:
        faults.add(name, f"no such file; {expected}")
    except OSError as error:
        faults.add(name, f"cannot be read ({error.strerror or error}); {expected}")
    except UnicodeDecodeError as error:
        what = f"not a readable table ({error}); expected comma-separated UTF-8 text"
        faults.add(name, f"{what}. Save it as CSV UTF-8.")
    else:
        if not rows and len(faults.lines) == n_faults:
            faults.add(name, f"the table has no rows; expected one row a {one_row}")
        return rows
    return []


def read_names(path: Path) -> tuple[str, ...]:
    """Read the names of the columns of a table that `read_rows` has read without fault.

    Parameters
    ----------
    path : Path
        A file: a pipe is read once only.

    Returns
    -------
    tuple of str
        In the order of the table, as `Column.name`; empty without a line.
    """
    with _open(path) as file:
        return next((_fold(cells) for _, cells in _number_lines(file)), ())


def _fold(cells: Sequence[str]) -> tuple[str, ...]:
    """Write names of columns as they are compared."""
    return tuple(cell.strip().casefold() for cell in cells)


def _open(path: Path) -> TextIO:
    if path != STDIN:
        return path.open(encoding="utf-8-sig", newline="")
    if sys.stdin is None:
        raise FileNotFoundError
    return io.TextIOWrapper(io.BytesIO(sys.stdin.buffer.read()), encoding="utf-8-sig", newline="")


def _read_lines(
    name: str, file: TextIO, columns: Sequence[Column], faults: Faults, finish: Callable[[Row], Row]
) -> list[Row]:
    line, rows, header = 1, [], None
    try:
        for line, cells in _number_lines(file):
            where = f"{name} line {line}"
            if header is None:
                header = _read_header(where, cells, columns, faults)
                if not header:
                    return []
            else:
                rows.append(finish(_read_row(where, header, cells, columns, faults)))
    except _BrokenRow as error:
        remedy = "Look for a quote that is not closed from here on."
        where = f"{name} line {error.line}"
        faults.add(where, f"not a readable table ({error}); expected comma-separated UTF-8 text. {remedy}")
        return []
    return rows


class _BrokenRow(Exception):
    """A row that is no CSV."""

    def __init__(self, line: int, error: csv.Error) -> None:
        super().__init__(str(error))
        self.line = line


def _number_lines(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Give each row with the line it begins in; rows of empty cells are left out."""
    reader, line = csv.reader(file, strict=True), 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise _BrokenRow(line, error) from None


def _read_header(where: str, cells: Sequence[str], columns: Sequence[Column], faults: Faults) -> list[str]:
    """Return the names in the order of the table; none where they cannot be used."""
    header = list(_fold(cells))
    wrong = _find_separator(header)
    if wrong:
        faults.add(where, wrong)
        return []
    known = ", ".join(column.name for column in columns)
    missing = [column.name for column in columns if column.is_required and column.name not in header]
    unknown = [name for name in header if name and name not in {column.name for column in columns}]
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    for what, names in (("missing", missing), ("unknown", unknown), ("repeated", twice)):
        if names:
            listed = ", ".join(quote(name) for name in names)
            faults.add(where, f"{what} column {listed}; expected comma-separated columns of: {known}")
    return [] if missing or unknown or twice else header


def _find_separator(header: Sequence[str]) -> str | None:
    """Say that the cells are not parted by commas; None where they are."""
    if header[0].startswith("sep="):
        return "a line for a spreadsheet alone (sep=); expected the names of the columns. Remove this line."
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            return f"columns parted by {name}; expected commas. Save it as comma-separated text (CSV UTF-8)."
    return None


def _read_row(
    where: str, header: Sequence[str], cells: Sequence[str], columns: Sequence[Column], faults: Faults
) -> Row:
    n_faults = len(faults.lines)
    named = [*header, *[""] * (len(cells) - len(header))]
    if any(cell.strip() and not name for name, cell in zip(named, cells, strict=False)):
        faults.add(where, "more cells than columns; expected one cell a column. Quote cells that hold commas.")
    texts = dict(zip(header, (cell.strip() for cell in cells), strict=False))
    values = {}
    for column in columns:
        text = texts.get(column.name, "")
        if not text and column.is_required:
            faults.add(where, f"{column.name} is empty; expected a value")
        if not text:
            continue
        try:
            values[column.name] = column.read(text)
        except ValueError as error:
            faults.add(where, f"{column.name} {quote(text)}: {error}")
    return Row(where, values, is_whole=len(faults.lines) == n_faults)


def quote(text: str) -> str:
    """Put a cell of unknown content and length into quotes, as a message can hold it."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


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
                said = f"case {name} has {column.name} {_write(mine)}, but {_write(theirs)} in {other.where}"
                faults.add(row.where, f"{said}; expected one value a case")
    return {column: row.values[column] for column, row in first.items()}


def _write(value: Any) -> str:  # noqa: ANN401 - whatever a column reads
    return f"{float(value):g}" if isinstance(value, Fraction) else str(value)


def check_spelling(rows: Sequence[Row], name: str, what: str, faults: Faults) -> list[Row]:
    """Refuse ids that differ in letter case alone: one of them is a slip, and some file systems take them for one.

    Parameters
    ----------
    rows : sequence of Row
        Among which ids must differ in more.
    name : str
        Of the column of ids.
    what : str
        What an id names, for the message.
    faults : Faults
        Where each second spelling is noted once, with both lines.

    Returns
    -------
    list of Row
        Those of the first spelling of each id.
    """
    first: dict[str, Row] = {}
    kept, told = [], set()
    for row in rows:
        text = row.values.get(name)
        if text is None:
            continue
        other = first.setdefault(text.casefold(), row)
        if other.values[name] == text:
            kept.append(row)
        elif text not in told:
            told.add(text)
            said = f"{what} {text}, but {other.values[name]} in {other.where}; expected one spelling"
            faults.add(row.where, f"{said}. Write both alike, or let them differ in more than letter case.")
    return kept
