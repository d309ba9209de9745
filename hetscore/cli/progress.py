"""Progress of a long command, on stderr: bars on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from hetscore.pipeline import Progress as TileProgress


@contextmanager
def show_progress(what: str, n: int) -> Iterator[tuple[TileProgress, Callable[[str], None]]]:
    """Show two bars on a terminal, one of things done and one of tiles; elsewhere one line a thing.

    Parameters
    ----------
    what : str
        What is worked through, in the plural.
    n : int
        How many there are.

    Yields
    ------
    progress : callable
        For `hetscore.pipeline.Run`.
    done : callable
        To be called after each thing with a line that tells what came of it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        things = bars.add_task(what, total=n)
        tiles = bars.add_task("tiles", total=None)

        def progress(slide: str, done: int, total: int) -> None:
            bars.update(tiles, description=slide, completed=done, total=total)

        def thing_done(line: str) -> None:
            bars.advance(things)
            if not console.is_terminal:
                typer.echo(line, err=True)

        yield progress, thing_done
