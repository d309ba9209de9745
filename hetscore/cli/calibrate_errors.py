"""``hetscore calibrate errors``: what the reading of cells gets wrong, counted on slides of known truth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hetscore.batch.known import Fitted, KnownFolder
    from hetscore.scoring.error_model import ErrorModel, Rate, Stratum


def calibrate_errors(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Folders written by score.")],
    out: Annotated[Path, typer.Option(help="TOML file to write.")],
    truth: Annotated[
        list[Path] | None, typer.Option(help="Phantom folder or CSV of points, once for each RESULTS, in order.")
    ] = None,
    homogeneous: Annotated[
        bool, typer.Option("--homogeneous", help="Every tumor cell of the results overexpresses HER2; implies --site.")
    ] = False,
    site: Annotated[bool, typer.Option("--site", help="The slides are the site's own: labels are final.")] = False,
    name: Annotated[
        str | None, typer.Option("--id", help="Name of the error model; by default that of the file.")
    ] = None,
) -> None:
    """Count the errors of the cell calls on slides of known truth, and check them on the cases left out in turn.

    Exit status 1 where the check fails: the file then says so, and no case is labeled by it.
    """
    from datetime import UTC, datetime

    from hetscore.batch.known import fit_folders
    from hetscore.cli.output import check_name, check_out
    from hetscore.error_file import is_errors, write_errors

    folders = _pair(results, truth or [], homogeneous=homogeneous)
    check_name(name or out.stem)
    check_out(out, tuple(path for path in truth or [] if path.is_file()), "error model", is_errors)
    fitted = fit_folders(
        folders,
        name or out.stem,
        created=datetime.now(UTC).date().isoformat(),
        is_site=site or homogeneous,
        done=lambda case_id, p: typer.echo(f"left out {case_id}: p = {p:.3f}", err=True),
    )
    write_errors(fitted.model, out)
    _print_model(fitted)
    typer.echo(f"error model {fitted.model.id} {_state(fitted.model)}: {out}")
    if fitted.model.check is not None and fitted.model.check.is_failed:
        raise typer.Exit(1)


def _pair(results: list[Path], truth: list[Path], *, homogeneous: bool) -> list[KnownFolder]:
    """Give each folder of results its truth."""
    from hetscore.batch.known import KnownFolder
    from hetscore.errors import UsageError

    if homogeneous and truth:
        raise UsageError("--homogeneous and --truth: both given; expected one of them. Leave one out.")
    if not homogeneous and len(truth) != len(results):
        said = f"--truth: given {len(truth)} times for {len(results)} folders of results"
        raise UsageError(f"{said}; expected one for each, in order, or --homogeneous. Add or drop one.")
    paths = [None] * len(results) if homogeneous else truth
    return [KnownFolder(folder, path) for folder, path in zip(results, paths, strict=True)]


_COLUMNS = ("rate", "errors", "of", "rate in 1,000", "95 % interval")
_PIPE_WIDTH = 160
"""Columns of a table where there is no terminal to fit it to."""


def _print_model(fitted: Fitted) -> None:
    """Print the rates, how errors lie, the false objects, the domain and the check."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    model = fitted.model
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    rates = Table(*_COLUMNS, box=box.SIMPLE)
    for row in _rate_rows(fitted):
        rates.add_row(*row)
    console.print(rates)
    for stratum in model.strata:
        typer.echo(_tell_spread(stratum))
    typer.echo(_tell_objects(model))
    domain = Table("slides look", "lowest", "highest", box=box.SIMPLE)
    for number, (low, high) in model.domain.items():
        domain.add_row(number, f"{low:.4g}", f"{high:.4g}")
    console.print(domain)
    typer.echo(_tell_check(fitted))


def _rate_rows(fitted: Fitted) -> list[tuple[str, ...]]:
    model, beside = fitted.model, fitted.model.false_positive_beside
    rows = [_rate_row(f"false negative, {stratum.name}", stratum.false_negative) for stratum in model.strata]
    named = {
        "false_positive": ("false positive", model.false_positive),
        "false_positive_beside": ("false positive, beside 2+ or 3+", beside),
        "false_tumor": ("no tumor, scattered", model.false_tumor),
        "missed": ("tumor missed", model.missed),
    }
    for name, (what, rate) in named.items():
        if rate is not None:
            rows.append(_rate_row(f"{what} (the model's own)" if name in fitted.taken_over else what, rate))
    return rows


def _rate_row(what: str, rate: Rate) -> tuple[str, ...]:
    interval = f"{1000 * rate.low:.3g} to {1000 * rate.high:.3g}"
    share = f"{1000 * rate.n_errors / rate.n_cells:.3g}" if rate.n_cells else "-"
    return what, f"{rate.n_errors:,}", f"{rate.n_cells:,}", share, interval


def _tell_spread(stratum: Stratum) -> str:
    if stratum.ratio_range is None or stratum.sd_range is None:
        how = "assumed, for too few were seen"
    else:
        (low, high), (least, most) = stratum.ratio_range, stratum.sd_range
        how = f"95 % intervals {low:.1f} to {high:.1f} and {least:.2f} to {most:.2f}"
    beside = f"{stratum.neighbor_ratio:.1f} times as often beside another as anywhere"
    return f"{stratum.name}: false negatives {beside}; spread between fragments {stratum.fragment_sd:.2f} ({how})"


def _tell_objects(model: ErrorModel) -> str:
    sizes = sorted((item.n_cells for item in model.objects.items), reverse=True)
    of_size = f", of {sizes[-1]} to {sizes[0]} cells" if sizes else ""
    return f"groups of cells that are no tumor: {len(sizes)} on {model.objects.area_mm2:.1f} mm2{of_size}"


def _tell_check(fitted: Fitted) -> str:
    check = fitted.model.check
    if check is None:
        return "check: none, for fewer than two cases are homogeneous"
    below = f"{check.n_below} of {check.n_cases} homogeneous cases have p < 0.05 under the errors of the others"
    return f"check: {below}; by chance so many in {check.p_value:.2g} of such checks"


def _state(model: ErrorModel) -> str:
    if model.check is None:
        return "unchecked"
    return "failed: no case is labeled by it" if model.check.is_failed else "holds"
