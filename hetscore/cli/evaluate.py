"""``hetscore evaluate``: how right a folder of results is, beside what is known to be true."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hetscore.evaluation.classification import TumorFigures
    from hetscore.evaluation.document import Evaluation, Figures, Skipped


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of results, as given to score --out.")],
    truth: Annotated[Path, typer.Option(help="Phantom folder, or CSV of points read by people.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
) -> None:
    """Compare results with the truth: nuclei, tumor call, membrane class, fragments and labels, slide by slide."""
    from hetscore.evaluation.document import evaluate as judge
    from hetscore.evaluation.document import write_evaluation

    evaluation = judge(folder, truth)
    write_evaluation(evaluation, out)
    _print_figures(evaluation)
    if wrong := _wrong_calls(evaluation.figures.tumor):
        typer.echo(wrong)
    for line in _skipped_lines(evaluation.skipped):
        typer.echo(line, err=True)
    typer.echo(f"figures: {out}")


_COLUMNS = ("slide", "nuclei", "F1", "tumor AUC", "bal. acc.", "kept 0 : 3+", "class", "kappa", "2+/3+", "fragments",
            "label (truth)")  # fmt: skip
_CAPTION = (
    "nuclei, fragments: found of true; kept 0 : 3+: share of the true tumor cells of class 0 and of 3+ that were found"
    " and called tumor; class, 2+/3+: share right, of the found tumor cells; kappa: quadratic, of the class"
)
_PIPE_WIDTH = 160
"""Columns of the table where there is no terminal to fit it to."""


def _print_figures(evaluation: Evaluation) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*_COLUMNS, box=box.SIMPLE, caption=_CAPTION)
    for slide in evaluation.slides:
        label = next((f"{row.label} ({row.truth_label})" for row in slide.figures.cases.rows), "-")
        table.add_row(*(escape(cell) for cell in (slide.slide, *_cells(slide.figures), label)))
    cases = evaluation.figures.cases
    summary = f"{cases.agree} of {cases.n} agree, {cases.wrong_automatic} wrong, {cases.deferred} deferred"
    table.add_section()
    table.add_row("all", *_cells(evaluation.figures), summary if cases.n else "-")
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


def _cells(figures: Figures) -> tuple[str, ...]:
    nuclei, tumor, fragments = figures.detection, figures.tumor, figures.fragments
    kept = tumor.kept_by_class
    return (
        f"{nuclei.n_matched} of {nuclei.n_truth}",
        _number(nuclei.f1),
        _number(tumor.auc),
        _number(tumor.balanced_accuracy),
        f"{_number(kept['0'].kept)} : {_number(kept['3+'].kept)}",
        _number(figures.classes.accuracy),
        _number(figures.classes.quadratic_kappa),
        _number(figures.overexpressed.accuracy),
        f"{fragments.n_found} of {fragments.n_truth}" if fragments.n_slides else "-",
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


_NAMED_TYPES = 3
"""Types named in the line under the table: it fits a terminal, and the first explain most of a loss."""
_NOUNS = {
    "foveolar": "foveolar cell",
    "metaplastic": "metaplastic cell",
    "plasma": "plasma cell",
    "muscle": "muscle cell",
    "endothelium": "endothelial cell",
}
"""What a cell is called whose type is no noun for one."""


def _wrong_calls(tumor: TumorFigures) -> str:
    """Name the types of cell most often called tumor, most first; nothing where none is, or no types are known."""
    others = tumor.other_by_type
    called = sorted(((kind, of.n_called) for kind, of in others.items() if of.n_called), key=lambda one: -one[1])
    named = ", ".join(f"{n} {_NOUNS.get(kind, kind)}{'s' if n > 1 else ''}" for kind, n in called[:_NAMED_TYPES])
    rest = sum(n for _, n in called[_NAMED_TYPES:])
    more = f" and {rest} more" if rest else ""
    n_found = sum(of.n_found for of in others.values())
    return f"called tumor: {named}{more} of {n_found} found that are no tumor cells" if called else ""


def _skipped_lines(skipped: Skipped) -> list[str]:
    """Say what was not judged, one line a reason."""
    reasons = (
        ("slides without truth, not judged", skipped.slides_without_truth),
        ("truth without a scored slide, not judged", skipped.truth_without_slide),
        ("cases without truth, not judged", skipped.cases_without_truth),
        ("true cases without a result, not judged", skipped.truth_without_case),
    )
    lines = [f"{what}: {', '.join(names)}" for what, names in reasons if names]
    if skipped.second_readings:
        lines.append(f"points of second readings, not used: {skipped.second_readings}")
    return lines
