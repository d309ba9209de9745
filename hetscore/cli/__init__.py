"""The command line. Each command is a file; heavy libraries are imported inside the commands.

Results go to stdout, progress and errors to stderr. Exit status: 0 all done, 1 something could not be scored, 2 usage.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Annotated

import typer

from hetscore import __version__
from hetscore.cli.calibrate import calibrate
from hetscore.cli.evaluate import evaluate
from hetscore.cli.info import info
from hetscore.cli.phantom import phantom
from hetscore.cli.report import report
from hetscore.cli.rescore import rescore
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
app.command()(rescore)
app.command()(info)
app.command()(report)
app.command()(phantom)
app.command()(evaluate)
app.add_typer(rules)
app.add_typer(calibrate)


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


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE}
"""What writing to a stream can end in; another OSError is no matter of the output."""


def main() -> None:
    """Run the command line; an output that cannot be written ends it with a line and exit status 1."""
    from hetscore.errors import HetscoreError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no such letter shows its number
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "it is closed")
        try:
            app()
        finally:
            sys.stdout.flush()  # here, where its failure can still be told
    except HetscoreError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        _drop_output(error)
        raise SystemExit(1) from None


def _drop_output(error: OSError) -> None:
    """Tell that the output ended early, unless its reader wanted no more of it, and throw away what is left of it."""
    if error.errno != errno.EPIPE:
        typer.echo(f"error: the output cannot be written ({error.strerror}). Write it elsewhere.", err=True)
    if sys.stdout is not None:
        # else Python tries to write the rest once more when it ends, and fails once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
