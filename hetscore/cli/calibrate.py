"""``hetscore calibrate``: what a site measures once, so that its cases are read on the scale of the model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetscore.cli.calibrate_errors import calibrate_errors

if TYPE_CHECKING:
    from hetscore.intensity import IntensityCalibration

calibrate = typer.Typer(
    name="calibrate",
    help="Calibrate a site: what its control tissue tells of its stain, and of the errors of the reading.",
    no_args_is_help=True,
)
calibrate.command("errors")(calibrate_errors)


@calibrate.command("intensity")
def calibrate_intensity(
    controls: Annotated[Path, typer.Option(help="CSV with one row a control slide: slide, score, mpp if needed.")],
    out: Annotated[Path, typer.Option(help="TOML file to write, for score --calibration.")],
    name: Annotated[
        str | None, typer.Option("--id", help="Name of the calibration; by default that of the file.")
    ] = None,
    mpp: Annotated[float | None, typer.Option(help="Microns per level-0 pixel; outranks the file.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Model: a folder under models/ or a path.")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")] = None,
    device: Annotated[str | None, typer.Option(help="Where a network runs: auto, cpu, cuda or mps.")] = None,
    flips: Annotated[bool | None, typer.Option(help="Show the network each tile in four mirrorings, as score.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; by default as many as it may use.")] = None,
) -> None:
    """Measure control tissue of known score, fit the site's scale of DAB and check that every control keeps its place.

    Exit status 1 where the controls do not hold: the file then says so, and no case is scored with it.
    """
    import os
    from dataclasses import replace

    from hetscore.batch.controls import measure_controls, read_controls
    from hetscore.cli.output import check_name, check_out
    from hetscore.cli.progress import show_progress
    from hetscore.config import find_measuring, load_model, load_settings
    from hetscore.domain import MppSource
    from hetscore.intensity import fit_intensity, is_calibration, write_calibration
    from hetscore.pipeline import Run
    from hetscore.slides.resolution import check_given_mpp

    check_given_mpp(mpp, MppSource.COMMAND_LINE)
    network, torchscript = {"device": device, "flips": flips}, {"device": device}
    given = load_settings(config, mpp=mpp, model=model, network=network, torchscript=torchscript)
    settings = replace(given, calibration=None)  # controls are measured as they are
    check_name(name or out.stem)
    slides = read_controls(controls)
    inputs = (controls, *([config] if config else []), *(control.slide.path for control in slides))
    check_out(out, inputs, "calibration", is_calibration)
    with show_progress("controls", len(slides)) as (progress, done):
        run = Run(settings, load_model(settings.model, settings), workers or len(os.sched_getaffinity(0)), progress)
        measured = measure_controls(slides, run, lambda c: done(f"{c.name}: {c.n_cells} tumor cells"))
    calibration = fit_intensity(name or out.stem, measured, run.model.scale, find_measuring(settings, run.model))
    write_calibration(calibration, out)
    _print_calibration(calibration, out)
    if calibration.is_failed:
        raise typer.Exit(1)


_COLUMNS = ("control", "score", "cells", "median OD", "after scaling", "expected", "verdict")
_PIPE_WIDTH = 160
"""Columns of the table where there is no terminal to fit it to."""


def _print_calibration(calibration: IntensityCalibration, out: Path) -> None:
    """Print a row a control, the scale, and on stderr what is wrong."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*_COLUMNS, box=box.SIMPLE)
    for row in _rows(calibration):
        table.add_row(*map(escape, row))
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)
    state = "failed: no case is scored with it" if calibration.is_failed else "holds"
    typer.echo(f"DAB of this site for 1 of the model's laboratory: {calibration.dab_scale:.3f}")
    typer.echo(f"calibration {calibration.id} {state}: {out}")
    for problem in calibration.problems:
        typer.echo(f"failed {problem}", err=True)


def _rows(calibration: IntensityCalibration) -> list[tuple[str, ...]]:
    """One row a control, in the order of the table."""
    from hetscore.intensity import judge_control

    rows: list[tuple[str, ...]] = []
    for control in calibration.controls:
        low, high = calibration.scale.place(control.score)
        is_held = not judge_control(control, calibration.dab_scale, calibration.scale)
        rows.append(
            (
                control.slide,
                control.score.label,
                str(control.n_cells),
                _density(control.median_od),
                _density(calibration.scaled_od(control)),
                f"{low:.3f} to {high:.3f}" if control.score else f"at most {high:.3f}",
                "holds" if is_held else "fails",
            )
        )
    return rows


def _density(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
