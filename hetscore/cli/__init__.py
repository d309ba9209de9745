"""The command line. Each command is a file; heavy libraries are imported inside the commands.

Results go to stdout, progress and errors to stderr. Exit status: 0 all done, 1 something could not be scored, 2 usage.
"""

from __future__ import annotations

from typing import Annotated

import typer

from hetscore import __version__
from hetscore.cli.info import info
from hetscore.cli.phantom import phantom
from hetscore.cli.report import report
from hetscore.cli.rules import rules
from hetscore.cli.score import score

app = typer.Typer(
    name="hetscore",
    help="HER2 heterogeneity of gastric biopsies from IHC whole-slide images. Research use only; not a diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(score)
app.command()(info)
app.command()(report)
app.command()(phantom)
app.add_typer(rules)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"hetscore {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run one of the commands below."""


def main() -> None:
    """Run the command line."""
    from hetscore.errors import HetscoreError

    try:
        app()
    except HetscoreError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
