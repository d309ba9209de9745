"""Stage 8: a case's result -> files, one module a format.

An exporter is a module with ``write(result, folder) -> paths``; it reads no slide and decides nothing. To add one,
write the module and add a line to `EXPORTERS`: the conformance tests then hold it to the same promises as the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from hetscore.domain import CaseResult
from hetscore.errors import UsageError

EXPORTERS: dict[str, tuple[str, str]] = {
    "csv": ("hetscore.report.tables", "fragments.csv, one row a fragment"),
    "parquet": ("hetscore.report.cells_parquet", "cells.parquet, one row a cell, outlines as GeoParquet"),
    "qupath": ("hetscore.report.qupath", "<slide>.geojson.gz, fragments and cells for QuPath"),
    "survey": ("hetscore.report.survey", "survey/, from which hetscore rescore scores again without a pixel"),
    "html": ("hetscore.report.html", "report.html and its pictures, to be read by a pathologist"),
    "json": ("hetscore.report.case_json", "case.json, the record of truth"),
}
"""Format -> (module, what it writes). Files are written in this order: where case.json stands, the others are whole."""


def write_case(result: CaseResult, folder: Path, formats: Sequence[str]) -> tuple[Path, ...]:
    """Write the files of one case.

    Parameters
    ----------
    result : CaseResult
        Everything known of the case.
    folder : Path
        Folder of the case, ``DIR/cases/<case_id>``; made if absent.
    formats : sequence of str
        Names in `EXPORTERS`; their order and repetition do not matter.

    Returns
    -------
    tuple of Path
        The files written, in the order of `EXPORTERS`.

    Raises
    ------
    UsageError
        If a format is unknown; then nothing is written.
    """
    unknown = sorted(set(formats) - set(EXPORTERS))
    if unknown:
        raise UsageError(f"formats: {', '.join(unknown)}; expected some of {', '.join(EXPORTERS)}. Correct the name.")
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(path for name in EXPORTERS if name in formats for path in _writer(name)(result, folder))


def _writer(name: str) -> Callable[[CaseResult, Path], tuple[Path, ...]]:
    writer: Callable[[CaseResult, Path], tuple[Path, ...]] = import_module(EXPORTERS[name][0]).write
    return writer
