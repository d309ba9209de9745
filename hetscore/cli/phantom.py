"""``hetscore phantom``: write synthetic slides whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def phantom(
    preset: Annotated[str, typer.Argument(help="typical: a mix of case kinds; sample: one small case of each answer.")],
    out: Annotated[Path, typer.Option(help="New or empty folder to write to.")],
    seed: Annotated[int, typer.Option(help="Same seed, same slides.")] = 0,
    cases: Annotated[int, typer.Option(help="How many cases.")] = 7,
) -> None:
    """Write synthetic HER2 IHC slides of gastric biopsies, with the truth of every cell beside them."""
    from rich.console import Console
    from rich.progress import Progress

    from hetscore.phantom import make_cases, write_phantom

    specs = make_cases(preset, seed, cases)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Drawing slides", total=len(specs))
        write_phantom(specs, seed, out, progress=lambda _: bar.advance(task))
