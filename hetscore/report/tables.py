"""Tables: fragments.csv of a case; cases.csv, cases.parquet and failures.csv of a run.

Columns are fields of frozen records, in order; an empty field means "not known" or "does not apply", never 0. A case's
row is made from case.json alone, so a run's table can be made again from its cases.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from hetscore.domain import CaseResult, Fragment, FragmentRole, FragmentScore
from hetscore.report.document import (
    AREA_DECIMALS,
    OD_DECIMALS,
    PERCENT_DECIMALS,
    POSITION_DECIMALS,
    WIDTH_DECIMALS,
    CaseDocument,
)
from hetscore.report.reading import read_validated

FRAGMENTS_FILE = "fragments.csv"


@dataclass(frozen=True, kw_only=True)
class FragmentRow:
    """One row of fragments.csv. Counts are empty for controls and excluded pieces: they are not scored."""

    slide: str
    fragment: int
    role: str = FragmentRole.SAMPLE.value
    excluded_because: str = ""
    level: int = 1
    piece: int | None = None
    """Number of the first section of the same biopsy piece; its own where there are no levels."""
    area_mm2: float | None = None
    cells: int | None = None
    tumor_cells: int | None = None
    unscored: int | None = None
    class_0: int | None = None
    class_1plus: int | None = None
    class_2plus: int | None = None
    class_3plus: int | None = None
    percent_2plus_or_3plus: float | None = None
    """Of the scored tumor cells."""
    score: str = ""
    assessable: bool | None = None
    rule: str = ""
    """Name of the row of the guideline that decided."""
    rule_text: str = ""
    largest_cluster_1plus: int | None = None
    largest_cluster_2plus: int | None = None
    largest_cluster_3plus: int | None = None
    largest_negative_cluster: int | None = None
    membrane_od: float | None = None
    cytoplasm_od: float | None = None
    nucleus_od: float | None = None
    residual_od: float | None = None
    """Mean DAB density of the scored tumor cells by compartment, and what neither stain explains over the nucleus."""
    translocation_index: float | None = None
    """Share of the nucleus in nucleus, membrane and cytoplasm together."""
    membrane_width_um: float | None = None
    membrane_seen_at: str = ""
    """Objectives at which a line of that width is seen."""
    x: float | None = None
    y: float | None = None
    """Middle of the fragment's bounds, level-0 pixels."""
    flags: str = ""
    """Names, separated by spaces."""

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Scored tumor cells of class 0, 1+, 2+, 3+."""
        return (self.class_0 or 0, self.class_1plus or 0, self.class_2plus or 0, self.class_3plus or 0)


@dataclass(frozen=True, kw_only=True)
class CaseRow:
    """One row of cases.csv."""

    case_id: str
    label: str
    literal_label: str
    provisional: bool
    ihc_score: str | None
    ish: str
    status: str
    fragments: int
    fragments_with_tumor: int
    tumor_cells: int
    unscored: int
    percent_overexpressed: float | None
    """2+ or 3+, of the scored tumor cells of voting fragments; None without any."""
    largest_negative_cluster: int | None
    pattern: str | None
    """How overexpressing and other tumor cells are mixed; None where heterogeneity is not asked of the case."""
    h_score: float | None
    """0 to 300; None where no fragment votes."""
    flags: str
    """Names, separated by spaces."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One row of failures.csv: something that could not be scored."""

    what: str
    """What failed: case, slide or tile."""
    case_id: str
    slide: str
    """File of the slide; empty where the whole case failed."""
    reason: str


def write(result: CaseResult, folder: Path) -> tuple[Path, ...]:
    """Write fragments.csv.

    Parameters
    ----------
    result : CaseResult
        The case.
    folder : Path
        Existing folder of the case.

    Returns
    -------
    tuple of Path
        The file; without fragments it holds the header alone.
    """
    path = folder / FRAGMENTS_FILE
    _write_csv(fragment_rows(result), FragmentRow, path)
    return (path,)


def fragment_rows(result: CaseResult) -> tuple[FragmentRow, ...]:
    """Join what was seen of each fragment with its score, controls and excluded pieces included, by fragment id."""
    pieces = {fragment.id: fragment for slide in result.slides for fragment in slide.fragments}
    scores = {score.fragment: score for score in result.score.fragments}
    return tuple(_fragment_row(pieces.get(key), scores.get(key)) for key in sorted({*pieces, *scores}))


def read_fragment_rows(path: Path) -> tuple[FragmentRow, ...]:
    """Read a fragments.csv.

    Raises
    ------
    UsageError
        If the file is absent, or a field is not what its column holds.
    """

    def read(data: bytes) -> tuple[FragmentRow, ...]:
        lines = csv.DictReader(StringIO(data.decode("utf-8"), newline=""))
        known = [{key: value for key, value in row.items() if value != ""} for row in lines]
        return TypeAdapter(tuple[FragmentRow, ...]).validate_python(known)

    return read_validated(path, read)


def case_row(document: CaseDocument) -> CaseRow:
    """Make a case's row of cases.csv from its case.json."""
    by_class, mixed = document.cells.by_class, document.heterogeneity
    return CaseRow(
        case_id=document.case_id,
        label=document.label,
        literal_label=document.literal_label,
        provisional=document.provisional,
        ihc_score=document.her2.ihc_score,
        ish=document.her2.ish,
        status=document.her2.status,
        fragments=document.fragments.total,
        fragments_with_tumor=document.fragments.with_tumor,
        tumor_cells=document.cells.tumor,
        unscored=document.cells.unscored,
        percent_overexpressed=_percent(by_class["2+"] + by_class["3+"], sum(by_class.values())),
        largest_negative_cluster=document.evidence.largest_negative_cluster,
        pattern=mixed.pattern.value if mixed and mixed.pattern else None,
        h_score=mixed.indices.h_score if mixed and mixed.indices else None,
        flags=" ".join(document.flags),
        reason=document.reason,
    )


def write_cases_csv(rows: Sequence[CaseRow], path: Path) -> tuple[Path, Path]:
    """Write cases.csv, and the same table as Parquet beside it.

    Parameters
    ----------
    rows : sequence of CaseRow
        One a case, in the order they shall stand.
    path : Path
        The CSV file; the Parquet file has the same name with the suffix ``.parquet``.

    Returns
    -------
    tuple of Path
        The CSV file, the Parquet file.
    """
    _write_csv(rows, CaseRow, path)
    beside = path.with_suffix(".parquet")
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema=_arrow_schema()), beside)
    return path, beside


def write_failures_csv(rows: Sequence[Failure], path: Path) -> Path:
    """Write failures.csv; without failures it holds the header alone."""
    _write_csv(rows, Failure, path)
    return path


def _fragment_row(piece: Fragment | None, score: FragmentScore | None) -> FragmentRow:
    """Make one row from the piece of tissue, from its score, or from both."""
    known: dict[str, Any] = {}
    if score is not None:
        known |= _score_columns(score)
    if piece is not None:
        known |= _piece_columns(piece)
    return FragmentRow(**known)


def _piece_columns(piece: Fragment) -> dict[str, Any]:
    box = piece.bounds
    return {
        "slide": piece.slide,
        "fragment": piece.id,
        "role": piece.role.value,
        # a control that a person drew has a reason too, but is not excluded
        "excluded_because": (piece.reason or "") if piece.role is FragmentRole.EXCLUDED else "",
        "level": piece.level,
        "piece": piece.piece,
        "area_mm2": round(piece.area_mm2, AREA_DECIMALS),
        "x": round(box.x + box.width / 2, POSITION_DECIMALS),
        "y": round(box.y + box.height / 2, POSITION_DECIMALS),
    }


def _score_columns(score: FragmentScore) -> dict[str, Any]:
    none, faint, moderate, strong = score.counts
    return {
        "slide": score.slide,
        "fragment": score.fragment,
        "area_mm2": round(score.area_mm2, AREA_DECIMALS),
        "cells": score.n_cells,
        "tumor_cells": score.n_tumor,
        "unscored": score.n_unscored,
        "class_0": none,
        "class_1plus": faint,
        "class_2plus": moderate,
        "class_3plus": strong,
        "percent_2plus_or_3plus": _percent(score.n_overexpressed, sum(score.counts)),
        "score": "" if score.score is None else score.score.label,
        "assessable": score.is_assessable,
        "rule": score.decision.rule,
        "rule_text": score.decision.text,
        "largest_cluster_1plus": score.largest_cluster[0],
        "largest_cluster_2plus": score.largest_cluster[1],
        "largest_cluster_3plus": score.largest_cluster[2],
        "largest_negative_cluster": max((c.n_cells for c in score.negative_clusters), default=0),
        **_compartment_columns(score),
        "flags": " ".join(score.flags),
    }


def _compartment_columns(score: FragmentScore) -> dict[str, Any]:
    """Columns that describe where the stain lies; none of them is part of the score."""
    columns: dict[str, Any] = {}
    if score.compartments is not None:
        names = ("membrane_od", "cytoplasm_od", "nucleus_od", "residual_od", "translocation_index")
        columns = {name: round(getattr(score.compartments, name), OD_DECIMALS) for name in names}
    if score.membrane_width_um is not None:
        columns["membrane_width_um"] = round(score.membrane_width_um, WIDTH_DECIMALS)
    return columns | {"membrane_seen_at": score.magnification.value if score.magnification else ""}


def _percent(part: int, whole: int) -> float | None:
    """Percent, or None where there is nothing to take a share of.

    A share below one is never shown as 100 and one above zero never as 0: the whole question is whether all cells
    overexpress.
    """
    if whole == 0:
        return None
    step = 10**-PERCENT_DECIMALS
    rounded = round(100 * part / whole, PERCENT_DECIMALS)
    if 0 < part < whole:
        rounded = round(min(max(rounded, step), 100 - step), PERCENT_DECIMALS)
    return rounded


def _write_csv(rows: Iterable[Any], record: type[Any], path: Path) -> None:
    names = [field.name for field in fields(record)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_cell_text(getattr(row, name)) for name in names] for row in rows)


def _cell_text(value: object) -> str:
    """Write one field: empty for None, true or false as in JSON."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _arrow_schema() -> Any:  # noqa: ANN401 - pyarrow is untyped
    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    return pa.schema([(field.name, types[str(field.type).removesuffix(" | None")]) for field in fields(CaseRow)])
