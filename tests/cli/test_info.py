"""``hetscore info``: facts on stdout, one line an error on stderr."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from hetscore.cli.info import describe_slide, info
from hetscore.domain import Level, MppSource, SlideInfo

LEVELS = (Level(4000, 2000, 1.0), Level(1000, 500, 4.0))


@pytest.fixture
def app() -> typer.Typer:
    """Make an application of this one command."""
    app = typer.Typer()
    app.command()(info)
    return app


@pytest.fixture
def field(tmp_path: Path) -> Path:
    """Write a small PNG."""
    path = tmp_path / "field.png"
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(path)
    return path


def test_rows_of_a_slide_with_a_scale() -> None:
    """Everything the reader sees, in pixels and millimeters."""
    slide = SlideInfo(Path("a.svs"), "tiff", 4000, 2000, LEVELS, 0.25, MppSource.FILE, None, "aperio")

    assert describe_slide(slide) == [
        ("slide", "a.svs"),
        ("reader", "tiff"),
        ("vendor", "aperio"),
        ("size", "4000 x 2000 px, 1.00 x 0.50 mm"),
        ("level 0", "4000 x 2000, downsample 1"),
        ("level 1", "1000 x 500, downsample 4"),
        ("mpp", "0.2500 um/px (file)"),
    ]


def test_rows_of_a_slide_without_a_scale() -> None:
    """Why there is none and how to give it."""
    slide = SlideInfo(Path("a.png"), "image", 4000, 2000, LEVELS[:1], None, None, "no pixel size in the file")

    assert describe_slide(slide)[-1] == (
        "mpp",
        "unknown: no pixel size in the file; give it with --mpp or in cases.csv",
    )
    assert ("vendor", "unknown") in describe_slide(slide)
    assert ("size", "4000 x 2000 px") in describe_slide(slide)


def test_one_bad_slide_does_not_hide_the_others(app: typer.Typer, field: Path) -> None:
    """The good ones are shown, the bad one is one line on stderr, the exit status is 1."""
    bad = field.with_name("bad.svs")
    bad.write_text("text")

    result = CliRunner().invoke(app, [str(bad), str(field), "--mpp", "0.5"])

    assert result.exit_code == 1
    assert "0.5000 um/px (command-line)" in result.stdout
    assert result.stderr.startswith(f"error: {bad}: no slide format")
    assert result.stderr.count("\n") == 1


def test_an_absurd_mpp_is_a_usage_error(app: typer.Typer, field: Path) -> None:
    """Exit status 2, nothing shown."""
    result = CliRunner().invoke(app, [str(field), "--mpp", "25"])

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: --mpp: 25 um/px")


def test_every_real_file_is_facts_or_one_line(
    app: typer.Typer, shared_data: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing else reaches the terminal: no traceback, no remark of a library."""
    paths = sorted(path for path in shared_data("wsi-small").rglob("*") if path.is_file())

    result = CliRunner().invoke(app, [str(path) for path in paths])

    errors = result.stderr.splitlines()
    assert result.exit_code == 1
    assert all(line.startswith("error: ") for line in errors)
    assert result.stdout.count("reader ") + len(errors) == len(paths)
    assert capfd.readouterr().err == ""
