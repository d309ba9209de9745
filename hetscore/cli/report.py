"""``hetscore report``: make the reports again from the results of a run, without any slide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(folder: Annotated[Path, typer.Argument(help="Folder of results, as given to score --out.")]) -> None:
    """Make report.html of every case again, from case.json, fragments.csv and the pictures."""
    from hetscore.errors import UsageError
    from hetscore.report.html import rebuild

    cases = sorted(path.parent for path in folder.glob("cases/*/case.json"))
    if not cases:
        raise UsageError(f"{folder}: no cases/<case_id>/case.json in it; expected a folder written by score. Check it.")
    for case in cases:
        typer.echo(str(rebuild(case)))
