"""``hetscore phantom``: write synthetic slides whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetscore.errors import UsageError

if TYPE_CHECKING:
    from hetscore.phantom import CaseSpec

DEFAULT_CASES = 7
"""Of a preset: the sample holds as many kinds."""


def phantom(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PRESET|SPEC.toml",
            help="easy, typical, hard, dark, artefacts, scanner-warm, scanner-cool, scanner-contrast, levels, large, "
            "sample; or a file of your own.",
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="New or empty folder to write to.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same slides.")] = 0,
    cases: Annotated[
        int | None, typer.Option(help=f"How many cases; {DEFAULT_CASES} of a preset, or what the file holds.")
    ] = None,
    processes: Annotated[int, typer.Option(help="Cores to draw with; the slides do not depend on it.")] = 2,
    list_presets: Annotated[bool, typer.Option("--list", help="Describe the presets and exit.")] = False,
    spec: Annotated[
        bool, typer.Option("--spec", help="Print the cases as TOML, to be changed and drawn, and exit.")
    ] = False,
) -> None:
    """Write synthetic HER2 IHC slides of gastric biopsies, with the truth of every cell beside them."""
    from hetscore.phantom import PRESETS, format_spec

    if list_presets:
        typer.echo("\n".join(f"{name:18}{preset.description}" for name, preset in PRESETS.items()))
    elif spec:
        typer.echo(format_spec(choose_cases(source, seed, cases)), nl=False)
    elif out is None:
        raise UsageError("--out: missing; expected a new or empty folder. Give --out, or --list, or --spec.")
    else:
        draw(choose_cases(source, seed, cases), seed, out, processes)


def choose_cases(source: str, seed: int, n_cases: int | None) -> tuple[CaseSpec, ...]:
    """Take the cases of a preset, or of a specification whose name ends in .toml; UsageError where there are none."""
    from hetscore.phantom import make_cases, read_spec, repeat_cases
    from hetscore.phantom.presets import check_request

    if not source.lower().endswith(".toml"):
        return make_cases(source, seed, DEFAULT_CASES if n_cases is None else n_cases)
    check_request(seed, 1 if n_cases is None else n_cases)
    cases = read_spec(Path(source))
    return cases if n_cases is None else repeat_cases(cases, n_cases)


def draw(cases: tuple[CaseSpec, ...], seed: int, out: Path, processes: int) -> None:
    """Write the folder, with a bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    from hetscore.phantom import write_phantom

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Drawing slides", total=len(cases))
        write_phantom(cases, seed, out, processes=processes, progress=lambda _: bar.advance(task))
