"""Control tissue of known score -> what it reads: the table of controls, and each of its slides measured.

The table is checked in full before any slide is opened. A control that cannot be read or judged is no error: it stands
among the controls with the reason, and the calibration made from them says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hetscore.batch.cases import COLUMNS as CASE_COLUMNS
from hetscore.batch.columns import choice
from hetscore.batch.table import Column, Faults, Row, read_rows
from hetscore.domain import Her2Score, MembraneClass, SlideInput, SlideResult, SlideRole
from hetscore.errors import SlideError
from hetscore.flags import FLAGS, Severity
from hetscore.intensity import Control
from hetscore.pipeline import Run, analyze_slide


@dataclass(frozen=True)
class ControlInput:
    """One control as named by the user."""

    name: str
    """Its slide as the table names it."""
    slide: SlideInput
    score: Her2Score


ControlDone = Callable[[Control], None]
"""Called after each control."""


def read_controls(path: Path) -> tuple[ControlInput, ...]:
    """Read a table of controls.

    Parameters
    ----------
    path : Path
        One row a slide; columns as in `COLUMNS`.

    Returns
    -------
    tuple of ControlInput
        In the order of the table.

    Raises
    ------
    UsageError
        With one line for each fault: a table that cannot be read or has no rows, an unknown or missing column, a cell
        that cannot be read, a slide that is no file or is named twice.
    """
    faults = Faults()
    rows = read_rows(path, COLUMNS, faults, one_row="control")
    found = [_make_control(path.parent, row) for row in rows if row.is_whole]
    _check_slides(found, [row.where for row in rows if row.is_whole], faults)
    faults.raise_any()
    return tuple(found)


def _make_control(folder: Path, row: Row) -> ControlInput:
    name = row.values["slide"]
    slide = SlideInput(folder / name, SlideRole.CONTROL, row.values.get("mpp"))
    return ControlInput(name, slide, row.values["score"])


def _check_slides(controls: Sequence[ControlInput], where: Sequence[str], faults: Faults) -> None:
    """Note slides that are not there, and slides named again, which would count twice."""
    first: dict[Path, str] = {}
    for control, here in zip(controls, where, strict=True):
        path = control.slide.path
        if not path.is_file():
            faults.add(here, f"slide {path} is not a file; expected a path relative to the table")
        elif (other := first.setdefault(path.resolve(), here)) != here:
            faults.add(here, f"slide {control.name} stands in {other} already; expected each once. Remove a row.")


def measure_controls(
    controls: Sequence[ControlInput], run: Run, done: ControlDone = lambda _control: None
) -> tuple[Control, ...]:
    """Measure controls one after another.

    Parameters
    ----------
    controls : sequence of ControlInput
        From `read_controls`.
    run : Run
        Settings, model and workers, without a calibration: controls are measured as they are.
    done : callable, optional
        Called after each control.

    Returns
    -------
    tuple of Control
        In the same order; a slide that cannot be read, must not be judged or was lost in part has a refusal.

    Raises
    ------
    ValueError
        If `run` has an intensity calibration.
    """
    if run.calibration is not None:
        raise ValueError(f"controls are measured without a calibration, not with {run.calibration.id}")
    cv2.setNumThreads(1)  # as in `score_case`: the workers are the parallelism
    measured = []
    for control in controls:
        measured.append(_measure(control, run))
        done(measured[-1])
    return tuple(measured)


def _measure(control: ControlInput, run: Run) -> Control:
    try:
        result = analyze_slide(control.slide, run)
    except SlideError as error:
        return Control(control.name, control.score, refusal=str(error))
    cells = result.cells
    od = cells.membrane_od[cells.is_tumor & (cells.membrane_class != MembraneClass.UNSCORED)]
    return Control(
        slide=control.name,
        score=control.score,
        n_cells=len(od),
        median_od=round(float(np.median(od)), 4) if len(od) else None,
        mpp=result.info.mpp,
        refusal=_find_refusal(result),
    )


def _find_refusal(result: SlideResult) -> str | None:
    """Say why a slide that could be opened is no whole control."""
    blocking = [FLAGS[name].text for name in result.flags if FLAGS[name].severity is Severity.BLOCKING]
    if blocking:
        seen = " ".join(blocking).removesuffix(".")
        return f"{seen}; expected a whole HER2 IHC slide with tissue. Choose another control."
    if result.failed_tiles:
        return f"{len(result.failed_tiles)} of its tiles could not be read; expected a whole slide. Scan it anew."
    return None


def _read_score(text: str) -> Her2Score:
    """Read a score; spreadsheets drop the plus sign."""
    return Her2Score(int(choice("0", "1+", "2+", "3+", "1", "2", "3")(text).removesuffix("+")))


COLUMNS = (
    Column("slide", str, "The slide of the control, relative to the table.", is_required=True),
    Column("score", _read_score, "Its known score: 0, 1+, 2+ or 3+.", is_required=True),
    *(column for column in CASE_COLUMNS if column.name == "mpp"),
)
"""The table of controls, one row a slide: every column it may have."""
