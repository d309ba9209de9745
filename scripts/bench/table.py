"""What the parts of the benchmark hand back, and how it is printed and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 150
"""Columns of the printed table, on a terminal and in a file alike."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    value: float | None
    """None where it could not be measured; the note says why."""
    unit: str
    beside: str = ""
    """What it is compared with: another tool, or the limit."""
    other: float | None = None
    """The same measure of that, in the same unit."""
    ratio: float | None = None
    """How many times better than what stands beside it, or the share of the limit that is reached."""
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """What one part of the benchmark found."""

    rows: tuple[Row, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    """For the JSON file; names are unique over all parts."""


def print_table(parts: Mapping[str, Findings], machine: Mapping[str, str]) -> None:
    """Print one table, with a line between the parts, and the machine below it."""
    table = Table("what", "measured", "unit", "beside", "its", "ratio", "note", box=box.SIMPLE)
    for column in (1, 4, 5):
        table.columns[column].justify = "right"
    for found in parts.values():
        for row in found.rows:
            table.add_row(*_cells(row))
        table.add_section()
    console = Console(width=WIDTH)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()))


def _cells(row: Row) -> tuple[str, ...]:
    return (row.what, _number(row.value), row.unit, row.beside, _number(row.other), _number(row.ratio), row.note)


def _number(value: float | None) -> str:
    """Show three digits: no timing here is known to more."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_json(path: Path, parts: Mapping[str, Findings], **about: Mapping[str, Any]) -> None:
    """Write all figures and what is told about the run, such as its machine; a figure of a part not run is absent."""
    figures = {name: value for found in parts.values() for name, value in found.figures.items()}
    path.write_text(json.dumps({**figures, **about, "rows": _rows(parts)}, indent=2) + "\n", encoding="utf-8")


def _rows(parts: Mapping[str, Findings]) -> Sequence[dict[str, Any]]:
    return [{"part": part, **vars(row)} for part, found in parts.items() for row in found.rows]
