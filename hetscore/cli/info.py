"""``hetscore info``: what the reader sees of a slide, before anything is scored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hetscore.domain import SlideInfo

SlidePaths = Annotated[list[Path], typer.Argument(help="Slides: for MRXS the .mrxs file, for DICOM any one file.")]
GivenMpp = Annotated[float | None, typer.Option(help="Microns per level-0 pixel, if the file does not say them.")]


def info(slide: SlidePaths, mpp: GivenMpp = None) -> None:
    """Show reader, size, levels and microns per pixel of slides."""
    from hetscore.errors import SlideError, UsageError
    from hetscore.slides import open_slide

    failed = False
    for path in slide:
        try:
            with open_slide(path, mpp=mpp) as opened:
                typer.echo(_as_text(describe_slide(opened.info)))
        except UsageError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from error
        except SlideError as error:
            typer.echo(f"error: {error}", err=True)
            failed = True
    if failed:
        raise typer.Exit(1)


def describe_slide(info: SlideInfo) -> list[tuple[str, str]]:
    """Put the facts of a slide into rows of name and value, in the order they are shown."""
    return [
        ("slide", str(info.path)),
        ("reader", info.reader),
        ("vendor", info.vendor or "unknown"),
        ("size", _size(info)),
        *((f"level {n}", f"{v.width} x {v.height}, downsample {v.downsample:g}") for n, v in enumerate(info.levels)),
        ("mpp", _mpp(info)),
    ]


def _size(info: SlideInfo) -> str:
    size = f"{info.width} x {info.height} px"
    if info.mpp is None:
        return size
    return f"{size}, {info.width * info.mpp / 1000:.2f} x {info.height * info.mpp / 1000:.2f} mm"


def _mpp(info: SlideInfo) -> str:
    if info.mpp is None:
        return f"unknown: {info.mpp_problem}; give it with --mpp or in cases.csv"
    return f"{info.mpp:.4f} um/px ({info.mpp_source})"


def _as_text(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows) + "\n"
