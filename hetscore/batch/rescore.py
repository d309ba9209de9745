"""Results and what was drawn since -> new results, without a slide being read or a cell looked for.

Every case is decided again from its stored cells by the same function that scored it, so a case of which nothing was
changed comes out as it was. The new folder is whole: it can be corrected again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from hetscore import __version__
from hetscore.annotations import check_place, read_annotations
from hetscore.batch.cases import find_cases, has_column
from hetscore.batch.run import RUN_FILE, CaseDone, Outcome, run_cases
from hetscore.config import Model, Settings, load_settings
from hetscore.domain import Annotations, CaseInput, CaseResult, Provenance, SlideInput, SlideResult, SlideRole
from hetscore.errors import SlideError, UsageError
from hetscore.pipeline import Run, ScoredCase, conclude_case, correct_slide, find_next_id
from hetscore.report.case_json import CASE_FILE, read_case_json
from hetscore.report.reading import read_validated
from hetscore.report.survey import read_slides
from hetscore.report.tables import Failure


@dataclass(frozen=True)
class ModelName:
    """Which model found the cells."""

    name: str
    sha256: str
    calibration: str
    """Names of the calibrations behind a class."""


@dataclass(frozen=True)
class ErrorsName:
    """Which error model the labels rest on."""

    id: str
    path: str
    sha256: str


@dataclass(frozen=True)
class StoredRun:
    """What run.json tells of a run: enough to decide its cases again."""

    settings: Mapping[str, Any]
    model: ModelName
    cases: tuple[CaseInput, ...]
    failures: tuple[Failure, ...]
    intensity: Mapping[str, Any] | None = None
    """The entry of the site's stain, handed on as it stands."""
    errors: ErrorsName | None = None
    """None where nobody counted them, or the record is older than this entry."""


Drawn = Mapping[tuple[str, str], Path | None]
"""By case and name of the slide's file: the file that holds what is drawn on it now, None for nothing. A slide that is
not named keeps what was drawn before."""


def read_run(results: Path) -> StoredRun:
    """Read the record of a run.

    Parameters
    ----------
    results : Path
        Folder written by ``hetscore score`` or ``hetscore rescore``.

    Returns
    -------
    StoredRun
        With all of its cases, those that failed too.

    Raises
    ------
    UsageError
        If the folder holds no run.json or another version's.
    """
    if not results.is_dir():
        raise UsageError(f"{results}: no such folder; expected results of hetscore score. Check the path.")
    return read_validated(results / RUN_FILE, TypeAdapter(StoredRun).validate_json)


def restore_settings(results: Path, stored: StoredRun) -> Settings:
    """Give the settings of the run.

    Parameters
    ----------
    results : Path
        Folder of the run.
    stored : StoredRun
        What is recorded of it.

    Returns
    -------
    Settings
        As they were.

    Raises
    ------
    UsageError
        If they are not those of this version.
    """
    try:
        return load_settings(**stored.settings)
    except UsageError as error:
        seen = f"{results / RUN_FILE}: settings of another version ({str(error).removeprefix('command line: ')})"
        raise UsageError(f"{seen}; expected those of this one. Score the slides again.") from None


def check_model(stored: StoredRun, model: Model) -> None:
    """Refuse a model that is not the one that found the cells.

    Raises
    ------
    UsageError
        If its card was changed since.
    """
    if model.sha256 != stored.model.sha256:
        seen = f"model {model.name}: its card is {model.sha256[:12]}"
        raise UsageError(f"{seen}; expected {stored.model.sha256[:12]}, which found the cells. Score the slides again.")


def check_errors(stored: StoredRun, run: Run) -> None:
    """Refuse a site's error model that is not the one that the labels rest on.

    Parameters
    ----------
    stored : StoredRun
        What is recorded of the run.
    run : Run
        With the errors as they stand now.

    Raises
    ------
    UsageError
        If the file that the settings name was changed since. One that comes with the model may be newer, as the rules.
    """
    if run.settings.errors is None or stored.errors is None or run.error_source is None:
        return
    found, meant = run.error_source, stored.errors
    if found.sha256 != meant.sha256:
        said = f"{found.path}: changed since the slides were scored (sha256 {found.sha256[:12]})"
        raise UsageError(f"{said}; expected {meant.sha256[:12]}. Put the file of then back, or score the slides again.")


def name_drawings(cases: Sequence[CaseInput], files: Sequence[Path]) -> dict[tuple[str, str], Path | None]:
    """Find the slide that each file was drawn on, by its name.

    Parameters
    ----------
    cases : sequence of CaseInput
        The cases of the run.
    files : sequence of Path
        Named after a slide, as exported: ``<slide>.tif.geojson.gz``, or with any of these endings left out. Where the
        run has one slide, one file may have any name.

    Returns
    -------
    dict
        As `Drawn`.

    Raises
    ------
    UsageError
        If a file cannot be read, is named after no slide or after several, or two are named after one.
    """
    slides = [(case.case_id, slide.path) for case in cases for slide in case.slides if slide.role is SlideRole.HER2]
    drawn: dict[tuple[str, str], Path | None] = {}
    for file in files:
        read_annotations(file)
        fitting = slides if len(slides) == 1 else [s for s in slides if _bare_name(file) in (s[1].name, s[1].stem)]
        if len(fitting) != 1:
            seen = f"{file}: named after {len(fitting)} of {len(slides)} slides"
            remedy = "Name it <slide>.geojson, or give a table with --cases."
            raise UsageError(f"{seen}; expected one of the slides of the results. {remedy}")
        case_id, path = fitting[0]
        if (case_id, path.name) in drawn:
            raise UsageError(f"{file}: the second file for slide {path.name}; expected one. Join them in QuPath.")
        drawn[case_id, path.name] = file
    return drawn


def _bare_name(file: Path) -> str:
    return file.name.removesuffix(".gz").removesuffix(".json").removesuffix(".geojson")


def apply_table(cases: Sequence[CaseInput], table: Path) -> tuple[tuple[CaseInput, ...], Drawn]:
    """Take annotations and all that is known of a case from a cases table.

    Parameters
    ----------
    cases : sequence of CaseInput
        The cases of the run.
    table : Path
        As for ``hetscore score``; cases that it does not name stay as they are, and slides need not be at hand.

    Returns
    -------
    tuple of CaseInput
        In the order of the run.
    dict
        As `Drawn`, for each HER2 slide of the table; empty where it has no column for it, which says nothing.

    Raises
    ------
    UsageError
        If the table is faulty, or names a case, or other slides of a case, than were scored.
    """
    given = {case.case_id: case for case in find_cases([table], need_slides=False)}
    known = {case.case_id: case for case in cases}
    for case_id, case in given.items():
        seen, expected = _slide_names(case), _slide_names(known[case_id]) if case_id in known else []
        if seen != expected:
            said = f"case {case_id} has the slides {', '.join(seen)}"
            wanted = ", ".join(expected) or "a case of the results"
            raise UsageError(f"{table}: {said}; expected {wanted}. Score new slides with hetscore score.")
    if not has_column(table, "annotations"):
        given = {case_id: _keep_drawings(case, known[case_id]) for case_id, case in given.items()}
        return _replace_cases(cases, given), {}
    drawn = {
        (case.case_id, slide.path.name): slide.annotations
        for case in given.values()
        for slide in case.slides
        if slide.role is SlideRole.HER2
    }
    return _replace_cases(cases, given), drawn


def _replace_cases(cases: Sequence[CaseInput], given: Mapping[str, CaseInput]) -> tuple[CaseInput, ...]:
    """Put what is given in the places of the cases; a reviewer's answers stand."""
    return tuple(replace(given.get(case.case_id, case), answers=case.answers) for case in cases)


def _keep_drawings(case: CaseInput, known: CaseInput) -> CaseInput:
    """Give the slides of a case the files of annotations that they had, those of H&E slides too."""
    before = {slide.path.name: slide.annotations for slide in known.slides}
    slides = tuple(replace(slide, annotations=before.get(slide.path.name)) for slide in case.slides)
    return replace(case, slides=slides)


def _slide_names(case: CaseInput) -> list[str]:
    return sorted(slide.path.name for slide in case.slides if slide.role is SlideRole.HER2)


def rescore_cases(
    results: Path,
    cases: Sequence[CaseInput],
    drawn: Drawn,
    out: Path,
    run: Run,
    done: CaseDone = lambda _case, _scored: None,
) -> Outcome:
    """Decide all cases of a run again and write whole new results.

    Parameters
    ----------
    results : Path
        Folder of the run, left as it is.
    cases : sequence of CaseInput
        Its cases, with what is known of them now.
    drawn : Drawn
        What is drawn now.
    out : Path
        New folder.
    run : Run
        With the settings and the model of the run; its segmenter is not made.
    done : callable, optional
        Called after each case.

    Returns
    -------
    Outcome
        As of `run_cases`; what failed before fails again, with the same reason.

    Raises
    ------
    UsageError
        As of `run_cases`.
    """
    failures = read_run(results).failures
    updated = [_with_drawings(case, drawn) for case in cases]
    return run_cases(updated, out, run, done, lambda case: rescore_case(results, case, drawn, failures, run))


def _with_drawings(case: CaseInput, drawn: Drawn) -> CaseInput:
    slides = [replace(s, annotations=drawn.get((case.case_id, s.path.name), s.annotations)) for s in case.slides]
    return replace(case, slides=tuple(slides))


def rescore_case(results: Path, case: CaseInput, drawn: Drawn, failures: Sequence[Failure], run: Run) -> ScoredCase:
    """Decide one case again; parameters as of `rescore_cases`.

    Raises
    ------
    UsageError
        If the case failed as a whole, or its files are absent or damaged.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    folder = results / "cases" / case.case_id
    reasons = {f.slide: f.reason for f in failures if f.case_id == case.case_id and f.what != "tile"}
    if "" in reasons:
        raise UsageError(reasons[""])
    found = {s.info.path.name: s for s in read_slides(folder)} if (folder / CASE_FILE).exists() else {}
    slides: list[SlideResult] = []
    failed: list[tuple[SlideInput, str]] = []
    for slide in (s for s in case.slides if s.role is SlideRole.HER2):
        try:
            stored = _find_stored(slide, found, reasons)
            annotations = _find_drawn(case, slide, stored, drawn)
            slides.append(correct_slide(stored, annotations, run.settings, find_next_id(slides)))
        except SlideError as error:
            failed.append((slide, str(error)))
    if not slides:
        return ScoredCase(None, tuple(failed))
    made = _read_provenance(folder, started)
    result = conclude_case(case, slides, run, made, is_slide_missing=bool(failed))
    _check_veto(folder, result)
    timed = replace(made, seconds=round(time.perf_counter() - clock, 1))
    return ScoredCase(replace(result, provenance=timed), tuple(failed))


def _check_veto(folder: Path, result: CaseResult) -> None:
    """Refuse a case whose H&E slide decided before and cannot be registered again: its cells would count unasked."""
    was_vetoed = "companion-veto" in read_case_json(folder / CASE_FILE).flags
    now = {*result.score.flags, *(flag for slide in result.slides for flag in slide.flags)}
    if was_vetoed and "companion-veto" not in now and "companion-refused" in now:
        seen = (
            f"{result.score.case_id}: regions drawn on its H&E slide ruled out cells, and it cannot be registered now"
        )
        raise UsageError(f"{seen}; expected both slides where they were. Put them back, or score the case again.")


def _find_stored(slide: SlideInput, found: Mapping[str, SlideResult], reasons: Mapping[str, str]) -> SlideResult:
    """Find what is stored of a slide, under the path it has now."""
    if slide.path.name not in found:
        unknown = f"{slide.path}: nothing is stored of it; expected its survey. Score the case again."
        raise SlideError(reasons.get(str(slide.path), unknown))
    stored = found[slide.path.name]
    return replace(stored, info=replace(stored.info, path=slide.path))


def _find_drawn(case: CaseInput, slide: SlideInput, stored: SlideResult, drawn: Drawn) -> Annotations | None:
    """Read what is drawn on a slide now, or take what was drawn before."""
    key = (case.case_id, slide.path.name)
    if key not in drawn:
        return stored.annotations
    file = drawn[key]
    if file is None:
        return None
    annotations = read_annotations(file)
    check_place(annotations, stored.info)
    return annotations


def _read_provenance(folder: Path, started: datetime) -> Provenance:
    """Say how the cells were found, as the stored record does, and when they were scored again."""
    before = read_case_json(folder / CASE_FILE).provenance
    return Provenance(
        hetscore_version=__version__,
        model=before.model.name,
        model_sha256=before.model.sha256,
        calibration=before.calibration,
        device=before.device,
        started=started.isoformat(timespec="seconds"),
        seconds=0.0,
        settings=before.settings,
    )
