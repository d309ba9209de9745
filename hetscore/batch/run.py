"""A run: cases in, one folder of results out, and a record of whatever could not be scored.

One bad slide never stops the others. Tables are written anew after every case, so a run that is cut off leaves what it
had. The log is one JSON object a line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import structlog

from hetscore import __version__
from hetscore.domain import CaseInput, MppSource, SlideInput
from hetscore.errors import HetscoreError, UsageError
from hetscore.pipeline import Run, ScoredCase, score_case
from hetscore.report import EXPORTERS, write_case
from hetscore.report.case_json import case_document
from hetscore.report.tables import CaseRow, Failure, case_row, write_cases_csv, write_failures_csv
from hetscore.scoring.guidelines import GUIDELINES, Guideline
from hetscore.segmenters import Segmenter
from hetscore.slides.resolution import check_given_mpp

LOG_FILE = "run.log"
RUN_FILE = "run.json"


@dataclass
class Outcome:
    """What a run has brought so far."""

    rows: list[CaseRow] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    reports: list[Path] = field(default_factory=list)
    n_done: int = 0
    """Cases scored or failed."""
    sha256: dict[Path, str] = field(default_factory=dict)
    """Of each slide scored, by its path as given."""

    @property
    def is_complete(self) -> bool:
        """Whether everything could be scored."""
        return not self.failures


Scorer = Callable[[CaseInput], ScoredCase]
"""Scores one case."""
CaseDone = Callable[[CaseInput, ScoredCase | None], None]
"""Called after each case."""


def run_cases(
    cases: Sequence[CaseInput],
    out: Path,
    run: Run,
    done: CaseDone = lambda _case, _scored: None,
    score: Scorer | None = None,
) -> Outcome:
    """Score cases one after another and write their results.

    Parameters
    ----------
    cases : sequence of CaseInput
        From `find_cases`.
    out : Path
        Folder for the results, see `prepare_folder`.
    run : Run
        Settings, model and workers.
    done : callable, optional
        Called after each case.
    score : callable, optional
        Scores a case in place of `score_case`, as where its cells were found long ago.

    Returns
    -------
    Outcome
        Rows of the table, failures and the reports' paths.

    Raises
    ------
    UsageError
        If the microns per pixel given are absurd, a case is not of the guideline's specimen and organ, or `out` holds
        something else or cannot be written; nothing was scored then.
    """
    check_given_mpp(run.settings.mpp, MppSource.COMMAND_LINE)
    check_guideline(cases, GUIDELINES[run.settings.guideline])
    prepare_folder(out)
    outcome = Outcome()
    started = datetime.now(UTC)
    with (out / LOG_FILE).open("w", encoding="utf-8") as file:
        log = _open_log(file)
        log.info("run started", cases=len(cases), hetscore=__version__, model=run.model.name, workers=run.workers)
        _write_state(out, cases, run, outcome, started)
        try:
            for case in cases:
                bound = log.bind(case_id=case.case_id)
                done(case, _run_case(case, out, score or _make_scorer(run, bound), outcome, bound))
                outcome.n_done += 1
                _write_state(out, cases, run, outcome, started)
        finally:
            state = "complete" if outcome.n_done == len(cases) else "interrupted"
            _write_state(out, cases, run, outcome, started, state)
            log.info("run ended", state=state, scored=len(outcome.rows), failures=len(outcome.failures))
    return outcome


def check_guideline(cases: Sequence[CaseInput], guideline: Guideline) -> None:
    """Check that the guideline is made for the cases; one that does not say what it is fits any.

    Parameters
    ----------
    cases : sequence of CaseInput
        With specimen and organ as far as they were given.
    guideline : Guideline
        By which all of them would be scored.

    Raises
    ------
    UsageError
        With one line for each case of another specimen or organ.
    """
    misfits = [line for case in cases if (line := _misfit(case, guideline))]
    if misfits:
        raise UsageError("\n".join(misfits))


def _misfit(case: CaseInput, guideline: Guideline) -> str | None:
    """Say how a case differs from what the guideline is for, and which guideline fits it."""
    pairs = (("specimen", case.specimen, guideline.specimen), ("organ", case.organ, guideline.organ))
    differing = [(name, given, meant) for name, given, meant in pairs if None not in (given, meant) and given != meant]
    if not differing:
        return None
    seen = ", ".join(f"{name} {given}" for name, given, _ in differing)
    meant = ", ".join(str(meant) for _, _, meant in differing)
    specimen, organ = case.specimen or guideline.specimen, case.organ or guideline.organ
    fitting = next(g.name for g in GUIDELINES.values() if g.organ == organ and g.specimen in (None, specimen))
    remedy = f"Pass --guideline {fitting} or correct the cases table."
    return f"case {case.case_id}: {seen}; guideline {guideline.name} is for {meant}. {remedy}"


def prepare_folder(out: Path) -> None:
    """Make the folder for the results.

    Raises
    ------
    UsageError
        If it is a file, holds anything, or cannot be written: results of two runs never mix.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: a file; expected a folder for the results. Choose another --out.")
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out}: holds other files; expected a new or empty folder. Choose another --out or empty it.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{out}: cannot be made ({error.strerror}); expected a writable place. Choose another --out."
        raise UsageError(msg) from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"{out}: cannot be written; expected a writable folder. Choose another --out.")


def _open_log(file: TextIO) -> Any:  # noqa: ANN401 - structlog's loggers are built at run time
    return structlog.wrap_logger(
        structlog.WriteLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )


def _run_case(
    case: CaseInput,
    out: Path,
    score: Scorer,
    outcome: Outcome,
    log: Any,  # noqa: ANN401
) -> ScoredCase | None:
    """Score and write one case; whatever fails becomes a row of `outcome.failures`."""
    log.info("case started", slides=[str(slide.path) for slide in case.slides])
    try:
        scored = score(case)
        reports = _write(scored, out / "cases" / case.case_id)
    except HetscoreError as error:
        log.error("case failed", reason=str(error))
        outcome.failures.append(Failure(what="case", case_id=case.case_id, slide="", reason=str(error)))
        return None
    except Exception as error:
        log.exception("case failed")
        reason = f"unexpected {type(error).__name__}: {error}; see {LOG_FILE}"
        outcome.failures.append(Failure(what="case", case_id=case.case_id, slide="", reason=reason))
        return None
    if scored.result is None and not scored.failed_slides:
        reason = "no slide with the role her2; expected at least one. Correct the role column of the cases table."
        outcome.failures.append(Failure(what="case", case_id=case.case_id, slide="", reason=reason))
    for slide, reason in scored.failed_slides:
        log.error("slide failed", slide=str(slide.path), reason=reason)
        outcome.failures.append(Failure(what="slide", case_id=case.case_id, slide=str(slide.path), reason=reason))
    if scored.result is not None:
        outcome.rows.append(case_row(case_document(scored.result)))
        outcome.reports += [path for path in reports if path.suffix == ".html"]
        outcome.failures += _failed_tiles(case, scored)
        outcome.sha256 |= {slide.info.path: slide.sha256 for slide in scored.result.slides}
        log.info("case scored", label=scored.result.score.label.value, reason=scored.result.score.reason)
    return scored


def _make_scorer(run: Run, log: Any) -> Scorer:  # noqa: ANN401
    return lambda case: score_case(case, _logging(run, log))


def _logging(run: Run, log: Any) -> Run:  # noqa: ANN401
    """Make a run that also logs when a slide's tiles are planned and when they are done."""

    def progress(what: str, done: int, total: int) -> None:
        if done in (0, total):
            log.info("tiles", slide=what, done=done, total=total)
        run.progress(what, done, total)

    return run.with_progress(progress)


def _write(scored: ScoredCase, folder: Path) -> tuple[Path, ...]:
    if scored.result is None:
        return ()
    folder.mkdir(parents=True)
    return write_case(scored.result, folder, tuple(EXPORTERS))


def _failed_tiles(case: CaseInput, scored: ScoredCase) -> list[Failure]:
    slides = scored.result.slides if scored.result else ()
    return [
        Failure(what="tile", case_id=case.case_id, slide=str(slide.info.path), reason=reason)
        for slide in slides
        for reason in slide.failed_tiles
    ]


def _write_state(
    out: Path, cases: Sequence[CaseInput], run: Run, outcome: Outcome, started: datetime, state: str = "running"
) -> None:
    """Write the tables and run.json as they stand."""
    write_cases_csv(outcome.rows, out / "cases.csv")
    write_failures_csv(outcome.failures, out / "failures.csv")
    record = {
        "schema": "hetscore/run/1",
        "state": state,
        "hetscore_version": __version__,
        "started": started.isoformat(timespec="seconds"),
        "updated": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": _find_device(run),
        "workers": run.workers,
        "model": {"name": run.model.name, "sha256": run.model.sha256, "calibration": run.calibration_id},
        "intensity": _describe_intensity(run),
        "errors": _describe_errors(run),
        "settings": run.settings.as_dict(),
        "cases": [_describe_case(case, outcome.sha256) for case in cases],
        "n_scored": len(outcome.rows),
        "failures": [vars(failure) for failure in outcome.failures],
    }
    (out / RUN_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _find_device(run: Run) -> str | None:
    """Name what finds the cells of this run; None before the first case, and where stored cells are scored again."""
    segmenter: Segmenter | None = vars(run).get("segmenter")  # made by whoever needs it first, never only to be asked
    return None if segmenter is None else segmenter.device


def _describe_intensity(run: Run) -> dict[str, Any] | None:
    """Put the numbers of the site's intensity calibration beside its name: the file may change later."""
    if run.stored is not None:
        return None if run.stored.intensity is None else dict(run.stored.intensity)
    found = run.calibration
    if found is None:
        return None
    return {"id": found.id, "dab_scale": found.dab_scale, "problems": list(found.problems)}


def _describe_errors(run: Run) -> dict[str, Any] | None:
    """Name the error model and its file, with the hash by which it is known again."""
    if run.errors is None or run.error_source is None:
        return None
    return {"id": run.errors.id, "path": str(run.error_source.path), "sha256": run.error_source.sha256}


def _describe_case(case: CaseInput, sha256: Mapping[Path, str]) -> dict[str, Any]:
    """Put everything that was given of a case into an entry of run.json."""
    return {
        "case_id": case.case_id,
        "specimen": case.specimen,
        "organ": case.organ,
        "timepoint": case.timepoint,
        "ish": asdict(case.ish),
        "answers": [asdict(answer) for answer in case.answers],
        "slides": [_describe_slide(slide, sha256.get(slide.path)) for slide in case.slides],
    }


def _describe_slide(slide: SlideInput, sha256: str | None) -> dict[str, Any]:
    """Describe a slide as given; the hash is known once it was scored."""
    return {
        "path": str(slide.path),
        "role": slide.role.value,
        "mpp": slide.mpp,
        "annotations": str(slide.annotations) if slide.annotations else None,
        "level_group": slide.level_group,
        "sha256": sha256,
    }
