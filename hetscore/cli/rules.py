"""``hetscore rules``: the tables by which scores, status and labels are given, to be read and to be applied by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hetscore.scoring.rulebook import RuleEntry

rules = typer.Typer(
    name="rules",
    help="The guidelines and rule sets as tables: list them, show one, apply them to counts. No image is needed.",
    no_args_is_help=True,
)


@rules.command("list")
def list_rules() -> None:
    """List every table with its organ and source."""
    from hetscore.scoring.rulebook import RULEBOOK

    rows = [(entry.name, entry.kind, entry.organ, entry.citation) for entry in RULEBOOK.values()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@rules.command()
def show(
    names: Annotated[list[str] | None, typer.Argument(help="Names from `hetscore rules list`; all if none.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
) -> None:
    """Show tables with the sentence and source of every row."""
    from hetscore.errors import UsageError
    from hetscore.scoring.rulebook import RULEBOOK, book_markdown, to_markdown

    for name in names or ():
        if name not in RULEBOOK:
            raise UsageError(f"rules show: {name!r} is not a table; expected one of {', '.join(RULEBOOK)}.")
    entries = [RULEBOOK[name] for name in names or RULEBOOK]
    if markdown:
        typer.echo("\n".join(to_markdown(entry) for entry in entries) if names else book_markdown(), nl=False)
        return
    for entry in entries:
        _print_entry(entry)


def _print_entry(entry: RuleEntry) -> None:
    """Print each row as a line of its cells with its sentence below: seven columns fit no terminal."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(entry.name, "bold"), f"- {entry.kind}, {entry.organ}")
    for line in (entry.citation, *entry.notes):
        console.print(Text(line))
    for table in entry.tables:
        console.print(Text(f"\n{table.title}", "bold"))
        for name, *cells, sentence in table.rows:
            said = "; ".join(f"{column} {cell}" for column, cell in zip(table.columns[1:], cells, strict=False) if cell)
            console.print(Padding(Text.assemble((name, "cyan"), f"  {said}"), (0, 0, 0, 2)))
            console.print(Padding(Text(sentence), (0, 0, 0, 6)))
    console.print()


@rules.command("columns")
def show_columns() -> None:
    """Show what `apply` reads: every column of its tables, as Markdown."""
    from hetscore.batch.counts import columns_markdown

    typer.echo(columns_markdown(), nl=False)


@rules.command("apply")
def apply_rules(
    table: Annotated[Path, typer.Argument(help="CSV with one row a fragment: score, counts by class, or both; or -.")],
    guideline: Annotated[str, typer.Option(help="Gives the IHC score; see `hetscore rules list`.")] = "gastric-biopsy",
    rule_set: Annotated[str, typer.Option(help="Gives the HER2 status from IHC and ISH.")] = "yagi-2019",
    ish_counts: Annotated[
        Path | None, typer.Option(help="CSV with one row a nucleus: case_id, her2, cep17, timepoint if there are two.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV to write; standard output if not given.")] = None,
) -> None:
    """Label cases from a pathologist's own table, and name the row of each table that decided."""
    import sys

    from hetscore.batch.by_hand import apply_table, describe, save_rows, write_rows
    from hetscore.config import load_settings
    from hetscore.scoring.guidelines import GUIDELINES
    from hetscore.scoring.status import RULE_SETS

    settings = load_settings(guideline=guideline, rule_set=rule_set)  # checks the names and that they fit
    for given in (table, ish_counts):
        if given and out:
            _refuse_input(out, given)
    chosen, positivity = GUIDELINES[settings.guideline], RULE_SETS[settings.rule_set]
    results = apply_table(table, chosen, positivity, ish_counts=ish_counts)
    if out is None:
        write_rows(results.rows, sys.stdout)
    else:
        save_rows(results.rows, out)
    for line in describe(results):
        typer.echo(line, err=True)


def _refuse_input(out: Path, given: Path) -> None:
    """Refuse to write over what is read, by whatever path it is named."""
    from hetscore.errors import UsageError

    try:
        is_same = out.exists() and given.exists() and out.samefile(given)
    except OSError:
        return  # neither can be told; reading or writing it says why
    if is_same and out.is_file():
        raise UsageError(
            f"--out {out}: is the table {given} that is read; expected another file. Choose another --out."
        )
