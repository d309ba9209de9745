"""Reading files that programs wrote: CSV, JSON and Parquet, where any fault is told in one line with the remedy."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from hetscore.domain import MembraneClass
from hetscore.errors import UsageError


def read_csv(path: Path, required: Sequence[str], remedy: str) -> list[dict[str, str]]:
    """Read the rows of a CSV file; columns that nobody asked for are kept.

    Parameters
    ----------
    path : Path
        Comma-separated UTF-8 text with a header.
    required : sequence of str
        Columns that must stand in the header.
    remedy : str
        What to do about a fault.

    Returns
    -------
    list of dict
        One a row, in order; a cell that is absent is an empty text.

    Raises
    ------
    UsageError
        If the file is absent, not such a table, or lacks a column.
    """
    check_file(path, remedy)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            header = reader.fieldnames or []
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: not a readable table ({error}); expected comma-separated text. {remedy}") from None
    check_columns(path, header, required, remedy)
    return rows


def read_json(path: Path, remedy: str) -> Any:  # noqa: ANN401 - JSON holds any plain value
    """Read a JSON file; UsageError if it is absent or no JSON."""
    check_file(path, remedy)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{path}: not readable ({error}); expected JSON. {remedy}") from None


def read_parquet(
    path: Path,
    required: Sequence[str],
    remedy: str,
    optional: Sequence[str] = (),
    nullable: Sequence[str] = (),
) -> dict[str, NDArray[Any]]:
    """Read columns of a Parquet file.

    Parameters
    ----------
    path : Path
        The file; further columns are not read.
    required, optional : sequence of str
        Columns that must, and that may, be there.
    remedy : str
        What to do about a fault.
    nullable : sequence of str
        Columns that must be there and may have empty cells.

    Returns
    -------
    dict of ndarray
        The columns that are there, text and bytes as objects.

    Raises
    ------
    UsageError
        If the file is absent, no Parquet, lacks a column, or a required column has an empty cell.
    """
    check_file(path, remedy)
    try:
        names = pq.read_schema(path).names
        check_columns(path, names, [*required, *nullable], remedy)
        table = pq.read_table(path, columns=[*required, *nullable, *(name for name in optional if name in names)])
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{path}: not readable ({error}); expected a Parquet file. {remedy}") from None
    for name in required:
        if table[name].null_count:
            n_empty = table[name].null_count
            raise UsageError(f"{path}: column {name} has {n_empty} empty cells; expected a value in each. {remedy}")
    return {name: np.asarray(table[name].to_numpy()) for name in table.column_names}


def check_cells(path: Path, columns: Mapping[str, NDArray[Any]], remedy: str) -> None:
    """Raise UsageError naming the first place, class or probability of a table of cells that cannot be."""
    classes, p_tumor = columns["membrane_class"], columns.get("p_tumor", np.zeros(0))
    rules = (
        ("membrane_class", classes, np.isin(classes, list(MembraneClass)), "-1, 0, 1, 2 or 3"),
        ("x", columns["x"], np.isfinite(columns["x"]), "level-0 pixels"),
        ("y", columns["y"], np.isfinite(columns["y"]), "level-0 pixels"),
        ("p_tumor", p_tumor, (p_tumor >= 0) & (p_tumor <= 1), "0 to 1"),
    )
    for name, column, is_good, expected in rules:
        if not is_good.all():
            raise UsageError(f"{path}: {name} {column[~is_good][0]}; expected {expected}. {remedy}")


def as_polygons(path: Path, wkb: NDArray[Any], remedy: str) -> NDArray[np.object_]:
    """Turn a column of WKB into valid shapes, None where a cell is empty; UsageError if it holds anything else."""
    try:
        shapes = shapely.from_wkb(wkb.astype(object))
    except (TypeError, shapely.GEOSException) as error:
        seen = str(error).splitlines()[0]
        raise UsageError(f"{path}: outlines are not readable ({seen}); expected WKB polygons. {remedy}") from None
    shapes = np.where(shapely.is_valid(shapes), shapes, shapely.make_valid(shapes))
    polygons: NDArray[np.object_] = shapes
    return polygons


def check_file(path: Path, remedy: str) -> None:
    """Raise UsageError if there is no such file."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; expected one. {remedy}")


def check_columns(path: Path, seen: Sequence[str], required: Sequence[str], remedy: str) -> None:
    """Raise UsageError naming the columns that are not there."""
    missing = [name for name in required if name not in seen]
    if missing:
        expected = f"expected the columns {', '.join(required)}"
        raise UsageError(f"{path}: there is no column {', '.join(missing)}; {expected}. {remedy}")
