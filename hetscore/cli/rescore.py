"""``hetscore rescore``: what was drawn on the slides applied to results, without reading a slide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Results = Annotated[Path, typer.Argument(help="Folder of results, as given to score --out.")]
Out = Annotated[Path, typer.Option(help="New or empty folder for the new results.")]
Drawings = Annotated[
    list[Path] | None,
    typer.Option(help="GeoJSON from QuPath, named after its slide; may be given several times."),
]
Table = Annotated[
    Path | None, typer.Option(help="Cases table with a column annotations; what it says of ISH counts too.")
]
Answers = Annotated[
    Path | None, typer.Option(help="CSV of a reviewer's answers, as for score; in place of a case's earlier ones.")
]


def rescore(
    results: Results, out: Out, annotations: Drawings = None, cases: Table = None, answers: Answers = None
) -> None:
    """Score again from stored cells: fragments, controls, tumor and excluded areas as drawn in QuPath."""
    from hetscore.batch.answers import add_answers
    from hetscore.batch.rescore import (
        apply_table,
        check_errors,
        check_model,
        name_drawings,
        read_run,
        rescore_cases,
        restore_settings,
    )
    from hetscore.cli.progress import show_progress
    from hetscore.cli.score import describe_case, print_outcome
    from hetscore.config import load_model
    from hetscore.pipeline import Run, StoredCalibration, with_errors

    stored = read_run(results)
    updated, drawn = (stored.cases, {}) if cases is None else apply_table(stored.cases, cases)
    drawn = {**drawn, **name_drawings(updated, annotations or [])}
    updated = add_answers(updated, answers)
    settings = restore_settings(results, stored)
    model = load_model(settings.model, settings, with_weights=False)
    check_model(stored, model)
    classed = StoredCalibration(stored.model.calibration, stored.intensity)
    with show_progress("cases", len(updated)) as (progress, done):
        run = with_errors(Run(settings, model, progress=progress, stored=classed))
        check_errors(stored, run)
        outcome = rescore_cases(
            results, updated, drawn, out, run, lambda case, scored: done(describe_case(case, scored))
        )
    print_outcome(outcome, out)
    if not outcome.is_complete:
        raise typer.Exit(1)
