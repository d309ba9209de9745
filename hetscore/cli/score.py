"""``hetscore score``: the main job, slides or folders in, labels and reports out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetscore.cli.collector import lasting

if TYPE_CHECKING:
    from hetscore.batch.run import Outcome
    from hetscore.domain import CaseInput
    from hetscore.intensity import IntensityCalibration
    from hetscore.pipeline import ScoredCase
    from hetscore.report.tables import CaseRow

Paths = Annotated[list[Path], typer.Argument(help="Slides, folders or cases tables (cases.csv).")]
Out = Annotated[Path, typer.Option(help="New or empty folder for the results.")]
Mpp = Annotated[float | None, typer.Option(help="Microns per level-0 pixel; outranks the file, not the cases table.")]
ModelName = Annotated[str | None, typer.Option("--model", help="Model: a folder under models/ or a path.")]
GuidelineName = Annotated[str | None, typer.Option("--guideline", help="How the IHC score is made (gastric-biopsy).")]
RuleSetName = Annotated[str | None, typer.Option("--rule-set", help="What is HER2-positive (yagi-2019).")]
SiteFile = Annotated[
    Path | None, typer.Option("--calibration", help="The site's stain, as `hetscore calibrate intensity` found it.")
]
ErrorsFile = Annotated[
    Path | None, typer.Option("--errors", help="The site's error model, as `hetscore calibrate errors` counted it.")
]
AnswersFile = Annotated[
    Path | None, typer.Option("--answers", help="CSV of a reviewer's answers: case_id, slide, x, y, answer.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Device = Annotated[str | None, typer.Option(help="Where a network runs: auto, cpu, cuda or mps (auto: a GPU if any).")]
Flips = Annotated[bool | None, typer.Option(help="Show the network each tile in four mirrorings: slower, steadier.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads; by default as many as this process may use.")]


def score(
    paths: Paths,
    out: Out,
    mpp: Mpp = None,
    model: ModelName = None,
    guideline: GuidelineName = None,
    rule_set: RuleSetName = None,
    calibration: SiteFile = None,
    errors: ErrorsFile = None,
    answers: AnswersFile = None,
    config: ConfigFile = None,
    device: Device = None,
    flips: Flips = None,
    workers: Workers = None,
) -> None:
    """Score cases: find tumor cells, class their membranes, label homo-HER2 or hetero-HER2, write reports."""
    with lasting():
        from hetscore.batch.answers import add_answers
        from hetscore.batch.cases import find_cases
        from hetscore.batch.run import run_cases
        from hetscore.cli.progress import show_progress
        from hetscore.config import load_intensity, load_model, load_settings
        from hetscore.domain import MppSource
        from hetscore.pipeline import Run, with_errors
        from hetscore.slides.resolution import check_given_mpp

    check_given_mpp(mpp, MppSource.COMMAND_LINE)
    network, torchscript = {"device": device, "flips": flips}, {"device": device}
    given = {"mpp": mpp, "model": model, "guideline": guideline, "rule_set": rule_set}
    # whole paths, for results may be scored again from another folder
    files = {"calibration": calibration, "errors": errors}
    given |= {name: str(path.resolve()) for name, path in files.items() if path is not None}
    settings = load_settings(config, **given, network=network, torchscript=torchscript)
    cases = add_answers(find_cases(paths), answers)
    n_workers = workers or len(os.sched_getaffinity(0))
    with lasting():
        loaded = load_model(settings.model, settings)  # with the libraries that it runs on
    site = load_intensity(settings, loaded)
    _tell_problems(site)
    with show_progress("cases", len(cases)) as (progress, done):
        run = with_errors(Run(settings, loaded, n_workers, progress, site))
        try:
            outcome = run_cases(cases, out, run, lambda case, scored: done(describe_case(case, scored)))
        except KeyboardInterrupt:
            typer.echo(f"interrupted: what was scored stands in {out / 'cases.csv'}", err=True)
            raise typer.Exit(130) from None
    print_outcome(outcome, out)
    if not outcome.is_complete:
        raise typer.Exit(1)


def _tell_problems(site: IntensityCalibration | None) -> None:
    """Say before any work is done that the controls failed, and why."""
    if site is not None and site.is_failed:
        typer.echo(f"calibration {site.id} failed: every case will be not assessable", err=True)
        for problem in site.problems:
            typer.echo(f"failed {problem}", err=True)


def describe_case(case: CaseInput, scored: ScoredCase | None) -> str:
    """Say in a line what came of a case."""
    label = scored.result.score.label if scored and scored.result else "failed"
    return f"{case.case_id}: {label}"


_COLUMNS = ("case", "label", "literal rule", "IHC", "ISH", "status", "fragments", "tumor cells")
_PIPE_WIDTH = 160
"""Columns of the table where there is no terminal to fit it to."""


def print_outcome(outcome: Outcome, out: Path) -> None:
    """Print the table of labels, where the reports are, and what failed."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    caption = "* provisional: the errors at this site were not measured. Fragments: those with tumor, of all."
    if any(map(_is_sensitive, outcome.rows)):
        caption += "\n~ the label changes if the measurement is a little off: see the report."
    table = Table(*_COLUMNS, box=box.SIMPLE, caption=caption)
    for row in outcome.rows:
        table.add_row(*(escape(cell) for cell in _cells(row)))
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)
    typer.echo("\n".join(["reports:", *(f"  {report}" for report in outcome.reports), f"tables: {out / 'cases.csv'}"]))
    for failure in outcome.failures:
        typer.echo(f"failed {failure.case_id}: {failure.reason}", err=True)


def _is_sensitive(row: CaseRow) -> bool:
    return "label-sensitive" in row.flags.split()


def _cells(row: CaseRow) -> tuple[str, ...]:
    marks = ("*" if row.provisional else "") + ("~" if _is_sensitive(row) else "")
    label = f"{row.label} {marks}".rstrip()
    fragments = f"{row.fragments_with_tumor} of {row.fragments}"
    score = row.ihc_score or "-"
    return (row.case_id, label, row.literal_label, score, row.ish, row.status, fragments, str(row.tumor_cells))
