"""`hetscore evaluate` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hetscore.cli import app
from hetscore.errors import UsageError
from tests.evaluation.builders import write_phantom_truth, write_results

CELL = {"x": 5.0, "y": 5.0, "p": 1.0, "class": 3, "fragment": 1}
TRUE = {"x": 5.0, "y": 5.0, "kind": "3", "fragment": 1}
POINTS = "core,crop,crop_x,crop_y,crop_size,x,y,reader,code\na,c,0,0,384,5,5,R1,t3\na,c,0,0,384,5,5,R2,t2\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Write results of two cases, of which the truth knows one."""
    for name in ("a", "extra"):
        write_results(tmp_path / "r", [CELL], [{"fragment": 1, "score": ""}], case_id=name, slide=f"{name}.tif")
    return tmp_path / "r"


def test_phantom(results: Path, tmp_path: Path) -> None:
    """A table on stdout, a row a slide and one over all; what was skipped on stderr; the figures in the file."""
    write_phantom_truth(tmp_path / "p", [TRUE])
    out = tmp_path / "e.json"

    result = CliRunner().invoke(app, ["evaluate", str(results), "--truth", str(tmp_path / "p"), "--out", str(out)])

    assert result.exit_code == 0
    slide, over_all = (line.split() for line in result.stdout.splitlines() if "1 of 1" in line)
    assert slide[:5] == ["a.tif", "1", "of", "1", "1.00"]
    assert slide[-2:] == ["homo-HER2", "(hetero-HER2)"]
    assert over_all[:5] == ["all", "1", "of", "1", "1.00"]
    assert "called tumor:" not in result.stdout
    assert result.stdout.endswith(f"figures: {out}\n")
    assert result.stderr.splitlines() == [
        "slides without truth, not judged: extra.tif",
        "cases without truth, not judged: extra",
    ]
    assert json.loads(out.read_text(encoding="utf-8"))["cases"]["wrong_automatic"] == 1


def evaluate_row(folder: Path, kinds: str, called: str) -> list[str]:
    """Evaluate cells in a row, each found, those marked ``x`` called tumor; the last two lines printed."""
    true = [{"x": 60.0 * i, "y": 5.0, "kind": kind, "fragment": 1} for i, kind in enumerate(kinds)]
    found = [
        {"x": 60.0 * i, "y": 5.0, "p": float(mark == "x"), "class": 0, "fragment": 1} for i, mark in enumerate(called)
    ]
    write_results(folder / "r", found, [{"fragment": 1, "score": ""}])
    write_phantom_truth(folder / "p", true)
    arguments = [str(folder / "r"), "--truth", str(folder / "p"), "--out", str(folder / "e.json")]

    result = CliRunner().invoke(app, ["evaluate", *arguments], catch_exceptions=False)

    return result.stdout.splitlines()[-2:]


@pytest.mark.parametrize(
    ("kinds", "called", "line"),
    [
        (
            "3flllpppp",
            "xx-xxxxx-",
            "called tumor: 3 plasma cells, 2 lymphocytes, 1 fibroblast of 8 found that are no tumor cells",
        ),
        (
            "3fflp",
            "xxxxx",
            "called tumor: 2 fibroblasts, 1 lymphocyte, 1 plasma cell of 4 found that are no tumor cells",
        ),
        ("3fl", "x-x", "called tumor: 1 lymphocyte of 2 found that are no tumor cells"),
    ],
)
def test_wrong_calls(tmp_path: Path, kinds: str, called: str, line: str) -> None:
    """Most first, then in the order of the types; a type never called tumor is not named."""
    assert evaluate_row(tmp_path, kinds, called) == [line, f"figures: {tmp_path / 'e.json'}"]


def test_many_types_are_called_tumor(tmp_path: Path) -> None:
    """Three types are named, of the others their sum is told."""
    assert evaluate_row(tmp_path, "3llfpmm", "xxxxxxx")[0] == (
        "called tumor: 2 lymphocytes, 2 muscle cells, 1 fibroblast and 1 more of 6 found that are no tumor cells"
    )


@pytest.mark.parametrize(("kinds", "called"), [("3lp", "x--"), ("3nn", "xxx"), ("33", "xx")])
def test_nothing_to_tell(tmp_path: Path, kinds: str, called: str) -> None:
    """No wrong call, no types known, no other cells: no line."""
    assert not any(line.startswith("called tumor") for line in evaluate_row(tmp_path, kinds, called))


def test_points(results: Path, tmp_path: Path) -> None:
    """Points know no labels and no fragments; second readings are told."""
    (tmp_path / "points.csv").write_text(POINTS)
    out = tmp_path / "e.json"

    result = CliRunner().invoke(
        app, ["evaluate", str(results), "--truth", str(tmp_path / "points.csv"), "--out", str(out)]
    )

    assert result.exit_code == 0
    assert "points of second readings, not used: 1" in result.stderr
    assert json.loads(out.read_text(encoding="utf-8"))["truth"]["kind"] == "points"


@pytest.mark.parametrize("missing", ["results", "truth"])
def test_refused(results: Path, tmp_path: Path, missing: str) -> None:
    """A path that is not what it should be is an error of usage; no file is written."""
    write_phantom_truth(tmp_path / "p", [TRUE])
    folder = tmp_path if missing == "results" else results
    truth = tmp_path / "none" if missing == "truth" else tmp_path / "p"
    arguments = ["evaluate", str(folder), "--truth", str(truth), "--out", str(tmp_path / "e.json")]

    with pytest.raises(UsageError, match="expected a"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)

    assert not (tmp_path / "e.json").exists()
